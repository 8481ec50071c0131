package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"fentrace/server/auth"
	"fentrace/server/observe"
	"fentrace/server/store"
	"fentrace/server/tlp"
)

// loginInput notes where the request comes from besides what it says.
type loginInput struct {
	Body struct {
		Code     string `json:"code,omitempty" maxLength:"200" doc:"one-time code"`
		User     string `json:"user,omitempty" maxLength:"200"`
		Password string `json:"password,omitempty" maxLength:"1024"`
		Second   string `json:"second,omitempty" maxLength:"100" doc:"code of the second factor, or a recovery code, for users who have one"`
	}
	from string
	tls  bool
}

// Resolve implements huma.Resolver.
func (in *loginInput) Resolve(ctx huma.Context) []error {
	in.tls = ctx.TLS() != nil
	in.from = auth.Host(ctx.RemoteAddr())
	return nil
}

type cookieOutput struct {
	SetCookie http.Cookie `header:"Set-Cookie"`
}

type meOutput struct {
	Body struct {
		User      string    `json:"user"`
		Role      string    `json:"role"`
		Agency    string    `json:"agency"`
		Clearance tlp.Level `json:"clearance" enum:"clear,green,amber,amber+strict,red" doc:"the strictest marking you may see in your agency"`
		// Permissions are those of the role.
		Permissions []auth.Permission `json:"permissions"`
		// SecondFactor: it is asked for when the user logs in with a password.
		SecondFactor bool `json:"second_factor"`
	}
}

// TokenInfo is an access token as its owner sees it again.
type TokenInfo struct {
	ID      string     `json:"id"`
	Name    string     `json:"name"`
	Scope   string     `json:"scope" enum:"all,read,upload" doc:"what it may be used for, besides what the role of its user allows"`
	Created time.Time  `json:"created"`
	Expires *time.Time `json:"expires" doc:"null: not by itself"`
	Used    *time.Time `json:"used" doc:"when it was used last, to a minute; null: never"`
	From    string     `json:"used_from" doc:"the address it was used from then"`
}

func (a *API) registerLogin() {
	register(a, huma.Operation{OperationID: "login", Extensions: needs(auth.Open), Method: http.MethodPost, Path: "/v1/login", DefaultStatus: http.StatusNoContent,
		Summary: "Log in with a one-time code, or with name and password", Security: []map[string][]string{},
		Errors: []int{http.StatusTooManyRequests}}, a.login)
	register(a, huma.Operation{OperationID: "logout", Extensions: needs(auth.Account), Method: http.MethodPost, Path: "/v1/logout", DefaultStatus: http.StatusNoContent,
		Summary: "End this session"}, a.logout)
	register(a, huma.Operation{OperationID: "me", Extensions: needs(auth.Account), Method: http.MethodGet, Path: "/v1/me", Summary: "Who is asking"},
		func(ctx context.Context, _ *struct{}) (*meOutput, error) {
			c, err := caller(ctx)
			if err != nil {
				return nil, err
			}
			out := &meOutput{}
			out.Body.User, out.Body.Role, out.Body.Agency, out.Body.Clearance = c.User, c.Role, c.Agency, c.Clearance
			out.Body.Permissions = auth.Permissions[c.Role]
			out.Body.SecondFactor, err = a.auth.HasFactor(ctx, c.User)
			return out, err
		})
	register(a, huma.Operation{OperationID: "set-password", Extensions: needs(auth.Account), Method: http.MethodPut, Path: "/v1/me/password",
		DefaultStatus: http.StatusNoContent, Summary: "Set the password; ends all other sessions"}, a.setPassword)
	a.registerTokens()
	a.registerFactor()
}

func (a *API) login(ctx context.Context, in *loginInput) (*cookieOutput, error) {
	var session string
	var err error
	ctx = store.As(ctx, store.Principal{Request: observe.RequestID(ctx), Address: in.from})
	switch b := in.Body; {
	case b.Code != "" && b.User == "" && b.Password == "":
		session, err = a.auth.LoginCode(ctx, in.from, b.Code)
	case b.Code == "" && b.User != "" && b.Password != "":
		session, err = a.auth.LoginPassword(ctx, in.from, b.User, b.Password, b.Second)
	default:
		err = huma.Error422UnprocessableEntity("send either code, or user and password")
	}
	if err != nil {
		return nil, err
	}
	return &cookieOutput{SetCookie: *auth.Cookie(session, in.tls)}, nil
}

