// Package serialport is the wire a spectrometer hangs on: an RS-232 line, a USB bridge or a pseudo-terminal.
//
// go.bug.st/serial sets the line up. The bytes go through a descriptor of our own: the library's reads report a timeout
// as (0, nil) and panic when 1,024 files are open (they use select), and its writes have no timeout at all. So every
// call here ends when its context ends, with any number of files open, and every failure is one of the errors of
// package device.
package serialport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"go.bug.st/serial"

	"fentrace/device"
)

const (
	// slice is how long one read or write waits; a context's end is noticed within it.
	slice = 20 * time.Millisecond
	// quiet is the silence after which the line counts as drained. USB bridges hold bytes back for up to 16 ms.
	quiet = 2 * slice
	// drainLimit bounds draining a device that never stops talking; the protocol's own resynchronisation takes over.
	drainLimit = 3 * time.Second
)

// Port is a byte stream to one device. Reads and writes may run at the same time, but only one of each.
//
// A call that ends because ctx ended returns context.Cause(ctx), so a caller who sets his own deadline with
// context.WithTimeoutCause(ctx, d, device.ErrTimeout) can tell it from his caller's. The other errors wrap
// device.ErrGone (unplugged) or os.ErrClosed (Close was called).
type Port interface {
	// Name is the path the port was opened by.
	Name() string
	// Read waits until at least one byte has come and returns what is there, at most len(p) bytes.
	Read(ctx context.Context, p []byte) (int, error)
	// Write sends all of p. After an error it is unknown how much of p was sent.
	Write(ctx context.Context, p []byte) error
	// Baud is the present rate in bits per second.
	Baud() int
	SetBaud(baud int) error
	// ResetInput discards what has come and waits until the line is quiet, at most three seconds.
	ResetInput(ctx context.Context) error
	// Close releases the port; a Read in progress ends. Closing twice is allowed.
	Close() error
}

// Options sets up the line, which is always 8 data bits, no parity, 1 stop bit, no flow control.
type Options struct {
	Baud int // bits per second, 9600 when zero
	// DTR and RTS set the modem lines when not nil. Lines without them (pseudo-terminals) are left alone.
	DTR, RTS *bool
}

// port implements Port.
type port struct {
	name   string
	file   *os.File    // the bytes; locked against other programs
	raw    serial.Port // the line's settings
	baud   atomic.Int64
	closed atomic.Bool
}

