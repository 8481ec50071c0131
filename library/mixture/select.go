package mixture

import (
	"math"
	"slices"
)

// Limits of Select. A part is kept when it is proved: its T is at least MinT, and its share of the explained signal at
// least MinShare.
type Limits struct {
	MaxParts int
	MinT     float64
	MinShare float64 // 0..1; less than what a change of instrument leaves of another substance means nothing
}

// Select finds the few parts that explain a scan by forward selection with the information criterion of G. Schwarz
// (Ann. Statist. 6 (1978) 461): of the parts that propose offers for what is left over, the one that explains most is
// taken, if it is worth another parameter; parts that it makes superfluous go. It ends when no part is worth it,
// which leaves an unexplained rest: nothing is forced.
//
// Fit fits parts together, over whatever range they share; its references are the parts in their order. It may refuse.
// Propose is first called with a zero Fit and no parts.
func Select[P any](lim Limits, fit func([]P) (Fit, error), propose func(Fit, []P) ([]P, error)) ([]P, Fit, error) {
	var parts []P
	now := Fit{Unexplained: 1}
	for range 3 * lim.MaxParts {
		offers, err := propose(now, parts)
		if err != nil {
			return nil, Fit{}, err
		}
		var best []P
		var with Fit
		for _, p := range offers {
			try, f, ok := proved(lim, fit, append(slices.Clip(parts), p))
			if ok && len(try) <= lim.MaxParts && (best == nil || f.schwarz() < with.schwarz()) {
				best, with = try, f
			}
		}
		if best == nil || with.schwarz() >= now.schwarz() {
			break
		}
		parts, now = best, with
	}
	return parts, now, nil
}

// proved fits parts, the last one new, without those of the others that the new one makes superfluous.
func proved[P any](lim Limits, fit func([]P) (Fit, error), parts []P) ([]P, Fit, bool) {
	for {
		f, err := fit(parts)
		if err != nil {
			return nil, Fit{}, false
		}
		weakest := -1
		for i := range parts {
			if f.proves(i, lim) {
				continue
			}
			if weakest < 0 || f.T(i) < f.T(weakest) {
				weakest = i
			}
		}
		if weakest < 0 {
			return parts, f, true
		}
		if weakest == len(parts)-1 {
			return nil, Fit{}, false
		}
		parts = slices.Delete(slices.Clone(parts), weakest, weakest+1)
	}
}

// proves: part i is there. A lone part needs no share of its own.
func (f Fit) proves(i int, lim Limits) bool {
	share, _, _ := f.Fraction(i)
	return f.T(i) >= lim.MinT && (len(f.Coefficients) == 1 || share >= lim.MinShare)
}

// schwarz is the criterion per independent value, so that fits over different ranges compare: smaller is better.
func (f Fit) schwarz() float64 {
	if f.Independent <= 1 {
		return math.Log(f.Unexplained)
	}
	return math.Log(math.Max(f.Unexplained, 1e-12)) + float64(len(f.active)+len(f.basis))*math.Log(f.Independent)/f.Independent
}
