package main

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/rivo/uniseg"

	"fentrace/spectra"
	"fentrace/spectra/preprocess"
)

// The drawing: characters across and down. A braille character holds 2 by 4 dots.
const (
	drawMargin  = 10 // for the labels of the vertical axis
	drawColumns = columns - 1 - drawMargin
	drawRows    = 14
	dotsAcross  = 2 * drawColumns
	dotsDown    = 4 * drawRows

	saturatedMark = '▓' // on the axis, where the detector was at full scale

	stickRoom = 100 // cm-1 at least to either side of the middle of a peak table
)

// canvas is a field of dots, (0, 0) at the top left.
type canvas [drawRows][drawColumns]rune

// dotBits are the bits of the dots of a braille character (Unicode 2800-28FF), by row and column within it.
var dotBits = [4][2]rune{{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}}

func (c *canvas) dot(x, y int) {
	if x >= 0 && x < dotsAcross && y >= 0 && y < dotsDown {
		c[y/4][x/2] |= dotBits[y%4][x%2]
	}
}

func (c *canvas) column(x, from, to int) {
	for y := max(min(from, to), 0); y <= min(max(from, to), dotsDown-1); y++ {
		c.dot(x, y)
	}
}

func (c *canvas) lines() []string {
	out := make([]string, drawRows)
	for i, row := range c {
		var b strings.Builder
		for _, bits := range row {
			if bits == 0 {
				b.WriteByte(' ')
			} else {
				b.WriteRune(0x2800 + bits)
			}
		}
		out[i] = b.String()
	}
	return out
}

// draw returns s as braille characters with labelled axes, no line wider than a terminal. A peak table is drawn as
// sticks. Infrared, single beams too, runs from high to low wavenumbers, everything else from low to high.
func draw(s spectra.Spectrum) []string {
	s = s.Ascending()
	lo, hi := s.Range()
	low, high := slices.Min(s.Y), slices.Max(s.Y)
	if s.Peaks {
		low = min(low, 0)
		pad := max(0.02*(hi-lo), stickRoom-(hi-lo)/2)
		lo, hi = lo-pad, hi+pad
	}
	lo, hi = apart(lo, hi)
	low, high = apart(low, high)
	f := frame{lo: lo, hi: hi, low: low, high: high, reversed: (s.Technique == spectra.IR || s.YUnit == spectra.SingleBeam) && s.XUnit == spectra.PerCM}
	var c canvas
	if s.Peaks {
		for i, x := range s.X {
			c.column(f.x(x), f.y(s.Y[i]), dotsDown-1)
		}
	} else {
		f.curve(&c, s.X, s.Y)
	}
	return f.label(c.lines(), s)
}

// apart widens a range in which nothing could be told apart.
func apart(low, high float64) (float64, float64) {
	least := max(math.Abs(low), math.Abs(high)) * 1e-9
	if high/2-low/2 > least {
		return low, high
	}
	pad := max(least, 1)
	return max(low-pad, -math.MaxFloat64), min(high+pad, math.MaxFloat64)
}

// frame maps values to dots.
type frame struct {
	lo, hi    float64 // of the axis
	low, high float64 // of the values
	reversed  bool
}

func (f frame) x(v float64) int {
	at := int(math.Round((v/2 - f.lo/2) / (f.hi/2 - f.lo/2) * (dotsAcross - 1))) // halves: the range itself may overflow
	if f.reversed {
		return dotsAcross - 1 - at
	}
	return at
}

func (f frame) y(v float64) int {
	return dotsDown - 1 - int(math.Round((v/2-f.low/2)/(f.high/2-f.low/2)*(dotsDown-1)))
}

// curve draws each dot column from the lowest to the highest value that falls into it, and joins neighbours.
func (f frame) curve(c *canvas, x, y []float64) {
	for i := range x {
		at, level := f.x(x[i]), f.y(y[i])
		c.dot(at, level)
		if i == 0 {
			continue
		}
		before, from := f.x(x[i-1]), f.y(y[i-1])
		steps := max(at-before, before-at)
		if steps == 0 {
			c.column(at, from, level)
			continue
		}
		last := from
		for k := 1; k <= steps; k++ {
			next := from + int(math.Round(float64(level-from)*float64(k)/float64(steps)))
			c.column(before+(at-before)*k/steps, last, next)
			last = next
		}
	}
}

