package format

import (
	"math"
	"path/filepath"
	"testing"
	"time"

	"gonum.org/v1/gonum/interp"

	"fentrace/spectra"
	"fentrace/spectra/recorded"
)

func sharedFormat(t *testing.T, path string) []spectra.Spectrum {
	t.Helper()
	return mustRead(t, recorded.Path(t, "formats", filepath.FromSlash(path)))
}

func TestRealSPCFiles(t *testing.T) {
	one := func(path string) spectra.Spectrum {
		t.Helper()
		got := sharedFormat(t, path)
		if len(got) != 1 || got[0].Metadata.Format != "spc" {
			t.Fatalf("%s: %d spectra", path, len(got))
		}
		return got[0]
	}
	s := one("spc/NDR0002.SPC")
	if m := s.Metadata; s.Title != "Sulfate Sodium Anhydrous,7757-82-6,Na2SO4,NDR0002" || m.CAS != "7757-82-6" || s.Technique != spectra.Raman || s.XUnit != spectra.PerCM ||
		s.YUnit != spectra.Intensity || len(s.X) != 4069 || s.X[0] != 4011.202392578125 || s.X[4068] != 88.63693237304688 ||
		!m.Acquired.Equal(time.Date(2014, 12, 12, 4, 23, 0, 0, time.UTC)) {
		t.Errorf("NDR0002: %d points of %s, %s in %s, %+v", len(s.X), s.Technique, s.YUnit, s.XUnit, m)
	}
	if at := strongest(s); math.Abs(at-993) > 1 { // the line of the sulfate
		t.Errorf("NDR0002: strongest line at %g", at)
	}
	s = one("spc/absorbance.spc")
	if m := s.Metadata; s.Technique != spectra.IR || s.YUnit != spectra.Absorbance || len(s.X) != 1776 || s.X[0] != 4000 || s.X[1775] != 450 || m.ResolutionCM1 != 4 || m.Averages != 16 ||
		m.Instrument != "PE Spectrum 2000" || m.Fields["LWN"] != "15796.7" || m.Fields[originalYUnits] != "transmittance (percent)" {
		t.Errorf("absorbance: %d points of %s, %s, %+v", len(s.X), s.Technique, s.YUnit, m)
	}
	// Polystyrene: its ring stretch and out-of-plane bend are the strongest bands below 2,000 cm-1.
	if at := strongestWithin(s, 650, 2000); math.Abs(at-698) > 3 {
		t.Errorf("absorbance: strongest band at %g", at)
	}
	s = one("raman-vendors/BWTEK/PST10_iR532_Probe_100_3000msx7.spc")
	if m := s.Metadata; len(s.X) != 3808 || s.X[0] != 175 || s.X[3807] != 3982 || s.Technique != spectra.Raman || s.YUnit != spectra.Intensity ||
		!m.Acquired.Equal(time.Date(2022, 1, 21, 12, 2, 0, 0, time.UTC)) || strongest(s) != 1002 {
		t.Errorf("B&W Tek: %d points from %g, strongest %g, %+v", len(s.X), s.X[0], strongest(s), m)
	}
	s = one("raman-vendors/Renishaw/nCal_Qontor785_z005H12_100_1x3s.spc")
	if m := s.Metadata; len(s.X) != 1021 || m.LaserNM != 785 || m.IntegrationTimeMS != 3000 || m.Averages != 1 || m.SerialNumber != "23YH94" || s.YUnit != spectra.Counts {
		t.Errorf("Renishaw: %d points, %+v", len(s.X), m)
	}
}

func strongestWithin(s spectra.Spectrum, lo, hi float64) float64 {
	best := -1
	for i := range s.X {
		if s.X[i] >= lo && s.X[i] <= hi && (best < 0 || s.Y[i] > s.Y[best]) {
			best = i
		}
	}
	return s.X[best]
}

func TestRealWDFFiles(t *testing.T) {
	got := sharedFormat(t, "wdf/6x6.wdf")
	if len(got) != 36 {
		t.Fatalf("%d spectra, want 36", len(got))
	}
	for i, s := range got {
		m := s.Metadata
		if m.Format != "wdf" || len(s.X) != 1015 || s.Technique != spectra.Raman || s.XUnit != spectra.PerCM || s.YUnit != spectra.Counts || m.Operator != "Raman" || m.Averages != 1 ||
			math.Abs(m.LaserNM-456.817) > 1e-3 || m.Fields["comment"] == "" || m.Fields["application"] != "WiRE 4.4.0.6602" {
			t.Fatalf("spectrum %d: %d points of %s, %+v", i+1, len(s.X), s.Technique, m)
		}
		if i > 0 && !m.Acquired.After(got[i-1].Metadata.Acquired) {
			t.Errorf("spectrum %d was acquired at %v, the one before at %v", i+1, m.Acquired, got[i-1].Metadata.Acquired)
		}
	}
	if f := got[7].Metadata.Fields; got[7].Title != "Simple mapping measurement 1 #8" || f["X"] != "-4495.90356 um" || f["Y"] != "-2468.7475 um" {
		t.Errorf("%q at %q, %q", got[7].Title, f["X"], f["Y"])
	}
	s := sharedFormat(t, "raman-vendors/Renishaw/nCal_Qontor785_z005H12_100_1x3s.wdf")
	text := sharedFormat(t, "raman-vendors/Renishaw/nCal_Qontor785_z005H12_100_1x3s.txt")
	if len(s) != 1 || math.Abs(s[0].Metadata.LaserNM-785.0156) > 1e-3 || s[0].Metadata.Acquired.Format(time.DateTime) != "2022-08-22 11:50:20" {
		t.Fatalf("%d spectra, %+v", len(s), s[0].Metadata)
	}
	// Printed with six decimals.
	near(t, "axis", s[0].X, text[0].X, 6e-7)
	near(t, "values", s[0].Y, text[0].Y, 6e-7)
}

