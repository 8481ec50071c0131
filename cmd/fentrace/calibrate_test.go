package main

import (
	"bytes"
	"encoding/json"
	"image/png"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"fentrace/device/calibrated"
	"fentrace/library/identify"
	"fentrace/spectra"
	"fentrace/spectra/calibration"
	"fentrace/spectra/format"
)

// standardCommand writes a SIMULATED scan of a standard on an instrument whose axis is off:
// standard FILE NAME OFFSET DATE SERIAL. NAME "film" is polystyrene film in the infrared, "srm2241" the glass;
// "uneven-" before a name makes the axis jump to and fro.
func standardCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 5 {
		ts.Fatalf("usage: standard FILE NAME OFFSET DATE SERIAL")
	}
	offset, err := strconv.ParseFloat(args[2], 64)
	ts.Check(err)
	at, err := time.Parse(time.DateOnly, args[3])
	ts.Check(err)
	s, err := standardScan(args[1], offset)
	ts.Check(err)
	s.Metadata.Acquired, s.Metadata.Instrument, s.Metadata.SerialNumber = at, "Handheld", strings.TrimPrefix(args[4], "-")
	var b bytes.Buffer
	ts.Check(format.WriteCSV(&b, s))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), b.Bytes(), 0o644))
}

// standardScan is a SIMULATED spectrum of a standard, read too high by offset.
func standardScan(name string, offset float64) (spectra.Spectrum, error) {
	s := spectra.Spectrum{Title: "SIMULATED " + name, Technique: spectra.Raman, XUnit: spectra.PerCM, YUnit: spectra.Counts,
		Metadata: spectra.Metadata{LaserNM: 785, DarkSubtracted: true, Simulated: true}}
	var lines []calibration.Line
	glass := func(float64) float64 { return 0 }
	switch name {
	case "film":
		s.Technique, s.YUnit, s.Metadata.LaserNM = spectra.IR, spectra.Absorbance, 0
		for _, x := range []float64{841.9, 906.6, 1028.3, 1154.5, 1583.0, 1601.2, 1942.9, 2849.5, 3060.0} {
			lines = append(lines, calibration.Line{Position: x, Relative: 0.5})
		}
	case "srm2241":
		c, err := calibration.FindCertificate("2241")
		if err != nil {
			return s, err
		}
		glass = func(x float64) float64 { return c.At(x) * (1.2 - x/3500) }
	default:
		std, err := calibration.Find(strings.TrimPrefix(name, "uneven-"))
		if err != nil {
			return s, err
		}
		for i, l := range std.Lines {
			if strings.HasPrefix(name, "uneven-") { // as on an axis that jumps to and fro
				l.Position += 2 * float64(i%2*2-1)
			}
			lines = append(lines, l)
		}
	}
	for i := range 1850 {
		x := 210 + 1.6*float64(i)
		y := 1000 + 15*math.Sin(1.7*float64(i)) + 2e4*glass(x)
		for _, l := range lines {
			y += 1e4 * l.Relative * math.Exp(-math.Pow((x-l.Position)/5.4, 2))
		}
		s.X, s.Y = append(s.X, x+offset), append(s.Y, y)
	}
	return s, nil
}

// history is an instrument that drifted for a year, was knocked, failed, and was mended.
func history(t *testing.T) calibrated.Instrument {
	t.Helper()
	in := calibrated.Instrument{Model: "Handheld", SerialNumber: "H1"}
	begin := time.Date(2025, 10, 1, 9, 0, 0, 0, time.UTC)
	for i, offset := range []float64{0.2, 0.5, 0.9, 1.0, 1.6, 9.5, 9.8, 0.1, 0.3} {
		s, err := standardScan("polystyrene", offset)
		if err != nil {
			t.Fatal(err)
		}
		for k, x := range s.X {
			s.X[k] = x + float64(i)*0.0004*(x-1000)
		}
		got, err := calibration.CalibrateAxis(calibration.Sample{Standard: "polystyrene", Spectrum: s})
		if err != nil {
			t.Fatal(err)
		}
		got.Accepted = i != 6
		at := begin.AddDate(0, i, 0)
		in.Records = append(in.Records, calibrated.Record{Kind: calibrated.Axis, At: at, Until: at.AddDate(0, 0, 30), Axis: &got, Simulated: true})
	}
	return in
}

