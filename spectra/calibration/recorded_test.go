package calibration

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"
	"text/tabwriter"

	"fentrace/bench/dataset"
	"fentrace/spectra"
	"fentrace/spectra/recorded"
)

// table prints a row of residuals per file, seen with -v.
type table struct {
	*tabwriter.Writer
	out strings.Builder
}

func newTable() *table {
	tb := &table{}
	tb.Writer = tabwriter.NewWriter(&tb.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tb, "cm-1:\tlines\tdegree\tbefore mean\tworst\tafter mean\tworst\tleft out mean\tworst")
	return tb
}

func (tb *table) row(name string, r AxisResult) {
	used := 0
	for _, l := range r.Lines {
		if l.Used {
			used++
		}
	}
	fmt.Fprintf(tb, "%s\t%d\t%d\t%.2f\t%.2f\t%.2f\t%.2f\t", name, used, r.Axis.Degree(), r.Before.Mean, r.Before.Worst, r.After.Mean, r.After.Worst)
	if r.Unseen != nil {
		fmt.Fprintf(tb, "%.2f\t%.2f", r.Unseen.Mean, r.Unseen.Worst)
	}
	fmt.Fprintln(tb)
}

func (tb *table) log(t *testing.T) { tb.Flush(); t.Log("\n" + tb.out.String()) }

func TestPolystyreneAndCalciteAreWithinOneWavenumberOnEveryInstrument(t *testing.T) {
	tb := newTable()
	for name, files := range map[string][]string{"polystyrene": dataset.Polystyrene(), "calcite": dataset.Calcite()} {
		for _, file := range files {
			got, err := CalibrateAxis(Sample{name, mustRead(t, recorded.Path(t, file))})
			if err != nil {
				t.Errorf("%s: %v", file, err)
				continue
			}
			tb.row(filepath.Join(filepath.Base(filepath.Dir(file)), filepath.Base(file)), got)
			if !got.Accepted || got.After.Mean > 1 {
				t.Errorf("%s: %.2f cm-1 on average after calibration: %s", file, got.After.Mean, got.Reason)
			}
			// The honest figure: lines that the fit has not seen.
			if got.Unseen != nil && got.Unseen.Mean > 1 {
				t.Errorf("%s: lines left out are %.2f cm-1 off on average", file, got.Unseen.Mean)
			}
		}
	}
	tb.log(t)
}

