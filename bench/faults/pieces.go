package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// pieceCount is in how many pieces a file is sent.
const pieceCount = 3

// piecewise is a file on its way in pieces, by the tus protocol.
type piecewise struct {
	said map[string]string // of it, when it is begun
	at   string            // address of the upload; empty: not begun
	have int               // bytes that were acknowledged
	lost bool              // the server was gone since
	last bool              // the last piece was sent, acknowledged or not
	told bool              // it is counted as one that went on
}

func tus() http.Header { return http.Header{"Tus-Resumable": {"1.0.0"}} }

// send goes on with the upload until all of it has come or something fails. What is returned says what became of it; nil: the upload is
// forgotten, which means that it was stored, or has to be sent anew.
func (u *piecewise) send(ctx context.Context, l *load, raw []byte, rng *rand.Rand) (http.Header, error) {
	header, err := u.goOn(ctx, l, raw, rng)
	u.lost = u.lost || header == nil && u.at != ""
	return header, err
}

// metadata is what is said of an upload as the protocol writes it.
func metadata(said map[string]string) string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(said)) {
		out = append(out, k+" "+base64.StdEncoding.EncodeToString([]byte(said[k])))
	}
	return strings.Join(out, ",")
}

func (u *piecewise) goOn(ctx context.Context, l *load, raw []byte, rng *rand.Rand) (http.Header, error) {
	if u.at == "" {
		header := tus()
		header.Set("Upload-Length", strconv.Itoa(len(raw)))
		header.Set("Upload-Metadata", metadata(u.said))
		res, err := l.do(ctx, http.MethodPost, l.url+"/v1/uploads/", nil, header)
		if err != nil {
			return nil, err
		}
		if res.status != http.StatusCreated {
			return nil, l.refused(res)
		}
		u.at = res.header.Get("Location")
	}
	if u.lost {
		if whole, err := u.askHowFar(ctx, l, len(raw)); err != nil || whole {
			return nil, err
		}
	}
	for {
		to := min(len(raw), u.have+(len(raw)+pieceCount-1)/pieceCount)
		header := tus()
		header.Set("Upload-Offset", strconv.Itoa(u.have))
		header.Set("Content-Type", "application/offset+octet-stream")
		u.last = to == len(raw)
		res, err := l.do(ctx, http.MethodPatch, u.at, bytes.NewReader(raw[u.have:to]), header)
		if err != nil {
			return nil, err
		}
		if res.status != http.StatusNoContent {
			return nil, l.refused(res)
		}
		if u.have = to; u.have == len(raw) {
			return res.header, nil
		}
		if !pause(ctx, time.Duration(rng.Int64N(int64(restless)))) {
			return nil, ctx.Err()
		}
	}
}

// askHowFar asks what has come. An upload that is whole is gone: it was stored, or has to be sent anew.
func (u *piecewise) askHowFar(ctx context.Context, l *load, size int) (whole bool, err error) {
	res, err := l.do(ctx, http.MethodHead, u.at, nil, tus())
	if err != nil {
		return false, err
	}
	switch res.status {
	case http.StatusOK:
	case http.StatusNotFound:
		if !u.last && !l.cut.Load() {
			l.failed("an upload in pieces of which %d of %d bytes were acknowledged is forgotten", u.have, size)
		}
		return true, nil
	case http.StatusServiceUnavailable, http.StatusInsufficientStorage:
		return false, fmt.Errorf("%w: %d", errRefused, res.status) // an answer to HEAD says no more
	default:
		l.failed("asking for an upload in pieces is answered %d", res.status)
		return false, fmt.Errorf("%w: %d", errRefused, res.status)
	}
	offset, err := strconv.Atoi(res.header.Get("Upload-Offset"))
	if err != nil || offset < u.have && !l.cut.Load() || offset > size {
		l.failed("an upload in pieces is at %q, acknowledged were %d of %d bytes", res.header.Get("Upload-Offset"), u.have, size)
		return true, nil
	}
	u.have, u.lost = offset, false
	if offset > 0 && offset < size && !u.told {
		u.told = true
		l.mu.Lock()
		l.resumed++
		l.mu.Unlock()
	}
	return offset == size, nil
}
