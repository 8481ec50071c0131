package analogs

import (
	"cmp"
	"fmt"
	"slices"

	"gonum.org/v1/gonum/stat"

	"fentrace/bench/report"
)

// name of a condition in results.
func (c condition) name() string {
	name := fmt.Sprintf("%g %% w/w", 100*c.share)
	if c.share == 1 {
		name = "pure"
	}
	if c.dim {
		name += ", noise of the fluorescence on top"
	}
	return name
}

// stated conditions have a goal.
func (c condition) stated() bool { return !c.dim && (c.share == 1 || c.share == 0.5 || c.share == 0.2) }

func (b *bench) results() (results []report.Result) {
	n := len(b.computed)
	for s, at := range conditions {
		name := at.name()
		ours, bySeed := b.alarms(b.ours, s, 0, b.fentanyls, b.threshold)
		peers, _ := b.alarms(b.peers, s, 0, b.fentanyls, b.threshold)
		r := report.Mean("SIMULATED fentanyl analogs the library does not have, noticed at 1 % false alarms: "+name, "%", ours,
			peerName, stat.Mean(peers, nil), command).OverSeeds(bySeed)
		if !at.stated() {
			r = report.AsDetail(r)[0]
		}
		false1, falseBySeed := b.alarms(b.ours, s, b.fentanyls, n, b.threshold)
		peerFalse, _ := b.alarms(b.peers, s, b.fentanyls, n, b.threshold)
		own, ownBySeed := b.alarms(b.margins, s, 0, b.fentanyls, b.own)
		ownFalse, ownFalseBySeed := b.alarms(b.margins, s, b.fentanyls, n, b.own)
		alone, aloneBySeed := b.alarms(b.ours, s, 0, b.fentanyls, b.thresholdAt)
		peerAlone, _ := b.alarms(b.peers, s, 0, b.fentanyls, b.thresholdAt)
		aloneFalse, aloneFalseBySeed := b.alarms(b.ours, s, b.fentanyls, n, b.thresholdAt)
		peerAloneFalse, _ := b.alarms(b.peers, s, b.fentanyls, n, b.thresholdAt)
		results = append(results, r)
		results = append(results, report.AsDetail(
			report.Mean("SIMULATED false alarms over other substances at that threshold: "+name, "%", false1, peerName,
				stat.Mean(peerFalse, nil), command).OverSeeds(falseBySeed),
			report.Mean("SIMULATED analogs noticed at the threshold for 1 % false alarms at this share alone: "+name, "%", alone, peerName,
				stat.Mean(peerAlone, nil), command).OverSeeds(aloneBySeed),
			report.Mean("SIMULATED false alarms at the threshold for this share alone: "+name, "%", aloneFalse, peerName,
				stat.Mean(peerAloneFalse, nil), command).OverSeeds(aloneFalseBySeed),
			report.Mean("SIMULATED analogs noticed at the threshold each model set itself: "+name, "%", own, "", 0, command).OverSeeds(ownBySeed),
			report.Mean("SIMULATED false alarms at the threshold each model set itself: "+name, "%", ownFalse, "", 0, command).OverSeeds(ownFalseBySeed),
		)...)
	}
	return results
}

func dim(c condition) string {
	if c.dim {
		return "dim"
	}
	return ""
}

// printCurve prints detection and false alarms by condition.
func (b *bench) printCurve() {
	n := len(b.computed)
	fmt.Printf("\nSIMULATED analogs left out (%d) and other substances left out (%d), %d seeds x %d scans, %%\n",
		b.fentanyls, n-b.fentanyls, seeds, scansPerSeed)
	fmt.Println("share w/w         noticed (sd over seeds)  false   for this share: noticed  false   model's own: noticed  false   ridge: noticed  false")
	for s, at := range conditions {
		mean := func(of scores, from, to int, threshold rule) float64 {
			v, _ := b.alarms(of, s, from, to, threshold)
			return stat.Mean(v, nil)
		}
		_, bySeed := b.alarms(b.ours, s, 0, b.fentanyls, b.threshold)
		fmt.Printf("%8.0f %% %-5s %6.1f (%.1f)            %6.2f                   %6.1f  %6.2f                %6.1f  %6.2f           %6.1f  %6.2f\n", 100*at.share, dim(at),
			mean(b.ours, 0, b.fentanyls, b.threshold), stat.StdDev(bySeed, nil), mean(b.ours, b.fentanyls, n, b.threshold),
			mean(b.ours, 0, b.fentanyls, b.thresholdAt), mean(b.ours, b.fentanyls, n, b.thresholdAt),
			mean(b.margins, 0, b.fentanyls, b.own), mean(b.margins, b.fentanyls, n, b.own),
			mean(b.peers, 0, b.fentanyls, b.threshold), mean(b.peers, b.fentanyls, n, b.threshold))
	}
}

const hardest = 8

// printHardest names the fentanyls missed most and the other substances most like fentanyls.
func (b *bench) printHardest() {
	for s, at := range conditions {
		if !at.stated() {
			continue
		}
		noticed, _ := b.alarms(b.ours, s, 0, b.fentanyls, b.threshold)
		fmt.Printf("missed most, %s:", at.name())
		for _, i := range order(noticed)[:min(hardest, len(noticed))] {
			fmt.Printf(" %s (%.0f %% noticed)", b.computed[i].id, noticed[i])
		}
		var highest []float64
		for i := b.fentanyls; i < len(b.computed); i++ {
			var all []float64
			for seed := range seeds {
				all = append(all, b.ours[s][seed][i]...)
			}
			highest = append(highest, -stat.Mean(all, nil))
		}
		fmt.Printf("\nmost like fentanyls, %s:", at.name())
		for _, i := range order(highest)[:min(hardest, len(highest))] {
			fmt.Printf(" %s (mean score %.2f)", b.computed[b.fentanyls+i].id, -highest[i])
		}
		fmt.Println()
	}
}

// order returns the indices of values, lowest first.
func order(values []float64) []int {
	at := make([]int, len(values))
	for i := range at {
		at[i] = i
	}
	slices.SortStableFunc(at, func(i, j int) int { return cmp.Compare(values[i], values[j]) })
	return at
}
