package format

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"
)

var utf8BOM = []byte("\xef\xbb\xbf")

// utf16Order returns the byte order of a UTF-16 text, nil when raw is not one. Without a byte order mark the
// text must be mostly ASCII: every second byte of its first kilobyte zero and no other.
func utf16Order(raw []byte) binary.ByteOrder {
	switch {
	case bytes.HasPrefix(raw, []byte("\xff\xfe")):
		return binary.LittleEndian
	case bytes.HasPrefix(raw, []byte("\xfe\xff")):
		return binary.BigEndian
	}
	head := raw[:min(len(raw), 1024)&^1]
	if len(head) < 16 {
		return nil
	}
	var zeros [2]int
	for i, b := range head {
		if b == 0 {
			zeros[i&1]++
		}
	}
	switch n := len(head) / 2; {
	case zeros[0] == 0 && zeros[1] > n*9/10:
		return binary.LittleEndian
	case zeros[1] == 0 && zeros[0] > n*9/10:
		return binary.BigEndian
	}
	return nil
}

// decodeText returns raw as UTF-8 without its byte order mark. What is neither UTF-16 nor valid UTF-8 is taken
// for Latin-1, in which every byte is a character.
func decodeText(raw []byte) string {
	if order := utf16Order(raw); order != nil {
		return decodeUTF16(raw, order)
	}
	return decodeBytes(bytes.TrimPrefix(raw, utf8BOM))
}

// decodeBytes returns raw as UTF-8, taking it for Latin-1 when it is not.
func decodeBytes(raw []byte) string {
	if utf8.Valid(raw) {
		return string(raw)
	}
	var b strings.Builder
	b.Grow(len(raw) + len(raw)/8)
	for _, c := range raw {
		b.WriteRune(rune(c))
	}
	return b.String()
}

// decodeUTF16 returns raw as UTF-8 without its byte order mark.
func decodeUTF16(raw []byte, order binary.ByteOrder) string {
	units := make([]uint16, len(raw)/2)
	for i := range units {
		units[i] = order.Uint16(raw[2*i:])
	}
	if len(units) > 0 && units[0] == 0xfeff {
		units = units[1:]
	}
	return string(utf16.Decode(units))
}

// headText is decodeText of a file's head, of which the last character may be cut.
func headText(head []byte) string {
	for range 3 {
		if len(head) == 0 || utf8.Valid(head) {
			break
		}
		if r, n := utf8.DecodeLastRune(head); r != utf8.RuneError || n != 1 {
			break
		}
		head = head[:len(head)-1]
	}
	return decodeText(head)
}

func isBlank(raw []byte) bool {
	return len(bytes.Trim(bytes.TrimPrefix(raw, utf8BOM), " \t\r\n\x1a")) == 0
}

// splitLines returns the lines of text without their ends (LF, CRLF or a lone CR) and without a DOS end-of-file
// mark. Line i of the file is element i-1.
func splitLines(text string) ([]string, error) {
	text = strings.TrimRight(text, "\x1a")
	if !strings.Contains(text, "\n") {
		text = strings.ReplaceAll(text, "\r", "\n")
	}
	if n := strings.Count(text, "\n"); n > maxLines {
		return nil, fmt.Errorf("%w: %d lines, at most %d", ErrTooLarge, n, maxLines)
	}
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		lines[i] = strings.TrimSuffix(l, "\r")
	}
	return lines, nil
}

// splitCells cuts line at sep into dst; sep ' ' stands for any run of blanks. Quotes round a cell are removed and
// protect what is inside. At most maxColumns+1 cells are returned: the caller refuses more than maxColumns.
func splitCells(line string, sep byte, dst []string) []string {
	dst = dst[:0]
	if sep == ' ' {
		for f := range strings.FieldsSeq(line) {
			if dst = append(dst, unquote(f)); len(dst) > maxColumns {
				break
			}
		}
		return dst
	}
	for len(dst) <= maxColumns {
		end := cellEnd(line, sep)
		dst = append(dst, unquote(strings.TrimSpace(line[:end])))
		if end == len(line) {
			break
		}
		line = line[end+1:]
	}
	return dst
}

