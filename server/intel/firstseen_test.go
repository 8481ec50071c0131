package intel

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var day = time.Date(2026, 10, 1, 12, 0, 0, 0, time.UTC)

var (
	fentanyl = Finding{Substance: "fentanyl", Class: "fentanyl-analog", Controlled: true}
	caffeine = Finding{Substance: "caffeine", Class: "cutting agent"}
	adams    = Region{County: "Adams", State: "CO", FIPS: "08001"}
	adamsWA  = Region{County: "Adams", State: "WA", FIPS: "53001"}
	denver   = Region{County: "Denver", State: "CO", FIPS: "08031"}
)

func scan(id string, days int, r Region, fs ...Finding) Scan {
	return Scan{ID: id, Acquired: day.AddDate(0, 0, days), Region: r, Findings: fs}
}

func ids(es []FirstSeen) []string {
	var out []string
	for _, e := range es {
		out = append(out, e.Region.County+e.Region.State+"/"+e.Substance+"@"+e.ScanID)
	}
	return out
}

func TestFirstSeenCarriesItsExposure(t *testing.T) {
	got := FirstSeenIn([]Scan{
		scan("d", 3, adams, fentanyl), scan("a", 0, adams, caffeine), scan("b", 1, adams), scan("c", 2, adams, fentanyl, caffeine),
	}, County, Window{})
	want := Novelty{Scans: 4, Events: []FirstSeen{
		{Substance: "fentanyl", Class: "fentanyl-analog", Controlled: true, Region: adams, First: day.AddDate(0, 0, 2), ScanID: "c",
			Hits: 2, ScansBefore: 2, Level: PresumptiveFirst},
		{Substance: "caffeine", Class: "cutting agent", Region: adams, First: day, ScanID: "a", Hits: 2, FirstLooked: true, Level: PresumptiveFirst},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestCountiesOfTheSameNameInTwoStatesAreTwoRegions(t *testing.T) {
	got := FirstSeenIn([]Scan{scan("a", 0, adams, fentanyl), scan("b", 1, adamsWA, fentanyl)}, County, Window{})
	if want := []string{"AdamsWA/fentanyl@b", "AdamsCO/fentanyl@a"}; !slices.Equal(ids(got.Events), want) {
		t.Errorf("events %v, want %v", ids(got.Events), want)
	}
}

func TestByStateJoinsCountiesAndDropsTheirNames(t *testing.T) {
	got := FirstSeenIn([]Scan{scan("a", 0, denver), scan("b", 1, adams, fentanyl), scan("c", 2, denver, fentanyl)}, State, Window{})
	if len(got.Events) != 1 || got.Events[0].Hits != 2 || got.Events[0].ScansBefore != 1 || got.Events[0].Region != (Region{State: "CO"}) {
		t.Errorf("events %+v", got.Events)
	}
}

func TestWhatWasSeenBeforeTheWindowIsNotNewInIt(t *testing.T) {
	scans := []Scan{scan("a", 0, adams, fentanyl), scan("b", 10, adams, fentanyl), scan("c", 10, denver, fentanyl), scan("d", 20, denver, caffeine)}
	got := FirstSeenIn(scans, County, Window{From: day.AddDate(0, 0, 5), To: day.AddDate(0, 0, 20)})
	if want := []string{"DenverCO/fentanyl@c"}; !slices.Equal(ids(got.Events), want) || got.Scans != 2 {
		t.Errorf("events %v of %d scans, want %v of 2", ids(got.Events), got.Scans, want)
	}
}

func TestScansOfTheSameInstantAreNotBeforeEachOther(t *testing.T) {
	got := FirstSeenIn([]Scan{scan("a", 0, adams), scan("b", 0, adams, fentanyl)}, County, Window{})
	if len(got.Events) != 1 || got.Events[0].ScansBefore != 0 || !got.Events[0].FirstLooked {
		t.Errorf("events %+v: the other scan of that instant is not exposure before it", got.Events)
	}
}

func TestSimulatedScansAreNeitherSightingsNorExposureForRealOnes(t *testing.T) {
	sim := scan("s", 0, adams, fentanyl)
	sim.Simulated = true
	got := FirstSeenIn([]Scan{sim, scan("r", 1, adams, fentanyl)}, County, Window{})
	if len(got.Events) != 2 {
		t.Fatalf("%d events, want a simulated and a real one", len(got.Events))
	}
	if r := got.Events[0]; r.ScanID != "r" || r.Simulated || !r.FirstLooked || r.Hits != 1 {
		t.Errorf("real event %+v counts simulated scans", r)
	}
	if s := got.Events[1]; s.ScanID != "s" || !s.Simulated || s.Hits != 1 {
		t.Errorf("simulated event %+v", s)
	}
}

func TestScansWithoutRegionAreCountedAsSuch(t *testing.T) {
	got := FirstSeenIn([]Scan{scan("a", 0, Region{State: "CO"}, fentanyl), scan("b", 1, Region{}, fentanyl)}, County, Window{})
	if len(got.Events) != 0 || got.Scans != 0 || got.WithoutRegion != 2 {
		t.Errorf("%+v", got)
	}
}

func TestASubstanceNamedTwiceInOneScanIsOneHit(t *testing.T) {
	got := FirstSeenIn([]Scan{scan("a", 0, adams, fentanyl, Finding{Substance: "Fentanyl"})}, County, Window{})
	if len(got.Events) != 1 || got.Events[0].Hits != 1 {
		t.Errorf("events %+v", got.Events)
	}
}

func TestFilters(t *testing.T) {
	scans := []Scan{scan("a", 0, adams, fentanyl, caffeine)}
	for _, tc := range []struct {
		w    Window
		want int
	}{{Window{Substance: "FENTANYL"}, 1}, {Window{Class: "cutting agent"}, 1}, {Window{Class: "x"}, 0}, {Window{}, 2}} {
		if got := FirstSeenIn(scans, County, tc.w); len(got.Events) != tc.want {
			t.Errorf("%+v: %d events, want %d", tc.w, len(got.Events), tc.want)
		}
	}
}

func TestScansWithoutACountyGiveEventsWhenAskedFor(t *testing.T) {
	scans := []Scan{scan("a", 0, Region{}, fentanyl), scan("b", 1, Region{State: "CO"}, fentanyl), scan("c", 2, Region{}, fentanyl), scan("d", 3, adams, fentanyl)}
	got := FirstSeenIn(scans, County, Window{Unplaced: true})
	if want := []string{"AdamsCO/fentanyl@d", "CO/fentanyl@b", "/fentanyl@a"}; !slices.Equal(ids(got.Events), want) || got.Scans != 1 || got.WithoutRegion != 3 {
		t.Errorf("events %v, want %v; %d scans, %d without a region", ids(got.Events), want, got.Scans, got.WithoutRegion)
	}
	if got := FirstSeenIn(scans, County, Window{}); len(got.Events) != 1 {
		t.Errorf("without being asked for: %v", ids(got.Events))
	}
}
