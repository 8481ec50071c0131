package demo

import (
	"math"
	"math/rand/v2"
	"time"
)

// How the new analog travels: from a county to those next to it, in steps of a random number of days.
const (
	nextToKM      = 85 // connects all counties of the table
	daysPerHop    = 1.5
	daysPer100KM  = 9.0
	hopVariation  = 0.35 // relative standard deviation of the time of one step
	leastHopShare = 0.4
)

// Arrival is when the new analog reached a county, and from where. A zero At means never.
type Arrival struct {
	At   time.Time
	From int // index of the county it came from; -1 for the first
}

// spread returns, for each county, when something that appears in county source at start arrives: the shortest of all
// chains of steps between neighbours, each step taking a random time that grows with its distance.
func spread(rng *rand.Rand, counties []County, source int, start time.Time) []Arrival {
	n := len(counties)
	step := make([][]float64, n) // days
	for i := range step {
		step[i] = make([]float64, n)
		for j := range i {
			km := distanceKM(counties[i], counties[j])
			usual := daysPerHop + daysPer100KM*km/100
			days := usual * math.Max(leastHopShare, 1+hopVariation*rng.NormFloat64())
			if km > nextToKM {
				days = math.Inf(1)
			}
			step[i][j], step[j][i] = days, days
		}
	}
	// Dijkstra's shortest paths.
	days, from, done := make([]float64, n), make([]int, n), make([]bool, n)
	for i := range days {
		days[i], from[i] = math.Inf(1), -1
	}
	days[source] = 0
	for range n {
		at := -1
		for i := range n {
			if !done[i] && !math.IsInf(days[i], 1) && (at < 0 || days[i] < days[at]) {
				at = i
			}
		}
		if at < 0 {
			break
		}
		done[at] = true
		for j := range n {
			if d := days[at] + step[at][j]; d < days[j] {
				days[j], from[j] = d, at
			}
		}
	}
	out := make([]Arrival, n)
	for i := range out {
		if !math.IsInf(days[i], 1) {
			out[i] = Arrival{At: start.Add(time.Duration(days[i] * float64(24*time.Hour))), From: from[i]}
		}
	}
	return out
}
