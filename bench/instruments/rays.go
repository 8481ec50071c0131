package main

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/stat"

	"fentrace/bench/dataset"
	"fentrace/bench/report"
	"fentrace/device"
	"fentrace/device/acquire"
)

const (
	// repeats make one scan.
	repeats = 10
	// fullScale of the spectrometer that took the powders.
	fullScale = 65535
	// A ray that is put in is so many times as high as its pixel scatters between repeats.
	leastRay, mostRay = 30, 230
	// outlying is from how many times the scatter on the plain way calls a count a ray.
	outlying   = 6
	madToSigma = 1.4826
)

// caught counts what a way of finding rays found.
type caught struct{ put, found, wrong, counts int }

// rays puts one ray of one or two pixels into every frame of recorded repeats of powders.
func (b *bench) rays(ctx context.Context) ([]report.Result, error) {
	powders, err := dataset.PowderRepeats(b.root)
	if err != nil {
		return nil, err
	}
	random := rand.New(rand.NewPCG(1, 2))
	var ours, plain caught
	var left, kept, middle []float64 // error of the mean of each scan, % of its highest count
	for i, powder := range powders {
		if i%b.powdersOneIn != 0 {
			continue
		}
		for all := powder.Spectra; len(all) >= repeats; all = all[repeats:] {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			var clean [][]float64
			for _, s := range all[:repeats] {
				clean = append(clean, s.Y)
			}
			hit, hits := withRays(random, clean)
			called := scanOf(hit).Rays()
			ours.count(hits, called, scanOf(clean).Rays(), len(clean)*len(clean[0]))
			plain.count(hits, outliers(hit), outliers(clean), len(clean)*len(clean[0]))

			truth, mean := meanOf(clean), meanOf(hit)
			off := 100 / slices.Max(truth)
			kept = append(kept, off*rms(mean, truth))
			// Between repeats the vial was turned, which takes the median from the mean without any ray.
			middle = append(middle, off*rms(medianOf(hit), medianOf(clean)))
			for _, r := range called {
				mean[r.Pixel] -= r.Excess / repeats
			}
			left = append(left, off*rms(mean, truth))
		}
	}
	const peer = "median + 6 median deviations of each pixel"
	const name = "cosmic rays put into ten repeats of a recorded powder: "
	const unit = "% of the highest count"
	mean := func(values []float64) float64 { return report.Mean("", "", values, "", 0, "").Value }
	wrong := report.Share("counts of recorded repeats called cosmic rays (some will be)", ours.wrong, ours.counts, peer, plain.wrong, command)
	wrong.Unit, wrong.Digits = "per million", 3
	for _, v := range []*float64{&wrong.Value, &wrong.Low, &wrong.High, &wrong.PeerVal} {
		*v *= 1e4 // from %
	}
	return append([]report.Result{
		report.Share(name+"pixels found", ours.found, ours.put, peer, plain.found, command),
		wrong,
		report.Mean(name+"error left in the mean", unit, left, "mean without rejection", mean(kept), command),
	}, report.AsDetail(report.Mean(name+"error left in the mean", unit, left, "median of the repeats, against theirs without rays", mean(middle), command))...), nil
}

func (c *caught) count(hits map[[2]int]bool, called, calledClean []acquire.Ray, counts int) {
	c.put += len(hits)
	for _, r := range called {
		if hits[[2]int{r.Frame, r.Pixel}] {
			c.found++
		}
	}
	c.wrong += len(calledClean)
	c.counts += counts
}

func scanOf(frames [][]float64) acquire.Scan {
	scan := acquire.Scan{Info: device.Info{Pixels: len(frames[0]), MaxCounts: fullScale}}
	for _, counts := range frames {
		scan.Frames = append(scan.Frames, device.Frame{Counts: counts})
	}
	return scan
}

// withRays returns copies of the frames with a ray in each, and where.
func withRays(random *rand.Rand, clean [][]float64) (hit [][]float64, hits map[[2]int]bool) {
	hits = map[[2]int]bool{}
	for i, counts := range clean {
		counts = slices.Clone(counts)
		p := 3 + random.IntN(len(counts)-7) // at the very ends a ray cannot be told
		for q := p; q <= p+random.IntN(2); q++ {
			counts[q] += (leastRay + (mostRay-leastRay)*random.Float64()) * scatter(clean, q)
			hits[[2]int{i, q}] = true
		}
		hit = append(hit, counts)
	}
	return hit, hits
}

// scatter is the standard deviation of a count between a frame and the next: the median of what its change differs from
// that of the pixels 3 to either side, which frees it of a level that rose or fell.
func scatter(frames [][]float64, p int) float64 {
	change := func(i, p int) float64 { return frames[i+1][p] - frames[i][p] }
	var off []float64
	for i := range len(frames) - 1 {
		off = append(off, math.Abs(change(i, p)-(change(i, p-3)+change(i, p+3))/2))
	}
	// Two variances of the pixel and one of its neighbours'; a count is at least rounded.
	return max(madToSigma*medianOfValues(off)/math.Sqrt(3), 1)
}

// outliers is the plain way: each pixel by itself, its counts over the frames against their median.
func outliers(frames [][]float64) []acquire.Ray {
	var rays []acquire.Ray
	level := medianOf(frames)
	off := make([]float64, len(frames))
	for p, v := range level {
		for i := range frames {
			off[i] = math.Abs(frames[i][p] - v)
		}
		bound := outlying * max(madToSigma*medianOfValues(off), 1)
		for i := range frames {
			if x := frames[i][p] - v; x > bound {
				rays = append(rays, acquire.Ray{Frame: i, Pixel: p, Excess: x})
			}
		}
	}
	return rays
}

func meanOf(frames [][]float64) []float64 {
	return columns(frames, func(v []float64) float64 { return stat.Mean(v, nil) })
}

func medianOf(frames [][]float64) []float64 { return columns(frames, medianOfValues) }

func columns(frames [][]float64, of func([]float64) float64) []float64 {
	out, column := make([]float64, len(frames[0])), make([]float64, len(frames))
	for p := range out {
		for i := range frames {
			column[i] = frames[i][p]
		}
		out[p] = of(column)
	}
	return out
}

// medianOfValues sorts v.
func medianOfValues(v []float64) float64 {
	slices.Sort(v)
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}

func rms(a, b []float64) float64 {
	sum := 0.0
	for i := range a {
		sum += (a[i] - b[i]) * (a[i] - b[i])
	}
	return math.Sqrt(sum / float64(len(a)))
}
