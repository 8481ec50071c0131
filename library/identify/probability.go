package identify

import (
	"math"

	"fentrace/library/search"
)

// Scores become probabilities by a logistic curve fitted on true and false pairs of the development spectra:
// substances measured on five instruments against a library from a sixth, a quarter of them not in that library
// (bench/accuracy prints the fit). It answers
// "how often is the best match of a scan with this score right", for samples like those; a prior is not in it.
const (
	probabilityMid   = 0.584
	probabilityScale = 0.088
)

func spectrumProbability(score float64) float64 {
	return 1 / (1 + math.Exp(-(score-probabilityMid)/probabilityScale))
}

// tableProbability is a cautious figure for a peak table, not a calibrated one: agreement in both directions, nothing
// when the agreement may well be chance, and never above 0.9.
func tableProbability(m search.PeakMatch, chance float64) float64 {
	return 0.9 * m.F * m.F * (1 - math.Min(1, math.Sqrt(chance)))
}
