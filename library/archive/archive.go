// Package archive keeps every scan ever stored in the form that is searched, so that the past can be looked through when
// something new is known.
//
// A scan is a row of int8 values in a segment (search.Table): a file that is never changed, named by the range of numbers of the
// scans it covers and the SHA-256 of its content. Scans get their numbers from the database that keeps them whole, in ascending
// order, and the archive says which are missing: it holds nothing that cannot be made again from there. New scans are in memory
// until there are partRows of them; these become a small segment, and small ones that follow one another become one of
// SegmentRows. A segment is written beside its place and renamed, so a power cut leaves no half one, and what was in memory is
// asked for again.
package archive

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"fentrace/library/search"
	"fentrace/spectra"
	"fentrace/spectra/durable"
)

// SegmentRows is how many scans a whole segment holds, partRows how many a small one.
const (
	SegmentRows = 1 << 16
	partRows    = 1 << 12
)

// ErrDamaged is wrapped when a segment was damaged. It is left out from then on, and its scans are missing (see Missing).
var ErrDamaged = errors.New("a segment of the archive is damaged; it is made again from the database")

// Techniques are those whose scans are kept.
var Techniques = []spectra.Technique{spectra.Raman, spectra.IR}

// Archive is a folder of segments. It is safe for concurrent use by one process; others may read the folder meanwhile.
type Archive struct {
	dir      string // empty: kept in memory
	readOnly bool
	partRows int

	mu   sync.RWMutex
	sets map[spectra.Technique]*set
}

// set is what the archive has of one technique.
type set struct {
	segments []*segment // in order of what they cover
	// building holds the scans after builtFrom, up to builtTo, that are in no segment yet.
	building           *search.Table
	builtFrom, builtTo int64
}

// segment covers the scans numbered from first to last, all that can be searched.
type segment struct {
	first, last int64
	table       *search.Table
	path        string
}

// Open opens the archive in dir, which it makes. Segments that cannot be used are put aside as .damaged, those whose spectra are
// not prepared as they are now are removed, and the problems name both; their scans are missing. With readOnly nothing in dir is
// changed.
func Open(dir string, readOnly bool) (a *Archive, problems []error, err error) {
	a = inMemory(partRows)
	a.dir, a.readOnly = dir, readOnly
	if !readOnly {
		if err := errors.Join(os.MkdirAll(dir, 0o700), durable.Tidy(dir)); err != nil {
			return nil, nil, fmt.Errorf("open archive: %w", err)
		}
	}
	paths, err := filepath.Glob(filepath.Join(dir, "*"+extension))
	if err != nil {
		return nil, nil, fmt.Errorf("open archive: %w", err)
	}
	for _, path := range paths {
		g, err := openSegment(path)
		switch {
		case errors.Is(err, fs.ErrNotExist): // another program has just made it part of a whole one
			continue
		case err != nil:
			problems = append(problems, fmt.Errorf("open archive: %w", err), a.reject(path, err))
			continue
		}
		s := a.sets[g.table.Technique()]
		s.segments = append(s.segments, g)
	}
	for _, s := range a.sets {
		problems = append(problems, s.arrange(a.readOnly))
		s.next()
	}
	return a, slices.DeleteFunc(problems, func(err error) bool { return err == nil }), nil
}

// InMemory makes an archive without a folder.
func InMemory() *Archive { return inMemory(SegmentRows) }

func inMemory(part int) *Archive {
	a := &Archive{partRows: part, sets: map[spectra.Technique]*set{}}
	for _, t := range Techniques {
		a.sets[t] = &set{}
		a.sets[t].begin(t, 0)
	}
	return a
}

// begin starts a new table for the scans after number from.
func (s *set) begin(t spectra.Technique, from int64) {
	table, err := search.NewTable(t)
	if err != nil {
		panic(err) // not one of Techniques
	}
	s.building, s.builtFrom, s.builtTo = table, from, from
}

// arrange orders the segments and drops those that lie within others: a power cut came between making a whole one and
// removing its parts.
func (s *set) arrange(readOnly bool) error {
	slices.SortFunc(s.segments, func(a, b *segment) int {
		if a.first != b.first {
			return int(max(-1, min(1, a.first-b.first)))
		}
		return int(max(-1, min(1, b.last-a.last)))
	})
	var err error
	covered := int64(0)
	s.segments = slices.DeleteFunc(s.segments, func(g *segment) bool {
		if g.first > covered {
			covered = g.last
			return false
		}
		err = errors.Join(err, g.table.Close())
		if !readOnly {
			err = errors.Join(err, os.Remove(g.path))
		}
		return true
	})
	return err
}

