package simulate

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"fentrace/spectra"
)

// Natural widths given to lines of tables that state none, cm-1: common for powders at room temperature.
const (
	RamanWidthCM1 = 7
	IRWidthCM1    = 12
)

const maxTableBytes = 4 << 20

// lineColumns is the header of a line table.
var lineColumns = []string{"name", "class", "cas", "technique", "wavenumber_cm1", "relative_intensity"}

// ErrTable is wrapped by every error of ParseLines; the message says the line of the table.
var ErrTable = errors.New("not a usable line table")

// ParseLines reads a table of simulated lines: comma-separated, lines starting with # are comments, the header
// name,class,cas,technique,wavenumber_cm1,relative_intensity, then one band a row. Technique is raman or ir, the
// wavenumber above 0 and up to 10000, the intensity 0 to 100. Rows of one name and technique make one Substance, in
// the order of their first row. At most 4 MB are read. Errors: ErrTable.
func ParseLines(r io.Reader) ([]Substance, error) {
	bounded := &io.LimitedReader{R: r, N: maxTableBytes + 1}
	rows := csv.NewReader(bounded)
	rows.Comment = '#'
	rows.ReuseRecord = true
	header, err := rows.Read()
	if err == io.EOF {
		return nil, fmt.Errorf("%w: it is empty", ErrTable)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTable, err)
	}
	if !slices.Equal(header, lineColumns) {
		return nil, fmt.Errorf("%w: the header is %q, want %q", ErrTable, strings.Join(header, ","), strings.Join(lineColumns, ","))
	}
	type key struct {
		name      string
		technique spectra.Technique
	}
	var substances []Substance
	at := map[key]int{}
	for {
		row, err := rows.Read()
		if bounded.N <= 0 {
			return nil, fmt.Errorf("%w: longer than %d bytes", ErrTable, maxTableBytes)
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrTable, err)
		}
		s, line, err := parseRow(row)
		if err != nil {
			number, _ := rows.FieldPos(0)
			return nil, fmt.Errorf("%w: line %d: %w", ErrTable, number, err)
		}
		k := key{s.Name, s.Technique}
		i, seen := at[k]
		if !seen {
			i = len(substances)
			at[k] = i
			substances = append(substances, s)
		}
		if have := substances[i]; have.Class != s.Class || have.CAS != s.CAS {
			number, _ := rows.FieldPos(0)
			return nil, fmt.Errorf("%w: line %d: %s has class %q and CAS %q here, %q and %q before",
				ErrTable, number, s.Name, s.Class, s.CAS, have.Class, have.CAS)
		}
		if len(substances[i].Lines) == MaxLines {
			return nil, fmt.Errorf("%w: %s has more than %d lines", ErrTable, s.Name, MaxLines)
		}
		substances[i].Lines = append(substances[i].Lines, line)
	}
	if len(substances) == 0 {
		return nil, fmt.Errorf("%w: no rows under the header", ErrTable)
	}
	return substances, nil
}

// parseRow reads one row; the strings are copied because the reader reuses them.
func parseRow(row []string) (Substance, Line, error) {
	s := Substance{
		Name: strings.Clone(strings.TrimSpace(row[0])), Class: strings.Clone(strings.TrimSpace(row[1])),
		CAS: strings.Clone(strings.TrimSpace(row[2])),
	}
	if s.Name == "" {
		return s, Line{}, errors.New("the name is empty")
	}
	l := Line{}
	switch row[3] {
	case string(spectra.Raman):
		s.Technique, l.WidthCM1 = spectra.Raman, RamanWidthCM1
	case string(spectra.IR):
		s.Technique, l.WidthCM1 = spectra.IR, IRWidthCM1
	default:
		return s, l, fmt.Errorf("technique %q: want raman or ir", row[3])
	}
	var err error
	if l.CM1, err = number(row[4]); err != nil || l.CM1 <= 0 || l.CM1 > 10000 {
		return s, l, fmt.Errorf("wavenumber_cm1 %q: want a number above 0, up to 10000", row[4])
	}
	if l.Intensity, err = number(row[5]); err != nil || l.Intensity < 0 || l.Intensity > 100 {
		return s, l, fmt.Errorf("relative_intensity %q: want a number from 0 to 100", row[5])
	}
	return s, l, nil
}

func number(text string) (float64, error) {
	v, err := strconv.ParseFloat(text, 64)
	if err == nil && (math.IsNaN(v) || math.IsInf(v, 0)) {
		err = strconv.ErrRange
	}
	return v, err
}
