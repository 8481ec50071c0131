package picture

import (
	"bytes"
	"errors"
	"image/color"
	"image/png"
	"math"
	"testing"

	"fentrace/spectra"
)

func line(at float64, technique spectra.Technique) spectra.Spectrum {
	s := spectra.Spectrum{Title: "one line", Technique: technique, XUnit: spectra.PerCM, YUnit: spectra.Counts}
	for x := 400.0; x <= 1800; x++ {
		u := (x - at) / 6
		s.X, s.Y = append(s.X, x), append(s.Y, 100/(1+u*u))
	}
	return s
}

// drawn returns how many columns of the picture have ink of the first colour high up, and the first of them, as
// fractions of the width.
func drawn(t *testing.T, list ...spectra.Spectrum) (count int, first float64, red int) {
	t.Helper()
	var b bytes.Buffer
	if _, err := PNG(&b, list...); err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(&b)
	if err != nil {
		t.Fatal(err)
	}
	w, h := img.Bounds().Dx(), img.Bounds().Dy()
	if w < 600 || h < 300 {
		t.Fatalf("%d by %d pixels", w, h)
	}
	first = -1
	for x := range w {
		ink := false
		for y := range h {
			c := color.NRGBAModel.Convert(img.At(x, y)).(color.NRGBA)
			ink = ink || y < h/3 && c.B > 150 && c.R < 90
			if c.R > 180 && c.G < 200 && int(c.R)-int(c.G) > 40 {
				red++
			}
		}
		if ink {
			count++
			if first < 0 {
				first = float64(x) / float64(w)
			}
		}
	}
	return count, first, red
}

func TestRamanRisesAndInfraredFallsToTheRight(t *testing.T) {
	count, raman, red := drawn(t, line(600, spectra.Raman))
	if count == 0 || count > 60 || red > 0 {
		t.Errorf("%d columns, %d red dots", count, red)
	}
	_, infrared, _ := drawn(t, line(600, spectra.IR))
	if raman > 0.35 || infrared < 0.65 {
		t.Errorf("the line at 600 is at %.2f of the width in Raman, at %.2f in infrared", raman, infrared)
	}
}

func TestSimulatedStandsAcrossThePicture(t *testing.T) {
	s := line(1000, spectra.Raman)
	s.Metadata.Simulated = true
	if _, _, red := drawn(t, line(1000, spectra.Raman), s); red < 2000 {
		t.Errorf("%d red dots", red)
	}
}

func TestWhatCannotBeDrawnIsAnError(t *testing.T) {
	var b bytes.Buffer
	if _, err := PNG(&b); !errors.Is(err, ErrNothing) {
		t.Errorf("nothing: %v", err)
	}
	bad := line(1000, spectra.Raman)
	bad.Y[3] = math.NaN()
	if _, err := PNG(&b, bad); !errors.Is(err, spectra.ErrNotFinite) {
		t.Errorf("NaN: %v", err)
	}
}

func TestOnlySpectraOnTheSameAxesAreDrawnTogether(t *testing.T) {
	other := line(700, spectra.Raman)
	other.XUnit = spectra.Nanometre
	list := []spectra.Spectrum{line(600, spectra.Raman), other, line(800, spectra.Raman)}
	for range 20 {
		list = append(list, line(1200, spectra.Raman))
	}
	var b bytes.Buffer
	if n, err := PNG(&b, list[:3]...); n != 2 || err != nil {
		t.Errorf("%d drawn, %v", n, err)
	}
	if n, err := PNG(&b, list...); n != maxDrawn || err != nil {
		t.Errorf("%d drawn, %v", n, err)
	}
}
