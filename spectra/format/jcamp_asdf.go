package format

import (
	"errors"
	"math"
	"strconv"
	"strings"

	"fentrace/spectra"
)

// The ASCII squeezed difference form of JCAMP-DX 4.24, section 5.9: the first digit of an ordinate is replaced by a
// letter that also gives its sign and its kind.
//
//	SQZ  @ABCDEFGHI  0..9, abcdefghi  -1..-9    a value
//	DIF  %JKLMNOPQR  0..9, jklmnopqr  -1..-9    a difference to the value before
//	DUP  STUVWXYZs   1..9                       how often the ordinate before stands here in all
//
// After a line that ends in a difference the next line begins with the last value again, as a check.

type tokenKind int

const (
	absoluteToken tokenKind = iota // AFFN, PAC, SQZ
	differenceToken
	duplicateToken
	missingToken
)

// leadDigit decodes the letter that begins a compressed ordinate; digit carries the sign.
func leadDigit(c byte) (kind tokenKind, digit string, ok bool) {
	switch {
	case c == '@':
		return absoluteToken, "0", true
	case c >= 'A' && c <= 'I':
		return absoluteToken, string('1' + c - 'A'), true
	case c >= 'a' && c <= 'i':
		return absoluteToken, "-" + string('1'+c-'a'), true
	case c == '%':
		return differenceToken, "0", true
	case c >= 'J' && c <= 'R':
		return differenceToken, string('1' + c - 'J'), true
	case c >= 'j' && c <= 'r':
		return differenceToken, "-" + string('1'+c-'j'), true
	case c >= 'S' && c <= 'Z':
		return duplicateToken, string('1' + c - 'S'), true
	case c == 's':
		return duplicateToken, "9", true
	case c == '?':
		return missingToken, "", true
	}
	return 0, "", false
}

// xCheck is the position a line of (X++(Y..Y)) states for one of its values.
type xCheck struct {
	line  int
	index int     // of the value in the table
	x     float64 // as printed, not yet multiplied by XFACTOR
	ulp   float64 // one unit of its last printed digit
}

// asdf decodes the lines of an (X++(Y..Y)) table.
type asdf struct {
	letters bool // the table has compressed ordinates, so E is a digit and no exponent
	y       []float64
	checks  []xCheck
	missing int // ordinates given as ?
	rounded int // Y-checks that missed by one unit
	firstY  int // line of the first of them
	endMark int // line that ends the table with a value that is no check, 0 when none

	expected int // NPOINTS, 0 when not stated
	most     int // points that repeat counts may bring the table to
	final    int // the last line with content

	inDifference bool // the last ordinate was a difference: the next line begins with a check
	difference   float64
	last         tokenKind
}

// unstatedPoints may come from repeat counts whatever the header states.
const unstatedPoints = 4096

// decodeASDF decodes the lines first..last (1-based) of the file. expected is the number of points that the header
// states, 0 when it does not; it takes no memory.
func decodeASDF(lines []string, first, last, expected int) (*asdf, error) {
	// A few digits can ask for any number of points. More than the header states, and more than there are characters,
	// is damage.
	a := &asdf{expected: expected, most: max(expected, unstatedPoints)}
	for i := first; i <= last; i++ {
		a.most += len(lines[i-1])
	}
	for i := last; i >= first && a.final == 0; i-- {
		if strings.TrimSpace(dropComment(lines[i-1])) != "" {
			a.final = i
		}
	}
	for i := first; i <= last; i++ {
		if strings.ContainsAny(dropComment(lines[i-1]), "@%ABCDFGHIJKLMNOPQRSTUVWXYZabcdfghijklmnopqrs") {
			a.letters = true
			break
		}
	}
	for i := first; i <= last; i++ {
		text := strings.TrimSpace(dropComment(lines[i-1]))
		if text == "" {
			continue
		}
		if err := a.line(i, text); err != nil {
			return nil, err
		}
	}
	return a, nil
}

func (a *asdf) line(n int, text string) error {
	for f := range strings.FieldsFuncSeq(text, isSeparator) {
		if isNotFinite(f) {
			return at(n, "%w: %q is not a finite number (remove the row, or export again)", ErrNotNumber, clip(f))
		}
	}
	number, rest := a.number(text)
	x, kind := parseCell(number, false)
	if kind != numberCell {
		return at(n, "%w: the line must begin with a position, not %q", ErrNotNumber, clip(text))
	}
	check := xCheck{line: n, index: len(a.y), x: x, ulp: lastDigit(number)}
	if a.inDifference {
		check.index--
	}
	a.checks = append(a.checks, check)
	first := true
	for {
		rest = strings.TrimLeftFunc(rest, isSeparator)
		if rest == "" && first {
			return at(n, "%w: a position without values (copy or export it again)", ErrTruncated)
		}
		if rest == "" {
			return nil
		}
		after, err := a.ordinate(n, rest, first)
		if err == errText {
			return at(n, "%w: %q among the values (remove the text, or export again)", ErrNotNumber, clip(fieldAt(text, len(text)-len(rest))))
		}
		if err != nil {
			return err
		}
		first, rest = false, after
	}
}

// errText is an ordinate that is no number; line says where.
var errText = errors.New("text")

