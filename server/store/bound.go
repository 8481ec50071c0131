package store

import (
	"context"
	"fmt"
	"strings"
)

// boundRow is a row of a bound table with the hash of what is stored now.
type boundRow struct {
	at       any // value of the column that orders them
	id, hash string
}

// boundRows are up to limit rows of b behind after (nil: from the first), in order, that fit cond.
func boundRows(ctx context.Context, q queries, b bound, after any, cond string, limit int) ([]boundRow, error) {
	args := []any{limit}
	if after != nil {
		cond, args = cond+" AND r."+b.order+" > ?", []any{after, limit}
	}
	rows, err := q.QueryContext(ctx, "SELECT r."+b.order+", "+b.id+", "+b.columns+" FROM "+b.table+" r WHERE "+cond+" ORDER BY r."+b.order+" LIMIT ?", args...)
	if err != nil {
		return nil, fmt.Errorf("read every %s: %w", b.words, err)
	}
	defer rows.Close()
	var out []boundRow
	for rows.Next() {
		values, err := rowOf(rows, strings.Count(b.columns, ",")+3)
		if err != nil {
			return nil, fmt.Errorf("read every %s: %w", b.words, err)
		}
		id, _ := plainValue(values[1]).(string)
		out = append(out, boundRow{at: values[0], id: id, hash: hashRow(values[2:]...)})
	}
	return out, rows.Err()
}

// storedScan is a scan with the hashes of what is stored of it now.
type storedScan struct {
	seq    int64
	id     string
	now    ScanHashes
	blank  bool // it has no spectrum: it was erased
	noFile bool // there are no bytes of its file
	broken string
}

// storedScans are up to limit scans with a number above after, in order, that fit cond.
func (s *Store) storedScans(ctx context.Context, q queries, after int64, cond string, limit int) ([]storedScan, error) {
	facts, said := strings.Count(scanFacts, ",")+1, strings.Count(scanSaid, ",")+1
	rows, err := q.QueryContext(ctx, `SELECT s.seq, s.id, s.sha256, s.spectrum_index, NOT EXISTS (SELECT 1 FROM files f WHERE f.sha256 = s.sha256), s.identification, s.spectrum, s.spectrum_key, `+
		scanFacts+", "+scanSaid+" FROM scans s WHERE s.seq > ? AND "+cond+" ORDER BY s.seq LIMIT ?", after, limit)
	if err != nil {
		return nil, fmt.Errorf("read every scan: %w", err)
	}
	defer rows.Close()
	var out []storedScan
	for rows.Next() {
		var sc storedScan
		var index int
		var answer []byte
		var spectrum sealed
		rest := make([]any, facts+said)
		into := []any{&sc.seq, &sc.id, &sc.now.File, &index, &sc.noFile, &answer, &spectrum.value, &spectrum.key}
		for i := range rest {
			into = append(into, &rest[i])
		}
		if err := rows.Scan(into...); err != nil {
			return nil, fmt.Errorf("read every scan: %w", err)
		}
		sc.now.Index, sc.blank = &index, spectrum.key == erasedKey && len(spectrum.value) == 0
		plain, err := s.open(spectrum, spectrumOf(sc.id))
		if err != nil && !sc.blank {
			sc.broken = err.Error()
		}
		sc.now.Answer, sc.now.Spectrum = hashOf(answer), hashOf(plain)
		sc.now.Facts, sc.now.Said = hashRow(rest[:facts]...), hashRow(rest[facts:]...)
		out = append(out, sc)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read every scan: %w", err)
	}
	return out, hashFindings(ctx, q, out)
}

// hashFindings fills in the hashes of the findings.
func hashFindings(ctx context.Context, q queries, scans []storedScan) error {
	if len(scans) == 0 {
		return nil
	}
	ids := make([]any, len(scans))
	for i, sc := range scans {
		ids[i] = sc.id
	}
	rows, err := q.QueryContext(ctx, "SELECT scan_id, rank, substance, class, controlled, tier, probability FROM findings WHERE scan_id IN ("+marks(len(ids))+") ORDER BY scan_id, rank", ids...)
	if err != nil {
		return fmt.Errorf("read every finding: %w", err)
	}
	defer rows.Close()
	of := map[string][]any{}
	for rows.Next() {
		values, err := rowOf(rows, 7)
		if err != nil {
			return fmt.Errorf("read every finding: %w", err)
		}
		id, _ := plainValue(values[0]).(string)
		of[id] = append(of[id], values[1:]...)
	}
	for i := range scans {
		scans[i].now.Findings = hashRow(of[scans[i].id]...)
	}
	return rows.Err()
}
