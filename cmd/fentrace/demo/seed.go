package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"fentrace/server"
	"fentrace/server/store"
	"fentrace/spectra"
)

// seeder stores the scans of a month through the way every scan takes: identified, then stored.
type seeder struct {
	srv   *server.Server
	table lineTable
	say   func(format string, args ...any)
	// entered are the scans that were handed in with the exhibits they are of, by the number of the event.
	entered map[int]store.Scan
}

// progressSteps is how often the progress is said in one month.
const progressSteps = 10

// tally is what has become of the events so far.
type tally struct {
	mu            sync.Mutex
	began         time.Time
	total         int
	done, present int
	verdicts      map[string]int
}

// run stores every event that is not stored yet, in order of time, on all cores. It returns when all are stored or ctx
// ends; what is stored stays, and the next run goes on from there.
func (s seeder) run(ctx context.Context, events []Event) error {
	t := &tally{began: time.Now(), total: len(events), verdicts: map[string]int{}}
	group, going := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for _, e := range events {
		if going.Err() != nil {
			break
		}
		group.Go(func() error {
			verdict, created, err := s.store(going, e)
			if err == nil {
				s.progress(t, verdict, created)
			}
			return err
		})
	}
	if err := errors.Join(group.Wait(), ctx.Err()); err != nil {
		return err
	}
	s.say("SIMULATED month: %d scans stored: %d alarm, %d nothing controlled seen, %d no answer.",
		t.done, t.verdicts["alarm"], t.verdicts["no_alarm"], t.verdicts["inconclusive"])
	return nil
}

// store hands in a scan, unless that was done with its exhibit.
func (s seeder) store(ctx context.Context, e Event) (verdict string, created bool, err error) {
	if sc, ok := s.entered[e.Number]; ok {
		return sc.Verdict, false, nil
	}
	sc, created, err := s.ingest(ctx, e, e.fields())
	return sc.Verdict, created, err
}

// ingest simulates one scan and hands it in as a program would: the JSON of the spectrum is the file.
func (s seeder) ingest(ctx context.Context, e Event, f store.Fields) (sc store.Scan, created bool, err error) {
	if err := ctx.Err(); err != nil {
		return sc, false, err
	}
	spectrum, err := e.spectrum(s.table)
	if err != nil {
		return sc, false, err
	}
	raw, err := json.Marshal(spectrum)
	if err != nil {
		return sc, false, fmt.Errorf("store simulated scan %s: %w", e.ID(), err)
	}
	if sc, created, err = s.srv.Ingest(ctx, "SIMULATED-"+e.ID()+".json", raw, []spectra.Spectrum{spectrum}, f); err != nil {
		return sc, false, fmt.Errorf("store simulated scan %s: %w", e.ID(), err)
	}
	return sc, created, nil
}

func (e Event) fields() store.Fields {
	return store.Fields{
		Location: store.Location{
			Latitude: &e.Latitude, Longitude: &e.Longitude, PrecisionM: &e.PrecisionM,
			County: e.County.Name, State: e.County.State, FIPS: e.County.FIPS,
		},
		Exhibit: e.ID(), Officer: officer.name,
	}
}

// progress counts one stored scan and says every so often how far it has come.
func (s seeder) progress(t *tally, verdict string, created bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.done++
	t.verdicts[verdict]++
	if !created {
		t.present++
	}
	step := max(t.total/progressSteps, 1)
	fresh := t.done - t.present
	if t.done%step != 0 || t.done == t.total || fresh == 0 {
		return
	}
	rate := float64(fresh) / time.Since(t.began).Seconds()
	left := time.Duration(float64(t.total-t.done) / rate * float64(time.Second)).Round(time.Second)
	s.say("SIMULATED month: %d of %d scans, %.0f a second, about %v left", t.done, t.total, rate, left)
}
