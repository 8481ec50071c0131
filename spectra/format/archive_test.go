package format

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"fentrace/spectra"
	"fentrace/spectra/racedetector"
	"fentrace/spectra/recorded"
)

// packed is a file of an archive.
type packed struct {
	name string
	raw  []byte
}

func zipped(t testing.TB, files ...packed) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, f := range files {
		w, err := z.Create(f.name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(f.raw); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func gzipped(t testing.TB, raw []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(raw); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

var rows = []byte("Raman shift,Counts\n200,1\n201,2\n203,3\n")

func TestEveryFileOfAnArchiveIsRead(t *testing.T) {
	raw := zipped(t, packed{"day 1/index.csv", fixture(t, "index.csv")}, packed{"notes.md", []byte("# nothing to read\n")}, packed{"day 1/scan", fixture(t, "bwtek.txt")},
		packed{"__MACOSX/._index.csv", []byte("\x00\x05\x16\x07")}, packed{"group.spg", omnicSPG().bytes()}, packed{"x.csv.gz", gzipped(t, rows)},
		packed{"inner.zip", zipped(t, packed{"deep.csv", rows})}, packed{"photo.png", []byte("\x89PNG")})
	got, err := Read("seized.zip", raw)
	if err != nil {
		t.Fatal(err)
	}
	want := []struct{ source, title, format string }{
		{"seized.zip/day 1/index.csv", "index: s1", "delimited"}, {"seized.zip/day 1/index.csv#2", "index: s2", "delimited"}, {"seized.zip/day 1/scan", "scan", "bwtek"},
		{"seized.zip/group.spg", "first", "omnic"}, {"seized.zip/group.spg#2", "second", "omnic"}, {"seized.zip/x.csv.gz", "x", "delimited"}, {"seized.zip/inner.zip/deep.csv", "deep", "delimited"},
	}
	if len(got) != len(want) {
		t.Fatalf("%d spectra, want %d", len(got), len(want))
	}
	for i, s := range got {
		if w := want[i]; SourceName("seized.zip", s) != w.source || s.Title != w.title || s.Metadata.Format != w.format || s.Metadata.SHA256 != spectra.HashBytes(raw) {
			t.Errorf("%s %q by %s, want %v", SourceName("seized.zip", s), s.Title, s.Metadata.Format, w)
		}
		for _, w := range s.Metadata.Warnings {
			if strings.Contains(w, "archive") {
				t.Errorf("%s: %q", s.Title, w)
			}
		}
	}
	if h := got[6].Metadata.Fields["archive_member_sha256"]; h != spectra.HashBytes(rows) {
		t.Errorf("the hash of the file within is %q", h)
	}
}

func TestAFileThatCannotBeReadDoesNotLoseTheOthers(t *testing.T) {
	files := []packed{{"good.csv", rows}}
	for i := range 5 {
		files = append(files, packed{fmt.Sprintf("bad%d.csv", i), []byte("200,1\n201,x\n202,3\n")})
	}
	got, err := Read("a.zip", zipped(t, append(files, packed{"book.xlsx", zipped(t, packed{"xl/workbook.xml", nil})})...))
	if err != nil || len(got) != 1 {
		t.Fatalf("%d spectra, %v", len(got), err)
	}
	all := strings.Join(got[0].Metadata.Warnings, "\n")
	for _, says := range []string{"6 of 7 files in the archive could not be read", `bad0.csv: line 2: not a number: "x"`, "and 3 more"} {
		if !strings.Contains(all, says) {
			t.Errorf("%q does not say %q", all, says)
		}
	}
	all = ""
	got, unread, err := ReadAll("a.zip", zipped(t, files...))
	for _, lost := range unread {
		all += lost.Error() + "\n"
	}
	if err != nil || len(got) != 1 || len(got[0].Metadata.Warnings) != 0 || len(unread) != 5 || !errors.Is(unread[4], ErrNotNumber) || !strings.Contains(all, "read a.zip: bad4.csv: line 2: not a number") {
		t.Errorf("apart: %d spectra, %v, %s", len(got), err, all)
	}
	if got, unread, err := ReadAll("a.csv", rows); err != nil || len(got) != 1 || unread != nil {
		t.Errorf("no archive: %d spectra, %v, %v", len(got), unread, err)
	}
	if _, err := Read("a.zip", zipped(t, files[1:]...)); !errors.Is(err, ErrNoSpectrum) || !strings.Contains(err.Error(), `none of 5 files in the archive can be read: bad0.csv: line 2`) {
		t.Errorf("nothing to read: %v", err)
	}
	broken := zipped(t, packed{"a.csv", rows}, packed{"b.csv", bytes.ReplaceAll(rows, []byte("2"), []byte("4"))})
	at := bytes.Index(broken, []byte("b.csv")) + 7
	broken[at] ^= 0xff
	if got, err := Read("a.zip", broken); err != nil || len(got) != 1 || !strings.Contains(strings.Join(got[0].Metadata.Warnings, " "), "1 of 2 files") {
		t.Errorf("a broken byte: %d spectra, %v", len(got), err)
	}
}

func TestArchivesThatAreNoSpectraAreNamed(t *testing.T) {
	deep := zipped(t, packed{"c.zip", zipped(t, packed{"b.zip", zipped(t, packed{"a.csv", rows})})})
	for name, c := range map[string]struct {
		file  string
		raw   []byte
		cause error
		says  string
	}{
		"a workbook":           {"a.zip", zipped(t, packed{"[Content_Types].xml", nil}, packed{"xl/workbook.xml", nil}), ErrUnknownFormat, "Office document"},
		"a text document":      {"a.odt", zipped(t, packed{"mimetype", nil}), ErrUnknownFormat, "OpenDocument"},
		"a broken workbook":    {"a.xlsx", []byte("PK\x03\x04 and no more"), ErrUnknownFormat, "xlsx"},
		"half an archive":      {"a.zip", zipped(t, packed{"a.csv", rows})[:60], ErrUnknownFormat, "copy it again"},
		"pictures":             {"a.zip", zipped(t, packed{"a.png", []byte("\x89PNG")}), ErrNoSpectrum, "no file of a format"},
		"nothing":              {"a.zip", zipped(t), ErrNoSpectrum, "no file of a format"},
		"three levels":         {"a.zip", deep, ErrNoSpectrum, "archive within an archive within an archive"},
		"a broken gzip":        {"a.csv.gz", []byte("\x1f\x8b\x08 no"), ErrInconsistent, "broken"},
		"half a gzip":          {"a.csv.gz", gzipped(t, rows)[:30], ErrTruncated, "ends too early"},
		"a zip within a gzip":  {"a.zip.gz", gzipped(t, zipped(t, packed{"a.csv", rows})), ErrUnknownFormat, "archive within"},
		"a gzip within a gzip": {"a.csv.gz.gz", gzipped(t, gzipped(t, rows)), ErrUnknownFormat, "archive within"},
		"a tar":                {"a.tar.gz", gzipped(t, append(append(make([]byte, 257), "ustar\x0000"...), make([]byte, 248)...)), ErrUnknownFormat, "tar archive"},
	} {
		if got, err := Read(c.file, c.raw); !errors.Is(err, c.cause) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %d spectra, %v", name, len(got), err)
		}
	}
}

// A few bytes must not unpack to many: neither when the archive says so nor when it lies.
func TestBombsAreRefusedBeforeTheyUnpack(t *testing.T) {
	racedetector.Skip(t)
	zeros := make([]byte, 40<<20)
	honest := zipped(t, packed{"a.csv", zeros})
	lying := bytes.Clone(honest)
	for at := 0; ; at++ { // the size unpacked stands 24 bytes into the entry of the list of members
		i := bytes.Index(lying[at:], []byte("PK\x01\x02"))
		if i < 0 {
			break
		}
		at += i
		copy(lying[at+24:], []byte{0xff, 0, 0, 0})
	}
	many := make([]packed, maxMembers+1)
	for i := range many {
		many[i].name = fmt.Sprint(i)
	}
	for name, c := range map[string]struct {
		file string
		raw  []byte
	}{"honest": {"a.zip", honest}, "lying": {"a.zip", lying}, "gzip": {"a.csv.gz", gzipped(t, zeros)}, "nested": {"a.zip", zipped(t, packed{"b.zip", honest})}, "many members": {"a.zip", zipped(t, many...)}} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		got, err := Read(c.file, c.raw)
		runtime.ReadMemStats(&after)
		if taken := after.TotalAlloc - before.TotalAlloc; taken > 16<<20 {
			t.Errorf("%s: %d bytes taken for %d", name, taken, len(c.raw))
		}
		if len(got) > 0 || err == nil || (name != "lying" && !errors.Is(err, ErrTooLarge)) {
			t.Errorf("%s: %d spectra, %v", name, len(got), err)
		}
	}
}

func TestCompressedFilesAreReadAsTheFileWithin(t *testing.T) {
	raw := gzipped(t, rows)
	got, err := Read("folder/aspirin-01.csv.gz", raw)
	if err != nil || len(got) != 1 {
		t.Fatalf("%d spectra, %v", len(got), err)
	}
	s := got[0]
	near(t, "values", s.Y, []float64{1, 2, 3}, 0)
	if s.Title != "aspirin-01" || s.Metadata.Format != "delimited" || s.Metadata.SHA256 != spectra.HashBytes(raw) || SourceName("aspirin-01.csv.gz", s) != "aspirin-01.csv.gz/aspirin-01.csv" {
		t.Errorf("%q %+v", s.Title, s.Metadata)
	}
	for name, want := range map[string]bool{"a.csv.gz": true, "a.tar.gz": false, "a.gz": false, "a.csv.gz.gz": false, "a.ZIP": true, "a.spa": true, "a.SPG": true, "a.sp": true, "a.spe": true, "a.animl": true, "a.l6s": true, "a.xml": false} {
		if Readable(name) != want {
			t.Errorf("Readable(%q) = %v", name, !want)
		}
	}
}

func TestRealSessionsReadCompressedAndZipped(t *testing.T) {
	path := recorded.Glob(t, 24, "raman", "powder-mixtures", "vials", "*.csv.gz")[0]
	single := mustRead(t, path)
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	inZip, err := Read("a.zip", zipped(t, packed{"vials/" + filepath.Base(path), raw}))
	if err != nil || len(inZip) != len(single) || len(single) < 59 {
		t.Fatalf("%d spectra, %d in the archive, %v", len(single), len(inZip), err)
	}
	for i := range single {
		near(t, single[i].Title, inZip[i].Y, single[i].Y, 0)
	}
	vendors := recorded.Glob(t, 12, "formats", "raman-vendors", "*", "*.t*")
	var files []packed
	for _, p := range vendors {
		raw, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, packed{filepath.Base(filepath.Dir(p)) + "/" + filepath.Base(p), raw})
	}
	if got, err := Read("vendors.zip", zipped(t, files...)); err != nil || len(got) != len(vendors) {
		t.Errorf("%d spectra of %d files, %v", len(got), len(vendors), err)
	}
}

func FuzzZIP(f *testing.F) {
	fuzzBytes(f, readZIP, zipped(f, packed{"a.csv", rows}, packed{"b/c.spa", omnicSPA().bytes()}), zipped(f, packed{"a.zip", zipped(f, packed{"b.csv.gz", gzipped(f, rows)})}))
}

func FuzzGZIP(f *testing.F) { fuzzBytes(f, readGZIP, gzipped(f, rows)) }
