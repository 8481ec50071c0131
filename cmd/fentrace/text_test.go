package main

import (
	"bytes"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rivo/uniseg"
	"pgregory.net/rapid"

	"fentrace/spectra"
	"fentrace/spectra/format"
)

func TestWrappedTextLosesNoWordAndFits(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := rapid.String().Draw(t, "text")
		indent := rapid.IntRange(0, 40).Draw(t, "indent")
		lines := wrap(in, indent)
		for _, l := range lines {
			if w := uniseg.StringWidth(l); w > columns-indent {
				t.Fatalf("%q is %d wide beside an indent of %d", l, w, indent)
			}
		}
		squeeze := func(s string) string { return strings.Join(strings.Fields(s), "") }
		if got, want := squeeze(strings.Join(lines, "")), squeeze(plain(in)); got != want {
			t.Fatalf("%q became %q", want, got)
		}
	})
}

func TestADrawingFitsWhateverTheNumbers(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 50).Draw(t, "points")
		s := spectra.Spectrum{Technique: rapid.SampledFrom([]spectra.Technique{spectra.Raman, spectra.IR, spectra.Other}).Draw(t, "technique"),
			XUnit: spectra.PerCM, YUnit: spectra.Unit(rapid.String().Draw(t, "unit")), Peaks: rapid.Bool().Draw(t, "peaks")}
		value := rapid.Float64Range(-math.MaxFloat64, math.MaxFloat64)
		x := value.Draw(t, "start")
		for range n {
			s.X, s.Y = append(s.X, x), append(s.Y, value.Draw(t, "y"))
			x = math.Min(x+math.Abs(value.Draw(t, "step")), math.MaxFloat64)
		}
		for _, l := range draw(s) {
			if uniseg.StringWidth(l) > columns || strings.ContainsAny(l, "\n\r\x1b") {
				t.Fatalf("%q is %d wide", l, uniseg.StringWidth(l))
			}
		}
	})
}

func TestARamanLineIsDrawnWhereItIs(t *testing.T) {
	t.Parallel()
	s := spectra.Spectrum{Technique: spectra.Raman, XUnit: spectra.PerCM, YUnit: spectra.Counts}
	for x := 0.0; x <= 1000; x++ {
		y := 0.0
		if x == 250 {
			y = 1
		}
		s.X, s.Y = append(s.X, x), append(s.Y, y)
	}
	column := func(s spectra.Spectrum) int { // of the highest dot
		return strings.IndexFunc(string([]rune(draw(s)[0])[drawMargin:]), func(r rune) bool { return r != ' ' })
	}
	if got, want := column(s), drawColumns/4; got < want-1 || got > want+1 {
		t.Errorf("a Raman line a quarter up the axis is in column %d of %d", got, drawColumns)
	}
	s.Technique = spectra.IR
	if got, want := column(s), 3*drawColumns/4; got < want-1 || got > want+1 {
		t.Errorf("an infrared band a quarter up the axis is in column %d of %d", got, drawColumns)
	}
}

func TestAnAbsurdlyLargeFileIsRefusedUnread(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "huge.csv")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Truncate(3<<30), f.Close()); err != nil { // a hole: it takes no space
		t.Skipf("no sparse files here: %v", err)
	}
	env := &environment{ctx: t.Context(), stdin: endless{}}
	if _, _, err := env.readSpectra(path); !errors.Is(err, format.ErrTooLarge) || !strings.Contains(err.Error(), path) {
		t.Errorf("a file of 3 GB: %v", err)
	}
	if _, _, err := env.readSpectra(stdinName); !errors.Is(err, format.ErrTooLarge) {
		t.Errorf("an endless standard input: %v", err)
	}
}

// endless is a standard input without an end.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func TestAnAnswerIsColouredOnATerminalOnly(t *testing.T) {
	t.Parallel()
	if colours(&bytes.Buffer{}) || isTerminal(&bytes.Buffer{}) {
		t.Error("a buffer was taken for a terminal")
	}
	var b bytes.Buffer
	s := sheet{w: &b, colour: true}
	a := answer{}
	a.Verdict, a.Headline = "alarm", "ALARM: something"
	s.answer(a)
	if !strings.Contains(b.String(), "\x1b[1;31mALARM: something\x1b[0m\n") {
		t.Errorf("%q", b.String())
	}
}
