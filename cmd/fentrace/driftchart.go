package main

import (
	"fmt"
	"image/color"
	"io"
	"math"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	shapes "gonum.org/v1/plot/vg/draw"

	"fentrace/device/calibrated"
	"fentrace/spectra"
)

// driftAt are the Raman shifts (cm-1) at which drift is shown.
var driftAt = [3]float64{600, 1000, 1600}

// driftPoint is how far the uncorrected axis was off when it was calibrated.
type driftPoint struct {
	At time.Time `json:"at"`
	// ErrorsCM1 are what the instrument read too high at 600, 1000 and 1600 cm-1.
	ErrorsCM1 [3]float64 `json:"errors_cm1"`
	Failed    bool       `json:"failed,omitempty"`
}

func drift(in calibrated.Instrument) []driftPoint {
	points := []driftPoint{}
	for _, r := range in.Records {
		if r.Kind != calibrated.Axis {
			continue
		}
		p := driftPoint{At: r.At, Failed: r.Failed()}
		for i, x := range driftAt {
			p.ErrorsCM1[i] = x - r.Axis.Axis.Correct(x)
		}
		points = append(points, p)
	}
	return points
}

func worthNow(in calibrated.Instrument, now time.Time) *spectra.Calibration {
	if known := in.At(now, false); known != nil {
		return known.Worth(now)
	}
	return nil
}

// driftLines draws the drift at 1000 cm-1 for a terminal, and says in words what it was at all three places.
func driftLines(points []driftPoint) []string {
	first, last := points[0], points[len(points)-1]
	var out []string
	if len(points) > 1 && last.At.After(first.At) {
		out = append(out, driftCanvas(points)...)
	}
	text := "The uncorrected axis was off by"
	for i, x := range driftAt {
		text += fmt.Sprintf(" %+.1f cm-1 at %.0f", last.ErrorsCM1[i], x)
		if i < len(driftAt)-1 {
			text += ","
		}
	}
	text += " on " + last.At.Format(time.DateOnly)
	if len(points) > 1 {
		text += fmt.Sprintf("; it moved by %+.1f at 1000 since %s", last.ErrorsCM1[1]-first.ErrorsCM1[1], first.At.Format(time.DateOnly))
	}
	for _, l := range wrap(text+".", 2) {
		out = append(out, "  "+l)
	}
	return out
}

// driftCanvas draws the error at 1000 cm-1 over time in braille characters; a failed calibration is a cross.
func driftCanvas(points []driftPoint) []string {
	begin, end := points[0].At, points[len(points)-1].At
	f := frame{lo: 0, hi: end.Sub(begin).Hours(), low: math.Inf(1), high: math.Inf(-1)}
	var x, y []float64
	for _, p := range points {
		x, y = append(x, p.At.Sub(begin).Hours()), append(y, p.ErrorsCM1[1])
		f.low, f.high = min(f.low, p.ErrorsCM1[1]), max(f.high, p.ErrorsCM1[1])
	}
	// At least 2 cm-1 from bottom to top, so that noise does not look like drift.
	if spread := f.high - f.low; spread < 2 {
		f.low, f.high = f.low-(2-spread)/2, f.high+(2-spread)/2
	}
	var c canvas
	f.curve(&c, x, y)
	for i, p := range points {
		for d := -2; d <= 2; d++ {
			c.dot(f.x(x[i])+d, f.y(y[i])+d)
			if p.Failed {
				c.dot(f.x(x[i])+d, f.y(y[i])-d)
			}
		}
	}
	out := make([]string, 0, drawRows+2)
	for i, row := range c.lines() {
		mark := ""
		switch i {
		case 0:
			mark = fmt.Sprintf("%+.1f", f.high)
		case drawRows - 1:
			mark = fmt.Sprintf("%+.1f", f.low)
		}
		out = append(out, fmt.Sprintf("%*s ┤%s", drawMargin-2, mark, row))
	}
	from, to := begin.Format(time.DateOnly), end.Format(time.DateOnly)
	title := "error at 1000 cm-1"
	gap := drawColumns - len(from) - len(to) - len(title)
	axis := fmt.Sprintf("%*s└", drawMargin-1, "")
	for range drawColumns {
		axis += "─"
	}
	return append(out, axis, fmt.Sprintf("%*s%s%*s%s%*s%s", drawMargin, "", from, gap/2, "", title, gap-gap/2, "", to))
}

// Colours of the three lines that differ for the colour-blind as well (Okabe and Ito), and with different marks.
var driftStyles = [3]struct {
	colour color.Color
	shape  shapes.GlyphDrawer
}{
	{color.RGBA{R: 0, G: 114, B: 178, A: 255}, shapes.CircleGlyph{}},
	{color.RGBA{R: 213, G: 94, B: 0, A: 255}, shapes.SquareGlyph{}},
	{color.RGBA{R: 0, G: 130, B: 100, A: 255}, shapes.TriangleGlyph{}},
}

