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
	{"Renishaw WDF", prefix("WDF1")},
	{"Bruker OPUS", prefix("\x0a\x0a\xfe\xfe")},
	{"a tar archive (unpack it, or zip it)", func(raw []byte, _ string) bool { return len(raw) > 262 && string(raw[257:262]) == "ustar" }},
	{"HORIBA LabSpec 6 (l6s; in LabSpec use File > Save As, type .txt)", prefix("LabSpec6")},
	{"PDF", prefix("%PDF")},
	{"an SQLite database", prefix("SQLite format 3\x00")},
	{"an image", func(raw []byte, _ string) bool {
		return bytes.HasPrefix(raw, []byte("\x89PNG")) || bytes.HasPrefix(raw, []byte("\xff\xd8\xff"))
	}},
	{"JASCO JWS", prefix("L~S \x01")},
	{"JASCO JWS or an old Excel workbook (xls)", prefix("\xd0\xcf\x11\xe0")},
	// The second byte of a Galactic file is its version: 0x4B new, 0x4C new with the other byte order, 0x4D old.
	{"Galactic SPC", func(raw []byte, ext string) bool {
		return len(raw) > 1 && raw[1] >= 0x4b && raw[1] <= 0x4d && ext == ".spc"
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
