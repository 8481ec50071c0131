package acquire

import (
	"context"
	"math"
	"testing"

	"pgregory.net/rapid"
)

// hit is a ray put into a frame.
type hit struct {
	frame, pixel int
	dark         bool
}

// withRays makes the fake add rays of at least strength standard deviations to some frames, one or two pixels wide, and
// returns where.
func withRays(t *rapid.T, b *fake, frames, strength int) map[hit]bool {
	hits := map[hit]bool{}
	type ray struct {
		pixel  int
		counts float64
	}
	byFrame := map[int][]ray{} // sample frames first, then as many dark ones
	for range rapid.IntRange(0, 6).Draw(t, "rays") {
		f, p := rapid.IntRange(0, 2*frames-1).Draw(t, "frame"), rapid.IntRange(3, b.info.Pixels-5).Draw(t, "pixel")
		for w := range rapid.IntRange(1, 2).Draw(t, "wide") {
			h := hit{f % frames, p + w, f >= frames}
			taken := false // by another frame: with two frames hit, or three of four, nobody can tell
			for g := range frames {
				taken = taken || hits[hit{g, p + w, h.dark}]
			}
			if taken {
				continue
			}
			// The noise, and what is allowed for drift, at the brightest there can be.
			noise := math.Sqrt(b.readout*b.readout + b.shot*(b.ideal(p+w, b.t, !h.dark)-b.offset))
			least := float64(strength)*noise + 0.2*math.Abs(b.ideal(p+w+1, b.t, !h.dark)-b.ideal(p+w-1, b.t, !h.dark)) + 0.05*b.rate*b.t.Seconds()*b.sample[p+w]
			byFrame[f] = append(byFrame[f], ray{p + w, least * rapid.Float64Range(1, 30).Draw(t, "strength")})
			hits[h] = true
		}
	}
	b.edit = func(frame int, _ bool, counts []float64) {
		for _, r := range byFrame[frame] {
			counts[r.pixel] += r.counts
		}
	}
	return hits
}

func raySample(t *rapid.T) *fake {
	b := newFake(rapid.IntRange(256, 800).Draw(t, "pixels"), rapid.Uint64().Draw(t, "seed"))
	b.rate = logUniform(t, "rate", 1e3, 5e5)
	b.readout = rapid.Float64Range(2, 20).Draw(t, "read-out noise")
	at := rapid.SliceOfN(rapid.IntRange(10, b.info.Pixels-10), 1, 8).Draw(t, "lines")
	b.lines(rapid.Float64Range(0, 0.6).Draw(t, "background"), rapid.Float64Range(1, 6).Draw(t, "width"), at...)
	return b
}

// Every ray well above the noise is taken out of its frame, and what is left is the spectrum without it.
func TestRaysAreTakenOutOfRepeats(t *testing.T) {
	put, found, wrong, counts := 0, 0, 0, 0
	rapid.Check(t, func(t *rapid.T) {
		b := raySample(t)
		frames := rapid.IntRange(2, 12).Draw(t, "frames")
		hits := withRays(t, b, frames, 15)
		scan, err := Acquire(context.Background(), b, Settings{Averages: frames}, nil)
		if err != nil {
			t.Fatal(err)
		}
		rays := map[hit]float64{}
		for _, r := range scan.Rays() {
			rays[hit{r.Frame, r.Pixel, r.Dark}] = r.Excess
		}
		put += len(hits)
		counts += 2 * frames * b.info.Pixels
		for h := range hits {
			if _, ok := rays[h]; ok {
				found++
			}
		}
		for h := range rays {
			if !hits[h] {
				wrong++
			}
		}
		light := scan.combine(scan.Frames)
		for h := range hits {
			if _, ok := rays[h]; !ok || h.dark {
				continue
			}
			want := b.ideal(h.pixel, b.t, true)
			if want >= b.info.MaxCounts*0.95 {
				continue // clipped
			}
			noise := math.Sqrt(b.readout*b.readout + b.shot*(want-b.offset))
			if off := math.Abs(light.mean[h.pixel] - want); off > 6*noise+0.02*(want-b.offset) {
				t.Fatalf("pixel %d is %.0f after the ray was taken out, %.0f without it (noise %.1f)", h.pixel, light.mean[h.pixel], want, noise)
			}
		}
	})
	t.Logf("%d of %d rays found, %d false ones among %d counts", found, put, wrong, counts)
	if float64(found) < 0.95*float64(put) {
		t.Errorf("%d of %d rays found", found, put)
	}
	if float64(wrong) > 1e-5*float64(counts) {
		t.Errorf("%d counts of %d were called rays and were not", wrong, counts)
	}
}

