package spectra

import (
	"math"
	"slices"
	"testing"
)

func TestAbsorbanceExistsOnlyWhereLightComesThrough(t *testing.T) {
	y := []float64{1, 0.25, -0.2, 0.01, 0}
	largest, clipped, ok := TransmittanceToAbsorbance(y)
	if !ok || clipped != 2 || largest != 2 || !slices.Equal(y, []float64{0, -math.Log10(0.25), 2, 2, 2}) || math.Signbit(y[0]) {
		t.Errorf("%v, largest %g, %d clipped, %v", y, largest, clipped, ok)
	}
	y = []float64{0, -1}
	if _, _, ok := TransmittanceToAbsorbance(y); ok || y[1] != -1 {
		t.Errorf("an opaque sample: %v, %v", y, ok)
	}
}
