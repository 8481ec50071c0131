package format

import (
	"strings"
	"testing"

	"fentrace/spectra"
)

func TestDelimitedDialects(t *testing.T) {
	up, down := []float64{200.5, 201.5, 202.5}, []float64{202.5, 201.5, 200.5}
	for name, c := range map[string]struct {
		x, y []float64
		unit spectra.Unit
	}{
		"comma_decimal.txt":     {up, []float64{1.25, 2.5, -3}, spectra.Arbitrary},
		"semicolon_decimal.csv": {up, []float64{1.25, 2.5, -3}, spectra.Counts},
		"pipe.txt":              {up, []float64{1.25, 2.5, -3}, spectra.Intensity},
		"spaces.txt":            {up, []float64{1.25, 2.5, -3}, spectra.Intensity},
		"descending.csv":        {down, []float64{-3, 2.5, 1.25}, spectra.Arbitrary},
		"index_unnamed.csv":     {up, []float64{7, 8, 9}, spectra.Arbitrary},
		"hash_header.txt":       {down, []float64{3, 2, 1}, spectra.Intensity},
		"metadata.tsv":          {[]float64{200, 201, 202}, []float64{1, 2, 3}, spectra.Arbitrary},
		"processed.csv":         {up, []float64{1, 2, 3}, spectra.Arbitrary},
		"duplicates.csv":        {[]float64{200, 201, 202}, []float64{2, 5, 6}, spectra.Arbitrary},
		"utf16.txt":             {up, []float64{1.5, 2.5, 3.5}, spectra.Intensity},
		"latin1.txt":            {[]float64{200, 201, 202}, []float64{1, 2, 3}, spectra.Intensity},
		"bom.csv":               {up, []float64{1, 2, 3}, spectra.Intensity},
	} {
		s := readFixture(t, name, 1)[0]
		near(t, name+" axis", s.X, c.x, 0)
		near(t, name, s.Y, c.y, 0)
		if s.Technique != spectra.Raman || s.XUnit != spectra.PerCM || s.YUnit != c.unit {
			t.Errorf("%s: %s %s %s", name, s.Technique, s.XUnit, s.YUnit)
		}
	}
}

func TestDelimitedSaysWhatItAssumed(t *testing.T) {
	for name, words := range map[string][]string{
		"descending.csv":        {"Raman was assumed", "cm-1 were assumed"},
		"infrared_range.csv":    {"infrared was assumed", "absorbance was assumed"},
		"duplicates.csv":        {"1 rows repeat the position"},
		"wavelength_laser.csv":  {"computed from the wavelength and the laser, 785 nm"},
		"semicolon_decimal.csv": nil,
		"processed.csv":         nil,
	} {
		got := readFixture(t, name, 1)[0].Metadata.Warnings
		all := strings.Join(got, " ")
		if (len(words) == 0) != (len(got) == 0) {
			t.Errorf("%s: %q", name, got)
		}
		for _, w := range words {
			if !strings.Contains(all, w) {
				t.Errorf("%s: %q does not say %q", name, got, w)
			}
		}
	}
}

func TestDelimitedColumnsShareAnAxis(t *testing.T) {
	got := readFixture(t, "index.csv", 2)
	near(t, "s1", got[0].Y, []float64{1, 2, 3}, 0)
	near(t, "s2", got[1].Y, []float64{10, 20}, 0)
	if got[0].Title != "index: s1" || got[1].Title != "index: s2" {
		t.Errorf("titles %q, %q", got[0].Title, got[1].Title)
	}
	got[0].X[0] = -1
	if got[1].X[0] == -1 {
		t.Error("the spectra of one file share memory")
	}
}

func TestDelimitedTechniques(t *testing.T) {
	ir := readFixture(t, "infrared_range.csv", 1)[0]
	if ir.Technique != spectra.IR || ir.YUnit != spectra.Absorbance || ir.X[0] != 4000 {
		t.Errorf("%s %s from %g", ir.Technique, ir.YUnit, ir.X[0])
	}
	percent := readFixture(t, "percent_t.csv", 1)[0]
	near(t, "absorbance", percent.Y, []float64{0, 1, 2, 2}, 1e-12)
	if percent.Technique != spectra.IR || percent.Metadata.Fields["original_yunits"] == "" {
		t.Errorf("%s %v", percent.Technique, percent.Metadata.Fields)
	}
	foot := readFixture(t, "footer.csv", 1)[0]
	if foot.Technique != spectra.IR || foot.YUnit != spectra.Absorbance || foot.Metadata.SampleName != "Lactose" {
		t.Errorf("%s %s %q", foot.Technique, foot.YUnit, foot.Metadata.SampleName)
	}
	if !readFixture(t, "simulated.csv", 1)[0].Metadata.Simulated {
		t.Error("a comment that says SIMULATED must count")
	}
}

func TestABrokenRowNearTheTopIsNotTakenForAHeader(t *testing.T) {
	for _, text := range []string{"x,y\n200,1\nbad,2\n202,3\n203,4\n204,5\n", "x,y\n200,oops\n201,2\n202,3\n203,4\n", "200,1\n201,2\n202,3;\n203,4\n204,5\n"} {
		if got, err := Read("t.csv", []byte(text)); err == nil {
			t.Errorf("%q gave %v", text, got[0].X)
		}
	}
}

