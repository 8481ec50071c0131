package identify

import (
	"slices"
	"strings"
)

// worstLimit: a detection limit above half of the signal excludes nothing worth saying.
const worstLimit = 0.5

// unlisted stands for whatever the library does not hold.
const unlisted = "any other substance"

// limits are the detection limits of every controlled substance with a spectrum in the library that was not found,
// worst first, and last that of any substance unlike what was found.
func (id *Identifier) limits(ev evidence) []DetectionLimit {
	best := map[string]float64{}
	keep := id.eligible(ev.scan)
	n := len(ev.fit.Residual)
	for ref, r := range id.refs {
		sub, _ := id.lib.Substance(r.SubstanceID)
		v, ok := id.index.Vector(ref)
		if !ok || ev.has(sub.ID, id) || !(sub.Controlled || sub.FentanylClass()) || r.Technique != ev.scan.Technique || !keep(ref) {
			continue
		}
		limit, err := ev.fit.Limit(v.At(ev.fitLow, n, ev.parts[0].hit.ShiftCM1))
		if err != nil {
			continue
		}
		if had, ok := best[sub.Name]; !ok || limit < had {
			best[sub.Name] = limit
		}
	}
	out := []DetectionLimit{}
	for name, limit := range best {
		out = append(out, DetectionLimit{Substance: name, Fraction: round(limit, 3)})
	}
	slices.SortFunc(out, func(a, b DetectionLimit) int {
		if a.Fraction != b.Fraction {
			if a.Fraction > b.Fraction {
				return -1
			}
			return 1
		}
		return strings.Compare(a.Substance, b.Substance)
	})
	if other, err := ev.fit.Limit(nil); err == nil {
		out = append(out, DetectionLimit{Substance: unlisted, Fraction: round(other, 3)})
	}
	return out
}

// headlineLimit is the limit the verdict states: the worst among fentanyls when the library has a spectrum of one, else
// that of any other substance.
func (ans Identification) headlineLimit(id *Identifier) (limit float64, fentanyl bool) {
	for _, d := range ans.DetectionLimits {
		if d.Substance == unlisted {
			limit = max(limit, d.Fraction)
			continue
		}
		if sub, ok := id.lib.Lookup("", "", d.Substance); ok && sub.FentanylClass() {
			limit, fentanyl = max(limit, d.Fraction), true
		}
	}
	return limit, fentanyl
}
