package acquire

import (
	"bytes"
	"errors"
	"math"
	"testing"
	"time"

	"fentrace/device"
	"fentrace/device/calibrated"
	"fentrace/spectra"
	"fentrace/spectra/calibration"
)

// scanOf is a SIMULATED scan of polystyrene by an instrument that reads it too high by offset, cm-1.
func scanOf(t *testing.T, offset float64, at time.Time) Scan {
	t.Helper()
	std, err := calibration.Find("polystyrene")
	if err != nil {
		t.Fatal(err)
	}
	const laser = 785.0
	s := Scan{
		Info:     device.Info{Type: "obp", Model: "STS", SerialNumber: "S1", Pixels: 1500, MaxCounts: 65535, LaserNM: laser, Simulated: true},
		Settings: Settings{IntegrationTime: time.Second, Averages: 1, LaserNM: laser},
	}
	light, dark := make([]float64, s.Info.Pixels), make([]float64, s.Info.Pixels)
	for p := range light {
		nm := 795 + 0.16*float64(p)
		s.Info.WavelengthsNM = append(s.Info.WavelengthsNM, nm)
		dark[p] = 1500
		light[p] = 2500 + 10*math.Sin(1.3*float64(p))
		for _, l := range std.Lines {
			light[p] += 4e4 * l.Relative * math.Exp(-math.Pow((1e7/laser-1e7/nm-offset-l.Position)/6, 2))
		}
	}
	s.Frames = []device.Frame{{Counts: light, IntegrationTime: time.Second, Started: at}}
	s.Dark = []device.Frame{{Counts: dark, IntegrationTime: time.Second, Started: at}}
	return s
}

func TestACalibrationTravelsWithTheScanAndCorrectsItsSpectrum(t *testing.T) {
	at := time.Date(2026, 5, 1, 8, 0, 0, 0, time.UTC)
	scan := scanOf(t, 12, at)
	plain, err := scan.Spectrum()
	if err != nil {
		t.Fatal(err)
	}
	result, err := calibration.CalibrateAxis(calibration.Sample{Standard: "polystyrene", Spectrum: plain})
	if err != nil || !result.Accepted {
		t.Fatalf("%v %s", err, result.Reason)
	}
	for name, c := range map[string]struct {
		until time.Time
		want  spectra.CalibrationState
	}{"valid": {at.Add(time.Hour), spectra.CalibrationValid}, "expired": {at.Add(-time.Hour), spectra.CalibrationExpired}} {
		scan.Settings.Calibration = &calibrated.Calibration{Axis: &result.Axis, Done: at.AddDate(0, 0, -20), Until: c.until, Standards: result.Standards, After: result.After}
		raw, err := scan.Raw()
		if err != nil {
			t.Fatal(err)
		}
		again, err := Decode(raw)
		if err != nil {
			t.Fatal(err)
		}
		s, err := again.Spectrum()
		if err != nil {
			t.Fatal(err)
		}
		if moved := s.X[700] - plain.X[700]; math.Abs(moved+12) > 0.3 || s.Y[700] != plain.Y[700] {
			t.Errorf("%s: the axis moved by %.2f", name, moved)
		}
		if m := s.Metadata; m.Calibration == nil || m.Calibration.State != c.want || (len(m.Warnings) == 1) != (c.want == spectra.CalibrationExpired) || m.SHA256 != spectra.HashBytes(raw) {
			t.Errorf("%s: %+v %q", name, m.Calibration, m.Warnings)
		}
		damaged := bytes.Replace(raw, []byte(`"scale_cm1":`), []byte(`"scale_cm1":-`), 1)
		if _, err := Decode(damaged); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: a damaged calibration gives %v", name, err)
		}
	}
}
