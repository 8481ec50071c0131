package chunked

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
)

// A disk that is gone in the middle of a request must not be written to where it was mounted.
func TestAFolderThatIsGoneIsNotMadeAgain(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	u, err := New(Config{Dir: filepath.Join(data, "uploads"), MaxSize: 1000, Log: slog.New(slog.DiscardHandler),
		User:  func(context.Context) string { return "ada" },
		Check: func(context.Context, map[string]string) error { return os.Rename(data, data+"-moved") },
		Told: func(err error) (int, string) {
			if errors.Is(err, fs.ErrNotExist) {
				return http.StatusServiceUnavailable, "the disk is gone"
			}
			return http.StatusInternalServerError, err.Error()
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	req := httptest.NewRequest(http.MethodPost, Path, nil)
	req.Header.Set("Tus-Resumable", "1.0.0")
	req.Header.Set("Upload-Length", "10")
	got := httptest.NewRecorder()
	u.ServeHTTP(got, req)
	if got.Code != http.StatusServiceUnavailable {
		t.Errorf("%d %s", got.Code, got.Body)
	}
	if _, err := os.Stat(data); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder is there again: %v", err)
	}
}
