package identify

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"fentrace/library/search"
)

// Instruments differ in how wide they show a line more than in anything else. What is narrower of scan and library is
// therefore widened to match: the full width at half maximum of the Gaussian that does it is one of these, in cm-1, negative
// where the scan is widened. Instruments in use show lines 4 to 20 cm-1 wide.
var widths, scanWidths = []float64{5, 8, 12, 16}, []float64{-5, -8, -12}

// widthGain is what widening must add to Fisher's z of the best agreement: less comes from smoothing noise away.
const widthGain = 0.1

// widthHits is how many of the best references the width is judged by.
const widthHits = 5

// widthReach (cm-1) is how far the best shift of a reference can move when it is widened.
const widthReach = 2

// resolution is the width at which the best of the references agree best with the scan, 0 when it does not matter much.
func (id *Identifier) resolution(ev *evidence) (width float64) {
	best := fisher(ev.hits[0].Score) + widthGain
	for _, side := range [][]float64{scanWidths, widths} {
		before := fisher(ev.hits[0].Score)
		for _, w := range side { // wider and wider, as long as it becomes better
			z := id.agreement(ev, w)
			if z > best {
				best, width = z, w
			}
			if z < before {
				break
			}
			before = z
		}
	}
	return width
}

// agreement is Fisher's z of the best agreement of the scan with one of the first hits at a width.
func (id *Identifier) agreement(ev *evidence, width float64) float64 {
	best, scan := math.Inf(-1), ev.vector.Broadened(-width)
	for _, h := range ev.hits[:min(widthHits, len(ev.hits))] {
		ref, ok := id.reference(ev, h.ReferenceID) // as it is yet
		if !ok {
			continue
		}
		if a, ok := search.Align(scan, id.widened(h.ReferenceID, ref, width), h.ShiftCM1, widthReach); ok {
			best = math.Max(best, fisher(a.Score))
		}
	}
	return best
}

// reference is a reference as wide as the scan shows lines.
func (id *Identifier) reference(ev *evidence, ref string) (search.Vector, bool) {
	if v, ok := ev.shown[ref]; ok {
		return v, true
	}
	v, ok := id.index.Vector(ref)
	if !ok {
		return v, false
	}
	v = id.widened(ref, v, ev.width)
	ev.shown[ref] = v
	return v, true
}

// widenedKept is how many widened references are kept at most, some 50 kB each.
const widenedKept = 400

// widenedKey is a reference at a width, cm-1.
type widenedKey struct {
	ref   string
	width float64
}

// widened is reference v widened, which is kept for other scans: most look like few references.
func (id *Identifier) widened(ref string, v search.Vector, width float64) search.Vector {
	if width <= 0 {
		return v
	}
	key := widenedKey{ref, width}
	if kept, ok := id.wide.Get(key); ok {
		return kept
	}
	v = v.Broadened(width)
	id.wide.Add(key, v)
	return v
}

// atResolution compares hits with v again, at the resolution of the scan, best first.
func (id *Identifier) atResolution(ev *evidence, v search.Vector, hits []search.Hit) []search.Hit {
	if ev.width == 0 {
		return hits
	}
	out := slices.Clone(hits)
	for i, h := range out {
		if ref, ok := id.reference(ev, h.ReferenceID); ok {
			if a, ok := search.Align(v, ref, h.ShiftCM1, widthReach); ok {
				out[i].Alignment = a
			}
		}
	}
	slices.SortFunc(out, func(a, b search.Hit) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), strings.Compare(a.ReferenceID, b.ReferenceID))
	})
	return out
}