func TestDelimitedMetadata(t *testing.T) {
	m := readFixture(t, "metadata.tsv", 1)[0].Metadata
	if m.LaserNM != 785 || m.IntegrationTimeMS != 111 || m.SerialNumber != "X1" || m.Fields["Exposure_ms"] != "111" {
		t.Errorf("%+v", m)
	}
	// Without its unit a duration is not believed, and power in per cent is no power.
	got, err := Read("t.csv", []byte("integ_time,9000\nlaserPower,100\nwl,532nm\nRaman_Shift,Int\n1,2\n2,3\n3,4\n"))
	if err != nil {
		t.Fatal(err)
	}
	if m := got[0].Metadata; m.IntegrationTimeMS != 0 || m.LaserPowerMW != 0 || m.LaserNM != 532 || m.Fields["integ_time"] != "9000" {
		t.Errorf("%+v", m)
	}
}

func TestENLIGHTENSingle(t *testing.T) {
	s := readFixture(t, "enlighten_single.csv", 1)[0]
	near(t, "axis", s.X, []float64{238.85, 254.46, 270.02}, 0)
	near(t, "processed", s.Y, []float64{10, 20.5, -3}, 0)
	m := s.Metadata
	if s.Title != "Lactose" || m.SampleName != "Lactose" || m.SerialNumber != "WP-00001" || m.Instrument != "WP-785" || m.IntegrationTimeMS != 200 ||
		m.Averages != 3 || m.LaserNM != 785 || m.LaserPowerMW != 120 || m.TemperatureC == nil || *m.TemperatureC != 10.5 || !m.DarkSubtracted ||
		m.SaturatedPoints != 1 || m.Fields["Note"] != "powder, white" || m.Acquired.IsZero() {
		t.Errorf("%q %+v", s.Title, m)
	}
	raw := readFixture(t, "enlighten_rawdark.csv", 1)[0]
	near(t, "raw less dark", raw.Y, []float64{10, 19, 28}, 0)
	if raw.XUnit != spectra.Nanometre || raw.Technique != spectra.Other || !raw.Metadata.DarkSubtracted {
		t.Errorf("without a laser the axis stays in nm: %s %s", raw.XUnit, raw.Technique)
	}
}

func TestENLIGHTENSessionOfTwoSpectrometers(t *testing.T) {
	got := readFixture(t, "enlighten_session.csv", 2)
	near(t, "first axis", got[0].X, []float64{238.85, 254.46, 270.02}, 0)
	// The second spectrometer has no Wavenumber column, and a correction of 1.5 cm-1 of its own.
	near(t, "second axis", got[1].X, []float64{238.8535 + 1.5, 254.4585 + 1.5, 270.0256 + 1.5}, 1e-3)
	near(t, "second", got[1].Y, []float64{4, 5, 6}, 0)
	if a, b := got[0].Metadata, got[1].Metadata; a.SampleName != "" || b.SampleName != "Mannitol" || a.IntegrationTimeMS != 100 || b.IntegrationTimeMS != 200 ||
		a.SerialNumber != "WP-00001" || b.SerialNumber != "WP-00002" || a.TemperatureC != nil || b.TemperatureC != nil {
		t.Errorf("%+v\n%+v", a, b)
	}
}

func TestENLIGHTENRows(t *testing.T) {
	got := readFixture(t, "enlighten_rows.csv", 2)
	near(t, "ethanol", got[0].Y, []float64{10, 20, 30, 40}, 0)
	near(t, "axis", got[0].X, []float64{ramanShift(785, 800), ramanShift(785, 801), ramanShift(785, 802), ramanShift(785, 803)}, 1e-9)
	if a, b := got[0].Metadata, got[1].Metadata; a.SampleName != "Ethanol" || b.SampleName != "Urea" || a.SerialNumber != "S-00001" || a.TemperatureC != nil || *b.TemperatureC != 12.5 {
		t.Errorf("%+v\n%+v", a, b)
	}
}

func TestLabelNames(t *testing.T) {
	for label, want := range map[string]string{
		"11_14_56 WP-01990": "", "16:52:51 WP-00643": "", "09:01:02": "", "": "", "Acetaminophen": "Acetaminophen", "Glucose 100g per L": "Glucose 100g per L",
		"2019-03-04 19:46:51 Acetaminophen 1x500ms Spectrum": "Acetaminophen", "2019-03-05 16:54:26 Glucose 100g/L 10x1s Spectrum": "Glucose 100g/L",
		"2019-03-04 19:54:30 Sodium Chloride": "Sodium Chloride",
	} {
		if got := labelName(label); got != want {
			t.Errorf("%q is named %q, want %q", label, got, want)
		}
	}
}

func TestBWTek(t *testing.T) {
	s := readFixture(t, "bwtek.txt", 1)[0]
	near(t, "axis", s.X, []float64{241.77, 257.37, 272.94}, 0)
	near(t, "dark subtracted", s.Y, []float64{65525, 29.5, 39}, 0)
	m := s.Metadata
	if m.LaserNM != 784.82 || m.IntegrationTimeMS != 3000 || m.Averages != 7 || m.Operator != "Nobody" || m.Instrument != "BTC000E-785S" || !m.DarkSubtracted ||
		m.SaturatedPoints != 1 || m.LaserPowerMW != 0 || m.Acquired.Year() != 2022 {
		t.Errorf("%+v", m)
	}
	w := readFixture(t, "bwtek_wavelength.txt", 1)[0]
	near(t, "shift", w.X, []float64{ramanShift(784.82, 800), ramanShift(784.82, 801), ramanShift(784.82, 802)}, 1e-9)
	near(t, "raw", w.Y, []float64{5, 6, 7}, 0)
	if w.Metadata.DarkSubtracted || len(w.Metadata.Warnings) == 0 {
		t.Errorf("%+v", w.Metadata)
	}
}