// WiRE re-grids what it exports as SPC to an even axis: the two agree where they are compared at the same position.
func TestRealRenishawSPCAgreesWithWDF(t *testing.T) {
	for spc, wdf := range map[string]string{
		"wdf/6x6.spc": "wdf/6x6.wdf",
		"raman-vendors/Renishaw/nCal_Qontor785_z005H12_100_1x3s.spc": "raman-vendors/Renishaw/nCal_Qontor785_z005H12_100_1x3s.wdf",
	} {
		gridded, measured := sharedFormat(t, spc), sharedFormat(t, wdf)
		if len(gridded) != len(measured) {
			t.Fatalf("%s: %d spectra, %s: %d", spc, len(gridded), wdf, len(measured))
		}
		for i, s := range gridded {
			want := fitted(t, &interp.PiecewiseLinear{}, measured[i])
			for k, x := range s.X {
				v := want.Predict(x)
				if math.Abs(s.Y[k]-v) > 1e-4*math.Abs(v) {
					t.Fatalf("%s, spectrum %d: %g at %g, want %g", spc, i+1, s.Y[k], x, v)
				}
			}
			if d := s.Metadata.Acquired.Sub(measured[0].Metadata.Acquired).Abs(); d > 2*time.Minute {
				t.Errorf("%s: acquired %v, the WDF file began at %v", spc, s.Metadata.Acquired, measured[0].Metadata.Acquired)
			}
		}
	}
}

// B&W Tek interpolates what it exports as SPC to 1 cm-1, from rows about 3 cm-1 apart, with a curve of its own; a cubic
// spline comes within 0.1 % of full scale nearly everywhere and within 2 % on the flank of the strongest line.
func TestRealBWTekSPCAgreesWithText(t *testing.T) {
	s := sharedFormat(t, "raman-vendors/BWTEK/PST10_iR532_Probe_100_3000msx7.spc")[0]
	want := fitted(t, &interp.NaturalCubic{}, sharedFormat(t, "raman-vendors/BWTEK/PST10_iR532_Probe_100_3000msx7.txt")[0])
	worst, squares, top := 0.0, 0.0, 0.0
	for i, x := range s.X {
		d := s.Y[i] - want.Predict(x)
		worst, squares, top = math.Max(worst, math.Abs(d)), squares+d*d, math.Max(top, s.Y[i])
	}
	if rms := math.Sqrt(squares / float64(len(s.X))); worst > 0.02*top || rms > 0.001*top {
		t.Errorf("differs by up to %g and %g on average, of %g", worst, rms, top)
	}
}

func fitted(t *testing.T, p interp.FittablePredictor, s spectra.Spectrum) interp.Predictor {
	t.Helper()
	a := s.Ascending()
	if err := p.Fit(a.X, a.Y); err != nil {
		t.Fatal(err)
	}
	return p
}

// The CSV file beside it is another measurement (of 2023, sample unnamed) on the same instrument with the same settings:
// the axes agree, the values cannot.
func TestRealJWSFile(t *testing.T) {
	got := sharedFormat(t, "jasco/ftir_test.jws")
	csv := sharedFormat(t, "jasco/ftir_test.csv")[0]
	if len(got) != 1 {
		t.Fatalf("%d spectra", len(got))
	}
	s, m := got[0], got[0].Metadata
	if m.Format != "jws" || s.Technique != spectra.IR || s.XUnit != spectra.PerCM || s.YUnit != spectra.Absorbance || s.Title != "test" || m.Instrument != "FT/IR-4600typeA" ||
		m.SerialNumber != "E137161786" || !m.Acquired.Equal(time.Date(2026, 6, 4, 4, 54, 3, 0, time.UTC)) || len(m.Warnings) > 0 {
		t.Errorf("%q, %s, %s in %s, %+v", s.Title, s.Technique, s.YUnit, s.XUnit, m)
	}
	near(t, "axis", s.X, csv.X, 5e-4) // exported in single precision
	if s.Y[0] != 0.018802715465426445 || s.Y[12446] != 0.012622221373021603 {
		t.Errorf("values from %v to %v", s.Y[0], s.Y[12446])
	}
}
