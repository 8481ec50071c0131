package report

import (
	"fmt"
	"strings"

	"fentrace/library"
	"fentrace/library/identify"
	"fentrace/server/store"
)

// limitsShown is how many detection limits are listed, the worst first, besides that of any other substance.
const limitsShown = 8

// columns of the table of findings, mm.
var columns = []struct {
	title string
	wide  float64
}{{"Substance", 62}, {"Class, schedule", 46}, {"Evidence", 22}, {"Probability", 20}, {"Share of the signal", 24}}

func (p page) findings(ans identify.Identification) {
	list, title := ans.Findings, "What the answer rests on"
	if len(list) == 0 {
		list, title = ans.Candidates[:min(5, len(ans.Candidates))], "Nothing is stated. Most alike in the library, for whoever judges the scan"
	}
	if len(list) == 0 {
		return
	}
	p.heading(title)
	p.SetFont(font, "B", 8)
	for _, c := range columns {
		p.CellFormat(c.wide, lineHigh, c.title, "B", 0, "L", false, 0, "")
	}
	p.Ln(lineHigh)
	for _, f := range list {
		p.row(name(f), strings.Trim(f.Class+", "+f.Schedule, ", "), string(f.Tier), fmt.Sprintf("%.0f %%", 100*f.Probability), share(f.Fraction))
	}
	if len(ans.Findings) > 0 {
		note := fmt.Sprintf("Shares are of the signal, with their 95 %% interval, not of the mass. %.0f %% of the signal is left over.", 100*ans.Unexplained)
		if ans.Probabilities != "" {
			note += " Probabilities: " + ans.Probabilities + "."
		}
		p.SetFont(font, "", 8)
		p.MultiCell(textWidth, 4.5, note, "", "L", false)
	}
}

// row is one line of the table of findings, as high as its longest text needs.
func (p page) row(cells ...string) {
	p.SetFont(font, "", 8)
	lines := make([][]string, len(cells))
	most := 1
	for i, c := range cells {
		lines[i] = p.SplitText(c, columns[i].wide-1)
		most = max(most, len(lines[i]))
	}
	p.room(4 * float64(most))
	for k := range most {
		for i := range cells {
			text := ""
			if k < len(lines[i]) {
				text = lines[i][k]
			}
			p.CellFormat(columns[i].wide, 4, text, "", 0, "L", false, 0, "")
		}
		p.Ln(4)
	}
}

func name(f identify.Finding) string {
	out := f.Substance
	if f.CAS != "" {
		out += " (CAS " + f.CAS + ")"
	}
	if f.Controlled {
		out += ", controlled"
	}
	if f.Container {
		out += ", container"
	}
	if f.Unverified {
		out += ", data unverified"
	}
	if f.Tier == library.Simulated {
		out += ", SIMULATED"
	}
	return out
}

func share(f *identify.Fraction) string {
	if f == nil {
		return ""
	}
	return fmt.Sprintf("%.0f %% (%.0f to %.0f)", 100*f.Estimate, 100*f.Low, 100*f.High)
}

// laboratory is what laboratories said, kept apart from the field result.
func (p page) laboratory(sc store.Scan) {
	if len(sc.LaboratoryResults) == 0 {
		return
	}
	p.heading("Laboratory results")
	for _, r := range sc.LaboratoryResults {
		var of []string
		for _, s := range r.Substances {
			of = append(of, s.Name)
		}
		text := fmt.Sprintf("%s by %s (%s): %s. Entered by %s, %s.", r.Result, r.Laboratory, strings.Join(r.Methods, ", "), strings.Join(of, ", "), r.EnteredBy, stamp(r.Entered))
		if r.Analyst != "" {
			text += " Analyst: " + r.Analyst + "."
		}
		if r.ReportNumber != "" {
			text += " Report " + r.ReportNumber + "."
		}
		if r.Report != nil {
			text += fmt.Sprintf(" File of the report: %s, SHA-256 %s.", r.Report.Name, r.Report.SHA256)
		}
		if !r.Current {
			text += " A later result counts instead."
		}
		p.text("- " + text)
		if r.Note != "" {
			p.text("  " + r.Note)
		}
	}
}

func (p page) limits(ans identify.Identification) {
	if len(ans.DetectionLimits) == 0 {
		return
	}
	p.heading("What this scan could not have seen")
	p.text("Less than about these shares of the signal would not have been noticed:")
	list := ans.DetectionLimits
	last := list[len(list)-1] // that of any other substance
	shown := list[:min(limitsShown, len(list)-1)]
	var parts []string
	for _, d := range append(shown[:len(shown):len(shown)], last) {
		parts = append(parts, fmt.Sprintf("%s %.0f %%", d.Substance, 100*d.Fraction))
	}
	text := strings.Join(parts, ", ")
	if left := len(list) - 1 - len(shown); left > 0 {
		text += fmt.Sprintf("; %d more substances have lower limits", left)
	}
	p.text(text + ".")
}

func (p page) quality(q identify.Quality) {
	p.heading("Quality of the scan")
	p.pair("strongest line over noise", fmt.Sprintf("%.0f", q.SNR))
	p.pair("points at full scale", fmt.Sprint(q.Saturated))
	p.pair("smooth background", fmt.Sprintf("%.0f %% of the signal", 100*q.Fluorescence))
	axis := q.Axis
	if q.AxisShiftCM1 != 0 {
		axis += fmt.Sprintf(", %+.1f cm-1", q.AxisShiftCM1)
	}
	p.pair("axis", axis)
	if q.HighCM1 > 0 {
		p.pair("range compared", fmt.Sprintf("%.0f to %.0f cm-1", q.LowCM1, q.HighCM1))
	}
}

// provenance is everything the answer can be made again from.
func (p page) provenance(s Sheet) {
	sc, ans := s.Scan, s.Scan.Identification
	p.heading("Where this comes from")
	p.pair("scan", sc.ID)
	p.pair("marking, agency", sc.TLP.String()+", "+sc.Agency)
	p.pair("file", sc.Filename)
	p.pair("SHA-256 of the file", sc.SHA256)
	p.pair("technique", sc.Technique)
	p.pair("taken", stamp(sc.Acquired))
	p.pair("stored", stamp(sc.Created))
	if d := sc.Device; d != nil {
		p.pair("instrument", strings.TrimSpace(d.Type+" "+d.Model+" "+d.SerialNumber))
	}
	p.pair("case, exhibit", strings.Trim(sc.Case+", "+sc.Exhibit, ", "))
	p.pair("exhibit on record", linked(sc.Linked))
	p.pair("officer", sc.Officer)
	p.pair("place", place(sc.Location))
	p.pair("preprocessing", ans.Pipeline)
	p.pair("library", ans.Library)
	p.pair("algorithm", ans.Algorithm)
	p.pair("program", s.Version)
}

func place(l *store.Location) string {
	if l == nil {
		return ""
	}
	out := strings.Trim(l.County+", "+l.State, ", ")
	if l.HasPoint() {
		out = strings.Trim(out+fmt.Sprintf(", %.5f %.5f", *l.Latitude, *l.Longitude), ", ")
		if l.PrecisionM != nil {
			out += fmt.Sprintf(" within %.0f m", *l.PrecisionM)
		}
	}
	return out
}
