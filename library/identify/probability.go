package identify

import (
	"math"

	"fentrace/library/search"
)

// Calibration turns the evidence for a part into the probability that its substance is in the sample, by a logistic curve
// fitted on parts known to be true and false (library/validate), half of them from samples whose substance the library did
// not hold. The zero value states nothing.
type Calibration struct {
	Intercept float64 `json:"intercept"`
	With      float64 `json:"with"` // per unit of Fisher's z of Support.With
	Gain      float64 `json:"gain"` // per unit of z by which Support.With exceeds Support.Without
	Own       float64 `json:"own"`  // per unit of z of Support.Own
	LogSNR    float64 `json:"log_snr"`
	// Stated is the probability from which on a part is stated, chosen by the share of wrong statements that is tolerated.
	Stated float64 `json:"stated"`
	// Alarm is the same for controlled substances, chosen by the share of false alarms that is tolerated. It is the lower of
	// the two in most libraries: what is missed there weighs more, and fewer references can be mistaken for.
	Alarm float64 `json:"alarm"`
}

// Shipped is the calibration for libraries that have none of their own: fitted on 80 reference substances from one 785 nm
// instrument, as SIMULATED other instruments would record them. `fentrace library validate --rounds 30` fits it.
var Shipped = Calibration{Intercept: 1.07, With: 2.30, Gain: 5.22, Own: 3.05, LogSNR: -1.35, Stated: 0.89, Alarm: 0.7}

// Limits of what evidence can say: beyond them differences are those of instruments.
const (
	mostCorrelation = 0.99
	mostSNR         = 300
)

// Features are what the curve weighs, in the order With, Gain, Own, LogSNR.
func (s Support) Features() [4]float64 {
	with, without := fisher(s.With), fisher(s.Without)
	return [4]float64{with, with - without, fisher(s.Own), math.Log(math.Max(1, math.Min(s.SNR, mostSNR)))}
}

// Probability (0..1) that the substance of s is in the sample, when as many samples hold something that the library does not
// as not.
func (c Calibration) Probability(s Support) float64 {
	f := s.Features()
	return 1 / (1 + math.Exp(-(c.Intercept + c.With*f[0] + c.Gain*f[1] + c.Own*f[2] + c.LogSNR*f[3])))
}

// usable: every figure is finite and something can be stated.
func (c Calibration) usable() bool {
	sum := c.Intercept + c.With + c.Gain + c.Own + c.LogSNR
	return !math.IsNaN(sum) && !math.IsInf(sum, 0) && c.Stated > 0 && c.Stated < 1 && c.Alarm > 0 && c.Alarm < 1
}

// fisher is Fisher's z of a correlation: its spread does not depend on its value.
func fisher(r float64) float64 {
	return math.Atanh(math.Max(-mostCorrelation, math.Min(mostCorrelation, r)))
}

// tableProbability is a cautious figure for a peak table, not a calibrated one: agreement in both directions, nothing
// when the agreement may well be chance, and never above 0.9.
func tableProbability(m search.PeakMatch, chance float64) float64 {
	return 0.9 * m.F * m.F * (1 - math.Min(1, math.Sqrt(chance)))
}