// next starts a table for the first gap, or for what comes after the last segment.
func (s *set) next() {
	after := int64(0)
	for _, g := range s.segments {
		if g.first > after+1 {
			break
		}
		after = g.last
	}
	s.begin(s.building.Technique(), after)
}

// Missing says which scans of a technique are wanted next: those numbered above after and, unless to is 0, up to to.
func (a *Archive) Missing(t spectra.Technique) (after, to int64) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	s := a.sets[t]
	return s.builtTo, s.gapEnd()
}

// gapEnd is the last number of the gap that is being filled, 0 when nothing comes after.
func (s *set) gapEnd() int64 {
	for _, g := range s.segments {
		if g.first > s.builtFrom {
			return g.first - 1
		}
	}
	return 0
}

// Scan is one scan for the archive.
type Scan struct {
	ID     string
	Seq    int64 // its number
	Vector search.Vector
}

// Add takes scans of technique t in order of their numbers, which are those that Missing asked for, and upTo, up to which there
// are no others. A scan that cannot be searched is left out.
func (a *Archive) Add(t spectra.Technique, scans []Scan, upTo int64) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.sets[t]
	end := s.gapEnd()
	if upTo < s.builtTo || end > 0 && upTo > end {
		return fmt.Errorf("add scans up to %d to the archive: those wanted are from %d to %d", upTo, s.builtTo+1, end)
	}
	for i, sc := range scans {
		if sc.Seq <= s.builtTo || sc.Seq > upTo {
			return fmt.Errorf("add scan %s to the archive: its number %d is not within %d to %d", sc.ID, sc.Seq, s.builtTo+1, upTo)
		}
		if err := s.building.Add(sc.ID, sc.Seq, sc.Vector); err != nil {
			return err
		}
		if s.builtTo = sc.Seq; i == len(scans)-1 {
			s.builtTo = upTo
		}
		if s.building.Len() >= a.partRows || s.builtTo == end {
			if err := a.seal(s); err != nil {
				return err
			}
		}
	}
	if len(scans) > 0 {
		return nil
	}
	if s.builtTo = upTo; upTo == end {
		return a.seal(s)
	}
	return nil
}

// seal makes a segment of what was being built. a.mu is held.
func (a *Archive) seal(s *set) error {
	if s.builtTo == s.builtFrom {
		return nil
	}
	if a.readOnly || a.dir == "" {
		s.keep(&segment{first: s.builtFrom + 1, last: s.builtTo, table: s.building})
		return nil
	}
	g, err := a.write(s.building, s.builtFrom+1, s.builtTo)
	if err != nil {
		return err
	}
	s.keep(g)
	return a.join(s)
}

// keep puts a segment in its place and begins what comes next.
func (s *set) keep(g *segment) {
	at := slices.IndexFunc(s.segments, func(other *segment) bool { return other.first > g.first })
	if at < 0 {
		at = len(s.segments)
	}
	s.segments = slices.Insert(s.segments, at, g)
	s.next()
}

// join makes small segments that follow one another into a whole one.
func (a *Archive) join(s *set) error {
	from, rows := 0, 0
	for i, g := range s.segments {
		if g.table.Len() >= SegmentRows || i > 0 && s.segments[i-1].last+1 != g.first {
			from, rows = i, 0
			if g.table.Len() >= SegmentRows {
				from = i + 1
				continue
			}
		}
		if rows += g.table.Len(); rows < SegmentRows {
			continue
		}
		parts := s.segments[from : i+1]
		whole, err := search.NewTable(g.table.Technique())
		if err != nil {
			return err
		}
		for _, p := range parts {
			if err := p.table.Check(); err != nil {
				return err // it is found and put aside by the next screening
			}
			if err := whole.Append(p.table); err != nil {
				return err
			}
		}
		made, err := a.write(whole, parts[0].first, g.last)
		if err != nil {
			return err
		}
		for _, p := range parts {
			if err := errors.Join(p.table.Close(), os.Remove(p.path)); err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
		}
		s.segments = slices.Replace(s.segments, from, i+1, made)
		return nil
	}
	return nil
}

const extension = ".rows"

