package simulate

import (
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"gonum.org/v1/gonum/floats"
	"pgregory.net/rapid"

	"fentrace/spectra"
)

// line is one Lorentzian line of height 1000 at 1000 cm-1.
func line() spectra.Spectrum {
	s := spectra.Spectrum{Title: "line", Technique: spectra.Raman, XUnit: spectra.PerCM, YUnit: spectra.Counts}
	for x := 400.0; x <= 1600; x++ {
		s.X, s.Y = append(s.X, x), append(s.Y, 1000/(1+math.Pow((x-1000)/4, 2)))
	}
	return s
}

func transferred(t testing.TB, tr Transfer, seed uint64) spectra.Spectrum {
	t.Helper()
	s, err := tr.Apply(line(), rand.New(rand.NewPCG(seed, 1)))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestATransferMovesAndWidensLinesAsAsked(t *testing.T) {
	s := transferred(t, Transfer{ShiftCM1: 5, BroadeningCM1: 9, SNR: 1e9}, 1)
	top := floats.MaxIdx(s.Y)
	if at := s.X[top]; math.Abs(at-1005) > 0.5 {
		t.Errorf("the line stands at %.1f, want 1005", at)
	}
	half, n := s.Y[top]/2, 0
	for _, y := range s.Y {
		if y > half {
			n++
		}
	}
	// A Lorentzian of 8 and a Gaussian of 9 cm-1 make a Voigt line of 13.8 (Olivero and Longbothum, 1977).
	if n < 13 || n > 15 {
		t.Errorf("the line is %d cm-1 wide, want 14", n)
	}
	if !s.Metadata.Simulated || !strings.HasPrefix(s.Title, TitlePrefix) {
		t.Error("it does not say that it is simulated")
	}
}

func TestATransferAddsTheNoiseItSays(t *testing.T) {
	for _, snr := range []float64{10, 100} {
		var sum float64
		const n = 400
		for seed := range uint64(n) {
			s := transferred(t, Transfer{SNR: snr}, seed)
			sum += math.Pow(s.Y[600]-1000, 2)
		}
		if got := 1000 / math.Sqrt(sum/n); got < 0.85*snr || got > 1.15*snr {
			t.Errorf("line over noise is %.1f, want %g", got, snr)
		}
	}
}

func TestDrawnInstrumentsStayWithinTheirLimitsAndRepeat(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		seed := rapid.Uint64().Draw(rt, "seed")
		for _, technique := range []spectra.Technique{spectra.Raman, spectra.IR} {
			a, b := DrawTransfer(technique, rand.New(rand.NewPCG(seed, 1))), DrawTransfer(technique, rand.New(rand.NewPCG(seed, 1)))
			if a != b || math.Abs(a.ShiftCM1) > 6 || a.SNR < 8 || a.SNR > 300 || a.Fluorescence < 0 || a.Fluorescence > 20 {
				rt.Fatalf("%+v, %+v", a, b)
			}
			if !reflect.DeepEqual(transferred(t, a, seed), transferred(t, b, seed)) {
				rt.Fatal("the same seed gave two spectra")
			}
		}
	})
}

func TestTransfersOfWhatIsNoSpectrumAreRefused(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	flat, peaks, wave := line(), line(), line()
	flat.Y = make([]float64, len(flat.Y))
	peaks.Peaks, wave.XUnit = true, spectra.Nanometre
	for name, c := range map[string]struct {
		s    spectra.Spectrum
		t    Transfer
		want error
	}{
		"flat": {flat, Transfer{SNR: 10}, ErrSample}, "peaks": {peaks, Transfer{SNR: 10}, ErrSample}, "nm": {wave, Transfer{SNR: 10}, ErrSample},
		"no noise stated": {line(), Transfer{}, ErrConditions}, "too wide": {line(), Transfer{SNR: 10, BroadeningCM1: 51}, ErrConditions},
		"empty": {spectra.Spectrum{}, Transfer{SNR: 10}, spectra.ErrEmpty},
	} {
		if _, err := c.t.Apply(c.s, rng); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
