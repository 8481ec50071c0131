package format

import (
	"math"
	"strings"
	"testing"

	"fentrace/spectra"
)

func TestEncodingsOfOneTable(t *testing.T) {
	wantX := []float64{400, 402, 404, 406, 408, 410, 412, 414, 416, 418}
	wantY := []float64{0.5, 1, 1.5, 1.5, 1.5, -2.5, 6, 50, 50, -3.5}
	for name, warning := range map[string]string{
		"affn.jdx": "", "pac.jdx": "", "sqz.jdx": "", "sqzdup.jdx": "", "dif.jdx": "", "difdup.jdx": "", "xypoints.jdx": "", "peaks.jdx": "",
		"difzero.jdx": "ends the table with a zero", "missing_end.jdx": "##END= is missing",
	} {
		s := readFixture(t, name, 1)[0]
		near(t, name+" axis", s.X, wantX, 0)
		near(t, name, s.Y, wantY, 0)
		if s.Technique != spectra.Raman || s.XUnit != spectra.PerCM || s.YUnit != spectra.Counts || s.Title != "ten points" {
			t.Errorf("%s: %q %s %s %s", name, s.Title, s.Technique, s.XUnit, s.YUnit)
		}
		if s.Peaks != (name == "peaks.jdx") {
			t.Errorf("%s: Peaks = %v", name, s.Peaks)
		}
		if got := strings.Join(s.Metadata.Warnings, " "); (warning == "") != (got == "") || !strings.Contains(got, warning) {
			t.Errorf("%s: warnings %q, want %q", name, got, warning)
		}
	}
}

func TestWhatAFileGetsWrongIsToldApart(t *testing.T) {
	s := readFixture(t, "difrounded.jdx", 1)[0]
	if s.Y[4] != 2 || len(s.Metadata.Warnings) != 1 || !strings.Contains(s.Metadata.Warnings[0], "line 17") {
		t.Errorf("a check that misses by one unit: y %v, warnings %q", s.Y[4], s.Metadata.Warnings)
	}
	s = readFixture(t, "npoints_lies.jdx", 1)[0]
	if len(s.X) != 20 || s.X[19] != 438 || !strings.Contains(s.Metadata.Warnings[0], "states 99 points but the table holds 20") {
		t.Errorf("NPOINTS that nothing else agrees with: %d points, %q", len(s.X), s.Metadata.Warnings)
	}
	s = readFixture(t, "missing_value.jdx", 1)[0]
	if len(s.X) != 9 || s.X[1] != 404 || !strings.Contains(s.Metadata.Warnings[0], "1 values marked as missing") {
		t.Errorf("a missing value: %v, %q", s.X, s.Metadata.Warnings)
	}
}

func TestLostValuesAreNoticed(t *testing.T) {
	// Whatever single value goes missing from a table, in any encoding, the file is refused.
	lines := map[string][]string{
		"400 1 2 3 3 3\n410 -5 12 100 100 -7\n": {"400 2 3 3 3\n410 -5 12 100 100 -7\n", "400 1 2 3 3\n410 -5 12 100 100 -7\n", "400 1 2 3 3 3\n410 -5 12 100 -7\n", "410 -5 12 100 100 -7\n"},
		"400AJJ%%\n408CqJ7Q8%j07\n418g\n":       {"400AJ%%\n408CqJ7Q8%j07\n418g\n", "400AJJ%%\n408CqJ7Q8%\n418g\n", "400AJJ%%\n418g\n", "408CqJ7Q8%j07\n418g\n"},
	}
	head := "##TITLE=t\n##JCAMP-DX=4.24\n##DATA TYPE=RAMAN SPECTRUM\n##XUNITS=1/CM\n##FIRSTX=400\n##LASTX=418\n##NPOINTS=10\n##XYDATA=(X++(Y..Y))\n"
	for whole, broken := range lines {
		if _, err := Read("t.jdx", []byte(head+whole+"##END=\n")); err != nil {
			t.Fatal(err)
		}
		for _, b := range broken {
			if got, err := Read("t.jdx", []byte(head+b+"##END=\n")); err == nil {
				t.Errorf("read %q as %v", b, got[0].Y)
			}
		}
	}
}

func TestLinkBlocksTransmittanceAndMetadata(t *testing.T) {
	got := readFixture(t, "link.jdx", 2)
	s := got[0]
	near(t, "absorbance", s.Y, []float64{0, 1, 2, 2, 2}, 1e-12)
	m := s.Metadata
	if s.Technique != spectra.IR || s.YUnit != spectra.Absorbance || m.Fields["original_yunits"] != "%T (percent)" {
		t.Errorf("%s %s %q", s.Technique, s.YUnit, m.Fields["original_yunits"])
	}
	if len(m.Warnings) != 1 || !strings.Contains(m.Warnings[0], "2 values of transmittance are not above zero") {
		t.Errorf("warnings %q", m.Warnings)
	}
	if m.SampleName != "Acetone" || m.CAS != "67-64-1" || m.Formula != "C3H6O1" || m.ResolutionCM1 != 4 || m.Acquired.Format("2006-01-02T15:04:05Z07:00") != "2024-03-01T10:20:30+01:00" {
		t.Errorf("metadata %+v", m)
	}
	if m.Simulated || !got[1].Metadata.Simulated {
		t.Error("only the second block states SIMULATED")
	}
}

func TestAssignmentsAreLines(t *testing.T) {
	s := readFixture(t, "assignments.jdx", 1)[0]
	near(t, "positions", s.X, []float64{1715, 1365, 1222}, 0)
	near(t, "heights", s.Y, []float64{0.8, 1, 0.5}, 0)
	if !s.Peaks || s.Technique != spectra.IR || !strings.Contains(s.Metadata.Fields["PEAK ASSIGNMENTS"], "<CH3\nbend>") {
		t.Errorf("%+v", s)
	}
}

func TestPagesOfNTuples(t *testing.T) {
	got := readFixture(t, "ntuples.jdx", 2)
	for i, want := range [][]float64{{1, 2, 3, 4}, {2, 4, 6, 8}} {
		near(t, "axis", got[i].X, []float64{100, 102, 104, 106}, 0)
		near(t, "values", got[i].Y, want, 0)
	}
	if got[1].Title != "pages (N=2)" || got[1].XUnit != spectra.PerCM || got[1].YUnit != spectra.Counts {
		t.Errorf("%q %s %s", got[1].Title, got[1].XUnit, got[1].YUnit)
	}
}

func TestHeaderExtremesAreNotBelieved(t *testing.T) {
	s := readFixture(t, "affn.jdx", 1)[0] // states MAXY 0.001 and MINY -700
	if lo, hi := math.Inf(1), math.Inf(-1); true {
		for _, v := range s.Y {
			lo, hi = min(lo, v), max(hi, v)
		}
		if lo != -3.5 || hi != 50 {
			t.Errorf("values from %g to %g", lo, hi)
		}
	}
}
