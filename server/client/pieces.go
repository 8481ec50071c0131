package client

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"path"
	"strconv"
	"strings"

	"fentrace/server/api"
	"fentrace/server/chunked"
	"fentrace/server/store"
	"fentrace/spectra"
)

const (
	// PieceSize of an upload in pieces, bytes: what is lost at most when a connection breaks.
	PieceSize = 1 << 20
	// restarts is how often an upload that the server has lost is begun again.
	restarts = 3
)

// UploadInPieces does what Upload does by the tus protocol: after a connection breaks, or the server was started again, only what it
// has not got yet is sent. progress, unless nil, is told how many bytes it has. Answers that were given before cannot be sent so.
func (c *Client) UploadInPieces(ctx context.Context, f File, progress func(done int)) (store.Scan, error) {
	if progress == nil {
		progress = func(int) {}
	}
	for try := 1; ; try++ {
		at, err := c.beginUpload(ctx, f, "")
		if err != nil {
			return store.Scan{}, err
		}
		id, err := c.sendPieces(ctx, at, f.Raw, progress)
		if err == nil {
			return c.GetScan(ctx, id, nil)
		}
		if !errors.Is(err, ErrNotFound) && !errors.Is(err, errUnnamed) {
			return store.Scan{}, err
		}
		// The last answer was lost after the file had been stored, or the server knows nothing of it any more.
		stored, listErr := c.ScansOf(ctx, spectra.HashBytes(f.Raw))
		if listErr == nil && len(stored) > 0 {
			return stored[0], nil
		}
		if listErr != nil || try == restarts {
			return store.Scan{}, errors.Join(err, listErr)
		}
	}
}

// beginUpload tells the server of a file and returns where its pieces go. batch is that which it is for, unless it is empty.
func (c *Client) beginUpload(ctx context.Context, f File, batch string) (address string, err error) {
	meta := []string{"filename " + base64.StdEncoding.EncodeToString([]byte(f.Name))}
	for _, one := range append(stated(f.Fields), field{api.BatchKey, batch}) {
		if one.value != "" {
			meta = append(meta, one.name+" "+base64.StdEncoding.EncodeToString([]byte(one.value)))
		}
	}
	req, err := c.tus(ctx, http.MethodPost, c.cfg.Server.JoinPath(chunked.Path).String(), nil)
	if err != nil {
		return "", err
	}
	req.Header.Set("Upload-Length", strconv.Itoa(len(f.Raw)))
	req.Header.Set("Upload-Metadata", strings.Join(meta, ","))
	if err := Repeatable(ctx, req); err != nil { // beginning twice leaves an empty one, which the server tidies away
		return "", err
	}
	res, err := c.Do(req)
	if err != nil {
		return "", err
	}
	res.Body.Close()
	id := path.Base(res.Header.Get("Location"))
	if res.StatusCode != http.StatusCreated || id == "." || id == "/" {
		return "", fmt.Errorf("%s: %w", c.Address(), errNoUpload)
	}
	// Never where the answer says: only the server that was named gets the token.
	return c.cfg.Server.JoinPath(chunked.Path, id).String(), nil
}

var errNoUpload = errors.New("the answer names no upload: this server, or a proxy before it, does not take files in pieces")

// errUnnamed: the server has the whole file and did not say as which scan it was stored.
var errUnnamed = errors.New("the server has the file and names no scan of it")

// sendPieces sends what the server has not got, and returns the scan that the file was stored as. ErrNotFound: there is no such upload.
func (c *Client) sendPieces(ctx context.Context, address string, raw []byte, progress func(int)) (scanID string, err error) {
	for done, failures := 0, 0; ; {
		id, next, err := c.sendPiece(ctx, address, raw, done)
		if err == nil {
			if done, failures = next, 0; id != "" {
				progress(done)
				return id, nil
			}
			progress(done)
			if done < len(raw) {
				continue
			}
			return "", fmt.Errorf("%s: %w", c.Address(), errUnnamed)
		}
		var said *Error
		conflict := errors.As(err, &said) && (said.Status == http.StatusConflict || said.Status == http.StatusLocked)
		if failures++; ctx.Err() != nil || c.cfg.Patience < 0 || failures > 10 || !conflict && !passing(err) {
			return "", err
		}
		has, err := c.uploaded(ctx, address)
		if err != nil {
			return "", err
		}
		if has > done {
			failures = 0
		}
		done = has
	}
}

// sendPiece sends the bytes from offset on; id is set when they were the last.
func (c *Client) sendPiece(ctx context.Context, address string, raw []byte, offset int) (id string, next int, err error) {
	piece := raw[offset:min(len(raw), offset+PieceSize)]
	req, err := c.tus(ctx, http.MethodPatch, address, piece)
	if err != nil {
		return "", 0, err
	}
	req.Header.Set("Content-Type", "application/offset+octet-stream")
	req.Header.Set("Upload-Offset", strconv.Itoa(offset))
	res, err := c.Do(req)
	if err != nil {
		return "", 0, err
	}
	res.Body.Close()
	next, err = offsetOf(res)
	return res.Header.Get(chunked.ScanHeader), next, err
}

// uploaded asks how many bytes the server has.
func (c *Client) uploaded(ctx context.Context, address string) (int, error) {
	req, err := c.tus(ctx, http.MethodHead, address, nil)
	if err != nil {
		return 0, err
	}
	res, err := c.Do(req)
	if err != nil {
		return 0, err
	}
	res.Body.Close()
	return offsetOf(res)
}

func offsetOf(res *http.Response) (int, error) {
	n, err := strconv.Atoi(res.Header.Get("Upload-Offset"))
	if err != nil || n < 0 {
		return 0, errNoUpload
	}
	return n, nil
}

func (c *Client) tus(ctx context.Context, method, address string, body []byte) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err == nil {
		req.Header.Set("Tus-Resumable", "1.0.0")
	}
	return req, err
}
