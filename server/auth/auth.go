// Package auth says who is asking: one-time codes, passwords, sessions and access tokens, all stored as hashes,
// and the middleware that closes every route to everyone else.
package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	lru "github.com/hashicorp/golang-lru/v2"

	"fentrace/server/oidc"
	"fentrace/server/store"
)

// Errors of this package; test with errors.Is.
var (
	// ErrDenied is the same for a wrong code, a spent or expired one, a wrong password and an unknown user.
	ErrDenied = errors.New("log-in refused: the code or password is wrong, used or expired")
	// ErrThrottled means too many failures; nothing was checked.
	ErrThrottled = errors.New("too many failed log-ins")
	// ErrWeakPassword names the rule in the error that wraps it.
	ErrWeakPassword = errors.New("password not accepted")
)

const (
	// CodeLife is how long a printed one-time code opens the door.
	CodeLife = 15 * time.Minute
	// SessionLife is how long a browser stays logged in.
	SessionLife = 12 * time.Hour

	// touchEvery is to what precision it is known when a session was used last.
	touchEvery = time.Minute

	tokenPrefix = "ft_" // makes a leaked token easy to find by scanners
)

// Service answers who someone is. It is safe for concurrent use.
type Service struct {
	store    *store.Store
	clock    func() time.Time
	idle     time.Duration // 0: sessions that are not used stay open as long as others
	throttle *throttle
	limits   *limits
	provider *oidc.Provider // nil: there is none
	rules    ProviderRules
	touched  *lru.Cache[string, time.Time] // hashes of access tokens, since when it is known that they were used
	hashing  chan struct{}                 // bounds the memory that concurrent password checks take
	needs    map[string]Permission         // by method and route; complete before the first request
	refusals refusals
}

// New returns a Service over st; clock tells the time. Sessions that are not used for idle, to a minute, end; 0: they do not.
func New(st *store.Store, clock func() time.Time, idle time.Duration) *Service {
	return &Service{store: st, clock: clock, idle: idle, throttle: newThrottle(clock), limits: newLimits(), touched: newTouched(), hashing: make(chan struct{}, 2), needs: map[string]Permission{}, refusals: refusals{of: map[store.Refusal]*counted{}}}
}

// NewCode makes a one-time log-in code for user, creating the account, as an operator's, when there is none. It opens
// once, within CodeLife.
func (s *Service) NewCode(ctx context.Context, user string) (string, error) {
	if user == "" {
		return "", errors.New("make log-in code: no user named")
	}
	if err := store.ValidText("user", user); err != nil {
		return "", fmt.Errorf("make log-in code: %w", err)
	}
	now := s.clock()
	if err := s.store.EnsureUser(ctx, user, RoleOperator, Clearance(RoleOperator), now); err != nil {
		return "", fmt.Errorf("make log-in code for %s: %w", user, err)
	}
	secret := make([]byte, 20)
	rand.Read(secret)
	code := noPadding.EncodeToString(secret)
	if err := s.store.AddLoginCode(ctx, hash(code), user, now, now.Add(CodeLife)); err != nil {
		return "", fmt.Errorf("make log-in code for %s: %w", user, err)
	}
	return code, nil
}

// LoginCode trades a one-time code for a session secret. from is the caller's address, for the throttle.
func (s *Service) LoginCode(ctx context.Context, from, code string) (session string, err error) {
	defer s.watchLogIn(from, &err)
	if err := s.throttle.check("from " + from); err != nil {
		return "", err
	}
	user, err := s.store.TakeLoginCode(ctx, hash(strings.ToUpper(strings.TrimSpace(code))), s.clock())
	if errors.Is(err, store.ErrNotFound) {
		s.throttle.failed("from " + from)
		return "", ErrDenied
	}
	if err != nil {
		return "", fmt.Errorf("check log-in code: %w", err)
	}
	u, err := s.store.User(ctx, user)
	if err != nil {
		return "", fmt.Errorf("look up user: %w", err)
	}
	if u.Locked {
		return "", ErrDenied
	}
	return s.newSession(ctx, user)
}

