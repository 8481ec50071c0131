package auth

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"

	"fentrace/server/store"
)

// ErrSecondFactor: the password is right, and the code of the second factor is needed besides.
var ErrSecondFactor = errors.New("the code of your second factor is needed as well")

// ErrWrongCode: who is logged in has shown a code that is none now.
var ErrWrongCode = errors.New("this is not a code that the app shows now; is its clock right?")

const (
	factorPeriod = 30 // seconds a code is shown
	factorSkew   = 1  // codes before and after that of now that are taken, for clocks that differ
	factorSecret = 20 // bytes

	recoveryCodes = 10
	recoveryBytes = 10
)

var noPadding = base32.StdEncoding.WithPadding(base32.NoPadding)

// NewFactor proposes a second factor, which is not asked for before ConfirmFactor, and returns what an authenticator app is set up
// with. Errors wrap store.ErrExists when there is one.
func (s *Service) NewFactor(ctx context.Context, user string) (*otp.Key, error) {
	secret := make([]byte, factorSecret)
	rand.Read(secret)
	key, err := totp.Generate(totp.GenerateOpts{Issuer: "Fentrace", AccountName: user, Secret: secret, Period: factorPeriod})
	if err != nil {
		return nil, fmt.Errorf("make a second factor: %w", err)
	}
	if err := s.store.ProposeFactor(ctx, user, secret); err != nil {
		return nil, err
	}
	return key, nil
}

// ConfirmFactor has the factor asked for from now on, once a code shows that the app has it. It returns the recovery codes, which are
// shown this once. Errors wrap ErrWrongCode and store.ErrExists.
func (s *Service) ConfirmFactor(ctx context.Context, user, code string) (recovery []string, err error) {
	f, err := s.store.Factor(ctx, user)
	if err != nil {
		return nil, err
	}
	step, ok := s.step(f, code)
	if !ok {
		return nil, ErrWrongCode
	}
	var hashes [][]byte
	for range recoveryCodes {
		b := make([]byte, recoveryBytes)
		rand.Read(b)
		recovery = append(recovery, noPadding.EncodeToString(b))
		hashes = append(hashes, hash(recovery[len(recovery)-1]))
	}
	return recovery, s.store.ConfirmFactor(ctx, user, step, hashes)
}

// RemoveFactor takes the second factor off, given one of its codes, or a recovery code. Errors wrap ErrWrongCode and ErrThrottled.
func (s *Service) RemoveFactor(ctx context.Context, user, code string) error {
	f, err := s.store.Factor(ctx, user)
	if err != nil {
		return err
	}
	if f.On {
		if err := s.throttle.check(account(user)); err != nil {
			return err
		}
		if err := s.checkFactor(ctx, user, f, code); err != nil {
			if errors.Is(err, ErrDenied) || errors.Is(err, ErrSecondFactor) {
				s.throttle.failed(account(user))
				err = ErrWrongCode
			}
			return err
		}
	}
	return s.store.RemoveFactor(ctx, user)
}

// HasFactor reports whether the user is asked for a second factor.
func (s *Service) HasFactor(ctx context.Context, user string) (bool, error) {
	f, err := s.store.Factor(ctx, user)
	return f.On, err
}

// checkFactor uses up a code of the factor, or a recovery code. Errors wrap ErrSecondFactor without any, and ErrDenied.
func (s *Service) checkFactor(ctx context.Context, user string, f store.Factor, code string) error {
	code = strings.ToUpper(strings.Join(strings.Fields(code), ""))
	if code == "" {
		return ErrSecondFactor
	}
	err := error(store.ErrNotFound)
	if step, ok := s.step(f, code); ok {
		err = s.store.UseFactor(ctx, user, step)
	} else if len(code) > otp.DigitsSix.Length() {
		err = s.store.UseRecovery(ctx, user, hash(code))
	}
	if errors.Is(err, store.ErrNotFound) {
		return ErrDenied
	}
	return err
}

// step is that of the time whose code is given.
func (s *Service) step(f store.Factor, code string) (step int64, ok bool) {
	if f.Secret == nil {
		return 0, false
	}
	secret, now := noPadding.EncodeToString(f.Secret), s.clock()
	options := totp.ValidateOpts{Period: factorPeriod, Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1}
	for skew := -factorSkew; skew <= factorSkew; skew++ {
		at := now.Add(time.Duration(skew*factorPeriod) * time.Second)
		if ok, err := totp.ValidateCustom(strings.Join(strings.Fields(code), ""), secret, at, options); ok && err == nil {
			return at.Unix() / factorPeriod, true
		}
	}
	return 0, false
}
