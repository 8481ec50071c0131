package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"fentrace/library/identify"
	"fentrace/server/auth"
	"fentrace/server/store"
	"fentrace/server/webhook"
)

// NewWebhook makes a webhook of who asks; secret is what its deliveries are signed with. Errors: store.ErrInvalid, store.ErrNotNow, those
// of store.Once.
func (s *Server) NewWebhook(ctx context.Context, w store.Webhook) (made store.Webhook, secret string, err error) {
	if err := store.ValidText("name", w.Name); err != nil {
		return store.Webhook{}, "", err
	}
	if err := s.cfg.WebhookAllow.CheckURL(w.URL); err != nil {
		return store.Webhook{}, "", fmt.Errorf("url: %w: %w", store.ErrInvalid, err)
	}
	key := webhook.NewSecret()
	if made, err = s.store.NewWebhook(ctx, w, key, s.cfg.Clock()); err != nil {
		return store.Webhook{}, "", err
	}
	return made, webhook.FormatSecret(key), nil
}

// webhookJob makes a delivery of what the account of the webhook may hand out now.
func (s *Server) webhookJob(ctx context.Context, j store.WebhookJob, last bool) error {
	t, err := s.store.DeliveryToMake(ctx, j.Delivery, j.Run)
	if err == nil {
		err = s.deliver(ctx, t)
	}
	var dropped errDropped
	switch {
	case err == nil:
		return s.store.EndDelivery(context.WithoutCancel(ctx), j.Delivery, j.Run, store.DeliveryDone, "")
	case errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrNotNow): // it was taken away, made, or asked for again
		return nil
	case errors.As(err, &dropped):
		return s.store.EndDelivery(ctx, j.Delivery, j.Run, store.DeliveryDropped, err.Error())
	case errors.Is(err, webhook.ErrGone):
		return s.store.WebhookGone(context.WithoutCancel(ctx), t, err.Error(), s.cfg.Clock())
	case store.Outage(err), s.background.Err() != nil: // it says nothing about the receiver
		return err
	}
	noting := context.WithoutCancel(ctx)
	if last {
		return errors.Join(err, s.store.EndDelivery(noting, j.Delivery, j.Run, store.DeliveryFailed, firstLine(err.Error())))
	}
	return errors.Join(err, s.store.NotDelivered(noting, t, firstLine(err.Error())))
}

// webhookGivenUp notes why a delivery is not made.
func (s *Server) webhookGivenUp(ctx context.Context, j store.WebhookJob, why string) error {
	return s.store.EndDelivery(ctx, j.Delivery, j.Run, store.DeliveryFailed, why)
}

// errDropped says why a delivery is not made, now or later.
type errDropped string

func (e errDropped) Error() string { return string(e) }

// deliver makes one attempt. Errors: errDropped, webhook.ErrGone, those of store.BeginDelivery, and what is temporary.
func (s *Server) deliver(ctx context.Context, t store.DeliveryTask) error {
	if t.Disabled {
		return errDropped("the webhook is disabled")
	}
	who, err := s.store.User(ctx, t.CreatedBy)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if err != nil || who.Locked || !auth.May(who.Role, auth.Export) {
		return errDropped("the account that made the webhook may not hand out records any more")
	}
	a, err := s.store.AlertToLeave(store.As(ctx, auth.Principal(who, "")), t.Subject)
	if errors.Is(err, store.ErrNotFound) {
		return errDropped("the account that made the webhook may not hand out what this tells of any more")
	}
	if err != nil {
		return err
	}
	body, err := json.Marshal(messageOf(t, a))
	if err != nil {
		return err
	}
	now := s.cfg.Clock()
	if err := s.store.BeginDelivery(ctx, t, a.ScanID, now); err != nil {
		return err
	}
	return s.hooks.Send(ctx, webhook.Message{URL: t.URL, ID: t.ID, Key: t.Secret, Body: body}, now)
}

// message is the body of a delivery.
type message struct {
	Type      string       `json:"type"`
	Timestamp time.Time    `json:"timestamp"` // of the event
	Data      alertMessage `json:"data"`
}

type alertMessage struct {
	store.Alert
	Note string `json:"note"`
}

// messageOf is an alert as it is handed out: who of the agency has read it is nobody else's business.
func messageOf(t store.DeliveryTask, a store.Alert) message {
	a.ReadBy, a.Read = "", nil
	note := identify.Presumptive
	if a.Simulated {
		note = "SIMULATED. " + note
	}
	return message{t.Event, t.Created, alertMessage{a, note}}
}
