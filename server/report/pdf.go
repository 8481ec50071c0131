package report

import (
	"bytes"
	"fmt"
	"io"
	"time"

	"codeberg.org/go-fonts/liberation/liberationsansbold"
	"codeberg.org/go-fonts/liberation/liberationsansregular"
	"codeberg.org/go-pdf/fpdf"

	"fentrace/library/identify"
	"fentrace/server/store"
	"fentrace/server/tlp"
	"fentrace/spectra"
)

// Sheet is what a report is made of.
type Sheet struct {
	Scan    store.Scan
	Overlay identify.Overlay
	// NotDrawn says why there is no Overlay.
	NotDrawn string
	Made     time.Time
	Version  string // of the program
}

// Measures of the page, A4, mm.
const (
	margin     = 18.0
	pageHeight = 297.0
	textWidth  = 210 - 2*margin
	lineHigh   = 5.0
	font       = "sans"
)

// page is a report as it is written.
type page struct{ *fpdf.Fpdf }

// PDF writes the report. The same sheet gives the same bytes.
func PDF(w io.Writer, s Sheet) error {
	p := page{fpdf.New("P", "mm", "A4", "")}
	p.AddUTF8FontFromBytes(font, "", liberationsansregular.TTF)
	p.AddUTF8FontFromBytes(font, "B", liberationsansbold.TTF)
	p.SetCatalogSort(true)
	p.SetCreationDate(s.Made.UTC())
	p.SetModificationDate(s.Made.UTC())
	p.SetTitle("Presumptive field result "+s.Scan.ID, true)
	p.SetLang("en")
	p.SetMargins(margin, margin, margin)
	p.SetAutoPageBreak(true, margin+8)
	p.AliasNbPages("")
	p.SetHeaderFunc(func() {
		p.label(s.Scan, margin/2)
		p.mark(s.Scan.Simulated)
	})
	p.SetFooterFunc(func() { p.foot(s) })
	p.AddPage()
	p.verdict(s.Scan)
	if err := p.picture(s); err != nil {
		return err
	}
	p.findings(s.Scan.Identification)
	p.laboratory(s.Scan)
	p.reviews(s.Scan)
	p.limits(s.Scan.Identification)
	p.sentences("Reasons", s.Scan.Identification.Reasons)
	p.sentences("Next steps", s.Scan.Identification.NextSteps)
	p.sentences("Warnings about the measurement", s.Scan.Warnings)
	p.quality(s.Scan.Identification.Quality)
	p.amendments(s.Scan)
	p.provenance(s)
	if err := p.Output(w); err != nil {
		return fmt.Errorf("write report of scan %s: %w", s.Scan.ID, err)
	}
	return nil
}

// label writes the marking at the right, y mm from the top, as the Traffic Light Protocol asks of documents: in header and footer of every
// page, in 12 points or more.
func (p page) label(sc store.Scan, y float64) {
	p.SetXY(margin, y)
	p.SetFont(font, "B", 12)
	p.SetFillColor(0, 0, 0)
	level := tlp.OfRank(sc.TLP.Rank())
	ink := labelInks[level]
	p.SetTextColor(ink[0], ink[1], ink[2])
	text := level.String()
	wide := p.GetStringWidth(text) + 4
	p.SetX(margin + textWidth - wide)
	p.CellFormat(wide, 6, text, "", 0, "C", true, 0, "")
	p.SetTextColor(0, 0, 0)
	p.SetXY(margin, margin)
}

// labelInks are the colours of TLP 2.0, on black.
var labelInks = map[tlp.Level][3]int{tlp.Clear: {255, 255, 255}, tlp.Green: {51, 255, 0}, tlp.Amber: {255, 192, 0}, tlp.AmberStrict: {255, 192, 0}, tlp.Red: {255, 43, 43}}

