package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"fentrace/library"
	"fentrace/library/archive"
	"fentrace/library/identify"
	"fentrace/server"
	"fentrace/server/lookback"
	"fentrace/server/store"
)

type rescreenCommand struct {
	Reference []string `placeholder:"ID" sep:"none" help:"Id of the reference to look for; may be given several times. 'fentrace library show NAME' prints ids."`
	Like      string   `placeholder:"SCAN" help:"Id of a stored scan: list what looked like it."`
	Least     float64  `default:"0.7" help:"Least correlation of what is listed with --like (${default})."`
	JSON      bool     `name:"json" help:"Print as JSON."`
	dataFlags
	libraryFlags
}

func (rescreenCommand) Help() string {
	return `Looks through every scan that was ever stored in a folder. With --reference: for scans that agree with a reference that was
not there when they were answered. Each of them is answered again with the library as it is now; what its answer rests on counts
for first-seen dates, and where such a date moves back the pages show an alert. Stored answers stay as they were given. A substance
that makes up little of a mixture is not found this way.

What was learnt from laboratory results counts as in the server; name other libraries as for serve. A server may run on the same
folder meanwhile. After Ctrl-C the same command goes on where it stopped. Asked again with the same library it looks only at scans
stored since, and uses what it stored of the others.

Examples:

    fentrace library show para-fluorofentanyl --library lab.db
    fentrace rescreen --data ~/fentrace-data --library lab.db --reference 3f0c...
    fentrace rescreen --data ~/fentrace-data --like 8d1f5c1e-...`
}

// rescreenShown is how many scans are listed for a person.
const rescreenShown = 50

func (c *rescreenCommand) Run(env *environment) (err error) {
	if (len(c.Reference) == 0) == (c.Like == "") {
		return usagef("say what to look for: --reference ID, or --like SCAN")
	}
	if !(c.Least >= 0.3 && c.Least <= 1) {
		return usagef("--least %g is outside 0.3 to 1", c.Least)
	}
	if env.remote != nil {
		return c.remote(env)
	}
	st, err := openStore(env, c.dataFlags)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	l, err := c.looker(env, st)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Archive.Close()) }()
	if c.Like != "" {
		return c.like(env, l)
	}
	return c.lookBack(env, l)
}

// looker reads the archive, which a server may be writing, and adds to it in memory what is missing.
func (c *rescreenCommand) looker(env *environment, st *store.Store) (*lookback.Looker, error) {
	dir, err := c.folder()
	if err != nil {
		return nil, err
	}
	a, problems, err := archive.Open(server.ArchivePath(dir, st), true)
	if err != nil {
		return nil, err
	}
	for _, p := range problems {
		fmt.Fprintf(env.stderr, "fentrace: %v\n", p)
	}
	l := &lookback.Looker{Store: st, Archive: a, Clock: time.Now}
	total, err := st.Count(env.ctx)
	if err != nil {
		return nil, errors.Join(err, a.Close())
	}
	kept := 0
	for _, t := range archive.Techniques {
		kept += a.Len(t)
	}
	bar := env.newProgress("preparing", "scans", total-kept)
	err = l.Fill(env.ctx, bar.at)
	bar.end()
	if err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return l, nil
}

// library is what a server on this folder with the same flags answers with.
func (c *rescreenCommand) library(env *environment) (*library.Stack, *identify.Identifier, error) {
	ctx := env.ctx
	stack, err := c.open(ctx)
	if err != nil {
		return nil, nil, err
	}
	dir, err := c.folder()
	if err != nil {
		return nil, nil, err
	}
	learned, err := library.Open(filepath.Join(dir, server.LearnedFile))
	switch {
	case err == nil:
		stack, err = stack.WithFile(ctx, learned)
		if err := errors.Join(err, learned.Close()); err != nil {
			return nil, nil, err
		}
	case !errors.Is(err, fs.ErrNotExist):
		return nil, nil, usageError{err}
	}
	id, err := env.newIdentifier(stack)
	return stack, id, err
}

// lookedBack is one look-back for programs.
type lookedBack struct {
	store.Rescreen
	Scans []store.LookBackHit `json:"scans"`
}

