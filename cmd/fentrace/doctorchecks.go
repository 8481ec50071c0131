package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"fentrace/library"
	"fentrace/library/archive"
	"fentrace/server"
	"fentrace/server/store"
	"fentrace/server/web"
)

func checkProgram() healthFinding {
	v := programVersion()
	if !web.Built() {
		return advice("version %s was built without its pages: `make build` builds them in", v.Version)
	}
	return ok("version %s, %s, pages built in", v.Version, v.Algorithm)
}

func (c *doctorCommand) checkLibraries(env *environment) healthFinding {
	stack, err := c.open(env.ctx)
	if err != nil {
		return wrong("%v", err)
	}
	id, err := env.prepared(stack, indexDir())
	if err != nil {
		return wrong("%v", err)
	}
	if damaged := id.Damaged(); len(damaged) > 0 {
		return wrong("%d references are damaged and take no part in answers, the first is %s: import them again", len(damaged), damaged[0].ReferenceID)
	}
	measured := map[string]bool{}
	for _, r := range stack.References() {
		if r.Tier == library.Measured {
			measured[r.SubstanceID] = true
		}
	}
	fentanyls, covered := 0, 0
	for _, s := range stack.Substances() {
		if s.FentanylClass() {
			fentanyls++
			if measured[s.ID] {
				covered++
			}
		}
	}
	if covered == 0 {
		return advice("%d substances, %d references, but no measured spectrum of a fentanyl: import your own (`fentrace library list --missing`)",
			len(stack.Substances()), len(stack.References()))
	}
	return ok("%d substances, %d references, measured ones of %d of %d fentanyls", len(stack.Substances()), len(stack.References()), covered, fentanyls)
}

func checkLearned(ctx context.Context, dir string) healthFinding {
	path := filepath.Join(dir, server.LearnedFile)
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return ok("the server has learnt nothing yet")
	}
	stack, err := library.OpenStack(ctx, nil, path)
	if err != nil {
		return wrong("%v: restore it from a backup", err)
	}
	return ok("%d references from laboratory results", len(stack.References()))
}

// Room on the disk below which nothing should be stored, and below which it is time to make room, bytes.
const leastRoom, goodRoom = 200 << 20, 2 << 30

func checkFolder(dir string) healthFinding {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return ok("%s is not there yet; `fentrace serve` makes it", dir)
	case err != nil:
		return wrong("%v", err)
	case !info.IsDir():
		return wrong("%s is no folder: name another with --data", dir)
	}
	f, err := os.CreateTemp(dir, ".doctor-*")
	if err != nil {
		return wrong("%s cannot be written: %v", dir, err)
	}
	if err := errors.Join(f.Close(), os.Remove(f.Name())); err != nil {
		return wrong("%s: %v", dir, err)
	}
	room, known := freeRoom(dir)
	switch {
	case known && room < leastRoom:
		return wrong("only %d MB are free in %s: make room, or scans cannot be stored", room>>20, dir)
	case info.Mode().Perm()&0o077 != 0:
		return advice("others on this machine can look into %s: chmod 700", dir)
	case known && room < goodRoom:
		return advice("%d MB are free in %s", room>>20, dir)
	case known:
		return ok("%s, %d GB free", dir, room>>30)
	}
	return ok("%s", dir)
}

func checkDatabase(l store.Look, err error) healthFinding {
	switch {
	case errors.Is(err, store.ErrNotFound):
		return ok("there is none yet")
	case err != nil:
		return wrong("%v: restore it from a backup with `fentrace restore`", err)
	}
	return ok("%d scans, tables of version %d, no damage", l.Scans, l.Schema)
}

// clockSlack is how far in the future a scan may have been stored, by another machine for example.
const clockSlack = 5 * time.Minute

func checkClock(l store.Look, now time.Time) healthFinding {
	if l.Newest.After(now.Add(clockSlack)) {
		return wrong("this machine says it is %s, but a scan was stored at %s: set the clock", now.UTC().Format(time.DateTime), l.Newest.Format(time.DateTime))
	}
	return ok("%s UTC", now.UTC().Format(time.DateTime))
}

func checkQueue(l store.Look) healthFinding {
	switch {
	case l.Waiting+l.Refused == 0:
		return ok("nothing waits to be sent on")
	case l.Refused > 0:
		return wrong("%d files were refused by the other server: `fentrace queue` says why", l.Refused)
	}
	return advice("%d files wait to be sent on", l.Waiting)
}

func checkArchive(dir string) healthFinding {
	path := filepath.Join(dir, server.ArchiveFolder)
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return ok("there is none yet; the server makes it from the database")
	}
	a, problems, err := archive.Open(path, true)
	if err != nil {
		return wrong("%v", err)
	}
	defer a.Close()
	if len(problems) > 0 {
		return advice("%d of its files cannot be used, and the server makes them again: %v", len(problems), problems[0])
	}
	return ok("whole")
}

// verifyEvery is after what time everything should be verified again.
const verifyEvery = 31 * 24 * time.Hour

func checkLog(dir string, l store.Look, now time.Time) healthFinding {
	v, done, err := server.LastVerified(dir)
	switch {
	case err != nil:
		return advice("%v: `fentrace verify` writes it anew", err)
	case !done && l.Scans == 0:
		return ok("nothing is stored that could be verified")
	case !done:
		return advice("what is stored was never verified: `fentrace verify`")
	case v.Faults > 0:
		return wrong("%d faults were found on %s: `fentrace verify` names them", v.Faults, v.At.Format(time.DateOnly))
	case now.Sub(v.At) > verifyEvery:
		return advice("what is stored was verified last on %s: `fentrace verify`", v.At.Format(time.DateOnly))
	}
	return ok("verified on %s: %d entries, no fault", v.At.Format(time.DateOnly), v.Leaves)
}
