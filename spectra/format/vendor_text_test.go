package format

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"fentrace/spectra"
	"fentrace/spectra/recorded"
)

func TestLabSpecText(t *testing.T) {
	s := readFixture(t, "labspec.txt", 1)[0]
	m := s.Metadata
	near(t, "axis", s.X, []float64{200.5, 201.5, 202.5}, 0)
	near(t, "counts", s.Y, []float64{10, 20.25, -3}, 0)
	if s.Title != "paracetamol" || s.Technique != spectra.Raman || s.XUnit != spectra.PerCM || s.YUnit != spectra.Counts || m.Format != "labspec-text" || m.LaserNM != 532 ||
		m.IntegrationTimeMS != 2500 || m.Averages != 3 || m.Instrument != "LabRAM" || *m.TemperatureC != -60.5 || m.Fields["Grating"] != "600" ||
		!m.Acquired.Equal(time.Date(2017, 2, 27, 10, 12, 13, 0, time.UTC)) || len(m.Warnings) != 0 {
		t.Errorf("%q %s %s %s %+v", s.Title, s.Technique, s.XUnit, s.YUnit, m)
	}
	nm := readFixture(t, "labspec_nm.txt", 1)[0]
	near(t, "decimal commas", nm.X, []float64{454.25, 454.5, 454.75}, 0)
	if nm.Technique != spectra.Other || nm.XUnit != spectra.Nanometre || nm.Metadata.IntegrationTimeMS != 150 || !nm.Metadata.Acquired.IsZero() || len(nm.Metadata.Warnings) != 1 {
		t.Errorf("%s %s %+v", nm.Technique, nm.XUnit, nm.Metadata)
	}
}

func TestMapsGiveASpectrumToEachPlace(t *testing.T) {
	for name, c := range map[string]struct {
		x      []float64
		y      [][]float64
		titles []string
		key    string
		places []string
	}{
		"labspec_map.txt": {[]float64{200, 201, 203}, [][]float64{{1, 2, 3}, {4, 5, 6}}, []string{"paracetamol (-1.5, 0)", "paracetamol (-1.5, 2)"}, "Y µm", []string{"0", "2"}},
		"wire_map.txt": {[]float64{203, 202, 201}, [][]float64{{224, 223, 222}, {234, 233, 232}, {225, 224, 223}},
			[]string{"wire_map (1, 2)", "wire_map (1, 3)", "wire_map (2, 2)"}, "X", []string{"1", "1", "2"}},
		"oceanview_series.txt": {[]float64{339.09, 339.3, 339.51}, [][]float64{{1, 2, 3}, {4, 5, 6}},
			[]string{"oceanview_series, 2021-06-13 23:27:09.100", "oceanview_series, 2021-06-13 23:27:10.100"}, "measured", []string{"2021-06-13 23:27:09.100", "2021-06-13 23:27:10.100"}},
	} {
		got := readFixture(t, name, len(c.y))
		for i, s := range got {
			near(t, name+" axis", s.X, c.x, 0)
			near(t, name, s.Y, c.y[i], 0)
			if s.Title != c.titles[i] || s.Metadata.Fields[c.key] != c.places[i] {
				t.Errorf("%s: %q, %v", name, s.Title, s.Metadata.Fields)
			}
		}
		got[0].X[0] = -1
		if got[1].X[0] == -1 {
			t.Errorf("%s: the spectra share memory", name)
		}
	}
}

func TestOceanText(t *testing.T) {
	s := readFixture(t, "oceanview.txt", 1)[0]
	m := s.Metadata
	near(t, "shifts", s.X, []float64{150.1, 152.3, 154.4}, 0)
	if s.Technique != spectra.Raman || s.XUnit != spectra.PerCM || s.YUnit != spectra.Counts || m.Format != "ocean-text" || m.SerialNumber != "QEP01234" || m.Operator != "nobody" ||
		m.IntegrationTimeMS != 300 || m.Averages != 5 || m.Acquired.Year() != 2021 || len(m.Warnings) != 0 {
		t.Errorf("%s %s %s %+v", s.Technique, s.XUnit, s.YUnit, m)
	}
	// Wavelengths without a word of a laser are no Raman spectrum.
	nm := readFixture(t, "oceanview_nm.txt", 1)[0]
	near(t, "decimal commas", nm.X, []float64{339.09, 339.3, 339.51}, 0)
	if nm.Technique != spectra.Other || nm.XUnit != spectra.Nanometre || len(nm.Metadata.Warnings) != 0 {
		t.Errorf("%s in %s, %q", nm.Technique, nm.XUnit, nm.Metadata.Warnings)
	}
	if joined := readFixture(t, "oceanview_series.txt", 2)[0].Metadata; joined.IntegrationTimeMS != 300 || joined.Averages != 5 {
		t.Errorf("a missing end of line: %+v", joined)
	}
	suite := readFixture(t, "spectrasuite.txt", 1)[0]
	near(t, "computed shifts", suite.X, shifts(785, 800, 801, 802), 1e-9)
	if m := suite.Metadata; suite.Technique != spectra.Raman || m.IntegrationTimeMS != 100 || m.Averages != 2 || m.LaserNM != 785 || m.SerialNumber != "USB2E1234" || len(m.Warnings) != 1 {
		t.Errorf("%s %+v", suite.Technique, m)
	}
}

func TestWiREText(t *testing.T) {
	s := readFixture(t, "wire.txt", 1)[0]
	near(t, "axis", s.X, []float64{203.5, 202, 201}, 0)
	near(t, "intensity", s.Y, []float64{1.5, 2, 3}, 0)
	if s.Technique != spectra.Raman || s.XUnit != spectra.PerCM || s.YUnit != spectra.Intensity || s.Metadata.Format != "wire-text" || len(s.Metadata.Warnings) != 1 {
		t.Errorf("%s %s %s %+v", s.Technique, s.XUnit, s.YUnit, s.Metadata)
	}
}

