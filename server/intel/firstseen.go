// Package intel turns many answers into statements about where and when. Its functions are pure: scans come in
// as arguments, nothing is read, no clock is asked.
package intel

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// By is the level of region that events are counted in.
type By string

const (
	County By = "county"
	State  By = "state"
)

// Scan is one answered scan: when, where, and what its verdict rests on (findings, never mere candidates).
type Scan struct {
	ID        string
	Agency    string
	Acquired  time.Time
	Simulated bool
	Region    Region
	Findings  []Finding
}

// Finding is one substance in a scan.
type Finding struct {
	Substance, Class string
	Controlled       bool
	// LookBack: found when the past was looked through with a reference that was not there when the scan was answered.
	LookBack bool
}

// Region names where; at the level of states County and FIPS are empty.
type Region struct {
	County string `json:"county,omitempty"`
	State  string `json:"state,omitempty"`
	FIPS   string `json:"fips,omitempty"`
}

// PresumptiveFirst is the level of an event that rests on field results alone: a laboratory must look first.
const PresumptiveFirst = "presumptive-first"

// FirstSeen is the first scan in a region that has a substance among its findings.
type FirstSeen struct {
	Substance  string    `json:"substance"`
	Class      string    `json:"class"`
	Controlled bool      `json:"controlled"`
	Region     Region    `json:"region"`
	First      time.Time `json:"first_seen"`
	ScanID     string    `json:"scan_id"`
	Hits       int       `json:"hits" doc:"scans in the region with the substance, up to the end of the window"`
	// ScansBefore is the exposure: scans in the region strictly before First.
	ScansBefore int `json:"scans_before"`
	// FirstLooked is true when nobody had scanned there before, so "first seen" says only "first looked".
	FirstLooked bool   `json:"first_looked"`
	Level       string `json:"level"`
	// LookBack is true when First rests on a look through the past: the answer given at the time did not name it.
	LookBack bool `json:"look_back"`
	// Simulated events come from simulated scans alone; the two kinds are never counted together.
	Simulated bool `json:"simulated"`
}

// Window narrows the answer. Zero fields do not narrow; texts compare without regard to case.
type Window struct {
	Substance, Class string
	From, To         time.Time // From <= t < To
	// Unplaced gives events of the scans that name no region as well, as of one region without a name. (One without a county may
	// still name its state.)
	Unplaced bool
}

// Novelty is the answer of FirstSeenIn.
type Novelty struct {
	Events []FirstSeen
	// Scans is the denominator: scans acquired in the window in a region that is named at the level asked for.
	Scans int
	// WithoutRegion counts the scans in the window that name no such region and so cannot count.
	WithoutRegion int
}

// FirstSeenIn returns, for every region and substance, the first scan that found it, when that scan lies in the
// window; newest first. What happened before the window is not forgotten: a substance seen earlier is not new,
// and ScansBefore counts the whole past. Scans after the window play no part.
func FirstSeenIn(scans []Scan, by By, w Window) Novelty {
	scans = slices.SortedStableFunc(slices.Values(scans), func(a, b Scan) int {
		return cmp.Or(a.Acquired.Compare(b.Acquired), cmp.Compare(a.ID, b.ID))
	})
	var out Novelty
	first := map[eventKey]*FirstSeen{}
	past := map[regionKey]*exposure{}
	var order []*FirstSeen
	for _, s := range scans {
		if !w.To.IsZero() && !s.Acquired.Before(w.To) {
			break
		}
		inWindow := !s.Acquired.Before(w.From)
		region, key, ok := at(s.Region, by)
		if !ok {
			if inWindow {
				out.WithoutRegion++
			}
			if !w.Unplaced {
				continue
			}
		} else if inWindow {
			out.Scans++
		}
		place := regionKey{key, s.Simulated}
		if past[place] == nil {
			past[place] = &exposure{}
		}
		before := past[place].add(s.Acquired)
		for i, f := range s.Findings {
			if hasSubstance(s.Findings[:i], f.Substance) {
				continue
			}
			k := eventKey{place, strings.ToLower(f.Substance)}
			if first[k] == nil {
				first[k] = &FirstSeen{Substance: f.Substance, Class: f.Class, Controlled: f.Controlled, Region: region,
					First: s.Acquired, ScanID: s.ID, ScansBefore: before, FirstLooked: before == 0,
					Level: PresumptiveFirst, Simulated: s.Simulated, LookBack: f.LookBack}
				order = append(order, first[k])
			}
			first[k].Hits++
		}
	}
	for _, e := range slices.Backward(order) {
		if !e.First.Before(w.From) && matches(w.Substance, e.Substance) && matches(w.Class, e.Class) {
			out.Events = append(out.Events, *e)
		}
	}
	return out
}

// exposure counts scans of one region in order of time. Scans of the same instant are not before each other.
type exposure struct {
	last      time.Time
	before, n int // scans before last; scans up to and with last
}

func (e *exposure) add(t time.Time) (before int) {
	if e.n == 0 || t.After(e.last) {
		e.last, e.before = t, e.n
	}
	e.n++
	return e.before
}

type regionKey struct {
	region    string
	simulated bool
}

type eventKey struct {
	regionKey
	substance string
}

// at returns the region of the level asked for. Counties of the same name in two states are two regions.
func at(r Region, by By) (Region, string, bool) {
	if by == State {
		return Region{State: r.State}, strings.ToLower(r.State), r.State != ""
	}
	return r, fmt.Sprintf("%s|%s", strings.ToLower(r.State), strings.ToLower(r.County)), r.County != ""
}

func hasSubstance(fs []Finding, name string) bool {
	return slices.ContainsFunc(fs, func(f Finding) bool { return strings.EqualFold(f.Substance, name) })
}

func matches(want, got string) bool { return want == "" || strings.EqualFold(want, got) }

// Move is a first-seen event that is earlier than was known.
type Move struct {
	FirstSeen
	Before *time.Time // as it was known; nil: it was not
}

// Moved compares what is known with what was: events that are new or earlier, oldest first.
func Moved(before, now []FirstSeen) []Move {
	known := map[string]time.Time{}
	key := func(e FirstSeen) string {
		return strings.ToLower(fmt.Sprintf("%s|%s|%s|%t", e.Substance, e.Region.State, e.Region.County, e.Simulated))
	}
	for _, e := range before {
		known[key(e)] = e.First
	}
	var out []Move
	for _, e := range now {
		switch at, ok := known[key(e)]; {
		case !ok:
			out = append(out, Move{FirstSeen: e})
		case e.First.Before(at):
			out = append(out, Move{FirstSeen: e, Before: &at})
		}
	}
	slices.SortFunc(out, func(a, b Move) int { return cmp.Or(a.First.Compare(b.First), cmp.Compare(a.ScanID, b.ScanID)) })
	return out
}
