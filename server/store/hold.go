package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"fentrace/server/audit"
)

// Hold says why a scan must not be erased, whatever the policy says.
type Hold struct {
	ID         string     `json:"id" doc:"UUID"`
	ScanID     string     `json:"scan_id"`
	Reason     string     `json:"reason"`
	SetBy      string     `json:"set_by"`
	SetAt      time.Time  `json:"set_at"`
	ReleasedBy string     `json:"released_by,omitempty"`
	ReleasedAt *time.Time `json:"released_at,omitempty" doc:"absent: it stands"`
	ReleaseWhy string     `json:"release_reason,omitempty"`
}

// holding is what the log says of a hold.
type holding struct {
	ID     string `json:"hold,omitempty"`
	Hold   string `json:"legal_hold"`
	Reason string `json:"reason"`
}

// SetHold keeps a scan from being erased until the hold is released. Errors wrap ErrNotFound, ErrErased, ErrExists when it is held
// already, and ErrInvalid.
func (s *Store) SetHold(ctx context.Context, scanID, reason, by string, now time.Time) (Hold, error) {
	h := Hold{ID: uuid.NewString(), ScanID: scanID, Reason: reason, SetBy: by, SetAt: fromMicros(micros(now))}
	if err := needReason(reason); err != nil {
		return h, err
	}
	err := s.write(ctx, func(tx queries) error {
		if err := holdable(ctx, tx, scanID); err != nil {
			return err
		}
		if err := once(ctx, tx, h.ID, now); err != nil {
			return err
		}
		n, err := changed(tx.ExecContext(ctx, "INSERT INTO holds (id, scan_id, reason, set_by, set_at) VALUES (?,?,?,?,?) ON CONFLICT DO NOTHING",
			h.ID, scanID, reason, by, micros(now)))
		if err == nil && n == 0 {
			err = fmt.Errorf("a hold on scan %s %w; release it before another is set", scanID, ErrExists)
		}
		if err != nil {
			return err
		}
		return tx.log(ctx, Entry{Action: audit.Alter, Kind: KindScan, ID: scanID, Detail: holding{h.ID, "set", reason}})
	})
	if again := asRepeated(err); again != nil {
		return s.hold(ctx, scanID, again.ID)
	}
	return h, err
}

// hold is one of a scan that may be seen.
func (s *Store) hold(ctx context.Context, scanID, id string) (Hold, error) {
	all, err := s.holds(ctx, scanID)
	if i := slices.IndexFunc(all, func(h Hold) bool { return h.ID == id }); err == nil && i >= 0 {
		return all[i], nil
	}
	return Hold{}, errorsOr(err, fmt.Errorf("hold %s: %w", id, ErrNotFound))
}

// ReleaseHold lets a scan be erased again. Errors wrap ErrNotFound when it is not held, ErrElsewhere and ErrInvalid.
func (s *Store) ReleaseHold(ctx context.Context, scanID, why, by string, now time.Time) error {
	if err := needReason(why); err != nil {
		return err
	}
	err := s.write(ctx, func(tx queries) error {
		if err := holdable(ctx, tx, scanID); err != nil {
			return err
		}
		if err := once(ctx, tx, scanID, now); err != nil {
			return err
		}
		n, err := changed(tx.ExecContext(ctx, "UPDATE holds SET released_by = ?, released_at = ?, release_why = ? WHERE scan_id = ? AND released_at IS NULL", by, micros(now), why, scanID))
		if err == nil && n == 0 {
			err = fmt.Errorf("a hold on scan %s: %w", scanID, ErrNotFound)
		}
		if err != nil {
			return err
		}
		return tx.log(ctx, Entry{Action: audit.Alter, Kind: KindScan, ID: scanID, Detail: holding{"", "released", why}})
	})
	if asRepeated(err) != nil {
		return nil
	}
	return err
}

// holdable reports why holds on a scan are not for whoever asks to set or to release.
func holdable(ctx context.Context, tx queries, scanID string) error {
	see, args, err := visible(ctx, "s")
	if err != nil {
		return err
	}
	var agency, key string
	err = tx.QueryRowContext(ctx, "SELECT s.agency, s.spectrum_key FROM scans s WHERE s.id = ? AND "+see, append([]any{scanID}, args...)...).Scan(&agency, &key)
	if err := found(err, key, scanID); err != nil {
		return err
	}
	return mine(ctx, agency)
}

func needReason(text string) error {
	if text == "" {
		return fmt.Errorf("%w: say the reason", ErrInvalid)
	}
	return ValidText("reason", text)
}

// holds are all there ever were on a scan that may be seen, first one first.
func (s *Store) holds(ctx context.Context, scanID string) ([]Hold, error) {
	rows, err := s.r.QueryContext(ctx, "SELECT id, scan_id, reason, set_by, set_at, released_by, released_at, release_why FROM holds WHERE scan_id = ? ORDER BY seq", scanID)
	if err != nil {
		return nil, fmt.Errorf("read holds: %w", err)
	}
	defer rows.Close()
	var out []Hold
	for rows.Next() {
		var h Hold
		var set int64
		var released sql.NullInt64
		if err := rows.Scan(&h.ID, &h.ScanID, &h.Reason, &h.SetBy, &set, &h.ReleasedBy, &released, &h.ReleaseWhy); err != nil {
			return nil, fmt.Errorf("read holds: %w", err)
		}
		h.SetAt, h.ReleasedAt = fromMicros(set), instant(released)
		out = append(out, h)
	}
	return out, rows.Err()
}

// keeping fills in whether scans were erased and, for who is of their agency, whether they are held and why.
func (s *Store) keeping(ctx context.Context, scans []Scan) error {
	p, _ := Asking(ctx)
	for i := range scans {
		var e Erasure
		var at int64
		err := s.r.QueryRowContext(ctx, "SELECT erased, policy, erased_by FROM erasures WHERE scan_id = ?", scans[i].ID).Scan(&at, &e.Policy, &e.By)
		if err == nil {
			e.At = fromMicros(at)
			scans[i].Erased = &e
		} else if !errors.Is(err, sql.ErrNoRows) {
			return fmt.Errorf("read erasures: %w", err)
		}
		if !p.Program && (p.Agency != scans[i].Agency || sights[p.Role] != cleared) {
			continue
		}
		holds, err := s.holds(ctx, scans[i].ID)
		if err != nil {
			return err
		}
		scans[i].Holds = holds
	}
	return nil
}
