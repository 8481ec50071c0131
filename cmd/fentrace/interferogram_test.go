package main

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fentrace/bench/dataset"
	"fentrace/spectra"
	"fentrace/spectra/format"
	"fentrace/spectra/interferogram"
)

// sweepInterval is that of an instrument with a helium-neon laser, in cm.
const sweepInterval = 1 / (2 * 15798.26)

// writeSweep writes a SIMULATED interferogram, one sweep forward and one backward, of a broad source through a sample whose
// one band at 1,600 cm-1 has the given absorbance at its top.
func writeSweep(t *testing.T, path string, absorbance float64, m spectra.Metadata) {
	t.Helper()
	const left, right = 1500, 1490
	forward := make([]float64, left+right+1)
	for nu := 400.0; nu < 4000; nu += 10 {
		source := math.Exp(-math.Pow((nu-1800)/900, 2))
		source *= math.Pow(10, -absorbance*math.Exp(-math.Pow((nu-1600)/80, 2)))
		for i := range forward {
			forward[i] += source * math.Cos(2*math.Pi*nu*(float64(i-left)-0.3)*sweepInterval)
		}
	}
	backward := slices.Clone(forward)
	slices.Reverse(backward)
	m.Simulated, m.SamplingIntervalCM, m.Sweeps = true, sweepInterval, 2
	s := spectra.Spectrum{Title: "film", Technique: spectra.Other, XUnit: spectra.DataPoint, YUnit: spectra.Arbitrary, Y: slices.Concat(forward, backward), Metadata: m}
	for i := range s.Y {
		s.X = append(s.X, float64(i))
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	write := format.WriteCSV
	if strings.HasSuffix(path, ".jdx") {
		write = format.WriteJCAMP
	}
	if err := write(f, s); err != nil {
		t.Fatal(err)
	}
}

func TestAbsorbanceIsComputedFromTwoFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	sample, empty, out := filepath.Join(dir, "film.csv"), filepath.Join(dir, "empty.jdx"), filepath.Join(dir, "out.csv")
	writeSweep(t, sample, 0.7, spectra.Metadata{ResolutionCM1: 24})
	writeSweep(t, empty, 0, spectra.Metadata{ResolutionCM1: 24})
	// Points of the source 10 cm-1 apart repeat after 0.1 cm; the resolution keeps the record within that.
	text := mustRun(t, "interferogram", "--background", empty, "--low", "1000", "--high", "2500", "--out", out, sample)
	for _, want := range []string{"SIMULATED", "absorbance over wavenumber", "resolution 24 cm-1", "saved", "water"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	for l := range strings.Lines(text) {
		if len([]rune(strings.TrimSuffix(l, "\n"))) > columns && !strings.Contains(l, dir) {
			t.Errorf("too wide: %s", l)
		}
	}
	saved, err := format.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	s := saved[0]
	if s.Technique != spectra.IR || s.YUnit != spectra.Absorbance || !s.Metadata.Simulated || !strings.Contains(s.Metadata.Fields[interferogram.TransformField], "norton-beer-medium") {
		t.Errorf("%s in %s, %+v", s.Technique, s.YUnit, s.Metadata)
	}
	top := 0
	for i := range s.Y {
		if s.Y[i] > s.Y[top] {
			top = i
		}
	}
	if math.Abs(s.X[top]-1600) > 10 || math.Abs(s.Y[top]-0.7) > 0.02 {
		t.Errorf("the band is %.3f high at %.1f cm-1", s.Y[top], s.X[top])
	}
	if code, _, stderr := run(t, "", "interferogram", "--background", empty, "--out", out, sample); code != exitUsage || !strings.Contains(stderr, "not overwritten") {
		t.Errorf("a file that exists: %d %s", code, stderr)
	}
}

func TestInterferogramsWithoutABackgroundGiveSingleBeamsOnly(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "film.jdx")
	writeSweep(t, path, 0.7, spectra.Metadata{})
	if code, _, stderr := run(t, "", "interferogram", path); code != exitFailed || !strings.Contains(stderr, "--background FILE, or take --single-beam") {
		t.Errorf("%d %s", code, stderr)
	}
	var got struct{ Spectra []computed }
	if err := json.Unmarshal([]byte(mustRun(t, "interferogram", "--single-beam", "--json", "--zero-fill", "4", "--phase", "power", path)), &got); err != nil {
		t.Fatal(err)
	}
	r := got.Spectra[0]
	if len(got.Spectra) != 1 || r.YUnit != spectra.SingleBeam || r.Settings.ZeroFill != 4 || r.Settings.Phase != interferogram.Power || r.Agreement != nil || !r.Metadata.Simulated {
		t.Errorf("%d spectra, %s, %+v", len(got.Spectra), r.YUnit, r.Settings)
	}
	// An interferogram is no scan of a substance.
	if text := mustRun(t, "identify", path); !strings.Contains(text, "an interferogram, not a spectrum") || !strings.Contains(text, "fentrace interferogram FILE") {
		t.Errorf("identify says\n%s", text)
	}
}