func TestBrokenVendorTextNamesTheCause(t *testing.T) {
	const labspec = "#Acq. time (s)=\t1\n#Accumulations=\t1\n"
	const ocean = "XAxis mode: Raman Shifts\n>>>>>Begin Spectral Data<<<<<\n"
	for name, c := range map[string]struct {
		text  string
		line  int
		cause error
		says  string
	}{
		"LabSpec without rows":     {labspec, 3, ErrNoSpectrum, "no rows"},
		"LabSpec cut in a row":     {labspec + "1\t2\n2", 4, ErrTruncated, "1 cells"},
		"LabSpec with letters":     {labspec + "1\t2\n2\ttwo\n", 4, ErrNotNumber, `"two"`},
		"LabSpec that turns round": {labspec + "1\t2\n2\t3\n1\t4\n", 5, spectra.ErrNotMonotonic, "1 after 2"},
		"a map cut in a row":       {labspec + "\t\t1\t2\t3\n0\t0\t5\t6\t7\n0\t1\t5\n", 5, ErrTruncated, "3 cells, the axis has 3 positions"},
		"a map without rows":       {labspec + "\t\t1\t2\t3\n", 3, ErrTruncated, "no row of values"},
		"a map with NaN":           {labspec + "\t1\t2\n0\t5\tNaN\n", 4, ErrNotNumber, `"NaN"`},
		"Ocean without rows":       {ocean, 3, ErrNoSpectrum, "no rows"},
		"Ocean cut":                {"Number of Pixels in Spectrum: 5\n" + ocean + "1\t2\n2\t3\n", 6, ErrTruncated, "states 5 pixels, 2 follow"},
		"WiRE without rows":        {"#Wave\t\t#Intensity\n", 1, ErrTruncated, "no rows"},
		"WiRE cut in a row":        {"#Wave\t\t#Intensity\n1\t2\n2\n", 3, ErrTruncated, "1 cells under 2 names"},
		"WiRE with other columns":  {"#Wave\t\t#Intensity\t\t#Z\n1\t2\t3\n", 1, ErrNoSpectrum, "not to end with"},
		"LabSpec's own file":       {"LabSpec6\x00\x00\x00", 0, ErrUnknownFormat, "Save As, type .txt"},
	} {
		got, err := Read("a.txt", []byte(c.text))
		var e *Error
		if !errors.As(err, &e) || !errors.Is(err, c.cause) || !strings.Contains(err.Error(), c.says) || e.Line != c.line {
			t.Errorf("%s: %d spectra, %v", name, len(got), err)
		}
	}
}

// What the vendors' files say of themselves must arrive.
func TestRealVendorMetadata(t *testing.T) {
	for path, want := range map[string]spectra.Metadata{
		"BWTEK/PST10_iR532_Probe_100_3000msx7.txt":        {Format: "bwtek", LaserNM: 532.02, IntegrationTimeMS: 3000, Averages: 7, Instrument: "BTC162E-532S-SYS"},
		"BWTEK/lamp Ne 10ms 0%.txt":                       {Format: "bwtek", LaserNM: 784.9, IntegrationTimeMS: 10, Averages: 1, Instrument: "BTC162E-785S-SYS"},
		"iRaman/PST02_iRPlus785_Z050_075_3200ms.txt":      {Format: "bwtek", LaserNM: 784.82, IntegrationTimeMS: 3200, Averages: 1, Instrument: "BTC162E-785S-SYS"},
		"LightNovo/polystyrene_aritficially_worsened.tsv": {Format: "delimited", LaserNM: 785, IntegrationTimeMS: 111, Averages: 5, SerialNumber: "11111", LaserPowerMW: 11.1111111},
		"Neegala/PST_532_SEX139.txt":                      {Format: "delimited", LaserNM: 532, IntegrationTimeMS: 9000, Averages: 20, Instrument: "ZTNR", Operator: "Admin"},
		"Neegala/PST_532nm_EZI860.txt":                    {Format: "delimited", LaserNM: 532, Averages: 10, Instrument: "ZTNR", Operator: "Admin"}, // its duration has no unit
		"Neegala/PST_AfCal_10min_532nm_EZI860.txt":        {Format: "delimited", LaserNM: 532, IntegrationTimeMS: 15000, Averages: 40, Instrument: "ZTNR", Operator: "Admin"},
		"Renishaw/nCal_Qontor785_z005H12_100_1x3s.txt":    {Format: "wire-text"},
		"Zolix/PST02_Zolix785_Probe_070_190ms.txt":        {Format: "delimited"},
	} {
		s := mustRead(t, recorded.Path(t, "formats", "raman-vendors", path))[0]
		m := s.Metadata
		if s.Technique != spectra.Raman || m.Format != want.Format || math.Abs(m.LaserNM-want.LaserNM) > 1e-9 || m.IntegrationTimeMS != want.IntegrationTimeMS || m.Averages != want.Averages ||
			m.Instrument != want.Instrument || m.Operator != want.Operator || m.SerialNumber != want.SerialNumber || m.LaserPowerMW != want.LaserPowerMW {
			t.Errorf("%s: %s %+v", path, s.Technique, m)
		}
	}
}

func FuzzLabSpec(f *testing.F) { fuzz(f, readLabSpec, "labspec*.txt") }
func FuzzOcean(f *testing.F)   { fuzz(f, readOcean, "ocean*.txt", "spectrasuite.txt") }
func FuzzWiRE(f *testing.F)    { fuzz(f, readWiRE, "wire*.txt") }
