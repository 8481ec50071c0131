package interferogram

import (
	"fmt"
	"math"
	"slices"

	"fentrace/spectra"
)

// gridTolerance is the part of the last wavenumber by which two grids may differ: less than the wavelength of the reference
// laser drifts while both are measured.
const gridTolerance = 1e-6

// dark is the part of its largest value below which the light of the background is called too little.
const dark = 1e-3

// sameGrid reports ErrGrid with the reason.
func sameGrid(sample, background SingleBeam) error {
	s, b := sample.Settings, background.Settings
	switch {
	case len(sample.Y) != len(background.Y) || sample.First != background.First || math.Abs(sample.StepCM1-background.StepCM1) > gridTolerance*background.StepCM1:
		return fmt.Errorf("%w: %d wavenumbers from %.4f in steps of %.6f cm-1 and %d from %.4f in steps of %.6f (measure both with the same resolution and laser)",
			ErrGrid, len(sample.Y), sample.X(0), sample.StepCM1, len(background.Y), background.X(0), background.StepCM1)
	case s.Apodisation != b.Apodisation || s.Phase != b.Phase || math.Abs(sample.PathCM-background.PathCM) > 1e-3*background.PathCM:
		return fmt.Errorf("%w: %s to %.4g cm and %s to %.4g cm of path difference (transform both with the same settings and resolution)",
			ErrGrid, s.Apodisation, sample.PathCM, b.Apodisation, background.PathCM)
	}
	return nil
}

// Transmittance divides the sample by the background. Where the background has no light above zero the value is 0, which no
// division gives. Errors: ErrGrid; ErrNoLight when the background has none at all.
func Transmittance(sample, background SingleBeam) (spectra.Spectrum, error) {
	if err := sameGrid(sample, background); err != nil {
		return spectra.Spectrum{}, err
	}
	out := sample.Spectrum()
	out.Technique, out.YUnit = spectra.IR, spectra.Transmittance
	out.Y = make([]float64, len(sample.Y))
	out.Metadata.Background = false
	out.Metadata.Simulated = sample.Metadata.Simulated || background.Metadata.Simulated
	most := slices.Max(background.Y)
	if !(most > 0) {
		return spectra.Spectrum{}, fmt.Errorf("divide %q by the background: %w in the background between %.0f and %.0f cm-1 (measure it again)",
			sample.Title, ErrNoLight, background.X(0), background.X(len(background.Y)-1))
	}
	faint := 0
	for i, b := range background.Y {
		if b > 0 {
			out.Y[i] = sample.Y[i] / b
		}
		if b < dark*most {
			faint++
		}
	}
	out.Metadata.Warnings = slices.Clone(out.Metadata.Warnings)
	if faint > 0 {
		out.Metadata.Warnings = append(out.Metadata.Warnings, fmt.Sprintf("At %d of %d wavenumbers the background has less than %g of its largest light; the values there are mostly noise.", faint, len(out.Y), dark))
	}
	if s, b := gain(sample.Metadata, "ASG"), gain(background.Metadata, "ARG", "ASG"); s != "" && b != "" && s != b {
		out.Metadata.Warnings = append(out.Metadata.Warnings, fmt.Sprintf("The amplifier had gain %s for the sample and %s for the background; a constant may be missing from the absorbance.", s, b))
	}
	return out, out.Validate()
}

// gain is the setting of the amplifier under the first of Bruker's parameters that the file states.
func gain(m spectra.Metadata, codes ...string) string {
	for _, c := range codes {
		if g := field(m, c); g != "" {
			return g
		}
	}
	return ""
}

// Absorbance is -log10 of Transmittance. Where that is not above zero no absorbance exists: the largest one of the spectrum
// stands there, and a warning. Wavenumbers at which the air absorbs are named in a warning too, see Atmosphere.
// Errors: those of Transmittance; ErrNoLight when the sample lets nothing through anywhere.
func Absorbance(sample, background SingleBeam) (spectra.Spectrum, error) {
	out, err := Transmittance(sample, background)
	if err != nil {
		return out, err
	}
	largest, clipped, ok := spectra.TransmittanceToAbsorbance(out.Y)
	if !ok {
		return spectra.Spectrum{}, fmt.Errorf("absorbance of %q: %w through the sample at any wavenumber (thinner, or check the shutter)", sample.Title, ErrNoLight)
	}
	out.YUnit = spectra.Absorbance
	if clipped > 0 {
		out.Metadata.Warnings = append(out.Metadata.Warnings, fmt.Sprintf("%d values of transmittance are not above zero; they were set to the largest absorbance of the spectrum, %.2f.", clipped, largest))
	}
	lo, hi := out.Range()
	if note := atmosphereNote(lo, hi); note != "" {
		out.Metadata.Warnings = append(out.Metadata.Warnings, note)
	}
	return out, nil
}

// Region is a range of wavenumbers in cm-1 with what absorbs there.
type Region struct {
	Low  float64 `json:"low_cm1"`
	High float64 `json:"high_cm1"`
	By   string  `json:"by"`
}

// atmosphere are the bands of air in the mid infrared: the bending and stretching bands of water vapour, and the bending and
// asymmetric stretching bands of carbon dioxide (G. Herzberg, Infrared and Raman Spectra, 1945, pages 274 and 281).
var atmosphere = []Region{
	{655, 680, "carbon dioxide"},
	{1350, 1900, "water vapour"},
	{2300, 2380, "carbon dioxide"},
	{3500, 3950, "water vapour"},
}

// Atmosphere returns the regions between low and high (cm-1) in which the air of the instrument absorbs. Sharp lines there
// may be air that changed between background and sample.
func Atmosphere(low, high float64) []Region {
	var out []Region
	for _, r := range atmosphere {
		if r.High >= low && r.Low <= high {
			out = append(out, Region{max(r.Low, low), min(r.High, high), r.By})
		}
	}
	return out
}

func atmosphereNote(low, high float64) string {
	list := ""
	for i, r := range Atmosphere(low, high) {
		if i > 0 {
			list += ", "
		}
		list += fmt.Sprintf("%.0f to %.0f (%s)", r.Low, r.High, r.By)
	}
	if list == "" {
		return ""
	}
	return "Air absorbs at " + list + " cm-1; sharp lines there may not be of the sample."
}
