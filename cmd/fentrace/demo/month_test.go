package demo

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"fentrace/library"
	"fentrace/library/identify"
)

var someday = time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC)

func TestAMonthIsDeterministic(t *testing.T) {
	table, counties := tableAndCounties(t)
	a, b := Month(7, someday, counties, 120), Month(7, someday, counties, 120)
	if !reflect.DeepEqual(a, b) {
		t.Fatal("the same seed gives two months")
	}
	for i := 0; i < len(a); i += 17 {
		x, errX := a[i].spectrum(table)
		y, errY := b[i].spectrum(table)
		if errX != nil || errY != nil || !reflect.DeepEqual(x, y) {
			t.Errorf("scan %s differs from itself (%v, %v)", a[i].ID(), errX, errY)
		}
	}
	if other := Month(8, someday, counties, 120); reflect.DeepEqual(a, other) {
		t.Error("another seed gives the same month")
	}
}

func TestTheMonthTellsItsStory(t *testing.T) {
	_, counties := tableAndCounties(t)
	for seed := range uint64(20) {
		m := Month(seed, someday, counties, 500)
		start := someday.AddDate(0, 0, -monthDays)
		first := map[string]time.Time{}
		carfentanil, places := map[string]int{}, map[string]int{}
		var origin Event
		for i, e := range m {
			if e.Number != i+1 || e.Acquired.Before(start) || e.Acquired.After(someday) || i > 0 && e.Acquired.Before(m[i-1].Acquired) {
				t.Fatalf("seed %d: scan %d is number %d at %v", seed, i, e.Number, e.Acquired)
			}
			at := County{Latitude: e.Latitude, Longitude: e.Longitude}
			if d := distanceKM(at, e.County); d > scatterKM+0.1 || e.PrecisionM <= 0 {
				t.Errorf("seed %d: %s lies %.1f km from its county's place, precision %g m", seed, e.ID(), d, e.PrecisionM)
			}
			places[e.County.FIPS]++
			if e.Mixture.holds("Carfentanil") {
				carfentanil[e.County.FIPS]++
			}
			if _, seen := first[e.County.FIPS]; e.Mixture.holds(analog) && !seen {
				if len(first) == 0 {
					origin = e
				}
				first[e.County.FIPS] = e.Acquired
			}
		}
		if len(m) != 500 || len(places) < 38 || len(places) > len(counties) {
			t.Errorf("seed %d: %d scans in %d counties", seed, len(m), len(places))
		}
		if n := len(carfentanil); n != 2 {
			t.Errorf("seed %d: carfentanil in %d counties", seed, n)
		}
		if day := origin.Acquired.Sub(start).Hours() / 24; day < 7 || day >= 14 {
			t.Errorf("seed %d: the new analog appears on day %.1f, not in the second week", seed, day)
		}
		if len(first) < 8 || len(first) > 40 {
			t.Errorf("seed %d: the new analog reaches %d counties", seed, len(first))
		}
		for _, c := range counties {
			seen, ok := first[c.FIPS]
			if !ok || c.FIPS == origin.County.FIPS {
				continue
			}
			// It came from a neighbour that had it, and took at least the shortest step.
			from := false
			for _, n := range counties {
				before, had := first[n.FIPS]
				shortest := time.Duration(leastHopShare * daysPerHop * 24 * float64(time.Hour))
				from = from || had && n != c && distanceKM(n, c) <= nextToKM && seen.Sub(before) >= shortest
			}
			if !from {
				t.Errorf("seed %d: the new analog is in %s before any neighbour had it", seed, c.Name)
			}
		}
	}
}

func TestCountiesAreDistinctAndInTheRegion(t *testing.T) {
	_, counties := tableAndCounties(t)
	seen := map[string]bool{}
	states := map[string]string{"18": "IN", "21": "KY", "39": "OH", "42": "PA", "54": "WV"}
	for _, c := range counties {
		if len(c.FIPS) != 5 || states[c.FIPS[:2]] != c.State || seen[c.FIPS] || c.Name == "" {
			t.Errorf("county %+v", c)
		}
		seen[c.FIPS] = true
		if c.Latitude < 37 || c.Latitude > 41 || c.Longitude < -87 || c.Longitude > -79 {
			t.Errorf("%s, %s lies at %g, %g", c.Name, c.State, c.Latitude, c.Longitude)
		}
	}
	if len(counties) < 38 || len(counties) > 46 {
		t.Errorf("%d counties", len(counties))
	}
	for fips := range busy {
		if !seen[fips] {
			t.Errorf("the busy county %s is not in the table", fips)
		}
	}
	if !seen[standsIn] {
		t.Errorf("the spectrometer stands in %s, which is not in the table", standsIn)
	}
}

// The answers are compared with the truth behind every fourth scan. The bounds leave room for the decision to change:
// no alarm without cause, nearly all good scans right, and poor scans mostly without an answer.
func TestAnswersOfTheMonthAgainstTheTruth(t *testing.T) {
	table, counties := tableAndCounties(t)
	stack, id := simulatedStack(t)
	count := map[string]int{}
	goods, right, poor, withheldAnswers := 0, 0, 0, 0
	for i, e := range Month(1, someday, counties, 500) {
		if i%4 != 0 {
			continue
		}
		s, err := e.spectrum(table)
		if err != nil {
			t.Fatal(err)
		}
		if !s.Metadata.Simulated || !strings.HasPrefix(s.Title, "SIMULATED ") || !strings.HasPrefix(s.Metadata.SerialNumber, "SIM-") {
			t.Errorf("%s is not marked simulated", e.ID())
		}
		ans, err := id.Identify(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		controlled, known := truth(stack, e.Mixture)
		if ans.Verdict == identify.Alarm && !controlled {
			t.Errorf("%s: alarm (%s) on %s", e.ID(), ans.Headline, e.Mixture)
		}
		count[fmt.Sprintf("%s, controlled %v, %s", e.Trouble, controlled, ans.Verdict)]++
		switch {
		case e.Trouble == "" && known:
			goods++
			want := identify.NoAlarm
			if controlled {
				want = identify.Alarm
			}
			if ans.Verdict == want && onlyTrue(stack, e.Mixture, ans.Findings) {
				right++
			}
		case e.Trouble == "weak signal" || e.Trouble == "strong fluorescence" || e.Trouble == "detector saturated" || !known:
			poor++
			if ans.Verdict == identify.Inconclusive {
				withheldAnswers++
			}
		}
	}
	t.Logf("good scans: %d, right: %d; poor or unknown: %d, without an answer: %d; %v", goods, right, poor, withheldAnswers, count)
	if goods < 80 || float64(right) < 0.9*float64(goods) {
		t.Errorf("%d of %d good scans are right", right, goods)
	}
	if poor < 8 || float64(withheldAnswers) < 0.8*float64(poor) {
		t.Errorf("%d of %d poor scans have no answer", withheldAnswers, poor)
	}
}

// truth tells whether a mixture holds something controlled, and whether the library has all of it.
func truth(stack *library.Stack, m Mixture) (controlled, known bool) {
	for _, p := range m {
		sub, _ := stack.Lookup("", "", p.Substance)
		controlled = controlled || sub.Controlled
	}
	return controlled, !m.holds(withheld)
}

// onlyTrue tells whether nothing was found that is not in the mixture.
func onlyTrue(stack *library.Stack, m Mixture, findings []identify.Finding) bool {
	for _, f := range findings {
		found := false
		for _, p := range m {
			sub, _ := stack.Lookup("", "", p.Substance)
			found = found || sub.Name == f.Substance
		}
		if !found {
			return false
		}
	}
	return true
}
