// Package picture draws spectra as a chemist prints them: Raman shift increasing to the right, infrared wavenumbers
// decreasing to the right, units on the axes, the strongest lines labelled, SIMULATED across what was not measured.
package picture

import (
	"errors"
	"fmt"
	"image/color"
	"io"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"fentrace/spectra"
	"fentrace/spectra/preprocess"
)

const (
	width, height = 24 * vg.Centimeter, 12 * vg.Centimeter
	// maxDrawn is how many spectra one picture holds; more are not told apart.
	maxDrawn = 12
	labelled = 6 // lines named with their position, of the first spectrum
)

// ErrNothing is returned when there is nothing to draw.
var ErrNothing = errors.New("no spectrum to draw")

// colours are told apart by people with any colour vision (Okabe and Ito, 2008).
var colours = []color.Color{
	color.RGBA{0x00, 0x72, 0xB2, 0xFF}, color.RGBA{0xD5, 0x5E, 0x00, 0xFF}, color.RGBA{0x00, 0x9E, 0x73, 0xFF}, color.RGBA{0xCC, 0x79, 0xA7, 0xFF},
	color.RGBA{0x56, 0xB4, 0xE9, 0xFF}, color.RGBA{0xE6, 0x9F, 0x00, 0xFF}, color.RGBA{0x00, 0x00, 0x00, 0xFF},
}

// PNG draws the spectra of one file over one another, at most twelve of them, all on the axes of the first: those of
// another technique or with other units are left out. It returns how many were drawn.
func PNG(w io.Writer, list ...spectra.Spectrum) (drawn int, err error) {
	if len(list) == 0 {
		return 0, ErrNothing
	}
	first := list[0]
	p := plot.New()
	p.Title.Text = first.Title
	p.X.Label.Text, p.Y.Label.Text = axisLabel(first), string(first.YUnit)
	p.Add(plotter.NewGrid())
	if descends(first) {
		p.X.Scale = plot.InvertedScale{Normalizer: plot.LinearScale{}}
	}
	simulated := false
	for _, s := range list {
		if drawn == maxDrawn {
			break
		}
		if s.Technique != first.Technique || s.XUnit != first.XUnit || s.YUnit != first.YUnit || s.Peaks != first.Peaks {
			continue
		}
		if err := s.Validate(); err != nil {
			return 0, fmt.Errorf("draw %q: %w", s.Title, err)
		}
		if err := add(p, s, colours[drawn%len(colours)], len(list) > 1); err != nil {
			return 0, fmt.Errorf("draw %q: %w", s.Title, err)
		}
		simulated = simulated || s.Metadata.Simulated
		drawn++
	}
	p.Legend.Top = true
	if err := nameLines(p, first); err != nil {
		return 0, fmt.Errorf("draw %q: %w", first.Title, err)
	}
	if simulated {
		p.Add(Watermark("SIMULATED"))
	}
	out, err := p.WriterTo(width, height, "png")
	if err != nil {
		return 0, fmt.Errorf("draw %q: %w", first.Title, err)
	}
	if _, err := out.WriteTo(w); err != nil {
		return 0, fmt.Errorf("draw %q: %w", first.Title, err)
	}
	return drawn, nil
}

// descends: infrared is drawn from high to low wavenumbers.
func descends(s spectra.Spectrum) bool { return s.Technique == spectra.IR && s.XUnit == spectra.PerCM }

func axisLabel(s spectra.Spectrum) string {
	switch {
	case s.XUnit == spectra.PerCM && s.Technique == spectra.Raman:
		return "Raman shift / cm-1"
	case s.XUnit == spectra.PerCM:
		return "wavenumber / cm-1"
	}
	return string(s.XUnit)
}

// add draws s: a line through its points, or a stick for each line of a peak table.
func add(p *plot.Plot, s spectra.Spectrum, c color.Color, named bool) error {
	points := make(plotter.XYs, 0, len(s.X))
	for i, x := range s.X {
		if s.Peaks {
			points = append(points, plotter.XY{X: x, Y: 0}, plotter.XY{X: x, Y: s.Y[i]}, plotter.XY{X: x, Y: 0})
			continue
		}
		points = append(points, plotter.XY{X: x, Y: s.Y[i]})
	}
	line, err := plotter.NewLine(points)
	if err != nil {
		return err
	}
	line.Color, line.Width = c, vg.Points(0.8)
	p.Add(line)
	if named {
		p.Legend.Add(s.Title, line)
	}
	return nil
}

// nameLines writes the positions of the strongest lines over them.
func nameLines(p *plot.Plot, s spectra.Spectrum) error {
	peaks := preprocess.Strongest(s, labelled)
	if len(peaks) == 0 {
		return nil
	}
	var at plotter.XYLabels
	for _, k := range peaks {
		at.XYs = append(at.XYs, plotter.XY{X: k.Position, Y: valueAt(s, k.Position)})
		at.Labels = append(at.Labels, fmt.Sprintf("%.0f", k.Position))
	}
	labels, err := plotter.NewLabels(at)
	if err != nil {
		return err
	}
	for i := range labels.TextStyle {
		labels.TextStyle[i].XAlign = text.XCenter
	}
	labels.Offset = vg.Point{Y: vg.Points(3)}
	p.Add(labels)
	p.Y.Max += (p.Y.Max - p.Y.Min) * 0.06 // room for the label of the highest
	return nil
}

// valueAt is the value of the point nearest to x.
func valueAt(s spectra.Spectrum, x float64) float64 {
	best := 0
	for i := range s.X {
		if math.Abs(s.X[i]-x) < math.Abs(s.X[best]-x) {
			best = i
		}
	}
	return s.Y[best]
}

// Watermark is a word across a whole picture.
type Watermark string

// Plot draws the word; it implements plot.Plotter.
func (m Watermark) Plot(c draw.Canvas, p *plot.Plot) {
	style := p.Title.TextStyle
	style.Color = color.NRGBA{0xB0, 0x00, 0x00, 0x50}
	style.Font = font.From(style.Font, vg.Points(64))
	style.XAlign, style.YAlign = text.XCenter, text.YCenter
	style.Rotation = math.Pi / 8
	c.FillText(style, c.Center(), string(m))
}
