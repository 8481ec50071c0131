package identify

import (
	"context"
	"fmt"
	"math"

	"fentrace/library"
	"fentrace/library/mixture"
	"fentrace/spectra"
	"fentrace/spectra/calibration"
	"fentrace/spectra/preprocess"
)

// Trace is one line of an overlay plot.
type Trace struct {
	Label     string       `json:"label"`
	Tier      library.Tier `json:"tier,omitempty"`
	Kind      string       `json:"kind"` // "spectrum" | "peaks"
	Simulated bool         `json:"simulated,omitempty"`
	X         []float64    `json:"x"` // cm-1, ascending
	Y         []float64    `json:"y"` // 0..1 of the highest
}

// Overlay is what a person looks at to judge an answer: the scan above, the references to be mirrored below, the
// scan less the references in the amounts that fit best.
type Overlay struct {
	Scan        Trace   `json:"scan"`
	References  []Trace `json:"references"`
	Difference  *Trace  `json:"difference,omitempty"`
	Presumptive string  `json:"presumptive"`
	// Saturated is where the detector was at full scale, in cm-1: the scan's height there means nothing.
	Saturated []spectra.Range `json:"saturated,omitempty"`
}

const overlayReferences = 4

// Overlay prepares the plot of a scan and the references its findings, or without findings its best candidates, rest
// on. References are moved by the shift they were found with. It fails for a scan that has no spectrum to draw.
func (id *Identifier) Overlay(s spectra.Spectrum, ans Identification) (Overlay, error) {
	out := Overlay{Presumptive: Presumptive, References: []Trace{}}
	s, err := rightAxis(s, ans.Quality)
	if err != nil {
		return Overlay{}, fmt.Errorf("overlay %s: %w", s.Title, err)
	}
	out.Saturated = s.Metadata.SaturatedRanges
	if out.Scan, err = trace(s, s.Title, 0); err != nil {
		return Overlay{}, fmt.Errorf("overlay %s: %w", s.Title, err)
	}
	out.Scan.Simulated = s.Metadata.Simulated
	shown := ans.Findings
	if len(shown) == 0 {
		shown = ans.Candidates[:min(2, len(ans.Candidates))]
	}
	for _, f := range shown[:min(overlayReferences, len(shown))] {
		if len(f.References) == 0 {
			continue
		}
		ref, ok := id.refs[f.References[0]]
		if !ok {
			continue // the library changed since the answer was stored
		}
		t, err := referenceTrace(ref, f)
		if err != nil { // without it the picture would say that there is nothing to compare with
			return Overlay{}, fmt.Errorf("overlay %s with reference %s of %s: %w", s.Title, ref.ID, f.Substance, err)
		}
		out.References = append(out.References, t)
	}
	out.Difference = difference(out.Scan, out.References)
	return out, nil
}

// rightAxis puts the axis of s right as it was for the answer.
func rightAxis(s spectra.Spectrum, q Quality) (spectra.Spectrum, error) {
	if q.Axis != axisMended {
		return s, nil
	}
	r, err := calibration.CalibrateAxis(calibration.Sample{Standard: q.AxisKnown, Spectrum: s})
	if err != nil {
		return s, err
	}
	return r.Axis.Apply(s)
}

func referenceTrace(ref library.Reference, f Finding) (Trace, error) {
	var t Trace
	var err error
	if ref.HasSpectrum() {
		var s spectra.Spectrum
		if s, err = ref.Load(context.Background()); err != nil {
			return t, err
		}
		t, err = trace(s, f.Substance, f.ShiftCM1)
	} else {
		t = peakTrace(ref.Peaks, f.Substance, f.ShiftCM1)
	}
	t.Tier, t.Simulated = ref.Tier, ref.Tier == library.Simulated
	return t, err
}

func trace(s spectra.Spectrum, label string, shift float64) (Trace, error) {
	shown, err := preprocess.Display.Run(s)
	if err != nil {
		return Trace{}, err
	}
	x := make([]float64, len(shown.X))
	for i, at := range shown.X {
		x[i] = at + shift
	}
	return Trace{Label: label, Kind: "spectrum", X: x, Y: shown.Y}, nil
}

func peakTrace(peaks []library.Peak, label string, shift float64) Trace {
	t := Trace{Label: label, Kind: "peaks"}
	var top float64
	for _, p := range peaks {
		top = math.Max(top, p.Relative)
	}
	for _, p := range peaks {
		y := 1.0
		if top > 0 {
			y = p.Relative / top
		}
		t.X, t.Y = append(t.X, p.PositionCM1+shift), append(t.Y, y)
	}
	return t
}

// difference is what the references that are spectra, in the amounts that fit best, leave of the scan, on the positions
// all of them cover; nil when there is nothing to subtract.
func difference(scan Trace, refs []Trace) *Trace {
	var columns [][]float64
	from, to := 0, len(scan.X)
	for _, r := range refs {
		if r.Kind != "spectrum" {
			continue
		}
		column, first, end := onto(scan.X, r)
		columns, from, to = append(columns, column), max(from, first), min(to, end)
	}
	if len(columns) == 0 || from >= to {
		return nil
	}
	for i := range columns {
		columns[i] = columns[i][from:to]
	}
	fit, err := mixture.NewFit(scan.Y[from:to], columns)
	if err != nil {
		return nil
	}
	return &Trace{Label: "difference", Kind: "spectrum", X: scan.X[from:to], Y: fit.Residual}
}

// onto reads r at positions x, linear between its points; it covers x[from:to].
func onto(x []float64, r Trace) (y []float64, from, to int) {
	y = make([]float64, len(x))
	from, j := len(x), 0
	for i, at := range x {
		for j+1 < len(r.X) && r.X[j+1] < at {
			j++
		}
		if at < r.X[0] || j+1 >= len(r.X) {
			continue
		}
		w := (at - r.X[j]) / (r.X[j+1] - r.X[j])
		y[i] = (1-w)*r.Y[j] + w*r.Y[j+1]
		from, to = min(from, i), i+1
	}
	return y, from, to
}
