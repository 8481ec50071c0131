// Package format reads spectra from the files that instruments and libraries write, and writes JCAMP-DX, CSV and SPC.
//
// Each vendor format is one Reader in one file; the table in this file lists them. A file is recognised by its
// content, its extension is only a hint. A reader never guesses past a contradiction: it returns an error that
// names the file, the line and what to do, or a spectrum whose Metadata.Warnings say what was tolerated.
package format

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"fentrace/spectra"
)

// Errors of reading; test with errors.Is.
var (
	ErrUnknownFormat = errors.New("format is not known")
	ErrEmptyFile     = errors.New("file is empty")
	ErrTruncated     = errors.New("file is truncated")
	ErrTooLarge      = errors.New("file is too large")
	ErrNoSpectrum    = errors.New("no spectrum in the file")
	ErrNotNumber     = errors.New("not a number")
	ErrInconsistent  = errors.New("file contradicts itself")
)

// Bounds on what is read, so that memory is bounded before it is taken.
const (
	MaxFileBytes = 64 << 20 // of one file

	maxFilePoints  = 2 * spectra.MaxPoints // of all spectra of one file together
	maxFileSpectra = 8192
	maxLines       = 2 * spectra.MaxPoints
	maxColumns     = 16384
	maxFields      = 4096     // metadata labels kept of one spectrum
	maxLabelBytes  = 32 << 20 // of all spectra of one file together
	headBytes      = 8192     // what Detect sees
)

// Confidence is how sure a reader is that a file is its own; the surest reader reads it.
type Confidence int

// The steps of Confidence: Never is not asked to read; Fallback reads what nobody else claims.
const (
	Never Confidence = iota
	Fallback
	Likely
	Certain
)

// Reader reads one format.
type Reader struct {
	Name       string   // stored in Metadata.Format
	Extensions []string // in lower case with the dot, most usual first
	Binary     bool     // not text: zero bytes are no sign of another format
	// Detect judges the first bytes of a file (at most 8 KiB, as they are on disk) and its name.
	Detect func(head []byte, name string) Confidence
	// Read returns every spectrum of the file, those that can be searched first where a format mixes them with raw data,
	// otherwise in file order; or an error that says where reading stopped.
	Read func(name string, raw []byte) ([]spectra.Spectrum, error)
}

// Readers returns the formats that can be read.
func Readers() []Reader {
	return []Reader{
		{Name: "jcamp-dx", Extensions: []string{".jdx", ".dx", ".jcm"}, Detect: detectJCAMP, Read: readJCAMP},
		{Name: "enlighten", Extensions: []string{".csv"}, Detect: detectENLIGHTEN, Read: readENLIGHTEN},
		{Name: "bwtek", Extensions: []string{".txt"}, Detect: detectBWTek, Read: readBWTek},
		{Name: "spc", Extensions: []string{".spc"}, Binary: true, Detect: detectSPC, Read: readSPC},
		{Name: "wdf", Extensions: []string{".wdf"}, Binary: true, Detect: detectWDF, Read: readWDF},
		{Name: "jws", Extensions: []string{".jws", ".jrs"}, Binary: true, Detect: detectJWS, Read: readJWS},
		{Name: "opus", Extensions: []string{".0"}, Binary: true, Detect: detectOPUS, Read: readOPUS},
		{Name: "omnic", Extensions: []string{".spa", ".spg", ".srs"}, Binary: true, Detect: detectOMNIC, Read: readOMNIC},
		{Name: "perkinelmer-sp", Extensions: []string{".sp"}, Binary: true, Detect: detectPerkinElmer, Read: readPerkinElmer},
		{Name: "princeton-spe", Extensions: []string{".spe"}, Binary: true, Detect: detectSPE, Read: readSPE},
		{Name: "animl", Extensions: []string{".animl"}, Detect: detectAnIML, Read: readAnIML},
		{Name: "labspec-text", Extensions: []string{".txt", ".l6s", ".l6m"}, Detect: detectLabSpec, Read: readLabSpec},
		{Name: "ocean-text", Extensions: []string{".txt"}, Detect: detectOcean, Read: readOcean},
		{Name: "wire-text", Extensions: []string{".txt"}, Detect: detectWiRE, Read: readWiRE},
		{Name: zipFormat, Extensions: []string{".zip"}, Binary: true, Detect: detectZIP, Read: readZIP},
		{Name: "gzip", Extensions: []string{".gz"}, Binary: true, Detect: detectGZIP, Read: readGZIP},
		{Name: "delimited", Extensions: []string{".csv", ".txt", ".tsv", ".asc", ".dat", ".xy", ".prn"}, Detect: detectDelimited, Read: readDelimited},
	}
}

