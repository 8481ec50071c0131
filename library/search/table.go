package search

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"fentrace/library/search/kernel"
	"fentrace/spectra"
)

// Table holds many prepared spectra of one technique as int8, on the grid of the technique's window: enough to say which of
// them may resemble a spectrum, in a sixth of the room. It is safe for concurrent use unless rows are added.
type Table struct {
	m    *matrix
	seq  []int64
	file *rowFile // nil for a table in memory

	once    sync.Once
	damaged error
}

// NewTable makes an empty table in memory. The error wraps ErrNotSearchable for a technique that is not searched.
func NewTable(t spectra.Technique) (*Table, error) {
	w, ok := windows[t]
	if !ok {
		return nil, fmt.Errorf("%w: technique %q is neither raman nor ir", ErrNotSearchable, t)
	}
	return &Table{m: emptyMatrix(t, int(w.Low), int(w.High), 0, true)}, nil
}

// Technique of the spectra.
func (t *Table) Technique() spectra.Technique { return t.m.technique }

// Len is the number of spectra.
func (t *Table) Len() int { return t.m.rows() }

// ID of a row.
func (t *Table) ID(row int) string { return t.m.ids.at(row) }

// Seq is the number that a row was added with.
func (t *Table) Seq(row int) int64 { return t.seq[row] }

// Add appends a spectrum with its id and a number of the caller's.
func (t *Table) Add(id string, seq int64, v Vector) error {
	switch {
	case t.file != nil:
		return fmt.Errorf("add %s to a table: %w: a file is not added to", id, ErrRowFile)
	case v.Technique != t.m.technique || v.Low < t.m.low || v.High() >= t.m.low+t.m.n:
		return fmt.Errorf("add %s to a table of %s from %d cm-1: %w: it is %s from %d to %d", id, t.m.technique, t.m.low, ErrNotSearchable, v.Technique, v.Low, v.High())
	case t.Len() == MaxRows:
		return fmt.Errorf("add %s to a table: it holds %d spectra, which is the most", id, MaxRows)
	}
	t.m.add(id, v)
	t.seq = append(t.seq, seq)
	return nil
}

// Append appends the rows of another table of the same technique.
func (t *Table) Append(other *Table) error {
	if t.file != nil || t.m.technique != other.m.technique || t.m.n != other.m.n || t.m.low != other.m.low || t.Len()+other.Len() > MaxRows {
		return fmt.Errorf("join tables: %w", ErrRowFile)
	}
	for i := range other.Len() {
		t.m.ids.add(other.ID(i))
		t.m.shape = append(t.m.shape, t.m.shapeOf(other.m.spans[i]))
	}
	t.m.spans, t.seq = append(t.m.spans, other.m.spans...), append(t.seq, other.seq...)
	mg, from := &t.m.margins, &other.m.margins
	mg.mean, mg.core = append(mg.mean, from.mean...), append(mg.core, from.core...)
	mg.coreMean, mg.inverse = append(mg.coreMean, from.coreMean...), append(mg.inverse, from.inverse...)
	mg.one, mg.odd = append(mg.one, from.one...), mg.odd || from.odd
	t.m.fine.append(&other.m.fine)
	t.m.rough.append(&other.m.rough)
	return nil
}

func (l *layer) append(other *layer) {
	l.quant, l.total, l.step = append(l.quant, other.quant...), append(l.total, other.total...), append(l.step, other.step...)
	l.size, l.miss, l.rest = append(l.size, other.size...), append(l.miss, other.miss...), append(l.rest, other.rest...)
}

// Write writes the table as a file. key is whatever it was made from.
func (t *Table) Write(w io.Writer, key string) error {
	return t.m.writeRows(w, key, columnOf("seq", 1, &t.seq))
}

// OpenTable maps a file that Write wrote. The error wraps ErrRowFile when it is none, is cut off, or was prepared by another
// pipeline; what is damaged inside is found by Check and AtLeast.
func OpenTable(path string) (t *Table, key string, err error) {
	f, err := mapRows(path)
	if err != nil {
		return nil, "", err
	}
	if t, err = f.table(); err != nil {
		return nil, "", fmt.Errorf("%s: %w", path, closing(err, f))
	}
	return t, f.head.Key, nil
}

// closing closes f and returns err.
func closing(err error, f *rowFile) error {
	if e := f.close(); e != nil {
		return fmt.Errorf("%w (%w)", err, e)
	}
	return err
}

// ErrStale is wrapped, besides ErrRowFile, when spectra in a file were prepared in another way than they are now.
var ErrStale = errors.New("its spectra are not prepared as they are now")

func (f *rowFile) table() (*Table, error) {
	if !f.current() {
		return nil, fmt.Errorf("%w: %w but by %s", ErrRowFile, ErrStale, f.head.Pipeline)
	}
	m, err := f.matrix(true)
	if err != nil {
		return nil, err
	}
	t := &Table{m: m, file: f}
	return t, f.take([]column{columnOf("seq", 1, &t.seq)})
}

// Check compares the content of a file with its sums, once.
func (t *Table) Check() error {
	if t.file == nil {
		return nil
	}
	t.once.Do(func() { t.damaged = t.file.check() })
	return t.damaged
}

// Bytes is how much a screening reads at most: the int8 values of every row at full width.
func (t *Table) Bytes() int64 { return int64(t.Len()) * int64(t.m.n) }

// Close unmaps the file. The table must not be used afterwards.
func (t *Table) Close() error {
	if t.file == nil {
		return nil
	}
	return t.file.close()
}

// Candidate is a row, and the score that it has at most.
type Candidate struct {
	Row   int
	Bound float64
}

// AtLeast are the rows, in order, whose score with v at any whole shift within maxShift cm-1 may be at least score (above 0):
// all that are, and some that are a little below. The error is that of Check, or of ctx.
func (t *Table) AtLeast(ctx context.Context, v Vector, maxShift int, score float64) ([]Candidate, error) {
	switch {
	case v.Technique != t.m.technique:
		return nil, nil
	case maxShift < 0 || maxShift > kernelShift || !(score > 0):
		return nil, fmt.Errorf("screen: shift %d must be within 0..%d cm-1, score %g above 0", maxShift, kernelShift, score)
	}
	if err := t.Check(); err != nil {
		return nil, err
	}
	s := newScreen(t.m, v, maxShift)
	const together = grain * chunk
	found := make([][]Candidate, (t.Len()+together-1)/together)
	err := onEveryCore(ctx, len(found), func() func(int) {
		part := t.screening(s, score)
		return func(g int) {
			for from := g * together; from < min((g+1)*together, t.Len()); from += chunk {
				found[g] = part(found[g], from, min(from+chunk, t.Len()))
			}
		}
	})
	return slices.Concat(found...), err
}

// screening appends the rows from..to-1, a chunk at most, whose score may be at least score. It owns its buffers.
func (t *Table) screening(s *screen, score float64) func(found []Candidate, from, to int) []Candidate {
	products, fine, bounds := make([]int32, chunk), make([]int32, s.fine.count()), make([]float32, chunk)
	l := &t.m.rough
	return func(found []Candidate, from, to int) []Candidate {
		kernel.Largest(products[:to-from], s.rough.queries, l.quant[from*l.n:to*l.n], l.n)
		s.roughBounds(bounds[:to-from], products[:to-from], from)
		for i, b := range bounds[:to-from] {
			if float64(b) < score-boundSlack {
				continue
			}
			if bound := s.fineBound(from+i, fine); bound >= score {
				found = append(found, Candidate{from + i, bound})
			}
		}
		return found
	}
}
