package format

import (
	"fmt"
	"strings"
)

// dialect is how a delimited text separates its cells and marks decimals.
type dialect struct {
	sep   byte // ' ' stands for any run of blanks
	comma bool // decimal comma
}

// dialects in the order in which they are preferred when a text reads as well in several.
var dialects = []dialect{
	{'\t', false}, {';', false}, {'|', false}, {',', false}, {' ', false},
	{'\t', true}, {';', true}, {'|', true}, {' ', true},
}

func (d dialect) split(line string, cells []string) []string { return splitCells(line, d.sep, cells) }

// numbers returns the columns of a row that hold numbers, and whether another cell holds text.
func (d dialect) numbers(line string, cells []string, columns []int) (_ []string, _ []int, text bool) {
	cells, columns = d.split(line, cells), columns[:0]
	for i, c := range cells {
		switch _, kind := parseCell(c, d.comma); kind {
		case numberCell:
			columns = append(columns, i)
		case textCell:
			text = true
		}
	}
	return cells, columns, text
}

// sampleLines bounds how many lines the dialect and the columns are judged by.
const sampleLines = 400

// sample returns the indices of at most sampleLines lines from first on that are no comments: the leading ones
// and others spread over the rest.
func sample(lines []string, first int) []int {
	var out []int
	step := max(1, 2*(len(lines)-first)/sampleLines)
	for i := first; i < len(lines) && len(out) < sampleLines; i++ {
		if len(out) >= sampleLines/2 {
			i += step - 1
		}
		if i < len(lines) && !isComment(lines[i]) {
			out = append(out, i)
		}
	}
	return out
}

// findRows chooses the dialect in which most lines are clean rows (two numbers or more and no text), finds the
// first row and the columns that hold numbers.
func (t *table) findRows() error {
	picked := sample(t.lines, 0)
	best, bestClean, bestRows := dialect{}, 0, 0
	var cells []string
	var columns []int
	for _, d := range dialects {
		clean, rows := 0, 0
		for _, i := range picked {
			var text bool
			if cells, columns, text = d.numbers(t.lines[i], cells, columns); len(columns) < 2 {
				continue
			}
			rows++
			if !text {
				clean++
			}
		}
		if clean > bestClean || (clean == bestClean && rows > bestRows) {
			best, bestClean, bestRows = d, clean, rows
		}
	}
	t.dialect = best
	if bestRows == 0 {
		return fmt.Errorf("%w: no rows with two numbers or more (export as JCAMP-DX or as two columns)", ErrNoSpectrum)
	}
	return t.findStart()
}

// findStart finds the first row of numbers: one that is followed by a row with numbers in the same two columns,
// which a line such as "Range 100 3200" above the numbers is not.
func (t *table) findStart() error {
	own := strings.HasPrefix(t.lines[0], ownMark)
	var cells []string
	var previous, columns []int
	at1 := -1
	for i, l := range t.lines {
		if isComment(l) {
			continue
		}
		cells, columns, _ = t.dialect.numbers(l, cells, columns)
		if at1 >= 0 && common(previous, columns) >= 2 {
			break
		}
		at1 = -1
		if len(columns) >= 2 {
			at1 = i
			if own {
				break
			}
		}
		previous, columns = columns, previous
	}
	if at1 < 0 {
		return fmt.Errorf("%w: no two rows of numbers follow one another (export as JCAMP-DX or as two columns)", ErrNoSpectrum)
	}
	t.start = at1
	t.columns = t.numeric()
	if len(t.columns) < 2 {
		return at(t.start+1, "%w: fewer than two columns of numbers (export the axis and the values)", ErrNoSpectrum)
	}
	t.raiseStart()
	return nil
}

// raiseStart moves the first row up to where the table begins when a broken row near its top hid that: up to the first
// line with numbers, finite or not, in the first column and another, then on over lines of the same width that begin
// with one.
func (t *table) raiseStart() {
	var cells []string
	width := len(t.dialect.split(t.lines[t.start], nil))
	begins := func(line string) bool {
		cells = t.dialect.split(line, cells)
		_, kind := t.cell(cells, t.columns[0])
		return kind == numberCell || kind == notFiniteCell
	}
	for i := range t.start {
		if isComment(t.lines[i]) || !begins(t.lines[i]) {
			continue
		}
		for _, c := range t.columns[1:] {
			if _, kind := t.cell(cells, c); kind == numberCell || kind == notFiniteCell {
				t.start = i
				break
			}
		}
		if t.start == i {
			break
		}
	}
	for i := t.start - 1; i >= 0; i-- {
		if isComment(t.lines[i]) {
			continue
		}
		if !begins(t.lines[i]) || len(cells) != width {
			return
		}
		t.start = i
	}
}

// common counts what two ascending lists share.
func common(a, b []int) int {
	n := 0
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case a[i] < b[j]:
			i++
		case a[i] > b[j]:
			j++
		default:
			n, i, j = n+1, i+1, j+1
		}
	}
	return n
}

// numeric returns the columns that hold numbers in more than half of the sampled rows, or in all rows where they
// hold anything: columns of one sheet may differ in length.
func (t *table) numeric() []int {
	var numbers, filled []int
	var cells []string
	for _, i := range sample(t.lines, t.start) {
		cells = t.dialect.split(t.lines[i], cells)
		for len(numbers) < len(cells) {
			numbers, filled = append(numbers, 0), append(filled, 0)
		}
		for c, text := range cells {
			switch _, kind := parseCell(text, t.dialect.comma); kind {
			case numberCell:
				numbers[c]++
				filled[c]++
			case textCell, notFiniteCell:
				filled[c]++
			}
		}
	}
	var out []int
	for c := range numbers {
		if numbers[c] > 1 && 2*numbers[c] > filled[c] || numbers[c] == 1 && filled[c] == 1 {
			out = append(out, c)
		}
	}
	return out
}
