package format

import (
	"compress/gzip"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fentrace/spectra"
	"fentrace/spectra/recorded"
)

func mustRead(t *testing.T, path string) []spectra.Spectrum {
	t.Helper()
	got, err := ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range got {
		if err := s.Validate(); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
	}
	return got
}

func TestRealJCAMPFiles(t *testing.T) {
	several := map[string]int{"compound.jdx": 5, "BRUKNTUP.DX": 2, "TESTFID.DX": 2, "TESTNTUP.DX": 2, "ISAS_MS3.DX": 3, "o06.jdx": 2, "o08.jdx": 2, "o10.jdx": 2}
	points := map[string]int{"BRUKER1.JCM": 3735, "PE1800.DX": 3301, "SPECFILE.DX": 1801, "LABCALC.DX": 3435, "IMSDEMO.DX": 1000, "IMS_TEST1.DX": 2400,
		"ISAS_MS1.DX": 26, "ISAS_MS2.DX": 346, "ISAS_CDX.DX": 16, "dupinc2.jdx": 3734, "pktab2.jdx": 23, "tannic_acid.jdx": 1949, "isopropanol_ASDF.jdx": 9541}
	read := 0
	for _, folder := range []string{"official", "lancashire", "spectra", "decoded"} {
		for _, path := range recorded.Glob(t, 1, "formats", "jcamp", folder, "*") {
			base := filepath.Base(path)
			if ext := strings.ToLower(filepath.Ext(base)); ext != ".dx" && ext != ".jdx" && ext != ".jcm" {
				continue
			}
			read++
			got := mustRead(t, path)
			if want := max(1, several[base]); len(got) != want {
				t.Errorf("%s: %d spectra, want %d", base, len(got), want)
			}
			if want := points[base]; want != 0 && len(got[0].X) != want {
				t.Errorf("%s: %d points, want %d", base, len(got[0].X), want)
			}
			if got[0].Technique == spectra.IR {
				lo, hi := got[0].Range()
				if lo < 200 || hi > 5100 || got[0].XUnit != spectra.PerCM || got[0].YUnit == spectra.Transmittance {
					t.Errorf("%s: %g..%g %s, values in %s", base, lo, hi, got[0].XUnit, got[0].YUnit)
				}
			}
		}
	}
	if read < 48 {
		t.Errorf("only %d files", read)
	}
	// The one text file among the official ones is their index.
	if _, err := ReadFile(recorded.Path(t, "formats", "jcamp", "official", "DX-DIR.TXT")); !errors.Is(err, ErrNoSpectrum) {
		t.Errorf("the index of files: %v", err)
	}
}

func TestOfficialEncodingsAgree(t *testing.T) {
	official := func(name string) spectra.Spectrum {
		return mustRead(t, recorded.Path(t, "formats", "jcamp", "official", name))[0]
	}
	want := official("BRUKAFFN.DX")
	for _, name := range []string{"BRUKPAC.DX", "BRUKSQZ.DX", "TEST32.DX"} {
		got := official(name)
		near(t, name+" axis", got.X, want.X, 1e-9)
		near(t, name, got.Y, want.Y, 0)
	}
	// BRUKDIF holds the signal after its conversion to 16 bits, as TESTSPEC does with the step of that conversion as
	// YFACTOR: the two agree to the rounding of BRUKDIF to whole numbers, and with the 32-bit signal to half a step
	// and that rounding.
	const step = 29670.15003
	dif, spec := official("BRUKDIF.DX"), official("TESTSPEC.DX")
	near(t, "BRUKDIF axis", dif.X, want.X, 1e-9)
	near(t, "BRUKDIF and TESTSPEC", dif.Y, spec.Y, 1)
	near(t, "BRUKDIF and BRUKAFFN", dif.Y, want.Y, step/2+1)
	near(t, "BRUKNTUP, page of the real part", official("BRUKNTUP.DX").Y, dif.Y, 0)
	// One signal in plain numbers, packed, and in differences, as curve and as pages.
	lancashire := func(name string) []spectra.Spectrum {
		return mustRead(t, recorded.Path(t, "formats", "jcamp", "lancashire", name))
	}
	plain := lancashire("o06.jdx")
	for _, name := range []string{"o03.jdx", "o04.jdx", "o05.jdx", "o08.jdx", "o10.jdx"} {
		for i, s := range lancashire(name) {
			near(t, name, s.Y, plain[i].Y, 1e-9)
		}
	}
}

