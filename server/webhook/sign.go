// Package webhook delivers messages to programs of others, signed as Standard Webhooks says, and to public addresses only.
package webhook

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
	"time"
)

const (
	secretMark = "whsec_"
	// secretBytes is how long a new secret is; the specification asks for 24 to 64.
	secretBytes          = 32
	minSecret, maxSecret = 24, 64
)

// errSecret says nothing of what was given: that may be the secret of somebody.
var errSecret = errors.New("a signing secret is whsec_ and 24 to 64 bytes in base64")

// NewSecret is a new key to sign with.
func NewSecret() []byte {
	key := make([]byte, secretBytes)
	_, _ = rand.Read(key) // never fails
	return key
}

// FormatSecret is a key as people hand it on.
func FormatSecret(key []byte) string { return secretMark + base64.StdEncoding.EncodeToString(key) }

// ParseSecret reads what FormatSecret writes.
func ParseSecret(text string) ([]byte, error) {
	encoded, ok := strings.CutPrefix(text, secretMark)
	key, err := base64.StdEncoding.DecodeString(encoded)
	if !ok || err != nil || len(key) < minSecret || len(key) > maxSecret {
		return nil, errSecret
	}
	return key, nil
}

// Signature is the value of the header webhook-signature for a message that is sent at a time, to the second.
func Signature(key []byte, id string, at time.Time, body []byte) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + strconv.FormatInt(at.Unix(), 10) + "."))
	mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
