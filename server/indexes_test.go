package server

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fentrace/library/search"
	"fentrace/server/api"
)

func TestAWorkerFetchesPreparedReferencesAndUsesOnlyWhatIsAsPromised(t *testing.T) {
	r := start(t)
	version := r.know().lib.Version()
	names := search.IndexNames(version)
	var list struct{ Files []api.IndexFile }
	r.do("GET", "/v1/index", nil).want(t, http.StatusOK).into(t, &list)
	if len(list.Files) != 0 {
		t.Errorf("a small library is prepared in files: %v", list.Files)
	}
	folder := filepath.Join(r.cfg.DataDir, IndexFolder)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	content := map[string][]byte{}
	for i, name := range names {
		content[name] = bytes.Repeat([]byte{byte(i), 7, 8}, 100_000)
		if err := os.WriteFile(filepath.Join(folder, name), content[name], 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r.do("GET", "/v1/index", nil).want(t, http.StatusOK).into(t, &list)
	if sum := sha256.Sum256(content[names[0]]); len(list.Files) != len(names) || list.Files[0].SHA256 != hex.EncodeToString(sum[:]) {
		t.Fatalf("%+v", list.Files)
	}
	r.do("GET", "/v1/index/"+strings.Repeat("0", 64), nil).want(t, http.StatusNotFound)
	r.do("GET", "/v1/index/..%2ffentrace.db", nil).want(t, http.StatusUnprocessableEntity)

	source := func(address string) *IndexSource {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		return &IndexSource{URL: u, Token: func() (string, error) { return r.token, nil }}
	}
	dir := filepath.Join(t.TempDir(), "index")
	fetchIndex(t.Context(), source(r.URL()), dir, version, r.cfg.Logger)
	for _, name := range names {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || !bytes.Equal(got, content[name]) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}

	// Between the two sits somebody who changes a byte.
	liar := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		a := r.do("GET", req.URL.Path, nil)
		if strings.Count(req.URL.Path, "/") == 3 {
			a.body[12345] ^= 1
		}
		w.Write(a.body)
	}))
	defer liar.Close()
	log, logger := logged()
	dir = filepath.Join(t.TempDir(), "changed")
	fetchIndex(t.Context(), source(liar.URL), dir, version, logger)
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("%v is kept, %v", left, err)
	}
	if !strings.Contains(log.String(), "it is not used") {
		t.Error(log.String())
	}
}
