package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"fentrace/server/api"
	"fentrace/server/client"
)

// remote lists the queue of a server.
func (c *queueCommand) remote(env *environment) error {
	if err := ownOnly(map[string]bool{"data": c.Data != "", "db": c.DB != ""}); err != nil {
		return err
	}
	q, err := env.remote.Queue(env.ctx, nil)
	if err != nil {
		return err
	}
	files := []api.QueuedFile{}
	for f, err := range env.remote.Queued(env.ctx) {
		if err != nil {
			return err
		}
		if files = append(files, f); !c.JSON && len(files) == queueShown {
			break
		}
	}
	return c.print(env, q.Queue, files)
}

// remote has a server send what waits there, and waits until it has, or cannot.
func (c *sendCommand) remote(env *environment) error {
	if err := ownOnly(map[string]bool{"data": c.Data != "", "db": c.DB != "", "all": c.All, "upstream": c.Upstream != "", "upstream-token-file": c.UpstreamTokenFile != ""}); err != nil {
		return err
	}
	if c.Parked {
		if err := env.remote.RetryRefused(env.ctx); err != nil {
			return err
		}
	}
	page, err := env.remote.Queue(env.ctx, nil)
	if err != nil {
		return err
	}
	before, now := page.Queue, page.Queue
	if now.Upstream == "" {
		return fmt.Errorf("%s sends its scans to no other server", env.remote.Address())
	}
	bar := env.newProgress("sending", "scans", before.Waiting)
	if now.Waiting > 0 {
		err = env.remote.Events(env.ctx, nil, func(e client.Event) (bool, error) {
			if e.Name != "queue" || json.Unmarshal(e.Data, &now) != nil {
				return true, nil
			}
			bar.at(max(before.Waiting-now.Waiting, 0))
			return now.Waiting > 0 && !triedInVain(before, now), nil
		})
	}
	bar.end()
	if err != nil {
		return err
	}
	if now.Waiting > 0 {
		env.fail(errors.New(now.LastError))
	}
	fmt.Fprintf(env.stdout, "%s sent; %s", counted(max(before.Waiting-now.Waiting, 0), "scan", "scans"), counted(now.Waiting, "scan waits", "scans wait"))
	if now.Parked > 0 {
		fmt.Fprintf(env.stdout, "; %s refused: see `fentrace queue`", counted(now.Parked, "scan was", "scans were"))
	}
	if _, err := fmt.Fprintln(env.stdout, "."); err != nil {
		return err
	}
	if now.Waiting+now.Parked > 0 {
		return errIncomplete
	}
	return nil
}

// triedInVain tells whether the server has tried to send since before, and failed.
func triedInVain(before, now api.Queue) bool {
	if now.LastError == "" || now.LastTried == nil {
		return false
	}
	var last time.Time
	if before.LastTried != nil {
		last = *before.LastTried
	}
	return now.LastTried.After(last)
}
