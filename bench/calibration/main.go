// Command calibration measures what a calibration is worth on recorded standards, next to the plain way in the same run,
// and writes bench/RESULTS.md and bench/results.json. The plain way moves the axis as a whole, by the strongest line.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"fentrace/bench/dataset"
	"fentrace/bench/report"
	"fentrace/spectra"
	"fentrace/spectra/calibration"
	"fentrace/spectra/format"
)

const (
	command = "make bench-calibration"
	plainly = "moved by the strongest line"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "calibration:", err)
		os.Exit(1)
	}
}

func run() error {
	root, ok := dataset.Root()
	if !ok {
		return fmt.Errorf("the recorded standards (../shared/data) are not here: nothing to measure")
	}
	b := bench{root: root, impostorsOneIn: 1, distortionsOneIn: 1}
	results, err := b.measure()
	if err != nil {
		return err
	}
	fmt.Print(b.log.String(), "\n", report.Table(results))
	return report.Save("bench/results.json", "bench/RESULTS.md", command, results)
}

// bench measures on the spectra under root. A test takes one in so many of what takes long.
type bench struct {
	root                             string
	impostorsOneIn, distortionsOneIn int
	log                              log
}

func (b *bench) measure() ([]report.Result, error) {
	var all []report.Result
	for _, part := range []func() ([]report.Result, error){b.standards, b.transfers, b.distortions, b.impostors, b.intensity} {
		rs, err := part()
		if err != nil {
			return nil, err
		}
		all = append(all, rs...)
	}
	return all, nil
}

func (b *bench) read(file string) (spectra.Spectrum, error) {
	return readFirst(filepath.Join(b.root, filepath.FromSlash(file)))
}

func readFirst(path string) (spectra.Spectrum, error) {
	read, err := format.ReadFile(path)
	if err != nil {
		return spectra.Spectrum{}, err
	}
	return read[0], nil
}

// errorsOf are the absolute errors (cm-1) of the same lines as the instrument came, moved by the strongest line, and
// calibrated.
type errorsOf struct{ before, plain, after residuals }

// standards measures the lines of polystyrene and calcite on every instrument, on the axis they calibrated themselves,
// and each line on an axis calibrated without it. The plain way has no line but the strongest, so all others are left out.
func (b *bench) standards() ([]report.Result, error) {
	var all errorsOf // by file
	var left, plainLeft residuals
	for _, set := range []struct {
		standard string
		files    []string
	}{{"polystyrene", dataset.Polystyrene()}, {"calcite", dataset.Calcite()}} {
		for _, file := range set.files {
			s, err := b.read(file)
			if err != nil {
				return nil, err
			}
			got, err := calibrate(set.standard, s)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
			p, err := newPlain(set.standard, s)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
			plain, unseen := p.residuals(got.Lines)
			all.before.add(got.Before)
			all.plain.add(plain)
			all.after.add(got.After)
			left.add(*got.Unseen)
			plainLeft.add(unseen)
			b.log.row(set.standard+" "+filepath.Base(filepath.Dir(file))+"/"+filepath.Base(file), got.Before, plain, got.After, *got.Unseen)
		}
	}
	const what = "lines of polystyrene and calcite, every instrument file: "
	return append([]report.Result{
		all.after.mean(what+"mean error after calibration", "as it came", all.before),
		all.after.mean(what+"mean error after calibration", plainly, all.plain),
		all.after.worst(what+"worst line after calibration", plainly, all.plain),
		left.mean(what+"mean error of lines left out one by one", plainly, plainLeft),
	}, report.AsDetail(
		all.after.worstMean(what+"mean error after calibration, worst file", "as it came", all.before),
		all.after.worstMean(what+"mean error after calibration, worst file", plainly, all.plain),
		all.after.worst(what+"worst line after calibration", "as it came", all.before),
		left.worst(what+"worst line left out", plainly, plainLeft),
	)...), nil
}

