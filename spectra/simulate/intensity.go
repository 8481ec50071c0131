package simulate

import "math"

const (
	kelvinPerCM1 = 1.438777 // h c / k
	roomKelvin   = 298
)

// RamanIntensity is the Stokes intensity, at room temperature, of a vibration at cm1 (above 0) with a computed Raman
// activity: the fourth power of the scattered wavenumber relative to the laser's, the zero-point amplitude and the
// thermal population (D. A. Long, The Raman Effect, 2002, chapter 5). The unit is that of the activity times cm.
func RamanIntensity(cm1, activity, laserNM float64) float64 {
	laser := 1e7 / laserNM
	return activity * math.Pow((laser-cm1)/laser, 4) / cm1 / (1 - math.Exp(-kelvinPerCM1*cm1/roomKelvin))
}
