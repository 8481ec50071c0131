package preprocess

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"fentrace/spectra/recorded"
)

// columns reads the last two columns of an ENLIGHTEN file from the shared data, or skips the test.
func columns(t *testing.T, path ...string) (x, y []float64) {
	t.Helper()
	raw, err := os.ReadFile(recorded.Path(t, append([]string{"raman"}, path...)...))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(raw)) {
		cells := strings.Split(strings.TrimSpace(line), ",")
		if len(cells) < 2 {
			continue
		}
		a, errA := strconv.ParseFloat(cells[len(cells)-2], 64)
		b, errB := strconv.ParseFloat(cells[len(cells)-1], 64)
		if errA == nil && errB == nil {
			x, y = append(x, a), append(y, b)
		}
	}
	if len(y) < 500 {
		t.Fatalf("%s: only %d points", path, len(y))
	}
	return x, y
}

func TestDespikeLeavesRecordedBandsAlone(t *testing.T) {
	for _, path := range [][]string{
		{"library-785", "benzene.csv"}, {"library-785", "Silicon.csv"}, {"library-785", "calcium carbonate.csv"},
		{"library-785", "polystyrene.csv"}, {"library-785", "toluene.csv"}, {"cross-instrument", "WP-00193", "Benzene-10.csv"},
		{"cross-instrument", "WP-00193", "Cyclohexane-12.csv"},
	} {
		_, y := columns(t, path...)
		if _, replaced := despiked(t, y); len(replaced) != 0 {
			t.Errorf("%v: replaced %v", path, replaced)
		}
	}
}

func TestDespikeRemovesARecordedHotElementAndInjectedRays(t *testing.T) {
	x, y := columns(t, "cross-instrument", "WP-00204", "Acetonitrile-08.csv")
	out, replaced := despiked(t, y)
	if len(replaced) != 1 || x[replaced[0]] < 1990 || x[replaced[0]] > 2000 || out[replaced[0]] > 60 {
		t.Fatalf("the hot element near 1996 cm-1: replaced %v", replaced)
	}
	at := []int{150, 400, 401, 800}
	for _, i := range at {
		y[i] += 5000
	}
	if _, got := despiked(t, y); len(got) != 5 || !slices.Contains(got, 400) || !slices.Contains(got, 401) {
		t.Errorf("injected at %v and the hot element: replaced %v", at, got)
	}
}

func TestBaselineOfARecordedSpectrumStaysUnderItsBands(t *testing.T) {
	_, y := columns(t, "library-785", "acetaminophen.csv")
	z := baseline(t, y, 1e6)
	over := 0
	for i := range y {
		if z[i] > y[i]+0.02*slices.Max(y) {
			over++
		}
	}
	if over > len(y)/100 {
		t.Errorf("%d of %d points lie below the baseline by 2 %% of the strongest band", over, len(y))
	}
}
