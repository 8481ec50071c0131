package identify

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"fentrace/library/search"
	"fentrace/spectra/preprocess"
)

const (
	// A line of the scan that stands out at least foreignShare of the strongest, and that no part of the explanation has
	// within foreignReach cm-1, belongs to something else. The reach allows for lines that one spectrometer resolves
	// and another does not.
	foreignShare = 0.10
	foreignReach = 2 * search.PeakToleranceCM1
	// foreignNamed of them are named in words.
	foreignNamed = 4
)

// foreignLines are the positions (whole cm-1) of the lines of the scan that none of the parts has, strongest first.
func (id *Identifier) foreignLines(ev *evidence) ([]float64, error) {
	var known []float64
	for _, p := range ev.parts {
		lines, err := id.referencePeaks(p.hit.ReferenceID)
		if err != nil {
			return nil, err
		}
		for _, l := range lines {
			known = append(known, l.Position+p.hit.ShiftCM1)
		}
	}
	var top float64
	for _, l := range ev.features.peaks {
		top = math.Max(top, l.Prominence)
	}
	low, high := float64(ev.fitLow), float64(ev.fitLow+len(ev.fit.Residual)-1)
	lines := slices.DeleteFunc(slices.Clone(ev.features.peaks), func(l preprocess.Peak) bool {
		return l.Prominence < foreignShare*top || l.Position < low || l.Position > high ||
			slices.ContainsFunc(known, func(at float64) bool { return math.Abs(l.Position-at) <= foreignReach })
	})
	slices.SortFunc(lines, func(a, b preprocess.Peak) int { return cmp.Compare(b.Prominence, a.Prominence) })
	var out []float64
	for _, l := range lines {
		out = append(out, math.Round(l.Position))
	}
	return out, nil
}

// restReasons put into words what the findings leave open.
func (ev *evidence) restReasons() []string {
	var out []string
	if lines := ev.foreign[:min(foreignNamed, len(ev.foreign))]; len(lines) > 0 {
		var at []string
		for _, l := range lines {
			at = append(at, fmt.Sprintf("%.0f", l))
		}
		out = append(out, fmt.Sprintf("nothing found has a line at %s cm-1: something else may be in this scan", strings.Join(at, ", ")))
	}
	if !slices.ContainsFunc(ev.parts, func(p part) bool { return !p.finding.Container }) {
		out = append(out, "only lines of a container were seen, none of a sample in it")
	}
	return out
}

// withheld is the answer without its findings and all that rests on them.
func (ans Identification) withheld(ev evidence) Identification {
	rest := ev.restReasons()
	ans.Reasons = slices.DeleteFunc(ans.Reasons, func(r string) bool { return slices.Contains(rest, r) })
	ans.Findings, ans.DetectionLimits, ans.ForeignLines, ans.Unexplained = []Finding{}, []DetectionLimit{}, nil, 1
	return ans
}
