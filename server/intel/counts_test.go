package intel

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestCountsTellHowOftenAndNeitherWhichNorWhen(t *testing.T) {
	day := func(month time.Month, d int) time.Time { return time.Date(2026, month, d, 23, 30, 0, 0, time.UTC) }
	var scans []Scan
	add := func(n int, s Scan) {
		for range n {
			scans = append(scans, s)
		}
	}
	adams, weld := Region{County: "Adams", State: "CO"}, Region{County: "Weld", State: "CO"}
	heroin := []Finding{{Substance: "Heroin", Class: "opioid", Controlled: true}, {Substance: "heroin"}} // the same twice is one
	add(FewerThan, Scan{Agency: "aa", Acquired: day(3, 31), Region: adams, Findings: heroin})
	add(1, Scan{Agency: "bb", Acquired: day(3, 1), Region: adams, Findings: heroin})
	add(FewerThan-1, Scan{Agency: "aa", Acquired: day(3, 10), Region: weld, Findings: heroin})
	add(9, Scan{Agency: "aa", Acquired: day(4, 1), Region: adams, Findings: heroin})                  // another month
	add(9, Scan{Agency: "aa", Acquired: day(3, 1), Findings: heroin})                                 // nowhere
	add(9, Scan{Agency: "aa", Acquired: day(3, 2), Region: adams, Simulated: true, Findings: heroin}) // apart
	w := Window{From: day(3, 5), To: day(3, 6)}.Months()
	want := []Count{
		{Agency: "aa", Substance: "Heroin", Class: "opioid", Controlled: true, Region: adams, Hits: FewerThan},
		{Agency: "aa", Substance: "Heroin", Class: "opioid", Controlled: true, Region: adams, Hits: 9, Simulated: true},
		{Agency: "aa", Substance: "Heroin", Class: "opioid", Controlled: true, Region: weld, FewerThan: FewerThan},
		{Agency: "bb", Substance: "Heroin", Class: "opioid", Controlled: true, Region: adams, FewerThan: FewerThan},
	}
	for range 20 { // in the same order whatever a map says
		if diff := cmp.Diff(want, Counts(scans, County, w)); diff != "" {
			t.Fatal(diff)
		}
	}
	if got := Counts(scans, State, Window{Substance: "HEROIN", Class: "opioid", From: w.From, To: w.To}); len(got) != 3 || got[0].Hits+got[1].Hits != 2*FewerThan-1+9 {
		t.Errorf("by state: %+v", got)
	}
	if got := Counts(scans, County, Window{Substance: "cocaine"}); len(got) != 0 {
		t.Errorf("of another substance: %+v", got)
	}
}

func TestAWindowIsMadeWholeMonths(t *testing.T) {
	at := func(m time.Month, d, h int) time.Time { return time.Date(2026, m, d, h, 0, 0, 0, time.UTC) }
	for _, c := range []struct{ in, want Window }{
		{Window{}, Window{}},
		{Window{From: at(3, 5, 1), To: at(3, 5, 2)}, Window{From: at(3, 1, 0), To: at(4, 1, 0)}},
		{Window{From: at(3, 1, 0), To: at(4, 1, 0)}, Window{From: at(3, 1, 0), To: at(4, 1, 0)}},
		{Window{To: time.Date(2026, 12, 31, 20, 0, 0, 0, time.FixedZone("", -5*3600))}, Window{To: at(1, 1, 0).AddDate(1, 1, 0)}},
	} {
		if got := c.in.Months(); !got.From.Equal(c.want.From) || !got.To.Equal(c.want.To) {
			t.Errorf("%v becomes %v, not %v", c.in, got, c.want)
		}
	}
}
