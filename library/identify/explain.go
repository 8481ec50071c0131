package identify

import (
	"context"
	"slices"

	"gonum.org/v1/gonum/floats"

	"fentrace/library/mixture"
	"fentrace/library/search"
)

// explain finds the few references that make up the scan: the best one, then whatever the residual looks like, as long
// as it is far from nothing; never a forced fit.
func (id *Identifier) explain(ctx context.Context, ev *evidence) error {
	first := slices.IndexFunc(ev.hits, func(h search.Hit) bool { return !id.barredReference(ev, h.ReferenceID) })
	if first < 0 || ev.hits[first].Score < seedScore || !id.take(ev, ev.hits[first]) {
		return nil
	}
	for len(ev.parts) < maxParts {
		next, ok, err := id.inResidual(ctx, ev)
		if err != nil {
			return err
		}
		if !ok || !id.take(ev, next) {
			break
		}
	}
	return nil
}

// residualHits of what is left over are compared at the resolution of the scan.
const residualHits = 5

// inResidual searches what is left over, near the axis error the first part was found with.
func (id *Identifier) inResidual(ctx context.Context, ev *evidence) (search.Hit, bool, error) {
	shift := ev.parts[0].hit.ShiftCM1
	rest := ev.vector.With(padded(ev.fit.Residual, ev.fitLow-ev.vector.Low, len(ev.vector.D)))
	keep := id.eligible(ev.scan)
	hits, err := id.index.Search(ctx, rest, search.Query{K: residualHits, MaxShift: id.maxShift, Keep: func(ref string) bool {
		return keep(ref) && !ev.has(id.refs[ref].SubstanceID, id) && !id.barredReference(ev, ref)
	}})
	if err != nil || len(hits) == 0 {
		return search.Hit{}, false, err
	}
	hits = id.atResolution(ev, rest, hits)
	const axisSpread = 4 // cm-1; the axis error of one scan varies slowly along the axis
	apart := hits[0].ShiftCM1 - shift
	return hits[0], hits[0].Score >= partScore && apart <= axisSpread && apart >= -axisSpread, nil
}

func (ev *evidence) has(substanceID string, id *Identifier) bool {
	for _, p := range ev.parts {
		if id.refs[p.hit.ReferenceID].SubstanceID == substanceID {
			return true
		}
	}
	return false
}

// take adds hit to the explanation if every part then still has a positive amount far from nothing.
func (id *Identifier) take(ev *evidence, hit search.Hit) bool {
	vector, ok := id.reference(ev, hit.ReferenceID)
	if !ok {
		return false
	}
	parts := append(ev.parts[:len(ev.parts):len(ev.parts)], part{hit: hit, vector: vector, finding: id.spectrumFinding(hit)})
	low, high := ev.vector.Low, ev.vector.High()
	for _, p := range parts {
		s := int(p.hit.ShiftCM1)
		low, high = max(low, p.vector.Low+s+1), min(high, p.vector.High()+s-1)
	}
	if high-low < search.MinRangeCM1-2 {
		return false
	}
	n := high - low + 1
	columns := make([][]float64, len(parts))
	for i, p := range parts {
		columns[i] = p.vector.At(low, n, p.hit.ShiftCM1)
	}
	fit, err := mixture.NewFit(ev.vector.At(low, n, 0), columns)
	if err != nil {
		return false
	}
	for i := range parts {
		share, _, _ := fit.Fraction(i)
		if fit.Coefficients[i] <= 0 || len(parts) > 1 && (fit.T(i) < partT || share < partShare) {
			return false
		}
	}
	with := *ev
	with.parts, with.fit, with.fitLow = parts, fit, low
	with.explained = search.Correlation(with.fitted(), with.fitRange())
	if with.explained <= ev.explained {
		return false
	}
	*ev = with
	return true
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
