package demo

import (
	"fmt"
	"math"
	"strings"

	"fentrace/spectra/simulate"
)

// Part is one substance of a sample, by its name in the table of simulated lines.
type Part struct {
	Substance string
	Share     float64 // of the signal (band area), not of the mass; relative to the other parts
}

// Mixture is what a simulated sample is made of: the truth behind a scan.
type Mixture []Part

// String lists the parts with their shares, for example "Fentanyl 20 %, caffeine 80 % of the signal".
func (m Mixture) String() string {
	if len(m) == 1 {
		return m[0].Substance
	}
	total := 0.0
	for _, p := range m {
		total += p.Share
	}
	parts := make([]string, len(m))
	for i, p := range m {
		parts[i] = fmt.Sprintf("%s %.0f %%", p.Substance, math.Round(100*p.Share/total))
	}
	return strings.Join(parts, ", ") + " of the signal"
}

// holds tells whether the substance is a part of m.
func (m Mixture) holds(substance string) bool {
	for _, p := range m {
		if p.Substance == substance {
			return true
		}
	}
	return false
}

// mix returns the lines of m.
func (t lineTable) mix(m Mixture) ([]simulate.Line, error) {
	components := make([]simulate.Component, len(m))
	for i, p := range m {
		lines, ok := t[p.Substance]
		if !ok {
			return nil, fmt.Errorf("simulate %s: there are no simulated lines of %s", m, p.Substance)
		}
		components[i] = simulate.Component{Lines: lines, Fraction: p.Share}
	}
	return simulate.Mix(components)
}
