package chunked

import (
	"context"
	"io"
	"net/http"
	"sync"

	"github.com/tus/tusd/v2/pkg/handler"
	"github.com/tus/tusd/v2/pkg/memorylocker"
)

// locker lets one request at a time have an upload. Who has it is asked to let go by who comes next, as when a connection was lost
// unseen; but not before it reads its body, or has ended: tusd looks for the body then without waiting for it to be there.
type locker struct{ *memorylocker.MemoryLocker }

// NewLock implements handler.Locker.
func (l locker) NewLock(id string) (handler.Lock, error) {
	held, err := l.MemoryLocker.NewLock(id)
	return lock{held}, err
}

type lock struct{ held handler.Lock }

// Lock implements handler.Lock.
func (l lock) Lock(ctx context.Context, letGo func()) error {
	reading, ok := ctx.Value(readingKey{}).(*reading)
	if !ok {
		return l.held.Lock(ctx, letGo)
	}
	return l.held.Lock(ctx, func() {
		<-reading.begun
		letGo()
	})
}

// Unlock implements handler.Lock.
func (l lock) Unlock() error { return l.held.Unlock() }

type readingKey struct{}

// reading is a body that tells when it begins to be read.
type reading struct {
	io.ReadCloser
	begun chan struct{}
	begin func()
}

// reads returns the request with a body that a lock knows of, and what is to be called when it is answered.
func reads(r *http.Request) (_ *http.Request, ended func()) {
	body := &reading{ReadCloser: r.Body, begun: make(chan struct{})}
	body.begin = sync.OnceFunc(func() { close(body.begun) })
	r = r.WithContext(context.WithValue(r.Context(), readingKey{}, body))
	r.Body = body
	return r, body.begin
}

// Read implements io.Reader.
func (r *reading) Read(b []byte) (int, error) {
	r.begin()
	return r.ReadCloser.Read(b)
}
