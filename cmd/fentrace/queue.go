package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"fentrace/library/identify"
	"fentrace/server/api"
	"fentrace/server/forward"
	"fentrace/server/store"
)

type queueCommand struct {
	JSON bool `name:"json" help:"Print as JSON."`
	dataFlags
}

func (queueCommand) Help() string {
	return `Lists the scans that have not been sent to another server: those that wait, in the order of sending, then those the
other server refused, each with the reason. A server may run on the same folder meanwhile.

Example:

    fentrace queue --data ~/fentrace-data`
}

// queueJSON is the queue for programs; the same names as GET /v1/queue.
type queueJSON struct {
	api.Queue
	Files []api.QueuedFile `json:"files"`
}

// queueShown is how many files of the queue are listed for a person.
const queueShown = 50

func (c *queueCommand) Run(env *environment) error {
	if env.remote != nil {
		return c.remote(env)
	}
	st, err := openStore(env, c.dataFlags)
	if err != nil {
		return err
	}
	defer st.Close()
	b, err := st.Backlog(env.ctx)
	if err != nil {
		return err
	}
	limit := queueShown
	if c.JSON {
		limit = b.Waiting + b.Parked
	}
	unsent, err := st.Unsent(env.ctx, limit)
	if err != nil {
		return err
	}
	return c.print(env, api.NewQueue("", b), api.QueuedFiles(unsent))
}

func (c *queueCommand) print(env *environment, q api.Queue, files []api.QueuedFile) error {
	if c.JSON {
		return printJSON(env.stdout, queueJSON{q, files}, false)
	}
	sheet := env.newSheet()
	sheet.queue(q, files)
	return sheet.err
}

// queue prints what waits and what was refused.
func (s *sheet) queue(q api.Queue, files []api.QueuedFile) {
	s.line(counted(q.Waiting, "scan waits", "scans wait") + " to be sent.")
	if q.Parked > 0 {
		s.line(counted(q.Parked, "scan was", "scans were") + " refused by the other server; `fentrace send --parked` tries again.")
	}
	if q.LastSent != nil {
		s.field("last sent", q.LastSent.Local().Format(time.RFC3339))
	}
	scans := 0
	for _, f := range files {
		scans += f.Scans
		name := f.Filename
		if f.Parked != nil {
			name = "REFUSED " + name
		}
		s.line("")
		s.name(name, f.Simulated)
		s.field("stored", f.Stored.Local().Format(time.RFC3339))
		s.field("scan", f.ScanID)
		s.field("answer", f.Headline)
		if f.Attempts > 0 {
			s.field("attempts", fmt.Sprint(f.Attempts))
			s.field("reason", f.Error)
		}
	}
	if left := q.Waiting + q.Parked - scans; left > 0 {
		s.line("")
		s.line(fmt.Sprintf("and %d more; --json lists all.", left))
	}
	if len(files) > 0 {
		s.line("")
		s.line(identify.Presumptive)
	}
}

// openStore opens the database that is named, or that of a folder that has one; a mistyped folder is not made.
func openStore(env *environment, f dataFlags) (*store.Store, error) {
	address, err := f.address()
	if err != nil {
		return nil, err
	}
	ring, err := f.ring()
	if err != nil {
		return nil, err
	}
	if address != "" {
		return store.OpenPostgres(env.ctx, address, store.WithKeys(ring))
	}
	dir, err := f.folder()
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(dir, store.FileName)); errors.Is(err, fs.ErrNotExist) {
		return nil, usagef("%s holds no database; name the folder with --data", dir)
	}
	return store.Open(env.ctx, dir, store.WithKeys(ring))
}

type sendCommand struct {
	Parked bool `help:"Also try again what the other server refused."`
	All    bool `help:"Also send what was stored before there was a server to send to."`
	dataFlags
	upstreamFlags
}

func (sendCommand) Help() string {
	return `Sends the scans that wait to another Fentrace server, in the order they were taken, each exactly once. A server may run
on the same folder meanwhile. Certificates are checked against those of the system; SSL_CERT_FILE names others.

With --server that server is asked how far it is: it sends by itself, and this waits until it has, or cannot.

Exit code 0: nothing waits any more and nothing was refused.

Example:

    fentrace send --data ~/fentrace-data \
        --upstream https://fentrace.example.org --upstream-token-file token`
}

func (c *sendCommand) Run(env *environment) error {
	if env.remote != nil {
		return c.remote(env)
	}
	if c.Upstream == "" {
		return usagef("name the server to send to with --upstream; `fentrace queue` shows what waits")
	}
	config, err := c.upstreamFlags.config()
	if err != nil {
		return err
	}
	st, err := openStore(env, c.dataFlags)
	if err != nil {
		return err
	}
	defer st.Close()
	if c.Parked {
		if _, err := st.Unpark(env.ctx); err != nil {
			return err
		}
	}
	if c.All {
		if _, err := st.QueueStored(env.ctx); err != nil {
			return err
		}
	}
	before, err := st.Backlog(env.ctx)
	if err != nil {
		return err
	}
	config.Store, config.Log = st, logger(env.stderr)
	bar := env.newProgress("sending", "scans", before.Waiting)
	r, sendErr := forward.New(*config).Flush(env.ctx, func(r forward.Result) { bar.at(r.Sent + r.Parked) })
	bar.end()
	after, err := st.Backlog(env.ctx)
	if err = errors.Join(sendErr, err); err != nil && env.ctx.Err() == nil {
		env.fail(err)
	}
	if _, err := fmt.Fprintf(env.stdout, "%s sent; %s", counted(r.Sent, "scan", "scans"), counted(after.Waiting, "scan waits", "scans wait")); err != nil {
		return err
	}
	if after.Parked > 0 {
		fmt.Fprintf(env.stdout, "; %s refused: see `fentrace queue`", counted(after.Parked, "scan was", "scans were"))
	}
	if _, err := fmt.Fprintln(env.stdout, "."); err != nil {
		return err
	}
	if env.ctx.Err() != nil {
		return env.ctx.Err()
	}
	if sendErr != nil || after.Waiting+after.Parked > 0 {
		return errIncomplete
	}
	return nil
}