func TestDecodeAgreesWithAThirdParty(t *testing.T) {
	s := mustRead(t, recorded.Path(t, "formats", "jcamp", "decoded", "isopropanol_ASDF.jdx"))[0]
	columns := func(name string) (x, y []float64) {
		raw, err := os.ReadFile(recorded.Path(t, "formats", "jcamp", "decoded", name))
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(raw)) {
			f := strings.Fields(line)
			a, ok1 := parseNumber(f[0])
			b, ok2 := parseNumber(f[1])
			if !ok1 || !ok2 {
				t.Fatalf("%s: %q", name, line)
			}
			x, y = append(x, a), append(y, b)
		}
		return x, y
	}
	// "decoded" is in physical units, "decoded_factor" still divided by XFACTOR and YFACTOR.
	x, y := columns("isopropanol_ASDF_decoded.txt")
	near(t, "axis", s.X, x, 1e-6)
	near(t, "values", s.Y, y, 1e-6)
	const xFactor, yFactor = 1.562513256924999705e-01, 2.840445172462317941e-05
	x, y = columns("isopropanol_ASDF_decoded_factor.txt")
	for i := range x {
		x[i], y[i] = x[i]*xFactor, y[i]*yFactor
	}
	near(t, "axis times factor", s.X, x, 1e-6)
	near(t, "values times factor", s.Y, y, 1e-6)
}

func TestRealENLIGHTENLibraryAndInstruments(t *testing.T) {
	for _, path := range recorded.Glob(t, 80, "raman", "library-785", "*.csv") {
		s := mustRead(t, path)[0]
		m := s.Metadata
		want := linspace(302, 2303, 2002)
		if base := filepath.Base(path); base == "linseed oil.csv" || base == "sesame oil.csv" {
			want = linspace(500, 2303, 1804)
		}
		if m.Format != "enlighten" || len(s.X) != len(want) || s.X[0] != want[0] || s.X[len(want)-1] != 2303 || m.SampleName != "" || m.LaserNM != 784.896 ||
			m.SerialNumber != "WP-01990" || m.IntegrationTimeMS <= 0 || s.Technique != spectra.Raman || s.XUnit != spectra.PerCM {
			t.Errorf("%s: %d points, %+v", path, len(s.X), m)
		}
	}
	lasers := map[string]float64{"WP-00193": 532, "WP-00204": 633, "WP-00338": 785, "WP-00341": 785, "WP-00382": 830, "wrong-axis": 532}
	for _, path := range recorded.Glob(t, 190, "raman", "cross-instrument", "*", "*.csv") {
		s := mustRead(t, path)[0]
		lo, hi := s.Range()
		folder := filepath.Base(filepath.Dir(path))
		if len(s.X) != 1024 || lo < -500 || hi > 3500 || hi < 1900 || s.Metadata.LaserNM != lasers[folder] {
			t.Errorf("%s: %d points %g..%g, laser %g", path, len(s.X), lo, hi, s.Metadata.LaserNM)
		}
		truth := strings.ToLower(strings.TrimRight(strings.TrimSuffix(filepath.Base(path), ".csv"), "-0123456789"))
		if got := strings.ToLower(strings.ReplaceAll(s.Metadata.SampleName, " ", "")); len(got) < 3 || got[:3] != truth[:3] && truth != "sugar" && truth != "sucrose" {
			t.Errorf("%s: named %q", path, s.Metadata.SampleName)
		}
	}
}

func TestRealENLIGHTENSessions(t *testing.T) {
	for _, path := range recorded.Glob(t, 6, "raman", "powder-mixtures", "pure", "*.csv") {
		for _, s := range mustRead(t, path) {
			if len(s.X) != 1024 || s.X[0] != 267.13 || s.Metadata.LaserNM != 784.816 || s.Metadata.SampleName != "" || s.Metadata.SaturatedPoints > 0 {
				t.Errorf("%s: %d points from %g, %+v", path, len(s.X), s.X[0], s.Metadata)
			}
		}
	}
	var stated []float64
	for i, path := range recorded.Glob(t, 24, "raman", "powder-mixtures", "vials", "*.csv.gz") {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		z, err := gzip.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(z)
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		got, err := Read(strings.TrimSuffix(path, ".gz"), raw)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) < 59 {
			t.Errorf("%s: %d scans", path, len(got))
		}
		if i == 0 {
			stated = got[0].X
		}
		for _, s := range got {
			// From ab12 on the axis is computed; it must be the one that the earlier files state, printed to 0.01.
			near(t, path, s.X, stated, 0.006)
			if s.Metadata.IntegrationTimeMS <= 0 || s.Metadata.Acquired.Year() != 2022 {
				t.Errorf("%s: %+v", path, s.Metadata)
			}
		}
	}
}

