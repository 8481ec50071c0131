package main

import (
	"context"
	"fmt"
	"math"

	"gonum.org/v1/gonum/floats"

	"fentrace/library"
	"fentrace/spectra"
	"fentrace/spectra/preprocess"
)

// peer is a plain method answering the same queries: the reference of highest similarity, nothing else.
type peer struct {
	name     string
	prepare  func(spectra.Spectrum) (spectra.Spectrum, error)
	maxShift int     // cm-1
	step     int     // cm-1 between points
	centred  bool    // Pearson's correlation, else the cosine
	accept   float64 // similarity from which on the peer states its best
	segment  int     // points of the pieces that are compared each by itself, 0 for the whole
	refs     []peerReference
}

type peerReference struct {
	substance string
	low       int
	y         []float64
}

const peerLow, peerHigh = 350, 1900

// hqi is the hit quality most handhelds print: the cosine of the intensities.
func hqi() *peer {
	return &peer{name: "plain cosine HQI", step: 1, prepare: func(s spectra.Spectrum) (spectra.Spectrum, error) {
		return crop("hqi", preprocess.Step{Op: "resample"}).Run(s)
	}}
}

// derivative is the plain first-derivative correlation with a shift search (Savitzky-Golay 11/2, within 6 cm-1).
func derivative() *peer {
	return &peer{name: "plain first derivative, 6 cm-1 shift", maxShift: 6, step: 1, prepare: func(s spectra.Spectrum) (spectra.Spectrum, error) {
		return crop("derivative", preprocess.Search.Steps...).Run(s)
	}}
}

// segmental is the weighted segmental hit quality (doi 10.1039/C6AN02315K): the cosine of
// derivatives in pieces of 100 cm-1, each weighted with the reference's part in it.
func segmental() *peer {
	p := derivative()
	p.name, p.segment = "first derivative in weighted segments, 6 cm-1 shift", 100
	return p
}

// openSpecy is the method of Open Specy's defaults as they are documented: 5 cm-1 grid, Savitzky-Golay first derivative
// (11 points, third order), its absolute value, scaled from 0 to 1; Pearson's correlation in place, stated from 0.7 on.
func openSpecy() *peer {
	return &peer{name: "Open Specy's method", step: 5, centred: true, accept: 0.7, prepare: func(s spectra.Spectrum) (spectra.Spectrum, error) {
		r, err := crop("open-specy", preprocess.Step{Op: "resample", Params: map[string]float64{"step": 5}},
			preprocess.Step{Op: "savgol", Params: map[string]float64{"window": 11, "order": 3, "derivative": 1}}).Run(s)
		if err != nil {
			return r, err
		}
		for i, y := range r.Y {
			r.Y[i] = math.Abs(y)
		}
		floats.AddConst(-floats.Min(r.Y), r.Y)
		if top := floats.Max(r.Y); top > 0 {
			floats.Scale(1/top, r.Y)
		}
		return r, nil
	}}
}

// centre takes the mean off where the peer does.
func (p *peer) centre(y []float64) []float64 {
	if p.centred {
		floats.AddConst(-floats.Sum(y)/float64(len(y)), y)
	}
	return y
}

func crop(name string, steps ...preprocess.Step) preprocess.Pipeline {
	window := preprocess.Step{Op: "crop", Params: map[string]float64{"low": peerLow, "high": peerHigh}}
	return preprocess.Pipeline{Name: "peer-" + name, Version: "1", Steps: append([]preprocess.Step{window}, steps...)}
}

// load prepares the measured references of st.
func (p *peer) load(st *library.Stack) error {
	for _, r := range st.References() {
		if !r.HasSpectrum() || r.Technique != spectra.Raman {
			continue
		}
		recorded, err := r.Load(context.Background())
		if err != nil {
			return err
		}
		s, err := p.prepare(recorded)
		if err != nil {
			return fmt.Errorf("%s: reference %s: %w", p.name, r.ID, err)
		}
		sub, _ := st.Substance(r.SubstanceID)
		p.refs = append(p.refs, peerReference{substance: sub.Name, low: int(math.Round(s.X[0])) / p.step, y: p.centre(s.Y)})
	}
	return nil
}

// best is the substance of highest similarity, and that.
func (p *peer) best(s spectra.Spectrum) (name string, top float64, err error) {
	q, err := p.prepare(s)
	if err != nil {
		return "", 0, err
	}
	q.Y = p.centre(q.Y)
	low := int(math.Round(q.X[0])) / p.step
	top = math.Inf(-1)
	for _, r := range p.refs {
		for shift := -p.maxShift; shift <= p.maxShift; shift++ {
			if c := p.similarity(q.Y, r.y, low-shift-r.low); c > top {
				name, top = r.substance, c
			}
		}
	}
	return name, top, nil
}

// similarity of a with reference b when a starts at index offset of b.
func (p *peer) similarity(a, b []float64, offset int) float64 {
	least := 400 / p.step
	if p.segment == 0 {
		return cosine(a, b, offset, least)
	}
	from, to := max(0, offset), min(len(b), offset+len(a))
	if to-from < least {
		return math.Inf(-1)
	}
	var sum, weights float64
	for at := from; at < to; at += p.segment {
		end := min(at+p.segment, to)
		w := floats.Norm(b[at:end], 2)
		sum, weights = sum+w*cosine(a[at-offset:end-offset], b[at:end], 0, 1), weights+w
	}
	return sum / weights
}

// cosine of a and b where they overlap, in at least so many points, when a starts at index offset of b.
func cosine(a, b []float64, offset, least int) float64 {
	from, to := max(0, offset), min(len(b), offset+len(a))
	if to-from < least {
		return math.Inf(-1)
	}
	x, y := a[from-offset:to-offset], b[from:to]
	n := floats.Norm(x, 2) * floats.Norm(y, 2)
	if n == 0 {
		return 0
	}
	return floats.Dot(x, y) / n
}

// right counts the queries a peer answers right.
func (p *peer) right(as []answered) (int, error) {
	n := 0
	for _, a := range as {
		name, _, err := p.best(a.scan)
		if err != nil {
			return 0, err
		}
		if a.Right(name) {
			n++
		}
	}
	return n, nil
}

// statesWrongly counts the scans for which the peer states a substance that is not right.
func (p *peer) statesWrongly(as []answered) (int, error) {
	n := 0
	for _, a := range as {
		name, score, err := p.best(a.scan)
		if err != nil {
			return 0, err
		}
		if score >= p.accept && !a.Right(name) {
			n++
		}
	}
	return n, nil
}
