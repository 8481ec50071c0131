package analog

import (
	"gonum.org/v1/gonum/floats"
)

// Region is a part of the fentanyl skeleton whose bands stand where the scan and the nearest known fentanyl differ.
type Region struct {
	Part            string
	LowCM1, HighCM1 float64
	Share           float64 // of the squared difference in derivatives that lies in it, 0.5..1
}

// regions are assignments common to the class: ring breathing and C-H bending of monosubstituted benzene near 1001
// and 1030 cm-1, which fentanyls show as a pair (doi 10.1111/1556-4029.15652 and the class markers of urine SERS, 1000
// and 1030), ring stretching near 1600, and the amide C=O near 1650. Both benzene rings stand in the first, so the
// words leave open which. Others overlap too much to be named from a spectrum.
var regions = []Region{
	{Part: "a benzene ring (of the phenethyl or the aniline part): breathing and C-H bending", LowCM1: 985, HighCM1: 1045},
	{Part: "a benzene ring (of the phenethyl or the aniline part): stretching", LowCM1: 1575, HighCM1: 1618},
	{Part: "the N-acyl group: amide C=O", LowCM1: 1622, HighCM1: 1690},
}

// A difference is put into words when it is no matter of noise or of the widths of strong lines, which is below a
// fifth of what is unexplained, and when one region of a few percent of the range holds at least half of it, some
// twenty times its share.
const (
	leastDifference = 0.2
	leastRegion     = 0.5
)

// partial returns the partial correlation of every reference with what is left of a scan, given the known ones.
func (k *bank) partial(r residual) []float64 {
	basis := k.basis(r)
	out := make([]float64, len(k.substances))
	for i, is := range k.fentanyl {
		if is {
			out[i] = floats.Dot(r.unit, k.beyond(basis, r.resolution, i))
		}
	}
	return out
}

// differs names the regions in which the residual differs from reference i.
func (k *bank) differs(r residual, i int) (found []Region) {
	like := k.beyond(k.basis(r), r.resolution, i)
	difference := append([]float64(nil), r.unit...)
	floats.AddScaled(difference, -max(0, floats.Dot(r.unit, like)), like)
	all := floats.Dot(difference, difference)
	if all < leastDifference {
		return nil
	}
	for _, region := range regions {
		part := 0.0
		for p, d := range difference {
			if at := float64(k.low + p*stepCM1); at >= region.LowCM1 && at <= region.HighCM1 {
				part += d * d
			}
		}
		if region.Share = part / all; region.Share >= leastRegion {
			found = append(found, region)
		}
	}
	return found
}

// basis is an orthonormal basis of the known references of r (modified Gram-Schmidt).
func (k *bank) basis(r residual) (basis [][]float64) {
	for _, j := range r.known {
		if b := k.beyond(basis, r.resolution, j); floats.Norm(b, 2) > 0 {
			basis = append(basis, b)
		}
	}
	return basis
}

// beyond is what of reference i lies outside of the basis, at unit length; zero when next to nothing does.
func (k *bank) beyond(basis [][]float64, resolution, i int) []float64 {
	v := append([]float64(nil), k.row(resolution, i)...)
	for _, b := range basis {
		floats.AddScaled(v, -floats.Dot(b, v), b)
	}
	if unit(v) < 0.01 {
		clear(v)
	}
	return v
}
