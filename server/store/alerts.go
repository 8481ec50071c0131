package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"fentrace/server/audit"
	"fentrace/server/tlp"
)

// Alert says that a substance was in a region earlier than was known. Scans whose county is not known count as one region of
// their state, or of none.
type Alert struct {
	ID          string     `json:"id" doc:"UUID"`
	Agency      string     `json:"agency" doc:"whose scans it is about"`
	TLP         tlp.Level  `json:"tlp" enum:"clear,green,amber,amber+strict,red" doc:"it is news to whoever may see all that this agency has marked up to this"`
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
	ReadBy      string     `json:"read_by" doc:"who of your agency read it first"`
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

// RaiseAlert stores an alert, unless the same one is there, and has it delivered to webhooks; raised tells.
func (s *Store) RaiseAlert(ctx context.Context, a Alert) (raised bool, err error) {
	var before *int64
	if a.SeenBefore != nil {
		at := micros(*a.SeenBefore)
		before = &at
	}
	err = s.write(ctx, func(tx queries) error {
		id := uuid.NewString()
		n, err := changed(tx.ExecContext(ctx, `INSERT INTO alerts (id, agency, tlp, created, substance, reference_id, scan_id, county, state, fips, simulated, first_seen, seen_before)
			VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING`, id, a.Agency, a.TLP.Rank(), micros(a.Created), a.Substance, a.ReferenceID, a.ScanID,
			a.County, a.State, a.FIPS, a.Simulated, micros(a.FirstSeen), before))
		if raised = n > 0; err != nil || !raised {
			return err
		}
		if err := tx.log(ctx, Entry{Action: audit.Combine, Kind: "alert", ID: id, Detail: map[string]any{"scan": a.ScanID, "reference": a.ReferenceID}}); err != nil {
			return err
		}
		return s.tell(ctx, tx, id, a.Created)
	})
	if err != nil {
		return false, fmt.Errorf("raise an alert: %w", err)
	}
	return raised, nil
}

// seenAlerts is what follows FROM to have the alerts a that whoever asks may see, with r, who of the own agency has read them: who may see
// an alert may see its scan too, however that is marked by now.
func seenAlerts(ctx context.Context) (from string, args []any, err error) {
	agency, err := holder(ctx)
	if err != nil {
		return "", nil, err
	}
	alert, alertArgs, err := visible(ctx, "a")
	if err != nil {
		return "", nil, err
	}
	scan, scanArgs, err := visible(ctx, "s")
	return "alerts a JOIN scans s ON s.id = a.scan_id LEFT JOIN alert_reads r ON r.alert_id = a.id AND r.agency = ? WHERE " + alert + " AND " + scan,
		slices.Concat([]any{agency}, alertArgs, scanArgs), err
}

// Alerts are up to limit alerts, those that nobody of the own agency has read first, then newest first.
func (s *Store) Alerts(ctx context.Context, limit int) ([]Alert, error) {
	return s.alerts(ctx, "TRUE", nil, limit)
}

// AlertPage is the same in pages; ErrInvalid for a cursor that it did not give.
func (s *Store) AlertPage(ctx context.Context, cursor string, limit int) ([]Alert, string, error) {
	cond, args, err := list{table: "alerts", id: "id", alias: "a", part: "CASE WHEN r.read IS NULL THEN 0 ELSE 1 END"}.after(cursor)
	if err != nil {
		return nil, "", err
	}
	alerts, err := s.alerts(ctx, cond, args, limit+1)
	alerts, next := page(alerts, limit, func(a Alert) (string, bool) { return a.ID, a.Read != nil })
	return alerts, next, err
}

func (s *Store) alerts(ctx context.Context, cond string, condArgs []any, limit int) ([]Alert, error) {
	from, args, err := seenAlerts(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := s.r.QueryContext(ctx, `SELECT a.id, a.agency, a.tlp, a.created, a.substance, a.reference_id, a.scan_id, a.county, a.state, a.fips, a.simulated, a.first_seen,
		a.seen_before, coalesce(r.read_by, ''), r.read FROM `+from+` AND `+cond+` ORDER BY r.read IS NOT NULL, a.seq DESC LIMIT ?`, slices.Concat(args, condArgs, []any{limit})...)
	if err != nil {
		return nil, fmt.Errorf("read alerts: %w", err)
	}
	defer rows.Close()
	out := []Alert{}
	for rows.Next() {
		var a Alert
		var level int
		var created, first int64
		var before, read *int64
		if err := rows.Scan(&a.ID, &a.Agency, &level, &created, &a.Substance, &a.ReferenceID, &a.ScanID, &a.County, &a.State, &a.FIPS, &a.Simulated, &first, &before,
			&a.ReadBy, &read); err != nil {
			return nil, fmt.Errorf("read alerts: %w", err)
		}
		a.Place, a.TLP = placeWords(a.County, a.State), tlp.OfRank(level)
		a.Created, a.FirstSeen, a.SeenBefore, a.Read = fromMicros(created), fromMicros(first), timeOf(before), timeOf(read)
		out = append(out, a)
	}
	return out, rows.Err()
}

// UnreadAlerts counts those that nobody of the own agency has read.
func (s *Store) UnreadAlerts(ctx context.Context) (n int, err error) {
	from, args, err := seenAlerts(ctx)
	if err != nil {
		return 0, err
	}
	if err := s.r.QueryRowContext(ctx, "SELECT count(*) FROM "+from+" AND r.read IS NULL", args...).Scan(&n); err != nil {
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

// ReadAlert notes who of the own agency has read an alert first; ErrNotFound when there is none.
func (s *Store) ReadAlert(ctx context.Context, id, by string, at time.Time) error {
	agency, err := holder(ctx)
	if err != nil {
		return err
	}
	from, args, err := seenAlerts(ctx)
	if err != nil {
		return err
	}
	return s.write(ctx, func(tx queries) error {
		var there bool
		if err := tx.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM "+from+" AND a.id = ?)", append(args, id)...).Scan(&there); err != nil {
			return fmt.Errorf("alert %s: %w", id, err)
		}
		if !there {
			return fmt.Errorf("alert %s: %w", id, ErrNotFound)
		}
		if _, err := tx.ExecContext(ctx, "INSERT INTO alert_reads (alert_id, agency, read_by, read) VALUES (?,?,?,?) ON CONFLICT DO NOTHING", id, agency, by, micros(at)); err != nil {
			return err
		}
		return tx.log(ctx, Entry{Action: audit.Consult, Kind: "alert", ID: id, Detail: map[string]any{"read": true}})
	})
}
