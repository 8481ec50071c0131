package calibration

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Certificate is the certified relative spectral intensity of a fluorescent glass (NIST SRM 224x), as scattered
// intensity over Raman shift when excited with its laser.
type Certificate struct {
	Name    string  // of the reference material, for example "2241"
	LaserNM float64 // excitation it is certified for
	Low     float64 // certified range, Raman shift in cm-1
	High    float64
	Glass   string
	// Doubt is what is not certain of this entry, empty when the coefficients and the range stand in the certificate's
	// public digital copy.
	Doubt string
	// power are the coefficients of a polynomial, lowest power first; without them the curve is logNormal.
	power []float64
	log   logNormal
}

// logNormal is H exp(-ln2/ln(rho)^2 ln((x-x0)(rho^2-1)/(w rho)+1)^2) + m x + b: a lopsided band on a straight line.
type logNormal struct{ h, w, rho, x0, m, b float64 }

func (l logNormal) at(x float64) float64 {
	band, u := 0.0, (x-l.x0)*(l.rho*l.rho-1)/(l.w*l.rho)+1
	if u > 0 {
		r := math.Log(u) / math.Log(l.rho)
		band = l.h * math.Exp(-math.Ln2*r*r)
	}
	return band + l.m*x + l.b
}

// certificates are those of NIST, https://tsapps.nist.gov/srmext/certificates/ (2241.pdf, 2242a.pdf, 2246a.pdf ...), for
// glass at 20 to 25 °C.
var certificates = []Certificate{
	{Name: "2241", LaserNM: 785, Low: 200, High: 3500, Glass: "chromium-doped glass",
		power: []float64{9.71937e-02, 2.28325e-04, -5.86762e-08, 2.16023e-10, -9.77171e-14, 1.15596e-17}},
	{Name: "2242a", LaserNM: 532, Low: 150, High: 4000, Glass: "manganese-doped glass",
		log: logNormal{h: 9.9747e-01, w: 3.1006e03, rho: 1.1573, x0: 2.9721e03, m: -3.7168e-06, b: 1.2864e-02}},
	{Name: "2244", LaserNM: 1064, Low: 100, High: 3500, Glass: "chromium-doped glass",
		power: []float64{0.405953, 5.20345e-04, 5.30390e-07, -6.84463e-10, 2.10286e-13, -2.05741e-17}},
	{Name: "2245", LaserNM: 633, Low: 150, High: 4000, Glass: "bismuth-doped glass", Doubt: "the certified range was not confirmed",
		log: logNormal{h: 9.5071e-01, w: 1.6577e03, rho: 9.5207e-01, x0: 1.9600e03, m: 1.8981e-05, b: 1.1698e-02}},
	{Name: "2246", LaserNM: 830, Low: 110, High: 3000, Glass: "chromium-doped glass", Doubt: "coefficients and range were not confirmed by a second copy",
		log: logNormal{h: 0.99218, w: 3085.3, rho: 0.96188, x0: 2323.7, m: 1.263e-05, b: -0.021142}},
	{Name: "2246a", LaserNM: 830, Low: 110, High: 3000, Glass: "chromium-doped glass",
		log: logNormal{h: 1.0178, w: 3082.3, rho: 0.98252, x0: 2353.1, m: -1.1825e-07, b: -0.017500}},
}

// Certificates lists the certificates there are.
func Certificates() []Certificate { return slices.Clone(certificates) }

// FindCertificate returns the certificate called name, for example "2241" or "SRM 2241"; ErrUnknown names those there are.
func FindCertificate(name string) (Certificate, error) {
	want := strings.TrimSpace(strings.TrimPrefix(strings.ToLower(strings.TrimSpace(name)), "srm"))
	var names []string
	for _, c := range certificates {
		if c.Name == want {
			return c, nil
		}
		names = append(names, c.Name)
	}
	return Certificate{}, fmt.Errorf("certificate SRM %q: %w; there are: %s", name, ErrUnknown, strings.Join(names, ", "))
}

// At is the certified relative intensity at a Raman shift (cm-1). It is meaningless outside Low to High.
func (c Certificate) At(shift float64) float64 {
	if len(c.power) == 0 {
		return c.log.at(shift)
	}
	v := 0.0
	for i := len(c.power) - 1; i >= 0; i-- {
		v = v*shift + c.power[i]
	}
	return v
}
