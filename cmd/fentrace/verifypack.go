package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"fentrace/library/identify"
	"fentrace/server/audit"
	"fentrace/server/evidence"
	"fentrace/spectra"
)

// packFlags say what an evidence pack is checked with, beside itself.
type packFlags struct {
	Key        string   `placeholder:"KEYFILE" help:"Public key of the server's log, obtained from whoever runs it and not with the pack."`
	Checkpoint []string `placeholder:"FILE" help:"Checkpoint of the log that was kept elsewhere; may be given several times. It shows that the log was not made anew or cut back since."`
	JSON       bool     `name:"json" help:"Print as JSON."`
	libraryFlags
}

const verifyPackHelp = `Checks an evidence pack that 'fentrace export evidence' has made, without a server or a network: the SHA-256 of every file, that
the manifest and the state of the log are signed, that every entry about the scans is in the log, and that it only grew since the
checkpoints given. Then it computes the answer again from the bytes as they came, if it has the library that the scan was answered with:
the shipped one is built in, name others with --library as for 'serve'.

Without --key the key inside the pack is used. That shows that the pack agrees with itself: whoever makes a pack anew also puts a key of
his own into it. Only a key obtained from the server's people by another way shows who made it.

Another library, or another version of Fentrace, may answer otherwise; that is told, and is no fault of the pack. Exit code 0: nothing is
wrong; 1: something is, and each thing is named; 2: nothing could be checked.

Examples:

    fentrace verify evidence-8d1f5c1e.zip
    fentrace verify evidence-8d1f5c1e.zip --key log.pub \
        --checkpoint kept-in-march --library lab.db`

// maxNote bounds files of keys and checkpoints, bytes.
const maxNote = audit.MaxCheckpoint

// readNote reads a small text file that a flag names.
func readNote(flag, path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, usagef("%s: %w", flag, err)
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxNote+1))
	if err != nil {
		return nil, usagef("%s %s: %w", flag, path, err)
	}
	if len(raw) > maxNote {
		return nil, usagef("%s %s: it is larger than %d bytes", flag, path, maxNote)
	}
	return raw, nil
}

// checks reads what the flags name.
func (f packFlags) checks(env *environment) (evidence.Checks, error) {
	c := evidence.Checks{Checkpoints: map[string][]byte{}}
	if f.Key != "" {
		raw, err := readNote("--key", f.Key)
		if err != nil {
			return c, err
		}
		c.Key = strings.TrimSpace(string(raw))
	}
	for _, path := range f.Checkpoint {
		raw, err := readNote("--checkpoint", path)
		if err != nil {
			return c, err
		}
		c.Checkpoints[path] = raw
	}
	stack, err := f.open(env.ctx)
	if err != nil {
		return c, err
	}
	c.Library = stack.Version()
	var id *identify.Identifier
	c.Answer = func(ctx context.Context, s spectra.Spectrum) (identify.Identification, error) {
		if id == nil { // preparing takes a moment, and what is no pack does not need it
			if id, err = env.newIdentifier(stack); err != nil {
				return identify.Identification{}, err
			}
		}
		return id.Identify(ctx, s)
	}
	return c, nil
}

// verifyPack checks a pack and says what was found.
func (f packFlags) verifyPack(env *environment, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return usagef("%w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return usagef("%w", err)
	}
	if !info.Mode().IsRegular() {
		return usagef("%s: it is not a file", path)
	}
	checks, err := f.checks(env)
	if err != nil {
		return err
	}
	report, err := evidence.Verify(env.ctx, file, info.Size(), checks)
	if errors.Is(err, evidence.ErrPack) {
		return fmt.Errorf("%s: %w", path, err)
	}
	if err != nil {
		return err
	}
	if err := f.print(env, path, report); err != nil {
		return err
	}
	if !report.Whole() {
		return errIncomplete
	}
	return nil
}

// print says what was found, wrong things last, where they are seen.
func (f packFlags) print(env *environment, path string, r evidence.Report) error {
	if f.JSON {
		return printJSON(env.stdout, r, false)
	}
	s := env.newSheet()
	s.name(path, r.Simulated)
	s.line("")
	wrong := 0
	for _, result := range []string{evidence.OK, evidence.NotChecked, evidence.Wrong} {
		for _, found := range r.Findings {
			if found.Result != result {
				continue
			}
			mark := result
			if result == evidence.Wrong {
				mark, wrong = "WRONG", wrong+1
			}
			s.line(fmt.Sprintf("%-11s %s", mark, found.What))
			s.block("", found.Text)
		}
	}
	s.line("")
	if wrong > 0 {
		s.line(fmt.Sprintf("%s wrong with this pack.", counted(wrong, "thing is", "things are")))
	} else {
		s.line("Nothing is wrong with this pack.")
	}
	s.line("")
	s.line(identify.Presumptive)
	return s.err
}