// fieldAt is the text between separators that holds byte i of line.
func fieldAt(line string, i int) string {
	from := strings.LastIndexFunc(line[:i], isSeparator) + 1
	field := line[from:]
	if end := strings.IndexFunc(field, isSeparator); end >= 0 {
		field = field[:end]
	}
	return field
}

func isSeparator(r rune) bool { return r == ' ' || r == '\t' || r == ',' || r == ';' }

// ordinate decodes the ordinate at the beginning of s and returns what follows it.
func (a *asdf) ordinate(n int, s string, first bool) (string, error) {
	kind, digits, ok := leadDigit(s[0])
	var number, rest string
	if ok {
		tail, after := plainDigits(s[1:])
		number, rest = digits+tail, after
	} else if number, rest = a.number(s); number == "" {
		return "", errText
	}
	if kind == missingToken {
		a.missing++
		a.inDifference, a.last = false, missingToken
		return rest, a.push(n, math.NaN())
	}
	v, cell := parseCell(number, false)
	if cell != numberCell {
		return "", errText
	}
	switch kind {
	case duplicateToken:
		return rest, a.duplicate(n, v, first)
	case differenceToken:
		if first || len(a.y) == 0 || a.last == missingToken {
			return "", at(n, "%w: a difference with no value before it (export again)", ErrInconsistent)
		}
		a.inDifference, a.difference, a.last = true, v, differenceToken
		return rest, a.push(n, a.y[len(a.y)-1]+v)
	}
	check := first && a.inDifference
	a.inDifference, a.last = false, absoluteToken
	if check {
		return rest, a.checkY(n, v, strings.TrimSpace(rest) == "")
	}
	return rest, a.push(n, v)
}

// checkY compares the value that begins a line with the last one of the line before. One unit is the rounding of an
// encoder that works on fractions. A last line of one value after all the points are there is an end mark, which some
// writers set to zero.
func (a *asdf) checkY(n int, v float64, alone bool) error {
	have := a.y[len(a.y)-1]
	if have == v {
		return nil
	}
	if alone && n == a.final && v == 0 && len(a.y) == a.expected {
		a.endMark = n
		return nil
	}
	if math.Abs(have-v) > 1 {
		return at(n, "%w: the line begins with %g but the line before ended with %g, so a value was lost or changed (export again)", ErrInconsistent, v, have)
	}
	if a.rounded == 0 {
		a.firstY = n
	}
	a.rounded++
	a.y[len(a.y)-1] = v
	return nil
}

// duplicate repeats the ordinate before until it stands count times: a value, or a difference applied again.
func (a *asdf) duplicate(n int, count float64, first bool) error {
	if first || len(a.y) == 0 || a.last == duplicateToken {
		return at(n, "%w: a repeat count with no value before it (export again)", ErrInconsistent)
	}
	if count < 1 || count != math.Trunc(count) {
		return at(n, "%w: a value repeated %g times (export again)", ErrInconsistent, count)
	}
	if most := min(a.most, spectra.MaxPoints); count-1 > float64(most-len(a.y)) {
		return at(n, "%w: a repeat count of %g gives more than %d points, where the header states %d (export again)", ErrTooLarge, count, most, a.expected)
	}
	for range int(count) - 1 {
		v := a.y[len(a.y)-1]
		if a.inDifference {
			v += a.difference
		}
		a.y = append(a.y, v)
	}
	a.last = duplicateToken
	return nil
}

func (a *asdf) push(n int, v float64) error {
	if len(a.y) >= spectra.MaxPoints {
		return at(n, "%w: more than %d points", ErrTooLarge, spectra.MaxPoints)
	}
	a.y = append(a.y, v)
	return nil
}

// number cuts the AFFN or PAC number off the beginning of s. In a table of compressed ordinates E is a digit unless
// a sign follows it.
func (a *asdf) number(s string) (number, rest string) {
	i := 0
	if i < len(s) && (s[i] == '+' || s[i] == '-') {
		i++
	}
	digits, _ := plainDigits(s[i:])
	if i += len(digits); digits == "" {
		return "", s
	}
	if j := i; j < len(s) && (s[j] == 'E' || s[j] == 'e') {
		j++
		signed := j < len(s) && (s[j] == '+' || s[j] == '-')
		if signed {
			j++
		}
		k := j
		for k < len(s) && s[k] >= '0' && s[k] <= '9' {
			k++
		}
		if k > j && (signed || !a.letters) {
			i = k
		}
	}
	return s[:i], s[i:]
}

// plainDigits cuts digits and a decimal point off the beginning of s.
func plainDigits(s string) (digits, rest string) {
	i, point := 0, false
	for ; i < len(s); i++ {
		if s[i] == '.' && !point {
			point = true
		} else if s[i] < '0' || s[i] > '9' {
			break
		}
	}
	return s[:i], s[i:]
}

// lastDigit is the worth of the last printed digit of a number: 0.01 for 12.34, 10 for 1.2E+02.
func lastDigit(number string) float64 {
	mantissa, exponent := number, 0
	if i := strings.IndexAny(number, "eE"); i >= 0 {
		mantissa = number[:i]
		exponent, _ = strconv.Atoi(number[i+1:])
	}
	if i := strings.IndexByte(mantissa, '.'); i >= 0 {
		exponent -= len(mantissa) - i - 1
	}
	return math.Pow10(exponent)
}
