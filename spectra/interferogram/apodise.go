package interferogram

import (
	"fmt"
	"math"
	"slices"
)

// Apodisation names the window that an interferogram is multiplied by, which trades resolution for smaller side lobes.
type Apodisation string

// The windows. With x the path difference as a fraction of its largest value, 0 at the centre burst:
const (
	Boxcar           Apodisation = "boxcar"             // 1
	Triangular       Apodisation = "triangular"         // 1 - x
	Cosine           Apodisation = "cosine"             // cos(pi x / 2)
	HappGenzel       Apodisation = "happ-genzel"        // 0.54 + 0.46 cos(pi x)
	NortonBeerWeak   Apodisation = "norton-beer-weak"   // sums of powers of 1 - x^2
	NortonBeerMedium Apodisation = "norton-beer-medium" //
	NortonBeerStrong Apodisation = "norton-beer-strong" //
	BlackmanHarris3  Apodisation = "blackman-harris-3"  // sums of cosines
	BlackmanHarris4  Apodisation = "blackman-harris-4"  //
)

// window is a sum of cosines or of powers, or neither: then its formula stands in Window.
type window struct {
	name            Apodisation
	cosines, powers []float64
}

// windows are the sums: cosines are the coefficients of cos(k pi x), powers those of (1-x^2)^k. The constants are those of
// R. H. Norton and R. Beer, J. Opt. Soc. Am. 66, 259 (1976), erratum 67, 419 (1977), as given to six figures by D. A.
// Naylor and M. K. Tahic, J. Opt. Soc. Am. A 24, 3644 (2007), and of F. J. Harris, Proc. IEEE 66, 51 (1978).
var windows = []window{
	{name: Boxcar, cosines: []float64{1}},
	{name: Triangular},
	{name: Cosine},
	{name: HappGenzel, cosines: []float64{0.54, 0.46}},
	{name: NortonBeerWeak, powers: []float64{0.384093, -0.087577, 0.703484}},
	{name: NortonBeerMedium, powers: []float64{0.152442, -0.136176, 0.983734}},
	{name: NortonBeerStrong, powers: []float64{0.045335, 0, 0.554883, 0, 0.399782}},
	{name: BlackmanHarris3, cosines: []float64{0.42323, 0.49755, 0.07922}},
	{name: BlackmanHarris4, cosines: []float64{0.35875, 0.48829, 0.14128, 0.01168}},
}

// Apodisations returns the names of all windows.
func Apodisations() []Apodisation {
	var names []Apodisation
	for _, w := range windows {
		names = append(names, w.name)
	}
	return names
}

// Window returns the function behind the name: 1 at x = 0, defined for 0 <= x <= 1, 0 beyond. The error wraps ErrSetting.
func (a Apodisation) Window() (func(x float64) float64, error) {
	i := slices.IndexFunc(windows, func(w window) bool { return w.name == a })
	if i < 0 {
		return nil, fmt.Errorf("%w: apodisation %q is not known (one of %v)", ErrSetting, a, Apodisations())
	}
	w := windows[i]
	inside := func(x float64) float64 {
		v, u, power := 0.0, 1-x*x, 1.0
		for k, c := range w.cosines {
			v += c * math.Cos(float64(k)*math.Pi*x)
		}
		for _, c := range w.powers {
			v += c * power
			power *= u
		}
		return v
	}
	switch a {
	case Triangular:
		inside = func(x float64) float64 { return 1 - x }
	case Cosine:
		inside = func(x float64) float64 { return math.Cos(math.Pi * x / 2) }
	}
	return func(x float64) float64 {
		if x > 1 {
			return 0
		}
		return inside(x)
	}, nil
}
