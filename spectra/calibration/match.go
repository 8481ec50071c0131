package calibration

import (
	"fmt"
	"math"
	"slices"
)

// pair is a line of a standard and the line of the spectrum taken for it.
type pair struct {
	line   Line // Position is the expected shift
	found  Found
	sample int // which sample of a calibration it belongs to
}

func (p pair) delta() float64 { return p.line.Position - p.found.X }

const (
	// anchorPeaks is how many of the most prominent lines are tried as the strongest of the standard.
	anchorPeaks = 14
	// A line within closeCM1 of where the fitted correction puts it is taken for that line.
	closeCM1 = 6.0
	// Matches are different answers when the one's correction misses the other's lines by apartCM1 on average.
	apartCM1 = 5.0
	// rivalShare: another answer that fits this well leaves the match open.
	rivalShare = 0.85
	// matchedShare is the least part of the expected lines, each weighed by the root of its height, that has to be there.
	matchedShare = 0.70
	// No line that is not the standard's may be strangerShare as prominent as its most prominent, nor all of them together
	// strangersShare of all prominence.
	strangerShare  = 0.30
	strangersShare = 0.22
	// fewLines: a standard with fewer is taken for itself only when nothing else is there.
	fewLines = 4
	// asideOneIn lines one may be set aside as an outlier.
	asideOneIn = 8
)

// match is one way to take the lines of a spectrum for those of a standard.
type match struct {
	pairs     []pair
	aside     []aside // found, but kept out of the fit
	model     poly
	score     float64 // 0..1, see rate
	expected  int     // lines of the standard that the spectrum covers
	share     float64 // of the expected lines that is there, by weight
	strangers float64 // part of the prominence that the standard does not have
	worst     Found   // the most prominent stranger
	stranger  float64 // its prominence over that of the most prominent line matched
}

// aside is a pair that is not fitted, and why.
type aside struct {
	pair
	why string
}

// matcher looks for the lines of one standard among those of one spectrum.
type matcher struct {
	std      Standard
	lines    []Line  // in Raman shift, ascending
	found    []Found // ascending
	low, top float64 // range of the spectrum
}

// find returns the best match. The correction (expected less found) is a smooth function of the shift, so the lines are
// matched in order and neighbours must be corrected alike: for each pair of a strong line of the standard and a
// prominent line of the spectrum, dynamic programming finds the best chain through it, in which heights count as
// hints; then a polynomial is fitted and every line looked for where it belongs.
//
// Errors: ErrTooFewLines, ErrNotStandard, ErrAmbiguous.
func (m matcher) find() (match, error) {
	var all []match
	for _, a := range m.anchors() {
		if got, ok := m.settle(m.chain(a)); ok {
			all = append(all, got)
		}
	}
	if len(all) == 0 {
		return match{}, fmt.Errorf("%w: %d lines found, no %d of them stand as those of %s do", ErrTooFewLines, len(m.found), m.std.Least, m.std.Title)
	}
	best := slices.MaxFunc(all, func(a, b match) int { return compare(a.score, b.score) })
	if err := m.refuse(best); err != nil {
		return best, err
	}
	for _, other := range all {
		if other.score >= rivalShare*best.score && apart(best, other) > apartCM1 {
			return best, fmt.Errorf("%w: corrections of %+.0f and %+.0f cm-1 near %.0f cm-1 fit nearly alike", ErrAmbiguous,
				best.model.at(m.middle()), other.model.at(m.middle()), m.middle())
		}
	}
	return best, nil
}

// refuse says why a match is none.
func (m matcher) refuse(best match) error {
	switch {
	case len(best.pairs) < m.std.Least:
		return fmt.Errorf("%w: %d of %s, at least %d are needed", ErrTooFewLines, len(best.pairs), m.std.Title, m.std.Least)
	case best.share < matchedShare:
		return fmt.Errorf("%w: only %.0f %% of the lines of %s are there (%d of %d)", ErrNotStandard, 100*best.share, m.std.Title, len(best.pairs), best.expected)
	case best.stranger > strangerShare && !m.std.Lamp:
		return fmt.Errorf("%w: %s has no strong line near %.0f cm-1", ErrNotStandard, m.std.Title, best.worst.X+best.model.at(best.worst.X))
	case best.strangers > strangersShare && !m.std.Lamp || best.strangers > 2*strangersShare:
		return fmt.Errorf("%w: %.0f %% of what stands out belongs to no line of %s", ErrNotStandard, 100*best.strangers, m.std.Title)
	}
	return nil
}

func (m matcher) middle() float64 { return m.lines[len(m.lines)/2].Position }

// apart is how far the correction of one match misses, on average, the lines of another.
func apart(best, other match) float64 {
	sum := 0.0
	for _, p := range other.pairs {
		sum += math.Abs(p.delta() - best.model.at(p.found.X))
	}
	return sum / float64(max(len(other.pairs), 1))
}

// settle fits a polynomial to the pairs and looks for every line of the standard where it says, until nothing changes.
func (m matcher) settle(pairs []pair, unit float64) (match, bool) {
	var got match
	for range 6 {
		if len(pairs) < m.std.Least {
			return got, false
		}
		model, ok := choose(pairs, maxDegree)
		if !ok {
			return got, false
		}
		got.model = model
		next := m.assign(model, unit)
		settled := samePairs(next, pairs)
		pairs = next
		if settled {
			break
		}
	}
	if len(pairs) < m.std.Least {
		return got, false
	}
	got.pairs = pairs
	m.rate(&got, unit)
	m.setAside(&got)
	return got, len(got.pairs) >= m.std.Least
}

