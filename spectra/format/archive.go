package format

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"fentrace/spectra"
)

// Bounds on what an archive unpacks to. Spectra as text pack to a fifth, now and then to a twentieth; deflate can reach a
// thousandth. Both are checked by what the archive says before anything is unpacked, and again by what comes out.
const (
	maxMembers       = maxFileSpectra
	maxInflation     = 50      // times the size of the archive, all members together
	alwaysInflated   = 1 << 20 // bytes that even the smallest archive may unpack to
	maxArchiveNested = 1       // archives within an archive
	toldMembers      = 3       // unread members that a message names
)

// zipFormat is the name of the reader of archives, which ReadAll asks for more than Read does.
const zipFormat = "zip"

// Keys of Metadata.Fields by which a spectrum from an archive says where it comes from. Metadata.SHA256 stays that of the
// archive, which is what can be kept and checked.
const (
	archiveMember = "archive_member"        // path within the archive; with #2 for the second spectrum of a file
	archiveHash   = "archive_member_sha256" // of the member's own bytes
)

// SourceName is what s, read from the file at path, goes by: path, for a spectrum from an archive followed by its place in
// there.
func SourceName(path string, s spectra.Spectrum) string {
	if member := s.Metadata.Fields[archiveMember]; member != "" {
		return path + "/" + member
	}
	return path
}

// SpectrumName is what s, the i-th (0-based) spectrum of a file, is called: the file, from the second on with its number; of an
// archive, the file within it.
func SpectrumName(path string, s spectra.Spectrum, i int) string {
	if source := SourceName(path, s); source != path {
		return source
	}
	if i == 0 {
		return path
	}
	return fmt.Sprintf("%s#%d", path, i+1)
}

// office are documents that are zip archives, each known by a member.
var office = []struct{ member, name string }{
	{"xl/workbook.xml", "an Excel workbook (xlsx)"}, {"xl/workbook.bin", "an Excel workbook (xlsb)"}, {"word/document.xml", "a Word document (docx)"},
	{"ppt/presentation.xml", "a PowerPoint file (pptx)"}, {"[Content_Types].xml", "an Office document"}, {"mimetype", "an OpenDocument file (ods, odt)"},
	{"META-INF/MANIFEST.MF", "a program (jar)"},
}

func detectZIP(head []byte, _ string) Confidence {
	if bytes.HasPrefix(head, []byte("PK\x03\x04")) || bytes.HasPrefix(head, []byte("PK\x05\x06")) {
		return Certain
	}
	return Never
}

func detectGZIP(head []byte, _ string) Confidence {
	if bytes.HasPrefix(head, []byte("\x1f\x8b")) {
		return Certain
	}
	return Never
}

// inflatable is how many bytes an archive of n may unpack to.
func inflatable(n int) int64 {
	return min(MaxFileBytes, max(alwaysInflated, maxInflation*int64(n)))
}

// archive is what has been read of an archive, with those within it.
type archive struct {
	left   int64 // bytes it may still unpack
	budget budget
	out    []spectra.Spectrum
	files  int     // that looked like spectra
	unread []error // those that could not be read
}

// readZIP returns the spectra of every member that is a file of spectra, in the order of the archive, with Fields that say
// which member each is from. A member is a file of spectra when its extension is that of a format (Readable), or its first
// bytes are sure signs of one; others, such as pictures and notes, are passed over in silence as a walk over a folder
// does. A member that cannot be read does not lose the others: the first spectrum gets a warning that counts such members
// and names the first of them. When none can be read, the error does so. Archives within the archive are read, those
// within them are not. ErrTooLarge answers an archive that says or turns out to unpack to more than MaxFileBytes or 50
// times its size, before that is unpacked.
//
// ReadAll gives the errors of the single members instead of the warning.
func readZIP(name string, raw []byte) ([]spectra.Spectrum, error) {
	a, err := openArchive(name, raw)
	if err != nil {
		return nil, err
	}
	if len(a.unread) > 0 {
		warn(&a.out[0].Metadata, "%d of %d files in the archive could not be read: %s.", len(a.unread), a.files, a.told())
	}
	return a.out, nil
}

// readMembers is readZIP with the errors of the members that could not be read.
func readMembers(name string, raw []byte) (out []spectra.Spectrum, unread []error, err error) {
	a, err := openArchive(name, raw)
	if err != nil {
		return nil, nil, err
	}
	return a.out, a.unread, nil
}

func openArchive(name string, raw []byte) (*archive, error) {
	a := &archive{left: inflatable(len(raw))}
	if err := a.zip("", name, raw, 0); err != nil {
		return nil, err
	}
	if len(a.out) == 0 {
		return nil, a.nothing()
	}
	return a, nil
}

