package main

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"

	"fentrace/spectra"
)

const (
	// batchSenders hand in batches, and each waits for so long between two at most.
	batchSenders = 2
	batchEvery   = 400 * time.Millisecond
	// membersLeast and membersMost are how many files a batch has: less than one job answers, and more.
	membersLeast, membersMost = 5, 40
	// poisoned of a hundred batches hold a file that cannot be stored. It is known by its name (see poison).
	poisoned   = 8
	poisonName = "poison.jdx"
	// lookedBack of a hundred times a look through the past is asked for as well.
	lookedBack = 40
)

// handedIn is what was handed in to be done in the background, guarded by the load's lock.
type handedIn struct {
	references []string // that the past is looked through with
	batches    []handedBatch
	rescreens  map[string]string // those acknowledged: their reference, by id
	withPoison int               // of the acknowledged batches
	files      int               // in them
	resumed    int               // archives in pieces that went on after the server was gone
}

// handedBatch is a batch that the server knows of.
type handedBatch struct {
	id     string
	sums   []string // of its files, sorted
	poison string   // sum of the one among them that cannot be stored; empty: there is none
	acked  bool     // all of it
}

// handIn hands in batches until ctx ends; wait for l.running then.
func (l *load) handIn(ctx context.Context, seed uint64) {
	for i := range batchSenders {
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		l.running.Go(func() {
			for l.batch(ctx, rng) && l.lookBack(ctx, rng) && pause(ctx, time.Duration(rng.Int64N(int64(batchEvery)))) {
			}
		})
	}
}

// insist does something until it goes well, one time after the other; false when ctx has ended.
func (l *load) insist(ctx context.Context, do func() error) bool {
	for {
		l.gate.RLock()
		err := do()
		l.gate.RUnlock()
		if ctx.Err() != nil {
			return false
		}
		if err == nil {
			return true
		}
		if !pause(ctx, again) {
			return false
		}
	}
}

// batch hands in one batch, as a ZIP in pieces, until all of it is acknowledged. Some of its files were sent before, or are twice in it.
func (l *load) batch(ctx context.Context, rng *rand.Rand) bool {
	archive, b, err := l.pack(rng)
	if err != nil {
		l.failed("%v", err)
		return false
	}
	begun := l.insist(ctx, func() error {
		b.id, err = l.begin(ctx, "SIMULATED batch")
		return err
	})
	if !begun {
		return false
	}
	l.mu.Lock()
	l.work.batches = append(l.work.batches, b)
	at := len(l.work.batches) - 1
	l.mu.Unlock()
	up := l.archiveUpload(b.id)
	went := l.insist(ctx, func() error {
		header, err := up.send(ctx, l, archive, rng)
		if err != nil || header != nil {
			return err
		}
		// It is forgotten: stored, or to be sent anew.
		if has, err := l.sums(ctx, b.id); err != nil || slices.Equal(has, b.sums) {
			return err
		}
		up = l.archiveUpload(b.id)
		return errors.New("not all of it has come")
	})
	if !went {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.work.batches[at].acked = true
	l.work.files += len(b.sums)
	if b.poison != "" {
		l.work.withPoison++
	}
	if up.told {
		l.work.resumed++
	}
	return true
}

// batchesAcknowledged is how many were, with l.mu held.
func (l *load) batchesAcknowledged() (n int) {
	for _, b := range l.work.batches {
		if b.acked {
			n++
		}
	}
	return n
}

func (l *load) archiveUpload(batch string) *piecewise {
	return &piecewise{said: map[string]string{"filename": "batch.zip", "batch": batch}}
}

// pack makes the files of a batch and their archive.
func (l *load) pack(rng *rand.Rand) (archive []byte, b handedBatch, err error) {
	var w bytes.Buffer
	z := zip.NewWriter(&w)
	add := func(name string, raw []byte) {
		f, e := z.Create(name)
		if e == nil {
			_, e = f.Write(raw)
		}
		err = errors.Join(err, e)
		b.sums = append(b.sums, spectra.HashBytes(raw))
	}
	var raw []byte
	for i := range membersLeast + rng.IntN(membersMost-membersLeast) {
		n := 0
		n, raw = l.fresh()
		add(fmt.Sprintf("%d/%d.jdx", i, n), raw)
	}
	add("again.jdx", raw)
	if before, ok := l.sentBefore(rng); ok {
		add("before.jdx", before)
	}
	if rng.IntN(100) < poisoned {
		_, raw = l.fresh()
		add(poisonName, raw)
		b.poison = spectra.HashBytes(raw)
	}
	slices.Sort(b.sums)
	b.sums = slices.Compact(b.sums)
	err = errors.Join(err, z.Close())
	return w.Bytes(), b, err
}

// sentBefore is the file of one of the scans that were acknowledged.
func (l *load) sentBefore(rng *rand.Rand) (raw []byte, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.acked) == 0 {
		return nil, false
	}
	n := l.tried[l.acked[rng.IntN(len(l.acked))].SHA256]
	return l.file(n), true
}

// ask sends JSON and reads the answer into out.
func (l *load) ask(ctx context.Context, method, path string, body, out any) error {
	var sent io.Reader
	header := http.Header{}
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return err
		}
		sent = bytes.NewReader(raw)
		header.Set("Content-Type", "application/json")
	}
	res, err := l.do(ctx, method, l.url+path, sent, header)
	if err != nil {
		return err
	}
	if res.status < 200 || res.status > 299 {
		return l.refused(res)
	}
	return json.Unmarshal(res.body, out)
}

// begin begins a batch. One that was begun without the answer arriving stays empty.
func (l *load) begin(ctx context.Context, name string) (string, error) {
	var b struct{ ID string }
	err := l.ask(ctx, http.MethodPost, "/v1/batches", map[string]any{"name": name}, &b)
	return b.ID, err
}

// sums are those of the files that are in a batch.
func (l *load) sums(ctx context.Context, batch string) ([]string, error) {
	var b struct{ SHA256 []string }
	err := l.ask(ctx, http.MethodGet, "/v1/batches/"+batch+"/sums", nil, &b)
	return b.SHA256, err
}

// lookBack has the past looked through now and then.
func (l *load) lookBack(ctx context.Context, rng *rand.Rand) bool {
	if rng.IntN(100) >= lookedBack || len(l.work.references) == 0 {
		return true
	}
	reference := l.work.references[rng.IntN(len(l.work.references))]
	return l.insist(ctx, func() error { return l.lookWith(ctx, reference) })
}

// lookWith has the past looked through with a reference.
func (l *load) lookWith(ctx context.Context, reference string) error {
	var out struct{ Rescreens []struct{ ID string } }
	if err := l.ask(ctx, http.MethodPost, "/v1/rescreens", map[string]any{"references": []string{reference}}, &out); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range out.Rescreens {
		l.work.rescreens[r.ID] = reference
	}
	return nil
}
