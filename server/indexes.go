package server

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"fentrace/library/search"
	"fentrace/server/api"
	"fentrace/server/store"
)

// indexTime is how long fetching an index from another server may take.
const indexTime = 10 * time.Minute

// IndexSource is a server that has prepared the same library already.
type IndexSource struct {
	URL   *url.URL
	Token func() (string, error)
}

// indexes are the files with prepared references that this server can hand on, by what they hold.
type indexes struct {
	dir string
	mu  sync.Mutex
	of  map[string]summed // by name
}

type summed struct {
	size int64
	time time.Time
	sum  string
}

// list are those of a library with that version; none when it is too small to be worth it, or not prepared yet.
func (x *indexes) list(version string) ([]api.IndexFile, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	out := []api.IndexFile{}
	for _, name := range search.IndexNames(version) {
		info, err := os.Stat(filepath.Join(x.dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		known := x.of[name]
		if known.sum == "" || known.size != info.Size() || !known.time.Equal(info.ModTime()) {
			f, err := os.Open(filepath.Join(x.dir, name))
			if err != nil {
				return nil, err
			}
			h := sha256.New()
			n, err := io.Copy(h, f)
			if err := errors.Join(err, f.Close()); err != nil {
				return nil, err
			}
			known = summed{n, info.ModTime(), hex.EncodeToString(h.Sum(nil))}
			x.of[name] = known
		}
		out = append(out, api.IndexFile{Name: name, SHA256: known.sum, Size: known.size})
	}
	return out, nil
}

// Indexes are the files that hold the prepared references of the library of now.
func (s *Server) Indexes() ([]api.IndexFile, error) {
	return s.prepared.list(s.know().lib.Version())
}

// OpenIndex opens one of Indexes by the SHA-256 of what it holds; the error wraps store.ErrNotFound.
func (s *Server) OpenIndex(sum string) (*os.File, error) {
	all, err := s.Indexes()
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(all, func(f api.IndexFile) bool { return f.SHA256 == sum })
	if i < 0 {
		return nil, fmt.Errorf("index %.12s: %w: the library has changed, or is too small to be prepared in a file", sum, store.ErrNotFound)
	}
	return os.Open(filepath.Join(s.prepared.dir, all[i].Name))
}

// fetchIndex gets the index of a library with that version from another server into dir, unless it is there. Whatever goes wrong is no
// loss: the index is then made here.
func fetchIndex(ctx context.Context, from *IndexSource, dir, version string, log *slog.Logger) {
	wanted := slices.DeleteFunc(search.IndexNames(version), func(name string) bool {
		_, err := os.Stat(filepath.Join(dir, name))
		return err == nil
	})
	if len(wanted) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, indexTime)
	defer cancel()
	if err := from.fetch(ctx, dir, wanted); err != nil {
		log.WarnContext(ctx, "the prepared references are made here: they cannot be had from the server", slog.String("server", from.URL.Host), slog.Any("error", err))
	}
}

func (from *IndexSource) fetch(ctx context.Context, dir string, wanted []string) error {
	res, err := from.get(ctx, "/v1/index")
	if err != nil {
		return err
	}
	defer res.Body.Close()
	var have struct {
		Files []api.IndexFile `json:"files"`
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, 1<<20)).Decode(&have); err != nil {
		return fmt.Errorf("read its list: %w", err)
	}
	for _, f := range have.Files {
		if slices.Contains(wanted, f.Name) {
			if err := from.file(ctx, dir, f); err != nil {
				return fmt.Errorf("fetch %s: %w", f.Name, err)
			}
		}
	}
	return nil
}

// file fetches one and puts it in its place once it is known to be what was promised.
func (from *IndexSource) file(ctx context.Context, dir string, f api.IndexFile) (err error) {
	res, err := from.get(ctx, "/v1/index/"+url.PathEscape(f.SHA256))
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	part, err := os.CreateTemp(dir, "*.part")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(part.Name())) }()
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(part, h), io.LimitReader(res.Body, f.Size+1))
	if err := errors.Join(err, part.Sync(), part.Close()); err != nil {
		return err
	}
	if sum := hex.EncodeToString(h.Sum(nil)); n != f.Size || sum != f.SHA256 {
		return fmt.Errorf("its SHA-256 is %.12s, not %.12s as promised: it is not used", sum, f.SHA256)
	}
	return os.Rename(part.Name(), filepath.Join(dir, f.Name))
}

func (from *IndexSource) get(ctx context.Context, path string) (*http.Response, error) {
	token, err := from.Token()
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, from.URL.String()+path, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		return nil, errors.Join(fmt.Errorf("it answers %s", res.Status), res.Body.Close())
	}
	return res, nil
}
