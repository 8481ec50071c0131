package calibrated

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"fentrace/spectra"
	"fentrace/spectra/calibration"
	"fentrace/spectra/durable"
)

var day = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// polystyrene is a SIMULATED spectrum of the standard whose axis is off by offset, cm-1.
func polystyrene(offset float64) spectra.Spectrum {
	std, err := calibration.Find("polystyrene")
	if err != nil {
		panic(err)
	}
	s := spectra.Spectrum{Technique: spectra.Raman, XUnit: spectra.PerCM, YUnit: spectra.Counts, Metadata: spectra.Metadata{LaserNM: 785, Acquired: day, Simulated: true}}
	for i := range 1900 {
		x := 150 + 1.7*float64(i)
		y := 300 + 20*math.Sin(float64(i)*1.3)
		for _, l := range std.Lines {
			y += 1e4 * l.Relative * math.Exp(-math.Pow((x-l.Position)/5.4, 2))
		}
		s.X, s.Y = append(s.X, x+offset), append(s.Y, y)
	}
	return s
}

// axisRecord is a calibration on a day after the first, good or failed.
func axisRecord(t testing.TB, after int, offset float64, accepted bool) Record {
	t.Helper()
	got, err := calibration.CalibrateAxis(calibration.Sample{Standard: "polystyrene", Spectrum: polystyrene(offset)})
	if err != nil {
		t.Fatal(err)
	}
	got.Accepted = accepted
	at := day.AddDate(0, 0, after)
	return Record{Kind: Axis, At: at, Until: at.Add(DefaultValidity), Axis: &got, Sources: []string{"ab12"}}
}

func intensityRecord(after int) Record {
	at := day.AddDate(0, 0, after)
	r := &calibration.Response{SRM: "2241", LaserNM: 785, Low: 200, High: 3200, Step: 1500, Values: []float64{1, .6, .2}}
	return Record{Kind: Intensity, At: at, Until: at.Add(DefaultValidity), Intensity: r}
}

func TestAHistorySurvivesAndIsFoundBySerialNumber(t *testing.T) {
	f := Open(filepath.Join(t.TempDir(), "not", "yet"))
	if list, err := f.List(); err != nil || len(list) != 0 {
		t.Fatalf("a folder that does not exist: %v %v", list, err)
	}
	if in, err := f.Find("STS", "S1"); err != nil || len(in.Records) != 0 || in.SerialNumber != "S1" {
		t.Fatalf("an instrument never calibrated: %+v %v", in, err)
	}
	first, failed, response := axisRecord(t, 0, 3, true), axisRecord(t, 40, 9, false), intensityRecord(20)
	for _, r := range []Record{first, failed, response} { // the last is older than the one before
		if err := f.Add("STS", "S1", r); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Add("STS", "S/1\n\"", first); err != nil {
		t.Fatal(err)
	}
	got, err := Open(f.Dir()).Find("STS", "S1")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(Instrument{Model: "STS", SerialNumber: "S1", Records: []Record{first, response, failed}}, got); d != "" {
		t.Error(d)
	}
	list, err := f.List()
	if err != nil || len(list) != 2 || list[1].SerialNumber != "S1" {
		t.Errorf("the list: %v, %v", list, err)
	}
	if last, ok := got.Last(Intensity); !ok || last.At != response.At {
		t.Errorf("the last response: %+v", last)
	}
	entries, _ := os.ReadDir(f.Dir())
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".part") {
			t.Errorf("%s was left behind", e.Name())
		}
	}
}

func TestWhatACalibrationIsWorthDependsOnTheDay(t *testing.T) {
	in := Instrument{Model: "STS", SerialNumber: "S1", Records: []Record{
		axisRecord(t, 0, 3, true), intensityRecord(1), axisRecord(t, 10, 9, false), axisRecord(t, 12, 5, true)}}
	for _, c := range []struct {
		after int
		want  spectra.CalibrationState
		moved float64 // by the correction
	}{{-1, "", 0}, {1, spectra.CalibrationValid, -3}, {10, spectra.CalibrationFailed, -3}, {12, spectra.CalibrationValid, -5}, {42, spectra.CalibrationValid, -5}, {43, spectra.CalibrationExpired, -5}, {900, spectra.CalibrationExpired, -5}} {
		at := day.AddDate(0, 0, c.after)
		cal := in.At(at, false)
		if c.want == "" {
			if cal != nil {
				t.Errorf("day %d: %+v", c.after, cal)
			}
			continue
		}
		if got := cal.State(at); got != c.want {
			t.Errorf("day %d: %s, want %s", c.after, got, c.want)
		}
		s := polystyrene(3)
		s.Metadata.Acquired = at
		out := cal.Apply(s)
		if moved := out.X[500] - s.X[500]; math.Abs(moved-c.moved) > 0.2 {
			t.Errorf("day %d: moved by %.2f, want %g", c.after, moved, c.moved)
		}
		m := out.Metadata.Calibration
		if m == nil || m.State != c.want || m.Standards[0] != "polystyrene" || m.Intensity != "" || out.YUnit != spectra.Counts {
			t.Errorf("day %d: the scan says %+v", c.after, m)
		}
		warned := slices.ContainsFunc(out.Metadata.Warnings, func(w string) bool { return strings.Contains(w, "calibration of the instrument") })
		if warned != (c.want != spectra.CalibrationValid) {
			t.Errorf("day %d: warnings %q", c.after, out.Metadata.Warnings)
		}
		if len(s.Metadata.Warnings) != 0 || s.Metadata.Calibration != nil {
			t.Errorf("day %d: the scan itself was changed", c.after)
		}
	}
}

