// Package report puts one scan and its answer on paper: the overlay as a picture, and all of it as a PDF.
package report

import (
	"fmt"
	"image/color"
	"io"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"

	"fentrace/library/identify"
	"fentrace/spectra"
	"fentrace/spectra/picture"
)

const overlayWidth, overlayHeight = 24 * vg.Centimeter, 13 * vg.Centimeter

// Colours of the overlay, told apart by people with any colour vision (Okabe and Ito, 2008).
var (
	scanColour       = color.RGBA{0x00, 0x00, 0x00, 0xFF}
	differenceColour = color.RGBA{0x99, 0x99, 0x99, 0xFF}
	referenceColours = []color.RGBA{{0x00, 0x72, 0xB2, 0xFF}, {0xD5, 0x5E, 0x00, 0xFF}, {0x00, 0x9E, 0x73, 0xFF}, {0xCC, 0x79, 0xA7, 0xFF}}
)

// Lanes of the picture: the scan stands on 0, references hang from it, the difference is below them.
const (
	differenceLane   = -1.5
	differenceHeight = 0.4
)

// Overlay draws a scan, the references mirrored below, and the difference beneath, as PNG. Infrared runs from high to low
// wavenumbers.
func Overlay(w io.Writer, ov identify.Overlay, technique spectra.Technique) error {
	p := plot.New()
	p.Title.Text = identify.Presumptive
	p.X.Label.Text = "Raman shift / cm-1"
	if technique == spectra.IR {
		p.X.Label.Text, p.X.Scale = "wavenumber / cm-1", plot.InvertedScale{Normalizer: plot.LinearScale{}}
	}
	p.X.Tick.Marker = wholeTicks{}
	p.Y.Label.Text = "signal, each to its highest"
	p.Y.Tick.Marker = plot.ConstantTicks{{Value: 0, Label: "0"}, {Value: 1, Label: "1"}, {Value: -1, Label: "1"}}
	p.Legend.Top = true
	simulated := ov.Scan.Simulated
	if err := draw(p, ov.Scan, "scan: "+ov.Scan.Label, 1, 0, scanColour); err != nil {
		return fmt.Errorf("draw overlay: %w", err)
	}
	for i, r := range ov.References {
		label := fmt.Sprintf("%s (%s)", r.Label, r.Tier)
		if r.Simulated {
			label, simulated = r.Label+" (SIMULATED)", true
		}
		if err := draw(p, r, label, -1, 0, referenceColours[i%len(referenceColours)]); err != nil {
			return fmt.Errorf("draw overlay: %w", err)
		}
	}
	if d := ov.Difference; d != nil {
		most := 1e-9
		for _, y := range d.Y {
			most = math.Max(most, math.Abs(y))
		}
		if err := draw(p, *d, "difference", differenceHeight/math.Max(most, 1), differenceLane, differenceColour); err != nil {
			return fmt.Errorf("draw overlay: %w", err)
		}
	}
	if simulated {
		p.Add(picture.Watermark("SIMULATED"))
	}
	out, err := p.WriterTo(overlayWidth, overlayHeight, "png")
	if err != nil {
		return fmt.Errorf("draw overlay: %w", err)
	}
	_, err = out.WriteTo(w)
	return err
}

// wholeTicks are the usual ones, named without digits behind the point.
type wholeTicks struct{ plot.DefaultTicks }

// Ticks implements plot.Ticker.
func (t wholeTicks) Ticks(low, high float64) []plot.Tick {
	out := t.DefaultTicks.Ticks(low, high)
	for i := range out {
		if out[i].Label != "" {
			out[i].Label = fmt.Sprintf("%.0f", out[i].Value)
		}
	}
	return out
}

// draw adds a trace, times gain, on a lane: a line through its points, or a stick for each line of a peak table.
func draw(p *plot.Plot, t identify.Trace, label string, gain, lane float64, c color.Color) error {
	var points plotter.XYs
	for i, x := range t.X {
		y := lane + gain*t.Y[i]
		if math.IsNaN(y) || math.IsInf(y, 0) {
			continue
		}
		if t.Kind == "peaks" {
			points = append(points, plotter.XY{X: x, Y: lane}, plotter.XY{X: x, Y: y}, plotter.XY{X: x, Y: lane})
			continue
		}
		points = append(points, plotter.XY{X: x, Y: y})
	}
	if len(points) < 2 {
		return nil
	}
	line, err := plotter.NewLine(points)
	if err != nil {
		return err
	}
	line.Color, line.Width = c, vg.Points(0.8)
	p.Add(line)
	p.Legend.Add(label, line)
	return nil
}
