// Package seal encrypts what a server stores: AES-256-GCM with keys that are kept in files.
//
// Each thing is bound to what it belongs to, so that one cannot be put in the place of another. The keys are 32 random bytes; the
// nonces are random too, so that one key must not seal more than 2^32 things: two thousand million scans. Both come from Go's own
// cryptography, which is the FIPS 140-3 module when the program runs with GODEBUG=fips140=on.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"fentrace/spectra/durable"
)

// Errors of this package; test with errors.Is.
var (
	// ErrKeyFile: a file is no key that can be used.
	ErrKeyFile = errors.New("not a usable key file")
	// ErrNoKey: what is sealed was sealed with a key that is not there.
	ErrNoKey = errors.New("the encryption key is missing")
	// ErrSealed: what is sealed was changed, or belongs to something else.
	ErrSealed = errors.New("what is stored encrypted is not as it was stored: it was changed or put in another place. Restore it from a backup")
)

const (
	keyBytes = 32
	// keyMark begins the line of a key file that holds the key.
	keyMark = "fentrace-key-1 "
	// maxKeyFile is how large a key file may be, bytes.
	maxKeyFile = 4096
)

// Key seals and opens. It is safe for concurrent use.
type Key struct {
	ID   string // of the key; says nothing about its bytes
	aead cipher.AEAD
}

// newKey makes a key of 32 bytes.
func newKey(secret []byte) (Key, error) {
	block, err := aes.NewCipher(secret)
	if err != nil {
		return Key{}, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return Key{}, err
	}
	sum := sha256.Sum256(append([]byte("fentrace key id\x00"), secret...))
	return Key{ID: hex.EncodeToString(sum[:8]), aead: aead}, nil
}

// NewFile makes a key and writes it to a new file that only its owner can read. A file that is there is not touched.
func NewFile(path string) (Key, error) {
	if _, err := os.Lstat(path); err == nil {
		return Key{}, fmt.Errorf("make key %s: %w; name a new file: whoever overwrites a key loses what it has encrypted", path, fs.ErrExist)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return Key{}, fmt.Errorf("make key: %w", err)
	}
	secret := make([]byte, keyBytes)
	rand.Read(secret) // never fails
	key, err := newKey(secret)
	if err != nil {
		return Key{}, fmt.Errorf("make key: %w", err)
	}
	text := "# Fentrace encryption key " + key.ID + ". Keep a copy elsewhere: what it encrypts cannot be read without it.\n" +
		keyMark + base64.StdEncoding.EncodeToString(secret) + "\n"
	if err := durable.WriteAs(path, 0o600, durable.Bytes([]byte(text))); err != nil {
		return Key{}, fmt.Errorf("make key: %w", err)
	}
	return key, nil
}

// ReadFile reads the key in a file; the error wraps ErrKeyFile, and never holds any of the file's text.
func ReadFile(path string) (Key, error) {
	bad := func(format string, args ...any) (Key, error) {
		return Key{}, fmt.Errorf("%w: %s: %s", ErrKeyFile, path, fmt.Sprintf(format, args...))
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return bad("there is no such file; `fentrace key new FILE` makes a key")
	}
	if err != nil {
		return bad("%v", err)
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return bad("%v", err)
	case !info.Mode().IsRegular():
		return bad("it is not a file")
	case runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0:
		return bad("others on this machine can read it (%v): chmod 600", info.Mode().Perm())
	}
	raw, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	if err != nil {
		return bad("%v", err)
	}
	if len(raw) > maxKeyFile {
		return bad("it is larger than any key")
	}
	var secret []byte
	for line := range strings.Lines(string(raw)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		text, ok := strings.CutPrefix(line, keyMark)
		if !ok || secret != nil {
			return bad("it was not made by `fentrace key new`")
		}
		if secret, err = base64.StdEncoding.DecodeString(strings.TrimSpace(text)); err != nil || len(secret) != keyBytes {
			return bad("its key is not %d bytes in base64: it was cut off or changed", keyBytes)
		}
	}
	if secret == nil {
		return bad("it holds no key; `fentrace key new FILE` makes one")
	}
	key, err := newKey(secret)
	if err != nil {
		return bad("%v", err)
	}
	return key, nil
}

// Ring is the keys a program has: the first one seals, every one opens. A nil ring seals nothing.
type Ring struct{ keys []Key }

// ReadRing reads keys from files, that which seals first; nil without any. Errors wrap ErrKeyFile.
func ReadRing(paths ...string) (*Ring, error) {
	if len(paths) == 0 {
		return nil, nil
	}
	r := &Ring{}
	for _, p := range paths {
		k, err := ReadFile(filepath.Clean(p))
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(r.keys, func(o Key) bool { return o.ID == k.ID }) {
			r.keys = append(r.keys, k)
		}
	}
	return r, nil
}

// Current is the id of the key that seals; empty when nothing is sealed.
func (r *Ring) Current() string {
	if r == nil {
		return ""
	}
	return r.keys[0].ID
}

// Has tells whether the ring opens what a key has sealed; what has no key is not sealed.
func (r *Ring) Has(id string) bool {
	return id == "" || r != nil && slices.ContainsFunc(r.keys, func(k Key) bool { return k.ID == id })
}

// Seal encrypts plain, bound to what it belongs to, and returns the id of the key. Without a key it is plain as it is, and the id
// is empty.
func (r *Ring) Seal(plain []byte, boundTo string) (sealed []byte, id string) {
	if r == nil {
		return plain, ""
	}
	k := r.keys[0]
	return k.aead.Seal(make([]byte, 0, len(plain)+k.aead.Overhead()), nil, plain, []byte(boundTo)), k.ID
}

// Open returns what was sealed with the key id. Errors wrap ErrNoKey and ErrSealed.
func (r *Ring) Open(sealed []byte, id, boundTo string) ([]byte, error) {
	if id == "" {
		return sealed, nil
	}
	if r != nil {
		for _, k := range r.keys {
			if k.ID != id {
				continue
			}
			plain, err := k.aead.Open(nil, nil, sealed, []byte(boundTo))
			if err != nil {
				return nil, fmt.Errorf("%s: %w", boundTo, ErrSealed)
			}
			return plain, nil
		}
	}
	return nil, fmt.Errorf("%s: %w: it is encrypted with the key %s; start again with its file as --encryption-key-file", boundTo, ErrNoKey, id)
}
