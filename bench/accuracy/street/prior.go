package street

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"

	"fentrace/bench/report"
	"fentrace/library/identify"
)

// What street samples hold, as far as it is published: fentanyl at a median of 9.7 % w/w with one of 304 samples above
// 80 % (University of Victoria, substance.uvic.ca, report of November 2022); BTMPS in a third of samples since August 2024
// (doi 10.1101/2024.09.13.24313643), more of it than of fentanyl in 63 % of those (aegislabs.com) and seven times as much on
// average (doi 10.1001/jama.2024.27550). Both amounts are taken as log-normal. What else there is, one to three of the
// usual cuts, is drawn evenly. Shares by mass are taken for shares of the signal: how strongly each scatters is not known.
const (
	drugMedian, drugSpread   = 0.097, 0.776 // exp(0.776 * 2.72) * 9.7 % = 80 %, 2.72 being the quantile of 303 in 304
	withBTMPS                = 1. / 3
	ratioMean, ratioSpread   = 0.554, 1.668 // of the logarithm: 63 % above 1, mean 7
	mostCuts                 = 3
	mostDrug                 = 0.9
	compositions, perDrawing = 96, 4
)

var usual = []string{"caffeine", "mannitol", "lactose", "acetaminophen", "inositol", "xylazine", "medetomidine", "lidocaine", "procaine"}

// composition is one street sample: the share of fentanyl, and the shares of the rest among one another.
type composition struct {
	drug  float64
	parts map[string]float64
}

// drawComposition draws a street sample.
func drawComposition(rng *rand.Rand) composition {
	c := composition{drug: math.Min(mostDrug, drugMedian*math.Exp(drugSpread*rng.NormFloat64())), parts: map[string]float64{}}
	rest, total := 1-c.drug, 0.0
	if rng.Float64() < withBTMPS {
		c.parts["BTMPS"] = math.Min(c.drug*math.Exp(ratioMean+ratioSpread*rng.NormFloat64()), 0.9*rest)
	}
	filled := rest - c.parts["BTMPS"]
	of := rng.Perm(len(usual))[:1+rng.IntN(mostCuts)]
	amounts := make([]float64, len(of))
	for i := range of {
		amounts[i] = rng.ExpFloat64()
		total += amounts[i]
	}
	for i, k := range of {
		c.parts[usual[k]] = filled * amounts[i] / total
	}
	for name := range c.parts {
		c.parts[name] /= rest
	}
	return c
}

// prior scans drawn street samples: as the fixed cuts are, and as they are sold.
func (b *bench) prior(ctx context.Context) ([]report.Result, error) {
	ts := make([]tally, compositions)
	sold, above := make([]tally, compositions), make([]tally, compositions) // scans as sold, and those with more than the limit
	err := onEveryCore(ctx, compositions, func(i int) error {
		rng := rand.New(rand.NewPCG(uint64(i), 3))
		c, at := drawComposition(rng), draw(rng)
		seed := uint64(900000 + 1000*i)
		var err error
		if ts[i], err = b.sample(ctx, c.parts, at, seed); err != nil {
			return fmt.Errorf("%v: %w", c.parts, err)
		}
		for k := range uint64(perDrawing) {
			ans, err := b.answer(ctx, c.parts, c.drug, at, seed+100+k)
			if err != nil {
				return err
			}
			found := ans.Verdict == identify.Alarm
			sold[i].count(found)
			if len(ts[i].limits) > 0 && 100*c.drug >= ts[i].limits[0] {
				above[i].count(found)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	var all, scanned, more tally
	for i := range ts {
		all.add(ts[i])
		scanned.add(sold[i])
		more.add(above[i])
	}
	return []report.Result{
		report.Share("SIMULATED street samples of published composition: alarm when fentanyl is exactly at the stated limit", all.alarms, all.scans, textbook, all.peerAlarms, command),
		report.Mean("SIMULATED street samples of published composition: limit stated for fentanyl, share of the signal", "%", all.limits, "", 0, command),
		report.Share("SIMULATED street samples of published composition, fentanyl left out: alarms", all.falseAlarms, all.blanks, "", 0, command),
		report.Share("SIMULATED street samples of published composition, as sold (median 9.7 % fentanyl): alarm", scanned.alarms, scanned.scans, "", 0, command),
		report.Share("SIMULATED street samples of published composition, as sold, more fentanyl than the stated limit: alarm", more.alarms, more.scans, "", 0, command),
	}, nil
}
