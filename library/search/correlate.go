package search

import (
	"math"

	"gonum.org/v1/gonum/dsp/fourier"
)

// Alignment is the best agreement of a scan with one reference.
type Alignment struct {
	Score    float64 // Pearson correlation of the derivatives, -1..1
	ShiftCM1 float64 // scan minus reference at the best score, to a fraction of 1 cm-1
	Overlap  int     // cm-1 compared
}

// correlator computes the score of a query at every whole shift within ±maxShift against one reference after another.
// It owns its buffers and is used by one goroutine.
type correlator struct {
	fft      *fourier.FFT
	n        int
	maxShift int
	query    Vector
	qf       []complex128
	rf       []complex128
	pad      []float64
	cross    []float64
	scores   []float64 // index shift+maxShift+1: one more on each side than may win, for the parabola
}

// newCorrelator plans for references of at most refLen points.
func newCorrelator(q Vector, refLen, maxShift int) *correlator {
	n := 1
	for n < len(q.D)+refLen {
		n *= 2
	}
	c := &correlator{
		fft: fourier.NewFFT(n), n: n, maxShift: maxShift, query: q,
		pad: make([]float64, n), cross: make([]float64, n), scores: make([]float64, 2*maxShift+3),
	}
	copy(c.pad, q.D)
	c.qf = c.fft.Coefficients(nil, c.pad)
	c.rf = make([]complex128, len(c.qf))
	return c
}

// align returns the best shift; ok is false when no shift leaves MinRangeCM1 in common.
func (c *correlator) align(r Vector) (best Alignment, ok bool) {
	clear(c.pad)
	copy(c.pad, r.D)
	c.rf = c.fft.Coefficients(c.rf, c.pad)
	for i := range c.rf {
		re, im := real(c.rf[i]), imag(c.rf[i])
		c.rf[i] = c.qf[i] * complex(re, -im)
	}
	c.cross = c.fft.Sequence(c.cross, c.rf)
	bestAt := -1
	for s := -c.maxShift - 1; s <= c.maxShift+1; s++ {
		i := s + c.maxShift + 1
		score, overlap := c.at(r, s)
		c.scores[i] = score
		allowed := s >= -c.maxShift && s <= c.maxShift
		if allowed && overlap > 0 && (bestAt < 0 || score > best.Score) {
			best, bestAt = Alignment{Score: score, ShiftCM1: float64(s), Overlap: overlap}, i
		}
	}
	if bestAt < 0 {
		return Alignment{}, false
	}
	best.ShiftCM1 += vertex(c.scores[bestAt-1 : bestAt+2])
	return best, true
}

// at is the Pearson correlation when the scan reads s cm-1 too high: scan position p+s meets reference position p.
func (c *correlator) at(r Vector, s int) (score float64, overlap int) {
	q := c.query
	lo, hi := max(r.Low, q.Low-s), min(r.High(), q.High()-s) // reference positions in common
	m := hi - lo + 1
	if m < MinRangeCM1 {
		return math.Inf(-1), 0
	}
	qi, ri := lo+s-q.Low, lo-r.Low
	norm := math.Sqrt(q.norm2(qi, qi+m) * r.norm2(ri, ri+m))
	if norm == 0 {
		return 0, m
	}
	// cross[k] = sum_i q[i+k] r[i]; outside their ranges both are zero, so the sum is over the overlap.
	k := qi - ri
	if k < 0 {
		k += c.n
	}
	dot := c.cross[k]/float64(c.n) - (q.sum[qi+m]-q.sum[qi])*(r.sum[ri+m]-r.sum[ri])/float64(m)
	return dot / norm, m
}

// vertex is where the parabola through three neighbouring scores is highest, within ±0.5 of the middle one.
func vertex(scores []float64) float64 {
	a, b, d := scores[0], scores[1], scores[2]
	curve := a - 2*b + d
	if math.IsInf(a, 0) || math.IsInf(d, 0) || curve >= 0 {
		return 0
	}
	return math.Max(-0.5, math.Min(0.5, 0.5*(a-d)/curve))
}

// Align compares two spectra by themselves at the whole shifts within reach cm-1 of around, term by term, which is faster than
// Search's way for so few; ok is false when they share less than MinRangeCM1.
func Align(scan, reference Vector, around float64, reach int) (best Alignment, ok bool) {
	return bestShift(int(math.Round(around)), reach, make([]float64, 2*reach+3), func(shift int) (float64, int) {
		return scan.correlation(reference, shift)
	})
}

// bestShift is the best of the whole shifts within reach of around, with the place of the highest score between them. scores has
// room for one more on each side.
func bestShift(around, reach int, scores []float64, score func(shift int) (float64, int)) (best Alignment, ok bool) {
	first, at := around-reach-1, -1
	for i := range scores {
		s, overlap := score(first + i)
		scores[i] = s
		if inside := i > 0 && i < len(scores)-1; inside && overlap > 0 && (at < 0 || s > best.Score) {
			best, at = Alignment{Score: s, ShiftCM1: float64(first + i), Overlap: overlap}, i
		}
	}
	if at < 0 {
		return Alignment{}, false
	}
	best.ShiftCM1 += vertex(scores[at-1 : at+2])
	return best, true
}

// correlation is the Pearson correlation when v reads s cm-1 too high, -Inf without MinRangeCM1 in common.
func (v Vector) correlation(r Vector, s int) (score float64, overlap int) {
	lo, hi := max(r.Low, v.Low-s), min(r.High(), v.High()-s)
	m := hi - lo + 1
	if m < MinRangeCM1 {
		return math.Inf(-1), 0
	}
	vi, ri := lo+s-v.Low, lo-r.Low
	return pearson(v, vi, m, r.D[ri:ri+m], r.sum[ri+m]-r.sum[ri], r.norm2(ri, ri+m)), m
}
