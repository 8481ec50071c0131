package server

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"fentrace/server/auth"
	"fentrace/server/store"
)

// NewLoginCode makes a one-time code for user ("": DefaultUser), creating the account when there is none.
func (s *Server) NewLoginCode(ctx context.Context, user string) (string, error) {
	if user == "" {
		user = DefaultUser
	}
	return s.auth.NewCode(ctx, user)
}

// HasUser tells whether there is an account of this name.
func (s *Server) HasUser(ctx context.Context, user string) (bool, error) {
	_, err := s.store.User(ctx, user)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// SetRole gives user ("": DefaultUser) one of auth.Roles, creating the account when there is none.
func (s *Server) SetRole(ctx context.Context, user, role string) error {
	if user == "" {
		user = DefaultUser
	}
	if !slices.Contains(auth.Roles, role) {
		return fmt.Errorf("give %s the role %q: use one of %s", user, role, strings.Join(auth.Roles, ", "))
	}
	if err := store.ValidText("user", user); err != nil {
		return fmt.Errorf("give a role: %w", err)
	}
	if err := s.store.SetRole(ctx, user, role, auth.Clearance(role), s.cfg.Clock()); err != nil {
		return fmt.Errorf("give %s the role %s: %w", user, role, err)
	}
	return nil
}

// ChangePerson changes the account of a user as whoever runs the machine may.
func (s *Server) ChangePerson(ctx context.Context, user string, c store.PersonChange) error {
	return s.store.ChangePerson(ctx, user, c, s.cfg.Clock())
}

// NewToken makes an access token, called name, for user ("": DefaultUser), creating the account when there is none; scope and life
// are those of auth.Service.NewToken. The token is returned this once and not stored.
func (s *Server) NewToken(ctx context.Context, user, name, scope string, life time.Duration) (string, error) {
	if user == "" {
		user = DefaultUser
	}
	if err := s.store.EnsureUser(ctx, user, auth.RoleOperator, auth.Clearance(auth.RoleOperator), s.cfg.Clock()); err != nil {
		return "", fmt.Errorf("make access token for %s: %w", user, err)
	}
	if err := store.ValidText("name", name); err != nil {
		return "", fmt.Errorf("make access token: %w", err)
	}
	_, token, err := s.auth.NewToken(ctx, user, name, scope, life)
	return token, err
}

// LoginLink returns an address that logs user in once. The code is in the fragment, which browsers do not send
// and servers do not log.
func (s *Server) LoginLink(ctx context.Context, user string) (string, error) {
	code, err := s.NewLoginCode(ctx, user)
	if err != nil {
		return "", err
	}
	return s.URL() + "/login#code=" + url.QueryEscape(code), nil
}
