package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"fentrace/server/seal"
	"fentrace/server/store"
)

// keyFlags name the keys of an encrypted database.
type keyFlags struct {
	EncryptionKeyFile []string `placeholder:"FILE" help:"Key that encrypts the bytes and spectra of scans, made by 'fentrace key new'; may be given several times: the first encrypts, all are read with."`
}

// ring reads the keys; nil without any.
func (f keyFlags) ring() (*seal.Ring, error) {
	r, err := seal.ReadRing(f.EncryptionKeyFile...)
	if err != nil {
		return nil, usagef("--encryption-key-file: %w", err)
	}
	return r, nil
}

// inFolder names the first of the keys that lies in dir: whoever gets the folder then gets the key as well.
func (f keyFlags) inFolder(dir string) string {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return ""
	}
	for _, path := range f.EncryptionKeyFile {
		p, err := filepath.Abs(path)
		if err == nil && strings.HasPrefix(p, dir+string(filepath.Separator)) {
			return path
		}
	}
	return ""
}

// notEncrypted says what a key does not protect, for help and for doctor.
const notEncrypted = "Answers, places and case fields, the archive for looking back, prepared and learnt references, and uploads that are not whole yet " +
	"are not encrypted: put the data folder on an encrypted disk"

type keyCommands struct {
	New    keyNewCommand    `cmd:"" help:"Make an encryption key."`
	Rotate keyRotateCommand `cmd:"" help:"Encrypt everything that is stored with a new key."`
	List   keyListCommand   `cmd:"" help:"Say what is encrypted with which key."`
}

type keyNewCommand struct {
	File string `arg:"" placeholder:"FILE" help:"The file to write; it must not be there yet."`
}

func (keyNewCommand) Help() string {
	return `Makes a random key of 32 bytes for AES-256-GCM and writes it to a new file that only you can read. Keep a copy in another
place, and never in the data folder or in its backups: what the key encrypts cannot be read by anybody without it.

Serve with it, and name it for every command that opens the data folder:

    fentrace key new /etc/fentrace/key
    fentrace serve --data ~/fentrace-data \
        --encryption-key-file /etc/fentrace/key

` + notEncrypted + `.`
}

func (c *keyNewCommand) Run(env *environment) error {
	k, err := seal.NewFile(c.File)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(env.stdout, "key %s written to %s\nKeep a copy elsewhere: without it nothing it encrypts can be read.\n", k.ID, plain(c.File))
	return err
}

type keyRotateCommand struct {
	dataFlags
}

func (keyRotateCommand) Help() string {
	return `Encrypts with the key named first everything that is stored plain or with one of the other keys. A server may run on the same
folder meanwhile, started with the same keys in the same order. What was interrupted goes on when the command is run again.
When it has ended the other keys are not needed any more, except for backups made before.

What was plain is overwritten in an SQLite database. In a PostgreSQL database the old rows stay in its files until its administrator
runs VACUUM FULL files, scans; and copies made before hold them as they were.

Examples:

    fentrace key new /etc/fentrace/key-2027
    fentrace serve --data DIR --encryption-key-file /etc/fentrace/key-2027 \
        --encryption-key-file /etc/fentrace/key     # start it again like this
    fentrace key rotate --data DIR \
        --encryption-key-file /etc/fentrace/key-2027 \
        --encryption-key-file /etc/fentrace/key`
}

func (c *keyRotateCommand) Run(env *environment) (err error) {
	if len(c.EncryptionKeyFile) == 0 {
		return usagef("name the key to encrypt with by --encryption-key-file; `fentrace key new FILE` makes one")
	}
	st, err := openStore(env, c.dataFlags)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	use, err := st.KeysInUse(env.ctx)
	if err != nil {
		return err
	}
	todo := 0
	for _, k := range use {
		if !k.Current {
			todo += k.Files + k.Spectra
		}
	}
	bar := env.newProgress("encrypting", "rows", todo)
	r, err := st.Rotate(env.ctx, time.Now(), bar.at)
	bar.end()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(env.stdout, "%s and %s encrypted with the new key. The other keys are needed only for older backups.\n",
		counted(r.Files, "file", "files"), counted(r.Spectra, "spectrum", "spectra"))
	return err
}

type keyListCommand struct {
	JSON bool `name:"json" help:"Print as JSON."`
	dataFlags
}

func (keyListCommand) Help() string {
	return `Says how many files and spectra of a database are encrypted with which key, and how many are not. The keys in use have to be given.

Example:

    fentrace key list --data DIR --encryption-key-file /etc/fentrace/key`
}

func (c *keyListCommand) Run(env *environment) (err error) {
	st, err := openStore(env, c.dataFlags)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	use, err := st.KeysInUse(env.ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(env.stdout, use, false)
	}
	s := env.newSheet()
	for _, k := range use {
		s.line(describeKey(k))
	}
	return s.err
}

func describeKey(k store.KeyUse) string {
	of := fmt.Sprintf("%s, %s", counted(k.Files, "file", "files"), counted(k.Spectra, "spectrum", "spectra"))
	switch {
	case k.ID == "":
		return "not encrypted: " + of
	case k.Current:
		return "key " + k.ID + ", the one new scans are encrypted with: " + of
	case !k.Retired.IsZero():
		return "key " + k.ID + ", not needed since " + k.Retired.Format(time.DateOnly) + ": " + of
	}
	return "key " + k.ID + ": " + of
}

// checkEncryption says for doctor whether everything that can be encrypted is.
func checkEncryption(l store.Look, f keyFlags, dir string) healthFinding {
	if _, err := f.ring(); err != nil {
		return wrong("%v", err)
	}
	if path := f.inFolder(dir); path != "" {
		return wrong("the key %s lies in the folder that it protects: move it to another place, and its copies out of the backups", path)
	}
	switch {
	case l.Keys == 0 && len(f.EncryptionKeyFile) == 0:
		return advice("raw bytes and spectra are not encrypted: use `fentrace key new` and --encryption-key-file, or put the folder on an encrypted disk")
	case l.Keys == 0:
		return ok("a key is given; scans that come from now on are encrypted. %s", notEncrypted)
	case l.Plain > 0:
		return advice("%d files or spectra that came before the key are not encrypted: `fentrace key rotate` does it. %s", l.Plain, notEncrypted)
	}
	return ok("raw bytes and spectra are encrypted. %s", notEncrypted)
}