func TestTheDriftChartShowsEveryCalibration(t *testing.T) {
	t.Parallel()
	in := history(t)
	var b bytes.Buffer
	if err := driftPNG(&b, in); err != nil {
		t.Fatal(err)
	}
	raw := b.Bytes()
	if dir := os.Getenv("FENTRACE_CHARTS"); dir != "" { // to look at it
		if err := os.WriteFile(filepath.Join(dir, "drift.png"), raw, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	img, err := png.Decode(bytes.NewReader(raw))
	if err != nil || img.Bounds().Dx() != 800 || img.Bounds().Dy() != 450 {
		t.Fatalf("%v, %v", err, img.Bounds())
	}
	// Each of the three colours is there, and the black of the cross.
	for i, style := range driftStyles {
		r, g, b, _ := style.colour.RGBA()
		n := 0
		for y := range 450 {
			for x := range 800 {
				if pr, pg, pb, _ := img.At(x, y).RGBA(); pr == r && pg == g && pb == b {
					n++
				}
			}
		}
		if n < 200 {
			t.Errorf("line %d has %d dots", i+1, n)
		}
	}
	points := drift(in)
	if len(points) != 9 || math.Abs(points[5].ErrorsCM1[1]-9.5) > 0.3 || !points[6].Failed || points[5].Failed {
		t.Errorf("the drift is %+v", points)
	}
	text := strings.Join(driftLines(points), "\n")
	if unfit(text) != "" || !strings.Contains(text, "since 2025-10-01") {
		t.Errorf("%s\n%s", unfit(text), text)
	}
	if err := driftPNG(io.Discard, calibrated.Instrument{SerialNumber: "H2"}); err == nil {
		t.Error("a chart of nothing was drawn")
	}
	one := in
	one.Records = in.Records[:1]
	if err := driftPNG(io.Discard, one); err != nil {
		t.Errorf("one calibration: %v", err)
	}
}

func TestAScanKnowsWhatItsCalibrationIsWorth(t *testing.T) {
	t.Parallel()
	// The emulator draws a recorded standard as it is; the instrument is then calibrated with it.
	dir := t.TempDir()
	s, err := standardScan("polystyrene", 6)
	if err != nil {
		t.Fatal(err)
	}
	recorded := filepath.Join(dir, "ps.csv")
	var b bytes.Buffer
	if err := format.WriteCSV(&b, s); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(recorded, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	port := emulate(t, "--type", "qepro", "--spectrum", recorded)
	folder := filepath.Join(dir, "calibrations")

	out := mustRun(t, "calibrate", "axis", "--standard", "polystyrene", "--port", port, "--calibrations", folder, "--averages", "2", "--integration", "100ms")
	if !strings.Contains(out, "AXIS ACCEPTED") || !strings.Contains(out, simulatedTag) || unfit(out) != "" {
		t.Fatalf("%s\n%s", unfit(out), out)
	}
	if after := mustRun(t, "device", "info", "--port", port, "--calibrations", folder); !strings.Contains(after, "calibrated   until 2") {
		t.Errorf("after: %s", after)
	}
	type scanned struct {
		Spectra        []spectra.Spectrum
		Identification identify.Identification
	}
	scan := func(args ...string) (got scanned) {
		t.Helper()
		args = append([]string{"scan", "--port", port, "--json", "--integration", "100ms", "--calibrations", folder}, args...)
		if err := json.Unmarshal([]byte(mustRun(t, args...)), &got); err != nil {
			t.Fatal(err)
		}
		return got
	}
	strongest := func(s spectra.Spectrum) float64 {
		found, err := calibration.FindLines(s, 900, 1100)
		if err != nil {
			t.Fatal(err)
		}
		best := found[0]
		for _, f := range found {
			if f.Prominence > best.Prominence {
				best = f
			}
		}
		return best.X
	}
	saved := filepath.Join(dir, "scan.json")
	got := scan("--save", saved)
	if c := got.Spectra[0].Metadata.Calibration; c == nil || c.State != spectra.CalibrationValid {
		t.Errorf("the scan says %+v", c)
	}
	if at := strongest(got.Spectra[0]); math.Abs(at-1001.4) > 1 {
		t.Errorf("the line of 1001.4 is at %.1f", at)
	}

	// The stored scan carries its calibration: read without the folder it is the same.
	var again spectraJSON
	if err := json.Unmarshal([]byte(mustRun(t, "show", "--json", saved)), &again); err != nil {
		t.Fatal(err)
	}
	if c := again.Spectra[0].Metadata.Calibration; c == nil || c.State != spectra.CalibrationValid || again.Spectra[0].X[100] != got.Spectra[0].X[100] {
		t.Errorf("read again it says %+v", c)
	}

	// A failed attempt since then is said by the scan and by its answer.
	history, err := calibrated.Open(folder).List()
	if err != nil || len(history) != 1 {
		t.Fatalf("%v %v", history, err)
	}
	failed := history[0].Records[0]
	axis := *failed.Axis
	axis.Accepted, axis.Reason = false, "made to fail"
	failed.Axis, failed.At = &axis, failed.At.Add(time.Millisecond)
	if err := calibrated.Open(folder).Add(history[0].Model, history[0].SerialNumber, failed); err != nil {
		t.Fatal(err)
	}
	failedScan := filepath.Join(dir, "failed.json")
	got = scan("--save", failedScan)
	if c := got.Spectra[0].Metadata.Calibration; c == nil || c.State != spectra.CalibrationFailed || math.Abs(strongest(got.Spectra[0])-1001.4) > 1 {
		t.Errorf("after a failure the scan says %+v", c)
	}
	if reasons := strings.Join(got.Identification.Reasons, "; "); !strings.Contains(reasons, "calibration of the instrument failed") {
		t.Errorf("the answer's reasons: %s", reasons)
	}
	out = mustRun(t, "show", failedScan)
	if !strings.Contains(out, "FAILED; the one before is used") || unfit(out) != "" {
		t.Errorf("%s\n%s", unfit(out), out)
	}

	// Without a folder nothing is corrected, and a damaged one is not passed over.
	if err := os.WriteFile(filepath.Join(folder, filesIn(t, folder)[0]), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := run(t, "", "scan", "--port", port, "--calibrations", folder); code != exitFailed || !strings.Contains(stderr, "not a calibration file") {
		t.Errorf("a damaged file: exit code %d, %s", code, stderr)
	}
}

// filesIn lists the files of a folder that are not hidden.
func filesIn(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") {
			names = append(names, e.Name())
		}
	}
	return names
}