func (c *rescreenCommand) lookBack(env *environment, l *lookback.Looker) error {
	lib, id, err := c.library(env)
	if err != nil {
		return err
	}
	for _, ref := range c.Reference {
		if _, _, err := lookback.Reference(lib, ref); err != nil {
			return usagef("%w; 'fentrace library show NAME' prints the ids of the references of a substance", err)
		}
	}
	for _, reference := range c.Reference {
		r, err := l.Begin(env.ctx, lib, reference, userName())
		if err != nil {
			return err
		}
		var bar *progress
		r, err = l.Rescreen(env.ctx, lib, id, r, func(done, total int) {
			if bar == nil {
				bar = env.newProgress("answering again", "scans", total)
			}
			bar.at(done)
		})
		if bar != nil {
			bar.end()
		}
		if env.ctx.Err() != nil {
			err = cancelled(env, l.Store, r)
		}
		if err != nil {
			return err
		}
		if err := c.print(env, l.Store, r); err != nil {
			return err
		}
	}
	return nil
}

// cancelled notes that an interrupted look-back is not to go on by itself when a server starts on its folder.
func cancelled(env *environment, st *store.Store, r store.Rescreen) error {
	err := st.CancelRescreen(context.WithoutCancel(env.ctx), r.ID)
	if errors.Is(err, store.ErrClosed) {
		return nil // it ended just so
	}
	return err
}

// userName is who runs the program, as far as the system says.
func userName() string {
	for _, name := range []string{"USER", "USERNAME", "LOGNAME"} {
		if v := os.Getenv(name); v != "" {
			return v
		}
	}
	return "command line"
}

// print says what a look-back found, and returns what the exit code follows from.
func (c *rescreenCommand) print(env *environment, st *store.Store, r store.Rescreen) error {
	ctx := context.WithoutCancel(env.ctx) // what was found before an interrupt is shown
	r, err := st.Rescreen(ctx, r.ID)
	if err != nil {
		return err
	}
	limit := rescreenShown
	if c.JSON {
		limit = r.Hits
	}
	hits, err := st.LookBackHits(ctx, r.ReferenceID, limit)
	if err != nil {
		return err
	}
	return c.printFound(env, r, hits)
}

func (c *rescreenCommand) printFound(env *environment, r store.Rescreen, hits []store.LookBackHit) error {
	if c.JSON {
		if err := printJSON(env.stdout, lookedBack{r, hits}, false); err != nil {
			return err
		}
		return env.ended(r)
	}
	sheet := env.newSheet()
	sheet.lookedBack(r, hits)
	if sheet.err != nil {
		return sheet.err
	}
	return env.ended(r)
}

func (s *sheet) lookedBack(r store.Rescreen, hits []store.LookBackHit) {
	s.line(fmt.Sprintf("%s: %s looked through. %s with its reference; the answers of now name it in %d.", r.Substance, counted(r.Screened, "scan", "scans"),
		counted(r.Hits, "agrees", "agree"), r.Stated))
	if r.Reused > 0 {
		s.line(fmt.Sprintf("%s compared and answered by an earlier look-back with this library and this version of Fentrace: what it stored is used.",
			counted(r.Reused, "scan was", "scans were")))
	}
	for _, h := range hits {
		s.line("")
		s.name(h.ScanID, h.Simulated)
		s.field("taken", h.Acquired.Local().Format(time.RFC3339))
		if h.County != "" || h.State != "" {
			s.field("where", h.County+" "+h.State)
		}
		s.field("correlation", fmt.Sprintf("%.2f", h.Score))
		s.field("answer of now", h.Headline)
	}
	if left := r.Hits - len(hits); left > 0 {
		s.line("")
		s.line(fmt.Sprintf("and %d more; --json lists all.", left))
	}
	s.line("")
	s.line(identify.Presumptive)
}

// similarShown is how many similar scans are listed.
const similarShown = 50

func (c *rescreenCommand) like(env *environment, l *lookback.Looker) error {
	sp, err := l.Store.Spectrum(env.ctx, c.Like)
	if err != nil {
		return usagef("%w; the pages show the id of a scan in their address", err)
	}
	found, err := l.Like(env.ctx, c.Like, sp, c.Least, similarShown)
	if err != nil {
		return err
	}
	return c.printLike(env, found)
}

func (c *rescreenCommand) printLike(env *environment, found []lookback.Similar) error {
	if c.JSON {
		return printJSON(env.stdout, found, false)
	}
	sheet := env.newSheet()
	sheet.line(fmt.Sprintf("%s like it by a correlation of at least %g.", counted(len(found), "scan looks", "scans look"), c.Least))
	for _, f := range found {
		sheet.line("")
		sheet.name(f.ScanID, f.Simulated)
		sheet.field("taken", f.Acquired.Local().Format(time.RFC3339))
		if f.County != "" || f.State != "" {
			sheet.field("where", strings.TrimSpace(f.County+" "+f.State))
		}
		sheet.field("correlation", fmt.Sprintf("%.2f", f.Score))
		sheet.field("answer", f.Headline)
	}
	return sheet.err
}