// driftPNG draws the drift chart of an instrument, 800 by 450 points of 1/96 inch.
func driftPNG(w io.Writer, in calibrated.Instrument) error {
	points := drift(in)
	if len(points) == 0 {
		return fmt.Errorf("the axis of %s was never calibrated", in.Name())
	}
	p := plot.New()
	p.Title.Text = "Axis drift of " + plain(in.Name())
	for _, r := range in.Records {
		if r.Simulated {
			p.Title.Text = simulatedTag + ": a" + p.Title.Text[1:]
			break
		}
	}
	p.Title.Padding = vg.Points(8)
	p.Y.Label.Text = "read too high by, cm-1"
	p.X.Tick.Marker = dateTicks{}
	p.X.Padding, p.Y.Padding = vg.Points(6), vg.Points(6)
	p.Add(plotter.NewGrid())
	for i := range driftAt {
		if err := addDrift(p, points, i); err != nil {
			return err
		}
	}
	p.Legend.Top, p.Legend.XOffs, p.Legend.Padding = true, -vg.Points(8), vg.Points(3)
	widen(p)
	out, err := p.WriterTo(800*vg.Inch/96, 450*vg.Inch/96, "png")
	if err != nil {
		return err
	}
	_, err = out.WriteTo(w)
	return err
}

// addDrift draws one of the lines; calibrations that failed are crossed.
func addDrift(p *plot.Plot, points []driftPoint, i int) error {
	var all, failed plotter.XYs
	for _, q := range points {
		xy := plotter.XY{X: float64(q.At.Unix()), Y: q.ErrorsCM1[i]}
		all = append(all, xy)
		if q.Failed {
			failed = append(failed, xy)
		}
	}
	line, marks, err := plotter.NewLinePoints(all)
	if err != nil {
		return err
	}
	line.Color, marks.Color = driftStyles[i].colour, driftStyles[i].colour
	line.Width, marks.Radius, marks.Shape = vg.Points(1.5), vg.Points(3.5), driftStyles[i].shape
	p.Add(line, marks)
	p.Legend.Add(fmt.Sprintf("at %.0f cm-1", driftAt[i]), line, marks)
	if len(failed) == 0 {
		return nil
	}
	crosses, err := plotter.NewScatter(failed)
	if err != nil {
		return err
	}
	crosses.Shape, crosses.Radius, crosses.Color = shapes.CrossGlyph{}, vg.Points(7), color.Black
	p.Add(crosses)
	if i == len(driftAt)-1 {
		p.Legend.Add("failed", crosses)
	}
	return nil
}

// dateTicks labels an axis of Unix seconds with dates: first days of months, or days where there are few.
type dateTicks struct{}

// Ticks implements plot.Ticker with at most eight labels.
func (dateTicks) Ticks(low, high float64) []plot.Tick {
	const most = 8
	begin, end := time.Unix(int64(math.Ceil(low)), 0).UTC(), time.Unix(int64(high), 0).UTC()
	var ticks []plot.Tick
	add := func(first time.Time, next func(time.Time) time.Time) {
		for t := first; !t.After(end); t = next(t) {
			if !t.Before(begin) {
				ticks = append(ticks, plot.Tick{Value: float64(t.Unix()), Label: t.Format(time.DateOnly)})
			}
		}
	}
	day := time.Date(begin.Year(), begin.Month(), begin.Day(), 0, 0, 0, 0, time.UTC)
	if days := int(end.Sub(begin).Hours() / 24); days <= 90 {
		step := days/most + 1
		add(day, func(t time.Time) time.Time { return t.AddDate(0, 0, step) })
		return ticks
	}
	months := int(end.Sub(begin).Hours()/24/30)/most + 1
	add(time.Date(begin.Year(), begin.Month(), 1, 0, 0, 0, 0, time.UTC), func(t time.Time) time.Time { return t.AddDate(0, months, 0) })
	return ticks
}

// widen gives the chart room to all sides: for a single calibration a day, for a flat drift 2 cm-1, and for the legend.
func widen(p *plot.Plot) {
	const day = 24 * 3600
	room := max(0.05*(p.X.Max-p.X.Min), day)
	p.X.Min, p.X.Max = p.X.Min-room, p.X.Max+room
	if spread := p.Y.Max - p.Y.Min; spread < 2 {
		p.Y.Min, p.Y.Max = p.Y.Min-(2-spread)/2, p.Y.Max+(2-spread)/2
	}
	p.Y.Max += 0.3 * (p.Y.Max - p.Y.Min)
}
