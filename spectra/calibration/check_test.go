package calibration

import (
	"errors"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"fentrace/spectra"
	"fentrace/spectra/format"
	"fentrace/spectra/recorded"
)

// film is a SIMULATED transmission spectrum of polystyrene film whose bands are moved.
func film(move func(float64) float64) spectra.Spectrum {
	l := look{low: 450, high: 3900, step: 2, width: 10, noise: 0.001, seed: 4}
	var lines []Line
	for _, f := range filmLines {
		lines = append(lines, Line{f.position + move(f.position), 0.4})
	}
	s := l.sees(lines)
	s.Technique, s.YUnit = spectra.IR, spectra.Absorbance
	return s
}

func TestAFilmInAbsorbanceAndInTransmittanceIsChecked(t *testing.T) {
	still := film(func(float64) float64 { return 0 })
	through := still
	through.Y = make([]float64, len(still.Y))
	for i, v := range still.Y {
		through.Y[i] = math.Pow(10, -v/1e5)
	}
	through.YUnit = spectra.Transmittance
	for name, s := range map[string]spectra.Spectrum{"absorbance": still, "transmittance": through} {
		got, err := CheckFilm(s)
		if err != nil || !got.Passed || got.Errors.Worst > 0.5 || len(got.Lines) != len(filmLines) {
			t.Errorf("%s: %v, %+v", name, err, got)
		}
	}
	got, err := CheckFilm(film(func(x float64) float64 { return -x / 1000 }))
	if err != nil || got.Passed || got.Reason == "" || got.Advice == "" || math.Abs(got.Errors.Worst-3.06) > 0.3 {
		t.Errorf("a stretched axis: %v, %+v", err, got)
	}
	got, err = CheckFilm(film(func(x float64) float64 { return 2.2 }))
	if err != nil || got.Passed || math.Abs(got.OffsetCM1-2.2) > 0.2 {
		t.Errorf("a moved axis: %v, %+v", err, got)
	}
}

func TestWhatIsNoFilmIsRefused(t *testing.T) {
	good := film(func(float64) float64 { return 0 })
	raman := good
	raman.Technique = spectra.Raman
	um := good
	um.XUnit = spectra.Micrometre
	other := look{low: 450, high: 3900, step: 2, width: 10, noise: 0.001}.sees([]Line{{1720, 1}, {1250, .5}, {1100, .6}, {720, .4}})
	other.Technique = spectra.IR
	for name, c := range map[string]struct {
		s    spectra.Spectrum
		want error
	}{"Raman": {raman, ErrTechnique}, "in micrometres": {um, ErrAxisUnit}, "another plastic": {other, ErrNotStandard}, "nothing": {spectra.Spectrum{Technique: spectra.IR, XUnit: spectra.PerCM}, spectra.ErrEmpty}} {
		if _, err := CheckFilm(c.s); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestARecordedFilmIsWithinTolerance(t *testing.T) {
	path := recorded.Path(t, "formats", "opus", "ftir_ps.0")
	read, err := format.ReadFile(path)
	if err != nil {
		t.Skipf("needs a reader for %s: %v", filepath.Base(path), err)
	}
	for _, s := range read {
		if s.Technique != spectra.IR || s.YUnit != spectra.Absorbance && s.YUnit != spectra.Transmittance {
			continue
		}
		got, err := CheckFilm(s)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range got.Lines {
			t.Logf("%.1f found %.1f, %+.2f %s", l.Expected, l.Found, l.Before, l.Note)
		}
		if !got.Passed || got.Errors.Mean > 0.7 {
			t.Errorf("%s is %.2f cm-1 off on average: %s", filepath.Base(path), got.Errors.Mean, got.Reason)
		}
		return
	}
	t.Fatal("the file holds no infrared spectrum")
}

func TestTheContainerTellsHowFarTheAxisIsOff(t *testing.T) {
	for name, file := range map[string]string{"PE": "Polyethylene.csv", "pp": "Polypropylene.csv", "PET": "PET.csv", "ps": "polystyrene.csv"} {
		s := mustRead(t, recorded.Path(t, "raman", "library-785", file))
		for _, offset := range []float64{-20, -5, 0, 7, 18} {
			got, err := CheckContainer(name, distorted(s, offset, 0, 0))
			if err != nil {
				t.Errorf("%s moved %g: %v", file, offset, err)
				continue
			}
			if math.Abs(got.OffsetCM1-offset) > 1.5 {
				t.Errorf("%s moved %g: measured %.1f", file, offset, got.OffsetCM1)
			}
			if got.Passed == (math.Abs(offset) >= 5) {
				t.Errorf("%s moved %g: passed is %v", file, offset, got.Passed)
			}
			if !got.Passed && !strings.Contains(got.Advice, "calibrate") {
				t.Errorf("%s moved %g: the advice is %q", file, offset, got.Advice)
			}
		}
	}
}

func TestWithoutTheLinesOfAContainerNothingIsSaid(t *testing.T) {
	s := handheld.sees([]Line{{700, 1}, {1500, .5}})
	for _, c := range Containers() {
		if got, err := CheckContainer(c, s); !errors.Is(err, ErrNotStandard) && !errors.Is(err, ErrNoSignal) {
			t.Errorf("%s: %v %+v", c, err, got)
		}
	}
	if _, err := CheckContainer("glass", s); !errors.Is(err, ErrUnknown) {
		t.Errorf("glass: %v", err)
	}
	s.Technique = spectra.IR
	if _, err := CheckContainer("PE", s); !errors.Is(err, ErrTechnique) {
		t.Errorf("infrared: %v", err)
	}
}
