package acquire

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"fentrace/bench/dataset"
	"fentrace/device"
	"fentrace/spectra/recorded"
)

// Real repeats of real powders lose next to nothing, and lose the rays that are added to them.
func TestRecordedRepeatsLoseTheirRaysAndNothingElse(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	wrong, counts, put, found := 0, 0, 0, 0
	repeats, err := dataset.PowderRepeats(recorded.Path(t))
	if err != nil || len(repeats) < 30 {
		t.Fatalf("%d powders, %v", len(repeats), err)
	}
	for i, powder := range repeats {
		if i%3 != 0 {
			continue // a third of them takes long enough
		}
		var frames []device.Frame
		for _, s := range powder.Spectra {
			frames = append(frames, device.Frame{Counts: s.Y})
		}
		info := device.Info{Pixels: len(frames[0].Counts), MaxCounts: 65535}
		plain := combine(frames, info, true)
		wrong += len(plain.rays)
		counts += len(frames) * info.Pixels
		hits := map[[2]int]bool{}
		hit := make([]device.Frame, len(frames))
		for i, f := range frames {
			hit[i] = device.Frame{Counts: slices.Clone(f.Counts)}
			p := 3 + rng.IntN(info.Pixels-7)
			for w := range 1 + rng.IntN(2) {
				sigma := math.Sqrt(plain.noise.at(plain.mean[p+w]))
				hit[i].Counts[p+w] += (30 + 200*rng.Float64()) * sigma
				hits[[2]int{i, p + w}] = true
			}
		}
		put += len(hits)
		for _, r := range combine(hit, info, true).rays {
			if hits[[2]int{r.Frame, r.Pixel}] {
				found++
			}
		}
		if len(plain.rays) > 5 {
			t.Errorf("%s: %d counts of %d scans were called rays", powder.Name, len(plain.rays), len(frames))
		}
	}
	t.Logf("%d of %d rays found; %d of %d counts called rays in the scans as they were", found, put, wrong, counts)
	if float64(wrong) > 3e-5*float64(counts) || float64(found) < 0.97*float64(put) {
		t.Errorf("%d of %d rays found; %d of %d counts called rays in the scans as they were", found, put, wrong, counts)
	}
}
