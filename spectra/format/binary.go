package format

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
)

// signature is how a file that cannot be read yet is known by its first bytes.
type signature struct {
	name  string
	match func(raw []byte, ext string) bool
}

func prefix(p string) func([]byte, string) bool {
	return func(raw []byte, _ string) bool { return bytes.HasPrefix(raw, []byte(p)) }
}

// signatures are tried in order on files that are not text.
var signatures = []signature{
	{"a tar archive (unpack it, or zip it)", func(raw []byte, _ string) bool { return len(raw) > 262 && string(raw[257:262]) == "ustar" }},
	{"HORIBA LabSpec 6 (l6s; in LabSpec use File > Save As, type .txt)", prefix("LabSpec6")},
	{"PDF", prefix("%PDF")},
	{"an SQLite database", prefix("SQLite format 3\x00")},
	{"an image", func(raw []byte, _ string) bool {
		return bytes.HasPrefix(raw, []byte("\x89PNG")) || bytes.HasPrefix(raw, []byte("\xff\xd8\xff"))
	}},
}

// unsupportedBinary returns ErrUnknownFormat, naming the suspected format, when raw is not text.
func unsupportedBinary(raw []byte, name string) error {
	ext := strings.ToLower(filepath.Ext(name))
	for _, s := range signatures {
		if s.match(raw, ext) {
			return fmt.Errorf("%w: it looks like %s, which cannot be read yet (export it as JCAMP-DX or text)", ErrUnknownFormat, s.name)
		}
	}
	if utf16Order(raw) == nil && bytes.IndexByte(raw, 0) >= 0 {
		return fmt.Errorf("%w: a binary file (export it as JCAMP-DX or text)", ErrUnknownFormat)
	}
	return nil
}
