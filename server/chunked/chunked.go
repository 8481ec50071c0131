// Package chunked takes files in pieces by the tus protocol (1.0.0, https://tus.io), so that an upload over a network that breaks
// off goes on where it stopped.
//
// The pieces of one upload are kept in a folder until it is whole; then the file is received like any other, and the pieces are
// removed. Only who began an upload can go on with it, or ask how far it is.
package chunked

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/tus/tusd/v2/pkg/filestore"
	"github.com/tus/tusd/v2/pkg/handler"
	"github.com/tus/tusd/v2/pkg/memorylocker"
	exp "golang.org/x/exp/slog" // what tusd takes
)

const (
	// Path is where uploads are created; each has an address below it.
	Path = "/v1/uploads/"
	// ScanHeader names, in the answer to the last piece, the scan that the file was stored as.
	ScanHeader = "Fentrace-Scan"
	// keptFor is how long an upload that does not go on is kept.
	keptFor = 48 * time.Hour
	// unfinishedOf is how many unfinished uploads one user has at most.
	unfinishedOf = 50
	// userKey is the name, among what the sender says of a file, of what only the server says.
	userKey = "fentrace-user"
)

// ids that tusd gives.
var ids = regexp.MustCompile(`^[0-9a-f]{32}$`)

// File is one that has come whole.
type File struct {
	User string
	Said map[string]string // by the sender: filename, case, exhibit and so on
	Raw  []byte
}

// Config says how uploads are taken.
type Config struct {
	Dir     string // of the pieces; it is made
	MaxSize int64  // bytes of a file
	// User is who sends a request.
	User func(context.Context) string
	// Check reports what is wrong with what a sender says of a file, before it is sent.
	Check func(ctx context.Context, said map[string]string) error
	// Receive stores a file and returns its scan; empty when it is answered later. When it has returned the file is on the disk.
	Receive func(context.Context, File) (scanID string, err error)
	// Told is the HTTP status of an error, of Check, of Receive or of the disk, and what a sender is told of it.
	Told func(error) (status int, text string)
	Log  *slog.Logger
}

// Uploads are those that are not finished. They answer requests below Path.
type Uploads struct {
	Config
	store filestore.FileStore
	tus   http.Handler
	mu    sync.Mutex // held while an upload is begun
}

// New prepares uploads. Those that were whole when the server was ended, but not received, are received by Resume.
func New(c Config) (*Uploads, error) {
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("uploads in pieces: %w", err)
	}
	u := &Uploads{Config: c, store: filestore.New(c.Dir)}
	u.store.DirModePerm, u.store.FileModePerm = 0o700, 0o600
	composer := handler.NewStoreComposer()
	pieces := named{u.store, u.refusal}
	composer.UseCore(pieces)
	composer.UseTerminater(pieces)
	composer.UseLocker(locker{memorylocker.New()})
	tus, err := handler.NewHandler(handler.Config{StoreComposer: composer, BasePath: Path, MaxSize: c.MaxSize, DisableDownload: true,
		Cors: &handler.CorsConfig{Disable: true}, Logger: exp.New(exp.NewTextHandler(io.Discard, nil)),
		PreUploadCreateCallback: u.begin, PreFinishResponseCallback: u.finish})
	if err != nil {
		return nil, fmt.Errorf("uploads in pieces: %w", err)
	}
	u.tus = http.StripPrefix(strings.TrimSuffix(Path, "/"), tus)
	return u, nil
}

