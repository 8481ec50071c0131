package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/mattn/go-sqlite3"
)

func TestNothingIsStoredWhereNobodyWouldFindIt(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	away := dir + "-away"
	s := opened(t, dir, "")
	if err := put(t, s, "before"); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(dir, away); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(put(t, s, "meanwhile")); !errors.Is(err, ErrDisk) {
		t.Errorf("with the folder gone: %v", err)
	}
	if err := s.Ping(asProgram(t)); !errors.Is(err, ErrDisk) {
		t.Errorf("asked whether it is well: %v", err)
	}
	other := opened(t, dir, "") // somebody has started anew in the empty place
	if err := put(t, s, "meanwhile"); !errors.Is(err, ErrDisk) {
		t.Errorf("with another database in its place: %v", err)
	}
	if err := errors.Join(other.Close(), os.RemoveAll(dir), os.Rename(away, dir)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(put(t, s, "after"), s.Ping(asProgram(t))); err != nil {
		t.Errorf("with the folder back: %v", err)
	}
	if n := counts(t, s); n[0] != 2 {
		t.Errorf("rows %v", n)
	}
}

func TestErrorsOfTheDiskAreCalledByTheirName(t *testing.T) {
	for _, c := range []struct {
		err  error
		want error
	}{
		{sqlite3.Error{Code: sqlite3.ErrFull}, ErrFull},
		{sqlite3.Error{Code: sqlite3.ErrIoErr, SystemErrno: syscall.ENOSPC}, ErrFull},
		{sqlite3.Error{Code: sqlite3.ErrIoErr, SystemErrno: syscall.EFBIG}, ErrFull},
		{sqlite3.Error{Code: sqlite3.ErrIoErr, SystemErrno: syscall.EROFS}, ErrDisk},
		{sqlite3.Error{Code: sqlite3.ErrReadonly}, ErrDisk},
		{sqlite3.Error{Code: sqlite3.ErrCantOpen}, ErrDisk},
		{sqlite3.Error{Code: sqlite3.ErrBusy}, ErrUnavailable},
		{sqlite3.Error{Code: sqlite3.ErrConstraint}, nil},
		{&fs.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}, ErrFull},
		{&fs.PathError{Op: "open", Path: "x", Err: syscall.EROFS}, ErrDisk},
		{&fs.PathError{Op: "open", Path: "x", Err: syscall.EINVAL}, nil},
	} {
		got := NameDisk(sqlite.named(t.Context(), c.err))
		for _, sentinel := range []error{ErrFull, ErrDisk, ErrUnavailable} {
			if errors.Is(got, sentinel) != (sentinel == c.want) {
				t.Errorf("%#v: %v", c.err, got)
			}
		}
	}
	// What a disk refuses at the end may be there after a power cut.
	if err := sqlite.namedCommit(t.Context(), sqlite3.Error{Code: sqlite3.ErrIoErr}); !errors.Is(err, ErrUncertain) {
		t.Errorf("a commit that fails: %v", err)
	}
	if err := sqlite.namedCommit(t.Context(), sqlite3.Error{Code: sqlite3.ErrFull}); errors.Is(err, ErrUncertain) || !errors.Is(err, ErrFull) {
		t.Errorf("a commit without room: %v", err)
	}
}
