package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"fentrace/server/audit"
	"fentrace/server/store"
	"fentrace/spectra/durable"
)

// VerifiedFile is the name, inside a data folder, of the file that says when everything was verified last, and with what result. Deleting
// it loses nothing else.
const VerifiedFile = "log.verified"

// Verified is a verification that has ended.
type Verified struct {
	At time.Time `json:"at"`
	store.Verification
}

// NoteVerified writes down that what belongs to a data folder was verified.
func NoteVerified(dir string, v Verified) error {
	raw, err := json.Marshal(v)
	if err == nil {
		err = durable.WriteAs(filepath.Join(dir, VerifiedFile), 0o600, durable.Bytes(append(raw, '\n')))
	}
	if err != nil {
		return fmt.Errorf("note that everything was verified: %w", err)
	}
	return nil
}

// LastVerified is the verification noted last in a data folder; ok is false when there was none.
func LastVerified(dir string) (v Verified, ok bool, err error) {
	raw, err := os.ReadFile(filepath.Join(dir, VerifiedFile))
	if errors.Is(err, fs.ErrNotExist) {
		return v, false, nil
	}
	if err == nil {
		err = json.Unmarshal(raw, &v)
	}
	return v, err == nil, err
}

// KnownLogKey is the public key that a data folder has for the checkpoints that are signed there, by origin; none when there is no key yet.
func KnownLogKey(dir string) (map[string]string, error) {
	if _, err := os.Stat(filepath.Join(dir, LogKeyFile)); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	k, err := openLogKey(dir)
	if err != nil {
		return nil, err
	}
	return map[string]string{k.origin: k.public}, nil
}

// ReadWitness reads a checkpoint that was kept in a file.
func ReadWitness(path string) (store.Witness, error) {
	info, err := os.Stat(path)
	if err != nil {
		return store.Witness{}, err
	}
	if info.Size() > audit.MaxCheckpoint {
		return store.Witness{}, fmt.Errorf("%s: a checkpoint has at most %d bytes, this has %d", path, audit.MaxCheckpoint, info.Size())
	}
	raw, err := os.ReadFile(path)
	return store.Witness{Name: filepath.Base(path), Checkpoint: strings.ReplaceAll(string(raw), "\r\n", "\n")}, err
}
