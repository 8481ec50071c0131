// Package audit is the log of what was done: leaves of a Merkle tree (RFC 6962, RFC 9162), so that nobody can change or take out one
// without its being found, proofs that a leaf is in it and that it only grew, and signed checkpoints (C2SP tlog-checkpoint). It is
// pure: package store keeps the leaves and the hashes of the tree.
package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Actions are the kinds of processing that are logged, as article 25 of Directive (EU) 2016/680 lists them, and what concerns accounts.
const (
	Collect  = "collect"
	Alter    = "alter"
	Consult  = "consult"
	Disclose = "disclose"
	Combine  = "combine"
	Erase    = "erase"
	LogIn    = "log-in"
	Grant    = "grant"
	Revoke   = "revoke"
	Refuse   = "refuse"
)

// MaxLeaf is the longest encoded leaf, bytes.
const MaxLeaf = 64 << 10

// ErrLeaf: the bytes are not a leaf as it is encoded here.
var ErrLeaf = errors.New("not a leaf of the log")

// Leaf is one action. Detail names contents by their SHA-256; case data themselves do not belong in it, and secrets never.
type Leaf struct {
	Seq     int64           `json:"seq"`  // 0 for the first
	Time    time.Time       `json:"time"` // by the clock of the machine: the order is that of Seq
	Actor   string          `json:"actor"`
	Role    string          `json:"role,omitempty"`
	Agency  string          `json:"agency,omitempty"`
	Request string          `json:"request,omitempty"`
	Action  string          `json:"action"`
	Kind    string          `json:"kind"` // of the record
	ID      string          `json:"id"`   // of the record
	Detail  json.RawMessage `json:"detail,omitempty"`
}

// Encode is the leaf as its hash is taken of it: JSON with the members in the order of the type, without spaces, those of Detail sorted.
func (l Leaf) Encode() ([]byte, error) {
	l.Time = l.Time.UTC().Truncate(time.Microsecond)
	if len(l.Detail) > 0 {
		var detail any
		dec := json.NewDecoder(bytes.NewReader(l.Detail))
		dec.UseNumber()
		if err := dec.Decode(&detail); err != nil {
			return nil, fmt.Errorf("detail of %s %s %s: %w", l.Action, l.Kind, l.ID, err)
		}
		sorted, err := json.Marshal(detail)
		if err != nil {
			return nil, err
		}
		l.Detail = sorted
	}
	raw, err := json.Marshal(l)
	if err == nil && len(raw) > MaxLeaf {
		err = fmt.Errorf("%w: %d bytes, at most %d", ErrLeaf, len(raw), MaxLeaf)
	}
	return raw, err
}

// Decode reads what Encode has made, and nothing else. The error wraps ErrLeaf.
func Decode(raw []byte) (Leaf, error) {
	if len(raw) > MaxLeaf {
		return Leaf{}, fmt.Errorf("%w: %d bytes, at most %d", ErrLeaf, len(raw), MaxLeaf)
	}
	var l Leaf
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&l); err != nil {
		return Leaf{}, fmt.Errorf("%w: %w", ErrLeaf, err)
	}
	again, err := l.Encode()
	if err != nil {
		return Leaf{}, fmt.Errorf("%w: %w", ErrLeaf, err)
	}
	if !bytes.Equal(again, raw) {
		return Leaf{}, fmt.Errorf("%w: it is not written as leaves are", ErrLeaf)
	}
	return l, nil
}
