package format

import (
	"encoding/binary"
	"errors"
	"math"
	"strings"
	"testing"

	"fentrace/spectra"
)

func peBlock(id int16, content ...byte) []byte {
	out := binary.LittleEndian.AppendUint16(nil, uint16(id))
	out = binary.LittleEndian.AppendUint32(out, uint32(len(content)))
	return append(out, content...)
}

func peTyped(id int16, kind uint16, content ...byte) []byte {
	return peBlock(id, append(binary.LittleEndian.AppendUint16(nil, kind), content...)...)
}

func peText(id int16, text string) []byte {
	return peTyped(id, 29987, append(binary.LittleEndian.AppendUint16(nil, uint16(len(text))), text...)...)
}

func float64s(v ...float64) []byte {
	var out []byte
	for _, f := range v {
		out = binary.LittleEndian.AppendUint64(out, math.Float64bits(f))
	}
	return out
}

// peSP writes the layout of an SP file.
func peSP(first, last, interval float64, points uint32, xLabel, yLabel string, values ...float64) []byte {
	history := append(peBlock(122), append(peText(1-29839, "N. Body"), append(peText(140-29839, "Spectrum Two"), peText(141-29839, "SN 104,512")...)...)...)
	data := append(binary.LittleEndian.AppendUint32(nil, uint32(8*len(values))), float64s(values...)...)
	var set []byte
	for _, m := range [][]byte{
		peTyped(-29839, 29996, 1, 0), peTyped(-29838, 29981, float64s(first, last)...), peTyped(-29836, 29979, float64s(interval)...),
		peTyped(-29835, 29995, binary.LittleEndian.AppendUint32(nil, points)...), peText(-29833, xLabel), peText(-29832, yLabel),
		peText(-29827, "original.sp"), peText(-29823, "lidocaine hydrochloride"), peTyped(-29828, 29974, data...), peTyped(-29825, 122, history...),
	} {
		set = append(set, m...)
	}
	out := append([]byte("PEPE"), make([]byte, 40)...)
	copy(out[4:], "spectrum of a pressed pellet")
	return append(append(out, peBlock(120, set...)...), peBlock(200, 1, 2, 3)...)
}

func TestPerkinElmerSpectrum(t *testing.T) {
	got, err := Read("a.bin", peSP(4000, 3998, -1, 3, "cm-1", "A", 0.5, 0.25, 1))
	if err != nil || len(got) != 1 {
		t.Fatalf("%d spectra, %v", len(got), err)
	}
	s, m := got[0], got[0].Metadata
	near(t, "axis", s.X, []float64{4000, 3999, 3998}, 0)
	near(t, "absorbance", s.Y, []float64{0.5, 0.25, 1}, 0)
	if s.Title != "lidocaine hydrochloride" || s.Technique != spectra.IR || s.XUnit != spectra.PerCM || s.YUnit != spectra.Absorbance || m.Format != "perkinelmer-sp" ||
		m.Operator != "N. Body" || m.Instrument != "Spectrum Two" || m.SerialNumber != "SN 104,512" || m.Fields["description"] != "spectrum of a pressed pellet" || len(m.Warnings) != 0 {
		t.Errorf("%q %s %s %s, %+v", s.Title, s.Technique, s.XUnit, s.YUnit, m)
	}
}

func TestPerkinElmerUnitsAndAxes(t *testing.T) {
	for name, c := range map[string]struct {
		raw       []byte
		x, y      []float64
		technique spectra.Technique
		yUnit     spectra.Unit
		warnings  int
	}{
		"per cent transmittance":       {peSP(4000, 3998, -1, 3, "cm-1", "%T", 100, 10, 1), []float64{4000, 3999, 3998}, []float64{0, 1, 2}, spectra.IR, spectra.Absorbance, 0},
		"the range in the other order": {peSP(3998, 4000, -1, 3, "cm-1", "A", 1, 2, 3), []float64{4000, 3999, 3998}, []float64{1, 2, 3}, spectra.IR, spectra.Absorbance, 0},
		"no interval":                  {peSP(4000, 3998, 0, 3, "cm-1", "A", 1, 2, 3), []float64{4000, 3999, 3998}, []float64{1, 2, 3}, spectra.IR, spectra.Absorbance, 0},
		"Raman":                        {peSP(200, 204, 2, 3, "Raman Shift", "INT", 1, 2, 3), []float64{200, 202, 204}, []float64{1, 2, 3}, spectra.Raman, spectra.Intensity, 0},
		"a single beam":                {peSP(4000, 3998, -1, 3, "cm-1", "EGY", 1, 2, 3), []float64{4000, 3999, 3998}, []float64{1, 2, 3}, spectra.Other, "EGY", 1},
		"ultraviolet":                  {peSP(200, 202, 1, 3, "nm", "A", 1, 2, 3), []float64{200, 201, 202}, []float64{1, 2, 3}, spectra.Other, spectra.Absorbance, 0},
		"more values than it says":     {peSP(200, 202, 1, 3, "nm", "A", 1, 2, 3, 4), []float64{200, 201, 202}, []float64{1, 2, 3}, spectra.Other, spectra.Absorbance, 1},
	} {
		got, err := Read("a.sp", c.raw)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		near(t, name+", axis", got[0].X, c.x, 1e-9)
		near(t, name, got[0].Y, c.y, 1e-12)
		if got[0].Technique != c.technique || got[0].YUnit != c.yUnit || len(got[0].Metadata.Warnings) != c.warnings {
			t.Errorf("%s: %s in %s, %q", name, got[0].Technique, got[0].YUnit, got[0].Metadata.Warnings)
		}
	}
}

func TestBrokenPerkinElmerFilesNameTheCause(t *testing.T) {
	whole := peSP(4000, 3998, -1, 3, "cm-1", "A", 0.5, 0.25, 1)
	for name, c := range map[string]struct {
		raw   []byte
		cause error
		says  string
	}{
		"cut":                        {whole[:200], ErrTruncated, "block 120 says"},
		"fewer values than it says":  {peSP(4000, 3998, -1, 5, "cm-1", "A", 0.5, 0.25, 1), ErrTruncated, "says 5 points, the file holds 3"},
		"an interval that misses":    {peSP(4000, 3990, -1, 3, "cm-1", "A", 0.5, 0.25, 1), ErrInconsistent, "do not lead from 4000 to 3990"},
		"an axis that stands still":  {peSP(4000, 4000, 0, 3, "cm-1", "A", 0.5, 0.25, 1), ErrInconsistent, "from 4000 to 4000"},
		"an axis without an end":     {peSP(4000, math.Inf(1), -1, 3, "cm-1", "A", 0.5, 0.25, 1), ErrInconsistent, "+Inf"},
		"nothing but blanked points": {peSP(4000, 3998, -2, 2, "cm-1", "A", math.NaN(), math.NaN()), ErrNoSpectrum, "none of 2 values"},
		"no data":                    {append(append([]byte("PEPE"), make([]byte, 40)...), peBlock(121, 0, 0)...), ErrNoSpectrum, "none of 1 blocks"},
		"the old format":             {[]byte("PE IR       SUBTECH\x00\x00"), ErrUnknownFormat, "PE IR"},
	} {
		if got, err := Read("a.sp", c.raw); !errors.Is(err, c.cause) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %d spectra, %v", name, len(got), err)
		}
	}
}

func FuzzPerkinElmer(f *testing.F) {
	fuzzBytes(f, readPerkinElmer, peSP(4000, 3998, -1, 3, "cm-1", "A", 0.5, 0.25, 1), peSP(200, 202, 1, 3, "nm", "%T", 100, 50, 3, 4))
}