// Open opens the port at path for this process alone and drains bytes left over from earlier use. The errors
// wrap device.ErrNotFound, device.ErrBusy, fs.ErrPermission or device.ErrGone.
func Open(ctx context.Context, path string, o Options) (Port, error) {
	if o.Baud == 0 {
		o.Baud = 9600
	}
	if o.Baud < 0 {
		return nil, fmt.Errorf("open %s: %w: %d baud", path, device.ErrRange, o.Baud)
	}
	file, err := openFile(path)
	if err != nil {
		return nil, openError(path, err)
	}
	raw, err := serial.Open(path, &serial.Mode{BaudRate: o.Baud})
	if err != nil {
		file.Close()
		return nil, openError(path, err)
	}
	p := &port{name: path, file: file, raw: raw}
	p.baud.Store(int64(o.Baud))
	if err := p.prepare(ctx, o); err != nil {
		p.Close()
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	return p, nil
}

func (p *port) prepare(ctx context.Context, o Options) error {
	if err := p.file.SetDeadline(time.Time{}); err != nil {
		return fmt.Errorf("reads and writes cannot be ended on this system: %w", err)
	}
	// Errors are not reported: lines without modem signals refuse with ENOTTY and work nevertheless.
	if o.DTR != nil {
		_ = p.raw.SetDTR(*o.DTR)
	}
	if o.RTS != nil {
		_ = p.raw.SetRTS(*o.RTS)
	}
	return p.ResetInput(ctx)
}

func openError(path string, err error) error {
	var pe *serial.PortError
	errors.As(err, &pe)
	switch {
	case errors.Is(err, fs.ErrNotExist), isGone(err), pe != nil && pe.Code() == serial.PortNotFound:
		return fmt.Errorf("open %s: %w: is the device plugged in and switched on?", path, device.ErrNotFound)
	case errors.Is(err, device.ErrBusy), errors.Is(err, syscall.EBUSY), pe != nil && pe.Code() == serial.PortBusy:
		return fmt.Errorf("open %s: %w", path, device.ErrBusy)
	case errors.Is(err, fs.ErrPermission), pe != nil && pe.Code() == serial.PermissionDenied:
		return fmt.Errorf("open %s: %w: add this user to the group that owns it (often dialout or uucp)", path, fs.ErrPermission)
	case pe != nil && pe.Code() == serial.InvalidSerialPort:
		return fmt.Errorf("open %s: not a serial port: %w", path, err)
	}
	return fmt.Errorf("open %s: %w", path, err)
}

func (p *port) Name() string { return p.name }
func (p *port) Baud() int    { return int(p.baud.Load()) }

func (p *port) SetBaud(baud int) error {
	if baud <= 0 {
		return fmt.Errorf("set %s to %d baud: %w", p.name, baud, device.ErrRange)
	}
	if err := p.raw.SetMode(&serial.Mode{BaudRate: baud}); err != nil {
		return p.wrap(fmt.Sprintf("set %s to %d baud", p.name, baud), err)
	}
	p.baud.Store(int64(baud))
	return nil
}

func (p *port) Read(ctx context.Context, b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	for {
		if ctx.Err() != nil {
			return 0, context.Cause(ctx)
		}
		// Its error is that of a closed file, which the read reports as well.
		_ = p.file.SetReadDeadline(time.Now().Add(slice))
		n, err := p.file.Read(b)
		if n > 0 {
			return n, nil
		}
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			return 0, p.wrap("read "+p.name, err)
		}
	}
}

func (p *port) Write(ctx context.Context, b []byte) error {
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		_ = p.file.SetWriteDeadline(time.Now().Add(slice))
		n, err := p.file.Write(b)
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			return p.wrap("write "+p.name, err)
		}
		if b = b[n:]; len(b) == 0 {
			return nil
		}
	}
}

func (p *port) ResetInput(ctx context.Context) error {
	if err := p.raw.ResetInputBuffer(); err != nil {
		return p.wrap("drain "+p.name, err)
	}
	limit, cancel := context.WithTimeout(ctx, drainLimit)
	defer cancel()
	buf := make([]byte, 4096)
	for {
		silence, stop := context.WithTimeout(limit, quiet)
		_, err := p.Read(silence, buf)
		stop()
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(err, context.DeadlineExceeded):
			return nil
		case err != nil:
			return err
		}
	}
}

func (p *port) Close() error {
	if p.closed.Swap(true) {
		return nil
	}
	// What a stuck line has not taken is thrown away; the kernel would wait for it to leave.
	_ = p.raw.ResetOutputBuffer()
	err := p.raw.Close()
	fileErr := p.file.Close()
	if err = errors.Join(err, fileErr); err != nil && !isGone(err) {
		return fmt.Errorf("close %s: %w", p.name, err)
	}
	return nil
}

// wrap names what was being done and sorts the library's and the kernel's words for a missing device.
func (p *port) wrap(doing string, err error) error {
	if p.closed.Load() {
		return fmt.Errorf("%s: %w", doing, os.ErrClosed)
	}
	if isGone(err) {
		return fmt.Errorf("%s: %w", doing, device.ErrGone)
	}
	return fmt.Errorf("%s: %w", doing, err)
}

func isGone(err error) bool {
	var pe *serial.PortError
	if errors.As(err, &pe) && pe.Code() == serial.PortClosed || errors.Is(err, io.EOF) { // a hang-up ends a read with no bytes
		return true
	}
	for _, e := range []error{syscall.EIO, syscall.ENXIO, syscall.ENODEV, syscall.EBADF} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
