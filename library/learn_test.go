package library

import (
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"fentrace/spectra"
)

// standardScans are n noisy scans of one made-up Raman spectrum.
func standardScans(n int, lines ...float64) []spectra.Spectrum {
	rng := rand.New(rand.NewPCG(1, 2))
	out := make([]spectra.Spectrum, n)
	for i := range out {
		s := spectra.Spectrum{Technique: spectra.Raman, XUnit: spectra.PerCM, YUnit: spectra.Counts}
		s.Metadata = spectra.Metadata{Instrument: "WP-785", SerialNumber: "7", LaserNM: 785}
		for x := 300.0; x <= 1900; x += 2 {
			y := 1000 + 5*rng.NormFloat64()
			for _, at := range lines {
				y += 2000 * math.Exp(-math.Pow((x-at)/6, 2))
			}
			s.X, s.Y = append(s.X, x), append(s.Y, y)
		}
		out[i] = s
	}
	return out
}

func TestLearnStoresRepeatsOfOneSubstance(t *testing.T) {
	f := newFile(t)
	scans := standardScans(3, 621, 1001, 1031, 1602)
	report, err := Learn(t.Context(), f, coreStack(t), "Fentanyl HCl", scans, LearnOptions{Source: "lot 42", Now: noon})
	if err != nil {
		t.Fatal(err)
	}
	if report.Substance.ID != "fentanyl" || report.New || report.Form != "hydrochloride" || report.Added != 3 || report.Agreement < minAgreement || report.Agreement > 1 {
		t.Errorf("%+v", report)
	}
	refs, err := f.References(t.Context())
	if err != nil || len(refs) != 3 {
		t.Fatal(err)
	}
	for _, r := range refs {
		if r.SubstanceID != "fentanyl" || r.Tier != Measured || r.LaserNM != 785 || r.Provenance.Source != "lot 42 (WP-785 7)" || !r.Provenance.Added.Equal(noon()) {
			t.Errorf("%+v", r)
		}
	}
	again, err := Learn(t.Context(), f, coreStack(t), "fentanyl hydrochloride", scans, LearnOptions{})
	if err != nil || again.Added != 0 || again.AlreadyPresent != 3 {
		t.Errorf("%+v, %v", again, err)
	}
}

func TestLearnRefusesPoorRepeats(t *testing.T) {
	for name, test := range map[string]struct {
		change func(scans []spectra.Spectrum) []spectra.Spectrum
		reason string
	}{
		"two":       {func(s []spectra.Spectrum) []spectra.Spectrum { return s[:2] }, "at least 3"},
		"none":      {func(s []spectra.Spectrum) []spectra.Spectrum { return nil }, "at least 3"},
		"other":     {func(s []spectra.Spectrum) []spectra.Spectrum { return append(s[:2], standardScans(1, 700, 1200)...) }, "disagree"},
		"saturated": {func(s []spectra.Spectrum) []spectra.Spectrum { s[1].Metadata.SaturatedPoints = 4; return s }, "saturated"},
		"simulated": {func(s []spectra.Spectrum) []spectra.Spectrum { s[2].Metadata.Simulated = true; return s }, "SIMULATED"},
		"copies":    {func(s []spectra.Spectrum) []spectra.Spectrum { s[2] = s[0]; return s }, "same data"},
		"laser":     {func(s []spectra.Spectrum) []spectra.Spectrum { s[2].Metadata.LaserNM = 532; return s }, "532"},
		"technique": {func(s []spectra.Spectrum) []spectra.Spectrum { s[2].Technique = spectra.IR; return s }, "ir"},
		"peaks":     {func(s []spectra.Spectrum) []spectra.Spectrum { s[1].Peaks = true; return s }, "peak table"},
		"pixels":    {func(s []spectra.Spectrum) []spectra.Spectrum { s[1].XUnit = spectra.Pixel; return s }, "pixel"},
		"NaN":       {func(s []spectra.Spectrum) []spectra.Spectrum { s[1].Y[7] = math.NaN(); return s }, "NaN"},
		"flat": {func(s []spectra.Spectrum) []spectra.Spectrum {
			for i := range s {
				for j := range s[i].Y {
					s[i].Y[j] = float64(i)
				}
			}
			return s
		}, "disagree"},
		"ranges": {func(s []spectra.Spectrum) []spectra.Spectrum {
			s[2].X, s[2].Y = s[2].X[:300], s[2].Y[:300]
			return s
		}, "share only"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFile(t)
			_, err := Learn(t.Context(), f, coreStack(t), "caffeine", test.change(standardScans(3, 621, 1001, 1031, 1602)), LearnOptions{})
			if !errors.Is(err, ErrPoorRepeats) || !strings.Contains(err.Error(), test.reason) {
				t.Errorf("got %v", err)
			}
			if subs, err := f.Substances(t.Context()); err != nil || len(subs) != 0 {
				t.Errorf("something was stored: %v, %v", subs, err)
			}
		})
	}
}

func TestLearnOfANameNobodyKnows(t *testing.T) {
	f := newFile(t)
	scans := standardScans(3, 621, 1001)
	if _, err := Learn(t.Context(), f, coreStack(t), "fentanil", scans, LearnOptions{}); !errors.Is(err, ErrUnknownSubstance) {
		t.Errorf("got %v", err)
	}
	report, err := Learn(t.Context(), f, coreStack(t), "New drug", scans, LearnOptions{AllowNew: true})
	if err != nil || !report.New || report.Substance.ID != "new-drug" || !report.Substance.Unverified {
		t.Errorf("%+v, %v", report, err)
	}
	if _, err := Learn(t.Context(), f, coreStack(t), "caffeine", scans, LearnOptions{CAS: "437-38-7"}); err == nil || !strings.Contains(err.Error(), "Fentanyl") {
		t.Errorf("a name that contradicts its CAS number: %v", err)
	}
	if _, err := Learn(t.Context(), f, coreStack(t), " ", scans, LearnOptions{AllowNew: true}); !errors.Is(err, ErrInvalid) {
		t.Errorf("no name: %v", err)
	}
	if _, err := Learn(t.Context(), f, coreStack(t), "caffeine", scans, LearnOptions{Tier: Published}); err == nil {
		t.Error("scans were taken as published")
	}
}

func TestLearnOfTrainingDataStaysSimulated(t *testing.T) {
	f := newFile(t)
	scans := standardScans(3, 621, 1001)
	for i := range scans {
		scans[i].Metadata.Simulated = true
	}
	if _, err := Learn(t.Context(), f, coreStack(t), "caffeine", scans, LearnOptions{Tier: Simulated}); err != nil {
		t.Fatal(err)
	}
	if refs, err := f.References(t.Context()); err != nil || len(refs) != 3 || refs[0].Tier != Simulated {
		t.Errorf("%v", err)
	}
}