// mark writes SIMULATED across the page, below everything.
func (p page) mark(simulated bool) {
	if !simulated {
		return
	}
	p.SetFont(font, "B", 72)
	p.SetTextColor(176, 0, 0)
	p.SetAlpha(0.18, "Normal")
	p.TransformBegin()
	p.TransformRotate(50, 105, 160)
	p.Text(30, 170, "SIMULATED")
	p.TransformEnd()
	p.SetAlpha(1, "Normal")
	p.SetTextColor(0, 0, 0)
	p.SetXY(margin, margin)
}

func (p page) foot(s Sheet) {
	p.label(s.Scan, pageHeight-margin/2-6)
	p.SetY(-margin - 4)
	p.SetFont(font, "B", 9)
	p.CellFormat(textWidth, 4.5, identify.Presumptive, "", 1, "C", false, 0, "")
	p.SetFont(font, "", 8)
	p.CellFormat(textWidth, 4, fmt.Sprintf("scan %s, report made %s, page %d of {nb}", s.Scan.ID, stamp(s.Made), p.PageNo()), "", 0, "C", false, 0, "")
}

// verdictInks are the colours of the verdicts: red, amber, grey-blue, never green. The words carry the meaning.
var verdictInks = map[identify.Verdict][3]int{identify.Alarm: {160, 0, 0}, identify.Inconclusive: {140, 90, 0}, identify.NoAlarm: {50, 80, 120}}

func (p page) verdict(sc store.Scan) {
	p.SetFont(font, "", 10)
	p.CellFormat(textWidth, lineHigh, "PRESUMPTIVE FIELD RESULT", "", 1, "L", false, 0, "")
	ink := verdictInks[sc.Identification.Verdict]
	p.SetTextColor(ink[0], ink[1], ink[2])
	p.SetDrawColor(ink[0], ink[1], ink[2])
	p.SetFont(font, "B", 18)
	p.SetLineWidth(0.8)
	p.MultiCell(textWidth, 9, sc.Headline, "LTRB", "L", false)
	p.SetTextColor(0, 0, 0)
	p.SetDrawColor(0, 0, 0)
	p.SetLineWidth(0.2)
	p.Ln(2)
	p.text(sc.Summary)
}

func (p page) picture(s Sheet) error {
	if len(s.Overlay.Scan.X) == 0 {
		p.text("The scan could not be drawn: " + s.NotDrawn)
		return nil
	}
	var png bytes.Buffer
	if err := Overlay(&png, s.Overlay, spectra.Technique(s.Scan.Technique)); err != nil {
		return err
	}
	p.RegisterImageOptionsReader("overlay", fpdf.ImageOptions{ImageType: "PNG"}, &png)
	p.ImageOptions("overlay", margin, p.GetY()+2, textWidth, 0, true, fpdf.ImageOptions{ImageType: "PNG"}, 0, "")
	p.Ln(2)
	return p.Error()
}

// room begins a new page unless there is that much left of this one, mm.
func (p page) room(high float64) {
	if p.GetY()+high > 297-margin-8 {
		p.AddPage()
	}
}

// heading begins a section.
func (p page) heading(text string) {
	p.room(25) // not alone at the foot of a page
	p.Ln(2)
	p.SetFont(font, "B", 11)
	p.CellFormat(textWidth, 6, text, "", 1, "L", false, 0, "")
}

func (p page) text(text string) {
	p.SetFont(font, "", 10)
	p.MultiCell(textWidth, lineHigh, text, "", "L", false)
}

// sentences are a list, if there are any.
func (p page) sentences(title string, list []string) {
	if len(list) == 0 {
		return
	}
	p.heading(title)
	for _, s := range list {
		p.text("- " + s)
	}
}

// pair is a label with a value that may take several lines.
func (p page) pair(label, value string) {
	if value == "" {
		return
	}
	p.SetFont(font, "", 9)
	p.room(4.5 * float64(len(p.SplitText(value, textWidth-38))))
	y := p.GetY()
	p.CellFormat(38, 4.5, label, "", 0, "L", false, 0, "")
	p.SetXY(margin+38, y)
	p.MultiCell(textWidth-38, 4.5, value, "", "L", false)
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }
