package validate

import (
	"fmt"
	"image/color"
	"io"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// PNG draws the reliability diagram: what was said against what was right, with the 95 % interval of each step and its n.
func (r Report) PNG(w io.Writer) error {
	p := plot.New()
	p.Title.Text = fmt.Sprintf("Reliability, %s, library %.12s (expected calibration error %.1f %%)", r.Technique, r.LibraryVersion, 100*r.ECE)
	p.X.Label.Text, p.Y.Label.Text = "probability said", "share that is in the sample"
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = 0, 1, 0, 1
	p.Add(plotter.NewGrid())
	diagonal, err := plotter.NewLine(plotter.XYs{{X: 0, Y: 0}, {X: 1, Y: 1}})
	if err != nil {
		return err
	}
	diagonal.Color, diagonal.Dashes = color.Gray{0x80}, []vg.Length{vg.Points(4), vg.Points(3)}
	p.Add(diagonal)
	points, labels := intervals{}, plotter.XYLabels{}
	for _, b := range r.Reliability {
		if b.N == 0 {
			continue
		}
		low, high := Wilson(int(math.Round(b.Right*float64(b.N))), b.N)
		points.XYs = append(points.XYs, plotter.XY{X: b.Predicted, Y: b.Right})
		points.YErrors = append(points.YErrors, struct{ Low, High float64 }{b.Right - low, high - b.Right})
		labels.XYs = append(labels.XYs, plotter.XY{X: b.Predicted, Y: b.Right})
		labels.Labels = append(labels.Labels, fmt.Sprintf("  %d", b.N))
	}
	if len(points.XYs) > 0 {
		bars, errB := plotter.NewYErrorBars(points)
		dots, errD := plotter.NewScatter(points)
		counts, errL := plotter.NewLabels(labels)
		if errB != nil || errD != nil || errL != nil {
			return fmt.Errorf("draw the reliability diagram: %w, %w, %w", errB, errD, errL)
		}
		blue := color.RGBA{0x00, 0x72, 0xB2, 0xFF}
		bars.Color, dots.Color, dots.Shape, dots.Radius = blue, blue, draw.CircleGlyph{}, vg.Points(3)
		p.Add(bars, dots, counts)
	}
	out, err := p.WriterTo(14*vg.Centimeter, 14*vg.Centimeter, "png")
	if err != nil {
		return err
	}
	_, err = out.WriteTo(w)
	return err
}

// intervals are points with an error each way.
type intervals struct {
	plotter.XYs
	plotter.YErrors
}
