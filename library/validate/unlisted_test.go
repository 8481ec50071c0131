package validate

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"fentrace/library"
	"fentrace/library/identify"
	"fentrace/spectra"
)

// family is a made-up library in which twelve "fentanyls" share most of their lines and forty others share none, all on
// one instrument. They stand for nothing real.
func family() (subs []library.Substance, refs []library.Reference) {
	rng := rand.New(rand.NewPCG(11, 11))
	common := []float64{620, 752, 1003, 1031, 1155, 1208, 1437, 1600, 1650}
	for k := range 52 {
		sub := library.Substance{ID: fmt.Sprintf("made-up-%02d", k), Name: fmt.Sprintf("made up %02d", k), Class: "cutting agent"}
		var lines []float64
		own := 8
		if k < 12 {
			sub.Class, sub.Controlled, lines, own = "fentanyl-analog", true, common, 4
		}
		s := spectra.Spectrum{Title: sub.Name, Technique: spectra.Raman, XUnit: spectra.PerCM, YUnit: spectra.Counts}
		for range own {
			lines = append(lines[:len(lines):len(lines)], 420+1380*rng.Float64())
		}
		heights := make([]float64, len(lines))
		for i := range heights {
			heights[i] = 0.3 + 0.7*rng.Float64()
		}
		for x := 300.0; x <= 2000; x++ {
			y := 0.05
			for i, at := range lines {
				y += heights[i] / (1 + math.Pow((x-at)/5, 2))
			}
			s.X, s.Y = append(s.X, x), append(s.Y, 1e4*y)
		}
		subs, refs = append(subs, sub), append(refs, library.Reference{SubstanceID: sub.ID, Tier: library.Measured, Technique: spectra.Raman, Spectrum: &s})
	}
	return subs, refs
}

// A fentanyl that the library does not hold raises the alarm of its class; another substance that it does not hold does not.
func TestALibraryThatWasValidatedKnowsAFentanylItDoesNotHold(t *testing.T) {
	subs, refs := family()
	hidden := []int{3, 7, 20, 33, 46}
	var kept []library.Reference
	for k, r := range refs {
		out := false
		for _, h := range hidden {
			out = out || h == k
		}
		if !out {
			kept = append(kept, r)
		}
	}
	path := filepath.Join(t.TempDir(), "lab.db")
	file, err := library.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := file.PutSubstance(t.Context(), subs...); err != nil {
		t.Fatal(err)
	}
	if _, err := file.PutReference(t.Context(), kept...); err != nil {
		t.Fatal(err)
	}
	open := func() *identify.Identifier {
		t.Helper()
		st, err := library.OpenStack(t.Context(), nil, path)
		if err != nil {
			t.Fatal(err)
		}
		id, err := identify.New(st, identify.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	st, err := library.OpenStack(t.Context(), nil, path)
	if err != nil {
		t.Fatal(err)
	}
	report := run(t, st, Options{Rounds: 6, Draws: 40, DecoyRounds: 2, Seed: 2, WrongRate: 0.02})
	if report.Analogs == nil {
		t.Fatal(report.NoAnalogs)
	}
	if report.Fitted || report.Calibration.Stated < identify.Shipped.Stated {
		t.Errorf("hardly anything is mistaken here, yet the calibration is %+v, fitted %v", report.Calibration, report.Fitted)
	}
	raw, err := json.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}
	before := open()
	if err := file.PutValidation(t.Context(), library.Validation{LibraryVersion: st.Version(), Technique: spectra.Raman, Made: time.Now(), Report: raw}); err != nil {
		t.Fatal(err)
	}
	after := open()
	for _, k := range hidden {
		scan := *refs[k].Spectrum
		was, err := before.Identify(t.Context(), scan)
		if err != nil {
			t.Fatal(err)
		}
		now, err := after.Identify(t.Context(), scan)
		if err != nil {
			t.Fatal(err)
		}
		fentanyl := k < 12
		if alarm := now.Verdict == identify.Alarm; alarm != fentanyl {
			t.Errorf("substance %d: %s (%s before)", k, now.Headline, was.Headline)
		}
		if fentanyl && (len(now.Findings) == 0 || !now.Findings[0].Unlisted || now.Headline != "ALARM: fentanyl-type substance" || len(now.Reasons) < 2) {
			t.Errorf("substance %d: %s %+v %q", k, now.Headline, now.Findings, now.Reasons)
		}
	}
}
