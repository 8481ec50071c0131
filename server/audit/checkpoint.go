package audit

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// MaxCheckpoint is the longest signed checkpoint, bytes.
const MaxCheckpoint = 16 << 10

// ErrCheckpoint: what is given is no checkpoint, or not signed by the key it should be.
var ErrCheckpoint = errors.New("not a checkpoint of this log")

// Checkpoint says how large the log was at a time, and which hash it had.
type Checkpoint struct {
	Origin string // name of the log, which is that of its key
	Size   int64  // leaves
	Root   tlog.Hash
}

// text is the body of a C2SP tlog-checkpoint.
func (c Checkpoint) text() string {
	return fmt.Sprintf("%s\n%d\n%s\n", c.Origin, c.Size, c.Root)
}

// NewKey makes a key that signs the checkpoints of the log origin, and its public half, each as one line of text.
func NewKey(origin string) (private, public string, err error) {
	return note.GenerateKey(rand.Reader, origin)
}

// Sign returns the signed checkpoint of a log of that size, by a key of NewKey, whose name is the origin.
func Sign(private string, size int64, root tlog.Hash) (string, error) {
	signer, err := note.NewSigner(strings.TrimSpace(private))
	if err != nil {
		return "", fmt.Errorf("the key of the log cannot be used: %w", err)
	}
	signed, err := note.Sign(&note.Note{Text: Checkpoint{signer.Name(), size, root}.text()}, signer)
	return string(signed), err
}

// Open reads a signed checkpoint and checks its signature by the public key. The error wraps ErrCheckpoint.
func Open(public, signed string) (Checkpoint, error) {
	if len(signed) > MaxCheckpoint {
		return Checkpoint{}, fmt.Errorf("%w: %d bytes, at most %d", ErrCheckpoint, len(signed), MaxCheckpoint)
	}
	verifier, err := note.NewVerifier(strings.TrimSpace(public))
	if err != nil {
		return Checkpoint{}, fmt.Errorf("%w: the public key cannot be used: %w", ErrCheckpoint, err)
	}
	n, err := note.Open([]byte(signed), note.VerifierList(verifier))
	if err != nil {
		return Checkpoint{}, fmt.Errorf("%w: %w", ErrCheckpoint, err)
	}
	c, err := parse(n.Text)
	if err == nil && c.Origin != verifier.Name() {
		err = fmt.Errorf("%w: it is of the log %q, the key is of %q", ErrCheckpoint, c.Origin, verifier.Name())
	}
	return c, err
}

// parse reads the body of a checkpoint; lines after the third are extensions, which say nothing here.
func parse(text string) (Checkpoint, error) {
	lines := strings.Split(text, "\n")
	if len(lines) < 4 || lines[0] == "" {
		return Checkpoint{}, fmt.Errorf("%w: it has too few lines", ErrCheckpoint)
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 || strconv.FormatInt(size, 10) != lines[1] {
		return Checkpoint{}, fmt.Errorf("%w: size %q", ErrCheckpoint, lines[1])
	}
	root, err := tlog.ParseHash(lines[2])
	if err != nil {
		return Checkpoint{}, fmt.Errorf("%w: hash %q", ErrCheckpoint, lines[2])
	}
	return Checkpoint{Origin: lines[0], Size: size, Root: root}, nil
}

// Origin is the name of the log that a checkpoint says it is of; nothing is checked.
func Origin(signed string) string {
	origin, _, _ := strings.Cut(signed, "\n")
	return origin[:min(len(origin), MaxCheckpoint)]
}
