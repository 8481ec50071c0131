package identify

import (
	"context"
	"fmt"
	"math"

	"gonum.org/v1/gonum/floats"

	"fentrace/library/mixture"
	"fentrace/library/search"
)

const (
	// A reference is offered to the explanation when what is left over looks at least like that. Instruments differ in
	// resolution, which leaves residues that resemble something or other; this, and what a part has to prove
	// (explanation), are chosen so that such residues of one pure substance on another instrument are not taken for
	// a second substance (bench/accuracy).
	partScore = 0.45
	// seedScore is the least agreement of the first reference of an explanation.
	seedScore = 0.35
	// widthMost of score is what widening a reference can bring it nearer to what is left over, as a rule.
	widthMost = 0.15
	// offered is how many references compete for the next place.
	offered = 5
	// maxSample and maxContainers are how many parts an explanation has at most.
	maxSample, maxContainers = 4, 2
	// partAxisSpread (cm-1): the axis error of one scan varies slowly along the axis, so its parts share it nearly.
	partAxisSpread = 4
	// oneLineSpread (cm-1) holds for a part of which the scan shows one line, unless what is left over agrees with it as
	// well as a whole scan has to: anything that has a line there agrees, so its place is all the evidence there is.
	oneLineSpread = 1
	// shapeStep (cm-1) is the distance over which derivatives of references are taken.
	shapeStep = 2
	// backgroundDegree of the polynomial in the derivative that is no part of the sample: the slope of fluorescence.
	backgroundDegree = 2
)

// explanation is what a part has to prove to be taken.
var explanation = mixture.Limits{MaxParts: maxSample + maxContainers, MinT: 7, MinShare: 0.04}

// part is one reference in the explanation of the scan.
type part struct {
	hit     search.Hit
	vector  search.Vector
	finding Finding
	support Support
}

// explain finds the few references that make up the scan, each proved beside the others, and looks for more in what is
// left over; never a forced fit.
func (id *Identifier) explain(ctx context.Context, ev *evidence) error {
	first, ok, err := id.best(ctx, ev)
	if err != nil || !ok || first.Score < seedScore {
		return err
	}
	parts, proof, err := mixture.Select(explanation, func(parts []part) (mixture.Fit, error) {
		return ev.together(parts, true)
	}, func(fit mixture.Fit, taken []part) ([]part, error) {
		if len(taken) == 0 {
			return id.parts(ev, []search.Hit{first}), nil
		}
		return id.inResidual(ctx, ev, fit, taken)
	})
	if err != nil {
		return err
	}
	return id.settle(ev, parts, proof)
}

// settle makes parts, as proved, the explanation, if they go together.
func (id *Identifier) settle(ev *evidence, parts []part, proof mixture.Fit) error {
	ev.parts, ev.explained, ev.foreign = nil, 0, nil
	if len(parts) == 0 {
		return nil
	}
	// How much of each there is, and how well they agree, is told by the references as they are.
	fit, err := ev.together(parts, false)
	if err != nil || floats.Min(fit.Coefficients) == 0 {
		return nil // only reshaped do they go together: no explanation
	}
	ev.parts, ev.fit, ev.proof = parts, fit, proof
	ev.fitLow, _ = ev.shared(parts)
	ev.explained = search.Correlation(ev.fitted(), ev.fitRange())
	ev.foreign, err = id.foreignLines(ev)
	return err
}

// parts of hits.
func (id *Identifier) parts(ev *evidence, hits []search.Hit) []part {
	var out []part
	for _, h := range hits {
		if v, ok := id.reference(ev, h.ReferenceID); ok {
			out = append(out, part{hit: h, vector: v, finding: id.spectrumFinding(h)})
		}
	}
	return out
}

// inResidual searches what is left over for substances not taken yet, near the axis error the first part was found with.
func (id *Identifier) inResidual(ctx context.Context, ev *evidence, fit mixture.Fit, taken []part) ([]part, error) {
	low, _ := ev.shared(taken)
	rest := ev.vector.With(padded(fit.Residual, low-ev.vector.Low, len(ev.vector.D)))
	query := id.query(ev, offered, ev.barred...)
	query.Least = partScore
	if ev.width > 0 {
		query.Least -= widthMost // they are compared again, widened
	}
	samples, containers := 0, 0
	for _, p := range taken {
		if p.finding.Container {
			containers++
		} else {
			samples++
		}
		query.Except.Add(id.refs[p.hit.ReferenceID].SubstanceID)
	}
	full := func(of []string) {
		for _, substance := range of {
			query.Except.Add(substance)
		}
	}
	if samples >= maxSample {
		full(id.samples)
	}
	if containers >= maxContainers {
		full(id.containers)
	}
	shift := taken[0].hit.ShiftCM1
	hits, err := id.near(ctx, rest, query, shift)
	hits = id.atResolution(ev, rest, hits)
	if err != nil {
		return nil, err
	}
	kept := hits[:0]
	for _, h := range hits {
		fits, err := id.fitsBeside(ev, h, shift)
		if err != nil {
			return nil, err
		}
		if fits {
			kept = append(kept, h)
		}
	}
	return id.parts(ev, kept), nil
}

