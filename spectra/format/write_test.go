package format

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"fentrace/spectra"
)

// anySpectrum draws a spectrum with every kind of axis, value and metadata that a writer must keep.
func anySpectrum(t *rapid.T) spectra.Spectrum {
	n := rapid.IntRange(1, 60).Draw(t, "n")
	s := spectra.Spectrum{
		Title:     strings.TrimSpace(rapid.StringMatching(`[A-Za-zµ°,;:'"=#%()\- 0-9]{1,40}`).Draw(t, "title")),
		Technique: rapid.SampledFrom([]spectra.Technique{spectra.Raman, spectra.IR, spectra.Other}).Draw(t, "technique"),
		XUnit:     rapid.SampledFrom([]spectra.Unit{spectra.PerCM, spectra.Nanometre, spectra.Micrometre, spectra.Pixel, spectra.DataPoint, "HZ"}).Draw(t, "x unit"),
		YUnit:     rapid.SampledFrom([]spectra.Unit{spectra.Counts, spectra.Intensity, spectra.Absorbance, spectra.SingleBeam, spectra.Arbitrary, "PICOAMPERES"}).Draw(t, "y unit"),
		Peaks:     rapid.Bool().Draw(t, "peaks"),
		Y:         rapid.SliceOfN(rapid.Float64Range(-1e12, 1e12), n, n).Draw(t, "y"),
	}
	if s.Title == "" {
		s.Title = "x"
	}
	first := rapid.Float64Range(-500, 4000).Draw(t, "first")
	if rapid.Bool().Draw(t, "even") {
		s.X = linspace(first, first+rapid.Float64Range(1, 3000).Draw(t, "span"), n)
	} else {
		for range n {
			s.X = append(s.X, first)
			first += rapid.Float64Range(1e-3, 5).Draw(t, "gap")
		}
	}
	if rapid.Bool().Draw(t, "descending") {
		slices.Reverse(s.X)
	}
	m := &s.Metadata
	m.Simulated = rapid.Bool().Draw(t, "simulated")
	m.LaserNM = rapid.SampledFrom([]float64{0, 532.02, 785, 1064}).Draw(t, "laser")
	m.IntegrationTimeMS = rapid.SampledFrom([]float64{0, 0.25, 1000}).Draw(t, "time")
	m.Averages = rapid.IntRange(0, 100).Draw(t, "averages")
	m.SampleName = rapid.SampledFrom([]string{"caffeine", "α-lactose, hydrous"}).Draw(t, "sample")
	m.CAS = rapid.SampledFrom([]string{"", "58-08-2"}).Draw(t, "cas")
	m.SerialNumber = rapid.SampledFrom([]string{"", "WP-1"}).Draw(t, "serial")
	m.SamplingIntervalCM = rapid.SampledFrom([]float64{0, 1. / (2 * 15799.2373046875)}).Draw(t, "interval")
	m.Sweeps = rapid.IntRange(0, 2).Draw(t, "sweeps")
	m.Background = rapid.Bool().Draw(t, "background")
	m.DarkSubtracted = rapid.Bool().Draw(t, "dark")
	if rapid.Bool().Draw(t, "cooled") {
		v := rapid.Float64Range(-60, 40).Draw(t, "temperature")
		m.TemperatureC = &v
	}
	if rapid.Bool().Draw(t, "calibrated") {
		m.Calibration = &spectra.Calibration{State: spectra.CalibrationExpired, At: time.Unix(1e9, 0).UTC(), Until: time.Unix(2e9, 0).UTC(),
			Standards: []string{"neon", "polystyrene"}, MeanCM1: 0.31, WorstCM1: 1.2, Intensity: "SRM 2241"}
	}
	if rapid.Bool().Draw(t, "dated") {
		m.Acquired = time.Unix(rapid.Int64Range(0, 2e9).Draw(t, "acquired"), 0).UTC()
	}
	return s
}

func roundTrip(t *rapid.T, write func(io.Writer, spectra.Spectrum) error, s spectra.Spectrum) spectra.Spectrum {
	var b bytes.Buffer
	if err := write(&b, s); err != nil {
		t.Fatal(err)
	}
	got, err := Read("written", b.Bytes())
	if err != nil {
		t.Fatalf("%v\n%s", err, b.String())
	}
	if len(got) != 1 || !slices.Equal(got[0].X, s.X) || !slices.Equal(got[0].Y, s.Y) {
		t.Fatalf("the points changed\n%s", b.String())
	}
	if s.Metadata.Simulated && !strings.Contains(b.String(), "SIMULATED") {
		t.Fatal("a simulated spectrum was written without saying so")
	}
	return got[0]
}

