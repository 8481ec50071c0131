package search

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"sync/atomic"
	"unsafe"

	"github.com/edsrzf/mmap-go"

	"fentrace/library/search/kernel"
	"fentrace/spectra"
)

// ErrRowFile is wrapped when a file of prepared spectra cannot be used: another kind of file, another version or byte order,
// cut off, or damaged.
var ErrRowFile = errors.New("not a usable file of prepared spectra")

// A file of rows is: magic, length and CRC-32C of a header in JSON, the header, and the columns of a matrix as they are in
// memory, little-endian, each from a multiple of rowAlign on, with its CRC-32C in the header.
const (
	rowMagic      = "FTROWS\x00\x01"
	rowAlign      = 64
	rowHeaderMost = 1 << 20
	// MaxRows is how many spectra one file holds at most.
	MaxRows = 1 << 24
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// rowHeader describes a file of rows.
type rowHeader struct {
	Technique spectra.Technique `json:"technique"`
	Pipeline  string            `json:"pipeline"` // how the spectra were prepared
	Low       int               `json:"low_cm1"`
	Columns   int               `json:"columns"`
	Rows      int               `json:"rows"`
	Key       string            `json:"key"` // whatever the rows were made from
	Sections  []rowSection      `json:"sections"`
}

type rowSection struct {
	Name   string `json:"name"`
	Offset int64  `json:"offset"`
	Length int64  `json:"length"`
	CRC    uint32 `json:"crc32c"`
}

// column is one column of a matrix as bytes.
type column struct {
	name string
	per  int // bytes a row, 0 where that varies
	get  func() []byte
	set  func([]byte)
}

// columnOf is a column of per values a row.
func columnOf[T any](name string, per int, p *[]T) column {
	var zero T
	size := int(unsafe.Sizeof(zero))
	return column{name: name, per: per * size,
		get: func() []byte {
			if len(*p) == 0 {
				return nil
			}
			return unsafe.Slice((*byte)(unsafe.Pointer(&(*p)[0])), len(*p)*size)
		},
		set: func(b []byte) {
			if *p = nil; len(b) > 0 {
				*p = unsafe.Slice((*T)(unsafe.Pointer(&b[0])), len(b)/size)
			}
		}}
}

// columns of m; those for exact scores only where it has them.
func (m *matrix) columns() []column {
	out := []column{
		columnOf("id_ends", 1, &m.ids.ends), columnOf("ids", 0, &m.ids.text), columnOf("spans", 1, &m.spans),
		columnOf("mean", 1, &m.margins.mean), columnOf("core", 1, &m.margins.core), columnOf("core_mean", 1, &m.margins.coreMean),
		columnOf("inverse", 1, &m.margins.inverse),
	}
	layers := map[string]*layer{"rough": &m.rough, "fine": &m.fine}
	names := []string{"rough", "fine"}
	if !m.light {
		layers["lags"] = &m.lags
		names = append(names, "lags")
	}
	for _, name := range names {
		l := layers[name]
		out = append(out, columnOf(name, l.n, &l.quant), columnOf(name+"_total", 1, &l.total), columnOf(name+"_step", 1, &l.step),
			columnOf(name+"_size", 1, &l.size), columnOf(name+"_miss", 1, &l.miss), columnOf(name+"_rest", 1, &l.rest))
	}
	if !m.light {
		out = append(out, columnOf("value", m.n, &m.value), columnOf("sum", m.blocks()+1, &m.sum), columnOf("square", m.blocks()+1, &m.square))
	}
	return out
}

// littleEndian: numbers in memory are as they are in files.
func littleEndian() bool { return binary.NativeEndian.Uint16([]byte{1, 0}) == 1 }

// writeRows writes m and further columns.
func (m *matrix) writeRows(w io.Writer, key string, more ...column) error {
	if !littleEndian() {
		return fmt.Errorf("%w: this machine keeps numbers in another order", ErrRowFile)
	}
	pipeline, _ := Pipeline(m.technique)
	head := rowHeader{Technique: m.technique, Pipeline: pipeline.String(), Low: m.low, Columns: m.n, Rows: m.rows(), Key: key}
	columns := append(m.columns(), more...)
	for _, c := range columns {
		raw := c.get()
		head.Sections = append(head.Sections, rowSection{Name: c.name, Length: int64(len(raw)), CRC: crc32.Checksum(raw, castagnoli)})
	}
	raw, err := head.placed()
	if err != nil {
		return err
	}
	start := binary.LittleEndian.AppendUint32([]byte(rowMagic), uint32(len(raw)))
	start = binary.LittleEndian.AppendUint32(start, crc32.Checksum(raw, castagnoli))
	out := &counted{w: w}
	out.write(start)
	out.write(raw)
	for i, c := range columns {
		out.write(make([]byte, head.Sections[i].Offset-out.n))
		out.write(c.get())
	}
	return out.err
}

// placed is the header as JSON once every section has its place behind it.
func (h *rowHeader) placed() ([]byte, error) {
	for room := 0; ; { // the header grows with the numbers in it
		at := int64(len(rowMagic) + 8 + room)
		for i := range h.Sections {
			at = (at + rowAlign - 1) / rowAlign * rowAlign
			h.Sections[i].Offset = at
			at += h.Sections[i].Length
		}
		raw, err := json.Marshal(h)
		if err != nil || len(raw) <= room {
			return append(raw, bytes.Repeat([]byte(" "), max(0, room-len(raw)))...), err
		}
		room = len(raw) + 64
	}
}

// counted writes until the first error.
type counted struct {
	w   io.Writer
	n   int64
	err error
}

func (c *counted) write(b []byte) {
	if c.err == nil && len(b) > 0 {
		_, c.err = c.w.Write(b)
		c.n += int64(len(b))
	}
}

// rowFile is a mapped file of rows.
type rowFile struct {
	path   string
	file   *os.File
	raw    []byte
	mapped mmap.MMap
	head   rowHeader
}

// mapRows maps a file and checks all but the content of its sections (see check).
func mapRows(path string) (*rowFile, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	f, err := mapped(file)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), file.Close())
	}
	f.path, f.file = path, file
	return f, nil
}