// ServeHTTP implements http.Handler.
func (u *Uploads) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	out := &problems{ResponseWriter: w}
	defer out.finish()
	id := strings.Trim(strings.TrimPrefix(r.URL.Path, strings.TrimSuffix(Path, "/")), "/")
	mine := id == "" || u.mine(r.Context(), id)
	if _, err := os.Stat(u.Dir); err != nil { // no upload is lost by that, and none can be begun
		u.Log.Error("uploads in pieces cannot be taken", slog.Any("error", err))
		status, text := u.Told(err)
		out.WriteHeader(status)
		fmt.Fprint(out, text)
		return
	}
	if !mine {
		out.WriteHeader(http.StatusNotFound)
		fmt.Fprint(out, "there is no such upload: it was received, given up, or is somebody else's; begin it again")
		return
	}
	r, ended := reads(r)
	defer ended()
	u.tus.ServeHTTP(out, r)
}

// mine: the upload was begun by who asks.
func (u *Uploads) mine(ctx context.Context, id string) bool {
	info, err := u.info(ctx, id)
	return err == nil && info.MetaData[userKey] == u.User(ctx)
}

func (u *Uploads) info(ctx context.Context, id string) (handler.FileInfo, error) {
	if !ids.MatchString(id) {
		return handler.FileInfo{}, handler.ErrNotFound
	}
	upload, err := u.store.GetUpload(ctx, id)
	if err != nil {
		return handler.FileInfo{}, err
	}
	return upload.GetInfo(ctx)
}

// said is what the sender says of an upload.
func said(info handler.FileInfo) map[string]string {
	out := maps.Clone(map[string]string(info.MetaData))
	delete(out, userKey)
	return out
}

// begin refuses what could not be stored in the end.
func (u *Uploads) begin(h handler.HookEvent) (handler.HTTPResponse, handler.FileInfoChanges, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	user, said := u.User(h.Context), said(h.Upload)
	if err := u.Check(h.Context, said); err != nil {
		return handler.HTTPResponse{}, handler.FileInfoChanges{}, u.refusal(err)
	}
	n := 0
	for _, info := range u.all(h.Context) {
		if info.MetaData[userKey] == user {
			n++
		}
	}
	if n >= unfinishedOf {
		return handler.HTTPResponse{}, handler.FileInfoChanges{}, handler.NewError("ERR_TOO_MANY",
			fmt.Sprintf("%d uploads are not finished; finish some, or give them up (DELETE)", n), http.StatusTooManyRequests)
	}
	meta := handler.MetaData{userKey: user}
	for k, v := range said {
		meta[k] = v
	}
	return handler.HTTPResponse{}, handler.FileInfoChanges{MetaData: meta}, nil
}

// refusal is err as tusd answers it. What the sender is not to blame for is logged.
func (u *Uploads) refusal(err error) error {
	status, text := u.Told(err)
	if status >= http.StatusInternalServerError {
		u.Log.Error("an upload in pieces was not stored", slog.Any("error", err))
	}
	return handler.NewError("ERR_REFUSED", text, status)
}

// finish receives an upload that is whole. When that fails the pieces are removed: the sender is told, and sends it again.
func (u *Uploads) finish(h handler.HookEvent) (handler.HTTPResponse, error) {
	id, err := u.receive(h.Context, h.Upload)
	if err != nil {
		return handler.HTTPResponse{}, u.refusal(err)
	}
	if id == "" {
		return handler.HTTPResponse{}, nil
	}
	return handler.HTTPResponse{Header: handler.HTTPHeader{ScanHeader: id}}, nil
}

func (u *Uploads) receive(ctx context.Context, info handler.FileInfo) (scanID string, err error) {
	raw, err := os.ReadFile(filepath.Join(u.Dir, info.ID))
	if err != nil {
		return "", fmt.Errorf("read the pieces: %w", err)
	}
	scanID, err = u.Receive(ctx, File{User: info.MetaData[userKey], Said: said(info), Raw: raw})
	return scanID, errors.Join(err, u.remove(info.ID))
}

// remove takes away the pieces of an upload, what is known of it last.
func (u *Uploads) remove(id string) error {
	return errors.Join(os.Remove(filepath.Join(u.Dir, id)), os.Remove(filepath.Join(u.Dir, id+".info")))
}

