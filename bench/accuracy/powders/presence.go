package powders

import (
	"context"
	"math"
	"runtime"
	"sync"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat/distuv"

	"fentrace/bench/report"
)

const (
	// presentAt is the mass fraction from which a component has to be seen.
	presentAt = 0.05
	// significance of the test for one component: half of the false rate that is asked for, since the residual is
	// no textbook noise.
	significance = 0.01
	// decoysEvery scan: neighbours in a vial are alike.
	decoysEvery = 6
)

// tally counts tests of one way.
type tally struct{ seen, there, invented, absent int }

func (t *tally) add(o tally) {
	t.seen, t.there, t.invented, t.absent = t.seen+o.seen, t.there+o.there, t.invented+o.invented, t.absent+o.absent
}

// presence tests in every scan the six components, all of which are in every vial, and as components that are not
// there each decoy beside the six.
func (p *powders) presence(ctx context.Context, root string) ([]report.Result, error) {
	decoys, err := p.decoys(root)
	if err != nil {
		return nil, err
	}
	var results []report.Result
	for _, kind := range kinds {
		ours, peer := make([]tally, len(p.vials)), make([]tally, len(p.vials))
		errs := make([]error, len(p.vials))
		var wg sync.WaitGroup
		workers := runtime.GOMAXPROCS(0)
		for w := range workers {
			wg.Go(func() {
				for i := w; i < len(p.vials) && ctx.Err() == nil; i += workers {
					v := p.vials[i]
					clean, recorded := kind.scans(v.clean), kind.scans(v.plain)
					for j := range clean {
						some := decoys
						if j%decoysEvery != 0 {
							some = nil
						}
						if err := p.test(&ours[i], clean[j], v.truth, some); err != nil {
							errs[i] = err
							return
						}
						p.plainTest(&peer[i], recorded[j], v.truth, some)
					}
				}
			})
		}
		wg.Wait()
		for _, err := range append(errs, ctx.Err()) {
			if err != nil {
				return nil, err
			}
		}
		for i := range ours[1:] {
			ours[0].add(ours[i+1])
			peer[0].add(peer[i+1])
		}
		o, q := ours[0], peer[0]
		results = append(results,
			report.Share("weighed powders, "+kind.name+": component of 5 % and more detected", o.seen, o.there, textbook, q.seen, command),
			report.Share("weighed powders, "+kind.name+": component detected that is not there", o.invented, o.absent, textbook, q.invented, command))
	}
	return results, nil
}

const textbook = "textbook t-test of least squares, same level"

func (p *powders) test(t *tally, s scan, truth []float64, decoys [][]float64) error {
	f, err := p.fit(s)
	if err != nil {
		return err
	}
	for j, fraction := range truth {
		if fraction >= presentAt {
			t.there++
			if f.P(j) < significance {
				t.seen++
			}
		}
	}
	for _, d := range decoys {
		f, err := p.fit(s, d)
		if err != nil {
			return err
		}
		t.absent++
		if f.P(len(truth)) < significance {
			t.invented++
		}
	}
	return nil
}

// plainTest is the textbook: independent residuals of the same size everywhere.
func (p *powders) plainTest(t *tally, s scan, truth []float64, decoys [][]float64) {
	limit := distuv.UnitNormal.Quantile(1 - significance)
	scores := plainScores(p.plainPure, s.values)
	for j, fraction := range truth {
		if fraction >= presentAt {
			t.there++
			if scores[j] > limit {
				t.seen++
			}
		}
	}
	for _, d := range decoys {
		t.absent++
		if plainScores(append(p.plainPure[:len(truth):len(truth)], d), s.values)[len(truth)] > limit {
			t.invented++
		}
	}
}

// plainScores is each coefficient of the unconstrained fit over its standard error.
func plainScores(columns [][]float64, y []float64) []float64 {
	k := len(columns)
	gram, rhs := mat.NewSymDense(k, nil), mat.NewVecDense(k, nil)
	for i, a := range columns {
		rhs.SetVec(i, floats.Dot(a, y))
		for j := range i + 1 {
			gram.SetSym(i, j, floats.Dot(a, columns[j]))
		}
	}
	var chol mat.Cholesky
	var c mat.VecDense
	inverse := mat.NewSymDense(k, nil)
	if !chol.Factorize(gram) || chol.SolveVecTo(&c, rhs) != nil || chol.InverseTo(inverse) != nil {
		return make([]float64, k)
	}
	rest := append([]float64{}, y...)
	for i, a := range columns {
		floats.AddScaled(rest, -c.AtVec(i), a)
	}
	variance := floats.Dot(rest, rest) / float64(len(y)-k)
	out := make([]float64, k)
	for i := range out {
		out[i] = c.AtVec(i) / math.Sqrt(variance*inverse.At(i, i))
	}
	return out
}