// Error says where reading a file stopped.
type Error struct {
	File  string
	Line  int // 1-based; 0 when no single line is at fault
	Cause error
}

func (e *Error) Error() string {
	if e.Line > 0 {
		return fmt.Sprintf("read %s: line %d: %v", e.File, e.Line, e.Cause)
	}
	return fmt.Sprintf("read %s: %v", e.File, e.Cause)
}

func (e *Error) Unwrap() error { return e.Cause }

// at is an Error whose file is filled in by Read.
func at(line int, format string, args ...any) error {
	return &Error{Line: line, Cause: fmt.Errorf(format, args...)}
}

// Read returns the spectra held by raw, the bytes of the file called name. Every spectrum carries the format and
// the hash of raw in its Metadata and passes Spectrum.Validate. The error is always an *Error.
func Read(name string, raw []byte) ([]spectra.Spectrum, error) {
	out, err := read(name, raw)
	if err != nil {
		return nil, named(name, err)
	}
	return out, nil
}

// ReadAll is Read that tells apart what could not be read: of an archive, of which the other files are lost to nobody,
// unread has an *Error for each that could not; of any other file it is nil.
func ReadAll(name string, raw []byte) (out []spectra.Spectrum, unread []error, err error) {
	out, err = readWith(name, raw, func(r Reader) (read []spectra.Spectrum, err error) {
		if r.Name != zipFormat {
			return r.Read(name, raw)
		}
		read, unread, err = readMembers(name, raw)
		return read, err
	})
	if err != nil {
		return nil, nil, named(name, err)
	}
	for i, lost := range unread {
		unread[i] = named(name, lost)
	}
	return out, unread, nil
}

// named is err as an *Error of the file called name.
func named(name string, err error) *Error {
	var e *Error
	if !errors.As(err, &e) {
		e = &Error{Cause: err}
	}
	return &Error{File: name, Line: e.Line, Cause: e.Cause}
}

func read(name string, raw []byte) ([]spectra.Spectrum, error) {
	return readWith(name, raw, func(r Reader) ([]spectra.Spectrum, error) { return r.Read(name, raw) })
}

// readWith finds the reader of raw, calls it by way of call and completes its spectra.
func readWith(name string, raw []byte, call func(Reader) ([]spectra.Spectrum, error)) ([]spectra.Spectrum, error) {
	if len(raw) > MaxFileBytes {
		return nil, tooLarge(int64(len(raw)))
	}
	if isBlank(raw) {
		return nil, fmt.Errorf("%w (export it again; the copy may have been interrupted)", ErrEmptyFile)
	}
	reader, ok := detect(raw, name)
	if !reader.Binary {
		if err := unsupportedBinary(raw, name); err != nil {
			return nil, err
		}
	}
	if !ok {
		return nil, fmt.Errorf("%w (export it as JCAMP-DX or text)", ErrUnknownFormat)
	}
	out, err := call(reader)
	if err != nil {
		return nil, err
	}
	if len(out) == 0 {
		return nil, ErrNoSpectrum
	}
	hash := spectra.HashBytes(raw)
	for i := range out {
		if out[i].Metadata.Format == "" { // a container keeps what read its member
			out[i].Metadata.Format = reader.Name
		}
		out[i].Metadata.SHA256 = hash
		if out[i].Title == "" {
			out[i].Title = stem(name)
		}
		if err := out[i].Validate(); err != nil {
			return nil, fmt.Errorf("spectrum %d: %w", i+1, err)
		}
	}
	return out, nil
}

