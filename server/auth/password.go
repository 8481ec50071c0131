package auth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
)

// Password length in characters. The upper bound keeps hashing time bounded.
const (
	MinPassword = 12
	MaxPassword = 256
)

// argon2id parameters (RFC 9106; memory and passes after OWASP's recommended minimum, doubled memory).
const (
	argonMemoryKiB = 38 * 1024
	argonPasses    = 2
	argonLanes     = 1
	argonSalt      = 16
	argonKey       = 32
)

// decoy is the hash of nothing anyone can type; checking against it costs what a real check costs.
var decoy = encode(make([]byte, argonSalt), make([]byte, argonKey))

func encode(salt, key []byte) string {
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemoryKiB, argonPasses, argonLanes, b64(salt), b64(key))
}

func (s *Service) newHash(ctx context.Context, password string) (string, error) {
	switch n := utf8.RuneCountInString(password); {
	case n < MinPassword:
		return "", fmt.Errorf("%w: it has %d characters, at least %d are needed", ErrWeakPassword, n, MinPassword)
	case n > MaxPassword:
		return "", fmt.Errorf("%w: it is longer than %d characters", ErrWeakPassword, MaxPassword)
	}
	salt := make([]byte, argonSalt)
	rand.Read(salt)
	var key []byte
	err := s.bounded(ctx, func() {
		key = argon2.IDKey([]byte(password), salt, argonPasses, argonMemoryKiB, argonLanes, argonKey)
	})
	return encode(salt, key), err
}

// verify compares in constant time. The parameters come from the stored hash, so they can be raised later.
func (s *Service) verify(ctx context.Context, phc, password string) (bool, error) {
	if utf8.RuneCountInString(password) > MaxPassword {
		return false, nil
	}
	var version int
	var memory, passes uint32
	var lanes uint8
	parts := strings.Split(phc, "$")
	if len(parts) != 6 || parts[1] != "argon2id" {
		return false, fmt.Errorf("stored password hash is not argon2id in PHC form")
	}
	if _, err := fmt.Sscanf(parts[2], "v=%d", &version); err != nil || version != argon2.Version {
		return false, fmt.Errorf("stored password hash has version %q, not %d", parts[2], argon2.Version)
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &memory, &passes, &lanes); err != nil {
		return false, fmt.Errorf("stored password hash has parameters %q: %w", parts[3], err)
	}
	salt, err := base64.RawStdEncoding.DecodeString(parts[4])
	if err != nil {
		return false, fmt.Errorf("stored password hash: salt: %w", err)
	}
	want, err := base64.RawStdEncoding.DecodeString(parts[5])
	if err != nil {
		return false, fmt.Errorf("stored password hash: key: %w", err)
	}
	var got []byte
	err = s.bounded(ctx, func() {
		got = argon2.IDKey([]byte(password), salt, passes, memory, lanes, uint32(len(want)))
	})
	return err == nil && subtle.ConstantTimeCompare(got, want) == 1, err
}

func (s *Service) bounded(ctx context.Context, f func()) error {
	select {
	case s.hashing <- struct{}{}:
		defer func() { <-s.hashing }()
		f()
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