// cellEnd is the index of the separator that ends the first cell of line, or its length.
func cellEnd(line string, sep byte) int {
	if t := strings.TrimLeft(line, " "); strings.HasPrefix(t, `"`) {
		from := len(line) - len(t) + 1
		for i := from; i < len(line); i++ {
			if line[i] != '"' {
				continue
			}
			if i+1 < len(line) && line[i+1] == '"' {
				i++
				continue
			}
			if j := strings.IndexByte(line[i:], sep); j >= 0 {
				return i + j
			}
			return len(line)
		}
	}
	if i := strings.IndexByte(line, sep); i >= 0 {
		return i
	}
	return len(line)
}

func unquote(s string) string {
	if len(s) >= 2 && s[0] == '"' && s[len(s)-1] == '"' {
		return strings.TrimSpace(strings.ReplaceAll(s[1:len(s)-1], `""`, `"`))
	}
	return s
}

// cellKind is what a cell of a table holds.
type cellKind int

const (
	emptyCell cellKind = iota
	numberCell
	notFiniteCell // NaN, an infinity, or a number beyond float64
	textCell
)

// parseCell reads a cell. With comma set the decimal mark is a comma and a point is not accepted.
func parseCell(s string, comma bool) (float64, cellKind) {
	s = strings.TrimSpace(s)
	if s == "" {
		return 0, emptyCell
	}
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= '0' && c <= '9', c == '+', c == '-', c == 'e', c == 'E':
		case c == '.' && !comma, c == ',' && comma:
		default:
			if isNotFinite(s) {
				return 0, notFiniteCell
			}
			return 0, textCell
		}
	}
	if comma {
		s = strings.Replace(s, ",", ".", 1)
	}
	v, err := strconv.ParseFloat(s, 64)
	switch {
	case math.IsInf(v, 0):
		return 0, notFiniteCell
	case err != nil:
		return 0, textCell
	}
	return v, numberCell
}

// parseNumber reads a plain finite number.
func parseNumber(s string) (float64, bool) {
	v, kind := parseCell(s, false)
	return v, kind == numberCell
}

// isNotFinite reports the words programs write for a missing, infinite or undefined number.
func isNotFinite(s string) bool {
	switch strings.ToLower(strings.TrimLeft(s, "+-")) {
	case "nan", "inf", "infinity", "1.#qnan", "1.#ind", "1.#inf", "#n/a", "n/a", "#div/0!", "#num!", "#value!":
		return true
	}
	return false
}

// clip shortens a cell or value for an error message.
func clip(s string) string {
	const most = 40
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most]) + "..."
}

// badCell is the error for a cell of a numeric column that holds no finite number.
func badCell(line int, column, cell string, kind cellKind) error {
	column = strings.TrimPrefix(column, "column ")
	switch kind {
	case notFiniteCell:
		return at(line, "%w: %q in column %s is not a finite number (remove the row, or export again)", ErrNotNumber, clip(cell), column)
	case emptyCell:
		return at(line, "%w: empty cell in column %s (remove the row, or export again)", ErrNotNumber, column)
	default:
		return at(line, "%w: %q in column %s (remove the text, or export again)", ErrNotNumber, clip(cell), column)
	}
}

// timeLayouts are unambiguous ways of writing a date and time, the year first.
var timeLayouts = []string{
	time.RFC3339Nano, "2006-01-02 15:04:05.999999", "2006-01-02T15:04:05.999999", "2006/01/02 15:04:05.999999 -0700",
	"2006/01/02 15:04:05.999999", "2006-01-02 15_04_05.999999", "2006/1/2 15:04:05", "2006-01-02 15:04", "2006/01/02", "2006-01-02",
}

// parseTime reads a date with the year first. A time without a zone is taken as UTC: the text itself stays in
// Metadata.Fields. The zero time is returned for anything else.
func parseTime(s string) time.Time {
	s = strings.Join(strings.Fields(s), " ")
	for _, layout := range timeLayouts {
		if t, err := time.Parse(layout, s); err == nil {
			return t
		}
	}
	return time.Time{}
}
