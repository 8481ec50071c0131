package auth

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"fentrace/server/oidc"
	"fentrace/server/store"
)

// ErrNoAccount: somebody has logged in at the provider whom no account here is for.
var ErrNoAccount = errors.New("the provider knows you, but there is no account here that is yours; an administrator makes one, or binds it")

// GroupRole is the role of whoever is in a group at the provider.
type GroupRole struct{ Group, Role string }

// ProviderRules say what somebody who has logged in at the provider may do here.
type ProviderRules struct {
	// Create makes accounts at the first log-in, with that role unless Groups say otherwise; "": an account must exist.
	Create string
	// Groups, when there are any, give the role at each log-in: the first that the person is in. Whoever is in none is not let in.
	Groups []GroupRole
}

// spentLife is how long a token that has opened a session is remembered, which is longer than one is valid for.
const spentLife = 25 * time.Hour

// UseProvider lets people log in with a provider. It is called before the first request.
func (s *Service) UseProvider(p *oidc.Provider, rules ProviderRules) { s.provider, s.rules = p, rules }

// Provider is the log-in provider, nil without one.
func (s *Service) Provider() *oidc.Provider { return s.provider }

// LoginProvider trades what the provider sent back for a session secret. Errors wrap ErrThrottled, ErrNoAccount, ErrDenied for a locked
// account, ErrSecondFactor where the account has a factor that the provider did not ask for, and those of oidc.
func (s *Service) LoginProvider(ctx context.Context, from, secret, state, code string) (session string, err error) {
	if err := s.throttle.check("from " + from); err != nil {
		return "", err
	}
	who, err := s.provider.Finish(ctx, secret, state, code)
	if errors.Is(err, oidc.ErrRefused) {
		s.throttle.failed("from " + from)
	}
	if err != nil {
		return "", err
	}
	now := s.clock()
	if err := s.store.SpendToken(ctx, who.Token, now, now.Add(spentLife)); err != nil {
		if errors.Is(err, store.ErrExists) {
			return "", fmt.Errorf("%w: it has opened a session before", oidc.ErrRefused)
		}
		return "", err
	}
	u, err := s.accountOf(ctx, who)
	if err != nil {
		return "", err
	}
	if u.Locked {
		return "", ErrDenied
	}
	if f, err := s.store.Factor(ctx, u.Name); err != nil || f.On && !who.Strong {
		return "", errors.Join(err, ErrSecondFactor)
	}
	return s.newSession(ctx, u.Name)
}

// accountOf is the account of somebody at the provider: that bound to the subject whatever the person is called now, else the one of
// that name, which is bound from now on.
func (s *Service) accountOf(ctx context.Context, who oidc.Identity) (store.User, error) {
	role, err := s.roleOf(who)
	if err != nil {
		return store.User{}, err
	}
	ctx = store.ByProgram(ctx, "log-in provider")
	u, err := s.store.SubjectUser(ctx, who.Issuer, who.Subject)
	if errors.Is(err, store.ErrNotFound) {
		if err = s.bind(ctx, who, role); err == nil {
			u, err = s.store.SubjectUser(ctx, who.Issuer, who.Subject)
		}
	}
	if err != nil {
		return store.User{}, err
	}
	if len(s.rules.Groups) > 0 && u.Role != role {
		clearance := Clearance(role)
		err = s.store.ChangePerson(ctx, u.Name, store.PersonChange{Role: &role, Clearance: &clearance}, s.clock())
	}
	return u, err
}

// bind has the subject open the account of its name, made before if the rules say so. The operator's is not for the provider to give.
func (s *Service) bind(ctx context.Context, who oidc.Identity, role string) error {
	if who.Name == "" || store.ValidText("user", who.Name) != nil {
		return ErrNoAccount
	}
	now := s.clock()
	known, err := s.store.User(ctx, who.Name)
	switch {
	case err == nil && known.Role == RoleOperator:
		return ErrNoAccount
	case err == nil:
	case !errors.Is(err, store.ErrNotFound):
		return err
	case s.rules.Create == "":
		return ErrNoAccount
	default:
		if err := s.store.EnsureUser(ctx, who.Name, role, Clearance(role), now); err != nil {
			return err
		}
	}
	err = s.store.BindSubject(ctx, who.Issuer, who.Subject, who.Name, true, now)
	if errors.Is(err, store.ErrExists) || errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("%w (%w)", ErrNoAccount, err)
	}
	return err
}

// roleOf is what the rules give.
func (s *Service) roleOf(who oidc.Identity) (string, error) {
	if len(s.rules.Groups) == 0 {
		return s.rules.Create, nil
	}
	for _, g := range s.rules.Groups {
		if slices.Contains(who.Groups, g.Group) {
			return g.Role, nil
		}
	}
	return "", fmt.Errorf("%w: none of your groups there has a role here", ErrNoAccount)
}

// ForgetFailures opens again what failed log-ins have closed.
func (s *Service) ForgetFailures() { s.throttle.forgetAll() }
