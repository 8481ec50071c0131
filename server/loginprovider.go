package server

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"fentrace/server/api"
	"fentrace/server/auth"
	"fentrace/server/oidc"
	"fentrace/server/store"
)

// LoginProvider lets people log in with an OpenID Connect provider beside passwords and codes. Return and Clock of the first are set by
// New.
type LoginProvider struct {
	oidc.Config
	auth.ProviderRules
}

// useProvider checks the settings; the provider is asked when somebody logs in, so that the server starts also while it is away.
func (s *Server) useProvider() error {
	p := s.cfg.LoginProvider
	if p == nil {
		return nil
	}
	for _, g := range p.Groups {
		if g.Group == "" || !slices.Contains(auth.Roles, g.Role) {
			return fmt.Errorf("log-in provider: group %q gives the role %q: use one of %s", g.Group, g.Role, strings.Join(auth.Roles, ", "))
		}
	}
	if p.Create != "" && !slices.Contains(auth.Roles, p.Create) {
		return fmt.Errorf("log-in provider: new accounts get the role %q: use one of %s", p.Create, strings.Join(auth.Roles, ", "))
	}
	c := p.Config
	c.Clock = s.cfg.Clock
	c.Return = func() string {
		if s.cfg.PublicURL != "" {
			return strings.TrimSuffix(s.cfg.PublicURL, "/") + api.ReturnPath
		}
		return s.URL() + api.ReturnPath
	}
	provider, err := oidc.New(c)
	if err != nil {
		return err
	}
	s.auth.UseProvider(provider, p.ProviderRules)
	return nil
}

// BindLogin has a subject of the log-in provider open the account of user from now on, also one with a password of its own.
func (s *Server) BindLogin(ctx context.Context, user, subject string) error {
	if s.cfg.LoginProvider == nil {
		return fmt.Errorf("bind %s: no log-in provider is set up", user)
	}
	return s.store.BindSubject(store.ByProgram(ctx, "command line"), s.cfg.LoginProvider.Issuer, subject, user, false, s.cfg.Clock())
}
