package intel

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// FewerThan is the number below which a Count does not say how many: one scan in one county is nearly a record.
const FewerThan = 5

// Count is in how many scans of an agency a substance is among the findings, in one region.
type Count struct {
	Agency     string `json:"agency"`
	Substance  string `json:"substance"`
	Class      string `json:"class"`
	Controlled bool   `json:"controlled"`
	Region     Region `json:"region"`
	Hits       int    `json:"hits" doc:"scans; 0 where there are fewer than fewer_than says"`
	FewerThan  int    `json:"fewer_than,omitempty" doc:"the number is below this and not told"`
	Simulated  bool   `json:"simulated"`
}

// Months is the window made larger to whole months (UTC), so that no two windows tell a single day apart.
func (w Window) Months() Window {
	first := func(t time.Time) time.Time { return time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC) }
	if !w.From.IsZero() {
		w.From = first(w.From.UTC())
	}
	if !w.To.IsZero() {
		if start := first(w.To.UTC()); !start.Equal(w.To) {
			w.To = start.AddDate(0, 1, 0)
		}
	}
	return w
}

// Counts says how often each agency found each substance in each region within the window, and neither in which scan nor when; by
// agency, region and substance. Scans that name no region are left out.
func Counts(scans []Scan, by By, w Window) []Count {
	type key struct {
		agency string
		eventKey
	}
	found := map[key]*Count{}
	for _, s := range scans {
		region, name, ok := at(s.Region, by)
		if !ok || s.Acquired.Before(w.From) || !w.To.IsZero() && !s.Acquired.Before(w.To) {
			continue
		}
		for i, f := range s.Findings {
			if hasSubstance(s.Findings[:i], f.Substance) || !matches(w.Substance, f.Substance) || !matches(w.Class, f.Class) {
				continue
			}
			k := key{s.Agency, eventKey{regionKey{name, s.Simulated}, strings.ToLower(f.Substance)}}
			if found[k] == nil {
				found[k] = &Count{Agency: s.Agency, Substance: f.Substance, Class: f.Class, Controlled: f.Controlled, Region: region, Simulated: s.Simulated}
			}
			found[k].Hits++
		}
	}
	var out []Count
	for _, c := range found {
		if c.Hits < FewerThan {
			c.Hits, c.FewerThan = 0, FewerThan
		}
		out = append(out, *c)
	}
	slices.SortFunc(out, func(a, b Count) int {
		return cmp.Or(cmp.Compare(a.Agency, b.Agency), cmp.Compare(a.Region.State, b.Region.State), cmp.Compare(a.Region.County, b.Region.County),
			cmp.Compare(a.Substance, b.Substance), compareBool(a.Simulated, b.Simulated))
	})
	return out
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}
