// Package street measures, on SIMULATED street mixtures, whether the detection limit that an answer states is honest: a
// sample that holds exactly as much fentanyl as the limit says must raise the alarm in 85 to 95 % of scans.
package street

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/stat"

	"fentrace/bench/dataset"
	"fentrace/bench/report"
	"fentrace/data"
	"fentrace/library"
	"fentrace/library/identify"
	"fentrace/library/mixture"
	"fentrace/library/search"
	"fentrace/spectra"
	"fentrace/spectra/simulate"
)

const (
	command = "make bench-accuracy"
	drug    = "Fentanyl"
	// samples of every cut are scanned without the drug, each with another instrument, and repeats times with it.
	samples, repeats = 16, 6
)

type cut struct {
	name  string
	parts map[string]float64
}

// cuts are samples without the drug: what fentanyl is sold in, alone and together, by share of the signal.
var cuts = []cut{
	{"caffeine", map[string]float64{"caffeine": 1}},
	{"mannitol", map[string]float64{"mannitol": 1}},
	{"lactose", map[string]float64{"lactose": 1}},
	{"acetaminophen", map[string]float64{"acetaminophen": 1}},
	{"inositol", map[string]float64{"inositol": 1}},
	{"xylazine", map[string]float64{"xylazine": 1}},
	{"BTMPS", map[string]float64{"BTMPS": 1}},
	{"lidocaine", map[string]float64{"lidocaine": 1}},
	{"procaine", map[string]float64{"procaine": 1}},
	{"caffeine and mannitol", map[string]float64{"caffeine": 0.5, "mannitol": 0.5}},
	{"caffeine and acetaminophen", map[string]float64{"caffeine": 0.6, "acetaminophen": 0.4}},
}

// Measure states a limit from each scan without the drug, then scans the same sample with exactly that share of it.
func Measure(ctx context.Context, _ string) ([]report.Result, error) {
	b, err := newBench()
	if err != nil {
		return nil, err
	}
	single, err := b.cuts(ctx, cuts)
	if err != nil {
		return nil, err
	}
	drawn, err := b.prior(ctx)
	return append(drawn, single...), err
}

// cuts measures mixtures with what the samples are cut with by itself.
func (b *bench) cuts(ctx context.Context, cuts []cut) ([]report.Result, error) {
	var results []report.Result
	var total tally
	perSample := make([]float64, samples)
	trials := make([]float64, samples)
	for _, cut := range cuts {
		ts, err := b.cut(ctx, cut.parts)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", cut.name, err)
		}
		var sum tally
		for i, t := range ts {
			sum.add(t)
			perSample[i] += float64(t.alarms)
			trials[i] += float64(t.scans)
		}
		total.add(sum)
		name := "SIMULATED fentanyl in " + cut.name
		results = append(results, report.AsDetail(
			report.Mean(name+": limit stated, share of the signal", "%", sum.limits, "", 0, command),
			report.Share(name+": alarm at the stated limit", sum.alarms, sum.scans, "", 0, command))...)
	}
	var seeds []float64
	for i := range perSample {
		if trials[i] > 0 {
			seeds = append(seeds, 100*perSample[i]/trials[i])
		}
	}
	atLimit := report.Share("SIMULATED street mixtures: alarm when fentanyl is exactly at the stated limit", total.alarms, total.scans, textbook, total.peerAlarms, command)
	return append([]report.Result{
		atLimit.OverSeeds(seeds),
		report.Mean("SIMULATED street mixtures: limit stated for fentanyl, share of the signal", "%", total.limits, textbook, stat.Mean(total.peerLimits, nil), command),
		report.Share("SIMULATED street mixtures without fentanyl: alarms", total.falseAlarms, total.blanks, "", 0, command),
		report.AsDetail(report.Share("SIMULATED street mixtures without fentanyl: a limit stated", len(total.limits), total.blanks, "", 0, command))[0],
	}, results...), nil
}

// tally counts scans.
type tally struct {
	blanks, falseAlarms int
	limits              []float64 // %
	scans, alarms       int
	peerLimits          []float64 // %
	peerAlarms          int
}

// textbook is the detection limit of validation guidelines (ICH Q2).
const textbook = "3.3 standard errors of the fit"

