package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"syscall"
	"time"
)

// NameDisk wraps ErrFull or ErrDisk around the errors of a file system that mean that.
func NameDisk(err error) error {
	var no syscall.Errno
	switch {
	case err == nil, errors.Is(err, ErrFull), errors.Is(err, ErrDisk):
	case errors.As(err, &no) && slices.Contains(full, no):
		return fmt.Errorf("%w: %w", ErrFull, err)
	case errors.As(err, &no) && slices.Contains(unwritable, no):
		return fmt.Errorf("%w: %w", ErrDisk, err)
	}
	return err
}

// What the system says when there is no room, on the disk, in the quota or in the limits of the process, and when it does not let
// write, or cannot.
var (
	full       = []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG}
	unwritable = []syscall.Errno{syscall.EROFS, syscall.EIO, syscall.EACCES, syscall.EPERM, syscall.ENOENT, syscall.ESTALE, syscall.ENXIO, syscall.ENODEV}
)

// whereabouts is where an open file was.
type whereabouts struct {
	path string
	file fs.FileInfo
}

func placeOf(path string) (*whereabouts, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	return &whereabouts{path, info}, nil
}

// writable reports, wrapped in ErrDisk, that the disk does not let write. SQLite must not find out by itself: it writes into the memory
// that its -shm file is mapped to, and the system ends programs that do so on a disk that has become read-only (SIGBUS).
func (p *whereabouts) writable() error {
	if p == nil {
		return nil
	}
	now := time.Now()
	if err := os.Chtimes(p.path+"-shm", now, now); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return NameDisk(err)
	}
	return nil
}

// still reports, wrapped in ErrDisk, that the file is not where it was. It stays open, so that writing to it would work; but who looks
// there, or starts again, would not find what was written.
func (p *whereabouts) still() error {
	if p == nil {
		return nil
	}
	info, err := os.Stat(p.path)
	if err == nil && !os.SameFile(info, p.file) {
		err = errors.New("another file is in its place")
	}
	if err != nil {
		return fmt.Errorf("%w: %s was moved or removed: %w", ErrDisk, p.path, err)
	}
	return nil
}
