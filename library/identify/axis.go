package identify

import (
	"context"
	"slices"

	"fentrace/library/search"
)

// Words of Quality.Axis.
const (
	axisOK      = "ok"
	axisFaulty  = "fault"
	axisUnknown = "unknown"
)

// axisFault is evidence that the wavenumbers of a scan are wrong.
type axisFault struct {
	reversed bool    // the detector was read out the other way round
	shift    float64 // cm-1, scan minus reference
	score    float64
}

const (
	// faultReach is how far (cm-1) a whole-axis error is looked for: a wrong laser line or wavelength coefficient.
	faultReach = 200
	// A fault is stated when the moved or reversed scan matches a reference well, by faultMargin better than where it
	// is, in at least faultLines lines: one line moved far enough meets some line of some substance.
	faultScore  = 0.72
	faultMargin = 0.10
	faultLines  = 3
	// faultTolerance (cm-1) is wide: an axis that is wrong is rarely wrong by the same amount everywhere.
	faultTolerance = 10
)

// findAxisFault looks for a better match at an impossible place: far along the axis, or with the detector read out
// backwards (seen in real recordings: every line of a scan mirrored).
func (id *Identifier) findAxisFault(ctx context.Context, ev *evidence) (*axisFault, error) {
	here := ev.explained
	if len(ev.hits) > 0 {
		here = max(here, ev.hits[0].Score)
	}
	var best *axisFault
	for _, reversed := range []bool{false, true} {
		scan, vector := ev.scan, ev.vector
		if reversed {
			scan.Y = slices.Clone(scan.Y)
			slices.Reverse(scan.Y)
			var err error
			if vector, err = search.Prepare(scan); err != nil {
				continue
			}
		}
		hits, err := id.index.Search(ctx, vector, search.Query{K: 1, MaxShift: faultReach, Keep: id.eligible(ev.scan)})
		if err != nil {
			return nil, err
		}
		if len(hits) == 0 || hits[0].Score < max(faultScore, here+faultMargin) || best != nil && hits[0].Score <= best.score {
			continue
		}
		shown := ev.features
		if reversed {
			if shown, err = extract(scan); err != nil {
				continue
			}
		}
		if id.sharedLines(shown, hits[0], faultTolerance) >= faultLines {
			best = &axisFault{reversed: reversed, shift: hits[0].ShiftCM1, score: hits[0].Score}
		}
	}
	return best, nil
}

// sharedLines counts the lines that scan and reference have in common at the shift of the hit.
func (id *Identifier) sharedLines(scan features, hit search.Hit, tolerance float64) int {
	ref, err := extract(id.refs[hit.ReferenceID].Spectrum.Ascending())
	if err != nil {
		return 0
	}
	return search.MatchLines(scan.peaks, ref.peaks, hit.ShiftCM1, tolerance)
}