// fitsBeside: a hit in what is left over is good enough for a further part, and at the shift of the first.
func (id *Identifier) fitsBeside(ev *evidence, h search.Hit, shift float64) (bool, error) {
	apart := math.Abs(h.ShiftCM1 - shift)
	if h.Score < partScore || apart > partAxisSpread {
		return false, nil
	}
	if h.Score >= explainedScore || apart <= oneLineSpread {
		return true, nil
	}
	lines, err := id.sharedLines(ev.features, h.ReferenceID, search.Distortion{ShiftCM1: h.ShiftCM1}, search.PeakToleranceCM1)
	return lines >= 2, err
}

// near are hits for v at shifts of partAxisSpread and a little more about around, and not beyond those that are forgiven: what agrees
// best just outside is seen to do so.
func (id *Identifier) near(ctx context.Context, v search.Vector, query search.Query, around float64) ([]search.Hit, error) {
	low := max(-id.maxShift, int(math.Floor(around))-partAxisSpread-1)
	high := min(id.maxShift, int(math.Ceil(around))+partAxisSpread+1)
	query.MaxShift = (high - low + 1) / 2
	moved := low + query.MaxShift
	v.Low -= moved
	hits, err := id.index.Search(ctx, v, query)
	for i := range hits {
		hits[i].ShiftCM1 += float64(moved)
	}
	return hits, err
}

// shared is the range (whole cm-1) that the scan and all parts cover.
func (ev *evidence) shared(parts []part) (low, high int) {
	low, high = ev.vector.Low, ev.vector.High()
	for _, p := range parts {
		s := int(p.hit.ShiftCM1)
		low, high = max(low, p.vector.Low+s+1), min(high, p.vector.High()+s-1)
	}
	return low, high
}

// together fits parts to the scan over the range they share. With shapes, every reference may also be moved and
// broadened a little: spectrometers differ in axis and resolution, and what that leaves of a strong line is no other
// substance. (To first order a shift adds the reference's derivative, a broadening its second one.)
func (ev *evidence) together(parts []part, shapes bool) (mixture.Fit, error) {
	low, high := ev.shared(parts)
	n := high - low + 1
	if n < search.MinRangeCM1-1 {
		return mixture.Fit{}, fmt.Errorf("%w: they share only %d cm-1", mixture.ErrInput, n)
	}
	p := mixture.Problem{Scan: ev.vector.At(low, n, 0)}
	if shapes {
		p.Free = mixture.Background(n, backgroundDegree)
	}
	for _, part := range parts {
		at := part.hit.ShiftCM1
		column := part.vector.At(low, n, at)
		p.References = append(p.References, column)
		if !shapes {
			continue
		}
		p.Free = append(p.Free, shapeColumns(part.vector, low, n, at)...)
	}
	return mixture.Solve(p)
}

// shapeColumns are what a small shift and a small broadening add to reference v at low..low+n-1.
func shapeColumns(v search.Vector, low, n int, at float64) [][]float64 {
	moved, below := v.At(low, n, at+shapeStep), v.At(low, n, at-shapeStep)
	broad := make([]float64, n)
	floats.AddTo(broad, moved, below)
	floats.AddScaled(broad, -2, v.At(low, n, at))
	floats.Sub(moved, below)
	return [][]float64{moved, broad}
}

func (ev *evidence) has(substanceID string, id *Identifier) bool {
	for _, p := range ev.parts {
		if id.refs[p.hit.ReferenceID].SubstanceID == substanceID {
			return true
		}
	}
	return false
}

// findings are the parts of the explanation with their tests and shares. The share of a part of the sample is that of
// the sample's signal, without containers; the share of a container is that of all signal explained.
func (ev *evidence) findings() []Finding {
	var sample []int
	for i, p := range ev.parts {
		if !p.finding.Container {
			sample = append(sample, i)
		}
	}
	out := make([]Finding, 0, len(ev.parts))
	for i, p := range ev.parts {
		f := p.finding
		estimate, low, high := ev.fit.Fraction(i)
		if !f.Container {
			estimate, low, high = ev.fit.FractionOf(i, sample)
		}
		f.Fraction = &Fraction{Estimate: round(estimate, 3), Low: round(low, 3), High: round(high, 3)}
		f.Probability = round(ev.probability(i), 3)
		out = append(out, f)
	}
	return out
}

// fitRange is the scan's derivative over the fitted range.
func (ev *evidence) fitRange() []float64 { return ev.vector.At(ev.fitLow, len(ev.fit.Residual), 0) }

// fitted is the sum of the parts over the fitted range.
func (ev *evidence) fitted() []float64 {
	sum := ev.fitRange()
	floats.Sub(sum, ev.fit.Residual)
	return sum
}

// padded places v at offset in n zeros.
func padded(v []float64, offset, n int) []float64 {
	out := make([]float64, n)
	copy(out[offset:], v)
	return out
}
