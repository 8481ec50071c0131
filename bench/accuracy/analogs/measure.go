// Package analogs measures, on simulated scans, how often a fentanyl that the library does not have is noticed.
//
// Every one of the 71 computed fentanyls and 70 other substances is scored by a model fitted without it: the model of
// fold i has neither fentanyl i nor other substance i. References are simulated at 6 cm-1 with good light; scans with 6
// to 12 cm-1, an axis error of 1.5 cm-1 (standard deviation), a signal-to-noise ratio of 15 to 60 by shot noise and
// fluorescence of up to six times the height of the strongest line, alone or in one to three cuts by mass. Cuts are the computed cutting
// agents and recorded powders (library-785), which the library has; how strongly the recorded ones scatter is not known
// and taken as the median of the computed substances, per mass.
//
// The lines are semi-empirical. The figures say how well the method tells classes of molecules apart that are as alike
// as these; they are no promise for a real scan.
package analogs

import (
	"context"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"

	"fentrace/bench/report"
	"fentrace/library/analog"
)

const (
	command       = "make bench-accuracy"
	falseAlarms   = 0.01
	seeds         = 5
	scansPerSeed  = 2 // of each substance at each share
	peerName      = "plain ridge on first derivatives"
	trainingSeeds = 1 << 32 // added to the seeds of scans that the peer is fitted on
)

// conditions under which substances are scanned.
var conditions = []condition{
	{share: 1}, {share: 0.75}, {share: 0.5}, {share: 0.35}, {share: 0.2}, {share: 0.1}, {share: 0.05}, {share: 0.02}, {share: 0.01},
	{1, true}, {0.5, true}, {0.2, true},
}

// scores of one method by condition, seed and substance, scansPerSeed each.
type scores [][][][]float64

func newScores(substances int) scores {
	s := make(scores, len(conditions))
	for i := range s {
		s[i] = make([][][]float64, seeds)
		for j := range s[i] {
			s[i][j] = make([][]float64, substances)
		}
	}
	return s
}

// Measure runs every fold. root is the folder of development data. It prints the curve and the hardest substances.
func Measure(ctx context.Context, root string) ([]report.Result, error) {
	computed, measured, err := load(root)
	if err != nil {
		return nil, err
	}
	b := newBench(computed, measured)
	if err := b.run(ctx); err != nil {
		return nil, err
	}
	b.printCurve()
	b.printHardest()
	recorded, err := b.recorded(ctx, root)
	if err != nil {
		return nil, err
	}
	return append(b.results(), recorded), nil
}

// bench holds the substances and what was measured.
type bench struct {
	computed, measured, cuts []substance
	fentanyls                int // the first so many of computed
	ours, margins, peers     scores
}

func newBench(computed, measured []substance) *bench {
	b := &bench{computed: computed, measured: measured, cuts: slices.Clone(measured)}
	for _, s := range computed {
		if s.fentanyl {
			b.fentanyls++
		}
		if s.cut {
			b.cuts = append(b.cuts, s)
		}
	}
	n := len(computed)
	b.ours, b.margins, b.peers = newScores(n), newScores(n), newScores(n)
	return b
}

func (b *bench) run(ctx context.Context) error {
	p, err := fitPeer(b.computed, b.cuts)
	if err != nil {
		return err
	}
	for fold := range max(b.fentanyls, len(b.computed)-b.fentanyls) {
		var out []int
		if fold < b.fentanyls {
			out = append(out, fold)
		}
		if other := b.fentanyls + fold; other < len(b.computed) {
			out = append(out, other)
		}
		model, err := b.fit(ctx, out, uint64(fold))
		if err != nil {
			return fmt.Errorf("fold %d: %w", fold, err)
		}
		for _, i := range out {
			if err := b.score(i, model, p); err != nil {
				return fmt.Errorf("%s: %w", b.computed[i].id, err)
			}
		}
	}
	return nil
}

// fit makes a model without the substances out.
func (b *bench) fit(ctx context.Context, out []int, seed uint64) (*analog.Model, error) {
	var examples []analog.Example
	for i, s := range b.computed {
		if !slices.Contains(out, i) {
			examples = append(examples, s.example)
		}
	}
	for _, s := range b.measured {
		examples = append(examples, s.example)
	}
	return analog.Fit(ctx, examples, analog.Options{FalseAlarmRate: falseAlarms, Seed: seed})
}

// score scans substance i under every condition and looks at the scans with the model and with the peer, neither of which
// saw the substance.
func (b *bench) score(i int, m *analog.Model, p *peer) error {
	for s, at := range conditions {
		for seed := range seeds {
			for k := range scansPerSeed {
				v, err := b.computed[i].draw(at, b.cuts, scanSeed(seed, s, i, k))
				if err != nil {
					return err
				}
				score, err := m.Score(v)
				if err != nil {
					return err
				}
				b.ours[s][seed][i] = append(b.ours[s][seed][i], score.Value)
				b.margins[s][seed][i] = append(b.margins[s][seed][i], score.Value-m.Threshold())
				b.peers[s][seed][i] = append(b.peers[s][seed][i], p.score(v, i))
			}
		}
	}
	return nil
}

// scanSeed gives every scan random numbers of its own.
func scanSeed(seed, at, substance, k int) uint64 {
	return uint64(((seed*len(conditions)+at)*1000+substance)*scansPerSeed + k)
}

// threshold for the scans of one seed, dim or not: at each share at most one in a hundred scans of the other substances, made
// with the other seeds, scores higher.
func (b *bench) threshold(of scores, at, seed int) float64 {
	top := math.Inf(-1)
	for i, c := range conditions {
		if c.dim == conditions[at].dim {
			top = math.Max(top, b.thresholdAt(of, i, seed))
		}
	}
	return top
}

// thresholdAt holds under one condition only. Whoever scans a powder does not know the share; it says what a threshold that
// followed it could reach.
func (b *bench) thresholdAt(of scores, at, seed int) float64 {
	var others []float64
	for other := range seeds {
		if other != seed {
			for _, values := range of[at][other][b.fentanyls:] {
				others = append(others, values...)
			}
		}
	}
	slices.Sort(others)
	return stat.Quantile(1-falseAlarms, stat.Empirical, others, nil)
}

// own compares margins with 0: the threshold that each model set itself.
func (b *bench) own(scores, int, int) float64 { return 0 }

// rule gives the threshold for scans under a condition, made with a seed.
type rule func(of scores, at, seed int) float64

// alarms is the part of scans above the threshold under one condition, in percent: of each substance from..to-1 over all
// seeds, and of each seed over these substances.
func (b *bench) alarms(of scores, at, from, to int, threshold rule) (bySubstance, bySeed []float64) {
	bySubstance, bySeed = make([]float64, to-from), make([]float64, seeds)
	for seed := range seeds {
		limit := threshold(of, at, seed)
		for i := from; i < to; i++ {
			for _, v := range of[at][seed][i] {
				if v > limit {
					bySubstance[i-from] += 100. / (seeds * scansPerSeed)
					bySeed[seed] += 100. / float64(scansPerSeed*(to-from))
				}
			}
		}
	}
	return bySubstance, bySeed
}
