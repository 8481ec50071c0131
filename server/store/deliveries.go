package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"fentrace/server/audit"
)

// The states of a delivery.
const (
	DeliveryWaiting = "waiting"
	DeliveryDone    = "delivered"
	DeliveryFailed  = "failed"  // it was tried as often as may be
	DeliveryDropped = "dropped" // it may not be delivered any more
)

// Delivery is one event for one webhook.
type Delivery struct {
	ID       string     `json:"id" doc:"UUID; it is delivered with this as its webhook-id, also when it is delivered again"`
	Event    string     `json:"event"`
	Subject  string     `json:"subject" doc:"id of the alert"`
	Created  time.Time  `json:"created"`
	State    string     `json:"state" enum:"waiting,delivered,failed,dropped"`
	Attempts int        `json:"attempts" doc:"since it was asked for last"`
	Tried    *time.Time `json:"tried" doc:"the last attempt"`
	Error    string     `json:"error" doc:"of the last attempt, or why it was dropped"`
}

// DeliveryTask is a delivery as who makes it sees it.
type DeliveryTask struct {
	Delivery
	Webhook, URL, CreatedBy string
	Secret                  []byte
	Disabled                bool
	run                     int
}

const deliveryColumns = "d.id, d.event, d.subject, d.created, d.state, d.attempts, d.tried, d.error"

// into is what deliveryColumns are read into; set must be called after it.
func (d *Delivery) into() (into []any, set func()) {
	var created int64
	var tried *int64
	return []any{&d.ID, &d.Event, &d.Subject, &created, &d.State, &d.Attempts, &tried, &d.Error},
		func() { d.Created, d.Tried = fromMicros(created), timeOf(tried) }
}

// Deliveries are up to limit of those to a webhook of who asks, newest first, after the cursor ("" starts), and the cursor of the next
// page. ErrNotFound when there is no such webhook, ErrInvalid for a cursor that it did not give.
func (s *Store) Deliveries(ctx context.Context, webhook, cursor string, limit int) ([]Delivery, string, error) {
	if _, err := holder(ctx); err != nil {
		return nil, "", err
	}
	who, _ := Asking(ctx)
	after, args, err := list{table: "webhook_deliveries", id: "id", alias: "d", part: "0"}.after(cursor)
	if err != nil {
		return nil, "", err
	}
	var there bool
	if err := s.r.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM webhooks WHERE id = ? AND created_by = ?)", webhook, who.User).Scan(&there); err != nil {
		return nil, "", fmt.Errorf("read deliveries: %w", err)
	}
	if !there {
		return nil, "", fmt.Errorf("webhook %s: %w", webhook, ErrNotFound)
	}
	rows, err := s.r.QueryContext(ctx, "SELECT "+deliveryColumns+" FROM webhook_deliveries d WHERE d.webhook_id = ? AND "+after+" ORDER BY d.seq DESC LIMIT ?",
		slices.Concat([]any{webhook}, args, []any{limit + 1})...)
	if err != nil {
		return nil, "", fmt.Errorf("read deliveries: %w", err)
	}
	defer rows.Close()
	found := []Delivery{}
	for rows.Next() {
		var d Delivery
		into, set := d.into()
		if err := rows.Scan(into...); err != nil {
			return nil, "", fmt.Errorf("read deliveries: %w", err)
		}
		set()
		found = append(found, d)
	}
	if err := rows.Err(); err != nil {
		return nil, "", fmt.Errorf("read deliveries: %w", err)
	}
	found, next := page(found, limit, func(d Delivery) (string, bool) { return d.ID, false })
	return found, next, nil
}

// Replay has a delivery to a webhook of who asks made again, whatever became of it; a try that waits is not waited for. ErrNotFound;
// ErrNotNow when the webhook is disabled.
func (s *Store) Replay(ctx context.Context, webhook, id string) (Delivery, error) {
	if _, err := holder(ctx); err != nil {
		return Delivery{}, err
	}
	who, _ := Asking(ctx)
	var d Delivery
	err := s.write(ctx, func(tx queries) error {
		var run int
		var disabled sql.NullInt64
		err := tx.QueryRowContext(ctx, `SELECT w.disabled, d.run + 1 FROM webhook_deliveries d JOIN webhooks w ON w.id = d.webhook_id
			WHERE d.id = ? AND w.id = ? AND w.created_by = ?`, id, webhook, who.User).Scan(&disabled, &run)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return ErrNotFound
		case err != nil:
			return err
		case disabled.Valid:
			return fmt.Errorf("its webhook is disabled, make another: %w", ErrNotNow)
		}
		if _, err := tx.ExecContext(ctx, "UPDATE webhook_deliveries SET state = ?, run = ?, attempts = 0, error = '' WHERE id = ?", DeliveryWaiting, run, id); err != nil {
			return err
		}
		into, set := d.into()
		if err := tx.QueryRowContext(ctx, "SELECT "+deliveryColumns+" FROM webhook_deliveries d WHERE d.id = ?", id).Scan(into...); err != nil {
			return err
		}
		set()
		if err := tx.log(ctx, Entry{Action: audit.Alter, Kind: kindDelivery, ID: id, Detail: map[string]any{"webhook": webhook, "replay": run}}); err != nil {
			return err
		}
		return s.insertJob(ctx, tx, WebhookJob{Delivery: id, Run: run}, WebhookQueue)
	})
	if err != nil {
		return Delivery{}, fmt.Errorf("delivery %s: %w", id, err)
	}
	return d, nil
}

