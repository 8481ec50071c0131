package demo

import (
	"math/rand/v2"

	"fentrace/spectra/simulate"
)

// between is a range that a value is drawn from.
type between struct{ low, high float64 }

func (b between) draw(rng *rand.Rand) float64 { return b.low + (b.high-b.low)*rng.Float64() }

// quality is how well a sample could be scanned.
type quality struct {
	weight       float64
	trouble      string
	counts       between // height of the strongest band
	fluorescence between // in units of counts
	cosmicRays   int
}

// good is a scan as it should be: 1.5 to 20 thousand counts, some background.
var good = quality{84, "", between{1500, 20000}, between{0, 1.5}, 0}

// qualities are what happens in the field. Read noise of the instrument is 8 counts, full scale 65,535.
var qualities = []quality{
	good,
	{5, "weak signal", between{15, 45}, between{0, 2}, 0},
	{5, "strong fluorescence", between{250, 900}, between{40, 55}, 0},
	{2, "detector saturated", between{40000, 70000}, between{0.9, 2}, 0},
	{2, "dim", between{150, 400}, between{1, 4}, 0},
	{2, "cosmic ray", between{1500, 20000}, between{0, 1.5}, 1},
}

func pickQuality(rng *rand.Rand) quality {
	total := 0.0
	for _, q := range qualities {
		total += q.weight
	}
	at := rng.Float64() * total
	for _, q := range qualities {
		if at < q.weight {
			return q
		}
		at -= q.weight
	}
	return good
}

func (q quality) conditions(rng *rand.Rand) simulate.Conditions {
	return simulate.Conditions{
		Counts: q.counts.draw(rng), Fluorescence: q.fluorescence.draw(rng), CosmicRays: q.cosmicRays, Seed: rng.Uint64(),
	}
}
