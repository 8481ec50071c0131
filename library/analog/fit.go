package analog

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"

	"fentrace/library/search"
	"fentrace/spectra"
)

// leastAlarm is the lowest threshold: scores nearer to 0 are those of what is like nothing known, which no library
// however easy to tell apart makes a reason for an alarm.
const leastAlarm = 0.05

const (
	mostScans  = 2000
	leastScans = 3
	edgeCM1    = 32 // covered by references beyond the range compared: marginCM1, what Prepare drops, and a detector element
)

// Fit makes a model from the references of a library. Errors: ErrOptions; ErrTooFew when fewer than MinFentanyls,
// MinOthers or MinCuts substances have a reference that can take part; that of ctx. References that cannot take part
// are left out and named by LeftOut. The context is looked at between scans.
func Fit(ctx context.Context, examples []Example, opts Options) (*Model, error) {
	opts, err := opts.complete()
	if err != nil {
		return nil, err
	}
	m := &Model{options: opts}
	m.bank.low, m.bank.n = opts.LowCM1, (opts.HighCM1-opts.LowCM1)/stepCM1+1
	samples := m.take(examples)
	if err := m.enough(samples); err != nil {
		return nil, err
	}
	m.bank.finish()
	scans := m.plan(samples)
	if err := m.simulate(ctx, samples, scans); err != nil {
		return nil, err
	}
	scans = slices.DeleteFunc(scans, func(s scan) bool { return s.unit == nil })
	held, err := m.regress(scans)
	if err != nil {
		return nil, err
	}
	m.threshold = m.limit(scans, held)
	m.logistic = logistic(scans, held)
	return m, nil
}

func (o Options) complete() (Options, error) {
	if o.FalseAlarmRate == 0 {
		o.FalseAlarmRate = 0.01
	}
	if o.ScansPerSubstance == 0 {
		o.ScansPerSubstance = 9
	}
	if o.LowCM1 == 0 {
		o.LowCM1 = 382
	}
	if o.HighCM1 == 0 {
		o.HighCM1 = 1866
	}
	switch {
	case !(o.FalseAlarmRate >= 1e-4 && o.FalseAlarmRate <= 0.5):
		return o, fmt.Errorf("%w: false-alarm rate %g: must be 0.0001 to 0.5", ErrOptions, o.FalseAlarmRate)
	case o.ScansPerSubstance < leastScans || o.ScansPerSubstance > 60:
		return o, fmt.Errorf("%w: %d scans per substance: must be %d to 60", ErrOptions, o.ScansPerSubstance, leastScans)
	case o.LowCM1 < 382 || o.HighCM1 > 1866 || o.HighCM1-o.LowCM1 < search.MinRangeCM1:
		return o, fmt.Errorf("%w: range %d to %d cm-1: must be inside 382 to 1866 and at least %d long", ErrOptions, o.LowCM1, o.HighCM1, search.MinRangeCM1)
	}
	return o, nil
}

// take fills the bank with the examples that can take part and returns them without background.
func (m *Model) take(examples []Example) (samples []sample) {
	low, n := m.grid()
	for _, e := range examples {
		v, s, err := m.prepare(e, low, n)
		if err != nil {
			m.leftOut = append(m.leftOut, fmt.Sprintf("%s: %v", e.Name, err))
			continue
		}
		m.bank.add(e.SubstanceID, e.Fentanyl, v)
		m.names = append(m.names, e.Name)
		m.simulated = m.simulated || e.Spectrum.Metadata.Simulated
		samples = append(samples, s)
	}
	return samples
}

// grid is where references are needed: whole wavenumbers from low.
func (m *Model) grid() (low, n int) {
	return m.bank.low - edgeCM1, m.bank.high() - m.bank.low + 2*edgeCM1 + 1
}

func (m *Model) prepare(e Example, low, n int) (search.Vector, sample, error) {
	if e.Spectrum.Technique != spectra.Raman {
		return search.Vector{}, sample{}, fmt.Errorf("its technique is %q, the model knows raman only", e.Spectrum.Technique)
	}
	v, err := search.Prepare(e.Spectrum)
	if err != nil {
		return v, sample{}, err
	}
	if !m.bank.covers(v) {
		return v, sample{}, fmt.Errorf("it does not cover %d to %d cm-1", low, low+n-1)
	}
	s, err := newSample(e, low, n)
	return v, s, err
}

