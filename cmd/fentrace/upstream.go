package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"fentrace/server"
	"fentrace/server/client"
	"fentrace/server/forward"
	"fentrace/server/store"
)

// databaseFlags say which database to use in place of the one in the data folder.
type databaseFlags struct {
	DB string `name:"db" placeholder:"URL" help:"PostgreSQL database to use in place of the one in the folder: postgres://USER@HOST/DATABASE. Keep the password in ~/.pgpass: other users of this machine can read command lines."`
}

// address checks the flag; empty when the database is the one in the data folder.
func (f databaseFlags) address() (string, error) {
	if f.DB == "" {
		return "", nil
	}
	if err := store.CheckPostgres(f.DB); err != nil {
		return "", usagef("--db: %w", err)
	}
	return f.DB, nil
}

// dataFlags say where the database is, and what is made from it.
type dataFlags struct {
	Data string `placeholder:"DIR" help:"Folder of the database; by default fentrace in the user's configuration folder."`
	databaseFlags
	keyFlags
}

// folder returns the folder named, or the default.
func (f dataFlags) folder() (string, error) {
	if f.Data != "" {
		return f.Data, nil
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", usagef("name a folder for the database with --data: %w", err)
	}
	return filepath.Join(dir, "fentrace"), nil
}

// upstreamFlags say to which server scans are sent on. A token never stands on the command line, where every program of
// the machine could read it.
type upstreamFlags struct {
	Upstream          string `placeholder:"URL" help:"Fentrace server that stored scans are sent to, by https unless it is this machine."`
	UpstreamTokenFile string `placeholder:"FILE" help:"File with the access token for it, readable by you only (chmod 600)."`
}

// config checks the flags; nil when no server is named.
func (f upstreamFlags) config() (*forward.Config, error) {
	if f.Upstream == "" {
		if f.UpstreamTokenFile != "" {
			return nil, usagef("--upstream-token-file without --upstream: name the server too")
		}
		return nil, nil
	}
	u, err := forward.ParseUpstream(f.Upstream)
	if err != nil {
		return nil, usageError{err}
	}
	if f.UpstreamTokenFile == "" {
		return nil, usagef("--upstream %s: name the file with the access token with --upstream-token-file; `fentrace serve --new-token NAME` on that server makes one", f.Upstream)
	}
	token := func() (string, error) { return client.ReadToken(f.UpstreamTokenFile) }
	if _, err := token(); err != nil {
		return nil, usageError{err}
	}
	return &forward.Config{Upstream: u, Token: token}, nil
}

// sendSoon is how long a scan that was just taken is tried to be sent before the command ends.
const sendSoon = 5 * time.Second

// sendNow tries for a short time to send what waits, and says on stderr how many scans still do.
func (env *environment) sendNow(s *server.Server) error {
	q, err := s.Queue(env.ctx)
	if err != nil {
		return err
	}
	if q.Upstream != "" && q.Waiting > 0 {
		ctx, cancel := context.WithTimeout(env.ctx, sendSoon)
		defer cancel()
		r, err := s.Send(ctx, nil)
		if err != nil && ctx.Err() == nil {
			fmt.Fprintf(env.stderr, "Not sent: %s\n", plain(err.Error()))
		}
		if r.Sent > 0 {
			fmt.Fprintf(env.stderr, "%s sent to %s.\n", counted(r.Sent, "scan", "scans"), plain(q.Upstream))
		}
	}
	return env.sayBacklog(s)
}

// sayBacklog says how many scans wait or are parked, if any.
func (env *environment) sayBacklog(s *server.Server) error {
	q, err := s.Queue(context.WithoutCancel(env.ctx)) // also after an interrupt
	if err != nil {
		return err
	}
	if q.Waiting > 0 {
		fmt.Fprintf(env.stderr, "%s to be sent.\n", counted(q.Waiting, "scan waits", "scans wait"))
	}
	if q.Parked > 0 {
		fmt.Fprintf(env.stderr, "%s refused by the other server: see `fentrace queue`.\n", counted(q.Parked, "scan was", "scans were"))
	}
	return nil
}

func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