// DeliveryToMake is a delivery that waits, or has failed, for who makes it; ErrNotFound, or ErrNotNow when it has ended otherwise or was
// asked for again since.
func (s *Store) DeliveryToMake(ctx context.Context, id string, run int) (DeliveryTask, error) {
	if err := onlyProgram(ctx); err != nil {
		return DeliveryTask{}, err
	}
	t := DeliveryTask{}
	var v sealed
	into, set := t.into()
	err := s.r.QueryRowContext(ctx, "SELECT "+deliveryColumns+`, d.run, w.id, w.url, w.created_by, w.secret, w.secret_key, w.disabled IS NOT NULL
		FROM webhook_deliveries d JOIN webhooks w ON w.id = d.webhook_id WHERE d.id = ?`, id).
		Scan(append(into, &t.run, &t.Webhook, &t.URL, &t.CreatedBy, &v.value, &v.key, &t.Disabled)...)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return DeliveryTask{}, fmt.Errorf("delivery %s: %w", id, ErrNotFound)
	case err != nil:
		return DeliveryTask{}, fmt.Errorf("read delivery %s: %w", id, err)
	case t.run != run, t.State != DeliveryWaiting && t.State != DeliveryFailed:
		return DeliveryTask{}, fmt.Errorf("delivery %s is %s: %w", id, t.State, ErrNotNow)
	}
	set()
	t.Secret, err = s.open(v, secretOf(t.Webhook))
	return t, err
}

// AlertToLeave is the alert of that id, if whoever asks may hand it to a program outside; ErrNotFound.
func (s *Store) AlertToLeave(ctx context.Context, id string) (Alert, error) {
	cond, args, err := alertLeaves(ctx)
	if err != nil {
		return Alert{}, err
	}
	found, err := s.alerts(ctx, "a.id = ? AND "+cond, append([]any{id}, args...), 1)
	if err == nil && len(found) == 0 {
		err = fmt.Errorf("alert %s: %w", id, ErrNotFound)
	}
	if err != nil {
		return Alert{}, err
	}
	return found[0], nil
}

// BeginDelivery notes an attempt, before anything leaves: what is not in the log is not delivered. scan is what it tells of. ErrNotNow
// when it was asked for again since.
func (s *Store) BeginDelivery(ctx context.Context, t DeliveryTask, scan string, now time.Time) error {
	if err := onlyProgram(ctx); err != nil {
		return err
	}
	return s.write(ctx, func(tx queries) error {
		n, err := changed(tx.ExecContext(ctx, "UPDATE webhook_deliveries SET attempts = attempts + 1, tried = ? WHERE id = ? AND run = ? AND state IN (?, ?)",
			micros(now), t.ID, t.run, DeliveryWaiting, DeliveryFailed))
		if err := waits(n, err); err != nil {
			return fmt.Errorf("delivery %s: %w", t.ID, err)
		}
		return tx.log(ctx, Entry{Action: audit.Disclose, Kind: KindScan, ID: scan,
			Detail: map[string]any{"webhook": t.Webhook, "delivery": t.ID, "alert": t.Subject, "for": t.CreatedBy}})
	})
}

// NotDelivered notes why an attempt has failed; it is tried again.
func (s *Store) NotDelivered(ctx context.Context, t DeliveryTask, why string) error {
	if err := onlyProgram(ctx); err != nil {
		return err
	}
	return s.write(ctx, func(tx queries) error {
		_, err := tx.ExecContext(ctx, "UPDATE webhook_deliveries SET error = ? WHERE id = ? AND run = ? AND state IN (?, ?)", why, t.ID, t.run, DeliveryWaiting, DeliveryFailed)
		return err
	})
}

// EndDelivery notes how a delivery has ended, with the reason when it was not made. One that was asked for again since stays as it is.
func (s *Store) EndDelivery(ctx context.Context, id string, run int, state, why string) error {
	if err := onlyProgram(ctx); err != nil {
		return err
	}
	return s.write(ctx, func(tx queries) error { return endDelivery(ctx, tx, id, run, state, why) })
}

func endDelivery(ctx context.Context, tx queries, id string, run int, state, why string) error {
	n, err := changed(tx.ExecContext(ctx, "UPDATE webhook_deliveries SET state = ?, error = ? WHERE id = ? AND run = ? AND state IN (?, ?)",
		state, why, id, run, DeliveryWaiting, DeliveryFailed))
	if err != nil || n == 0 {
		return err
	}
	return tx.log(ctx, Entry{Action: audit.Alter, Kind: kindDelivery, ID: id, Detail: map[string]any{"state": state}})
}

// WebhookGone ends a delivery whose receiver wants no more, and disables its webhook.
func (s *Store) WebhookGone(ctx context.Context, t DeliveryTask, why string, now time.Time) error {
	if err := onlyProgram(ctx); err != nil {
		return err
	}
	return s.write(ctx, func(tx queries) error {
		if err := endDelivery(ctx, tx, t.ID, t.run, DeliveryFailed, why); err != nil {
			return err
		}
		n, err := changed(tx.ExecContext(ctx, "UPDATE webhooks SET disabled = ?, why = ? WHERE id = ? AND disabled IS NULL", micros(now), why, t.Webhook))
		if err != nil || n == 0 {
			return err
		}
		return tx.log(ctx, Entry{Action: audit.Alter, Kind: kindWebhook, ID: t.Webhook, Detail: map[string]any{"disabled": true}})
	})
}
