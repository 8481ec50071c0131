// Package rest has every operation of a Fentrace server's interface as a method. rest.go is made by `go generate` from the document
// of the interface; package client is what to use it through.
package rest

//go:generate go run ../generate -out rest.go

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
)

// MaxAnswer is how many bytes of a JSON answer are read.
const MaxAnswer = 256 << 20

// ErrNotFentrace: something else than a Fentrace server answered, such as the log-in page of a network.
var ErrNotFentrace = errors.New("the answer is not that of a Fentrace server: does this network ask for a log-in first?")

// answer reads the JSON of an answer. A status of 400 or more is an error before it comes here (package client).
func answer[T any](rsp *http.Response, err error) (T, error) {
	var v T
	if err != nil {
		return v, err
	}
	defer rsp.Body.Close()
	kind, _, _ := mime.ParseMediaType(rsp.Header.Get("Content-Type"))
	if rsp.StatusCode >= 300 || kind != "application/json" {
		return v, fmt.Errorf("%w (%d, %q)", ErrNotFentrace, rsp.StatusCode, kind)
	}
	raw, err := io.ReadAll(io.LimitReader(rsp.Body, MaxAnswer+1))
	switch {
	case err != nil:
		return v, fmt.Errorf("read the answer: %w", err)
	case len(raw) > MaxAnswer:
		return v, fmt.Errorf("read the answer: it is longer than %d bytes", MaxAnswer)
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		return v, fmt.Errorf("%w (%w)", ErrNotFentrace, err)
	}
	return v, nil
}

// nothing is an answer without content.
func nothing(rsp *http.Response, err error) error {
	if err != nil {
		return err
	}
	defer rsp.Body.Close()
	if rsp.StatusCode != http.StatusNoContent && rsp.StatusCode != http.StatusAccepted {
		return fmt.Errorf("%w (%d)", ErrNotFentrace, rsp.StatusCode)
	}
	return nil
}

// Decode reads the JSON of an answer that came by a method of Client.
func Decode[T any](rsp *http.Response) (T, error) { return answer[T](rsp, nil) }
