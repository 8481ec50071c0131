package retention

import (
	"errors"
	"testing"
	"time"

	"fentrace/server/tlp"
)

var stored = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func TestTheFirstRuleThatFitsDecides(t *testing.T) {
	p, err := Parse(" case=HOM*: keep ;simulated:90d; verdict=no_alarm  tlp=clear: 2y;real case=A-1: 1d; ")
	if err != nil || len(p) != 4 {
		t.Fatalf("%+v, %v", p, err)
	}
	const later = 89 * 24 * time.Hour
	for _, c := range []struct {
		scan Scan
		at   time.Duration
		want string
	}{
		{Scan{Simulated: true}, later, ""},
		{Scan{Simulated: true}, later + 24*time.Hour, "simulated:90d"},
		{Scan{Simulated: true, Case: "HOM-7"}, 1000 * later, ""},
		{Scan{Verdict: "no_alarm", TLP: tlp.Clear}, 9 * later, "verdict=no_alarm tlp=clear: 2y"},
		{Scan{Verdict: "no_alarm", TLP: tlp.Amber}, 9 * later, ""},
		{Scan{Verdict: "alarm", TLP: tlp.Clear}, 9 * later, ""},
		{Scan{Verdict: "alarm", Case: "A-1"}, later, "real case=A-1: 1d"},
		{Scan{Verdict: "alarm", Case: "A-11"}, later, ""},
	} {
		c.scan.Stored = stored
		r, past := p.Past(c.scan, stored.Add(c.at))
		if past != (c.want != "") || past && r.Text != c.want {
			t.Errorf("%+v after %v: %v under %q, want %q", c.scan, c.at, past, r.Text, c.want)
		}
	}
	if term, ok := p.Shortest(); !ok || term != 24*time.Hour {
		t.Errorf("shortest term %v, %v", term, ok)
	}
}

func TestWithoutAPolicyNothingIsErased(t *testing.T) {
	p, err := Parse(" ; ")
	if err != nil {
		t.Fatal(err)
	}
	if _, past := p.Past(Scan{Stored: stored}, stored.AddDate(500, 0, 0)); past {
		t.Error("it is past a term that there is not")
	}
	if _, ok := p.Shortest(); ok {
		t.Error("it has a shortest term")
	}
}

func TestAPolicyThatCannotBeReadErasesNothing(t *testing.T) {
	for _, text := range []string{"simulated", "simulated:", ": 90d", "simulated: 0d", "simulated: -1d", "simulated: 90", "simulated: 90h", "simulated: d",
		"simulated: 999999y", "simulated: 9223372036854775807d", "simulated=yes: 9d", "simulatd: 90d", "verdict=maybe: 9d", "tlp=pink: 9d", "case=: 9d", "case=*: 9d",
		"simulated real: 9d", "all=1: 9d", "simulated: 90d; what"} {
		if p, err := Parse(text); !errors.Is(err, ErrPolicy) {
			t.Errorf("%q is read as %+v, %v", text, p, err)
		}
	}
}