// count counts one scan with the drug.
func (t *tally) count(alarm bool) {
	t.scans++
	if alarm {
		t.alarms++
	}
}

func (t *tally) add(o tally) {
	t.blanks, t.falseAlarms, t.scans, t.alarms = t.blanks+o.blanks, t.falseAlarms+o.falseAlarms, t.scans+o.scans, t.alarms+o.alarms
	t.limits, t.peerLimits, t.peerAlarms = append(t.limits, o.limits...), append(t.peerLimits, o.peerLimits...), t.peerAlarms+o.peerAlarms
}

type bench struct {
	identifier *identify.Identifier
	lines      map[string][]simulate.Line
	vectors    map[string]search.Vector
	norms      map[string]float64 // of the derivative of lines with an area of 1: shares are of the signal
}

func newBench() (*bench, error) {
	table, err := simulate.ParseLines(bytes.NewReader(data.SimulatedLines))
	if err != nil {
		return nil, err
	}
	b := &bench{lines: map[string][]simulate.Line{}, vectors: map[string]search.Vector{}, norms: map[string]float64{}}
	reference := simulate.Handheld785()
	reference.ResolutionCM1, reference.Gain, reference.ReadNoise = 8, 1e5, 0 // long integration
	var subs []library.Substance
	var refs []library.Reference
	for i, s := range table {
		if s.Technique != spectra.Raman {
			continue
		}
		scan, err := simulate.Spectrum(s.Name, s.Lines, reference, simulate.Conditions{Counts: 5e4, Seed: uint64(i)})
		if err != nil {
			return nil, err
		}
		b.lines[s.Name] = s.Lines
		if b.vectors[s.Name], err = search.Prepare(scan); err != nil {
			return nil, err
		}
		if b.norms[s.Name], err = norm(s, reference); err != nil {
			return nil, err
		}
		sub := library.Substance{ID: s.Name, Name: s.Name, Class: s.Class}
		if sub.FentanylClass() {
			sub.Controlled, sub.Schedule = true, "CSA"
		}
		subs = append(subs, sub)
		refs = append(refs, library.Reference{ID: s.Name, SubstanceID: s.Name, Tier: library.Simulated, Technique: spectra.Raman, Spectrum: &scan})
	}
	b.identifier, err = identify.New(library.NewStack(subs, refs), identify.Options{})
	return b, err
}

// norm of the derivative of a substance whose lines have an area of 1, as in answers from the instrument.
func norm(s simulate.Substance, in simulate.Instrument) (float64, error) {
	in.LowCM1, in.HighCM1, in.Pixels = 20, 2400, 2*in.Pixels // so that no line is cut off
	scan, err := simulate.Spectrum(s.Name, s.Lines, in, simulate.Conditions{Counts: 5e4})
	if err != nil {
		return 0, err
	}
	signal, err := dataset.Signal(scan)
	if err != nil {
		return 0, err
	}
	var area float64
	for i := 1; i < len(scan.X); i++ {
		area += (scan.X[i] - scan.X[i-1]) * (scan.Y[i] + scan.Y[i-1]) / 2
	}
	return signal / area, nil
}

// setting is one instrument and one place on a sample.
type setting struct {
	instrument simulate.Instrument
	conditions simulate.Conditions
}

// draw an instrument that differs from that of the library: resolution 6 to 12 cm-1, axis error of 1.5 cm-1, shot noise
// at a signal-to-noise ratio of 15 to 60, fluorescence up to 6 times the strongest line.
func draw(random *rand.Rand) setting {
	in := simulate.Handheld785()
	in.ResolutionCM1 = 6 + 6*random.Float64()
	in.ShiftCM1 = 1.5 * random.NormFloat64()
	snr, fluorescence := 15+45*random.Float64(), 6*random.Float64()
	// counts^2 = snr^2 (counts (1 + fluorescence) / gain + read^2)
	half := snr * snr * (1 + fluorescence) / in.Gain / 2
	counts := half + math.Sqrt(half*half+snr*snr*in.ReadNoise*in.ReadNoise)
	in.FullScale = 1e9 // exposed so that nothing saturates
	return setting{in, simulate.Conditions{Counts: counts, Fluorescence: fluorescence}}
}

