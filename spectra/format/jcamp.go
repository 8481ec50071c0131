package format

import (
	"fmt"
	"regexp"
	"strings"

	"fentrace/spectra"
)

// JCAMP-DX 4.24 (McDonald, Wilks, Appl. Spectrosc. 42 (1988) 151), 5.00 (Lampen et al., Appl. Spectrosc. 48 (1994)
// 1545) and the compressed forms of its tables (jcamp_asdf.go). A file is a list of labelled data records,
// ##LABEL=value, in blocks from ##TITLE= to ##END=; a block of type LINK holds other blocks.

// record is one labelled data record.
type record struct {
	label string // as written, without ##
	key   string // label for comparison, see jcampKey
	value string // what follows the equals sign on its line
	line  int    // of the label, 1-based
	last  int    // of the last line of the value, 1-based
}

// block is one ##TITLE= .. ##END=.
type block struct {
	records []record
	closed  bool
}

type jcampFile struct {
	lines  []string
	cut    bool // the last line has no end: it may have been cut off
	budget budget
}

func detectJCAMP(head []byte, _ string) Confidence {
	text := headText(head)
	for line := range strings.SplitSeq(strings.ReplaceAll(text, "\r", "\n"), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "$$") {
			continue
		}
		if !strings.HasPrefix(line, "##") || !strings.Contains(line, "=") {
			return Never
		}
		if strings.Contains(strings.ToUpper(text), "JCAMP") {
			return Certain
		}
		return Likely
	}
	return Never
}

