package spectra

import "math"

// TransmittanceToAbsorbance replaces transmittance T (a fraction) by absorbance -log10 T, in place. Where T is not above
// zero no absorbance exists: the largest one of the spectrum is put there, and clipped counts those values. ok is false,
// and y unchanged, when no value is above zero.
func TransmittanceToAbsorbance(y []float64) (largest float64, clipped int, ok bool) {
	least := math.Inf(1)
	for _, t := range y {
		if t > 0 {
			least = min(least, t)
		}
	}
	if math.IsInf(least, 1) {
		return 0, 0, false
	}
	for i, t := range y {
		if t <= 0 {
			t = least
			clipped++
		}
		y[i] = -math.Log10(t)
		if y[i] == 0 {
			y[i] = 0 // -log10(1) is a negative zero
		}
	}
	return -math.Log10(least), clipped, true
}
