package report

import (
	"fmt"
	"io"
	"strings"
	"time"

	"codeberg.org/go-fonts/liberation/liberationsansbold"
	"codeberg.org/go-fonts/liberation/liberationsansregular"
	"codeberg.org/go-pdf/fpdf"

	"fentrace/library/identify"
)

// Text writes a text as PDF: an empty line ends a paragraph, a line that begins with "# " is a heading. Its lines are kept, and
// SIMULATED stands across pages about what is simulated. The same text gives the same bytes.
func Text(w io.Writer, title, text string, simulated bool, made time.Time) error {
	p := page{fpdf.New("P", "mm", "A4", "")}
	p.AddUTF8FontFromBytes(font, "", liberationsansregular.TTF)
	p.AddUTF8FontFromBytes(font, "B", liberationsansbold.TTF)
	p.SetCatalogSort(true)
	p.SetCreationDate(made.UTC())
	p.SetModificationDate(made.UTC())
	p.SetTitle(title, true)
	p.SetLang("en")
	p.SetMargins(margin, margin, margin)
	p.SetAutoPageBreak(true, margin+8)
	p.AliasNbPages("")
	p.SetHeaderFunc(func() { p.mark(simulated) })
	p.SetFooterFunc(func() {
		p.SetY(-margin - 4)
		p.SetFont(font, "B", 9)
		p.CellFormat(textWidth, 4.5, identify.Presumptive, "", 1, "C", false, 0, "")
		p.SetFont(font, "", 8)
		p.CellFormat(textWidth, 4, fmt.Sprintf("page %d of {nb}", p.PageNo()), "", 0, "C", false, 0, "")
	})
	p.AddPage()
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		switch heading, is := strings.CutPrefix(line, "# "); {
		case is:
			p.heading(heading)
		case line == "":
			p.Ln(2.5)
		default:
			p.text(line)
		}
	}
	if err := p.Output(w); err != nil {
		return fmt.Errorf("write %s: %w", title, err)
	}
	return nil
}
