package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"fentrace/server"
	"fentrace/server/evidence"
	"fentrace/server/store"
	"fentrace/spectra/durable"
)

type exportCommands struct {
	Evidence exportEvidenceCommand `cmd:"" help:"Write an evidence pack of scans, for a court."`
}

type exportEvidenceCommand struct {
	Scans     []string `arg:"" name:"scan-id" help:"Ids of stored scans; the pages show the id of a scan in their address, 'fentrace scans list' lists them."`
	Out       string   `placeholder:"FILE.zip" help:"File to write; by default named after the scan, in this folder."`
	Recipient string   `placeholder:"WHO" help:"Who is given it; kept on record."`
	Reason    string   `placeholder:"WHY" help:"Why; kept on record."`
	Key       string   `placeholder:"KEYFILE" help:"With --server: public key of its log, obtained from whoever runs it; by default the one it gives."`
	dataFlags
	libraryFlags
}

func (exportEvidenceCommand) Help() string {
	return `Writes one ZIP file with everything about stored scans that a court may ask for: the bytes as they came, device, place and case, the
presumptive answer with library and algorithm versions, laboratory results, the report, and their custody: every entry of the log about
them, with proofs and a signed checkpoint. A template of a certification under FRE 902(13) and (14) is in it, to be completed by a
qualified person. 'fentrace verify' checks such a file without a server. What is SIMULATED says so in its name and inside.

That it was exported, for whom and why, is noted in the log and listed by the server. A server may run on the same folder meanwhile.

With --server the server makes the pack. What comes is checked as 'fentrace verify' does before it is written: a pack in which something
is wrong is not, and the command says what it is. --library is what the answers are computed again with.

Examples:

    fentrace export evidence 8d1f5c1e-... --data ~/fentrace-data \
        --recipient "District attorney, 2nd district" --reason "case 26-117"
    fentrace export evidence 8d1f5c1e-... --server https://fentrace.example.org --out pack.zip`
}

func (c *exportEvidenceCommand) Run(env *environment) (err error) {
	for i, text := range c.Scans {
		if c.Scans[i], err = scanID(text); err != nil {
			return err
		}
	}
	if err := c.free(); err != nil {
		return err
	}
	if env.remote != nil {
		return c.remote(env)
	}
	if c.Key != "" {
		return usagef("--key is for a server: name it with --server")
	}
	return c.local(env)
}

// free refuses, before anything is asked for and noted, a name that is taken.
func (c *exportEvidenceCommand) free() error {
	taken := func(path string) bool {
		_, err := os.Lstat(path)
		return !errors.Is(err, fs.ErrNotExist)
	}
	if c.Out != "" {
		if taken(c.Out) {
			return usagef("--out %s: it exists already and is not overwritten", c.Out)
		}
		return nil
	}
	for _, simulated := range []bool{false, true} {
		if name := c.name(simulated); taken(name) {
			return usagef("%s exists already and is not overwritten; name another file with --out", name)
		}
	}
	return nil
}

// name is what the pack is called when it is not said.
func (c *exportEvidenceCommand) name(simulated bool) string {
	if c.Out != "" {
		return c.Out
	}
	scans := make([]store.Scan, len(c.Scans))
	for i, id := range c.Scans {
		scans[i] = store.Scan{ID: id, Simulated: simulated}
	}
	return evidence.Name(scans)
}

// written says what was, and how it is checked elsewhere.
func (c *exportEvidenceCommand) written(env *environment, path, key string) error {
	_, err := fmt.Fprintf(env.stdout, "%s in %s\nThe key to check it with, to be handed over by another way (fentrace verify --key):\n%s\n",
		counted(len(c.Scans), "scan", "scans"), plain(path), key)
	return err
}

// local makes the pack from the database of this machine.
func (c *exportEvidenceCommand) local(env *environment) (err error) {
	s, err := c.server(env)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	pack, name, err := s.Evidence(store.ByProgram(env.ctx, userName()), c.Scans, store.Release{Recipient: c.Recipient, Reason: c.Reason})
	if err != nil {
		return err
	}
	if c.Out == "" {
		c.Out = name
	}
	if err := durable.WriteAs(c.Out, 0o600, durable.Bytes(pack)); err != nil {
		return fmt.Errorf("write %s: %w", c.Out, err)
	}
	return c.written(env, c.Out, s.LogKey())
}

// server is one that does not listen, on a folder that has a database.
func (c *exportEvidenceCommand) server(env *environment) (*server.Server, error) {
	dir, err := c.folder()
	if err != nil {
		return nil, err
	}
	database, err := c.address()
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(dir, store.FileName)); database == "" && errors.Is(err, fs.ErrNotExist) {
		return nil, usagef("%s holds no database; name the folder with --data", dir)
	}
	ring, err := c.ring()
	if err != nil {
		return nil, err
	}
	stack, err := c.open(env.ctx)
	if err != nil {
		return nil, err
	}
	return server.New(env.ctx, server.Config{DataDir: dir, Database: database, Keys: ring, Library: stack, Logger: logger(env.stderr), Version: programVersion().Version})
}
