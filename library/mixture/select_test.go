package mixture

import (
	"errors"
	"slices"
	"testing"
)

var lenient = Limits{MaxParts: 4, MinT: 4, MinShare: 0.02}

// chosen selects among references of the seeds given.
func chosen(t *testing.T, y []float64, lim Limits, seeds ...uint64) ([]uint64, Fit) {
	t.Helper()
	parts, f, err := Select(lim, func(parts []uint64) (Fit, error) {
		refs := make([][]float64, len(parts))
		for i, s := range parts {
			refs[i] = wave(s)
		}
		return Solve(Problem{Scan: y, References: refs, Free: Background(points, 2)})
	}, func(_ Fit, taken []uint64) ([]uint64, error) {
		return slices.DeleteFunc(slices.Clone(seeds), func(s uint64) bool { return slices.Contains(taken, s) }), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(parts)
	return parts, f
}

func TestSelectFindsWhatIsThereAndNothingElse(t *testing.T) {
	for name, there := range map[string]map[uint64]float64{
		"one":   {3: 1},
		"two":   {2: 0.6, 5: 0.4},
		"three": {1: 0.5, 4: 0.3, 6: 0.2},
	} {
		var want []uint64
		for s := range there {
			want = append(want, s)
		}
		slices.Sort(want)
		got, f := chosen(t, add(0.1, 7, there), lenient, 1, 2, 3, 4, 5, 6)
		if !slices.Equal(got, want) || f.Unexplained > 0.1 {
			t.Errorf("%s: chose %v (unexplained %.3f), want %v", name, got, f.Unexplained, want)
		}
	}
}

func TestSelectLeavesForeignSignalUnexplained(t *testing.T) {
	got, f := chosen(t, add(0.05, 8, map[uint64]float64{1: 0.5, 99: 0.5}), lenient, 1, 2, 3, 4)
	if !slices.Equal(got, []uint64{1}) || f.Unexplained < 0.3 {
		t.Errorf("chose %v, unexplained %.3f; want reference 1 and the other half left over", got, f.Unexplained)
	}
	if got, f := chosen(t, add(1, 9, nil), lenient, 1, 2, 3, 4); len(got) != 0 || f.Unexplained != 1 {
		t.Errorf("of noise alone chose %v, unexplained %.3f", got, f.Unexplained)
	}
}

// A reference that resembles the sum of two is taken first, and goes when the two are there.
func TestSelectDropsWhatOthersMakeSuperfluous(t *testing.T) {
	y := add(0.02, 10, map[uint64]float64{1: 0.5, 2: 0.5})
	blend := add(0.25, 11, map[uint64]float64{1: 0.5, 2: 0.5})
	refs := map[string][]float64{"one": wave(1), "two": wave(2), "blend": blend}
	var order []string
	parts, _, err := Select(lenient, func(parts []string) (Fit, error) {
		cols := make([][]float64, len(parts))
		for i, p := range parts {
			cols[i] = refs[p]
		}
		return NewFit(y, cols)
	}, func(_ Fit, taken []string) ([]string, error) {
		order = append(order, taken...)
		return []string{"blend", "one", "two"}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(parts)
	if !slices.Equal(parts, []string{"one", "two"}) || order[0] != "blend" {
		t.Errorf("ended with %v after %v; want the blend first and then only its parts", parts, order)
	}
}

func TestSelectTakesNoMorePartsThanAllowed(t *testing.T) {
	y := add(0.01, 12, map[uint64]float64{1: 1, 2: 1, 3: 1, 4: 1})
	if got, _ := chosen(t, y, Limits{MaxParts: 2, MinT: 4}, 1, 2, 3, 4); len(got) != 2 {
		t.Errorf("chose %v, at most 2 are allowed", got)
	}
}

func TestSelectPassesOnTheErrorOfTheSearch(t *testing.T) {
	broken := errors.New("broken")
	_, _, err := Select(lenient, func([]int) (Fit, error) { return Fit{}, nil }, func(Fit, []int) ([]int, error) { return nil, broken })
	if !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
}
