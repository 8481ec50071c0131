package acquire

import (
	"bytes"
	"compress/gzip"
	"io"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fentrace/device"
	"fentrace/spectra/format"
	"fentrace/spectra/recorded"
)

// recordedRepeats reads scans of the same powder, 10 of each pure one and 60 of each mixture, on the pixels of the
// instrument that took them. Between scans the vial was turned, so that the mixture under the laser changed: repeats of
// one scan differ far less.
func recordedRepeats(t *testing.T) map[string][]device.Frame {
	t.Helper()
	files := recorded.Glob(t, 30, "raman", "powder-mixtures", "*", "*.csv*")
	out := map[string][]device.Frame{}
	for _, path := range files {
		raw, err := os.ReadFile(path)
		if err == nil && strings.HasSuffix(path, ".gz") {
			var z *gzip.Reader
			if z, err = gzip.NewReader(bytes.NewReader(raw)); err == nil {
				raw, err = io.ReadAll(z)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		read, err := format.Read(strings.TrimSuffix(path, ".gz"), raw)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range read {
			out[filepath.Base(path)] = append(out[filepath.Base(path)], device.Frame{Counts: s.Y})
		}
	}
	return out
}

// Real repeats of real powders lose next to nothing, and lose the rays that are added to them.
func TestRecordedRepeatsLoseTheirRaysAndNothingElse(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	wrong, counts, put, found := 0, 0, 0, 0
	repeats := recordedRepeats(t)
	for i, name := range slices.Sorted(maps.Keys(repeats)) {
		if i%3 != 0 {
			continue // a third of them takes long enough
		}
		frames := repeats[name]
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
			t.Errorf("%s: %d counts of %d scans were called rays", name, len(plain.rays), len(frames))
		}
	}
	t.Logf("%d of %d rays found; %d of %d counts called rays in the scans as they were", found, put, wrong, counts)
	if float64(wrong) > 3e-5*float64(counts) || float64(found) < 0.97*float64(put) {
		t.Errorf("%d of %d rays found; %d of %d counts called rays in the scans as they were", found, put, wrong, counts)
	}
}
