package identify

import (
	"fmt"
	"math"

	"fentrace/library"
	"fentrace/spectra"
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
// difference of the scan and the first reference.
type Overlay struct {
	Scan        Trace   `json:"scan"`
	References  []Trace `json:"references"`
	Difference  *Trace  `json:"difference,omitempty"`
	Presumptive string  `json:"presumptive"`
}

const overlayReferences = 4

// Overlay prepares the plot of a scan and the references its findings, or without findings its best candidates, rest
// on. References are moved by the shift they were found with. It fails for a scan that has no spectrum to draw.
func (id *Identifier) Overlay(s spectra.Spectrum, ans Identification) (Overlay, error) {
	out := Overlay{Presumptive: Presumptive, References: []Trace{}}
	var err error
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
		if err != nil {
			continue
		}
		out.References = append(out.References, t)
	}
	if len(out.References) > 0 && out.References[0].Kind == "spectrum" {
		out.Difference = difference(out.Scan, out.References[0])
	}
	return out, nil
}

func referenceTrace(ref library.Reference, f Finding) (Trace, error) {
	var t Trace
	var err error
	if ref.Spectrum != nil {
		t, err = trace(*ref.Spectrum, f.Substance, f.ShiftCM1)
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

// difference is scan minus reference, the reference scaled to fit best, on the scan's positions that both cover.
func difference(scan, ref Trace) *Trace {
	d := &Trace{Label: "difference", Kind: "spectrum"}
	var at []float64
	var dot, norm float64
	j := 0
	for i, x := range scan.X {
		for j+1 < len(ref.X) && ref.X[j+1] <= x {
			j++
		}
		if x < ref.X[0] || j+1 >= len(ref.X) {
			continue
		}
		w := (x - ref.X[j]) / (ref.X[j+1] - ref.X[j])
		r := (1-w)*ref.Y[j] + w*ref.Y[j+1]
		d.X, d.Y, at = append(d.X, x), append(d.Y, scan.Y[i]), append(at, r)
		dot += scan.Y[i] * r
		norm += r * r
	}
	if norm == 0 {
		return nil
	}
	for i := range d.Y {
		d.Y[i] -= dot / norm * at[i]
	}
	return d
}
