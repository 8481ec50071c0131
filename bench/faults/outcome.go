package main

import (
	"fmt"
	"slices"
	"time"

	"gonum.org/v1/gonum/stat"

	"fentrace/bench/report"
)

// outcome is what a trial has shown.
type outcome struct {
	kills, duringStart, duringEnd int // moments at which something was killed
	ofWorkers, ofSeveral          int // of these: of workers only, of more than one process
	acked, resumed                int
	batches, files, withPoison    int // that were acknowledged
	dead, hits                    int
	ready                         []float64 // seconds from start to ready, each time it was not killed before
	settled                       []float64 // seconds until all that was handed in was done, at each check
	endured                       []report.Result
	bad                           []error
}

func (o outcome) results(database string) []report.Result {
	what := fmt.Sprintf("%d kills -9 of server and workers under load, %s: ", o.kills, database)
	if o.kills == 0 {
		return o.endured
	}
	exact := func(name, unit string, value float64, n int) report.Result {
		return report.Exact(what+name, unit, value, n, "", 0, command)
	}
	return append([]report.Result{
		exact("of them while it started or ended", "kills", float64(o.duringStart+o.duringEnd), o.kills),
		exact("of them of workers only", "kills", float64(o.ofWorkers), o.kills),
		exact("of them of several processes at once", "kills", float64(o.ofSeveral), o.kills),
		exact("SIMULATED scans acknowledged", "scans", float64(o.acked), o.acked),
		exact("SIMULATED files acknowledged in batches", "files", float64(o.files), o.batches),
		exact("poison files, each given up once and listed", "files", float64(o.dead), o.dead),
		exact("scans found by looks through the past, each once", "scans", float64(o.hits), o.hits),
		exact("lost, doubled, changed, stored by half or left behind", "", float64(len(o.bad)), o.acked+o.files),
		exact("uploads in pieces that went on", "uploads", float64(o.resumed), o.resumed),
		exact("ready again, median", "s", median(o.ready), len(o.ready)),
		exact("ready again, worst", "s", slices.Max(o.ready), len(o.ready)),
		exact("all jobs done once nothing more is sent, median", "s", median(o.settled), len(o.settled)),
		exact("all jobs done once nothing more is sent, worst", "s", slices.Max(o.settled), len(o.settled)),
	}, o.endured...)
}

func (t *trial) progress() {
	l := t.load
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintf(t.log, "%s, %s: %d of %d kills (%d of workers only, %d of several at once, %d while it started, %d while it ended), %d scans and %d files in batches (%d poisoned) acknowledged, %d looks through the past (%d found), %d uploads in pieces went on, ready again in %.2f s (worst %.2f), all done in %.0f s (worst %.0f), %d things wrong\n",
		time.Now().UTC().Format(time.TimeOnly), t.name, t.out.kills, t.kills, t.out.ofWorkers, t.out.ofSeveral, t.out.duringStart, t.out.duringEnd, len(l.acked), l.work.files, l.work.withPoison,
		len(l.work.rescreens), t.out.hits, l.resumed+l.work.resumed, median(t.out.ready), slices.Max(t.out.ready), median(t.out.settled), slices.Max(t.out.settled), len(t.out.bad)+len(l.bad))
}

func median(v []float64) float64 {
	return stat.Quantile(0.5, stat.Empirical, slices.Sorted(slices.Values(v)), nil)
}