// label puts the axes round the rows.
func (f frame) label(rows []string, s spectra.Spectrum) []string {
	out := make([]string, 0, len(rows)+3)
	for i, row := range rows {
		mark := ""
		switch i {
		case 0:
			mark = number(f.high)
		case len(rows) - 1:
			mark = number(f.low)
		}
		out = append(out, fmt.Sprintf("%*s ┤%s", drawMargin-2, mark, row))
	}
	ticks, labels := f.ticks()
	ticks = f.saturated(ticks, s.Metadata.SaturatedRanges)
	title := string(s.XUnit)
	if s.XUnit == spectra.PerCM {
		title = "wavenumber, cm-1"
		if s.Technique == spectra.Raman {
			title = "Raman shift, cm-1"
		}
	}
	title = fit(string(s.YUnit)+" over "+title, drawColumns)
	title = strings.TrimSpace(title)
	title = strings.Repeat(" ", max(0, drawColumns-uniseg.StringWidth(title))/2) + title
	margin := strings.Repeat(" ", drawMargin-1)
	return append(out, margin+"└"+ticks, margin+" "+labels, margin+" "+title)
}

// ticks returns the line of the horizontal axis with its marks, and the numbers below them.
func (f frame) ticks() (line, labels string) {
	marks := []rune(strings.Repeat("─", drawColumns))
	numbers := []rune(strings.Repeat(" ", drawColumns))
	step := niceStep(f.hi/8 - f.lo/8)
	if !(step > 0) || math.IsInf(step, 0) {
		return string(marks), string(numbers)
	}
	free := [2]int{0, drawColumns} // what is left for numbers, from the left or from the right
	for k := range 20 {
		v := (math.Ceil(f.lo/step) + float64(k)) * step
		if v > f.hi {
			break
		}
		at := f.x(v) / 2
		if at < 0 || at >= drawColumns {
			continue
		}
		marks[at] = '┬'
		text := []rune(number(v))
		start := min(max(at-len(text)/2, 0), drawColumns-len(text))
		if start < free[0] || start+len(text) > free[1] {
			continue
		}
		copy(numbers[start:], text)
		if f.reversed {
			free[1] = start - 1
		} else {
			free[0] = start + len(text) + 1
		}
	}
	return string(marks), string(numbers)
}

// saturated marks ranges on the line of the horizontal axis.
func (f frame) saturated(line string, ranges []spectra.Range) string {
	marks := []rune(line)
	for _, r := range ranges {
		from, to := f.x(r.Low)/2, f.x(r.High)/2
		for at := max(min(from, to), 0); at <= min(max(from, to), len(marks)-1); at++ {
			marks[at] = saturatedMark
		}
	}
	return string(marks)
}

// niceStep is the 1, 2 or 5 times a power of ten at or above v.
func niceStep(v float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 2, 5} {
		if m*power >= v*(1-1e-9) {
			return m * power
		}
	}
	return 10 * power
}

// number in at most seven characters.
func number(v float64) string {
	if s := fmt.Sprintf("%.6g", v); len(s) <= 7 {
		return s
	}
	for digits := 4; digits > 0; digits-- {
		if s := fmt.Sprintf("%.*g", digits, v); len(s) <= 8 {
			return s
		}
	}
	return fmt.Sprintf("%.0e", v)
}

// strongestLines names the three strongest lines, for whoever cannot see the drawing; empty for a spectrum that has
// none or is not over wavenumbers.
func strongestLines(s spectra.Spectrum) string {
	if s.XUnit != spectra.PerCM {
		return ""
	}
	var names []string
	for _, p := range preprocess.Strongest(s, 3) {
		names = append(names, fmt.Sprintf("%.0f", p.Position))
	}
	if len(names) == 0 {
		return ""
	}
	return strings.Join(names, ", ") + " cm-1"
}
