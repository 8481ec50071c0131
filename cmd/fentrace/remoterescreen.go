package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"fentrace/server/client"
	"fentrace/server/client/rest"
	"fentrace/server/lookback"
	"fentrace/server/store"
)

// remote has a server look through its past.
func (c *rescreenCommand) remote(env *environment) error {
	given := c.libraryFlags.set()
	given["data"], given["db"] = c.Data != "", c.DB != ""
	if err := ownOnly(given); err != nil {
		return err
	}
	if c.Like != "" {
		return c.remoteLike(env)
	}
	for _, reference := range c.Reference {
		begun, err := env.remote.BeginRescreen(env.ctx, rest.BeginRescreenRequest{References: []string{reference}})
		if err != nil {
			return err
		}
		for _, r := range begun.Rescreens {
			if r, err = env.follow(r); err != nil {
				return err
			}
			if err := c.printRemote(env, r); err != nil {
				return err
			}
		}
	}
	return nil
}

// follow waits until a look-back has ended, showing how far it is. An interrupt cancels it.
func (env *environment) follow(r store.Rescreen) (store.Rescreen, error) {
	var bar *progress
	err := env.remote.Events(env.ctx, nil, func(e client.Event) (bool, error) {
		if e.Name != "rescreen" {
			// The look-back may have ended before the stream began.
			if bar == nil {
				now, err := env.remote.Rescreen(env.ctx, r.ID, nil)
				r = now.Rescreen
				return r.State == store.RescreenRunning, err
			}
			return true, nil
		}
		var told store.Rescreen
		if err := json.Unmarshal(e.Data, &told); err != nil || told.ID != r.ID {
			return true, nil // of another look-back, or a newer server
		}
		r = told
		if bar == nil && r.Total > 0 {
			bar = env.newProgress("answering again", "scans", r.Total)
		}
		if bar != nil {
			bar.at(r.Done)
		}
		return r.State == store.RescreenRunning, nil
	})
	if bar != nil {
		bar.end()
	}
	if env.ctx.Err() == nil {
		return r, err
	}
	last := context.WithoutCancel(env.ctx)
	if err := env.remote.CancelRescreen(last, r.ID); err != nil && !errors.Is(err, client.ErrConflict) {
		return r, err
	}
	now, err := env.remote.Rescreen(last, r.ID, nil)
	return now.Rescreen, err
}

func (c *rescreenCommand) printRemote(env *environment, r store.Rescreen) error {
	ctx := context.WithoutCancel(env.ctx) // what was found before an interrupt is shown
	now, err := env.remote.Rescreen(ctx, r.ID, nil)
	if err != nil {
		return err
	}
	hits := []store.LookBackHit{}
	for h, err := range env.remote.Hits(ctx, r.ID) {
		if err != nil {
			return err
		}
		if hits = append(hits, h); !c.JSON && len(hits) == rescreenShown {
			break
		}
	}
	return c.printFound(env, now.Rescreen, hits)
}

func (c *rescreenCommand) remoteLike(env *environment) error {
	id, err := scanID(c.Like)
	if err != nil {
		return err
	}
	limit := int64(similarShown)
	out, err := env.remote.SimilarScans(env.ctx, id, &rest.SimilarScansParams{Least: &c.Least, Limit: &limit})
	if err != nil {
		return err
	}
	return c.printLike(env, append([]lookback.Similar{}, out.Scans...))
}

// ended is what the exit code of a look-back follows from.
func (env *environment) ended(r store.Rescreen) error {
	switch r.State {
	case store.RescreenCancelled:
		how := "interrupted"
		if env.ctx.Err() == nil {
			how = "cancelled by another program, such as a server on this folder"
		}
		return fmt.Errorf("%s: %d of %d scans are done; the same command goes on from there", how, r.Done, r.Total)
	case store.RescreenFailed:
		return errors.New(r.Error)
	}
	return nil
}
