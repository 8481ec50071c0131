package main

import (
	"errors"
	"fmt"
	"time"

	"fentrace/server/retention"
	"fentrace/server/store"
)

type purgeCommand struct {
	Retention string `placeholder:"POLICY" help:"How long scans are kept, such as \"case=HOM*: keep; simulated: 90d; verdict=no_alarm tlp=clear: 2y\". Without it nothing is erased."`
	DryRun    bool   `help:"Only say what would be erased."`
	dataFlags
}

func (purgeCommand) Help() string {
	return `Erases scans that are past their term: the bytes as they came, the spectrum, the findings, file name, instrument, place and
officer. What is kept is a tombstone: id, SHA-256, times, case, exhibit and marking, and laboratory results, which are never deleted;
and an entry of the log that says under which rule it was erased and by whom. A file is erased when all its scans are past their
term. What is under a legal hold, or has yet to be sent to another server, is not. A server may run on the same folder meanwhile; its
archive for looking back forgets what was erased when it starts again. Backups made before still hold it. In a PostgreSQL database the
old rows are overwritten when its administrator runs VACUUM FULL.

A policy is rules with ; between: CONDITIONS: TERM. The first rule that fits a scan decides; a scan that none fits is kept. Conditions,
all of which have to fit: all, simulated, real, verdict=alarm (no_alarm, inconclusive), tlp=amber, case=NUMBER or case=BEGINNING*. A term
is days or years since the scan was stored, 90d or 5y, or keep. Persons are not recorded by Fentrace, so that there are no terms for what
is known of persons (28 CFR Part 23).

Examples:

    fentrace purge --data ~/fentrace-data --retention "simulated: 90d" --dry-run
    fentrace purge --config fentrace.toml  # it has: retention = "simulated: 90d"`
}

func (c *purgeCommand) Run(env *environment) (err error) {
	policy, err := retention.Parse(c.Retention)
	if err != nil {
		return usagef("--retention: %w", err)
	}
	if len(policy) == 0 {
		return usagef("--retention: there is no policy, so nothing is to be erased")
	}
	st, err := openStore(env, c.dataFlags)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	var said error
	e, err := st.EraseDue(store.ByProgram(env.ctx, userName()), policy, time.Now(), userName(), c.DryRun, func(d store.Due) {
		for _, id := range d.Scans {
			_, err := fmt.Fprintf(env.stdout, "%s  %s  %s\n", plain(id), d.SHA256, plain(d.Policy))
			said = errors.Join(said, err)
		}
	})
	if err = errors.Join(err, said); err != nil {
		return err
	}
	done := "erased"
	if c.DryRun {
		done = "would be erased"
	}
	_, err = fmt.Fprintf(env.stdout, "%s of %s %s. Past their term but under a legal hold: %s; yet to be sent on: %s.\n",
		counted(e.Scans, "scan", "scans"), counted(e.Files, "file", "files"), done, counted(e.Held, "file", "files"), counted(e.Waiting, "file", "files"))
	return err
}
