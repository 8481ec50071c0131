package search

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"

	"fentrace/library"
	"fentrace/spectra/preprocess"
)

// Peak tables are compared with these fixed limits. The tolerance is the axis error of a calibrated handheld (about 3
// cm-1, ASTM E1840 checks) plus the rounding and picking error of published tables.
const (
	PeakToleranceCM1 = 4.0
	peakShiftStep    = 2.0 // cm-1; finer steps change nothing at this tolerance
	// minRelative leaves out lines of a table below 8 % of its strongest: whether they are seen depends on the
	// instrument's noise more than on the sample.
	minRelative = 8.0
)

// PeakMatch is the agreement of the lines found in a scan with a published table.
type PeakMatch struct {
	Lines     int     // lines of the table within the scan's range
	Found     int     // lines found in the scan within the table's range
	Matched   int     // pairs within PeakToleranceCM1, one to one
	Recall    float64 // Matched / Lines
	Precision float64 // share of the found lines' height that is matched: a strong line left over counts for more than a weak one
	F         float64 // harmonic mean of recall and precision
	Chance    float64 // probability that as many lines agree when the scan's lines lie anywhere, corrected for the shifts tried
	ShiftCM1  float64 // scan minus table
}

// ScorePeaks compares the lines found in a scan, which covers low..high cm-1, with a published table, at shifts up to
// maxShift cm-1 either way, and returns the best agreement (lowest chance, then highest F).
//
// Chance is the upper tail of a binomial distribution: with n lines found in a range of L cm-1, an unrelated table line
// has a line of the scan within ±t with probability 1-(1-2t/L)^n. Lines of real molecules crowd into the same regions,
// so the figure is a lower bound and is compared with a strict limit, never quoted as an error rate.
func ScorePeaks(found []preprocess.Peak, low, high float64, table []library.Peak, maxShift float64) PeakMatch {
	lines := tableLines(table, low, high)
	if len(lines) == 0 || high <= low {
		return PeakMatch{Chance: 1}
	}
	// Outside the table's own range nothing is known: a line of the scan there is not held against it.
	from, to := lines[0]-3*PeakToleranceCM1, lines[len(lines)-1]+3*PeakToleranceCM1
	var seen []preprocess.Peak
	var height float64
	for _, p := range found {
		if p.Position >= from && p.Position <= to {
			seen = append(seen, p)
			height += p.Prominence
		}
	}
	best := PeakMatch{Lines: len(lines), Found: len(seen), Chance: 1}
	if len(seen) == 0 {
		return best
	}
	span := math.Max(math.Min(to, high)-math.Max(from, low), 2*PeakToleranceCM1)
	p := 1 - math.Pow(1-math.Min(1, 2*PeakToleranceCM1/span), float64(len(seen)))
	trials := 2*math.Floor(maxShift/peakShiftStep) + 1
	for s := -math.Floor(maxShift/peakShiftStep) * peakShiftStep; s <= maxShift; s += peakShiftStep {
		m, matchedHeight := pair(seen, lines, s, PeakToleranceCM1)
		if m <= best.Matched && !(m == best.Matched && math.Abs(s) < math.Abs(best.ShiftCM1)) {
			continue
		}
		best.Matched, best.ShiftCM1 = m, s
		best.Recall = float64(m) / float64(len(lines))
		best.Precision = matchedHeight / height
		best.Chance = math.Min(1, trials*atLeast(m, len(lines), p))
	}
	if best.Recall+best.Precision > 0 {
		best.F = 2 * best.Recall * best.Precision / (best.Recall + best.Precision)
	}
	return best
}

// tableLines are the positions to expect, sorted; tables without intensities keep every line.
func tableLines(table []library.Peak, low, high float64) []float64 {
	var strongest float64
	for _, p := range table {
		strongest = math.Max(strongest, p.Relative)
	}
	var lines []float64
	for _, p := range table {
		inside := p.PositionCM1 >= low && p.PositionCM1 <= high
		if inside && (strongest == 0 || p.Relative >= minRelative*strongest/100) {
			lines = append(lines, p.PositionCM1)
		}
	}
	slices.Sort(lines)
	return lines
}

// pair matches sorted lines and sorted found peaks one to one, nearest first along the axis, and returns how many pairs
// and the summed prominence of the found peaks in them.
func pair(found []preprocess.Peak, lines []float64, shift, tolerance float64) (pairs int, height float64) {
	i := 0
	for _, line := range lines {
		target := line + shift
		for i < len(found) && found[i].Position < target-tolerance {
			i++
		}
		if i < len(found) && found[i].Position <= target+tolerance {
			pairs++
			height += found[i].Prominence
			i++
		}
	}
	return pairs, height
}

// atLeast is P(X >= k) for X ~ Binomial(n, p).
func atLeast(k, n int, p float64) float64 {
	if k <= 0 {
		return 1
	}
	return distuv.Binomial{N: float64(n), P: p}.Survival(float64(k - 1))
}

// MatchLines counts the lines of scan and reference that agree within tolerance cm-1 when the scan reads shift cm-1
// too high.
func MatchLines(scan, reference []preprocess.Peak, shift, tolerance float64) int {
	lines := make([]float64, len(reference))
	for i, p := range reference {
		lines[i] = p.Position
	}
	n, _ := pair(scan, lines, shift, tolerance)
	return n
}
