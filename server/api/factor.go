package api

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"image/png"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"fentrace/server/auth"
)

// qrSize of the code that authenticator apps read, pixels.
const qrSize = 240

// secondFactorType is the type of the problem that tells that the second factor is needed.
const secondFactorType = "urn:fentrace:second-factor"

func (a *API) registerFactor() {
	const path = "/v1/me/second-factor"
	type setup struct {
		Body struct {
			Secret string `json:"secret" doc:"to be typed into an authenticator app"`
			URI    string `json:"uri" doc:"otpauth:// address of the same"`
			QR     string `json:"qr" doc:"picture of it for the app, as a data: address"`
		}
	}
	register(a, huma.Operation{OperationID: "new-second-factor", Extensions: needs(auth.Account), Method: http.MethodPost, Path: path, DefaultStatus: http.StatusCreated,
		Summary: "Propose a second factor; it is asked for once it is confirmed", Errors: []int{http.StatusForbidden, http.StatusConflict}},
		func(ctx context.Context, _ *struct{}) (*setup, error) {
			c, err := inBrowser(ctx)
			if err != nil {
				return nil, err
			}
			key, err := a.auth.NewFactor(ctx, c.User)
			if err != nil {
				return nil, err
			}
			picture, err := key.Image(qrSize, qrSize)
			if err != nil {
				return nil, fmt.Errorf("draw the second factor: %w", err)
			}
			var b bytes.Buffer
			if err := png.Encode(&b, picture); err != nil {
				return nil, fmt.Errorf("draw the second factor: %w", err)
			}
			out := &setup{}
			out.Body.Secret, out.Body.URI = key.Secret(), key.URL()
			out.Body.QR = "data:image/png;base64," + base64.StdEncoding.EncodeToString(b.Bytes())
			return out, nil
		})
	type code struct {
		Body struct {
			Code string `json:"code" minLength:"6" maxLength:"100"`
		}
	}
	type confirmed struct {
		Body struct {
			RecoveryCodes []string `json:"recovery_codes" doc:"each opens once in place of a code of the app; shown this once"`
		}
	}
	register(a, huma.Operation{OperationID: "confirm-second-factor", Extensions: needs(auth.Account), Method: http.MethodPut, Path: path, Summary: "Show by a code that the app has it; it is asked for from then on",
		Errors: []int{http.StatusForbidden, http.StatusConflict}},
		func(ctx context.Context, in *code) (*confirmed, error) {
			c, err := inBrowser(ctx)
			if err != nil {
				return nil, err
			}
			out := &confirmed{}
			out.Body.RecoveryCodes, err = a.auth.ConfirmFactor(ctx, c.User, in.Body.Code)
			return out, err
		})
	register(a, huma.Operation{OperationID: "remove-second-factor", Extensions: needs(auth.Account), Method: http.MethodPost, Path: path + "/remove", DefaultStatus: http.StatusNoContent,
		Summary: "Take the second factor off, by one of its codes or a recovery code", Errors: []int{http.StatusForbidden, http.StatusTooManyRequests}},
		func(ctx context.Context, in *code) (*struct{}, error) {
			c, err := inBrowser(ctx)
			if err != nil {
				return nil, err
			}
			return nil, a.auth.RemoveFactor(ctx, c.User, in.Body.Code)
		})
}

// inBrowser is who asks, if that is a person who has logged in: a stolen access token must not change how its user does.
func inBrowser(ctx context.Context) (auth.Caller, error) {
	c, err := caller(ctx)
	if err == nil && c.Session == "" {
		err = huma.Error403Forbidden("log in with a browser for this; an access token is not enough")
	}
	return c, err
}
