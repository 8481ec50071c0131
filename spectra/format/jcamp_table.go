package format

import (
	"fmt"
	"math"
	"strings"

	"fentrace/spectra"
)

// axis is what the header says about the points of one table. A NaN was not stated.
type axis struct {
	first, last, delta float64
	xFactor, yFactor   float64
	points             int // NPOINTS, 0 when not stated
}

// points are the decoded points of one table with the sentences that belong into Metadata.Warnings.
type points struct {
	x, y     []float64
	warnings []string
}

func (p *points) warn(format string, args ...any) {
	p.warnings = append(p.warnings, fmt.Sprintf(format, args...))
}

// linspace returns n positions from first to last; the two ends are exact.
func linspace(first, last float64, n int) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = first + (last-first)*float64(i)/float64(n-1)
	}
	x[0] = first
	if n > 1 {
		x[n-1] = last
	}
	return x
}

// increments reads an (X++(Y..Y)) table on lines first..last.
func (f *jcampFile) increments(r record, a axis, closed bool) (points, error) {
	data, err := decodeASDF(f.lines, r.line+1, r.last, a.points)
	if err != nil {
		return points{}, err
	}
	n := len(data.y)
	if n == 0 {
		return points{}, f.noData(r, closed)
	}
	if err := f.budget.take(r.line, n); err != nil {
		return points{}, err
	}
	p := points{y: data.y}
	if data.rounded > 0 {
		p.warn("%d lines repeat the last value of the line before with a difference of one unit, the rounding of its encoder; the first is line %d.", data.rounded, data.firstY)
	}
	if data.endMark > 0 {
		p.warn("Line %d ends the table with a zero instead of repeating the last value, so that value could not be checked.", data.endMark)
	}
	if p.x, err = data.positions(&a, &p, r); err != nil {
		return points{}, err
	}
	if a.points > 0 && n != a.points {
		if err := data.miscount(a, p.x, r, n); err != nil {
			return points{}, err
		}
		p.warn("The header states %d points but the table holds %d and its positions agree with that.", a.points, n)
	} else if err := data.checkX(a, p.x, &p); err != nil {
		return points{}, err
	}
	for i := range p.y {
		p.y[i] *= a.yFactor
	}
	if data.missing > 0 {
		p.dropMissing()
		p.warn("%d values marked as missing (?) were left out.", data.missing)
	}
	if err := f.ended(r, closed, a.points > 0, &p); err != nil {
		return points{}, err
	}
	return p, nil
}

// positions spreads the values evenly from FIRSTX to LASTX. What the header leaves out is taken from the positions
// of the lines, and from DELTAX last: DELTAX is printed with few digits and is often wrong.
func (d *asdf) positions(a *axis, p *points, r record) ([]float64, error) {
	n, start := len(d.y), d.checks[0]
	if math.IsNaN(a.first) {
		a.first = start.x * a.xFactor
	}
	// Some writers scale the positions of the lines only in the header.
	if a.xFactor != 1 && math.Abs(start.x-a.first) < math.Abs(start.x*a.xFactor-a.first) {
		a.xFactor = 1
		p.warn("The positions of the lines are not scaled by XFACTOR; they were taken as they stand.")
	}
	end := d.checks[len(d.checks)-1]
	if math.IsNaN(a.last) && n > 1 {
		switch {
		case end.index > start.index:
			step := (end.x - start.x) * a.xFactor / float64(end.index-start.index)
			a.last = a.first + step*float64(n-1)
		case !math.IsNaN(a.delta):
			a.last = a.first + a.delta*float64(n-1)
		}
	}
	if n == 1 {
		a.last = a.first
	}
	if math.IsNaN(a.last) || (n > 1 && a.first == a.last) {
		return nil, at(r.line, "%w: the positions do not follow from FIRSTX, LASTX and DELTAX (correct the header, or export again)", ErrInconsistent)
	}
	return linspace(a.first, a.last, n), nil
}

// checkX compares the position at the beginning of each line with the place of its value. Up to one step is the way
// some writers count; more means that values were lost or the header belongs to another table.
func (d *asdf) checkX(a axis, x []float64, p *points) error {
	if len(x) < 2 {
		return nil
	}
	step := math.Abs(x[1] - x[0])
	allowed := 1.01 * step
	if a.points == 0 {
		allowed = step / 2 // the number of values is not known to be right
	}
	worst, worstLine, off := 0.0, 0, 0
	for _, c := range d.checks {
		ulp := c.ulp * math.Abs(a.xFactor)
		miss := math.Abs(c.x*a.xFactor - x[max(c.index, 0)])
		if miss > allowed+ulp {
			return at(c.line, "%w: the line begins at %g but its first value belongs at %g (values were lost, or FIRSTX, LASTX and NPOINTS are wrong)",
				ErrInconsistent, c.x*a.xFactor, x[max(c.index, 0)])
		}
		if miss > step/2+ulp {
			off++
			if miss > worst {
				worst, worstLine = miss, c.line
			}
		}
	}
	if off > 0 {
		p.warn("%d lines begin up to %.3g beside the position that FIRSTX, LASTX and NPOINTS give, at most one step; the header was followed (line %d).", off, worst, worstLine)
	}
	return nil
}

// miscount decides whether NPOINTS or the table is wrong when they differ: NPOINTS, when every line begins within a
// quarter step of its place.
func (d *asdf) miscount(a axis, x []float64, r record, n int) error {
	agrees := len(x) > 1 && len(d.checks) > 2
	if agrees {
		step := math.Abs(x[1] - x[0])
		for _, c := range d.checks {
			agrees = agrees && math.Abs(c.x*a.xFactor-x[max(c.index, 0)]) <= step/4
		}
	}
	switch {
	case agrees:
		return nil
	case n < a.points:
		return at(r.last, "%w: the header states %d points, the table holds %d (copy or export it again)", ErrTruncated, a.points, n)
	}
	return at(r.last, "%w: the header states %d points, the table holds %d (export again)", ErrInconsistent, a.points, n)
}

