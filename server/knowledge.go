package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"fentrace/library"
	"fentrace/library/identify"
	"fentrace/server/api"
)

// LearnedFile is the name, inside a data folder, of the library that holds what laboratory results have taught. It is
// made from the database alone: deleting it loses nothing, the next start makes it again.
const LearnedFile = "learned.db"

// learnedTitle names that library wherever layers are listed.
const learnedTitle = "learned from laboratory results"

// knowledge is everything that follows from one version of the library. It is never changed: learning makes a new one,
// and who works with the old one goes on with it to the end.
type knowledge struct {
	lib       *library.Stack
	id        Identifier
	summary   api.LibrarySummary
	inchikeys map[string]string // by lower-case name, without those from memory
}

// know is what the server knows now.
func (s *Server) know() *knowledge { return s.knows.Load() }

func (s *Server) learnedPath() string { return filepath.Join(s.cfg.DataDir, LearnedFile) }

// load reads the learned library, when there is one, and answers with it from now on. One that cannot be read is left
// out until startLearning has made it again.
func (s *Server) load(ctx context.Context) error {
	lib := s.cfg.Library
	file, err := library.Open(s.learnedPath())
	switch {
	case err == nil:
		lib, err = lib.WithFile(ctx, file)
		if err := errors.Join(err, file.Close()); err != nil {
			return err
		}
	case remakable(s.learnedPath(), err):
		s.cfg.Logger.WarnContext(ctx, "the learned library is left out until it is made again", slog.Any("error", err))
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	id, err := s.cfg.NewIdentifier(lib)
	if err != nil {
		return fmt.Errorf("prepare the library: %w", err)
	}
	if prepared, ok := id.(*identify.Identifier); ok {
		for _, left := range prepared.Damaged() {
			s.cfg.Logger.ErrorContext(ctx, "a damaged reference is left out of every answer", slog.Any("error", left.Err))
		}
	}
	k := &knowledge{lib: lib, id: id, summary: summarise(lib), inchikeys: map[string]string{}}
	for _, sub := range lib.Substances() {
		if sub.InChIKey != "" && !sub.Unverified {
			k.inchikeys[strings.ToLower(sub.Name)] = sub.InChIKey
		}
	}
	s.knows.Store(k)
	return nil
}

// remakable: what lies at path is a file that opening refused with err because of its content, such as one that a power
// cut left half made.
func remakable(path string, err error) bool {
	if !errors.Is(err, library.ErrDamaged) && !errors.Is(err, library.ErrNotLibrary) {
		return false
	}
	info, statErr := os.Stat(path)
	return statErr == nil && info.Mode().IsRegular()
}