// told names the first members that could not be read.
func (a *archive) told() string {
	var told []string
	for _, err := range a.unread[:min(len(a.unread), toldMembers)] {
		told = append(told, err.Error())
	}
	if more := len(a.unread) - toldMembers; more > 0 {
		told = append(told, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(told, "; ")
}

func (a *archive) nothing() error {
	if len(a.unread) == 0 {
		return fmt.Errorf("%w: the archive holds no file of a format that can be read", ErrNoSpectrum)
	}
	return fmt.Errorf("%w: none of %d files in the archive can be read: %s", ErrNoSpectrum, a.files, a.told())
}

// zip reads the members of an archive. prefix is its own path within the outer one. The error is returned only when going
// on makes no sense.
func (a *archive) zip(prefix, name string, raw []byte, depth int) error {
	z, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		return fmt.Errorf("%w: %s whose list of members cannot be read: %v (copy it again, or export it as JCAMP-DX or text)", ErrUnknownFormat, zipName(name), err)
	}
	var said int64
	for _, m := range z.File {
		for _, o := range office {
			if m.Name == o.member {
				return fmt.Errorf("%w: it looks like %s, which cannot be read (export it as JCAMP-DX or text)", ErrUnknownFormat, o.name)
			}
		}
		said += int64(min(m.UncompressedSize64, MaxFileBytes+1))
	}
	switch {
	case len(z.File) > maxMembers:
		return fmt.Errorf("%w: %d files in the archive, at most %d (split it)", ErrTooLarge, len(z.File), maxMembers)
	case said > a.left:
		return a.tooLarge(said)
	}
	for _, m := range z.File {
		if m.FileInfo().IsDir() || strings.HasPrefix(m.Name, "__MACOSX/") || strings.HasPrefix(path.Base(m.Name), ".") {
			continue
		}
		if err := a.member(prefix, m, depth); err != nil {
			return err
		}
	}
	return nil
}

// IsArchive tells by its name whether a file is an archive of files.
func IsArchive(name string) bool { return strings.EqualFold(path.Ext(name), ".zip") }

// zipName is what a zip archive that cannot be opened is by its extension.
func zipName(name string) string {
	switch ext := strings.ToLower(path.Ext(name)); ext {
	case ".xlsx", ".xlsm", ".docx", ".pptx", ".ods", ".odt":
		return "an Office document (" + ext[1:] + ")"
	}
	return "a zip archive"
}

func (a *archive) tooLarge(says int64) error {
	return fmt.Errorf("%w: the archive unpacks to %d bytes or more, at most %d are allowed for its size (split it, or unpack it if you trust it)", ErrTooLarge, says, a.left)
}

// member reads one file of an archive.
func (a *archive) member(prefix string, m *zip.File, depth int) error {
	name := prefix + strings.ReplaceAll(decodeBytes([]byte(m.Name)), `\`, "/")
	lost := func(err error) {
		a.files++
		a.unread = append(a.unread, memberError(name, err))
	}
	if m.Flags&1 != 0 {
		if Readable(name) {
			lost(fmt.Errorf("%w: it is encrypted (unpack it with its password)", ErrUnknownFormat))
		}
		return nil
	}
	raw, err := a.unpack(m)
	switch {
	case errors.Is(err, ErrTooLarge):
		return err
	case err != nil && Readable(name):
		lost(err)
		return nil
	case err != nil:
		return nil
	}
	if detectZIP(raw, name) == Certain {
		return a.nested(name, raw, depth, lost)
	}
	if !Readable(name) && !certain(raw, name) {
		return nil
	}
	read, err := a.inner(name, raw)
	switch {
	case errors.Is(err, errArchiveBudget):
		return err
	case err != nil:
		lost(err)
		return nil
	}
	a.files++
	return a.add(name, raw, read)
}

// nested reads an archive within the archive.
func (a *archive) nested(name string, raw []byte, depth int, lost func(error)) error {
	if depth >= maxArchiveNested {
		lost(fmt.Errorf("%w: an archive within an archive within an archive (unpack it)", ErrUnknownFormat))
		return nil
	}
	err := a.zip(name+"/", name, raw, depth+1)
	if err == nil || errors.Is(err, ErrTooLarge) {
		return err
	}
	lost(err)
	return nil
}

// errArchiveBudget marks errors of the whole archive among those of a member.
var errArchiveBudget = fmt.Errorf("%w: the archive", ErrTooLarge)

// inner reads the bytes of one member, unpacking them once more when they are compressed themselves.
func (a *archive) inner(name string, raw []byte) ([]spectra.Spectrum, error) {
	if detectGZIP(raw, name) == Never {
		return read(name, raw)
	}
	name, raw, err := gunzip(name, raw, min(a.left, inflatable(len(raw))))
	if err != nil {
		return nil, err
	}
	if a.left -= int64(len(raw)); a.left < 0 {
		return nil, fmt.Errorf("%w unpacks to more than its size allows", errArchiveBudget)
	}
	return read(name, raw)
}

// unpack returns the bytes of a member, of which there are no more than it says.
func (a *archive) unpack(m *zip.File) ([]byte, error) {
	in, err := m.Open()
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrInconsistent, err)
	}
	defer in.Close()
	raw, err := io.ReadAll(io.LimitReader(in, a.left+1))
	if a.left -= int64(len(raw)); a.left < 0 {
		return nil, fmt.Errorf("%w: the archive unpacks to more bytes than it says and its size allows", ErrTooLarge)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %v (copy the archive again)", ErrInconsistent, err)
	}
	return raw, nil
}

// certain reports whether the first bytes of a file are the sure sign of a format.
func certain(raw []byte, name string) bool {
	head := raw[:min(len(raw), headBytes)]
	return slices.ContainsFunc(Readers(), func(r Reader) bool { return r.Detect(head, name) == Certain })
}

// memberError says which member err is of. The line of a member is no line of the archive and becomes part of the text.
func memberError(name string, err error) error {
	var e *Error
	switch {
	case errors.As(err, &e) && e.Line > 0:
		return fmt.Errorf("%s: line %d: %w", name, e.Line, e.Cause)
	case e != nil:
		return fmt.Errorf("%s: %w", name, e.Cause)
	}
	return fmt.Errorf("%s: %w", name, err)
}

// add keeps the spectra of a member.
func (a *archive) add(name string, raw []byte, read []spectra.Spectrum) error {
	hash := spectra.HashBytes(raw)
	for i := range read {
		s := &read[i]
		if s.Metadata.Fields == nil {
			s.Metadata.Fields = map[string]string{}
		}
		s.Metadata.Fields[archiveHash] = hash
		s.Metadata.Fields[archiveMember] = name
		if i > 0 {
			s.Metadata.Fields[archiveMember] = fmt.Sprintf("%s#%d", name, i+1)
		}
		if err := firstError(a.budget.take(0, len(s.X)), a.budget.takeLabels(0, s.Metadata.Fields)); err != nil {
			return err
		}
	}
	a.out = append(a.out, read...)
	return nil
}

// readGZIP returns the spectra of one compressed file, scan.csv.gz, with Fields that name the file inside. It may unpack
// to no more than an archive may, see readZIP; archives within it are refused.
func readGZIP(name string, raw []byte) ([]spectra.Spectrum, error) {
	inner, text, err := gunzip(name, raw, inflatable(len(raw)))
	if err != nil {
		return nil, err
	}
	out, err := read(inner, text)
	if err != nil {
		return nil, err
	}
	a := &archive{}
	return out, a.add(path.Base(strings.ReplaceAll(inner, `\`, "/")), text, out)
}

// gunzip unpacks raw to at most limit bytes and returns the name without the extension of the compression.
func gunzip(name string, raw []byte, limit int64) (string, []byte, error) {
	if ext := path.Ext(name); strings.EqualFold(ext, ".gz") {
		name = strings.TrimSuffix(name, ext)
	}
	z, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		return name, nil, fmt.Errorf("%w: the head of the compressed file is broken: %v (copy it again)", ErrInconsistent, err)
	}
	text, err := io.ReadAll(io.LimitReader(z, limit+1))
	switch {
	case int64(len(text)) > limit:
		return name, nil, fmt.Errorf("%w: it unpacks to more than %d bytes, the most for its size (unpack it if you trust it)", ErrTooLarge, limit)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return name, nil, fmt.Errorf("%w: the compressed file ends too early (copy it again)", ErrTruncated)
	case err != nil:
		return name, nil, fmt.Errorf("%w: the compressed file is broken: %v (copy it again)", ErrInconsistent, err)
	case detectGZIP(text, name) == Certain || detectZIP(text, name) == Certain:
		return name, nil, fmt.Errorf("%w: an archive within a compressed file (unpack it)", ErrUnknownFormat)
	}
	return name, text, nil
}

// Member splits the name of a spectrum from an archive, such as seized.zip/a.csv, into those of the archive and of the file within it. Of
// any other name member is empty.
func Member(name string) (file, member string) {
	for i := range len(name) {
		if name[i] == '/' && IsArchive(name[:i]) {
			return name[:i], name[i+1:]
		}
	}
	return name, ""
}
