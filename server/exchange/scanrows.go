package exchange

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"
	"time"

	"fentrace/library/identify"
	"fentrace/server/exchange/rows"
	"fentrace/server/store"
)

// scanColumns are those of a table of stored scans, with the names that the table of the page has.
var scanColumns = []struct {
	name string
	of   func(store.Scan) string
}{
	{"id", func(s store.Scan) string { return s.ID }},
	{"acquired", func(s store.Scan) string { return s.Acquired.UTC().Format(time.RFC3339) }},
	{"verdict", func(s store.Scan) string { return s.Verdict }},
	{"headline", func(s store.Scan) string { return s.Headline }},
	{"summary", func(s store.Scan) string { return s.Summary }},
	{"substances", func(s store.Scan) string {
		var named []string
		for _, f := range s.Identification.Findings {
			named = append(named, f.Substance)
		}
		return strings.Join(named, "; ")
	}},
	{"probability", func(s store.Scan) string {
		if len(s.Identification.Findings) == 0 {
			return ""
		}
		return strconv.FormatFloat(s.Identification.Findings[0].Probability, 'f', 3, 64)
	}},
	{"technique", func(s store.Scan) string { return s.Technique }},
	{"simulated", func(s store.Scan) string {
		if s.Simulated {
			return "SIMULATED"
		}
		return ""
	}},
	{"county", place(func(l store.Location) string { return l.County })},
	{"state", place(func(l store.Location) string { return l.State })},
	{"fips", place(func(l store.Location) string { return l.FIPS })},
	{"latitude", place(func(l store.Location) string { return number(l.Latitude) })},
	{"longitude", place(func(l store.Location) string { return number(l.Longitude) })},
	{"precision_m", place(func(l store.Location) string { return number(l.PrecisionM) })},
	{"case", func(s store.Scan) string {
		if s.Linked != nil && s.Linked.Case != "" {
			return s.Linked.Case
		}
		return s.Case
	}},
	{"exhibit", func(s store.Scan) string {
		if s.Linked != nil && s.Linked.Label != "" {
			return s.Linked.Label
		}
		return s.Exhibit
	}},
	{"exhibit_id", func(s store.Scan) string {
		if s.Linked == nil {
			return ""
		}
		return s.Linked.ExhibitID
	}},
	{"officer", func(s store.Scan) string { return s.Officer }},
	{"review", func(s store.Scan) string { return s.Review }},
	{"device", device(func(d store.Device) string { return d.Model })},
	{"serial_number", device(func(d store.Device) string { return d.SerialNumber })},
	{"filename", func(s store.Scan) string { return s.Filename }},
	{"sha256", func(s store.Scan) string { return s.SHA256 }},
	{"library", func(s store.Scan) string { return s.Identification.Library }},
	{"agency", func(s store.Scan) string { return s.Agency }},
	{"tlp", func(s store.Scan) string { return string(s.TLP) }},
	{"note", func(store.Scan) string { return identify.Presumptive }},
}

func place(of func(store.Location) string) func(store.Scan) string {
	return func(s store.Scan) string {
		if s.Location == nil {
			return ""
		}
		return of(*s.Location)
	}
}

func device(of func(store.Device) string) func(store.Scan) string {
	return func(s store.Scan) string {
		if s.Device == nil {
			return ""
		}
		return of(*s.Device)
	}
}

func number(v *float64) string {
	if v == nil {
		return ""
	}
	return strconv.FormatFloat(*v, 'f', -1, 64)
}

// numbers are columns whose cells a spreadsheet is to take for what they are, a minus sign included.
var numbers = map[string]bool{"probability": true, "latitude": true, "longitude": true, "precision_m": true}

// ScanRows writes a table of stored scans as CSV.
type ScanRows struct{ w *csv.Writer }

// NewScanRows writes the header to w.
func NewScanRows(w io.Writer) (*ScanRows, error) {
	r := &ScanRows{csv.NewWriter(w)}
	header := make([]string, len(scanColumns))
	for i, c := range scanColumns {
		header[i] = c.name
	}
	return r, r.w.Write(header)
}

// Add writes the row of a scan.
func (r *ScanRows) Add(s store.Scan) error {
	cells := make([]string, len(scanColumns))
	for i, c := range scanColumns {
		if cells[i] = c.of(s); !numbers[c.name] {
			cells[i] = rows.Text(cells[i])
		}
	}
	return r.w.Write(cells)
}

// Flush writes what is held.
func (r *ScanRows) Flush() error {
	r.w.Flush()
	return r.w.Error()
}
