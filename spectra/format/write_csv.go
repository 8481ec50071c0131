package format

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"fentrace/spectra"
)

// simulatedNote stands in every file written from a spectrum that was not measured.
const simulatedNote = "SIMULATED: computed or emulated, not a measurement of any sample"

// WriteCSV writes s as two columns, position and value, under comment lines that state title, technique and units and
// hold the metadata as one line of JSON. Read gives the same spectrum back to the last bit, but for control characters
// in the title, which become blanks. A spectrum that does not validate is refused.
func WriteCSV(w io.Writer, s spectra.Spectrum) error {
	if err := s.Validate(); err != nil {
		return fmt.Errorf("write %q as CSV: %w", s.Title, err)
	}
	m := s.Metadata
	m.Format, m.SHA256 = "", "" // they belong to the file that is read
	meta, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("write %q as CSV: %w", s.Title, err)
	}
	b := bufio.NewWriter(w)
	fmt.Fprintln(b, ownMark)
	if m.Simulated {
		fmt.Fprintf(b, "# %s\n", simulatedNote)
	}
	for _, l := range [][2]string{
		{"title", oneLine(s.Title)}, {"technique", string(s.Technique)}, {"x_unit", oneLine(string(s.XUnit))}, {"y_unit", oneLine(string(s.YUnit))},
	} {
		if l[1] != "" {
			fmt.Fprintf(b, "# %s: %s\n", l[0], l[1])
		}
	}
	if s.Peaks {
		fmt.Fprintln(b, "# peaks: true")
	}
	fmt.Fprintf(b, "# metadata: %s\n", meta)
	fmt.Fprintln(b, "x,y")
	var line []byte
	for i := range s.X {
		line = strconv.AppendFloat(line[:0], s.X[i], 'g', -1, 64)
		line = append(line, ',')
		line = strconv.AppendFloat(line, s.Y[i], 'g', -1, 64)
		b.Write(append(line, '\n'))
	}
	if err := b.Flush(); err != nil {
		return fmt.Errorf("write %q as CSV: %w", s.Title, err)
	}
	return nil
}

// oneLine replaces control characters by blanks and drops blanks at the ends.
func oneLine(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == 0x85 || r == 0x2028 || r == 0x2029 {
			return ' '
		}
		return r
	}, s))
}
