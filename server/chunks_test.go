package server

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"fentrace/server/api"
	"fentrace/server/chunked"
)

// tus sends a request of the protocol.
func (r *running) tus(method, path string, body []byte, header ...string) answer {
	return r.do(method, path, body, append([]string{"Tus-Resumable", "1.0.0"}, header...)...)
}

// begun is the address of a new upload of that size.
func (r *running) begun(t *testing.T, size int, name string) string {
	t.Helper()
	encode := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	a := r.tus("POST", chunked.Path, nil, "Upload-Length", fmt.Sprint(size),
		"Upload-Metadata", "filename "+encode(name)+",case "+encode("A-7")+",filetype "+encode("text/plain"))
	if a.StatusCode != http.StatusCreated {
		t.Fatalf("begin an upload: %d %s", a.StatusCode, a.body)
	}
	return a.Header.Get("Location")[len(r.URL()):]
}

func (r *running) piece(path string, offset int, part []byte) answer {
	return r.tus("PATCH", path, part, "Upload-Offset", fmt.Sprint(offset), "Content-Type", "application/offset+octet-stream")
}

func TestAnUploadGoesOnWhereItStopped(t *testing.T) {
	r := start(t)
	raw := []byte(jcamp("fentanyl"))
	at := r.begun(t, len(raw), "dir/scan.jdx")
	half := len(raw) / 2
	if a := r.piece(at, 0, raw[:half]); a.StatusCode != http.StatusNoContent || a.Header.Get(chunked.ScanHeader) != "" {
		t.Fatalf("the first piece: %d %s", a.StatusCode, a.body)
	}
	if a := r.tus("HEAD", at, nil); a.Header.Get("Upload-Offset") != fmt.Sprint(half) {
		t.Errorf("it says it has %s of %d bytes", a.Header.Get("Upload-Offset"), half)
	}
	r.piece(at, half+1, raw[half+1:]).want(t, http.StatusConflict)
	last := r.piece(at, half, raw[half:])
	id := last.Header.Get(chunked.ScanHeader)
	if last.StatusCode != http.StatusNoContent || id == "" {
		t.Fatalf("the last piece: %d %s, scan %q", last.StatusCode, last.body, id)
	}
	sc := r.scan(r.do("GET", "/v1/scans/"+id, nil).want(t, http.StatusOK))
	if sc.Filename != "scan.jdx" || sc.Case != "A-7" || sc.Verdict != "alarm" {
		t.Errorf("stored as %s, case %s, %s", sc.Filename, sc.Case, sc.Verdict)
	}
	if left, err := os.ReadDir(filepath.Join(r.cfg.DataDir, chunksFolder)); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if again := r.scan(r.do("POST", "/v1/scans", raw).want(t, http.StatusOK)); again.ID != id {
		t.Error("the same bytes in one piece are another scan")
	}
}

func TestUploadsInPiecesRefuseWhatCannotBeStored(t *testing.T) {
	r := start(t, func(c *Config) { c.MaxUpload = 100_000 })
	r.tus("POST", chunked.Path, nil, "Upload-Length", "100001").want(t, http.StatusRequestEntityTooLarge)
	bad := base64.StdEncoding.EncodeToString([]byte("95"))
	r.tus("POST", chunked.Path, nil, "Upload-Length", "10", "Upload-Metadata", "latitude "+bad+",longitude "+bad).
		want(t, http.StatusUnprocessableEntity).mentions(t, "latitude")
	r.tus("POST", chunked.Path, nil, "Upload-Length", "10", "Upload-Metadata", "colour "+bad).want(t, http.StatusUnprocessableEntity).mentions(t, "colour")
	at := r.begun(t, 9, "words.csv")
	r.piece(at, 0, []byte("no values")).want(t, http.StatusUnprocessableEntity)
	r.tus("HEAD", at, nil).want404(t)
	for _, path := range []string{"..%2f..%2ffentrace.db", "../fentrace", "0123456789abcdef0123456789abcdef", "x"} {
		if a := r.tus("PATCH", chunked.Path+path, []byte("x"), "Upload-Offset", "0", "Content-Type", "application/offset+octet-stream"); a.StatusCode != http.StatusNotFound {
			t.Errorf("PATCH of %s: %d %s", path, a.StatusCode, a.body)
		}
	}

	mine := r.begun(t, 10, "a.csv")
	_, other, err := r.auth.NewToken(asProgram(t), DefaultUser, "x", "", 0)
	if err != nil {
		t.Fatal(err)
	}
	if a := r.do("HEAD", mine, nil, "Tus-Resumable", "1.0.0", "Authorization", "Bearer "+other); a.StatusCode != http.StatusOK {
		t.Errorf("the same user with another token: %d", a.StatusCode)
	}
	if err := r.SetRole(asProgram(t), "eve", "technician"); err != nil {
		t.Fatal(err)
	}
	eve, err := r.NewToken(asProgram(t), "eve", "x", "", 0)
	if err != nil {
		t.Fatal(err)
	}
	r.do("PATCH", mine, []byte("0123456789"), "Tus-Resumable", "1.0.0", "Upload-Offset", "0", "Content-Type", "application/offset+octet-stream",
		"Authorization", "Bearer "+eve).want(t, http.StatusNotFound)
	if a := r.tus("DELETE", mine, nil); a.StatusCode != http.StatusNoContent {
		t.Errorf("give up an upload: %d %s", a.StatusCode, a.body)
	}
	for range 50 {
		r.begun(t, 10, "a.csv")
	}
	r.tus("POST", chunked.Path, nil, "Upload-Length", "10").want(t, http.StatusTooManyRequests)
}

