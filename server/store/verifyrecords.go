package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"fentrace/server/audit"
	"fentrace/spectra"
)

// namedScans is how many scans of a damaged file are named.
const namedScans = 10

// files hashes every stored file.
func (v *verifier) files(ctx context.Context) error {
	for after := ""; ; {
		sums, err := v.someFiles(ctx, after)
		if err != nil || len(sums) == 0 {
			return err
		}
		for _, f := range sums {
			after = f.sum
			v.v.Files++
			if err := f.look(ctx, v); err != nil {
				return err
			}
			if err := v.file(ctx, f); err != nil {
				return err
			}
			v.step()
		}
	}
}

// storedFile is a file with what was found of its bytes.
type storedFile struct {
	sum, now   string
	size, real int64
	broken     string
}

// someFiles are the next files, whose bytes are not read yet.
func (v *verifier) someFiles(ctx context.Context, after string) ([]storedFile, error) {
	rows, err := v.r.QueryContext(ctx, "SELECT sha256, size FROM files WHERE sha256 > ? ORDER BY sha256 LIMIT ?", after, verifyAtOnce)
	if err != nil {
		return nil, fmt.Errorf("read every file: %w", err)
	}
	defer rows.Close()
	var out []storedFile
	for rows.Next() {
		var f storedFile
		if err := rows.Scan(&f.sum, &f.size); err != nil {
			return nil, fmt.Errorf("read every file: %w", err)
		}
		out = append(out, f)
	}
	return out, rows.Err()
}

// look reads the bytes of a file. That they cannot be read is a fault of this file, unless the database is away.
func (f *storedFile) look(ctx context.Context, v *verifier) error {
	var stored sealed
	var raw []byte
	err := v.r.QueryRowContext(ctx, "SELECT raw, raw_key FROM files WHERE sha256 = ?", f.sum).Scan(&stored.value, &stored.key)
	if err == nil && stored.key != erasedKey { // else there is nothing
		raw, err = v.Store.open(stored, rawOf(f.sum))
	}
	if away(ctx, err) {
		return err
	}
	if err != nil {
		f.broken = "its bytes cannot be read: " + err.Error()
	}
	f.now, f.real = spectra.HashBytes(raw), int64(len(raw))
	return nil
}

// away tells of the error of a query that more queries would fail as well.
func away(ctx context.Context, err error) bool {
	return err != nil && (ctx.Err() != nil || errors.Is(err, ErrUnavailable))
}

func (v *verifier) file(ctx context.Context, f storedFile) error {
	of, erased, err := v.scansOf(ctx, f.sum)
	if err != nil {
		return err
	}
	scans := "scans " + strings.Join(of, ", ")
	if len(of) == 0 {
		if scans, err = v.without(ctx, f.sum); err != nil {
			return err
		}
	}
	if scans == "" {
		scans = "no scan"
		v.fault("file", f.sum, "no scan belongs to it: its scans are gone, or it is not called what it was")
	}
	switch {
	case erased && f.real == 0:
	case f.broken != "":
		v.fault("file", f.sum, "%s (of %s)", f.broken, scans)
	case f.now != f.sum:
		v.fault("file", f.sum, "its bytes were changed: they have the SHA-256 %s (of %s)", f.now, scans)
	case f.real != f.size:
		v.fault("file", f.sum, "it has %d bytes, not the %d that are noted (of %s)", f.real, f.size, scans)
	}
	return nil
}

