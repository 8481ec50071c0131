package identify

import (
	"context"
	"errors"
	"fmt"
	"math"
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
	axisOff     = "off"          // right enough to be answered, but moved by more than axisOKShift
	axisMended  = "recalibrated" // it was wrong and put right by known lines of this very scan
	axisUnknown = "unknown"
)

// axisFault is evidence that the wavenumbers of a scan are wrong.
type axisFault struct {
	reversed bool // the detector was read out the other way round
	search.DistortedHit
	// known is the calibration by the lines of what the scan fits, when that is a standard; nil when it is none.
	known *calibration.AxisResult
	// mended: the evidence is that of the scan on the axis put right by known.
	mended bool
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
		hit, ok, err := id.index.SearchDistorted(ctx, vector, search.DistortedQuery{MaxShift: faultReach, MaxStretch: faultStretch, Of: id.subset(ev.scan),
			Least: max(faultScore, here+faultMargin)})
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
		lines, err := id.sharedLines(shown, hit.ReferenceID, hit.Distortion, faultTolerance)
		if err != nil {
			return nil, err
		}
		if lines >= faultLines {
			best = &axisFault{reversed: reversed, DistortedHit: hit}
		}
	}
	if best != nil && !best.reversed {
		best.known = id.knownLines(ev.scan, best.ReferenceID)
	}
	return best, nil
}

// recalibrated looks at a scan with a wrong axis again on the axis that known lines in it put right, and returns that
// evidence when the standard is part of what then explains the scan, at a place that a right axis has. Otherwise it returns ev.
func (id *Identifier) recalibrated(ctx context.Context, ev evidence) (evidence, error) {
	fixed, err := ev.fault.known.Axis.Apply(ev.scan)
	if err != nil {
		return ev, nil // the correction does not go with this scan: it stays a fault
	}
	again, err := id.judge(ctx, fixed)
	switch {
	case errors.Is(err, search.ErrNotSearchable):
		return ev, nil
	case err != nil:
		return ev, err
	}
	standard := id.refs[ev.fault.ReferenceID].SubstanceID
	if !slices.ContainsFunc(again.parts, func(p part) bool {
		return id.refs[p.hit.ReferenceID].SubstanceID == standard && math.Abs(p.hit.ShiftCM1) <= axisOKShift
	}) {
		return ev, nil
	}
	again.features.saturated, again.quality.Saturated = ev.features.saturated, ev.quality.Saturated
	fault := *ev.fault
	fault.mended = true
	again.fault = &fault
	return again, nil
}

// knownLines calibrates the axis of a scan by its own lines, when the reference that it fits is a standard whose lines are
// known (ASTM E1840), be it the sample or what it is scanned through. Of a thousand scans of other substances none is
// accepted as one of the standard (bench/calibration).
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
func (id *Identifier) sharedLines(scan features, referenceID string, wrong search.Distortion, tolerance float64) (int, error) {
	known, err := id.referencePeaks(referenceID)
	if err != nil {
		return 0, err
	}
	found := slices.Clone(scan.peaks)
	for i := range found {
		found[i].Position = wrong.Undo(found[i].Position)
	}
	return search.MatchLines(found, known, 0, tolerance), nil
}

// withFault states the fault: what the scan itself shows about the axis, and where it could be put right, how.
func (ans Identification) withFault(f *axisFault, scan features) Identification {
	ans.Quality.Axis, ans.Quality.AxisShiftCM1 = axisFaulty, round(f.middle(scan), 1)
	if f.known != nil {
		ans.Quality.AxisKnown, ans.Quality.AxisMeanCM1 = f.known.Standards[0], round(f.known.After.Mean, 2)
	}
	if f.mended {
		ans.Quality.Axis = axisMended
		ans.Reasons = append(ans.Reasons, reasonAxis(f, scan).long+"; the answer is for the axis so put right")
		return ans
	}
	for i := range ans.Candidates {
		ans.Candidates[i].Probability = 0 // lines at wrong places make nothing probable
	}
	return ans
}

// withShift says what the shift at which a scan is explained tells about its axis.
func (ans Identification) withShift(shift float64) Identification {
	ans.Quality.Axis = axisOK
	if math.Abs(shift) > axisOKShift {
		ans.Quality.Axis, ans.Quality.AxisShiftCM1 = axisOff, round(shift, 1)
		ans.Reasons = append(ans.Reasons, fmt.Sprintf("the wavenumber axis reads about %+.0f cm-1 off where the lines of what was found are; that much is forgiven", shift))
	}
	return ans
}

// middle is how much too high the scan reads in the middle of its range, cm-1.
func (f *axisFault) middle(scan features) float64 { return f.At((scan.low + scan.high) / 2) }
