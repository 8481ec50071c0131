package store

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"

	"fentrace/server/audit"
	"fentrace/server/tlp"
)

// EventAlert is the kind of event that an alert was raised.
const EventAlert = "alert.raised"

// MaxWebhooks is how many webhooks an account may have.
const MaxWebhooks = 20

// kindWebhook is what a webhook is called in the log, kindDelivery what is delivered to it.
const kindWebhook, kindDelivery = "webhook", "delivery"

// Webhook is an address that an account is told of events at. Only that account has it.
type Webhook struct {
	ID       string     `json:"id" doc:"UUID"`
	Created  time.Time  `json:"created"`
	Name     string     `json:"name"`
	URL      string     `json:"url"`
	Events   []string   `json:"events"`
	Disabled *time.Time `json:"disabled" doc:"nothing is delivered since; null: it is not"`
	Why      string     `json:"why" doc:"it was disabled"`
}

func secretOf(webhook string) string { return "signing secret of the webhook " + webhook }

// NewWebhook stores a webhook of who asks, with the key that its deliveries are signed with. It fills in ID and Created. ErrNotNow when
// who asks has as many as may be; a *Repeated when the request with its key was done before.
func (s *Store) NewWebhook(ctx context.Context, w Webhook, secret []byte, now time.Time) (Webhook, error) {
	if _, err := holder(ctx); err != nil {
		return Webhook{}, err
	}
	who, _ := Asking(ctx)
	w.ID, w.Created = uuid.NewString(), fromMicros(micros(now))
	v := s.seal(secret, secretOf(w.ID))
	to, err := url.Parse(w.URL)
	if err != nil {
		return Webhook{}, fmt.Errorf("url: %w", ErrInvalid)
	}
	err = s.write(ctx, func(tx queries) error {
		if err := once(ctx, tx, "the webhook "+w.ID, now); err != nil {
			return err
		}
		var have int
		if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM webhooks WHERE created_by = ?", who.User).Scan(&have); err != nil {
			return err
		}
		if have >= MaxWebhooks {
			return fmt.Errorf("you have %d webhooks, as many as may be; delete one first: %w", have, ErrNotNow)
		}
		if _, err := tx.ExecContext(ctx, "INSERT INTO webhooks (id, created, created_by, name, url, events, secret, secret_key) VALUES (?,?,?,?,?,?,?,?)",
			w.ID, micros(now), who.User, w.Name, w.URL, ","+strings.Join(w.Events, ",")+",", v.value, v.key); err != nil {
			return err
		}
		// The host only: the rest of an address may be a secret of whoever listens there.
		return tx.log(ctx, Entry{Action: audit.Grant, Kind: kindWebhook, ID: w.ID, Detail: map[string]any{"host": to.Host, "events": w.Events}})
	})
	if err != nil {
		return Webhook{}, fmt.Errorf("make a webhook: %w", err)
	}
	return w, nil
}

// Webhooks are those of who asks, oldest first: up to MaxWebhooks.
func (s *Store) Webhooks(ctx context.Context) ([]Webhook, error) {
	if _, err := holder(ctx); err != nil {
		return nil, err
	}
	who, _ := Asking(ctx)
	rows, err := s.r.QueryContext(ctx, "SELECT id, created, name, url, events, disabled, why FROM webhooks WHERE created_by = ? ORDER BY seq LIMIT ?", who.User, MaxWebhooks)
	if err != nil {
		return nil, fmt.Errorf("read webhooks: %w", err)
	}
	defer rows.Close()
	out := []Webhook{}
	for rows.Next() {
		var w Webhook
		var created int64
		var disabled *int64
		var events string
		if err := rows.Scan(&w.ID, &created, &w.Name, &w.URL, &events, &disabled, &w.Why); err != nil {
			return nil, fmt.Errorf("read webhooks: %w", err)
		}
		w.Created, w.Disabled, w.Events = fromMicros(created), timeOf(disabled), strings.Split(strings.Trim(events, ","), ",")
		out = append(out, w)
	}
	return out, rows.Err()
}

// DeleteWebhook takes away a webhook of who asks, with all that was or is to be delivered to it; ErrNotFound.
func (s *Store) DeleteWebhook(ctx context.Context, id string) error {
	if _, err := holder(ctx); err != nil {
		return err
	}
	who, _ := Asking(ctx)
	err := s.write(ctx, func(tx queries) error {
		if _, err := tx.ExecContext(ctx, "DELETE FROM webhook_deliveries WHERE webhook_id IN (SELECT id FROM webhooks WHERE id = ? AND created_by = ?)", id, who.User); err != nil {
			return err
		}
		if err := one(tx.ExecContext(ctx, "DELETE FROM webhooks WHERE id = ? AND created_by = ?", id, who.User)); err != nil {
			return err
		}
		return tx.log(ctx, Entry{Action: audit.Revoke, Kind: kindWebhook, ID: id})
	})
	if err != nil {
		return fmt.Errorf("webhook %s: %w", id, err)
	}
	return nil
}

// listener is a webhook with on whose behalf it is told.
type listener struct {
	webhook string
	who     Principal
}

// tell puts an alert into what is to be delivered, with the jobs that do it, to each webhook of an account that may hand it on.
func (s *Store) tell(ctx context.Context, tx queries, alert string, now time.Time) error {
	all, err := listeners(ctx, tx, EventAlert)
	if err != nil {
		return err
	}
	for _, l := range all {
		cond, args, err := alertLeaves(As(ctx, l.who))
		if err != nil {
			return err
		}
		var may bool
		err = tx.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM alerts a JOIN scans s ON s.id = a.scan_id WHERE a.id = ? AND "+cond+")", append([]any{alert}, args...)...).Scan(&may)
		if err != nil {
			return err
		}
		if !may {
			continue
		}
		id := uuid.NewString()
		if _, err := tx.ExecContext(ctx, "INSERT INTO webhook_deliveries (id, webhook_id, event, subject, created, state) VALUES (?,?,?,?,?,?)",
			id, l.webhook, EventAlert, alert, micros(now), DeliveryWaiting); err != nil {
			return err
		}
		if err := s.insertJob(ctx, tx, WebhookJob{Delivery: id}, WebhookQueue); err != nil {
			return err
		}
	}
	return nil
}

// alertLeaves is the condition that whoever asks may hand the alert a, about the scan s, to a program outside.
func alertLeaves(ctx context.Context) (cond string, args []any, err error) {
	alert, args, err := exportable(ctx, "a")
	if err != nil {
		return "", nil, err
	}
	scan, more, err := exportable(ctx, "s")
	return alert + " AND " + scan, append(args, more...), err
}

// listeners are the webhooks that are told of a kind of event, of accounts that open something.
func listeners(ctx context.Context, tx queries, event string) (out []listener, err error) {
	rows, err := tx.QueryContext(ctx, `SELECT w.id, u.name, u.role, u.agency, u.clearance FROM webhooks w JOIN users u ON u.name = w.created_by
		WHERE w.disabled IS NULL AND u.locked IS NULL AND w.events LIKE ? ORDER BY w.seq`, "%,"+event+",%")
	if err != nil {
		return nil, fmt.Errorf("read webhooks: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var l listener
		var clearance int
		if err := rows.Scan(&l.webhook, &l.who.User, &l.who.Role, &l.who.Agency, &clearance); err != nil {
			return nil, fmt.Errorf("read webhooks: %w", err)
		}
		l.who.Clearance = tlp.OfRank(clearance)
		out = append(out, l)
	}
	return out, rows.Err()
}
