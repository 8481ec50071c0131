package store

import (
	"context"
	"fmt"
	"time"
)

// Event says that a scan was stored. Seq grows with every stored scan, also across restarts.
type Event struct {
	Seq     int64
	ScanID  string
	Verdict string
}

// EventsAfter returns up to limit events with a number above seq, oldest first.
func (s *Store) EventsAfter(ctx context.Context, seq int64, limit int) ([]Event, error) {
	rows, err := s.r.QueryContext(ctx, "SELECT seq, id, verdict FROM scans WHERE seq > ? ORDER BY seq LIMIT ?", seq, limit)
	if err != nil {
		return nil, fmt.Errorf("read events: %w", err)
	}
	defer rows.Close()
	var events []Event
	for rows.Next() {
		var e Event
		if err := rows.Scan(&e.Seq, &e.ScanID, &e.Verdict); err != nil {
			return nil, fmt.Errorf("read events: %w", err)
		}
		events = append(events, e)
	}
	return events, rows.Err()
}

// LastEvent returns the number of the newest event, 0 before the first scan.
func (s *Store) LastEvent(ctx context.Context) (seq int64, err error) {
	err = s.r.QueryRowContext(ctx, "SELECT coalesce(max(seq), 0) FROM scans").Scan(&seq)
	return seq, err
}

// Occurrence is one scan as analytics see it. Findings are those its verdict rests on.
type Occurrence struct {
	ScanID              string
	Acquired            time.Time
	Simulated           bool
	County, State, FIPS string
	Findings            []OccurrenceFinding
}

// OccurrenceFinding is one substance found in an Occurrence.
type OccurrenceFinding struct {
	Substance, Class string
	Controlled       bool
	// LookBack: it was found when the past was looked through, not when the scan was answered.
	LookBack bool
}

// Occurrences returns every scan acquired before to (all when zero), oldest first, with its findings.
func (s *Store) Occurrences(ctx context.Context, to time.Time) ([]Occurrence, error) {
	return s.occurrences(ctx, to, "")
}

// OccurrencesWithout returns every scan, oldest first, with its findings but for those that only a look-back with that
// reference has made.
func (s *Store) OccurrencesWithout(ctx context.Context, referenceID string) ([]Occurrence, error) {
	return s.occurrences(ctx, time.Time{}, referenceID)
}

func (s *Store) occurrences(ctx context.Context, to time.Time, without string) ([]Occurrence, error) {
	cond, args := Filter{To: to}.where()
	lookBack, err := s.statedHits(ctx, without)
	if err != nil {
		return nil, err
	}
	rows, err := s.r.QueryContext(ctx, `SELECT s.id, s.acquired, s.simulated, s.county, s.state, s.fips,
			coalesce(f.substance, ''), coalesce(f.class, ''), coalesce(f.controlled, FALSE)
		FROM scans s LEFT JOIN findings f ON f.scan_id = s.id WHERE `+cond+` ORDER BY s.acquired, s.id, f.rank`, args...)
	if err != nil {
		return nil, fmt.Errorf("read occurrences: %w", err)
	}
	defer rows.Close()
	var out []Occurrence
	for rows.Next() {
		var o Occurrence
		var f OccurrenceFinding
		var acquired int64
		if err := rows.Scan(&o.ScanID, &acquired, &o.Simulated, &o.County, &o.State, &o.FIPS,
			&f.Substance, &f.Class, &f.Controlled); err != nil {
			return nil, fmt.Errorf("read occurrences: %w", err)
		}
		o.Acquired = fromMicros(acquired)
		if n := len(out); n == 0 || out[n-1].ScanID != o.ScanID {
			out = append(out, o)
		}
		if f.Substance != "" {
			last := &out[len(out)-1]
			last.Findings = append(last.Findings, f)
		}
	}
	for i := range out {
		out[i].Findings = append(out[i].Findings, lookBack[out[i].ScanID]...)
	}
	return out, rows.Err()
}

// statedHits are the substances that answers of now rest on, by scan, found by looking back with any reference but one.
func (s *Store) statedHits(ctx context.Context, without string) (map[string][]OccurrenceFinding, error) {
	rows, err := s.r.QueryContext(ctx, `SELECT DISTINCT h.scan_id, h.substance, h.class, h.controlled FROM lookback_hits h
		WHERE h.stated AND h.reference_id <> ? AND NOT EXISTS (SELECT 1 FROM findings f WHERE f.scan_id = h.scan_id AND lower(f.substance) = lower(h.substance))
		ORDER BY h.scan_id, h.substance`, without)
	if err != nil {
		return nil, fmt.Errorf("read look-back hits: %w", err)
	}
	defer rows.Close()
	out := map[string][]OccurrenceFinding{}
	for rows.Next() {
		var scan string
		f := OccurrenceFinding{LookBack: true}
		if err := rows.Scan(&scan, &f.Substance, &f.Class, &f.Controlled); err != nil {
			return nil, fmt.Errorf("read look-back hits: %w", err)
		}
		out[scan] = append(out[scan], f)
	}
	return out, rows.Err()
}
