package analog

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
)

// The scans simulated for one model are at most, and of every substance at least, so many.
const (
	mostScans  = 2000
	leastScans = 3
)

// scan is one simulated scan.
type scan struct {
	sample  int
	group   int // of its substance
	class   float64
	pure    bool
	checked bool      // as one that the library has, too
	views   []float64 // without the references of its substance; nil when nothing was left
	known   []float64 // with them, of one scan of every other substance in cuts, else nil
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

// simulate fills in the views, on all cores; each scan has a stream of random numbers of its own.
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
					scans[i].views = onSteps(r.views)
				}
				if scans[i].checked {
					if r, ok := f.look(v, ""); ok {
						scans[i].known = r.views
					}
				}
			}
		})
	}
	wg.Wait()
	return errors.Join(failed...)
}
