package identify

import (
	"math"
	"slices"
	"strings"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"fentrace/library/search"
)

// worstLimit: a detection limit above half of the signal excludes nothing worth saying.
const worstLimit = 0.5

// mostLimit is the largest share that is tried.
const mostLimit = 0.95

// limitMargin is how many standard errors of an amount are added to the amount that is just found. 1.28 would make nine
// of ten scans alarm at the limit if noise were all that differs between two scans of one sample; the shift that is
// found differs too (bench/accuracy/street measures what comes of it).
const limitMargin = 1.645

// limitSlack multiplies the amount that is just found for what differs between two scans of one sample besides noise: the
// shift and resolution that are found, and how much of one fentanyl the references of others take up. It is the factor
// at which nine of ten scans alarmed in draws other than those that bench/accuracy/street reports.
const limitSlack = 1.45

// unlisted stands for whatever the library does not hold.
const unlisted = "any other substance"

// limits are the detection limits of every controlled substance with a spectrum in the library that was not found,
// worst first, and last that of any substance unlike what was found.
func (id *Identifier) limits(ev evidence) []DetectionLimit {
	best := map[string]float64{}
	ev.look = ev.measureLook()
	for ref, r := range id.refs {
		sub, _ := id.lib.Substance(r.SubstanceID)
		if !eligible(r, ev.scan) || !(sub.Controlled || sub.FentanylClass()) || ev.has(sub.ID, id) {
			continue
		}
		v, ok := id.reference(&ev, ref)
		if !ok {
			continue
		}
		limit := ev.limit(v)
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
	return append(out, DetectionLimit{Substance: unlisted, Fraction: round(ev.limitElsewhere(), 3)})
}

// limit is the smallest share of the signal of reference v that explain would have taken as a further part nine times out
// of ten, had it been in this very scan. The reference is added to the scan, as its spectrometer shows it, in growing
// amounts, until what is left over resembles it enough for it to be taken and stated; what noise does to that amount, in this scan and in the
// one that would hold it, comes on top.
func (ev *evidence) limit(v search.Vector) float64 {
	at, n := ev.parts[0].hit.ShiftCM1, len(ev.proof.Residual)
	column, shapes := v.At(ev.fitLow, n, at), shapeColumns(v, ev.fitLow, n, at)
	se, err := ev.proof.Further(column, shapes...)
	if err != nil || math.IsInf(se, 1) {
		return 1
	}
	found := floats.Sum(ev.proof.Coefficients)
	unit := floats.Norm(ev.fitRange(), 2) / floats.Norm(column, 2)
	shown, fitted, whole := seen(column, shapes, ev.look), ev.fitted(), ev.fitRange()
	rest := ev.proof.Rest(shown)
	with := make([]float64, n)
	left, scan := make([]float64, n), make([]float64, n)
	resembles := func(amount float64) bool {
		floats.AddScaledTo(left, ev.proof.Residual, amount*unit, rest)
		own := search.Correlation(left, column)
		if own < partScore {
			return false
		}
		floats.AddScaledTo(scan, whole, amount*unit, shown)
		floats.AddScaledTo(with, fitted, amount*unit, column)
		s := Support{With: search.Correlation(with, scan), Without: search.Correlation(fitted, scan), Own: own, SNR: ev.features.snr}
		return ev.calibration.Probability(s) >= ev.calibration.Alarm
	}
	low, high := math.Max(explanation.MinT*se, found*explanation.MinShare/(1-explanation.MinShare)), mostLimit/(1-mostLimit)*found
	if low >= high || !resembles(high) {
		return 1
	}
	if !resembles(low) {
		for high-low > 0.001*found {
			if mid := (low + high) / 2; resembles(mid) {
				high = mid
			} else {
				low = mid
			}
		}
		low = high
	}
	low = low*limitSlack + limitMargin*math.Sqrt2*se
	return low / (low + found)
}

// elsewhere are an even number of moves (cm-1), beyond the width of lines and any axis error.
var elsewhere = []int{-53, -37, 37, 53}

// limitElsewhere is the limit of a substance that scatters like the first part, but with its lines elsewhere: the median
// over a few such places, since at some of them lines meet by chance.
func (ev *evidence) limitElsewhere() float64 {
	limits := make([]float64, len(elsewhere))
	for i, by := range elsewhere {
		v := ev.parts[0].vector
		v.Low += by
		limits[i] = ev.limit(v)
	}
	slices.Sort(limits)
	return (limits[len(limits)/2-1] + limits[len(limits)/2]) / 2
}

// measureLook finds how the spectrometer of the scan shows a reference: moved and broadened, in units of its shape
// columns. It is taken from the first part.
func (ev *evidence) measureLook() (look [2]float64) {
	p, n := ev.parts[0], len(ev.fit.Residual)
	columns := [][]float64{p.vector.At(ev.fitLow, n, p.hit.ShiftCM1)}
	columns = append(columns, shapeColumns(p.vector, ev.fitLow, n, p.hit.ShiftCM1)...)
	alone := mat.NewVecDense(n, ev.fitRange())
	for i, other := range ev.parts[1:] {
		amount, _ := ev.fit.Amount(i + 1)
		alone.AddScaledVec(alone, -amount, mat.NewVecDense(n, other.vector.At(ev.fitLow, n, other.hit.ShiftCM1)))
	}
	design := mat.NewDense(n, len(columns), nil)
	for i, c := range columns {
		design.SetCol(i, c)
	}
	var x mat.VecDense
	if err := x.SolveVec(design, alone); err != nil || x.AtVec(0) <= 0 {
		return look // shown as it is in the library
	}
	for i := range look {
		look[i] = x.AtVec(i+1) / x.AtVec(0)
	}
	return look
}

// seen is a reference as the spectrometer of the scan shows it.
func seen(column []float64, shapes [][]float64, look [2]float64) []float64 {
	out := slices.Clone(column)
	for i, s := range shapes {
		floats.AddScaled(out, look[i], s)
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
