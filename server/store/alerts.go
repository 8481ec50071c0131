package store

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// Alert says that a substance was in a region earlier than was known. Scans whose county is not known count as one region of
// their state, or of none.
type Alert struct {
	ID          string     `json:"id" doc:"UUID"`
	Created     time.Time  `json:"created"`
	Substance   string     `json:"substance"`
	ReferenceID string     `json:"reference_id" doc:"the reference that the past was looked through with"`
	ScanID      string     `json:"scan_id" doc:"the first scan that agrees, presumptive"`
	Place       string     `json:"place" doc:"in words; says so when it is not known"`
	County      string     `json:"county" doc:"empty: not known"`
	State       string     `json:"state" doc:"empty: not known"`
	FIPS        string     `json:"fips"`
	Simulated   bool       `json:"simulated"`
	FirstSeen   time.Time  `json:"first_seen" doc:"as it is known now"`
	SeenBefore  *time.Time `json:"seen_before" doc:"as it was known; null: it was not known there"`
	ReadBy      string     `json:"read_by"`
	Read        *time.Time `json:"read"`
}

// placeWords name a county and a state, or say what is not known of them.
func placeWords(county, state string) string {
	switch {
	case county == "" && state == "":
		return "unknown place"
	case county == "":
		return state + ", county unknown"
	case state == "":
		return county
	}
	return county + ", " + state
}

// RaiseAlert stores an alert, unless the same one is there; raised tells.
func (s *Store) RaiseAlert(ctx context.Context, a Alert) (raised bool, err error) {
	var before *int64
	if a.SeenBefore != nil {
		at := micros(*a.SeenBefore)
		before = &at
	}
	err = s.write(ctx, func(tx queries) error {
		res, err := tx.ExecContext(ctx, `INSERT INTO alerts (id, created, substance, reference_id, scan_id, county, state, fips, simulated, first_seen, seen_before)
			VALUES (?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING`, uuid.NewString(), micros(a.Created), a.Substance, a.ReferenceID, a.ScanID,
			a.County, a.State, a.FIPS, a.Simulated, micros(a.FirstSeen), before)
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		raised = n > 0
		return err
	})
	if err != nil {
		return false, fmt.Errorf("raise an alert: %w", err)
	}
	return raised, nil
}

// Alerts are up to limit alerts, those not read first, then newest first.
func (s *Store) Alerts(ctx context.Context, limit int) ([]Alert, error) {
	return s.alerts(ctx, "TRUE", nil, limit)
}

// AlertPage is the same in pages; ErrInvalid for a cursor that it did not give.
func (s *Store) AlertPage(ctx context.Context, cursor string, limit int) ([]Alert, string, error) {
	cond, args, err := list{table: "alerts", id: "id", alias: "a", part: "CASE WHEN a.read IS NULL THEN 0 ELSE 1 END"}.after(cursor)
	if err != nil {
		return nil, "", err
	}
	alerts, err := s.alerts(ctx, cond, args, limit+1)
	alerts, next := page(alerts, limit, func(a Alert) (string, bool) { return a.ID, a.Read != nil })
	return alerts, next, err
}

func (s *Store) alerts(ctx context.Context, cond string, args []any, limit int) ([]Alert, error) {
	rows, err := s.r.QueryContext(ctx, `SELECT id, created, substance, reference_id, scan_id, county, state, fips, simulated, first_seen, seen_before,
		coalesce(read_by, ''), read FROM alerts a WHERE `+cond+` ORDER BY read IS NOT NULL, seq DESC LIMIT ?`, append(args, limit)...)
	if err != nil {
		return nil, fmt.Errorf("read alerts: %w", err)
	}
	defer rows.Close()
	out := []Alert{}
	for rows.Next() {
		var a Alert
		var created, first int64
		var before, read *int64
		if err := rows.Scan(&a.ID, &created, &a.Substance, &a.ReferenceID, &a.ScanID, &a.County, &a.State, &a.FIPS, &a.Simulated, &first, &before,
			&a.ReadBy, &read); err != nil {
			return nil, fmt.Errorf("read alerts: %w", err)
		}
		a.Place = placeWords(a.County, a.State)
		a.Created, a.FirstSeen, a.SeenBefore, a.Read = fromMicros(created), fromMicros(first), timeOf(before), timeOf(read)
		out = append(out, a)
	}
	return out, rows.Err()
}

// UnreadAlerts counts those that nobody has read.
func (s *Store) UnreadAlerts(ctx context.Context) (n int, err error) {
	if err := s.r.QueryRowContext(ctx, "SELECT count(*) FROM alerts WHERE read IS NULL").Scan(&n); err != nil {
		return 0, fmt.Errorf("count alerts: %w", err)
	}
	return n, nil
}

func timeOf(n *int64) *time.Time {
	if n == nil {
		return nil
	}
	t := fromMicros(*n)
	return &t
}

// ReadAlert notes who has read an alert first; ErrNotFound when there is none.
func (s *Store) ReadAlert(ctx context.Context, id, by string, at time.Time) error {
	return s.write(ctx, func(tx queries) error {
		err := one(tx.ExecContext(ctx, "UPDATE alerts SET read_by = coalesce(read_by, ?), read = coalesce(read, ?) WHERE id = ?", by, micros(at), id))
		if err != nil {
			return fmt.Errorf("alert %s: %w", id, err)
		}
		return nil
	})
}
