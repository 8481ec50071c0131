package server

import (
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

// unhurried takes the times away in which a request has to come as soon as all of it has. They would go on while it is answered: when one
// passes then, net/http takes the connection for broken, which ends that request and, on the same connection, every later one. A time for
// the answer to an earlier request on the connection, which nobody takes back, does not hold for this one either.
func unhurried(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a := &arrival{ResponseWriter: w, control: http.NewResponseController(w)}
		_ = a.control.SetWriteDeadline(time.Time{}) // a recorder in a test knows no times
		if r.Body == nil || r.Body == http.NoBody {
			a.whole()
		} else {
			r = r.WithContext(r.Context()) // of its own, net/http has to know the body: who sends too much hears so before it hangs up
			r.Body = arriving{r.Body, a}
		}
		next.ServeHTTP(a, r)
	})
}

// arrival is the answer to a request whose body may still come.
type arrival struct {
	http.ResponseWriter
	control *http.ResponseController
	come    atomic.Bool
}

func (a *arrival) whole() {
	a.come.Store(true)
	_ = a.control.SetReadDeadline(time.Time{})
}

// Unwrap lets http.ResponseController reach what is below.
func (a *arrival) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// SetReadDeadline is for http.ResponseController. Once all has come there is nothing left to wait for.
func (a *arrival) SetReadDeadline(t time.Time) error {
	if a.come.Load() {
		return nil
	}
	return a.control.SetReadDeadline(t)
}

// arriving is the body of such a request.
type arriving struct {
	io.ReadCloser
	of *arrival
}

// Read implements io.Reader.
func (b arriving) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) {
		b.of.whole()
	}
	return n, err
}
