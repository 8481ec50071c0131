package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/uuid"

	"fentrace/server"
	"fentrace/server/store"
	"fentrace/spectra/durable"
)

type exportCommands struct {
	Evidence exportEvidenceCommand `cmd:"" help:"Write an evidence pack of scans, for a court."`
}

type exportEvidenceCommand struct {
	Scans     []string `arg:"" name:"scan-id" help:"Ids of stored scans; the pages show the id of a scan in their address."`
	Out       string   `placeholder:"FILE.zip" help:"File to write; by default named after the scan, in this folder."`
	Recipient string   `placeholder:"WHO" help:"Who is given it; kept on record."`
	Reason    string   `placeholder:"WHY" help:"Why; kept on record."`
	dataFlags
	libraryFlags
}

func (exportEvidenceCommand) Help() string {
	return `Writes one ZIP file with everything about stored scans that a court may ask for: the bytes as they came, device, place and case, the
presumptive answer with library and algorithm versions, laboratory results, the report, and their custody: every entry of the log about
them, with proofs and a signed checkpoint. A template of a certification under FRE 902(13) and (14) is in it, to be completed by a
qualified person. 'fentrace verify' checks such a file without a server. What is SIMULATED says so in its name and inside.

That it was exported, for whom and why, is noted in the log and listed by the server. A server may run on the same folder meanwhile.

Example:

    fentrace export evidence 8d1f5c1e-... --data ~/fentrace-data \
        --recipient "District attorney, 2nd district" --reason "case 26-117"`
}

func (c *exportEvidenceCommand) Run(env *environment) (err error) {
	for _, id := range c.Scans {
		if uuid.Validate(id) != nil {
			return usagef("%s is no id of a scan", id)
		}
	}
	if c.Out != "" {
		if _, err := os.Lstat(c.Out); !errors.Is(err, fs.ErrNotExist) {
			return usagef("--out %s: it exists already and is not overwritten", c.Out)
		}
	}
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
		if _, err := os.Lstat(c.Out); !errors.Is(err, fs.ErrNotExist) {
			return usagef("%s exists already and is not overwritten; name another file with --out", c.Out)
		}
	}
	if err := durable.WriteAs(c.Out, 0o600, durable.Bytes(pack)); err != nil {
		return fmt.Errorf("write %s: %w", c.Out, err)
	}
	_, err = fmt.Fprintf(env.stdout, "%s in %s\nThe key to check it with, to be handed over by another way (fentrace verify --key):\n%s\n",
		counted(len(c.Scans), "scan", "scans"), plain(c.Out), s.LogKey())
	return err
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