func TestCSVKeepsEverything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := anySpectrum(t)
		got := roundTrip(t, WriteCSV, s)
		s.Metadata.Format, s.Metadata.SHA256 = "delimited", got.Metadata.SHA256
		if !reflect.DeepEqual(got, s) {
			t.Fatalf("got  %+v\nwant %+v", got, s)
		}
	})
}

func TestJCAMPKeepsPointsAndMetadata(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := anySpectrum(t)
		got := roundTrip(t, WriteJCAMP, s)
		title := strings.ReplaceAll(s.Title, "$$", "$ $")
		if s.Metadata.Simulated && !saysSimulated(title) {
			title = "SIMULATED " + title
		}
		if got.Title != title || got.Technique != s.Technique || got.XUnit != s.XUnit || got.YUnit != s.YUnit || got.Peaks != s.Peaks {
			t.Fatalf("got %q %s %s %s, want %q %s %s %s", got.Title, got.Technique, got.XUnit, got.YUnit, title, s.Technique, s.XUnit, s.YUnit)
		}
		want := s.Metadata
		want.Format, want.SHA256, want.Fields, want.Warnings = "jcamp-dx", got.Metadata.SHA256, got.Metadata.Fields, nil
		if !got.Metadata.Acquired.Equal(want.Acquired) {
			t.Fatalf("acquired %v, want %v", got.Metadata.Acquired, want.Acquired)
		}
		want.Acquired = got.Metadata.Acquired
		if !reflect.DeepEqual(got.Metadata, want) {
			t.Fatalf("got  %+v\nwant %+v", got.Metadata, want)
		}
	})
}

func TestWritersKeepRealFiles(t *testing.T) {
	for _, path := range []string{"testdata/affn.jdx", "testdata/link.jdx", "testdata/enlighten_session.csv", "testdata/bwtek.txt", "testdata/assignments.jdx"} {
		for _, s := range mustRead(t, path) {
			for name, write := range map[string]func(io.Writer, spectra.Spectrum) error{"JCAMP-DX": WriteJCAMP, "CSV": WriteCSV} {
				var b bytes.Buffer
				if err := write(&b, s); err != nil {
					t.Fatal(err)
				}
				got, err := Read("x", b.Bytes())
				if err != nil {
					t.Fatalf("%s as %s: %v", path, name, err)
				}
				if !slices.Equal(got[0].X, s.X) || !slices.Equal(got[0].Y, s.Y) || got[0].Technique != s.Technique || got[0].YUnit != s.YUnit {
					t.Errorf("%s as %s changed", path, name)
				}
				if got[0].Metadata.Fields["original_yunits"] == "" && name == "CSV" && s.Metadata.Fields["original_yunits"] != "" {
					t.Errorf("%s as %s lost the note on its units", path, name)
				}
			}
		}
	}
}

func TestWritersRefuseWhatIsNoSpectrum(t *testing.T) {
	bad := spectra.Spectrum{X: []float64{1, 1}, Y: []float64{1, 2}}
	for _, write := range []func(io.Writer, spectra.Spectrum) error{WriteJCAMP, WriteCSV} {
		var b bytes.Buffer
		if err := write(&b, bad); !errors.Is(err, spectra.ErrNotMonotonic) || b.Len() != 0 {
			t.Errorf("%v, %d bytes written", err, b.Len())
		}
	}
}

func TestLabelsCannotBreakOutOfTheirLine(t *testing.T) {
	s := spectra.Spectrum{Title: "a\n##END=\nb", Technique: spectra.Raman, XUnit: spectra.PerCM, YUnit: spectra.Counts, X: []float64{1, 2, 3}, Y: []float64{1, 2, 3},
		Metadata: spectra.Metadata{SampleName: "x\r\n##XYDATA=(X++(Y..Y))\n9 9", Fields: map[string]string{"XYDATA": "(X++(Y..Y))", "NPOINTS": "7", "n=o\nte": "1\n2", "##": "y"}}}
	for name, write := range map[string]func(io.Writer, spectra.Spectrum) error{"JCAMP-DX": WriteJCAMP, "CSV": WriteCSV} {
		var b bytes.Buffer
		if err := write(&b, s); err != nil {
			t.Fatal(err)
		}
		got, err := Read("x", b.Bytes())
		if err != nil || len(got) != 1 || !slices.Equal(got[0].Y, s.Y) {
			t.Errorf("%s: %v\n%s", name, err, b.String())
		}
	}
}