func readJCAMP(_ string, raw []byte) ([]spectra.Spectrum, error) {
	text := decodeText(raw)
	lines, err := splitLines(text)
	if err != nil {
		return nil, err
	}
	f := &jcampFile{lines: lines, cut: lines[len(lines)-1] != ""}
	blocks, err := f.blocks()
	if err != nil {
		return nil, err
	}
	var out []spectra.Spectrum
	for _, b := range blocks {
		found, err := f.spectraOf(b)
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	if len(out) > 0 {
		if err := f.linked(blocks, out); err != nil {
			return nil, err
		}
		return out, nil
	}
	for _, b := range blocks {
		if !b.closed {
			return nil, fmt.Errorf("%w: it ends before any data table (copy or export it again)", ErrTruncated)
		}
	}
	return nil, fmt.Errorf("%w: no XYDATA, XYPOINTS, PEAK TABLE, PEAK ASSIGNMENTS or DATA TABLE record (export the data with the header)", ErrNoSpectrum)
}

// linked checks that a compound file is whole: one without its last ##END= must hold the blocks it states.
func (f *jcampFile) linked(blocks []*block, out []spectra.Spectrum) error {
	outer := blocks[0]
	value := func(key string) string {
		for _, r := range outer.records {
			if r.key == key {
				return f.text(r)
			}
		}
		return ""
	}
	if outer.closed || !strings.EqualFold(value("DATATYPE"), "LINK") {
		return nil
	}
	if stated, ok := wholeNumber(value("BLOCKS")); !ok || len(blocks)-1 < stated {
		return fmt.Errorf("%w: the compound file states %q blocks, holds %d and has no last ##END= (copy or export it again)", ErrTruncated, value("BLOCKS"), len(blocks)-1)
	}
	for i := range out {
		warn(&out[i].Metadata, "The last ##END= of the compound file is missing, but it holds the blocks it states.")
	}
	return nil
}

// blocks cuts the file into records and hands each to the innermost open block.
func (f *jcampFile) blocks() ([]*block, error) {
	var all, open []*block
	var current *record
	begin := func() *block {
		b := &block{}
		all, open = append(all, b), append(open, b)
		return b
	}
	for i, line := range f.lines {
		label, value, ok := splitRecord(line)
		if !ok {
			if current != nil {
				current.last = i + 1
			}
			continue
		}
		r := record{label: label, key: jcampKey(label), value: value, line: i + 1, last: i + 1}
		if r.key == "END" {
			if n := len(open); n > 0 {
				open[n-1].closed = true
				open = open[:n-1]
			}
			current = nil
			continue
		}
		if len(all) >= 2*maxFileSpectra {
			return nil, at(i+1, "%w: more than %d blocks (split the file)", ErrTooLarge, 2*maxFileSpectra)
		}
		if r.key == "TITLE" || len(open) == 0 {
			begin()
		}
		b := open[len(open)-1]
		if len(b.records) >= maxFields {
			return nil, at(i+1, "%w: more than %d labels in one block", ErrTooLarge, maxFields)
		}
		b.records = append(b.records, r)
		current = &b.records[len(b.records)-1]
	}
	return all, nil
}

// splitRecord splits "##LABEL=value".
func splitRecord(line string) (label, value string, ok bool) {
	rest, ok := strings.CutPrefix(strings.TrimLeft(line, " \t"), "##")
	if !ok {
		return "", "", false
	}
	label, value, ok = strings.Cut(rest, "=")
	return strings.TrimSpace(label), value, ok
}

// labelSigns takes a few kilobytes to build, so it is built once.
var labelSigns = strings.NewReplacer(" ", "", "\t", "", "-", "", "/", "", "_", "")

// jcampKey brings a label to the form in which the standard compares labels: upper case, without blanks, dashes,
// slashes and underlines.
func jcampKey(label string) string {
	return labelSigns.Replace(strings.ToUpper(label))
}

// text returns the value of r over all its lines without comments.
func (f *jcampFile) text(r record) string {
	parts := []string{strings.TrimSpace(dropComment(r.value))}
	for _, l := range f.lines[r.line:r.last] {
		if t := strings.TrimSpace(dropComment(l)); t != "" {
			parts = append(parts, t)
		}
	}
	return strings.TrimSpace(strings.Join(parts, "\n"))
}

func dropComment(line string) string {
	line, _, _ = strings.Cut(line, "$$")
	return line
}

// forms of the tables, with any single letters for the symbols: (X++(Y..Y)), (XY..XY), (XYW..XYW), (XYA).
var (
	formIncrement = regexp.MustCompile(`^\(?([A-Z])\+\+\(([A-Z])\.\.[A-Z]\)\)?`)
	formPoints    = regexp.MustCompile(`^\(?([A-Z])([A-Z])([A-Z]{0,2})\.\.`)
	formAssigned  = regexp.MustCompile(`^\(([A-Z])([A-Z]*)\)`)
)

// tableForm is how the numbers of a table are laid out.
type tableForm struct {
	increment bool   // (X++(Y..Y)): x of the first value of each line, then values
	assigned  bool   // (XYA): groups in parentheses
	x, y      string // symbols; y is empty when the groups hold no value
	group     int    // numbers of a group, 2 for (XY..XY)
}

func parseForm(value string) (tableForm, bool) {
	v := strings.ToUpper(strings.ReplaceAll(strings.ReplaceAll(value, " ", ""), "\t", ""))
	if m := formIncrement.FindStringSubmatch(v); m != nil {
		return tableForm{increment: true, x: m[1], y: m[2]}, true
	}
	if m := formPoints.FindStringSubmatch(v); m != nil {
		return tableForm{x: m[1], y: m[2], group: 2 + len(m[3])}, true
	}
	if m := formAssigned.FindStringSubmatch(v); m != nil {
		f := tableForm{assigned: true, x: m[1]}
		if strings.HasPrefix(m[2], "Y") {
			f.y = "Y"
		}
		return f, true
	}
	return tableForm{}, false
}

// isTable reports whether a record holds points, and whether they are lines rather than a curve.
func isTable(r record) (table, peaks bool) {
	switch r.key {
	case "XYDATA", "XYPOINTS":
		return true, false
	case "PEAKTABLE", "PEAKASSIGNMENTS", "PEAKASSIGNMENT":
		return true, true
	case "DATATABLE":
		return true, strings.Contains(strings.ToUpper(r.value), "PEAK")
	}
	return false, false
}