func mapped(file *os.File) (*rowFile, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() < int64(len(rowMagic)+8) || !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: it is cut off", ErrRowFile)
	}
	mapped, err := mmap.Map(file, mmap.RDONLY, 0)
	if err != nil {
		return nil, fmt.Errorf("map: %w", err)
	}
	f, err := readRows(mapped)
	if err != nil {
		return nil, errors.Join(err, mapped.Unmap())
	}
	f.mapped = mapped
	return f, nil
}

// readRows reads the header of a file of rows.
func readRows(raw []byte) (*rowFile, error) {
	bad := func(format string, args ...any) (*rowFile, error) {
		return nil, fmt.Errorf("%w: "+format, append([]any{ErrRowFile}, args...)...)
	}
	start := len(rowMagic) + 8
	if len(raw) < start || string(raw[:len(rowMagic)]) != rowMagic {
		return bad("it begins as another kind of file or version")
	}
	if !littleEndian() {
		return bad("this machine keeps numbers in another order")
	}
	length, crc := binary.LittleEndian.Uint32(raw[len(rowMagic):]), binary.LittleEndian.Uint32(raw[len(rowMagic)+4:])
	if length > rowHeaderMost || int(length) > len(raw)-start {
		return bad("its header is cut off")
	}
	header := raw[start : start+int(length)]
	if crc32.Checksum(header, castagnoli) != crc {
		return bad("its header is damaged")
	}
	f := &rowFile{raw: raw}
	if err := json.Unmarshal(header, &f.head); err != nil {
		return bad("header: %v", err)
	}
	h := f.head
	w, ok := windows[h.Technique]
	if !ok || h.Rows < 0 || h.Rows > MaxRows || h.Columns < kernel.Width || h.Columns > kernel.MaxLength || h.Columns%kernel.Width != 0 ||
		h.Low < int(w.Low)-pool || h.Low > int(w.High) {
		return bad("%d rows of %d columns from %d cm-1, technique %q", h.Rows, h.Columns, h.Low, h.Technique)
	}
	for _, s := range h.Sections {
		if s.Offset < 0 || s.Offset%rowAlign != 0 || s.Length < 0 || s.Offset > int64(len(raw)) || s.Length > int64(len(raw))-s.Offset {
			return bad("its section %s is cut off", s.Name)
		}
	}
	return f, nil
}