func TestRealVendorText(t *testing.T) {
	vendor := func(elem ...string) spectra.Spectrum {
		t.Helper()
		got := mustRead(t, recorded.Path(t, append([]string{"formats", "raman-vendors"}, elem...)...))
		if len(got) != 1 || got[0].Technique != spectra.Raman || got[0].XUnit != spectra.PerCM {
			t.Fatalf("%v: %d spectra, %s in %s", elem, len(got), got[0].Technique, got[0].XUnit)
		}
		return got[0]
	}
	s := vendor("BWTEK", "PST10_iR532_Probe_100_3000msx7.txt")
	if m := s.Metadata; len(s.X) != 1801 || m.LaserNM != 532.02 || m.IntegrationTimeMS != 3000 || m.Averages != 7 || !m.DarkSubtracted || strongest(s) < 990 || strongest(s) > 1010 {
		t.Errorf("B&W Tek: %d points, strongest %g, %+v", len(s.X), strongest(s), m)
	}
	if s := vendor("iRaman", "PST02_iRPlus785_Z050_075_3200ms.txt"); len(s.X) != 1743 || math.Abs(strongest(s)-1001) > 8 {
		t.Errorf("iRaman: %d points, strongest %g", len(s.X), strongest(s))
	}
	if s := vendor("BWTEK", "lamp Ne 10ms 0%.txt"); len(s.X) != 715 || len(s.Metadata.Warnings) != 1 {
		t.Errorf("B&W Tek lamp: %d points, %q", len(s.X), s.Metadata.Warnings)
	}
	if s := vendor("LightNovo", "polystyrene_aritficially_worsened.tsv"); len(s.X) != 2290 || s.X[0] != 100 || s.X[2289] != 2389 || s.Y[0] != 4.53 || s.Metadata.LaserNM != 785 {
		t.Errorf("LightNovo: %d points, laser %g", len(s.X), s.Metadata.LaserNM)
	}
	if s := vendor("Neegala", "PST_532_SEX139.txt"); len(s.X) != 2048 || math.Abs(s.X[0]+1118.29) > 0.01 || s.Y[0] != -3210 || s.Metadata.IntegrationTimeMS != 9000 || s.Metadata.Averages != 20 {
		t.Errorf("Neegala: %d points from (%g, %g), %+v", len(s.X), s.X[0], s.Y[0], s.Metadata)
	}
	if s := vendor("Zolix", "PST02_Zolix785_Probe_070_190ms.txt"); len(s.X) != 2095 || math.Abs(s.X[0]+241.8219) > 1e-3 {
		t.Errorf("Zolix: %d points from %g", len(s.X), s.X[0])
	}
	if s := vendor("Renishaw", "nCal_Qontor785_z005H12_100_1x3s.txt"); len(s.X) != 1021 || s.X[0] != 1111.108398 || s.Y[0] != 1729.160645 {
		t.Errorf("Renishaw: %d points from (%g, %g)", len(s.X), s.X[0], s.Y[0])
	}
	for _, path := range recorded.Glob(t, 12, "formats", "raman-vendors", "*", "*.t*") {
		mustRead(t, path)
	}
	j := mustRead(t, recorded.Path(t, "formats", "jasco", "ftir_test.csv"))[0]
	if len(j.X) != 12447 || j.Technique != spectra.IR || j.YUnit != spectra.Absorbance || len(j.Metadata.Warnings) != 0 {
		t.Errorf("JASCO: %d points, %s %s, %q", len(j.X), j.Technique, j.YUnit, j.Metadata.Warnings)
	}
}

// strongest is the position of the highest value above 200 cm-1.
func strongest(s spectra.Spectrum) float64 {
	best := -1
	for i := range s.X {
		if s.X[i] > 200 && (best < 0 || s.Y[i] > s.Y[best]) {
			best = i
		}
	}
	return s.X[best]
}

func TestRealEverydayObjects(t *testing.T) {
	for _, path := range recorded.Glob(t, 14, "everyday-objects", "raman", "*.csv") {
		got := mustRead(t, path)
		s := got[0]
		if len(got) != 1 || s.Technique != spectra.Raman || len(s.X) != 3101 || s.X[0] != 3200 || s.X[3100] != 100 {
			t.Errorf("%s: %d spectra, %s, %d points from %g", path, len(got), s.Technique, len(s.X), s.X[0])
		}
	}
	for _, path := range recorded.Glob(t, 13, "everyday-objects", "ftir", "*.csv") {
		// One file of the set holds the same row 1,867 times.
		if strings.HasSuffix(path, "group1.xlsx-BlackChip.csv") {
			if _, err := ReadFile(path); !errors.Is(err, ErrNoSpectrum) || !strings.Contains(err.Error(), "all 1867 rows have the position 3996.35772") {
				t.Errorf("%s: %v", path, err)
			}
			continue
		}
		got := mustRead(t, path)
		s := got[0]
		if len(got) != 1 || s.Technique != spectra.IR || len(s.X) != 1866 || s.X[0] != 3996.35772 || s.X[1865] != 399.250023 {
			t.Errorf("%s: %d spectra, %s, %d points from %g", path, len(got), s.Technique, len(s.X), s.X[0])
		}
	}
}
