package main

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"os"

	"gonum.org/v1/gonum/floats"

	"fentrace/bench/dataset"
	"fentrace/library/search"
	"fentrace/spectra/format"
)

// The spectra compared: 1,024 values from materialLow cm-1 on.
const (
	materialLow = 600
	points      = 1024
)

// bases are the prepared spectra that the material is made of: recorded ones on six spectrometers and computed ones.
func bases(root string) ([]search.Vector, error) {
	var out []search.Vector
	for _, list := range []func(string) ([]dataset.Query, error){dataset.References, dataset.CrossInstrument} {
		queries, err := list(root)
		if err != nil {
			return nil, err
		}
		for _, q := range queries {
			read, err := format.ReadFile(q.Path)
			if err != nil {
				return nil, err
			}
			if v, err := search.Prepare(read[0]); err == nil && v.Low <= materialLow-20 && v.High() >= materialLow+points+20 {
				out = append(out, v)
			}
		}
	}
	drawn, err := dataset.ComputedSamples(root)
	if err != nil {
		return nil, err
	}
	for _, c := range drawn {
		v, err := search.Prepare(c.Spectrum)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

// jittered is a base as another spectrometer would show it: moved, with other sensitivities along the axis, and noisy.
func jittered(base search.Vector, rng *rand.Rand) search.Vector {
	d := base.At(materialLow, points, 2*rng.NormFloat64())
	slope, bend, phase := 0.3*rng.NormFloat64(), 0.2*rng.NormFloat64(), rng.Float64()
	noise := (0.005 + 0.03*rng.Float64()) * floats.Norm(d, 2) / math.Sqrt(points)
	for i := range d {
		x := float64(i) / points
		d[i] = d[i]*math.Exp(slope*(x-0.5)+bend*math.Sin(6*(x+phase))) + noise*rng.NormFloat64()
	}
	base.Low = materialLow
	return base.With(d)
}

// material is n references made of the bases in turn.
func material(of []search.Vector, n int, seed uint64) (ids []string, vectors []search.Vector) {
	rng := rand.New(rand.NewPCG(seed, 0))
	for i := range n {
		ids, vectors = append(ids, fmt.Sprintf("r%07d", i)), append(vectors, jittered(of[i%len(of)], rng))
	}
	return ids, vectors
}

// standardised is a vector as peers take it: about its mean, at unit length, so that their scalar products are the
// correlations that the search computes.
func standardised(v search.Vector) []float32 {
	d := append([]float64(nil), v.D...)
	floats.AddConst(-floats.Sum(d)/float64(len(d)), d)
	floats.Scale(1/floats.Norm(d, 2), d)
	out := make([]float32, len(d))
	for i, x := range d {
		out[i] = float32(x)
	}
	return out
}

// writeRows stores vectors for the peers, row by row.
func writeRows(path string, vectors []search.Vector) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	raw := make([]byte, 4*points)
	for _, v := range vectors {
		for i, x := range standardised(v) {
			binary.LittleEndian.PutUint32(raw[4*i:], math.Float32bits(x))
		}
		if _, err := f.Write(raw); err != nil {
			return err
		}
	}
	return f.Close()
}
