package analogs

import (
	"context"
	"math"
	"slices"
	"testing"

	"fentrace/library/analog"
	"fentrace/spectra/recorded"
	"fentrace/spectra/simulate"
)

func TestALeftOutAnalogScoresAboveLeftOutSugars(t *testing.T) {
	computed, measured, err := load(recorded.Path(t))
	if err != nil {
		t.Fatal(err)
	}
	out := []string{"butyrylfentanyl", "lactose", "sucrose", "glucose"}
	var examples []analog.Example
	var left []substance
	for _, s := range computed {
		switch {
		case slices.Contains(out, s.id):
			left = append(left, s)
		default:
			examples = append(examples, s.example)
		}
	}
	for _, s := range measured {
		if s.id != "measured lactose" && s.id != "measured sucrose" && s.id != "measured glucose" {
			examples = append(examples, s.example)
		}
	}
	model, err := analog.Fit(context.Background(), examples, analog.Options{ScansPerSubstance: 3})
	if err != nil {
		t.Fatal(err)
	}
	if len(left) != len(out) || !model.Simulated() {
		t.Fatalf("%d substances left out, simulated %v", len(left), model.Simulated())
	}
	for seed := range uint64(5) {
		values := map[string]float64{}
		for _, s := range left {
			v, err := s.draw(condition{share: 1}, nil, seed)
			if err != nil {
				t.Fatal(err)
			}
			score, err := model.Score(v)
			if err != nil {
				t.Fatal(err)
			}
			values[s.id] = score.Value
		}
		for _, sugar := range out[1:] {
			if values[out[0]] < values[sugar]+0.1 {
				t.Errorf("seed %d: %s scores %.2f, %s %.2f", seed, out[0], values[out[0]], sugar, values[sugar])
			}
		}
	}
}

func TestPrecursorsTakeNoPartAndReferencesAreSimulated(t *testing.T) {
	computed, measured, err := load(recorded.Path(t))
	if err != nil {
		t.Fatal(err)
	}
	b := newBench(computed, measured)
	if b.fentanyls != 71 || len(computed) != 141 || len(b.cuts) != len(measured)+34 {
		t.Errorf("%d fentanyls of %d substances, %d cuts", b.fentanyls, len(computed), len(b.cuts))
	}
	for i, s := range computed {
		if s.fentanyl != (i < b.fentanyls) || !s.example.Spectrum.Metadata.Simulated || s.id == "norfentanyl" {
			t.Errorf("substance %d: %s, fentanyl %v", i, s.id, s.fentanyl)
		}
	}
}

// The threshold for the scans of a seed must not know those scans.
func TestTheThresholdComesFromTheOtherSeedsAndHoldsAtEveryShareUnlessMadeForOne(t *testing.T) {
	b := &bench{computed: make([]substance, 2), fentanyls: 1, ours: newScores(2)}
	for s := range conditions {
		for seed := range seeds {
			b.ours[s][seed][0] = []float64{10, 10}
			b.ours[s][seed][1] = []float64{0.1 * float64(seed), 0.01 * float64(s)}
		}
	}
	b.ours[1][4][1][0], b.ours[1][0][1][0] = 3, 2
	if got := b.threshold(b.ours, 0, 4); got != 2 {
		t.Errorf("for the seed with the highest score: %g", got)
	}
	if got := b.threshold(b.ours, 0, 0); got != 3 {
		t.Errorf("for another seed: %g", got)
	}
	if got := b.thresholdAt(b.ours, 0, 0); got != 0.4 {
		t.Errorf("for another share alone: %g", got)
	}
	if got := b.thresholdAt(b.ours, 1, 0); got != 3 {
		t.Errorf("for the share with the highest score: %g", got)
	}
	false1, bySeed := b.alarms(b.ours, 1, 1, 2, b.threshold)
	if math.Abs(false1[0]-10) > 1e-9 || math.Abs(bySeed[4]-50) > 1e-9 || bySeed[0] != 0 {
		t.Errorf("false alarms %v, by seed %v", false1, bySeed)
	}
	if noticed, _ := b.alarms(b.ours, 0, 0, 1, b.threshold); math.Abs(noticed[0]-100) > 1e-9 {
		t.Errorf("noticed %v", noticed)
	}
}

// A cut of half the mass and the same scattering per mass adds as much light as the substance.
func TestSharesAreByMass(t *testing.T) {
	s := substance{id: "a", lines: []simulate.Line{{CM1: 600, Intensity: 1, WidthCM1: 7}}}
	cut := substance{id: "b", lines: []simulate.Line{{CM1: 1400, Intensity: 3, WidthCM1: 7}}}
	in := instrument(8, 0, 1e4)
	got, err := s.scan([]part{{cut, 0.75}}, 0.25, in, simulate.Conditions{Counts: 1e6})
	if err != nil {
		t.Fatal(err)
	}
	area := func(low, high float64) (sum float64) {
		for i := 1; i < len(got.X); i++ {
			if got.X[i] > low && got.X[i] < high {
				sum += got.Y[i] * (got.X[i] - got.X[i-1])
			}
		}
		return sum
	}
	if ratio := area(1300, 1500) / area(500, 700); math.Abs(ratio-9) > 0.2 {
		t.Errorf("0.75 of what scatters 3 beside 0.25 of what scatters 1: ratio %.2f", ratio)
	}
}
