package preprocess

import (
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"fentrace/spectra"
)

func scan(lo, step float64, y []float64) spectra.Spectrum {
	s := spectra.Spectrum{Title: "test", Technique: spectra.Raman, XUnit: spectra.PerCM, YUnit: spectra.Counts, Y: y}
	for i := range y {
		s.X = append(s.X, lo+step*float64(i))
	}
	return s
}

func one(op string, params map[string]float64) Pipeline {
	return Pipeline{Name: "test", Version: "1", Steps: []Step{{Op: op, Params: params}}}
}

func TestPipelineSurvivesJSON(t *testing.T) {
	for _, p := range []Pipeline{Search, Display} {
		raw, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		var back Pipeline
		if err := json.Unmarshal(raw, &back); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(p, back) {
			t.Errorf("%s became %+v", raw, back)
		}
		if err := back.Validate(); err != nil {
			t.Error(err)
		}
	}
	if Search.String() != "search/1" {
		t.Error(Search.String())
	}
}

func TestValidateSaysWhatExists(t *testing.T) {
	for _, c := range []struct {
		p    Pipeline
		want error
		say  string
	}{
		{one("savgoll", nil), ErrUnknown, "savgol, vector"},
		{one("savgol", map[string]float64{"windw": 3}), ErrUnknown, "window, order, derivative"},
		{one("vector", map[string]float64{"p": 2}), ErrUnknown, "it has none"},
		{one("savgol", map[string]float64{"window": 10}), ErrParameter, "odd"},
		{one("savgol", map[string]float64{"window": 10.5}), ErrParameter, "whole"},
		{one("savgol", map[string]float64{"derivative": 3}), ErrParameter, "0 to order = 2"},
		{one("arpls", map[string]float64{"lambda": 0}), ErrParameter, "1e-06 to 1e+10"},
		{one("arpls", map[string]float64{"lambda": math.NaN()}), ErrParameter, "lambda"},
		{one("crop", map[string]float64{"low": 900, "high": 300}), ErrParameter, "low must be below high"},
		{one("resample", map[string]float64{"step": math.Inf(1)}), ErrParameter, "step"},
		{Pipeline{Name: "empty", Version: "1"}, ErrParameter, "0 steps"},
		{Pipeline{Steps: Search.Steps}, ErrParameter, "name"},
	} {
		err := c.p.Validate()
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.say) {
			t.Errorf("%+v: %v", c.p, err)
		}
		if _, err := c.p.Run(scan(200, 1, []float64{1, 2, 3})); !errors.Is(err, c.want) {
			t.Errorf("run %+v: %v", c.p, err)
		}
	}
}

func TestEveryOperationRunsWithItsDefaults(t *testing.T) {
	_, y := banded(400, 5, 2)
	for _, op := range operations {
		s := scan(200, 1, slices.Clone(y))
		out, err := one(op.name, nil).Run(s)
		if err != nil {
			t.Errorf("%s: %v", op.name, err)
			continue
		}
		if err := out.Validate(); err != nil {
			t.Errorf("%s: %v", op.name, err)
		}
		if !slices.Equal(s.Y, y) {
			t.Errorf("%s changed its input", op.name)
		}
	}
}

func TestSearchIgnoresScaleOffsetAndOrder(t *testing.T) {
	_, y := banded(700, 5, 8)
	s := scan(250.3, 1.7, y)
	want, err := Search.Run(s)
	if err != nil {
		t.Fatal(err)
	}
	length := 0.0
	for _, v := range want.Y {
		length += v * v
	}
	if math.Abs(length-1) > 1e-12 || want.X[0] != 251 || want.YUnit != spectra.Arbitrary {
		t.Errorf("length %g, first point %g, unit %s", length, want.X[0], want.YUnit)
	}
	moved := s
	moved.X, moved.Y = slices.Clone(s.X), make([]float64, len(y))
	for i, v := range y {
		moved.Y[i] = 0.3*v + 12000
	}
	slices.Reverse(moved.X)
	slices.Reverse(moved.Y)
	got, err := Search.Run(moved)
	if err != nil {
		t.Fatal(err)
	}
	for i := range want.Y {
		if math.Abs(got.Y[i]-want.Y[i]) > 1e-9 {
			t.Fatalf("point %d: %g, want %g", i, got.Y[i], want.Y[i])
		}
	}
}

func TestDisplayShowsTheBandsOnly(t *testing.T) {
	_, y := banded(1500, 3, 5)
	y[700] += 5000 // a ray
	out, err := Display.Run(scan(200, 1, y))
	if err != nil {
		t.Fatal(err)
	}
	if slices.Max(out.Y) != 1 || out.Y[225] < 0.9 || out.Y[700] > 0.05 || math.Abs(out.Y[1400]) > 0.05 {
		t.Errorf("highest %g, band %g, ray %g, empty %g", slices.Max(out.Y), out.Y[225], out.Y[700], out.Y[1400])
	}
}