// enough counts substances; one with references of both classes is a fault of the caller that no answer survives.
func (m *Model) enough(samples []sample) error {
	fentanyls, others, cuts := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for i, s := range samples {
		if m.bank.fentanyl[i] {
			fentanyls[s.substance] = true
		} else {
			others[s.substance] = true
			if s.cut {
				cuts[s.substance] = true
			}
		}
	}
	for id := range fentanyls {
		if others[id] {
			return fmt.Errorf("%w: %q is given as a fentanyl and as none", ErrOptions, id)
		}
	}
	if len(fentanyls) < MinFentanyls || len(others) < MinOthers || len(cuts) < MinCuts {
		return fmt.Errorf("%w: %d fentanyls, %d other substances, %d cuts have a Raman reference over the range, at least %d, %d and %d are needed: import more (left out: %s)",
			ErrTooFew, len(fentanyls), len(others), len(cuts), MinFentanyls, MinOthers, MinCuts, m.firstLeftOut())
	}
	return nil
}

// firstLeftOut says how many references could not take part, and why the first could not.
func (m *Model) firstLeftOut() string {
	if len(m.leftOut) == 0 {
		return "none"
	}
	return fmt.Sprintf("%d, the first one %s", len(m.leftOut), m.leftOut[0])
}

// scan is one simulated scan.
type scan struct {
	sample  int
	group   int // of its substance
	class   float64
	pure    bool
	checked bool      // as one that the library has, too
	unit    []float64 // residual without the references of its substance; nil when nothing was left
	known   []float64 // residual with them, of one scan of every other substance in cuts, else nil
}

// plan lists the scans, those of one substance together. Where the substances are too many, others chosen by the seed
// are references only.
func (m *Model) plan(samples []sample) (scans []scan) {
	of := map[string][]int{}
	var order []string
	for i, s := range samples {
		if of[s.substance] == nil {
			order = append(order, s.substance)
		}
		of[s.substance] = append(of[s.substance], i)
	}
	if most := mostScans / leastScans; len(order) > most {
		rng := rand.New(rand.NewPCG(m.options.Seed, 0x63686f696365))
		rng.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		slices.SortStableFunc(order, func(a, b string) int { return m.rank(of[a][0]) - m.rank(of[b][0]) })
		order = order[:most]
	}
	each := max(leastScans, min(m.options.ScansPerSubstance, mostScans/len(order)))
	for group, id := range order {
		for j := range each {
			i := of[id][j%len(of[id])]
			class := -1.
			if m.bank.fentanyl[i] {
				class = 1
			}
			scans = append(scans, scan{sample: i, group: group, class: class, pure: j%pureEvery == 0, checked: class < 0 && j == 1})
		}
	}
	return scans
}

func (m *Model) rank(reference int) int {
	if m.bank.fentanyl[reference] {
		return 0
	}
	return 1
}

// simulate fills in the residuals, on all cores; each scan has a stream of random numbers of its own.
func (m *Model) simulate(ctx context.Context, samples []sample, scans []scan) error {
	var cuts []sample
	for i, s := range samples {
		if s.cut && !m.bank.fentanyl[i] {
			cuts = append(cuts, s)
		}
	}
	low, _ := m.grid()
	workers := runtime.GOMAXPROCS(0)
	failed := make([]error, workers)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			f := m.bank.newFitter()
			for i := w; i < len(scans) && failed[w] == nil; i += workers {
				if failed[w] = ctx.Err(); failed[w] != nil {
					return
				}
				s := samples[scans[i].sample]
				rng := rand.New(rand.NewPCG(m.options.Seed, uint64(i)))
				v, err := s.simulated(cuts, low, scans[i].pure, rng)
				if err != nil {
					failed[w] = fmt.Errorf("simulate a scan of %s: %w", s.substance, err)
					return
				}
				if r, ok := f.look(v, s.substance); ok && r.norm > 0 {
					scans[i].unit = rounded(r.unit)
				}
				if scans[i].checked {
					if r, ok := f.look(v, ""); ok {
						scans[i].known = r.unit
					}
				}
			}
		})
	}
	wg.Wait()
	return errors.Join(failed...)
}

