package web

import (
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/labstack/echo/v4"
)

func TestPages(t *testing.T) {
	e := echo.New()
	register(e, fstest.MapFS{
		"index.html": {Data: []byte("all pages")}, "login.html": {Data: []byte("log in")},
		"assets/a-1.js": {Data: []byte("code")}, "map.webmanifest": {Data: []byte("manifest")},
	})
	for path, want := range map[string]string{
		"/": "all pages", "/map": "all pages", "/scans/1b2c": "all pages", "/login": "log in", "/assets/a-1.js": "code",
		"/map.webmanifest": "manifest", "/assets/none.js": "404", "/assets/": "404", "/assets/../login.html": "404", "/none.js": "404",
		"/v1/none": "404", "/v1": "404", "/assets/%2e%2e/index.html": "404",
	} {
		rec := httptest.NewRecorder()
		e.ServeHTTP(rec, httptest.NewRequest("GET", path, nil))
		got := rec.Body.String()
		if rec.Code != 200 {
			got = "404"
			if rec.Code != 404 {
				t.Errorf("%s answered %d", path, rec.Code)
			}
		}
		if got != want {
			t.Errorf("%s answered %q, want %q", path, got, want)
		}
		if cached := strings.Contains(rec.Header().Get("Cache-Control"), "immutable"); cached != (want == "code") {
			t.Errorf("%s: Cache-Control %q", path, rec.Header().Get("Cache-Control"))
		}
	}
}

func TestWithoutPagesOnePlainPageSaysSo(t *testing.T) {
	e := echo.New()
	register(e, nil)
	for _, path := range []string{"/", "/login", "/map"} {
		rec := httptest.NewRecorder()
		e.ServeHTTP(rec, httptest.NewRequest("GET", path, nil))
		if rec.Code != 200 || !strings.Contains(rec.Body.String(), "make build") {
			t.Errorf("%s answered %d %s", path, rec.Code, rec.Body)
		}
	}
}
