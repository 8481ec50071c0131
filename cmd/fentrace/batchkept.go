package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"fentrace/server/client/rest"
	"fentrace/server/store"
)

// maxKept bounds the file that tells of a batch, bytes.
const maxKept = 1 << 20

// keptBatch is the batch that was begun for a table, kept in a file beside it until that is written.
type keptBatch struct {
	Server string   `json:"server"`
	Batch  string   `json:"batch"`
	Paths  []string `json:"paths"`
	path   string
}

// keptBatch goes on with what an earlier run has begun for the same table, or begins a batch.
func (c *batchCommand) keptBatch(env *environment) (keptBatch, error) {
	k := keptBatch{Server: env.remote.Address(), path: c.Out + ".batch"}
	for _, p := range c.Paths {
		full, err := filepath.Abs(p)
		if err != nil {
			return k, err
		}
		k.Paths = append(k.Paths, full)
	}
	switch before, err := readKept(k.path); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return k, err
	case before.Server != k.Server || strings.Join(before.Paths, "\n") != strings.Join(k.Paths, "\n"):
		return k, usagef("%s tells of a batch at %s of %s that is not done: finish that first, choose another name with --out, or remove the file to let it be",
			k.path, plain(before.Server), plain(strings.Join(before.Paths, ", ")))
	default:
		k.Batch = before.Batch
		fmt.Fprintf(env.stderr, "going on with the batch that %s tells of\n", plain(k.path))
		return k, nil
	}
	name, _ := cut(plain(filepath.Base(k.Paths[0])), store.MaxText/2) // in columns, of which a character has at most two
	if more := len(k.Paths) - 1; more > 0 {
		name = fmt.Sprintf("%s and %d more", name, more)
	}
	begun, err := env.remote.CreateBatch(env.ctx, nil, rest.CreateBatchRequest{Name: name})
	if err != nil {
		return k, err
	}
	k.Batch = begun.ID
	return k, k.keep()
}

func readKept(path string) (k keptBatch, err error) {
	f, err := os.Open(path)
	if err != nil {
		return k, err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxKept))
	if err == nil {
		err = json.Unmarshal(raw, &k)
	}
	if err == nil && k.Batch == "" {
		err = errors.New("it names no batch")
	}
	if err != nil {
		return k, usagef("read %s, which tells of a batch that is not done: %w; remove it to begin a new one", path, err)
	}
	return k, nil
}

func (k keptBatch) keep() error {
	return writeWhole(k.path, false, func(w io.Writer) error { return printJSON(w, k, true) })
}

func (k keptBatch) forget() error {
	if err := os.Remove(k.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the table is written; remove %s by hand: %w", k.path, pathCause(err))
	}
	return nil
}