// LoginPassword trades a name and password, and where there is a second factor its code or a recovery code, for a session secret.
// ErrSecondFactor: the password is right, and second was empty.
func (s *Service) LoginPassword(ctx context.Context, from, user, password, second string) (session string, err error) {
	defer s.watchLogIn(from, &err)
	keys := []string{"from " + from, account(user)}
	if err := s.throttle.check(keys...); err != nil {
		return "", err
	}
	u, err := s.store.User(ctx, user)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return "", fmt.Errorf("look up user: %w", err)
	}
	phc := u.PasswordHash
	if phc == "" {
		phc = decoy // an unknown name takes as long as a wrong password
	}
	ok, err := s.verify(ctx, phc, password)
	if err != nil {
		return "", err
	}
	if !ok || u.PasswordHash == "" || u.Locked {
		s.throttle.failed(keys...)
		return "", ErrDenied
	}
	f, err := s.store.Factor(ctx, u.Name)
	if err == nil && f.On {
		err = s.checkFactor(ctx, u.Name, f, second)
	}
	if errors.Is(err, ErrDenied) {
		s.throttle.failed(keys...)
	}
	if err != nil {
		return "", err
	}
	s.throttle.succeeded(account(user))
	return s.newSession(ctx, u.Name)
}

// watchLogIn counts a log-in that was refused.
func (s *Service) watchLogIn(from string, err *error) {
	if errors.Is(*err, ErrDenied) || errors.Is(*err, ErrThrottled) {
		s.refused(refusedLogIn, from, "", "")
	}
}

func (s *Service) newSession(ctx context.Context, user string) (string, error) {
	p, _ := store.Asking(ctx)
	p.User = user
	ctx = store.As(ctx, p)
	secret := newSecret()
	now := s.clock()
	if err := s.store.AddSession(ctx, hash(secret), user, now, now.Add(SessionLife)); err != nil {
		return "", fmt.Errorf("open session: %w", err)
	}
	return secret, nil
}

// Logout ends a session.
func (s *Service) Logout(ctx context.Context, session string) error {
	return s.store.DeleteSession(ctx, hash(session))
}

// SetPassword sets the user's password and ends all his sessions but the one given ("" ends all).
func (s *Service) SetPassword(ctx context.Context, user, password, session string) error {
	phc, err := s.newHash(ctx, password)
	if err != nil {
		return err
	}
	var keep []byte
	if session != "" {
		keep = hash(session)
	}
	return s.store.SetPassword(ctx, user, phc, keep)
}

// NewToken makes an access token for programs, for one of Scopes ("": ScopeAll), that expires after life (0: not by itself); the
// secret is returned once and not stored.
func (s *Service) NewToken(ctx context.Context, user, name, scope string, life time.Duration) (store.Token, string, error) {
	if scope == "" {
		scope = ScopeAll
	}
	if !slices.Contains(Scopes, scope) || life < 0 || life > MaxTokenLife {
		return store.Token{}, "", fmt.Errorf("make access token: %w: scope %q for %v; use one of %s, for at most %v", store.ErrInvalid, scope, life,
			strings.Join(Scopes, ", "), MaxTokenLife)
	}
	secret := tokenPrefix + newSecret()
	t := store.Token{ID: uuid.NewString(), Name: name, Scope: scope, Created: s.clock().UTC().Truncate(time.Microsecond)}
	if life > 0 {
		expires := t.Created.Add(life)
		t.Expires = &expires
	}
	if err := s.store.AddToken(ctx, t, user, hash(secret)); err != nil {
		return store.Token{}, "", fmt.Errorf("make access token: %w", err)
	}
	return t, secret, nil
}

// Now is the time.
func (s *Service) Now() time.Time { return s.clock() }

// Share stores what an agency lets another see from now on, and returns its id. Errors are those of store.AddShare.
func (s *Service) Share(ctx context.Context, sh store.Share) (id string, err error) {
	sh.ID, sh.Granted = uuid.NewString(), s.clock()
	err = s.store.AddShare(ctx, sh)
	if again := (*store.Repeated)(nil); errors.As(err, &again) {
		return again.ID, nil
	}
	return sh.ID, err
}

// newSecret returns 256 random bits as text.
func newSecret() string {
	b := make([]byte, 32)
	rand.Read(b)
	return base64.RawURLEncoding.EncodeToString(b)
}

// hash is enough for secrets of 160 random bits and more; passwords go through argon2id.
func hash(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}