// all uploads that are not finished.
func (u *Uploads) all(ctx context.Context) []handler.FileInfo {
	paths, err := filepath.Glob(filepath.Join(u.Dir, "*.info"))
	if err != nil {
		return nil // the pattern is right
	}
	var out []handler.FileInfo
	for _, path := range paths {
		info, err := u.info(ctx, strings.TrimSuffix(filepath.Base(path), ".info"))
		if err == nil {
			out = append(out, info)
		}
	}
	return out
}

// Resume receives uploads that came whole and were not received, as after a power cut in the moment between. It must not run beside
// requests.
func (u *Uploads) Resume(ctx context.Context) {
	for _, info := range u.all(ctx) {
		if info.Offset != info.Size {
			continue
		}
		if _, err := u.receive(ctx, info); err != nil {
			u.Log.Warn("an upload that had come whole was not stored", slog.String("upload", info.ID), slog.Any("error", err))
		}
	}
}

// Tidy removes the pieces of uploads that nobody has gone on with for two days before now, and what a program that was killed while it
// began or removed one has left of it.
func (u *Uploads) Tidy(ctx context.Context, now time.Time) {
	entries, err := os.ReadDir(u.Dir)
	if err != nil {
		u.Log.Warn("look for uploads that were given up", slog.Any("error", err))
		return
	}
	touched := map[string]time.Time{} // by id: the later one of both files
	for _, e := range entries {
		id := strings.TrimSuffix(e.Name(), ".info")
		if info, err := e.Info(); err == nil && ids.MatchString(id) && info.ModTime().After(touched[id]) {
			touched[id] = info.ModTime()
		}
	}
	for id, last := range touched {
		if ctx.Err() != nil || now.Sub(last) <= keptFor {
			continue
		}
		for _, name := range []string{id, id + ".info"} {
			if err := os.Remove(filepath.Join(u.Dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				u.Log.Warn("remove an upload that was given up", slog.String("upload", id), slog.Any("error", err))
			}
		}
	}
}

// problems turns the errors of tusd, which are plain text, into problem+json (RFC 9457).
type problems struct {
	http.ResponseWriter
	status int
	text   []byte
	ending sync.Mutex
	ended  bool // guarded by ending
}

// WriteHeader implements http.ResponseWriter.
func (p *problems) WriteHeader(status int) {
	p.status = status
	if status >= http.StatusBadRequest {
		p.Header().Del("Content-Length")
		p.Header().Set("Content-Type", "application/problem+json")
	}
	p.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (p *problems) Write(b []byte) (int, error) {
	if p.status < http.StatusBadRequest {
		return p.ResponseWriter.Write(b)
	}
	p.text = append(p.text, b...)
	return len(b), nil
}

// Unwrap lets http.ResponseController reach what is below.
func (p *problems) Unwrap() http.ResponseWriter { return p.ResponseWriter }

// SetReadDeadline is for http.ResponseController. Tusd may call it when it has answered already, and another request may have what is
// below by then.
func (p *problems) SetReadDeadline(at time.Time) error {
	p.ending.Lock()
	defer p.ending.Unlock()
	if p.ended {
		return nil
	}
	return http.NewResponseController(p.ResponseWriter).SetReadDeadline(at)
}

func (p *problems) finish() {
	p.ending.Lock()
	p.ended = true
	p.ending.Unlock()
	if p.status < http.StatusBadRequest {
		return
	}
	detail := strings.TrimSpace(string(p.text))
	if _, after, ok := strings.Cut(detail, ": "); ok && strings.HasPrefix(detail, "ERR_") {
		detail = after
	}
	if detail == "" {
		detail = http.StatusText(p.status)
	}
	raw, err := json.Marshal(map[string]any{"title": http.StatusText(p.status), "status": p.status, "detail": detail})
	if err == nil {
		_, _ = p.ResponseWriter.Write(raw) // who does not listen any more does not need it
	}
}
