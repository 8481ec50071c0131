package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"gonum.org/v1/gonum/stat"

	"fentrace/bench/dataset"
	"fentrace/bench/program"
	"fentrace/bench/report"
)

// kinds is how many spectra differ; what is sent differs in its title as well, so that no two files are the same.
const kinds = 100

// sent are SIMULATED scans of a handheld as JCAMP-DX.
func (b *bench) sent() ([][]byte, error) {
	table, err := dataset.ComputedLines(b.root)
	if err != nil {
		return nil, err
	}
	var out [][]byte
	for i := range kinds {
		c := table[i*len(table)/kinds]
		file, err := dataset.Handheld(c.Name, c.Lines, uint64(i))
		if err != nil {
			return nil, err
		}
		out = append(out, file)
	}
	return out, nil
}

// takingIn sends the scans from several senders at once. Each waits until its scan is said to be stored before it sends the next.
func (b *bench) takingIn(ctx context.Context, s *serving, database, library string, files [][]byte) ([]report.Result, error) {
	times := make([]float64, b.scans)
	var next atomic.Int64
	var wg sync.WaitGroup
	failed := make(chan error, b.senders)
	start := time.Now()
	for range b.senders {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < b.scans; i = int(next.Add(1)) - 1 {
				began := time.Now()
				if err := s.send(ctx, i, files[i%len(files)]); err != nil {
					failed <- err
					return
				}
				times[i] = 1000 * time.Since(began).Seconds()
			}
		})
	}
	wg.Wait()
	took := time.Since(start).Seconds()
	select {
	case err := <-failed:
		return nil, err
	default:
	}
	n, answering, err := s.answering()
	if err != nil {
		return nil, err
	}
	if int(n) != b.scans {
		return nil, fmt.Errorf("%d scans were sent and %g answered", b.scans, n)
	}
	slices.Sort(times)
	what := fmt.Sprintf("SIMULATED scans taken in through HTTP with %s, %s, %d senders: ", library, database, b.senders)
	return []report.Result{
		report.Exact(what+"stored", "scans a second", float64(b.scans)/took, b.scans, "", 0, command),
		report.Exact(what+"99th percentile of the time until it is on the disk", "ms", stat.Quantile(0.99, stat.Empirical, times, nil), b.scans, "", 0, command),
		report.Exact(what+"of which the answer takes", "ms", 1000*answering/n, b.scans, "", 0, command),
	}, nil
}

// send sends the i-th scan, under a title of its own.
func (s *serving) send(ctx context.Context, i int, file []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL+"/v1/scans?filename=scan.jdx", bytes.NewReader(dataset.Numbered(file, i)))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+s.Token)
	res, err := s.client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	said, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusCreated {
		return fmt.Errorf("scan %d: %s: %s", i, res.Status, said)
	}
	return nil
}

// watching opens live connections that nothing happens on.
func (b *bench) watching(ctx context.Context, s *serving) ([]report.Result, error) {
	before := program.Memory(s.Process.PID(), program.Resident)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{}}
	for i := range b.live {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/v1/events", nil)
		if err != nil {
			return nil, err
		}
		req.Header.Set("Authorization", "Bearer "+s.Token)
		res, err := client.Do(req)
		if err != nil {
			return nil, fmt.Errorf("live connection %d: %w", i, err)
		}
		defer res.Body.Close()
		if res.StatusCode != http.StatusOK {
			return nil, fmt.Errorf("live connection %d: %s", i, res.Status)
		}
	}
	time.Sleep(time.Second)
	what := fmt.Sprintf("%d idle live connections: memory resident, more than before", b.live)
	return []report.Result{report.Exact(what, "MB", max(0, program.Memory(s.Process.PID(), program.Resident)-before), b.live, "", 0, command)}, nil
}