func (p *points) dropMissing() {
	kept := 0
	for i, v := range p.y {
		if !math.IsNaN(v) {
			p.x[kept], p.y[kept] = p.x[i], v
			kept++
		}
	}
	p.x, p.y = p.x[:kept], p.y[:kept]
}

// pairs reads an (XY..XY) table, or groups with a third number such as a width, which is left out.
func (f *jcampFile) pairs(r record, form tableForm, a axis, peaks, closed bool) (points, error) {
	var s series
	var group []float64
	begun := 0
	for i := r.line + 1; i <= r.last; i++ {
		for cell := range strings.FieldsFuncSeq(dropComment(f.lines[i-1]), isSeparator) {
			v, kind := parseCell(cell, false)
			if kind != numberCell {
				return points{}, badCell(i, form.x+form.y, cell, kind)
			}
			if len(group) == 0 {
				begun = i
			}
			if group = append(group, v); len(group) == form.group {
				if len(s.x) >= spectra.MaxPoints {
					return points{}, at(i, "%w: more than %d points", ErrTooLarge, spectra.MaxPoints)
				}
				s.add(group[0]*a.xFactor, group[1]*a.yFactor, begun)
				group = group[:0]
			}
		}
	}
	if len(group) > 0 {
		return points{}, at(begun, "%w: a position without a value at the end of the table (copy or export it again)", ErrTruncated)
	}
	return f.listed(r, s, a, peaks, closed)
}

// listed checks points that state their own positions.
func (f *jcampFile) listed(r record, s series, a axis, peaks, closed bool) (points, error) {
	n := len(s.x)
	if n == 0 {
		return points{}, f.noData(r, closed)
	}
	if err := f.budget.take(r.line, n); err != nil {
		return points{}, err
	}
	p := points{x: s.x, y: s.y}
	switch {
	case n < a.points:
		return points{}, at(r.last, "%w: the header states %d points, the table holds %d (copy or export it again)", ErrTruncated, a.points, n)
	case a.points > 0 && n > a.points:
		p.warn("The header states %d points but the table holds %d; all were read.", a.points, n)
	}
	if !peaks {
		var doubled string
		var err error
		if p.x, p.y, doubled, err = s.ordered(); err != nil {
			return points{}, err
		}
		if doubled != "" {
			p.warnings = append(p.warnings, doubled)
		}
	}
	if err := f.ended(r, closed, a.points > 0, &p); err != nil {
		return points{}, err
	}
	return p, nil
}

// assigned reads a PEAK ASSIGNMENTS table, groups in parentheses of which the first is the position, the second the
// height when the form has one, the rest text.
func (f *jcampFile) assigned(r record, form tableForm, a axis, closed bool) (points, error) {
	var s series
	heights, depth := 0, 0
	var group strings.Builder
	begun := 0
	for i := r.line + 1; i <= r.last; i++ {
		for _, c := range dropComment(f.lines[i-1]) + "\n" {
			switch {
			case c == '(' && depth == 0:
				depth, begun = 1, i
				group.Reset()
				continue
			case c == '<' && depth == 1:
				depth = 2
			case c == '>' && depth == 2:
				depth = 1
			case c == ')' && depth == 1:
				depth = 0
				given, err := s.addAssigned(group.String(), form, a, begun)
				if err != nil {
					return points{}, err
				}
				heights += given
				continue
			}
			if depth > 0 {
				group.WriteRune(c)
			}
		}
	}
	if depth != 0 {
		return points{}, at(begun, "%w: a group in parentheses does not end (copy or export it again)", ErrTruncated)
	}
	p, err := f.listed(r, s, a, true, closed)
	if err == nil && heights < len(s.x) {
		p.warn("%d of %d assigned lines state no height; 1 was put.", len(s.x)-heights, len(s.x))
	}
	return p, err
}

// addAssigned adds one group and returns 1 when it states a height.
func (s *series) addAssigned(group string, form tableForm, a axis, line int) (int, error) {
	cells := strings.SplitN(group, ",", 3)
	x, kind := parseCell(cells[0], false)
	if kind != numberCell {
		return 0, badCell(line, form.x, strings.TrimSpace(cells[0]), kind)
	}
	if len(s.x) >= spectra.MaxPoints {
		return 0, at(line, "%w: more than %d points", ErrTooLarge, spectra.MaxPoints)
	}
	if form.y == "" || len(cells) < 2 || strings.TrimSpace(cells[1]) == "" {
		s.add(x*a.xFactor, 1, line)
		return 0, nil
	}
	y, kind := parseCell(cells[1], false)
	if kind != numberCell {
		return 0, badCell(line, form.y, strings.TrimSpace(cells[1]), kind)
	}
	s.add(x*a.xFactor, y*a.yFactor, line)
	return 1, nil
}

func (f *jcampFile) noData(r record, closed bool) error {
	if !closed {
		return at(r.line, "%w: the table holds no points and ##END= is missing (copy or export it again)", ErrTruncated)
	}
	return at(r.line, "%w: the table holds no points", ErrNoSpectrum)
}

// ended judges a missing ##END=. A table that holds the points it should is complete unless its last line was cut.
func (f *jcampFile) ended(r record, closed, counted bool, p *points) error {
	if closed {
		return nil
	}
	if !counted || (f.cut && r.last == len(f.lines)) {
		return at(r.last, "%w: ##END= is missing (copy or export it again)", ErrTruncated)
	}
	p.warn("##END= is missing, but the table holds all the points the header states.")
	return nil
}
