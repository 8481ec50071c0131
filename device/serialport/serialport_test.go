//go:build unix

package serialport

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"fentrace/device"
)

// pair is a pseudo-terminal: the device's end, and the path of the host's.
func pair(t *testing.T) (deviceEnd *os.File, path string) {
	t.Helper()
	master, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { master.Close(); slave.Close() })
	if _, err := term.MakeRaw(int(slave.Fd())); err != nil {
		t.Fatal(err)
	}
	path = slave.Name()
	return master, path
}

func open(t *testing.T, path string) Port {
	t.Helper()
	p, err := Open(context.Background(), path, Options{Baud: 115200})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func TestBytesGoBothWays(t *testing.T) {
	dev, path := pair(t)
	p := open(t, path)
	ctx := context.Background()
	sent := []byte{0, 1, 0x0A, 0x0D, 0x11, 0x13, 0xFF, 0x7F, 0x03} // what a terminal would swallow or change
	if err := p.Write(ctx, sent); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 100)
	n, err := dev.Read(buf)
	if err != nil || !bytes.Equal(buf[:n], sent) {
		t.Fatalf("% X, %v", buf[:n], err)
	}
	if _, err := dev.Write(sent); err != nil {
		t.Fatal(err)
	}
	var got []byte
	for len(got) < len(sent) {
		n, err := p.Read(ctx, buf)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, buf[:n]...)
	}
	if !bytes.Equal(got, sent) {
		t.Errorf("% X", got)
	}
}

func TestBytesFromBeforeOpeningAreDrained(t *testing.T) {
	dev, path := pair(t)
	if _, err := dev.Write([]byte("stale")); err != nil {
		t.Fatal(err)
	}
	p := open(t, path)
	if _, err := dev.Write([]byte("fresh")); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 100)
	if n, err := p.Read(context.Background(), buf); err != nil || string(buf[:n]) != "fresh" {
		t.Errorf("%q, %v", buf[:n], err)
	}
}

func TestAReadEndsWithItsContext(t *testing.T) {
	_, path := pair(t)
	p := open(t, path)
	ctx, cancel := context.WithTimeoutCause(context.Background(), time.Millisecond, device.ErrTimeout)
	defer cancel()
	if _, err := p.Read(ctx, make([]byte, 1)); !errors.Is(err, device.ErrTimeout) {
		t.Errorf("deadline: %v", err)
	}
	stopped, stop := context.WithCancel(context.Background())
	stop()
	if _, err := p.Read(stopped, make([]byte, 1)); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// Nobody reads at the other end: the kernel's buffer fills and the write is stuck for good.
func TestAStuckWriteDoesNotHoldTheCaller(t *testing.T) {
	_, path := pair(t)
	p := open(t, path)
	for range 2 {
		ctx, cancel := context.WithTimeoutCause(context.Background(), 50*time.Millisecond, device.ErrTimeout)
		if err := p.Write(ctx, make([]byte, 1<<20)); !errors.Is(err, device.ErrTimeout) {
			t.Errorf("error %v", err)
		}
		cancel()
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

func TestClosingEndsARead(t *testing.T) {
	_, path := pair(t)
	p := open(t, path)
	result := make(chan error)
	go func() {
		_, err := p.Read(context.Background(), make([]byte, 1))
		result <- err
	}()
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if err := <-result; !errors.Is(err, os.ErrClosed) {
		t.Errorf("read: %v", err)
	}
	if err := p.Write(context.Background(), []byte{1}); !errors.Is(err, os.ErrClosed) {
		t.Errorf("write after close: %v", err)
	}
	if err := p.Close(); err != nil {
		t.Errorf("second close: %v", err)
	}
}

func TestUnplugging(t *testing.T) {
	dev, path := pair(t)
	p := open(t, path)
	dev.Close()
	if _, err := p.Read(context.Background(), make([]byte, 1)); !errors.Is(err, device.ErrGone) {
		t.Errorf("read: %v", err)
	}
	if err := p.Write(context.Background(), []byte{1}); !errors.Is(err, device.ErrGone) {
		t.Errorf("write: %v", err)
	}
	if err := p.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

func TestOpeningWhatCannotBeOpened(t *testing.T) {
	ctx := context.Background()
	_, path := pair(t)
	open(t, path)
	if _, err := Open(ctx, path, Options{}); !errors.Is(err, device.ErrBusy) {
		t.Errorf("second open: %v", err)
	}
	if _, err := Open(ctx, "/dev/ttyUSB999", Options{}); !errors.Is(err, device.ErrNotFound) {
		t.Errorf("missing: %v", err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, "/dev/null"} {
		if _, err := Open(ctx, path, Options{}); err == nil {
			t.Errorf("%s was opened as a serial port", path)
		}
	}
	if _, err := Open(ctx, path, Options{Baud: -1}); !errors.Is(err, device.ErrRange) {
		t.Errorf("-1 baud: %v", err)
	}
	if err := openError("x", fs.ErrPermission); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("permission: %v", err)
	}
}

func TestAPortCanBeOpenedAgainAfterClosing(t *testing.T) {
	_, path := pair(t)
	for range 3 {
		p, err := Open(context.Background(), path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.SetBaud(57600); err != nil || p.Baud() != 57600 {
			t.Errorf("%d baud, %v", p.Baud(), err)
		}
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// A server with a thousand connections opens its spectrometer late.
func TestAPortWorksBeyondAThousandOpenFiles(t *testing.T) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil || limit.Cur < 1200 {
		t.Skipf("this process may open %d files, 1200 are needed", limit.Cur)
	}
	dev, path := pair(t)
	fillDescriptors(t, 1030)
	p := open(t, path)
	conn, err := p.(*port).file.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Control(func(fd uintptr) {
		if fd < 1024 {
			t.Errorf("descriptor %d", fd)
		}
	})
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := p.Write(ctx, []byte("ping")); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 100)
	if n, err := dev.Read(buf); err != nil || string(buf[:n]) != "ping" {
		t.Fatalf("%q, %v", buf[:n], err)
	}
	if _, err := dev.Write([]byte("pong")); err != nil {
		t.Fatal(err)
	}
	if n, err := p.Read(ctx, buf); err != nil || string(buf[:n]) != "pong" {
		t.Errorf("%q, %v", buf[:n], err)
	}
}

// fillDescriptors opens sockets until no descriptor below least is free.
func fillDescriptors(t *testing.T, least int) {
	t.Helper()
	for {
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
		if err != nil {
			t.Skip("cannot open enough sockets:", err)
		}
		t.Cleanup(func() { unix.Close(fd) })
		if fd >= least {
			return
		}
	}
}