// transfers calibrates with one standard and measures the lines of another.
func (b *bench) transfers() ([]report.Result, error) {
	var calcite, others errorsOf
	for _, t := range dataset.Transfers() {
		with, err := b.read(t.Calibrated)
		if err != nil {
			return nil, err
		}
		on, err := b.read(t.Measured)
		if err != nil {
			return nil, err
		}
		cal, err := calibrate(t.With, with)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", t.Calibrated, err)
		}
		p, err := newPlain(t.With, with)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", t.Calibrated, err)
		}
		raw, err := calibrate(t.On, on)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", t.Measured, err)
		}
		// The same lines, on three axes: the fit to the second standard itself is not used.
		corrected := residualsOf(raw.Lines, cal.Axis.Correct)
		moved := residualsOf(raw.Lines, p.correct)
		into := &others
		if t.With == "polystyrene" && t.On == "calcite" {
			into = &calcite
		}
		into.before.add(raw.Before)
		into.plain.add(moved)
		into.after.add(corrected)
		b.log.row(t.Instrument+" "+t.With+" -> "+t.On, raw.Before, moved, corrected)
	}
	var out []report.Result
	for _, set := range []struct {
		what string
		e    errorsOf
	}{{"calibrated with polystyrene, lines of calcite: ", calcite}, {"calibrated with one substance, lines of another (not calcite): ", others}} {
		out = append(out,
			set.e.after.mean(set.what+"mean error", "as it came", set.e.before),
			set.e.after.mean(set.what+"mean error", plainly, set.e.plain))
		out = append(out, report.AsDetail(set.e.after.worst(set.what+"worst line", plainly, set.e.plain))...)
	}
	return out, nil
}

// distortions counts how often an axis made wrong is brought back to 1 cm-1 on average from 600 to 1,650 cm-1.
func (b *bench) distortions() ([]report.Result, error) {
	n, ours, plain, worst := 0, 0, 0, 0.0
	for _, file := range dataset.Distortable() {
		recorded, err := b.read(file)
		if err != nil {
			return nil, err
		}
		right, err := calibrate("polystyrene", recorded)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		truth, err := right.Axis.Apply(recorded)
		if err != nil {
			return nil, err
		}
		for i, d := range dataset.Distortions() {
			if i%b.distortionsOneIn != 0 {
				continue
			}
			n++
			wrong := d.Apply(recorded)
			// A calibration that is refused leaves the axis as it is, which is not recovered either.
			if got, err := calibrate("polystyrene", wrong); err == nil {
				e := dataset.AxisError(got.Axis.Correct, truth, wrong, 600, 1650)
				worst = max(worst, e)
				if e <= calibration.AcceptMeanCM1 {
					ours++
				}
			}
			if p, err := newPlain("polystyrene", wrong); err == nil && dataset.AxisError(p.correct, truth, wrong, 600, 1650) <= calibration.AcceptMeanCM1 {
				plain++
			}
		}
	}
	fmt.Fprintf(&b.log, "%d of %d distorted axes recovered, the worst accepted one to %.2f cm-1\n", ours, n, worst)
	return []report.Result{report.Share("axis made wrong by up to 150 cm-1 and bent by up to 30: right to 1 cm-1 on average after calibration", ours, n, plainly, plain, command)}, nil
}

// impostors counts how often something else is accepted for the standard.
func (b *bench) impostors() ([]report.Result, error) {
	pairs, err := dataset.Impostors(b.root, calibration.Names())
	if err != nil {
		return nil, err
	}
	n, ours, plain := 0, 0, 0
	for i, pair := range pairs {
		if i%b.impostorsOneIn != 0 {
			continue
		}
		n++
		s, err := readFirst(pair.Path)
		if err != nil {
			return nil, err
		}
		if _, err := calibrate(pair.Standard, s); err == nil {
			ours++
		}
		if p, err := newPlain(pair.Standard, s); err == nil && p.accepts() {
			plain++
		}
	}
	return []report.Result{report.Share("another substance in place of the standard: accepted", ours, n, plainly+", where enough lines then fit", plain, command)}, nil
}