// Repeats that change as real ones do lose nothing: the laser drifts, the fluorescence fades, the axis moves a little.
func TestRealLinesAndDriftAreNotTakenForRays(t *testing.T) {
	wrong, counts := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		b := raySample(t)
		frames := rapid.IntRange(2, 12).Draw(t, "frames")
		slope := rapid.Float64Range(-0.03, 0.03).Draw(t, "drift per frame")
		b.drift = func(frame int) float64 { return max(1+slope*float64(frame), 0.3) }
		fade, glow := rapid.Float64Range(0, 0.05).Draw(t, "fading per frame"), rapid.Float64Range(0, 1).Draw(t, "fluorescence")
		moves := rapid.Float64Range(-0.004, 0.004).Draw(t, "pixels per frame")
		still := append([]float64(nil), b.sample...)
		b.edit = func(frame int, lit bool, counts []float64) {
			if !lit {
				return
			}
			background := glow * b.rate * b.t.Seconds() * math.Pow(1-fade, float64(frame))
			for p := range counts {
				light := background * math.Exp(-float64(p)/float64(len(counts)))
				counts[p] += light + b.rng.NormFloat64()*math.Sqrt(b.shot*light)
			}
			shift := moves * float64(frame+1) // of the next frame
			for p := range still {
				q := p + 1
				if shift < 0 {
					q = p - 1
				}
				b.sample[p] = still[p] + math.Abs(shift)*(still[min(max(q, 0), len(still)-1)]-still[p])
			}
		}
		scan, err := Acquire(context.Background(), b, Settings{Averages: frames}, nil)
		if err != nil {
			t.Fatal(err)
		}
		counts += 2 * frames * b.info.Pixels
		wrong += len(scan.Rays())
	})
	t.Logf("%d false rays among %d counts", wrong, counts)
	if float64(wrong) > 1e-5*float64(counts) {
		t.Errorf("%d counts of %d were called rays and were not", wrong, counts)
	}
}

func TestOneFrameAndThoseWhoKeepThemLoseNoRays(t *testing.T) {
	for _, s := range []Settings{{Averages: 1}, {Averages: 3, KeepRays: true}} {
		b := newFake(300, 1)
		b.lines(0.05, 3, 100)
		b.edit = func(frame int, _ bool, counts []float64) {
			if frame == 0 {
				counts[200] += 20_000
			}
		}
		scan, err := Acquire(within(t), b, s, nil)
		if err != nil {
			t.Fatal(err)
		}
		if rays := scan.Rays(); len(rays) != 0 {
			t.Errorf("%+v: rays %v", s, rays)
		}
	}
}

func TestASaturatedRayIsNoSaturation(t *testing.T) {
	b := newFake(300, 1)
	b.lines(0.05, 3, 100)
	b.edit = func(frame int, _ bool, counts []float64) {
		if frame == 1 {
			counts[200] = 1e6
		}
	}
	scan, err := Acquire(within(t), b, Settings{Averages: 3}, nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := scan.Spectrum()
	if err != nil || s.Metadata.SaturatedPoints != 0 || len(s.Metadata.SaturatedRanges) != 0 || s.Metadata.CosmicRays != 1 {
		t.Errorf("metadata %+v, %v", s.Metadata, err)
	}
	if !scan.Saturated()[200] || scan.Frames[1].Counts[200] != b.info.MaxCounts {
		t.Error("the raw frame was changed")
	}
}