// regress fits the kernel regression and returns for every scan the score of a model without the scans of its
// substance. With A the inverse of the kernel matrix plus ridge, a = A y, and S the scans of one substance, the scores
// without them miss y by A[S,S]^-1 a[S] (the block form of the leave-one-out identity, R. M. Rifkin, R. A. Lippert,
// MIT-CSAIL-TR-2007-025).
func (m *Model) regress(scans []scan) (held []float64, err error) {
	n := len(scans)
	k := mat.NewSymDense(n, nil)
	y := mat.NewVecDense(n, nil)
	for i, a := range scans {
		y.SetVec(i, a.class)
		m.centres = append(m.centres, a.unit...)
	}
	rows := mat.NewDense(n, m.bank.n, m.centres)
	k.SymOuterK(1, rows)
	for i := range n {
		for j := i; j < n; j++ {
			v := kernel(k.At(i, j))
			if i == j {
				v += kernelRidge
			}
			k.SetSym(i, j, v)
		}
	}
	var chol mat.Cholesky
	if !chol.Factorize(k) {
		return nil, fmt.Errorf("%w: the kernel matrix of %d scans is singular", ErrTooFew, n)
	}
	if err := chol.InverseTo(k); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTooFew, err)
	}
	a := mat.NewVecDense(n, nil)
	a.MulVec(k, y)
	m.weights = a.RawVector().Data
	held = make([]float64, n)
	for from := 0; from < n; {
		to := from
		for to < n && scans[to].group == scans[from].group {
			to++
		}
		var miss mat.VecDense
		if err := miss.SolveVec(k.SliceSym(from, to), a.SliceVec(from, to)); err != nil {
			return nil, fmt.Errorf("%w: leave out %s: %w", ErrTooFew, m.bank.substances[scans[from].sample], err)
		}
		for i := from; i < to; i++ {
			held[i] = scans[i].class - miss.AtVec(i-from)
		}
		from = to
	}
	return held, nil
}

// limit is the score that at most the wanted part of the scans of others exceeds: of substances the library does not
// have, alone and in mixtures, and of those it has, of which noise is left.
func (m *Model) limit(scans []scan, held []float64) float64 {
	var alone, mixed, known []float64
	for i, s := range scans {
		switch {
		case s.class > 0:
		case s.pure:
			alone = append(alone, held[i])
		default:
			mixed = append(mixed, held[i])
		}
		if s.known != nil {
			known = append(known, m.value(s.known))
		}
	}
	top := leastAlarm
	for _, scores := range [][]float64{alone, mixed, known} {
		if len(scores) > 0 {
			slices.Sort(scores)
			top = math.Max(top, stat.Quantile(1-m.options.FalseAlarmRate, stat.Empirical, scores, nil))
		}
	}
	return top
}

// logistic fits log-odds of the class to the scores (J. Platt, Advances in Large Margin Classifiers, 2000, 61), both
// classes having the same weight, by Newton's method.
func logistic(scans []scan, held []float64) (ab [2]float64) {
	count := map[float64]float64{}
	for _, s := range scans {
		count[s.class]++
	}
	for range 50 {
		g, h := mat.NewVecDense(2, []float64{0, -1e-3 * ab[1]}), mat.NewSymDense(2, []float64{1e-6, 0, 0, 1e-3})
		for i, s := range scans {
			w, x := 1/count[s.class], []float64{1, held[i]}
			p := 1 / (1 + math.Exp(-ab[0]-ab[1]*held[i]))
			floats.AddScaled(g.RawVector().Data, w*((s.class+1)/2-p), x)
			h.SymRankOne(h, w*p*(1-p), mat.NewVecDense(2, x))
		}
		var step mat.VecDense
		if step.SolveVec(h, g) != nil {
			return ab
		}
		ab[0], ab[1] = ab[0]+step.AtVec(0), ab[1]+step.AtVec(1)
		if mat.Norm(&step, 2) < 1e-9 {
			break
		}
	}
	return ab
}