// without is what a file that has no scans belongs to: a laboratory report, or a batch in which it waits, has failed or was left; empty
// when it should have some.
func (v *verifier) without(ctx context.Context, sum string) (string, error) {
	var report, batch bool
	err := v.r.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM laboratory_reports WHERE sha256 = ?),
		EXISTS (SELECT 1 FROM batch_files WHERE sha256 = ? AND state <> ?)`, sum, sum, FileDone).Scan(&report, &batch)
	switch {
	case err != nil:
		return "", fmt.Errorf("look for what the file %.12s belongs to: %w", sum, err)
	case report:
		return "a laboratory report", nil
	case batch:
		return "a batch that it is not answered in", nil
	}
	return "", nil
}

// scansOf are ids of scans of a file; erased: the log says that they were erased.
func (v *verifier) scansOf(ctx context.Context, sum string) (ids []string, erased bool, err error) {
	rows, err := v.r.QueryContext(ctx, "SELECT id, EXISTS (SELECT 1 FROM log_leaves l WHERE l.kind = ? AND l.record = scans.id AND l.action = ?) FROM scans WHERE sha256 = ? ORDER BY seq LIMIT ?",
		KindScan, audit.Erase, sum, namedScans)
	if err != nil {
		return nil, false, fmt.Errorf("look for the scans of the file %.12s: %w", sum, err)
	}
	defer rows.Close()
	erased = true
	for rows.Next() {
		var id string
		var gone bool
		if err := rows.Scan(&id, &gone); err != nil {
			return nil, false, err
		}
		ids, erased = append(ids, id), erased && gone
	}
	return ids, erased && len(ids) > 0, rows.Err()
}

// told is what the log says of a record.
type toldOf struct {
	scan   ScanHashes
	hash   string
	seq    int64 // of the leaf that says so
	any    bool
	erased bool
}

// said is what the log says of records of a kind. Leaves that only say that one was looked at are passed over.
func (v *verifier) said(ctx context.Context, kind string, ids []any) (map[string]*toldOf, error) {
	out := map[string]*toldOf{}
	rows, err := v.r.QueryContext(ctx, "SELECT leaf FROM log_leaves WHERE kind = ? AND record IN ("+marks(len(ids))+") AND action IN (?,?,?) ORDER BY seq",
		append(append([]any{kind}, ids...), audit.Collect, audit.Alter, audit.Erase)...)
	if err != nil {
		return nil, fmt.Errorf("read the log: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var raw []byte
		if err := rows.Scan(&raw); err != nil {
			return nil, fmt.Errorf("read the log: %w", err)
		}
		l, err := audit.Decode(raw)
		if err != nil {
			continue // that has been told
		}
		t := out[l.ID]
		if t == nil {
			t = &toldOf{}
			out[l.ID] = t
		}
		t.add(l)
	}
	return out, rows.Err()
}

func (t *toldOf) add(l audit.Leaf) {
	if l.Action == audit.Erase {
		t.erased = true
		return
	}
	var hash struct {
		Hash string `json:"hash"`
	}
	_ = json.Unmarshal(l.Detail, &t.scan) // the members that are not there stay; of other leaves the detail is something else
	if json.Unmarshal(l.Detail, &hash) == nil && hash.Hash != "" {
		t.hash = hash.Hash
	}
	if hash.Hash != "" || t.scan != (ScanHashes{}) {
		t.seq, t.any = l.Seq, true
	}
}

// scans compares every scan with what the log says of it.
func (v *verifier) scans(ctx context.Context) error {
	for after := int64(0); ; {
		batch, last, err := v.someScans(ctx, after)
		if err != nil || last == after {
			return err
		}
		after = last
		if len(batch) == 0 {
			continue
		}
		ids := make([]any, len(batch))
		for i, sc := range batch {
			ids[i] = sc.id
		}
		told, err := v.said(ctx, KindScan, ids)
		if err != nil {
			return err
		}
		for _, sc := range batch {
			v.v.Scans++
			if len(sc.compare(told[sc.id])) > 0 {
				if err := v.scanAgain(ctx, sc); err != nil {
					return err
				}
			}
			v.step()
		}
	}
}

// someScans are the next scans, and the number of the last one. Where they cannot be read together, those are named that cannot be read.
func (v *verifier) someScans(ctx context.Context, after int64) (batch []storedScan, last int64, err error) {
	last = after
	batch, err = v.storedScans(ctx, v.r, after, "TRUE", takeAtOnce)
	if len(batch) > 0 && err == nil {
		last = batch[len(batch)-1].seq
	}
	if err == nil || away(ctx, err) {
		return batch, last, err
	}
	batch = nil
	for range takeAtOnce {
		var id string
		var seq int64
		err := v.r.QueryRowContext(ctx, "SELECT seq, id FROM scans WHERE seq > ? ORDER BY seq LIMIT 1", last).Scan(&seq, &id)
		if errors.Is(err, sql.ErrNoRows) {
			break
		}
		if err != nil {
			return nil, after, fmt.Errorf("read the scan behind number %d: %w", last, err)
		}
		one, err := v.storedScans(ctx, v.r, seq-1, "TRUE", 1)
		if away(ctx, err) {
			return nil, after, err
		}
		if last = seq; err != nil {
			v.v.Scans++
			v.fault("scan", id, "it cannot be read: %v", err)
			v.step()
			continue
		}
		batch = append(batch, one...)
	}
	return batch, last, nil
}

// scanAgain looks once more at a scan in which something was found, since it may have been amended between its being read and its leaves.
func (v *verifier) scanAgain(ctx context.Context, sc storedScan) error {
	told, err := v.said(ctx, KindScan, []any{sc.id})
	if err != nil {
		return err
	}
	now, err := v.storedScans(ctx, v.r, sc.seq-1, "TRUE", 1)
	if err == nil && len(now) == 1 && now[0].id == sc.id {
		sc = now[0]
	}
	for _, what := range sc.compare(told[sc.id]) {
		v.fault("scan", sc.id, "%s", what)
	}
	return err
}

// compare says in words what is not as the log says.
func (sc storedScan) compare(told *toldOf) (wrong []string) {
	if told == nil || !told.any {
		return []string{"the log knows nothing of it: it was put there behind the program's back, or the log is another one"}
	}
	leaf := fmt.Sprintf("; leaf %d tells", told.seq)
	if sc.noFile {
		wrong = append(wrong, "there is no file "+sc.now.File)
	}
	was := told.scan
	if sc.now.File != was.File || was.Index == nil || *sc.now.Index != *was.Index {
		wrong = append(wrong, fmt.Sprintf("it is not from the spectrum of the file that it came from, %s%s", was.File, leaf))
	}
	if told.erased && sc.blank {
		return wrong
	}
	if sc.broken != "" {
		wrong = append(wrong, "its spectrum: "+sc.broken)
	}
	for _, part := range []struct{ words, now, was string }{
		{"its answer was changed", sc.now.Answer, was.Answer},
		{"its findings were changed", sc.now.Findings, was.Findings},
		{"its spectrum was changed", sc.now.Spectrum, was.Spectrum},
		{"its name, time, instrument or verdict was changed", sc.now.Facts, was.Facts},
		{"its place, case, exhibit, officer or marking was changed", sc.now.Said, was.Said},
	} {
		if part.now != part.was {
			wrong = append(wrong, part.words+leaf)
		}
	}
	return wrong
}

// records compares the rows that are bound to the log with what it says of them.
func (v *verifier) records(ctx context.Context) error {
	for _, b := range bounds {
		if err := v.bound(ctx, b); err != nil {
			return err
		}
	}
	return nil
}

func (v *verifier) bound(ctx context.Context, b bound) error {
	for after := any(nil); ; {
		batch, err := boundRows(ctx, v.r, b, after, "TRUE", takeAtOnce)
		if err != nil || len(batch) == 0 {
			return err
		}
		ids := make([]any, len(batch))
		for i, r := range batch {
			ids[i] = r.id
		}
		told, err := v.said(ctx, b.kind, ids)
		if err != nil {
			return err
		}
		for _, r := range batch {
			after = r.at
			v.v.Records++
			switch t := told[r.id]; {
			case t == nil || t.hash == "":
				v.fault("record", r.id, "the log knows nothing of this %s: it was put there behind the program's back, or the log is another one", b.words)
			case t.hash != r.hash:
				v.fault("record", r.id, "this %s was changed; leaf %d tells", b.words, t.seq)
			}
			v.step()
		}
	}
}