// want404 is want for an answer to HEAD, which has no body.
func (a answer) want404(t *testing.T) {
	t.Helper()
	if a.StatusCode != http.StatusNotFound {
		t.Errorf("%s answered %d", a.Request.URL, a.StatusCode)
	}
}

func TestWhatHadComeWholeIsStoredAfterTheServerWasEnded(t *testing.T) {
	r := start(t)
	raw := []byte(jcamp("fentanyl"))
	whole, part := r.begun(t, len(raw), "whole.jdx"), r.begun(t, len(raw), "part.jdx")
	dir := filepath.Join(r.cfg.DataDir, chunksFolder)
	// As if the power had failed between the last byte and the store.
	for at, some := range map[string][]byte{whole: raw, part: raw[:10]} {
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(at)), some, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r.chunks.Resume(asProgram(t))
	if n, err := r.Count(asProgram(t)); err != nil || n != 1 {
		t.Errorf("%d scans, %v", n, err)
	}
	r.tus("HEAD", whole, nil).want404(t)
	if a := r.tus("HEAD", part, nil); a.Header.Get("Upload-Offset") != "10" {
		t.Errorf("an upload that was not whole: %d, offset %s", a.StatusCode, a.Header.Get("Upload-Offset"))
	}
	r.chunks.Tidy(asProgram(t), time.Now())
	if a := r.tus("HEAD", part, nil); a.StatusCode != http.StatusOK {
		t.Errorf("a fresh upload was removed: %d", a.StatusCode)
	}
	r.chunks.Tidy(asProgram(t), time.Now().Add(72*time.Hour))
	r.tus("HEAD", part, nil).want404(t)
	if !bytes.Contains(r.do("GET", "/openapi.json", nil).body, []byte(api.ProblemType)) {
		t.Error("no description of the interface")
	}
}

func TestWhatAKilledProgramLeftOfUploadsIsRemovedAtTheNextStart(t *testing.T) {
	dir := t.TempDir()
	folder := filepath.Join(dir, chunksFolder)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	id := func(c string) string { return strings.Repeat(c, 32) }
	left := []string{id("a"), id("a") + ".info", id("b"), id("c") + ".info"} // a whole one, and halves of others
	kept := []string{id("d"), id("e") + ".info", "somebody's own"}
	week := time.Now().Add(-7 * 24 * time.Hour)
	for _, name := range append(left, kept...) {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte("{}"), 0o600); err != nil {
			t.Fatal(err)
		}
		if slices.Contains(left, name) || name == kept[2] {
			if err := os.Chtimes(path, week, week); err != nil {
				t.Fatal(err)
			}
		}
	}
	r := start(t, func(c *Config) { c.DataDir = dir })
	r.do("GET", "/v1/scans", nil).want(t, http.StatusOK)
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if !slices.Equal(names, kept) {
		t.Errorf("there are %q, want %q", names, kept)
	}
}
