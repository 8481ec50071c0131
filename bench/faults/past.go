package main

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"slices"

	"fentrace/bench/dataset"
	"fentrace/library"
	"fentrace/library/identify"
	"fentrace/library/search"
	"fentrace/server/lookback"
	"fentrace/server/store"
	"fentrace/spectra/format"
)

// pasts is with how many references the past is looked through.
const pasts = 6

// pastLibrary makes a library file at path with SIMULATED references of some of the files, and tells of each reference which files, by
// their place, agree with it.
func pastLibrary(ctx context.Context, path string, files [][]byte, rng *rand.Rand) (map[string][]bool, error) {
	var samples []dataset.Sample
	scans := make([]search.Vector, len(files))
	for i, raw := range files {
		read, err := format.Read("scan.jdx", raw)
		if err != nil {
			return nil, err
		}
		if scans[i], err = search.Prepare(read[0].Ascending()); err != nil {
			return nil, err
		}
		samples = append(samples, dataset.Sample{Substance: library.Substance{Name: read[0].Title}, Spectrum: read[0]})
	}
	rng.Shuffle(len(samples), func(i, j int) { samples[i], samples[j] = samples[j], samples[i] })
	if err := dataset.FillLibrary(ctx, path, samples[:pasts], pasts, rng); err != nil {
		return nil, err
	}
	lib, err := library.OpenStack(ctx, nil, path)
	if err != nil {
		return nil, err
	}
	out := map[string][]bool{}
	for _, r := range lib.References() {
		_, v, err := lookback.Reference(lib, r.ID)
		if err != nil {
			return nil, err
		}
		agree := make([]bool, len(scans))
		for i, sc := range scans {
			a, ok := search.Align(sc, v, 0, identify.DefaultShiftCM1)
			agree[i] = ok && a.Score >= lookback.Least
		}
		if !slices.Contains(agree, true) || !slices.Contains(agree, false) {
			return nil, fmt.Errorf("reference %s agrees with all of the scans, or none: looking for it shows nothing", r.ID)
		}
		out[r.ID] = agree
	}
	return out, nil
}

// past: every look through the past that was acknowledged is done, and what it was to find is found, nothing else, each once. In the
// end that is among all scans.
func (t *trial) past(ctx context.Context, db *sql.DB) (bad []error) {
	upTo, err := t.load.lookedUpTo(ctx, db)
	if err != nil {
		return []error{err}
	}
	rows, err := db.QueryContext(ctx, "SELECT seq, id, sha256 FROM scans")
	if err != nil {
		return []error{err}
	}
	defer rows.Close()
	want, places := map[[2]string]bool{}, t.load.places()
	for rows.Next() {
		var seq int64
		var id, sum string
		if err := rows.Scan(&seq, &id, &sum); err != nil {
			return []error{err}
		}
		for reference, agree := range t.agree {
			if place, ok := places[sum]; ok && agree[place] && (t.last || seq <= upTo[reference]) {
				want[[2]string{reference, id}] = true
			}
		}
	}
	if err := rows.Err(); err != nil {
		return []error{err}
	}
	have, err := pairs(ctx, db, "SELECT reference_id, scan_id FROM lookback_hits")
	if err != nil {
		return []error{err}
	}
	twice, wrong := 0, 0
	found := map[[2]string]bool{}
	for _, h := range have {
		if found[h] {
			twice++
		}
		if found[h] = true; !want[h] {
			wrong++
		}
	}
	if missing := len(want) - (len(found) - wrong); twice > 0 || wrong > 0 || missing > 0 {
		bad = append(bad, fmt.Errorf("of %d scans that the past has of references looked for, %d are not found; %d others are, and %d twice", len(want), missing, wrong, twice))
	}
	t.out.hits = len(found)
	return bad
}

// places are those of the files that were sent, by sum.
func (l *load) places() map[string]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make(map[string]int, len(l.tried))
	for sum, n := range l.tried {
		out[sum] = n % len(l.files)
	}
	return out
}

// lookedUpTo is the number of the last scan that the last look with each reference was about. The error also says which looks that
// were acknowledged are not done.
func (l *load) lookedUpTo(ctx context.Context, db *sql.DB) (map[string]int64, error) {
	rows, err := db.QueryContext(ctx, "SELECT id, reference_id, state, upto FROM rescreens")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out, done := map[string]int64{}, map[string]string{}
	for rows.Next() {
		var id, reference, state string
		var upTo int64
		if err := rows.Scan(&id, &reference, &state, &upTo); err != nil {
			return nil, err
		}
		if state == store.RescreenDone {
			done[id] = reference
			out[reference] = max(out[reference], upTo)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, reference := range l.work.rescreens {
		if done[id] != reference {
			return nil, fmt.Errorf("the look through the past %s was acknowledged, and is not done", id)
		}
	}
	return out, rows.Err()
}

func pairs(ctx context.Context, db *sql.DB, query string) (out [][2]string, err error) {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var p [2]string
		if err := rows.Scan(&p[0], &p[1]); err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, rows.Err()
}