// take points the columns into the file.
func (f *rowFile) take(columns []column) error {
	for _, c := range columns {
		raw, err := f.section(c.name)
		if err != nil {
			return err
		}
		if want := c.per * f.head.Rows; c.per > 0 && len(raw) != want {
			return fmt.Errorf("%w: section %s has %d bytes, %d belong there", ErrRowFile, c.name, len(raw), want)
		}
		c.set(raw)
	}
	return nil
}

func (f *rowFile) section(name string) ([]byte, error) {
	s, err := f.find(name)
	if err != nil {
		return nil, err
	}
	return f.raw[s.Offset : s.Offset+s.Length : s.Offset+s.Length], nil
}

func (f *rowFile) find(name string) (rowSection, error) {
	for _, s := range f.head.Sections {
		if s.Name == name {
			return s, nil
		}
	}
	return rowSection{}, fmt.Errorf("%w: section %s is missing", ErrRowFile, name)
}

// storedRows reads values of rows from a file when they are needed. Mapped memory would hold many times as much as is looked at of
// the few rows that an answer or two need, here and there; after mapAfter of them it is the better way.
type storedRows struct {
	file   *os.File
	at     int64
	reads  atomic.Int64
	failed atomic.Pointer[error]
}

const mapAfter = 8192

// read reads row i. When that fails the values are 0 and failed says why.
func (s *storedRows) read(row []float32, i int) {
	raw := unsafe.Slice((*byte)(unsafe.Pointer(&row[0])), 4*len(row))
	if _, err := s.file.ReadAt(raw, s.at+int64(i)*int64(len(raw))); err != nil {
		err = fmt.Errorf("%w: %w", ErrRowFile, err)
		s.failed.Store(&err)
		clear(row)
	}
}

// check compares the content of every section with its sum.
func (f *rowFile) check() error {
	for _, s := range f.head.Sections {
		if err := f.checkSection(s); err != nil {
			return err
		}
	}
	return nil
}

// checkFile is check that reads the file instead of its mapping.
func (f *rowFile) checkFile() error {
	file, err := os.Open(f.path)
	if err != nil {
		return err
	}
	defer file.Close()
	for _, s := range f.head.Sections {
		sum := crc32.New(castagnoli)
		if _, err := io.Copy(sum, io.NewSectionReader(file, s.Offset, s.Length)); err != nil {
			return err
		}
		if sum.Sum32() != s.CRC {
			return fmt.Errorf("%s: %w: section %s is damaged", f.path, ErrRowFile, s.Name)
		}
	}
	return nil
}

func (f *rowFile) checkSection(s rowSection) error {
	if crc32.Checksum(f.raw[s.Offset:s.Offset+s.Length], castagnoli) != s.CRC {
		return fmt.Errorf("%w: section %s is damaged", ErrRowFile, s.Name)
	}
	return nil
}

// current: the rows were prepared as they are now.
func (f *rowFile) current() bool {
	p, ok := Pipeline(f.head.Technique)
	return ok && p.String() == f.head.Pipeline
}

func (f *rowFile) close() error {
	if f.mapped == nil {
		return nil
	}
	m := f.mapped
	f.mapped, f.raw = nil, nil
	return errors.Join(m.Unmap(), f.file.Close())
}

// matrix of the file, which has values for exact scores unless light. Its content is valid in so far as check says.
func (f *rowFile) matrix(light bool) (*matrix, error) {
	m := emptyMatrix(f.head.Technique, f.head.Low, f.head.Low+f.head.Columns-1, 0, light)
	if err := f.take(m.columns()); err != nil {
		return nil, err
	}
	last := uint32(0)
	for i, end := range m.ids.ends {
		if end < last || int(end) > len(m.ids.text) {
			return nil, fmt.Errorf("%w: row %d has no id", ErrRowFile, i)
		}
		last = end
	}
	for i, s := range m.spans {
		if s.first < 0 || s.last < s.first || int(s.last) >= m.n {
			return nil, fmt.Errorf("%w: row %d covers columns %d to %d of %d", ErrRowFile, i, s.first, s.last, m.n)
		}
		m.shape = append(m.shape, m.shapeOf(s))
	}
	m.margins.finish()
	if !light && f.file != nil {
		value, err := f.find("value")
		if err != nil {
			return nil, err
		}
		m.stored = &storedRows{file: f.file, at: value.Offset}
	}
	return m, nil
}
