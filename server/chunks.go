package server

import (
	"context"
	"net/http"
	"path/filepath"
	"time"

	"fentrace/server/api"
	"fentrace/server/auth"
	"fentrace/server/chunked"
	"fentrace/server/store"
)

// chunksFolder is the name, inside a data folder, of the folder with the pieces of uploads that are not finished.
const chunksFolder = "uploads"

// tidyEvery is how often uploads that were given up are looked for.
const tidyEvery = time.Hour

func (s *Server) newChunked() (*chunked.Uploads, error) {
	return chunked.New(chunked.Config{Dir: filepath.Join(s.cfg.DataDir, chunksFolder), MaxSize: s.cfg.MaxUpload, Log: s.cfg.Logger,
		User: func(ctx context.Context) string {
			c, _ := auth.From(ctx)
			return c.User
		},
		Check: func(ctx context.Context, said map[string]string) error {
			if id, _, err := batchOf(said); err != nil || id != "" {
				if err == nil {
					err = s.openForUpload(ctx, id)
				}
				return err
			}
			_, _, err := api.Said(said)
			return err
		},
		Receive: func(ctx context.Context, f chunked.File) (string, error) {
			if p, _ := store.Asking(ctx); p.Program { // it had come whole before the server ended
				u, err := s.store.User(ctx, f.User)
				if err != nil {
					return "", err
				}
				ctx = store.As(ctx, auth.Principal(u, ""))
			}
			if id, name, err := batchOf(f.Said); err != nil || id != "" {
				if err == nil {
					err = s.receiveForBatch(ctx, id, name, f.Raw)
				}
				return "", err
			}
			name, fields, err := api.Said(f.Said)
			if err != nil {
				return "", err
			}
			up, err := api.WithSpectrum(api.Upload{Name: name, Raw: f.Raw, Fields: fields})
			if err != nil {
				return "", err
			}
			sc, _, err := s.Receive(ctx, up)
			return sc.ID, err
		},
		Told: api.Told,
	})
}

// startChunked receives what had come whole before requests are answered, and removes what was given up, then and every hour.
func (s *Server) startChunked() {
	s.chunks.Resume(s.background)
	s.chunks.Tidy(s.background, time.Now())
	s.works.Go(func() {
		tick := time.NewTicker(tidyEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				s.chunks.Tidy(s.background, time.Now())
			case <-s.background.Done():
				return
			}
		}
	})
}

// chunkMethods are those of the tus protocol.
var chunkMethods = []string{http.MethodPost, http.MethodHead, http.MethodPatch, http.MethodDelete, http.MethodOptions}
