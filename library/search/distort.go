package search

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
)

// Distortion is a wrong axis: a line at x is read at x + ShiftCM1 + Stretch*x.
type Distortion struct {
	ShiftCM1 float64 // cm-1
	Stretch  float64 // relative, 0.01 for 1 %
}

// At is how much too high a line at x reads, cm-1.
func (d Distortion) At(x float64) float64 { return d.ShiftCM1 + d.Stretch*x }

// Undo is the place of a line that is read at x.
func (d Distortion) Undo(x float64) float64 { return (x - d.ShiftCM1) / (1 + d.Stretch) }

// Largest is the greatest error between low and high cm-1.
func (d Distortion) Largest(low, high float64) float64 {
	return math.Max(math.Abs(d.At(low)), math.Abs(d.At(high)))
}

// DistortedHit is a reference that agrees with the scan once the distortion is taken out.
type DistortedHit struct {
	ReferenceID string
	Distortion
	Score   float64 // correlation after that, -1..1
	Overlap int     // cm-1 compared
}

// DistortedQuery says how wrong an axis may be. Keep is that of Query.
type DistortedQuery struct {
	MaxShift   int     // whole cm-1 either way in the middle of the scan
	MaxStretch float64 // relative, 0 to 0.05
	Keep       func(referenceID string) bool
}

const (
	coarseStep    = 4     // cm-1: a line is three such steps wide
	coarseStretch = 0.005 // half of it moves the end of the window by 2 cm-1 against its middle
	coarseKept    = 6     // references looked at closely
	fineStretch   = 0.00125
)

// fineWidths (cm-1) widen a reference to the resolution of the scan.
var fineWidths = []float64{0, 8, 16}

// SearchDistorted returns the reference that agrees best when the axis of v is wrong within the limits of q; ok is false when
// nothing shares MinRangeCM1. Every reference is compared at steps of 4 cm-1 and 0.5 %, the best few then at 1 cm-1 and
// 0.125 %, at three resolutions, so unlike Search it may miss a best one that another resembles closely.
func (ix *Index) SearchDistorted(ctx context.Context, v Vector, q DistortedQuery) (best DistortedHit, ok bool, err error) {
	if q.MaxShift < 0 || q.MaxShift > len(v.D) || !(q.MaxStretch >= 0 && q.MaxStretch <= 0.05) {
		return best, false, fmt.Errorf("search: shift %d must be within 0..%d cm-1, stretch %g within 0..0.05", q.MaxShift, len(v.D), q.MaxStretch)
	}
	rough, err := ix.coarseHits(ctx, v, q)
	if err != nil {
		return best, false, err
	}
	for _, h := range rough {
		for i := -3; i <= 3; i++ {
			stretch := h.Stretch + float64(i)*fineStretch
			if math.Abs(stretch) > q.MaxStretch+fineStretch {
				continue
			}
			ref, _ := ix.Vector(h.ReferenceID)
			c := newCorrelator(v.unstretched(stretch), len(ref.D), q.MaxShift+coarseStep)
			for _, width := range fineWidths {
				a, fits := c.align(ref.Broadened(width))
				if fits && (!ok || a.Score > best.Score) {
					ok = true
					// Positions of the unstretched scan read a.ShiftCM1 too high, so those of the scan 1+stretch times that.
					best = DistortedHit{h.ReferenceID, Distortion{a.ShiftCM1 * (1 + stretch), stretch}, a.Score, a.Overlap}
				}
			}
		}
	}
	return best, ok, nil
}

// coarseHits are the best few references, each with its best stretch.
func (ix *Index) coarseHits(ctx context.Context, v Vector, q DistortedQuery) ([]DistortedHit, error) {
	var stretches []float64
	steps := int(math.Ceil(q.MaxStretch/coarseStretch - 1e-9))
	var scans []Vector
	for i := -steps; i <= steps; i++ {
		s := math.Max(-q.MaxStretch, math.Min(q.MaxStretch, float64(i)*coarseStretch))
		stretches, scans = append(stretches, s), append(scans, v.unstretched(s).coarse())
	}
	m := ix.tables[v.Technique]
	if m == nil {
		return nil, ctx.Err()
	}
	hits := make([]DistortedHit, len(m.ids))
	err := onEveryCore(ctx, len(hits), func() func(int) {
		plans := make([]*correlator, len(scans))
		for i, s := range scans {
			plans[i] = newCorrelator(s, m.n/coarseStep+1, q.MaxShift/coarseStep+1)
			plans[i].least = MinRangeCM1 / coarseStep
		}
		return func(i int) {
			hits[i].Score = math.Inf(-1)
			if q.Keep != nil && !q.Keep(m.ids[i]) {
				return
			}
			for j, p := range plans {
				if a, ok := p.align(ix.coarse[v.Technique][i]); ok && a.Score > hits[i].Score {
					hits[i] = DistortedHit{ReferenceID: m.ids[i], Distortion: Distortion{Stretch: stretches[j]}, Score: a.Score}
				}
			}
		}
	})
	if err != nil {
		return nil, err
	}
	hits = slices.DeleteFunc(hits, func(h DistortedHit) bool { return math.IsInf(h.Score, -1) })
	slices.SortFunc(hits, func(a, b DistortedHit) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.ReferenceID, b.ReferenceID))
	})
	return hits[:min(coarseKept, len(hits))], nil
}

// unstretched is v with a stretch of its axis taken out.
func (v Vector) unstretched(stretch float64) Vector {
	if stretch == 0 {
		return v
	}
	low := int(math.Ceil(float64(v.Low) / (1 + stretch)))
	high := int(math.Floor(float64(v.High()) / (1 + stretch)))
	d := make([]float64, high-low+1)
	for i := range d {
		at := float64(low+i)*(1+stretch) - float64(v.Low)
		k := min(int(at), len(v.Derivative)-2)
		f := at - float64(k)
		d[i] = (1-f)*v.Derivative[k] + f*v.Derivative[k+1]
	}
	return newVector(v.Technique, low, d)
}

// coarse is v at every coarseStep, each value the mean around it. Its D is that of v averaged, its Low counts in steps.
func (v Vector) coarse() Vector {
	first := (v.Low + coarseStep - 1) / coarseStep
	n := (v.High()+1)/coarseStep - first
	c := Vector{Technique: v.Technique, Low: first, D: make([]float64, n)}
	for i := range c.D {
		at := (first+i)*coarseStep - v.Low
		for _, x := range v.D[at : at+coarseStep] {
			c.D[i] += x / coarseStep
		}
	}
	return c.summed()
}
