package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"fentrace/server/tlp"
)

// Event says that a scan was stored. Seq grows with every stored scan, also across restarts.
type Event struct {
	Seq     int64
	ScanID  string
	Verdict string
}

// EventsAfter returns up to limit events with a number above seq, oldest first, of scans that may be seen, and the number up to which
// there are no others.
func (s *Store) EventsAfter(ctx context.Context, seq int64, limit int) (events []Event, upTo int64, err error) {
	see, args, err := visible(ctx, "s")
	if err != nil {
		return nil, 0, err
	}
	if upTo, err = s.LastEvent(ctx); err != nil {
		return nil, 0, err
	}
	rows, err := s.r.QueryContext(ctx, "SELECT s.seq, s.id, s.verdict FROM scans s WHERE s.seq > ? AND s.seq <= ? AND "+see+" ORDER BY s.seq LIMIT ?",
		slices.Concat([]any{seq, upTo}, args, []any{limit})...)
	if err != nil {
		return nil, 0, fmt.Errorf("read events: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var e Event
		if err := rows.Scan(&e.Seq, &e.ScanID, &e.Verdict); err != nil {
			return nil, 0, fmt.Errorf("read events: %w", err)
		}
		events = append(events, e)
	}
	if limit > 0 && len(events) == limit {
		upTo = events[limit-1].Seq
	}
	return events, max(upTo, seq), rows.Err()
}

// LastEvent returns the number of the newest scan, which is no secret, whoever may see it; 0 before the first.
func (s *Store) LastEvent(ctx context.Context) (seq int64, err error) {
	err = s.r.QueryRowContext(ctx, "SELECT coalesce(max(seq), 0) FROM scans").Scan(&seq)
	return seq, err
}

// Occurrence is one scan as analytics see it. Findings are those its verdict rests on.
type Occurrence struct {
	ScanID              string
	Agency              string
	TLP                 tlp.Level
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

// Occurrences returns every scan that may be seen and was acquired before to (all when zero), oldest first, with its findings.
func (s *Store) Occurrences(ctx context.Context, to time.Time) ([]Occurrence, error) {
	return s.occurrences(ctx, to, "", visible)
}

// Counted are, like Occurrences, the scans that may be counted and not seen (see counted). Neither their ids nor their times may be told.
func (s *Store) Counted(ctx context.Context, to time.Time) ([]Occurrence, error) {
	return s.occurrences(ctx, to, "", counted)
}

// OccurrencesWithout returns every scan that may be seen, oldest first, with its findings but for those that only a look-back with that
// reference has made.
func (s *Store) OccurrencesWithout(ctx context.Context, referenceID string) ([]Occurrence, error) {
	return s.occurrences(ctx, time.Time{}, referenceID, visible)
}

func (s *Store) occurrences(ctx context.Context, to time.Time, without string, which func(context.Context, string) (string, []any, error)) ([]Occurrence, error) {
	see, seeArgs, err := which(ctx, "s")
	if err != nil {
		return nil, err
	}
	cond, args, err := Filter{To: to}.where(ctx)
	if err != nil {
		return nil, err
	}
	cond, args = cond+" AND "+see, append(args, seeArgs...)
	lookBack, err := s.statedHits(ctx, without, see, seeArgs)
	if err != nil {
		return nil, err
	}
	rows, err := s.r.QueryContext(ctx, `SELECT s.id, s.agency, s.tlp, s.acquired, s.simulated, s.county, s.state, s.fips,
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
		var level int
		if err := rows.Scan(&o.ScanID, &o.Agency, &level, &acquired, &o.Simulated, &o.County, &o.State, &o.FIPS,
			&f.Substance, &f.Class, &f.Controlled); err != nil {
			return nil, fmt.Errorf("read occurrences: %w", err)
		}
		o.Acquired, o.TLP = fromMicros(acquired), tlp.OfRank(level)
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

// statedHits are the substances that answers of now rest on, by scan, found by looking back with any reference but one, of scans s that
// fit a condition.
func (s *Store) statedHits(ctx context.Context, without, cond string, args []any) (map[string][]OccurrenceFinding, error) {
	rows, err := s.r.QueryContext(ctx, `SELECT DISTINCT h.scan_id, h.substance, h.class, h.controlled FROM lookback_hits h JOIN scans s ON s.id = h.scan_id
		WHERE h.stated AND h.reference_id <> ? AND NOT EXISTS (SELECT 1 FROM findings f WHERE f.scan_id = h.scan_id AND lower(f.substance) = lower(h.substance))
		AND `+cond+` ORDER BY h.scan_id, h.substance`, append([]any{without}, args...)...)
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
