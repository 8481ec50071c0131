package dataset

import (
	"math"
	"path/filepath"
	"slices"
	"strings"

	"fentrace/spectra"
)

// Polystyrene lists spectra of polystyrene under the data root, from seven instruments, one of them before its axis was
// put right.
func Polystyrene() []string {
	return []string{
		"raman/calibration/FMNT-M_BW532/PST10_iR532_Probe_100_3000msx7.txt",
		"raman/calibration/ICV_BW785/PST02_iRPlus785_Z050_100_3200ms.txt",
		"formats/raman-vendors/iRaman/PST02_iRPlus785_Z050_075_3200ms.txt",
		"formats/raman-vendors/Zolix/PST02_Zolix785_Probe_070_190ms.txt",
		"formats/raman-vendors/LightNovo/polystyrene_aritficially_worsened.tsv",
		"formats/raman-vendors/Neegala/PST_532_SEX139.txt",
		"formats/raman-vendors/Neegala/PST_532nm_EZI860.txt",
		"formats/raman-vendors/Neegala/PST_AfCal_10min_532nm_EZI860.txt",
		"raman/library-785/polystyrene.csv",
		"formats/raman-vendors/BWTEK/PST10_iR532_Probe_100_3000msx7.spc",
	}
}

// Calcite lists spectra of calcite under the data root.
func Calcite() []string {
	return []string{
		"raman/calibration/FMNT-M_BW532/nCAL10_iR532_Probe_100_2500msx3.txt",
		"raman/calibration/ICV_BW785/nCAL02_iRPlus785_Z050_100_2100ms.txt",
		"formats/raman-vendors/Renishaw/nCal_Qontor785_z005H12_100_1x3s.txt",
		"formats/raman-vendors/Renishaw/nCal_Qontor785_z005H12_100_1x3s.wdf",
	}
}

// Transfer is two standards measured on one instrument: calibrated with one, the other tells how right the axis is.
type Transfer struct {
	Instrument           string
	With, On             string // names of the standards
	Calibrated, Measured string // their files under the data root
}

// Transfers lists what there is.
func Transfers() []Transfer {
	p, c := Polystyrene(), Calcite()
	cross := "raman/cross-instrument/"
	return []Transfer{
		{"FMNT-M_BW532", "polystyrene", "calcite", p[0], c[0]},
		{"ICV_BW785", "polystyrene", "calcite", p[1], c[1]},
		{"FMNT-M_BW532", "polystyrene", "silicon", p[0], "raman/calibration/FMNT-M_BW532/Sil10_iR532_Probe_100_60000msx2.txt"},
		{"WP-785XS", "polystyrene", "acetaminophen", p[8], "raman/library-785/acetaminophen.csv"},
		{"WP-785XS", "polystyrene", "cyclohexane", p[8], "raman/library-785/cyclohexane.csv"},
		{"WP-00204", "acetaminophen", "cyclohexane", cross + "WP-00204/Acetaminophen-08.csv", cross + "WP-00204/Cyclohexane-07.csv"},
		{"WP-00382", "acetaminophen", "naphthalene", cross + "WP-00382/Acetaminophen-06.csv", cross + "WP-00382/Naphthalene-05.csv"},
		{"WP-00338", "cyclohexane", "acetaminophen", cross + "WP-00338/Cyclohexane-02.csv", cross + "WP-00338/Acetaminophen-03.csv"},
	}
}

// Glass is a spectrum of fluorescent glass and one of polystyrene, taken with the same instrument.
type Glass struct {
	Instrument, SRM   string
	File, Polystyrene string // under the data root
}

// Glasses lists the two instruments whose response can be measured: the first with 785 nm, the second with 532 nm.
func Glasses() []Glass {
	p := Polystyrene()
	return []Glass{
		{"ICV_BW785", "2241", "raman/calibration/ICV_BW785/NISTSRM2241_BW785_100x_25sx5.txt", p[1]},
		{"FMNT-M_BW532", "2242a", "raman/calibration/FMNT-M_BW532/NIST532_Probe_3000msx8_1.txt", p[0]},
	}
}

// Distortion is what a wrong axis does to Raman shifts, all in cm-1 but Stretch: moved by Offset, stretched by Stretch
// (a share) about 1,600, and bent by Bow there and nothing at 0 and 3,200.
type Distortion struct{ Offset, Stretch, Bow float64 }

// Distortions are axes as wrong as they were seen in the field.
func Distortions() []Distortion {
	var out []Distortion
	for _, offset := range []float64{-150, -100, -40, 0, 20, 75, 150} {
		for _, stretch := range []float64{-0.01, 0, 0.01} {
			for _, bow := range []float64{-30, -12, 0, 12, 30} {
				out = append(out, Distortion{offset, stretch, bow})
			}
		}
	}
	return out
}

// Distortable are the files of polystyrene to distort, under the data root.
func Distortable() []string {
	p := Polystyrene()
	return []string{p[0], p[1], p[7], p[8]}
}

// Apply is s as an instrument with that axis shows it; the arrays of s are left alone.
func (d Distortion) Apply(s spectra.Spectrum) spectra.Spectrum {
	s.X = slices.Clone(s.X)
	for i, x := range s.X {
		u := (x - 1600) / 1600
		s.X[i] = x + d.Offset + d.Stretch*(x-1600) + d.Bow*(1-u*u)
	}
	return s
}

// AxisError is how far (cm-1), on average over the points whose true shift is from low to high, correct takes the axis of
// wrong from that of truth, which has the same points.
func AxisError(correct func(float64) float64, truth, wrong spectra.Spectrum, low, high float64) float64 {
	sum, n := 0.0, 0
	for i, x := range truth.X {
		if x >= low && x <= high {
			sum += math.Abs(correct(wrong.X[i]) - x)
			n++
		}
	}
	return sum / float64(n)
}

// Impostor is a spectrum (full path) of something that is not the standard.
type Impostor struct{ Path, Standard string }

// Impostors pairs recorded spectra with each of the standards that they are not.
func Impostors(root string, standards []string) ([]Impostor, error) {
	own := map[string]string{"calcium carbonate": "calcite"} // a file that is the standard under another name
	var out []Impostor
	for _, folder := range []string{"raman/library-785/*", "raman/cross-instrument/WP-00382/*", "raman/cross-instrument/wrong-axis/*-20", "everyday-objects/raman/*"} {
		paths, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(folder)+".csv"))
		if err != nil {
			return nil, err
		}
		for _, path := range paths {
			substance, _, _ := strings.Cut(strings.ToLower(strings.TrimSuffix(filepath.Base(path), ".csv")), "-")
			for _, std := range standards {
				if substance != std && own[substance] != std {
					out = append(out, Impostor{path, std})
				}
			}
		}
	}
	return out, nil
}