// ReadFile reads the file at path; see Read. A file above MaxFileBytes is refused before it is read.
func ReadFile(path string) ([]spectra.Spectrum, error) {
	raw, err := load(path)
	if err != nil {
		return nil, err
	}
	return Read(path, raw)
}

// ReadFileAll is ReadFile that tells apart what could not be read of an archive; see ReadAll.
func ReadFileAll(path string) (out []spectra.Spectrum, unread []error, err error) {
	raw, err := load(path)
	if err != nil {
		return nil, nil, err
	}
	return ReadAll(path, raw)
}

// load returns the bytes of a file that is not too large.
func load(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, &Error{File: path, Cause: pathCause(err)}
	}
	if !info.Mode().IsRegular() {
		return nil, &Error{File: path, Cause: fmt.Errorf("%w: not a regular file", ErrUnknownFormat)}
	}
	if info.Size() > MaxFileBytes {
		return nil, &Error{File: path, Cause: tooLarge(info.Size())}
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, &Error{File: path, Cause: pathCause(err)}
	}
	return raw, nil
}

// Readable reports whether the extension of name belongs to a format that can be read. A walk over a folder uses
// it to leave out what is certainly something else; the content decides in the end.
//
// A compressed file is judged by the extension before its own: scan.csv.gz.
func Readable(name string) bool {
	ext := strings.ToLower(filepath.Ext(name))
	if len(ext) > 1 && strings.Trim(ext[1:], "0123456789") == "" {
		return true // OPUS numbers the measurements of a sample: .0, .1, ... .12
	}
	if ext == ".gz" {
		name = name[:len(name)-len(ext)]
		ext = strings.ToLower(filepath.Ext(name))
		return ext != ".gz" && ext != ".zip" && Readable(name)
	}
	for _, r := range Readers() {
		for _, e := range r.Extensions {
			if e == ext {
				return true
			}
		}
	}
	return false
}

// detect returns the surest reader; among equals the one that knows the extension, then the first in the table.
func detect(raw []byte, name string) (Reader, bool) {
	head := raw[:min(len(raw), headBytes)]
	ext := strings.ToLower(filepath.Ext(name))
	var best Reader
	top := 0
	for _, r := range Readers() {
		score := 2 * int(r.Detect(head, name))
		if score == 0 {
			continue
		}
		for _, e := range r.Extensions {
			if e == ext {
				score++
				break
			}
		}
		if score > top {
			best, top = r, score
		}
	}
	return best, top > 0
}

func tooLarge(size int64) error {
	return fmt.Errorf("%w: %d bytes, at most %d (split it, or export fewer scans per file)", ErrTooLarge, size, int64(MaxFileBytes))
}

// pathCause drops the path from an error of the file system: Error prints it already.
func pathCause(err error) error {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// stem is the file name without folder and extension.
func stem(name string) string {
	base := filepath.Base(filepath.ToSlash(name))
	return strings.TrimSuffix(base, filepath.Ext(base))
}

// budget counts what one file has yielded so far, so that a few bytes (a DUP count, a header) cannot ask for
// more memory than a file may hold.
type budget struct{ points, spectra, labels int }

// takeLabels counts the labels of one more spectrum: those above many columns or tables are repeated for each.
func (b *budget) takeLabels(line int, fields map[string]string) error {
	for k, v := range fields {
		b.labels += 64 + len(k) + len(v)
	}
	if b.labels > maxLabelBytes {
		return at(line, "%w: the labels of all spectra together are more than %d bytes (split the file)", ErrTooLarge, maxLabelBytes)
	}
	return nil
}

func (b *budget) take(line, points int) error {
	b.points += points
	b.spectra++
	if points > spectra.MaxPoints || b.points > maxFilePoints {
		return at(line, "%w: more than %d points in one spectrum or %d in the file", ErrTooLarge, spectra.MaxPoints, maxFilePoints)
	}
	if b.spectra > maxFileSpectra {
		return at(line, "%w: more than %d spectra (split the file)", ErrTooLarge, maxFileSpectra)
	}
	return nil
}
