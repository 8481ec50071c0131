package main

import (
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
	maxShift int // cm-1
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
	return &peer{name: "plain cosine HQI", prepare: func(s spectra.Spectrum) (spectra.Spectrum, error) {
		return crop("hqi", preprocess.Step{Op: "resample"}).Run(s)
	}}
}

// derivative is the plain first-derivative correlation with a shift search (Savitzky-Golay 11/2, within 6 cm-1).
func derivative() *peer {
	return &peer{name: "plain first derivative, 6 cm-1 shift", maxShift: 6, prepare: func(s spectra.Spectrum) (spectra.Spectrum, error) {
		return crop("derivative", preprocess.Search.Steps...).Run(s)
	}}
}

func crop(name string, steps ...preprocess.Step) preprocess.Pipeline {
	window := preprocess.Step{Op: "crop", Params: map[string]float64{"low": peerLow, "high": peerHigh}}
	return preprocess.Pipeline{Name: "peer-" + name, Version: "1", Steps: append([]preprocess.Step{window}, steps...)}
}

// load prepares the measured references of st.
func (p *peer) load(st *library.Stack) error {
	for _, r := range st.References() {
		if r.Spectrum == nil || r.Technique != spectra.Raman {
			continue
		}
		s, err := p.prepare(*r.Spectrum)
		if err != nil {
			return fmt.Errorf("%s: reference %s: %w", p.name, r.ID, err)
		}
		sub, _ := st.Substance(r.SubstanceID)
		p.refs = append(p.refs, peerReference{substance: sub.Name, low: int(math.Round(s.X[0])), y: s.Y})
	}
	return nil
}

// best is the substance of highest similarity.
func (p *peer) best(s spectra.Spectrum) (string, error) {
	q, err := p.prepare(s)
	if err != nil {
		return "", err
	}
	low := int(math.Round(q.X[0]))
	name, top := "", math.Inf(-1)
	for _, r := range p.refs {
		for shift := -p.maxShift; shift <= p.maxShift; shift++ {
			if c := cosine(q.Y, r.y, low-shift-r.low); c > top {
				name, top = r.substance, c
			}
		}
	}
	return name, nil
}

// cosine of a and b where they overlap when a starts at index offset of b.
func cosine(a, b []float64, offset int) float64 {
	from, to := max(0, offset), min(len(b), offset+len(a))
	if to-from < 400 {
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
		name, err := p.best(a.scan)
		if err != nil {
			return 0, err
		}
		if a.Right(name) {
			n++
		}
	}
	return n, nil
}