func TestAFailedFirstCalibrationMovesNothingButIsSaid(t *testing.T) {
	in := Instrument{Model: "STS", SerialNumber: "S1", Records: []Record{axisRecord(t, 0, 9, false)}}
	s := polystyrene(9)
	out := in.At(day, false).Apply(s)
	if !slices.Equal(out.X, s.X) || out.Metadata.Calibration == nil || out.Metadata.Calibration.State != spectra.CalibrationFailed || len(out.Metadata.Warnings) != 1 {
		t.Errorf("%+v %q", out.Metadata.Calibration, out.Metadata.Warnings)
	}
}

func TestACorrectionThatDoesNotFitTheScanIsAWarning(t *testing.T) {
	in := Instrument{Model: "STS", SerialNumber: "S1", Records: []Record{axisRecord(t, 0, 3, true), intensityRecord(0)}}
	s := polystyrene(3)
	s.Metadata.LaserNM = 532
	out := in.At(day, true).Apply(s)
	if !slices.Equal(out.X, s.X) || out.Metadata.Calibration != nil || len(out.Metadata.Warnings) != 1 || !strings.Contains(out.Metadata.Warnings[0], "532") {
		t.Errorf("%+v %q", out.Metadata.Calibration, out.Metadata.Warnings)
	}
	both := in.At(day, true).Apply(polystyrene(3))
	if both.YUnit != spectra.Intensity || both.Metadata.Calibration.Intensity != "SRM 2241" || both.Metadata.FullScale != 0 {
		t.Errorf("with intensity: %s %+v", both.YUnit, both.Metadata.Calibration)
	}
}

func TestADamagedFileIsNeverTakenForNoCalibration(t *testing.T) {
	f := Open(t.TempDir())
	good := axisRecord(t, 0, 3, true)
	if err := f.Add("STS", "S1", good); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(f.Dir(), fileName("STS", "S1"))
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, damage := range map[string]func(string) string{
		"cut":              func(s string) string { return s[:len(s)/2] },
		"empty":            func(string) string { return "" },
		"other format":     func(s string) string { return strings.Replace(s, formatName, "fentrace-scan", 1) },
		"newer":            func(s string) string { return strings.Replace(s, `"version":1`, `"version":2`, 1) },
		"two objects":      func(s string) string { return s + s },
		"no serial number": func(s string) string { return strings.Replace(s, `"S1"`, `""`, 1) },
		"other instrument": func(s string) string { return strings.Replace(s, `"S1"`, `"S2"`, 1) },
		"no correction":    func(s string) string { return strings.Replace(s, `"coefficients":[`, `"coefficients":[],"was":[`, 1) },
		"never valid":      func(s string) string { return strings.Replace(s, `"until":"2026`, `"until":"2016`, 1) },
	} {
		if err := os.WriteFile(path, []byte(damage(string(raw))), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Find("STS", "S1"); err == nil {
			t.Errorf("%s: read as if whole", name)
		}
		if err := f.Add("STS", "S1", good); err == nil {
			t.Errorf("%s: the damaged history was overwritten", name)
		}
	}
	if _, err := f.Find("STS", " "); !errors.Is(err, ErrNoSerial) {
		t.Errorf("no serial number: %v", err)
	}
	bad := good
	bad.Until = bad.At.Add(2 * MaxValidity)
	if err := f.Add("STS", "S3", bad); !errors.Is(err, ErrRange) {
		t.Errorf("valid for years: %v", err)
	}
}

func TestManyAddingAtOnceLoseNothingAndOldRecordsGo(t *testing.T) {
	dir := t.TempDir()
	r := intensityRecord(0)
	var wait sync.WaitGroup
	for i := range 20 {
		wait.Go(func() {
			mine := r
			mine.Operator = fmt.Sprint(i)
			if err := Open(dir).Add("STS", "S1", mine); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	in, err := Open(dir).Find("STS", "S1")
	if err != nil || len(in.Records) != 20 {
		t.Fatalf("%d records, %v", len(in.Records), err)
	}
	for len(in.Records) < MaxRecords {
		in.Records = append(in.Records, r)
	}
	raw := mustEncode(t, in)
	if err := durable.Write(filepath.Join(dir, fileName("STS", "S1")), durable.Bytes(raw)); err != nil {
		t.Fatal(err)
	}
	last := intensityRecord(5)
	if err := Open(dir).Add("STS", "S1", last); err != nil {
		t.Fatal(err)
	}
	in, err = Open(dir).Find("STS", "S1")
	if err != nil || len(in.Records) != MaxRecords || !in.Records[MaxRecords-1].At.Equal(last.At) {
		t.Errorf("%d records, %v", len(in.Records), err)
	}
}