func TestNormalisations(t *testing.T) {
	s := scan(200, 1, []float64{1, 3, 5, 7})
	for _, c := range []struct {
		op   string
		want []float64
	}{
		{"vector", []float64{1 / math.Sqrt(84), 3 / math.Sqrt(84), 5 / math.Sqrt(84), 7 / math.Sqrt(84)}},
		{"snv", []float64{-3 / math.Sqrt(20./3), -1 / math.Sqrt(20./3), 1 / math.Sqrt(20./3), 3 / math.Sqrt(20./3)}},
		{"max", []float64{1. / 7, 3. / 7, 5. / 7, 1}},
	} {
		out, err := one(c.op, nil).Run(s)
		if err != nil {
			t.Fatal(err)
		}
		for i := range c.want {
			if math.Abs(out.Y[i]-c.want[i]) > 1e-15 {
				t.Errorf("%s point %d: %g, want %g", c.op, i, out.Y[i], c.want[i])
			}
		}
	}
	out, err := one("crop", map[string]float64{"low": 201, "high": 202.5}).Run(s)
	if err != nil || !slices.Equal(out.X, []float64{201, 202}) || !slices.Equal(out.Y, []float64{3, 5}) {
		t.Errorf("crop: %v %v %v", out.X, out.Y, err)
	}
}

func TestRunRefusesWhatCannotBeProcessed(t *testing.T) {
	_, bands := banded(300, 5, 1)
	good := scan(200, 1, bands)
	ramp := make([]float64, 300)
	huge := slices.Clone(bands)
	for i := range ramp {
		ramp[i] = 5 + 2*float64(i)
		huge[i] *= 1e305 * float64(i%2*2-1)
	}
	nm, peaks, uneven := good, good, good
	nm.XUnit, peaks.Peaks = spectra.Nanometre, true
	uneven.X = slices.Clone(good.X)
	uneven.X[100] += 0.4
	nan := scan(200, 1, []float64{1, math.NaN(), 3})
	five := make([]float64, 40)
	for i := range five {
		five[i] = 5
	}
	second := one("savgol", map[string]float64{"derivative": 2})
	for _, c := range []struct {
		name string
		p    Pipeline
		s    spectra.Spectrum
		want error
	}{
		{"zeros", Search, scan(200, 1, make([]float64, 50)), ErrNoSignal},
		{"constant", Search, scan(200, 1, five), ErrNoSignal},
		{"constant", Display, scan(200, 1, five), ErrNoSignal},
		{"a ramp", Display, scan(200, 1, ramp), ErrNoSignal},
		{"a ramp, second derivative", second, scan(200, 1, ramp), ErrNoSignal},
		{"below zero", one("max", nil), scan(200, 1, []float64{-3, -2, -1}), ErrNoSignal},
		{"fewer points than the window", Search, scan(200, 1, bands[:10]), ErrTooFew},
		{"two points", Display, scan(200, 1, bands[:2]), ErrTooFew},
		{"nothing left", one("crop", map[string]float64{"low": 2000}), good, ErrTooFew},
		{"uneven", one("savgol", nil), uneven, ErrNotUniform},
		{"nanometres", Search, nm, ErrAxisUnit},
		{"peak table", Search, peaks, spectra.ErrPeaks},
		{"NaN", Search, nan, spectra.ErrNotFinite},
		{"an axis of millions", Search, scan(0, 1e5, bands[:20]), spectra.ErrTooLarge},
		{"empty", Search, spectra.Spectrum{}, spectra.ErrEmpty},
		{"huge", Search, scan(200, 1, huge), spectra.ErrNotFinite},
		{"huge", one("snv", nil), scan(200, 1, huge), nil},
	} {
		out, err := c.p.Run(c.s)
		if c.want != nil && !errors.Is(err, c.want) || c.want == nil && err != nil && !errors.Is(err, spectra.ErrNotFinite) {
			t.Errorf("%s, %s: %v", c.name, c.p, err)
		}
		if err == nil && out.Validate() != nil {
			t.Errorf("%s, %s: %v", c.name, c.p, out.Validate())
		}
	}
}

func TestAnUnsettledBaselineIsSaid(t *testing.T) {
	_, y := banded(300, 5, 1)
	s := scan(200, 1, y)
	s.Metadata.Warnings = make([]string, 0, 4)
	out, err := one("arpls", map[string]float64{"max_iter": 1}).Run(s)
	if err != nil || len(out.Metadata.Warnings) != 1 || len(s.Metadata.Warnings) != 0 {
		t.Errorf("%v, %v", out.Metadata.Warnings, err)
	}
}
