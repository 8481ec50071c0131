package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"fentrace/data"
	"fentrace/library"
	"fentrace/library/identify"
)

// libraryFlags choose the libraries of every command that compares.
type libraryFlags struct {
	Library []string `help:"Library file to lay over the embedded core; may be given several times." placeholder:"FILE.db" sep:"none"`
	NoCore  bool     `help:"Leave out the embedded core library, so that only --library counts."`
}

// open reads the libraries into one stack. Its errors are usage errors: nothing can be compared.
func (f libraryFlags) open(ctx context.Context) (*library.Stack, error) {
	core := data.Core
	if f.NoCore {
		core = nil
		if len(f.Library) == 0 {
			return nil, usagef("--no-core leaves nothing to compare with: give a library with --library FILE.db")
		}
	}
	stack, err := library.OpenStack(ctx, core, f.Library...)
	if err != nil {
		return nil, usageError{err}
	}
	return stack, nil
}

// identifier reads the libraries and prepares them for search.
func (f libraryFlags) identifier(env *environment) (*library.Stack, *identify.Identifier, error) {
	stack, err := f.open(env.ctx)
	if err != nil {
		return nil, nil, err
	}
	id, err := env.newIdentifier(stack)
	return stack, id, err
}

// newIdentifier prepares libraries for search and says what is damaged in them.
func (env *environment) newIdentifier(stack *library.Stack) (*identify.Identifier, error) {
	id, err := env.prepared(stack, indexDir())
	if err == nil {
		env.warnOfDamage(id)
	}
	return id, err
}

// prepared prepares libraries for search. A large one takes time the first time, which is shown, and is kept in the folder index.
func (env *environment) prepared(stack *library.Stack, index string) (*identify.Identifier, error) {
	var bar *progress
	id, err := identify.New(stack, identify.Options{IndexDir: index, Preparing: func(done, total int) {
		if bar == nil {
			bar = env.newProgress("preparing, this once,", "references", total)
		}
		bar.at(done)
	}})
	if bar != nil {
		bar.end()
	}
	return id, err
}

// warnOfDamage says which references an answer goes without.
func (env *environment) warnOfDamage(id *identify.Identifier) {
	const named = 3
	damaged := id.Damaged()
	for _, left := range damaged[:min(named, len(damaged))] {
		fmt.Fprintf(env.stderr, "fentrace: left out: %s\n", plain(left.Err.Error()))
	}
	if len(damaged) > 0 {
		fmt.Fprintf(env.stderr, "fentrace: %d references are damaged and left out of every answer\n", len(damaged))
	}
}

// indexDir is where prepared references of large libraries are kept; "" where the system has no place for such.
func indexDir() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "fentrace")
}

// into opens the library that something is to be stored in, making it when there is none, and hands it to store. A
// library that was made here and in which nothing was stored is removed again.
func into(path string, store func(*library.File) error) error {
	dst, err := library.Open(path)
	made := errors.Is(err, fs.ErrNotExist)
	if made {
		dst, err = library.Create(path)
	}
	if err != nil {
		return usageError{err}
	}
	err = store(dst)
	held, readErr := dst.Substances(context.Background()) // also after an interrupt
	err = errors.Join(err, readErr, dst.Close())
	if made && readErr == nil && len(held) == 0 {
		err = errors.Join(err, os.Remove(path))
	}
	return err
}
