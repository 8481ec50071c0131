package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"fentrace/server/auth"
	"fentrace/server/store"
)

func (a *API) registerWebhooks() {
	type newWebhook struct {
		Body struct {
			store.Webhook
			Secret string `json:"secret" doc:"that deliveries are signed with; shown this once"`
		}
	}
	register(a, huma.Operation{OperationID: "create-webhook", Extensions: needs(auth.Export), Method: http.MethodPost, Path: "/v1/webhooks", DefaultStatus: http.StatusCreated,
		Summary: "Have events delivered to a program",
		Description: "Each event is a POST of JSON (type, timestamp, data), signed as Standard Webhooks says (headers webhook-id, webhook-timestamp, webhook-signature). It says what the account that made the " +
			"webhook may hand out when it is delivered, and nothing when that is nothing. Any answer of 2xx ends it, 410 disables the webhook, and with anything else it is tried again for about three days. " +
			"It may come more than once, always with the same webhook-id. The address is https and public, unless whoever runs the server allows others. To change the secret make another webhook. " + secretOnce,
		Errors: []int{http.StatusConflict, http.StatusUnprocessableEntity}},
		func(ctx context.Context, in *struct {
			KeyHeader
			Body struct {
				Name   string   `json:"name" minLength:"1" maxLength:"100"`
				URL    string   `json:"url" minLength:"1" maxLength:"2000"`
				Events []string `json:"events" minItems:"1" maxItems:"1" enum:"alert.raised"`
			}
		}) (*newWebhook, error) {
			out := &newWebhook{}
			var err error
			out.Body.Webhook, out.Body.Secret, err = a.backend.NewWebhook(ctx, store.Webhook{Name: in.Body.Name, URL: in.Body.URL, Events: in.Body.Events})
			return out, err
		})
	type webhooks struct {
		Body struct {
			Webhooks []store.Webhook `json:"webhooks" doc:"oldest first"`
		}
	}
	register(a, huma.Operation{OperationID: "webhooks", Extensions: needs(auth.Export), Method: http.MethodGet, Path: "/v1/webhooks", Summary: "Own webhooks"},
		func(ctx context.Context, _ *struct{}) (*webhooks, error) {
			out := &webhooks{}
			var err error
			out.Body.Webhooks, err = a.store.Webhooks(ctx)
			return out, err
		})
	register(a, huma.Operation{OperationID: "delete-webhook", Extensions: needs(auth.Export), Method: http.MethodDelete, Path: "/v1/webhooks/{id}", DefaultStatus: http.StatusNoContent,
		Summary: "Take away a webhook, with the list of its deliveries", Errors: []int{http.StatusNotFound}},
		func(ctx context.Context, in *ItemID) (*struct{}, error) {
			return nil, a.store.DeleteWebhook(ctx, in.ID)
		})
	type deliveries struct {
		Body struct {
			Deliveries []store.Delivery `json:"deliveries" doc:"newest first"`
			PageEnd
		}
	}
	register(a, huma.Operation{OperationID: "webhook-deliveries", Extensions: needs(auth.Export), Method: http.MethodGet, Path: "/v1/webhooks/{id}/deliveries", Summary: "What was and is to be delivered to a webhook",
		Errors: []int{http.StatusNotFound, http.StatusUnprocessableEntity}},
		func(ctx context.Context, in *struct {
			ItemID
			PageQuery
		}) (*deliveries, error) {
			out := &deliveries{}
			var err error
			out.Body.Deliveries, out.Body.NextCursor, err = a.store.Deliveries(ctx, in.ID, in.Cursor, in.Limit)
			return out, err
		})
	type delivery struct{ Body store.Delivery }
	register(a, huma.Operation{OperationID: "replay-delivery", Extensions: needs(auth.Export), Method: http.MethodPost, Path: "/v1/webhooks/{id}/deliveries/{delivery}/replay", DefaultStatus: http.StatusOK,
		Summary: "Deliver again, now, whatever became of it", Description: "With the same webhook-id. What it says is read anew.",
		Errors: []int{http.StatusNotFound, http.StatusConflict}},
		func(ctx context.Context, in *struct {
			ItemID
			Delivery string `path:"delivery" format:"uuid"`
		}) (*delivery, error) {
			d, err := a.store.Replay(ctx, in.ID, in.Delivery)
			return &delivery{d}, err
		})
}
