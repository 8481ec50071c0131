package identify

import (
	"context"
	"slices"
	"strings"

	"fentrace/library/search"
	"fentrace/spectra"
	"fentrace/spectra/calibration"
)

// Words of Quality.Axis.
const (
	axisOK      = "ok"
	axisFaulty  = "fault"
	axisUnknown = "unknown"
)

// axisFault is evidence that the wavenumbers of a scan are wrong.
type axisFault struct {
	reversed bool // the detector was read out the other way round
	search.DistortedHit
	// known is the calibration by the lines of the sample itself, when that is a standard; nil when it is none.
	known *calibration.AxisResult
}

const (
	// faultReach is how far (cm-1) a whole-axis error is looked for: a wrong laser line or wavelength coefficient, and
	// faultStretch how far wrong (relative) the distances between lines may be.
	faultReach   = 200
	faultStretch = 0.035
	// A fault is stated when the corrected scan matches a reference well, by faultMargin better than where it is, in at
	// least faultLines lines: one line moved far enough meets some line of some substance.
	faultScore  = 0.72
	faultMargin = 0.10
	faultLines  = 3
	// faultTolerance (cm-1) is wide: an axis that is wrong is rarely wrong by the same amount everywhere.
	faultTolerance = 10
)

// findAxisFault looks for a better match at an impossible place: far along the axis, with distances that are too long or too
// short, or with the detector read out backwards (seen in real recordings: every line of a scan mirrored).
func (id *Identifier) findAxisFault(ctx context.Context, ev *evidence) (*axisFault, error) {
	here := ev.explained
	if len(ev.hits) > 0 {
		here = max(here, ev.hits[0].Score)
	}
	if here > 1-faultMargin {
		return nil, nil // nothing could be better by enough
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
		hit, ok, err := id.index.SearchDistorted(ctx, vector, search.DistortedQuery{MaxShift: faultReach, MaxStretch: faultStretch, Keep: id.eligible(ev.scan)})
		if err != nil {
			return nil, err
		}
		possible := !reversed && hit.Largest(ev.features.low, ev.features.high) <= float64(id.maxShift)
		if !ok || possible || hit.Score < max(faultScore, here+faultMargin) || best != nil && hit.Score <= best.Score {
			continue
		}
		shown := ev.features
		if reversed {
			if shown, err = extract(scan); err != nil {
				continue
			}
		}
		if id.sharedLines(shown, hit.ReferenceID, hit.Distortion, faultTolerance) >= faultLines {
			best = &axisFault{reversed: reversed, DistortedHit: hit}
		}
	}
	if best != nil && !best.reversed {
		best.known = id.knownLines(ev.scan, best.ReferenceID)
	}
	return best, nil
}

// knownLines calibrates the axis of a scan by its own lines, when the reference that it fits is a standard whose lines are
// known (ASTM E1840). The scan is not answered on that axis: that it is the standard is what would have to be answered. But
// the spectrometer can be put right by it.
func (id *Identifier) knownLines(s spectra.Spectrum, referenceID string) *calibration.AxisResult {
	sub, _ := id.lib.Substance(id.refs[referenceID].SubstanceID)
	std, err := calibration.Find(strings.ToLower(sub.Name))
	if err != nil {
		return nil
	}
	r, err := calibration.CalibrateAxis(calibration.Sample{Standard: std.Name, Spectrum: s})
	if err != nil || !r.Accepted {
		return nil
	}
	return &r
}

// sharedLines counts the lines that scan and reference have in common once the distortion is taken out of the scan.
func (id *Identifier) sharedLines(scan features, referenceID string, wrong search.Distortion, tolerance float64) int {
	found := slices.Clone(scan.peaks)
	for i := range found {
		found[i].Position = wrong.Undo(found[i].Position)
	}
	return search.MatchLines(found, id.referencePeaks(referenceID), 0, tolerance)
}

// middle is how much too high the scan reads in the middle of its range, cm-1.
func (f *axisFault) middle(scan features) float64 { return f.At((scan.low + scan.high) / 2) }