// scan is one scan of parts with a share of the drug, all by signal.
func (b *bench) scan(parts map[string]float64, share float64, at setting, seed uint64) (spectra.Spectrum, error) {
	components := []simulate.Component{{Lines: b.lines[drug], Fraction: share / b.norms[drug]}}
	for _, cut := range slices.Sorted(maps.Keys(parts)) {
		components = append(components, simulate.Component{Lines: b.lines[cut], Fraction: (1 - share) * parts[cut] / b.norms[cut]})
	}
	lines, err := simulate.Mix(components)
	if err != nil {
		return spectra.Spectrum{}, err
	}
	at.conditions.Seed = seed
	return simulate.Spectrum("street mixture", lines, at.instrument, at.conditions)
}

// answer to one scan.
func (b *bench) answer(ctx context.Context, parts map[string]float64, share float64, at setting, seed uint64) (identify.Identification, error) {
	s, err := b.scan(parts, share, at, seed)
	if err != nil {
		return identify.Identification{}, err
	}
	return b.identifier.Identify(ctx, s)
}

// textbookLimit of the drug from a scan of parts alone, 0..1.
func (b *bench) textbookLimit(parts map[string]float64, at setting, seed uint64) (float64, error) {
	s, err := b.scan(parts, 0, at, seed)
	if err != nil {
		return 0, err
	}
	v, err := search.Prepare(s)
	if err != nil {
		return 0, err
	}
	n := len(v.Derivative)
	var refs [][]float64
	for _, cut := range slices.Sorted(maps.Keys(parts)) {
		refs = append(refs, b.vectors[cut].At(v.Low, n, at.instrument.ShiftCM1))
	}
	f, err := mixture.NewFit(v.Derivative, refs)
	if err != nil {
		return 0, err
	}
	se, err := f.Further(b.vectors[drug].At(v.Low, n, at.instrument.ShiftCM1))
	return 3.3 * se / (3.3*se + floats.Sum(f.Coefficients)), err
}

// cut measures one cut: a tally per instrument.
func (b *bench) cut(ctx context.Context, parts map[string]float64) ([]tally, error) {
	out := make([]tally, samples)
	return out, onEveryCore(ctx, samples, func(i int) (err error) {
		out[i], err = b.sample(ctx, parts, draw(rand.New(rand.NewPCG(uint64(i), 2))), uint64(5000+1000*i))
		return err
	})
}

// onEveryCore does 0..n-1 on all cores.
func onEveryCore(ctx context.Context, n int, do func(i int) error) error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		wg.Go(func() {
			for i := w; i < n && ctx.Err() == nil; i += workers {
				errs[i] = do(i)
			}
		})
	}
	wg.Wait()
	return errors.Join(append(errs, ctx.Err())...)
}

// sample states the limit from one scan without the drug and scans it with that much.
func (b *bench) sample(ctx context.Context, parts map[string]float64, at setting, seed uint64) (tally, error) {
	t := tally{blanks: 1}
	blank, err := b.answer(ctx, parts, 0, at, seed)
	if err != nil {
		return t, err
	}
	if blank.Verdict == identify.Alarm {
		t.falseAlarms++
	}
	limit := 1.0
	for _, d := range blank.DetectionLimits {
		if d.Substance == drug {
			limit = d.Fraction
		}
	}
	if blank.Verdict != identify.NoAlarm || limit >= 1 {
		return t, nil // no limit is stated
	}
	peer, err := b.textbookLimit(parts, at, seed)
	if err != nil {
		return t, err
	}
	t.limits, t.peerLimits = append(t.limits, 100*limit), append(t.peerLimits, 100*peer)
	for i := range uint64(repeats) {
		for _, way := range []struct {
			share  float64
			alarms *int
		}{{limit, &t.alarms}, {peer, &t.peerAlarms}} {
			ans, err := b.answer(ctx, parts, way.share, at, seed+1+i)
			if err != nil {
				return t, err
			}
			if ans.Verdict == identify.Alarm {
				*way.alarms++
			}
		}
		t.scans++
	}
	return t, nil
}
