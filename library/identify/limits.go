package identify

import (
	"cmp"
	"math"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"fentrace/library"
	"fentrace/library/search"
	"fentrace/spectra"
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

// limitReferences is how many references of one substance, at most, a limit is taken over.
const limitReferences = 3

// limited are the searchable references that limits are found for, by technique and id of their substance: of every
// controlled substance the first few, measured ones before simulated ones.
func (id *Identifier) limited() map[spectra.Technique]map[string][]library.Reference {
	out := map[spectra.Technique]map[string][]library.Reference{}
	for _, r := range id.lib.References() {
		sub, _ := id.lib.Substance(r.SubstanceID)
		if !id.index.Has(r.ID) || !(sub.Controlled || sub.FentanylClass()) {
			continue
		}
		if out[r.Technique] == nil {
			out[r.Technique] = map[string][]library.Reference{}
		}
		out[r.Technique][sub.ID] = append(out[r.Technique][sub.ID], r)
	}
	for _, bySubstance := range out {
		for _, refs := range bySubstance {
			slices.SortStableFunc(refs, func(a, b library.Reference) int { return tierOrder(a) - tierOrder(b) })
		}
	}
	return out
}

func tierOrder(r library.Reference) int {
	if r.Tier == library.Simulated {
		return 1
	}
	return 0
}

// limits are the detection limits of every controlled substance with a spectrum in the library that was not found,
// worst first, and last that of any substance unlike what was found.
func (id *Identifier) limits(ev evidence) []DetectionLimit {
	ev.look = ev.measureLook()
	at := ev.presence()
	shown := id.limitVectors(&ev)
	out := make([]DetectionLimit, len(shown))
	var work errgroup.Group
	work.SetLimit(runtime.GOMAXPROCS(0))
	for i, of := range shown {
		work.Go(func() error {
			best := 1.0
			for _, v := range of.vectors {
				best = at.limit(v, best)
			}
			out[i] = DetectionLimit{Substance: of.substance, Fraction: round(best, 3)}
			return nil
		})
	}
	_ = work.Wait() // none fails
	slices.SortFunc(out, func(a, b DetectionLimit) int {
		return cmp.Or(cmp.Compare(b.Fraction, a.Fraction), strings.Compare(a.Substance, b.Substance))
	})
	return append(out, DetectionLimit{Substance: unlisted, Fraction: round(at.limitElsewhere(), 3)})
}

// limitOf is a substance with the references, as the scan would show them, that its limit is found by.
type limitOf struct {
	substance string
	vectors   []search.Vector
}

// limitVectors are those of the controlled substances that are no part of the explanation.
func (id *Identifier) limitVectors(ev *evidence) []limitOf {
	var out []limitOf
	for substance, refs := range id.limitRefs[ev.scan.Technique] {
		if ev.has(substance, id) {
			continue
		}
		sub, _ := id.lib.Substance(substance)
		of := limitOf{substance: sub.Name}
		for _, r := range refs {
			if len(of.vectors) == limitReferences || !eligible(r, ev.scan) {
				continue
			}
			if v, ok := id.reference(ev, r.ID); ok {
				of.vectors = append(of.vectors, v)
			}
		}
		if len(of.vectors) > 0 {
			out = append(out, of)
		}
	}
	return out
}

// presence finds how little of a substance would have been found in a scan.
type presence struct {
	ev            *evidence
	at            float64 // cm-1, by which the scan reads too high
	found         float64 // amount
	whole, fitted []float64
	norm          float64 // of whole
}

// limitStep is the distance, cm-1, of the points that are looked at: derivatives change little in between.
const limitStep = 3

// limitPrecision is the ratio to which the amount is found.
const limitPrecision = 1.02

func (ev *evidence) presence() *presence {
	p := &presence{ev: ev, at: ev.parts[0].hit.ShiftCM1, found: floats.Sum(ev.proof.Coefficients), whole: ev.fitRange(), fitted: ev.fitted()}
	p.norm = floats.Norm(p.whole, 2)
	return p
}

// limit is the smallest share of the signal of reference v that explain would have taken as a further part nine times out
// of ten, had it been in this very scan, or most if that is smaller. The reference is added to the scan, as its spectrometer shows
// it, in growing amounts, until what is left over resembles it enough for it to be taken and stated; what noise does to that
// amount, in this scan and in the one that would hold it, comes on top.
func (p *presence) limit(v search.Vector, most float64) float64 {
	ev, n := p.ev, len(p.whole)
	column, shapes := v.At(ev.fitLow, n, p.at), shapeColumns(v, ev.fitLow, n, p.at)
	se, err := ev.proof.Further(column, shapes...)
	if err != nil || math.IsInf(se, 1) {
		return most
	}
	shown := seen(column, shapes, ev.look)
	mix := addition{p: p, unit: p.norm / floats.Norm(column, 2), column: column, shown: shown, rest: ev.proof.Rest(shown)}
	noise := limitMargin * math.Sqrt2 * se
	low := math.Max(explanation.MinT*se, p.found*explanation.MinShare/(1-explanation.MinShare))
	high := mostLimit / (1 - mostLimit) * p.found
	if most < 1 {
		high = math.Min(high, (most/(1-most)*p.found-noise)/limitSlack)
	}
	if low >= high || !mix.resembles(high) {
		return most
	}
	low = mix.least(low, high)*limitSlack + noise
	return low / (low + p.found)
}

// addition is a reference that is added to a scan.
type addition struct {
	p             *presence
	unit          float64   // of the amount
	column, shown []float64 // the reference as the library and as the scan shows it
	rest          []float64 // what the explanation leaves of the latter
}

// least is the amount, at least low, from which on the reference would be taken; high is one at which it is.
func (a *addition) least(low, high float64) float64 {
	if a.resembles(low) {
		return low
	}
	for high > limitPrecision*low {
		if mid := math.Sqrt(low * high); a.resembles(mid) {
			high = mid
		} else {
			low = mid
		}
	}
	return high
}

// resembles reports whether the reference would be taken and stated were there so much of it.
func (a *addition) resembles(amount float64) bool {
	ev, by := a.p.ev, amount*a.unit
	residual := ev.proof.Residual
	var own, with, without search.Agreement
	for i := 0; i < len(residual); i += limitStep {
		own.Add(residual[i]+by*a.rest[i], a.column[i])
	}
	if own.Correlation() < partScore {
		return false
	}
	for i := 0; i < len(residual); i += limitStep {
		scan := a.p.whole[i] + by*a.shown[i]
		with.Add(a.p.fitted[i]+by*a.column[i], scan)
		without.Add(a.p.fitted[i], scan)
	}
	s := Support{With: with.Correlation(), Without: without.Correlation(), Own: own.Correlation(), SNR: ev.features.snr}
	return ev.calibration.Probability(s) >= ev.calibration.Alarm
}

// elsewhere are an even number of moves (cm-1), beyond the width of lines and any axis error.
var elsewhere = []int{-53, -37, 37, 53}

// limitElsewhere is the limit of a substance that scatters like the first part, but with its lines elsewhere: the median
// over a few such places, since at some of them lines meet by chance.
func (p *presence) limitElsewhere() float64 {
	limits := make([]float64, len(elsewhere))
	for i, by := range elsewhere {
		v := p.ev.parts[0].vector
		v.Low += by
		limits[i] = p.limit(v, 1)
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