func TestInterferogramFlagsAreCheckedBeforeAnythingIsRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	plainSweep := filepath.Join(dir, "plain.csv")
	if err := os.WriteFile(plainSweep, []byte("point,signal\n"+sweepRows(64)), 0o644); err != nil {
		t.Fatal(err)
	}
	for says, args := range map[string][]string{
		"zero filling by 3":         {"--zero-fill", "3", "missing"},
		"wavenumbers from 900":      {"--low", "900", "--high", "800", "missing"},
		"leave out --background":    {"--single-beam", "--background", "a", "missing"},
		"has to end in .jdx":        {"--out", "x.png", "missing"},
		"above 0":                   {"--interval=-1", "missing"},
		"must be one of":            {"--phase", "forman", "missing"},
		"there is no such file":     {"missing"},
		"needs --interval":          {"--single-beam", plainSweep},
		"give diamond, or the refr": {"--atr", "glass", "missing"},
		"no total reflection":       {"--atr", "1.6,1.5,45", "missing"},
	} {
		code, out, stderr := run(t, "", append([]string{"interferogram"}, args...)...)
		if code == exitOK || out != "" || !strings.Contains(stderr, says) {
			t.Errorf("%q: exit code %d, %s%s\nwant %q", args, code, out, stderr, says)
		}
	}
	if text := mustRun(t, "interferogram", "--single-beam", "--interval", "1e-4", "--sweeps", "2", plainSweep); !strings.Contains(text, "single beam over wavenumber") {
		t.Errorf("%s", text)
	}
}

// sweepRows are two sweeps of n points as rows of a table, without anything that a file of an interferogram states.
func sweepRows(n int) string {
	var b strings.Builder
	for i := range 2 * n {
		at := min(i, 2*n-1-i)
		d := float64(at - n/2)
		b.WriteString(strings.Join([]string{number(float64(i)), number(10*math.Exp(-d*d/20)*math.Cos(d) + 0.5)}, ","))
		b.WriteByte('\n')
	}
	return b.String()
}

func TestRecordedInterferogramsGiveTheStoredAbsorbance(t *testing.T) {
	t.Parallel()
	root, ok := dataset.Root()
	if !ok {
		t.Skip("the recorded spectra are not beside the project (../shared/data)")
	}
	path := filepath.Join(root, "formats", "opus", "ftir_ps.0")
	var got struct{ Spectra []computed }
	if err := json.Unmarshal([]byte(mustRun(t, "interferogram", "--json", path)), &got); err != nil {
		t.Fatal(err)
	}
	a := got.Spectra[0].Agreement
	if len(got.Spectra) != 1 || a == nil || a.Correlation < 0.99998 || a.Largest > 0.005 {
		t.Errorf("%d spectra, agreement %+v", len(got.Spectra), a)
	}
	// The agreement is judged before the correction, which changes what is compared.
	var corrected struct{ Spectra []computed }
	if err := json.Unmarshal([]byte(mustRun(t, "interferogram", "--json", "--atr", "diamond", path)), &corrected); err != nil {
		t.Fatal(err)
	}
	c := corrected.Spectra[0]
	if c.Agreement == nil || *c.Agreement != *a || slices.Equal(c.Y, got.Spectra[0].Y) {
		t.Errorf("with --atr: agreement %+v", c.Agreement)
	}
	// A file with its result beside the raw data is one scan.
	if text := mustRun(t, "identify", "--json", path); strings.Count(text, "\n") != 1 || !strings.Contains(text, "polystyrene") {
		t.Errorf("identify says\n%s", text)
	}
}