func (a *API) logout(ctx context.Context, _ *struct{}) (*cookieOutput, error) {
	c, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	if c.Session != "" {
		if err := a.auth.Logout(ctx, c.Session); err != nil {
			return nil, err
		}
	}
	return &cookieOutput{SetCookie: *auth.Cookie("", false)}, nil
}

func (a *API) setPassword(ctx context.Context, in *struct {
	Body struct {
		Password string `json:"password" maxLength:"1024" doc:"at least 12 characters"`
	}
}) (*struct{}, error) {
	c, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	return nil, a.auth.SetPassword(ctx, c.User, in.Body.Password, c.Session)
}

func (a *API) registerTokens() {
	type created struct {
		Body struct {
			TokenInfo
			Token string `json:"token" doc:"shown this once"`
		}
	}
	register(a, huma.Operation{OperationID: "create-token", Extensions: needs(auth.Account), Method: http.MethodPost, Path: "/v1/tokens", DefaultStatus: http.StatusCreated,
		Summary: "Make an access token for a program", Description: secretOnce, Errors: []int{http.StatusConflict}},
		func(ctx context.Context, in *struct {
			KeyHeader
			Body struct {
				Name  string `json:"name" minLength:"1" maxLength:"100"`
				Scope string `json:"scope,omitempty" enum:"all,read,upload" default:"all" doc:"read: ask for anything, change nothing; upload: send scans only"`
				Days  int    `json:"days,omitempty" minimum:"1" maximum:"3650" doc:"after which it expires; without it does not by itself"`
			}
		}) (*created, error) {
			c, err := caller(ctx)
			if err != nil {
				return nil, err
			}
			if err := store.ValidText("name", in.Body.Name); err != nil {
				return nil, err
			}
			t, secret, err := a.auth.NewToken(ctx, c.User, in.Body.Name, in.Body.Scope, time.Duration(in.Body.Days)*24*time.Hour)
			out := &created{}
			out.Body.TokenInfo, out.Body.Token = TokenInfo(t), secret
			return out, err
		})
	type list struct {
		Body struct {
			Tokens []TokenInfo `json:"tokens" maxItems:"50" doc:"oldest first; nobody holds more than 50"`
		}
	}
	register(a, huma.Operation{OperationID: "list-tokens", Extensions: needs(auth.Account), Method: http.MethodGet, Path: "/v1/tokens", Summary: "Own access tokens"},
		func(ctx context.Context, _ *struct{}) (*list, error) {
			c, err := caller(ctx)
			if err != nil {
				return nil, err
			}
			ts, err := a.store.Tokens(ctx, c.User)
			out := &list{}
			out.Body.Tokens = []TokenInfo{}
			for _, t := range ts {
				out.Body.Tokens = append(out.Body.Tokens, TokenInfo(t))
			}
			return out, err
		})
	register(a, huma.Operation{OperationID: "delete-token", Extensions: needs(auth.Account), Method: http.MethodDelete, Path: "/v1/tokens/{id}",
		DefaultStatus: http.StatusNoContent, Summary: "Revoke an access token", Errors: []int{http.StatusNotFound}},
		func(ctx context.Context, in *struct {
			ID string `path:"id" format:"uuid"`
		}) (*struct{}, error) {
			c, err := caller(ctx)
			if err != nil {
				return nil, err
			}
			return nil, a.store.DeleteToken(ctx, c.User, in.ID)
		})
}

// caller is who the middleware let in; an operation without one is refused, should it ever be reached.
func caller(ctx context.Context) (auth.Caller, error) {
	c, ok := auth.From(ctx)
	if !ok {
		return auth.Caller{}, huma.Error401Unauthorized("log in first")
	}
	return c, nil
}
