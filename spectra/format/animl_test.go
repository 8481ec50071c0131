package format

import (
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fentrace/spectra"
)

func TestAnIML(t *testing.T) {
	got := readFixture(t, "raman.animl", 3)
	s, m := got[0], got[0].Metadata
	near(t, "axis in two sets of values", s.X, []float64{200, 201.5, 203, 204.5}, 0)
	near(t, "one by one", s.Y, []float64{5, -6, 7, 8}, 0)
	if s.Title != "mannitol: Intensity" || s.Technique != spectra.Raman || s.XUnit != spectra.PerCM || s.YUnit != spectra.Counts || m.Format != "animl" {
		t.Errorf("%q %s %s %s", s.Title, s.Technique, s.XUnit, s.YUnit)
	}
	if m.SampleName != "mannitol" || m.Instrument != "Maker Model 7" || m.SerialNumber != "0042" || m.Operator != "N. Body" || m.LaserNM != 785.1 || m.IntegrationTimeMS != 2500 ||
		m.Averages != 3 || m.Fields["Remark"] != "white & fine" || !m.Acquired.Equal(time.Date(2020, 4, 5, 6, 7, 8, 0, time.UTC)) || len(m.Warnings) != 0 {
		t.Errorf("%+v", m)
	}
	near(t, "computed axis", got[1].X, shifts(785.1, 800, 800.5), 1e-9)
	near(t, "encoded", got[1].Y, []float64{1.5, -2.5}, 0)
	if got[1].Technique != spectra.Raman || got[1].XUnit != spectra.PerCM || len(got[1].Metadata.Warnings) != 1 {
		t.Errorf("%s %s %q", got[1].Technique, got[1].XUnit, got[1].Metadata.Warnings)
	}
	near(t, "encoded axis", got[2].X, []float64{4000, 3998}, 0)
	near(t, "absorbance", got[2].Y, []float64{0, 1}, 1e-12)
	if got[2].Technique != spectra.IR || got[2].YUnit != spectra.Absorbance || got[2].XUnit != spectra.PerCM || got[2].Metadata.SampleName != "" || got[2].Metadata.LaserNM != 0 {
		t.Errorf("%s %s in %s, %+v", got[2].Technique, got[2].YUnit, got[2].XUnit, got[2].Metadata)
	}
}

func TestAnIMLEncodings(t *testing.T) {
	for kind, raw := range map[string][]byte{"Int64": {1, 0, 0, 0, 0, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, "Float64": float64s(1, -2), "Int32": {1, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff}, "Float32": float32s(1, -2)} {
		text := animlSet(`<EncodedValueSet>`+base64.StdEncoding.EncodeToString(raw)+`</EncodedValueSet>`, kind, 2)
		got, err := Read("a.xml", []byte(text))
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		near(t, kind, got[0].Y, []float64{1, -2}, 0)
	}
}

// animlSet is a file of one set whose axis counts up from 100.
func animlSet(values, kind string, length int) string {
	return strings.NewReplacer("VALUES", values, "KIND", kind, "LENGTH", string(rune('0'+length))).Replace(`<AnIML><ExperimentStepSet><ExperimentStep name="Raman"><Result><SeriesSet length="LENGTH">
<Series name="Raman shift" dependency="independent" seriesType="Int32"><AutoIncrementedValueSet><StartValue><I>100</I></StartValue><Increment><I>1</I></Increment></AutoIncrementedValueSet></Series>
<Series name="Counts" dependency="dependent" seriesType="KIND">VALUES</Series></SeriesSet></Result></ExperimentStep></ExperimentStepSet></AnIML>`)
}

func TestBrokenAnIMLNamesTheCause(t *testing.T) {
	good, err := os.ReadFile(filepath.Join("testdata", "raman.animl"))
	if err != nil {
		t.Fatal(err)
	}
	deep := "<AnIML>" + strings.Repeat("<a>", 100)
	for name, c := range map[string]struct {
		text  string
		cause error
		says  string
	}{
		"cut":                  {string(good[:1500]), ErrTruncated, "ends before its last element"},
		"too deep":             {deep, ErrTooLarge, "levels"},
		"an entity":            {`<!DOCTYPE a [<!ENTITY b "bomb">]><AnIML>&b;</AnIML>`, ErrInconsistent, "entity"},
		"fewer values":         {animlSet("<IndividualValueSet><I>1</I><I>2</I></IndividualValueSet>", "Int32", 3), ErrTruncated, `states 3 points, series "Counts" holds 2`},
		"more values":          {animlSet("<IndividualValueSet><I>1</I><I>2</I><I>3</I></IndividualValueSet>", "Int32", 2), ErrTruncated, "2 positions for 3 values"},
		"letters":              {animlSet("<IndividualValueSet><I>1</I><I>l</I></IndividualValueSet>", "Int32", 2), ErrNotNumber, `"l" in series "Counts"`},
		"a gap":                {animlSet(`<IndividualValueSet startIndex="1"><I>1</I><I>2</I></IndividualValueSet>`, "Int32", 2), ErrInconsistent, "index 1 after 0"},
		"no base64":            {animlSet("<EncodedValueSet>###</EncodedValueSet>", "Int32", 2), ErrInconsistent, "not base64"},
		"half a number":        {animlSet("<EncodedValueSet>AAAA</EncodedValueSet>", "Int32", 2), ErrTruncated, "3 bytes of Int32"},
		"words for values":     {animlSet("<IndividualValueSet><S>a</S></IndividualValueSet>", "String", 1), ErrNoSpectrum, "no set of series"},
		"nothing but the root": {"<AnIML></AnIML>", ErrNoSpectrum, "no set of series"},
	} {
		if got, err := Read("a.animl", []byte(c.text)); !errors.Is(err, c.cause) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %d spectra, %v", name, len(got), err)
		}
	}
}

func FuzzAnIML(f *testing.F) { fuzz(f, readAnIML, "*.animl") }