// transfer calibrates with one sample and measures the lines of another on the corrected axis.
func transfer(t *testing.T, with, on Sample) AxisResult {
	t.Helper()
	cal, err := CalibrateAxis(with)
	if err != nil || !cal.Accepted {
		t.Fatalf("%s: %v %s", with.Standard, err, cal.Reason)
	}
	fixed, err := cal.Axis.Apply(on.Spectrum)
	if err != nil {
		t.Fatal(err)
	}
	got, err := CalibrateAxis(Sample{on.Standard, fixed})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestAnAxisCalibratedWithOneSubstanceIsRightForAnother(t *testing.T) {
	tb := newTable()
	for _, c := range dataset.Transfers() {
		got := transfer(t, Sample{c.With, mustRead(t, recorded.Path(t, c.Calibrated))}, Sample{c.On, mustRead(t, recorded.Path(t, c.Measured))})
		tb.row(fmt.Sprintf("%s %s -> %s", c.Instrument, c.With, c.On), got)
		if got.Before.Mean > 1.2 || got.Before.Worst > AcceptWorstCM1 {
			t.Errorf("%s: calibrated with %s, %s is %.2f cm-1 off on average, %.2f at worst", c.Instrument, c.With, c.On, got.Before.Mean, got.Before.Worst)
		}
	}
	t.Log("before: how far the second substance is off on an axis calibrated with the first")
	tb.log(t)
}

func TestALampOfNeonIsMatchedInVacuum(t *testing.T) {
	tb := newTable()
	polystyrenes := dataset.Polystyrene()
	for _, c := range []struct {
		lamp  []string
		raman string
	}{
		{[]string{"raman", "calibration", "FMNT-M_BW532", "NeonSNQ043_iR532_Probe_100msx2.txt"}, polystyrenes[0]},
		{[]string{"raman", "calibration", "ICV_BW785", "Ne_785nm_x20_50ms.txt"}, polystyrenes[1]},
	} {
		lamp := Sample{"neon", mustRead(t, recorded.Path(t, c.lamp...))}
		alone, err := CalibrateAxis(lamp)
		if err != nil || !alone.Accepted {
			t.Fatalf("%v: %v %s", c.lamp, err, alone.Reason)
		}
		tb.row(c.lamp[2]+" neon", alone)
		both, err := CalibrateAxis(lamp, Sample{"polystyrene", mustRead(t, recorded.Path(t, c.raman))})
		if err != nil || !both.Accepted {
			t.Fatalf("%s: %v %s", c.raman, err, both.Reason)
		}
		tb.row(c.lamp[2]+" neon and polystyrene", both)
		// These instruments are set up in air: their laser is stated as in air, 0.2 nm below that in vacuum.
		if stated := lamp.Spectrum.Metadata.LaserNM; math.Abs(AirNM(both.LaserNM)-stated) > 0.1 {
			t.Errorf("%v: the laser is at %.3f nm in air, stated %.3f", c.lamp, AirNM(both.LaserNM), stated)
		}
	}
	tb.log(t)
}

func TestALampTooWeakIsRefused(t *testing.T) {
	for _, path := range append(recorded.Glob(t, 2, "formats", "raman-vendors", "BWTEK", "lamp*.txt"), recorded.Glob(t, 2, "formats", "raman-vendors", "Zolix", "lamp*.txt")...) {
		s := mustRead(t, path)
		s.Metadata.LaserNM = 785
		if got, err := CalibrateAxis(Sample{"neon", s}); err == nil && got.Accepted {
			t.Errorf("%s was accepted: %+v", path, got.After)
		}
	}
}

func TestARecordedAxisMadeWrongIsRecovered(t *testing.T) {
	for _, file := range dataset.Distortable() {
		measured := mustRead(t, recorded.Path(t, file))
		right, err := CalibrateAxis(Sample{"polystyrene", measured})
		if err != nil {
			t.Fatal(err)
		}
		truth, err := right.Axis.Apply(measured)
		if err != nil {
			t.Fatal(err)
		}
		worst := 0.0
		for _, d := range dataset.Distortions() {
			wrong := d.Apply(measured)
			got, err := CalibrateAxis(Sample{"polystyrene", wrong})
			if err != nil || !got.Accepted {
				t.Errorf("%s with %+v: %v %s", file, d, err, got.Reason)
				continue
			}
			worst = max(worst, dataset.AxisError(got.Axis.Correct, truth, wrong, 600, 1650))
		}
		t.Logf("%s: the worst of %d axes recovered to %.2f cm-1 on average from 600 to 1,650", filepath.Base(file), len(dataset.Distortions()), worst)
		if worst > 1 {
			t.Errorf("%s: the worst is %.2f cm-1 off on average", file, worst)
		}
	}
}

func TestADetectorReadOutFromTheWrongEndInTheFieldIsTurnedRound(t *testing.T) {
	tb := newTable()
	for name, pattern := range map[string]string{"acetaminophen": "Acetaminophen-*.csv", "cyclohexane": "Cyclohexane-*.csv"} {
		for _, path := range recorded.Glob(t, 2, "raman", "cross-instrument", "wrong-axis", pattern) {
			got, err := CalibrateAxis(Sample{name, mustRead(t, path)})
			if err != nil || !got.Accepted || !got.Axis.Reversed {
				t.Errorf("%s: %v %s", path, err, got.Reason)
				continue
			}
			tb.row(filepath.Base(path), got)
		}
	}
	tb.log(t)
}

func TestNoRecordedSubstanceIsTakenForAStandard(t *testing.T) {
	impostors, err := dataset.Impostors(recorded.Path(t), Names())
	if err != nil || len(impostors) < 1000 {
		t.Fatalf("%d pairs of a spectrum and another standard, %v", len(impostors), err)
	}
	refused := 0
	for _, pair := range impostors {
		got, err := CalibrateAxis(Sample{pair.Standard, mustRead(t, pair.Path)})
		switch {
		case err == nil && got.Accepted:
			t.Errorf("%s was taken for %s: %.2f cm-1 on average", pair.Path, pair.Standard, got.After.Mean)
		case err == nil:
			t.Logf("%s as %s: not accepted, %s", filepath.Base(pair.Path), pair.Standard, got.Reason)
		case errors.Is(err, spectra.ErrEmpty):
			t.Errorf("%s: %v", pair.Path, err)
		default:
			refused++
		}
	}
	t.Logf("%d pairs of a spectrum and another standard: %d refused, the rest not accepted", len(impostors), refused)
}