// write makes a segment file and opens it.
func (a *Archive) write(t *search.Table, first, last int64) (*segment, error) {
	key, sum := fmt.Sprintf("%d-%d", first, last), sha256.New()
	if err := t.Write(sum, key); err != nil {
		return nil, fmt.Errorf("write a segment of the archive: %w", err)
	}
	path := filepath.Join(a.dir, fmt.Sprintf("%s-%012d-%012d-%s%s", t.Technique(), first, last, hex.EncodeToString(sum.Sum(nil)), extension))
	if err := durable.Write(path, func(w io.Writer) error { return t.Write(w, key) }); err != nil {
		return nil, fmt.Errorf("write a segment of the archive: %w", err)
	}
	return openSegment(path)
}

func openSegment(path string) (*segment, error) {
	table, key, err := search.OpenTable(path)
	if err != nil {
		return nil, err
	}
	g := &segment{table: table, path: path}
	if _, err := fmt.Sscanf(key, "%d-%d", &g.first, &g.last); err != nil || g.first < 1 || g.last < g.first {
		return nil, errors.Join(fmt.Errorf("%s: %w: it covers %q", path, search.ErrRowFile, key), table.Close())
	}
	return g, nil
}

// reject puts a segment that cannot be used aside, so that it is not tried again and can be looked at. There is nothing to see
// in one that is only old: keeping it would double the room that an archive takes with every change of the preparation.
func (a *Archive) reject(path string, why error) error {
	switch {
	case a.readOnly:
		return nil
	case errors.Is(why, search.ErrStale):
		return os.Remove(path)
	}
	return os.Rename(path, path+".damaged")
}

// Len is how many scans of a technique are kept.
func (a *Archive) Len(t spectra.Technique) (n int) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	for _, g := range a.sets[t].segments {
		n += g.table.Len()
	}
	return n + a.sets[t].building.Len()
}

// Bytes is how many int8 values the scans of a technique are.
func (a *Archive) Bytes(t spectra.Technique) (n int64) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	for _, g := range a.sets[t].segments {
		n += g.table.Bytes()
	}
	return n + a.sets[t].building.Bytes()
}

// Candidate is a scan that may resemble what is looked for: its score is at most Bound.
type Candidate struct {
	ScanID string
	Seq    int64
	Bound  float64
}

// Screen are the scans whose score with v at any whole shift within maxShift cm-1 may be at least score, in order of their
// numbers: all that are, and some that are a little below. progress, when set, hears how many scans of how many are done. The
// error wraps ErrDamaged when a segment was; what is said then is not all.
func (a *Archive) Screen(ctx context.Context, v search.Vector, maxShift int, score float64, progress func(done, total int)) ([]Candidate, error) {
	a.mu.RLock()
	s := a.sets[v.Technique]
	if s == nil {
		a.mu.RUnlock()
		return nil, nil
	}
	total := s.building.Len()
	tables := []*search.Table{}
	for _, g := range s.segments {
		tables, total = append(tables, g.table), total+g.table.Len()
	}
	var out []Candidate
	var damaged []*segment
	var err error
	done := 0
	for i, t := range append(tables, s.building) {
		var rows []search.Candidate
		rows, err = t.AtLeast(ctx, v, maxShift, score)
		if errors.Is(err, search.ErrRowFile) && i < len(s.segments) {
			damaged = append(damaged, s.segments[i])
			continue
		}
		if err != nil {
			break
		}
		for _, r := range rows {
			out = append(out, Candidate{t.ID(r.Row), t.Seq(r.Row), r.Bound})
		}
		if done += t.Len(); progress != nil {
			progress(done, total)
		}
	}
	a.mu.RUnlock()
	if len(damaged) > 0 {
		err = a.drop(s, damaged)
	}
	slices.SortFunc(out, func(a, b Candidate) int { return int(max(-1, min(1, a.Seq-b.Seq))) })
	return out, err
}

// drop puts segments aside.
func (a *Archive) drop(s *set, damaged []*segment) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	err := ErrDamaged
	s.segments = slices.DeleteFunc(s.segments, func(g *segment) bool {
		if !slices.Contains(damaged, g) {
			return false
		}
		err = errors.Join(err, g.table.Close(), a.reject(g.path, ErrDamaged))
		return true
	})
	s.next()
	return err
}

// Close releases the files. What is in no segment yet is asked for again by the next Open.
func (a *Archive) Close() (err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, s := range a.sets {
		for _, g := range s.segments {
			err = errors.Join(err, g.table.Close())
		}
		s.segments = nil
	}
	return err
}
