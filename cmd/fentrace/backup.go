package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"fentrace/server/backup"
)

type backupCommand struct {
	To string `required:"" placeholder:"FILE" help:"The file to write, such as fentrace-2026-11-26.tar.zst."`
	dataFlags
}

func (backupCommand) Help() string {
	return `Copies the database and what the server has learnt into one file, while the server runs. Put it on another machine:
the copy holds everything that was stored, readable by whoever has it. What is encrypted there is so in the copy, which cannot be used
without the key: keep that too, in another place. No key is needed to back up or to restore.

Examples:

    fentrace backup --data ~/fentrace-data --to /media/usb/fentrace.tar.zst
    fentrace backup --data ~/fentrace-data --db postgres:///fentrace \
        --to /media/usb/fentrace.tar.zst  # needs pg_dump`
}

func (c *backupCommand) Run(env *environment) error {
	dir, err := c.folder()
	if err != nil {
		return err
	}
	database, err := c.address()
	if err != nil {
		return err
	}
	if _, err := os.Stat(c.To); err == nil {
		return usagef("--to %s: there is such a file already; name another", c.To)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	var m backup.Manifest
	if database != "" {
		m, err = backup.PostgresTo(env.ctx, dir, database, c.To, programVersion().Version, time.Now())
	} else {
		m, err = backup.To(env.ctx, dir, c.To, programVersion().Version, time.Now())
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(env.stdout, "%d scans backed up to %s\n", m.Scans, plain(c.To))
	return err
}

type restoreCommand struct {
	File string `arg:"" placeholder:"FILE" help:"What fentrace backup has written."`
	dataFlags
}

func (restoreCommand) Help() string {
	return `Makes a data folder from a backup. Every byte is checked before the folder appears; a folder that is not empty stays as it
is. Start the server on the new folder then: it makes the archive for looking back again by itself.

Examples:

    fentrace restore /media/usb/fentrace.tar.zst --data ~/fentrace-data
    fentrace restore /media/usb/fentrace.tar.zst --data ~/fentrace-data \
        --db postgres:///new  # an empty database; needs pg_restore`
}

func (c *restoreCommand) Run(env *environment) error {
	dir, err := c.folder()
	if err != nil {
		return err
	}
	database, err := c.address()
	if err != nil {
		return err
	}
	f, err := os.Open(c.File)
	if err != nil {
		return usagef("%w", err)
	}
	defer f.Close()
	var m backup.Manifest
	if database != "" {
		m, err = backup.PostgresRestore(env.ctx, f, dir, database)
	} else {
		m, err = backup.Restore(env.ctx, f, dir)
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(env.stdout, "%d scans restored to %s, as they were at %s\n", m.Scans, plain(dir), m.Made.Format(time.DateTime+" MST"))
	return err
}
