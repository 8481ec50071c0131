package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"fentrace/server"
	"fentrace/server/store"
)

type verifyCommand struct {
	Pack string `arg:"" optional:"" placeholder:"PACK.zip" help:"Evidence pack to check; without one the data folder is verified."`
	packFlags
	dataFlags
}

func (verifyCommand) Help() string {
	return verifyPackHelp + `

Without a pack the data folder is verified. That computes the log of what was done anew from its entries, compares it with every signed checkpoint, and compares every
stored file, spectrum, answer, laboratory result and decision with what the log says of it. What was changed, put in or
taken away is named. It may run beside the server. Exit code 1: something is wrong.

Whoever has both the database and log.key of the data folder can make up a log that fits itself. Keep checkpoints where
that person cannot reach them: the page "Log" saves one.

Examples:

    fentrace verify --data ~/fentrace-data
    fentrace verify --data ~/fentrace-data --checkpoint 2026-11-01.txt`
}

func (c *verifyCommand) Run(env *environment) error {
	switch {
	case c.Pack != "" && (c.Data != "" || c.DB != ""):
		return usagef("%s: an evidence pack is checked without a data folder; leave out --data and --db", c.Pack)
	case c.Pack != "":
		return c.verifyPack(env, c.Pack)
	case c.Key != "":
		return usagef("--key: it is for evidence packs; name one")
	}
	dir, err := c.folder()
	if err != nil {
		return err
	}
	database, err := c.address()
	if err != nil {
		return err
	}
	if database == "" {
		if _, err := os.Stat(filepath.Join(dir, store.FileName)); errors.Is(err, fs.ErrNotExist) {
			return usagef("--data %s: there is no database in it", dir)
		}
	}
	options := store.VerifyOptions{}
	for _, path := range c.Checkpoint {
		w, err := server.ReadWitness(path)
		if err != nil {
			return usagef("--checkpoint: %w", err)
		}
		options.Witnesses = append(options.Witnesses, w)
	}
	if options.Keys, err = server.KnownLogKey(dir); err != nil {
		return err
	}
	ring, err := c.ring()
	if err != nil {
		return err
	}
	s, err := store.OpenDatabase(env.ctx, dir, database, store.WithKeys(ring))
	if err != nil {
		return err
	}
	defer s.Close()
	v, err := c.verify(env, s, options)
	if err != nil {
		return fmt.Errorf("verify: %w; what was found until then is named above", err)
	}
	noted := server.NoteVerified(dir, server.Verified{At: time.Now().UTC().Truncate(time.Second), Verification: v})
	if err := c.conclude(env, v); err != nil {
		return err
	}
	if v.Faults > 0 {
		return errors.Join(noted, errIncomplete)
	}
	return noted
}

// verify tells faults as they are found.
func (c *verifyCommand) verify(env *environment, s *store.Store, options store.VerifyOptions) (store.Verification, error) {
	var said error
	var p *progress
	options.Each = func(f store.Fault) {
		if p != nil {
			p.end()
		}
		if c.JSON {
			said = errors.Join(said, printJSON(env.stdout, f, true))
			return
		}
		_, err := fmt.Fprintf(env.stdout, "%s %s: %s\n", f.Kind, plain(f.ID), plain(f.What))
		said = errors.Join(said, err)
	}
	options.Progress = func(done, total int64) {
		if p == nil {
			p = env.newProgress("verifying", "records", int(total))
		}
		p.at(int(done))
	}
	v, err := s.Verify(env.ctx, options)
	if p != nil {
		p.end()
	}
	return v, errors.Join(said, err)
}

func (c *verifyCommand) conclude(env *environment, v store.Verification) error {
	if c.JSON {
		return printJSON(env.stdout, v, true)
	}
	words := "Everything is as it was stored"
	if v.Faults > 0 {
		words = fmt.Sprintf("WRONG: %d faults, named above", v.Faults)
	}
	_, err := fmt.Fprintf(env.stdout, "%s: %d entries of the log, %d checkpoints and %d kept elsewhere, %d files, %d scans, %d other records.\nThe log's hash is %s.\n",
		words, v.Leaves, v.Checkpoints, v.Witnesses, v.Files, v.Scans, v.Records, v.Root)
	if err == nil && v.Witnesses == 0 {
		_, err = fmt.Fprintln(env.stdout, "No checkpoint kept elsewhere was given: a log that was made up as a whole, key and all, would not be noticed.")
	}
	return err
}
