package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// immutable is FS_IMMUTABLE_FL of linux/fs.h.
const immutable = 0x10

// errNoDisk: this machine, or this user, cannot have a small disk of its own.
var errNoDisk = errors.New("a small disk needs root, loop devices and mkfs.ext4")

// disk is a small file system of its own that can be filled, made read-only and broken.
type disk struct{ dir, image string }

// newDisk makes one of so many MB, mounted at dir.
func newDisk(ctx context.Context, dir string, size int64) (*disk, error) {
	if os.Getuid() != 0 {
		return nil, errNoDisk
	}
	d := &disk{dir: dir, image: dir + ".img"}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	f, err := os.Create(d.image)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(f.Truncate(size<<20), f.Close()); err != nil {
		return nil, err
	}
	// Only root may fill the reserved share of an ext4 disk, and the server may be root: there is none.
	if out, err := exec.CommandContext(ctx, "mkfs.ext4", "-q", "-m", "0", d.image).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: %w: %s", errNoDisk, err, out)
	}
	return d, d.mount(ctx)
}

func (d *disk) mount(ctx context.Context) error {
	if out, err := exec.CommandContext(ctx, "mount", "-o", "loop", d.image, d.dir).CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %w: %s", errNoDisk, err, out)
	}
	return os.Chmod(d.dir, 0o755)
}

// unmount waits for whoever still has files open.
func (d *disk) unmount() error {
	var out []byte
	var err error
	for range 100 {
		if out, err = exec.Command("umount", d.dir).CombinedOutput(); err == nil {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return fmt.Errorf("umount: %w: %s", err, out)
}

func (d *disk) end() error {
	return errors.Join(d.unmount(), os.Remove(d.image))
}

func (d *disk) ballast() string { return filepath.Join(d.dir, "ballast") }

// fill leaves no room.
func (d *disk) fill() error {
	f, err := os.OpenFile(d.ballast(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	for size := 1 << 20; size > 0; {
		_, err := f.Write(make([]byte, size))
		if errors.Is(err, syscall.ENOSPC) {
			size /= 2
			continue
		}
		if err != nil {
			return err
		}
	}
	return f.Sync()
}

// empty gives the room back.
func (d *disk) empty() error { return os.Remove(d.ballast()) }

// breakDown makes the kernel take the disk for broken, as after errors of the device: everything open on it is read-only from then on.
func (d *disk) breakDown(ctx context.Context) error {
	if out, err := exec.CommandContext(ctx, "mount", "-o", "remount,abort", d.dir).CombinedOutput(); err != nil {
		return fmt.Errorf("break the disk: %w: %s", err, out)
	}
	return nil
}

// sealed makes every file and folder below dir, also those that are open, read-only or writable again; ext4 has a flag for that which
// holds for root as well. The memory that SQLite shares between programs is left out: the system ends whoever writes there just then,
// which a disk that becomes read-only by itself does only rarely.
func sealed(dir string, on bool) error {
	return filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // a file that was there for a moment
		}
		if err != nil || !e.IsDir() && !e.Type().IsRegular() || strings.HasSuffix(path, "-shm") {
			return err
		}
		f, err := os.Open(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		defer f.Close()
		flags, err := unix.IoctlGetInt(int(f.Fd()), unix.FS_IOC_GETFLAGS)
		if err != nil {
			return fmt.Errorf("flags of %s: %w", path, err)
		}
		if flags &^= immutable; on {
			flags |= immutable
		}
		return unix.IoctlSetPointerInt(int(f.Fd()), unix.FS_IOC_SETFLAGS, flags)
	})
}
