package search

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"fentrace/library"
	"fentrace/spectra"
	"fentrace/spectra/durable"
)

const (
	// worthCaching is how many references an index has to have for it to be kept in a file: fewer are prepared in no time.
	worthCaching = 500
	// indexesKept are how many index files stay in a folder, those used last.
	indexesKept    = 8
	indexExtension = ".index"
)

// cacheKey is what an index file says about itself.
type cacheKey struct {
	Library string    `json:"library"` // version
	Skipped []skipped `json:"skipped"`
}

type skipped struct {
	ID     string `json:"id"`
	Reason string `json:"reason"`
}

// CachedIndex is NewIndex of the references of a library with that version, but for large libraries kept in a file in dir, which it
// makes: then nothing is prepared again and only what a search looks at is read into memory. A file that is cut off, damaged, or of
// another version, is made again; without a place to write the index is made in memory. The whole content of a file is compared
// with its sums in the background: should it be damaged it is removed, and searches fail from then on with an error wrapping
// ErrRowFile. An index that lacks damaged references is not kept. A library that cannot be read is an error. progress, when set,
// hears how many references are prepared.
func CachedIndex(ctx context.Context, dir, version string, refs []library.Reference, progress func(done, total int)) (*Index, error) {
	n := 0
	for _, r := range refs {
		if r.HasSpectrum() {
			n++
		}
	}
	if n < worthCaching {
		ix := NewIndex(refs)
		for _, s := range ix.skipped {
			if errors.Is(s.Err, errUnread) {
				return nil, s.Err
			}
		}
		return ix, ctx.Err()
	}
	if dir == "" || !littleEndian() {
		return newLargeIndex(ctx, refs, progress)
	}
	if ix, err := openIndex(dir, version); err == nil {
		return ix, nil
	}
	ix, err := newLargeIndex(ctx, refs, progress)
	if err != nil {
		return nil, err
	}
	if ix.skips(library.ErrDamaged) {
		return ix, ctx.Err() // once the library is mended they have to be there
	}
	if err := ix.save(dir, version); err != nil {
		return ix, ctx.Err() // no place to write: it works as well from memory
	}
	if fromFile, err := openIndex(dir, version); err == nil {
		return fromFile, ctx.Err()
	}
	return ix, ctx.Err()
}

// indexPath is named for all that an index follows from.
func indexPath(dir, version string, t spectra.Technique) string {
	p, _ := Pipeline(t)
	sum := sha256.Sum256([]byte(rowMagic + "\n" + p.String() + "\n" + version))
	return filepath.Join(dir, fmt.Sprintf("%s-%s%s", t, hex.EncodeToString(sum[:16]), indexExtension))
}

// techniques that are searched, in order.
func techniques() []spectra.Technique {
	var out []spectra.Technique
	for t := range windows {
		out = append(out, t)
	}
	slices.Sort(out)
	return out
}

// openIndex opens the files of all techniques.
func openIndex(dir, version string) (*Index, error) {
	ix := newIndex()
	for _, t := range techniques() {
		if err := ix.take(indexPath(dir, version, t), version, t); err != nil {
			return nil, errors.Join(err, ix.close())
		}
	}
	go ix.verify()
	return ix, nil
}

// verify compares the content of the files with their sums, by reading them once more so that they do not stay in memory.
func (ix *Index) verify() {
	for _, f := range ix.files {
		err := f.checkFile()
		if errors.Is(err, ErrRowFile) {
			err = errors.Join(err, os.Remove(f.path))
			ix.damaged.Store(&err)
		}
	}
}

// take takes in the references of one file.
func (ix *Index) take(path, version string, t spectra.Technique) error {
	f, err := mapRows(path)
	if err != nil {
		return err
	}
	ix.files = append(ix.files, f)
	var key cacheKey
	if err := json.Unmarshal([]byte(f.head.Key), &key); err != nil || key.Library != version || f.head.Technique != t || !f.current() {
		return fmt.Errorf("%s: %w: it is of another library", path, ErrRowFile)
	}
	if err := f.checkSmall(); err != nil {
		return err
	}
	for _, s := range key.Skipped {
		ix.skipped = append(ix.skipped, Skipped{s.ID, errors.New(s.Reason)})
	}
	if f.head.Rows == 0 {
		return nil
	}
	m, err := f.matrix(false)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	ix.include(m)
	return nil
}

// smallSection is how large a section is, in bytes a row, that is checked before an index is used; see verify for the others.
const smallSection = 64

func (f *rowFile) checkSmall() error {
	for _, s := range f.head.Sections {
		if s.Length <= int64(smallSection*f.head.Rows) {
			if err := f.checkSection(s); err != nil {
				return err
			}
		}
	}
	return nil
}

// save writes ix and takes away the index files that were not used for longest.
func (ix *Index) save(dir, version string) error {
	if err := errors.Join(os.MkdirAll(dir, 0o755), durable.Tidy(dir)); err != nil {
		return err
	}
	for i, t := range techniques() {
		key := cacheKey{Library: version}
		if i == 0 { // once is enough
			for _, s := range ix.skipped {
				key.Skipped = append(key.Skipped, skipped{s.ReferenceID, s.Err.Error()})
			}
		}
		text, err := json.Marshal(key)
		if err != nil {
			return err
		}
		m := ix.tables[t]
		if m == nil {
			w := windows[t]
			m = emptyMatrix(t, int(w.Low), int(w.High), 0, false)
		}
		path := indexPath(dir, version, t)
		if err := durable.Write(path, func(w io.Writer) error { return m.writeRows(w, string(text)) }); err != nil {
			return err
		}
	}
	return prune(dir)
}

// prune leaves the newest index files.
func prune(dir string) error {
	paths, err := filepath.Glob(filepath.Join(dir, "*"+indexExtension))
	if err != nil {
		return err
	}
	age := map[string]int64{}
	for _, p := range paths {
		if info, err := os.Stat(p); err == nil {
			age[p] = info.ModTime().UnixNano()
		}
	}
	slices.SortFunc(paths, func(a, b string) int { return int(max(-1, min(1, age[b]-age[a]))) })
	for _, p := range paths[min(indexesKept, len(paths)):] {
		err = errors.Join(err, os.Remove(p))
	}
	return err
}

// close releases the files.
func (ix *Index) close() (err error) {
	for _, f := range ix.files {
		err = errors.Join(err, f.close())
	}
	return err
}

// IndexNames are the names, in the folder of indexes, of the files that hold the index of a library with that version.
func IndexNames(version string) []string {
	var out []string
	for _, t := range techniques() {
		out = append(out, filepath.Base(indexPath("", version, t)))
	}
	return out
}