// setAside takes out of the fit what would spoil it: lines that the instrument does not resolve from another of the
// standard, and outliers, which on a crowded or noisy spectrum are other lines: at most one in asideOneIn, so that a bad
// axis is not made to look good.
func (m matcher) setAside(got *match) {
	keep := got.pairs[:0:0]
	for _, p := range got.pairs {
		blended := slices.ContainsFunc(m.lines, func(l Line) bool {
			d := math.Abs(l.Position - p.line.Position)
			apart := slices.ContainsFunc(got.pairs, func(q pair) bool { return q.line == l })
			return d > 0 && d < p.found.Width && !apart && l.Relative > 0.25*p.line.Relative
		})
		if blended {
			got.aside = append(got.aside, aside{p, "not resolved from its neighbour"})
			continue
		}
		keep = append(keep, p)
	}
	for range len(keep) / asideOneIn {
		model, ok := choose(keep, maxDegree)
		if !ok {
			break
		}
		worst, at, all := 0.0, -1, make([]float64, len(keep))
		for i, p := range keep {
			all[i] = math.Abs(p.delta() - model.at(p.found.X))
			if all[i] > worst {
				worst, at = all[i], i
			}
		}
		slices.Sort(all)
		if worst <= max(AcceptWorstCM1, 5*all[len(all)/2]) {
			break
		}
		got.aside = append(got.aside, aside{keep[at], fmt.Sprintf("found at %.1f cm-1, which no smooth axis joins to the others", keep[at].found.X)})
		keep = slices.Delete(keep, at, at+1)
	}
	got.pairs = keep
}

func samePairs(a, b []pair) bool {
	return slices.EqualFunc(a, b, func(p, q pair) bool { return p.line == q.line && p.found.X == q.found.X })
}

// assign takes for each line of the standard the nearest found line, if each is the other's nearest.
func (m matcher) assign(model poly, unit float64) []pair {
	var pairs []pair
	for _, l := range m.lines {
		j, d := m.nearest(model, l.Position)
		if j < 0 || d > closeCM1 {
			continue
		}
		mutual := true
		at := m.found[j].X + model.at(m.found[j].X)
		for _, other := range m.lines {
			mutual = mutual && math.Abs(other.Position-at) >= math.Abs(l.Position-at)
		}
		if mutual && m.likeness(l, m.found[j], unit) > 0.05 {
			pairs = append(pairs, pair{line: l, found: m.found[j]})
		}
	}
	return pairs
}

// nearest is the found line that the correction brings nearest to a shift, -1 when there is none.
func (m matcher) nearest(model poly, shift float64) (index int, distance float64) {
	index, distance = -1, math.Inf(1)
	for j, f := range m.found {
		if d := math.Abs(f.X + model.at(f.X) - shift); d < distance {
			index, distance = j, d
		}
	}
	return index, distance
}

// rate fills in how good a match is: the part of the expected lines that is there, each weighed by the root of its
// height, how well it stands and how alike its height is, less how much the axis has to bend for it and what the standard
// does not have.
func (m matcher) rate(got *match, unit float64) {
	const margin = 12 // cm-1 from the end of the spectrum within which a line may be missed
	total, there, good, top := 0.0, 0.0, 0.0, 0.0
	for _, l := range m.lines {
		at := l.Position - got.model.at(l.Position)
		if at < m.low+margin || at > m.top-margin {
			continue
		}
		got.expected++
		total += math.Sqrt(l.Relative)
		for _, p := range got.pairs {
			if p.line == l {
				r := (p.delta() - got.model.at(p.found.X)) / 3
				there += math.Sqrt(l.Relative)
				good += math.Sqrt(l.Relative) * math.Exp(-r*r/2) * m.likeness(l, p.found, unit)
				top = max(top, p.found.Prominence)
			}
		}
	}
	got.share = there / max(total, 1e-12)
	m.stray(got, top, unit)
	for i := 1; i < len(got.pairs); i++ {
		p, q := got.pairs[i-1], got.pairs[i]
		cost, _ := bend(q.delta()-p.delta(), q.line.Position-p.line.Position)
		good -= cost
	}
	got.score = good / max(total, 1e-12) * (1 - min(got.strangers, 1))
}

// atmosphere are the lines of the air in the beam: oxygen and nitrogen.
var atmosphere = []float64{1555, 2329}

// stray measures what stands out between the lines of the standard and is none of them, or is far too high for one. A
// standard of few lines has to be alone in the whole spectrum.
func (m matcher) stray(got *match, top, unit float64) {
	const (
		reach, outside = 8, 40 // cm-1
		tooHigh        = 5
		broad          = 45   // cm-1; wider is background
		ripple         = 0.03 // of the most prominent line; less is noise and background
	)
	first, last := m.lines[0].Position-outside, m.lines[len(m.lines)-1].Position+outside
	if len(m.std.Lines) < fewLines {
		first, last = m.low+lowestShift, m.top // below it the edge of the laser filter rises
	}
	known := slices.Concat(m.std.Also, atmosphere)
	ours := func(f Found, at float64) bool {
		if slices.ContainsFunc(known, func(k float64) bool { return math.Abs(k-at) <= reach }) {
			return true
		}
		return slices.ContainsFunc(m.lines, func(l Line) bool {
			return math.Abs(l.Position-at) <= reach && (m.std.Lamp || f.Clipped || f.Prominence < tooHigh*unit*l.Relative)
		})
	}
	sum, strange := 0.0, 0.0
	for _, f := range m.found {
		at := f.X + got.model.at(f.X)
		if at < first || at > last || f.Prominence < ripple*top || f.Width > broad {
			continue
		}
		sum += f.Prominence
		if ours(f, at) {
			continue
		}
		strange += f.Prominence
		if f.Prominence > got.worst.Prominence {
			got.worst = f
		}
	}
	got.strangers, got.stranger = strange/max(sum, 1e-300), got.worst.Prominence/max(top, 1e-300)
}
