package server

import (
	"context"
	"fmt"

	"fentrace/device/acquire"
	"fentrace/library"
	"fentrace/library/identify"
	"fentrace/server/api"
	"fentrace/spectra"
	"fentrace/spectra/format"
)

// Identify answers each spectrum of a file and stores nothing. What of it cannot be read or answered is named beside the answers.
func (s *Server) Identify(ctx context.Context, u api.Upload) (api.Identified, error) {
	out := api.Identified{SHA256: spectra.HashBytes(u.Raw), Answers: []identify.Identification{}, Unread: []api.NotRead{}}
	lost := func(file string, err error) {
		out.Unread = append(out.Unread, api.NotRead{File: file, Error: err.Error()})
	}
	sp, unread := u.Spectra, []error(nil)
	if sp == nil {
		var err error
		if sp, unread, err = acquire.ReadAll(u.Name, u.Raw); err != nil {
			lost(u.Name, err)
			return out, nil
		}
	}
	if len(sp) > MaxSpectra {
		return out, fmt.Errorf("read %s: %w: it holds %d spectra, at most %d; split it", u.Name, api.ErrUnreadable, len(sp), MaxSpectra)
	}
	for i, one := range spectra.Scans(sp) {
		if err := ctx.Err(); err != nil {
			return out, err
		}
		one.Metadata.SHA256 = out.SHA256
		name := format.SpectrumName(u.Name, one, i)
		ans, err := s.know().id.Identify(ctx, one)
		if err != nil {
			lost(name, err)
			continue
		}
		ans.File = name
		out.Answers = append(out.Answers, ans)
	}
	for _, err := range unread {
		lost(u.Name, err)
	}
	return out, nil
}

// Stack is the library that scans are answered with now.
func (s *Server) Stack() *library.Stack { return s.know().lib }

// About says which version this is, and what it answers with.
func (s *Server) About() api.About {
	return api.About{Version: s.cfg.Version, Algorithm: identify.Algorithm, Library: s.know().lib.Version(), Time: s.cfg.Clock().UTC()}
}
