package format

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fentrace/spectra"
)

// readFixture reads testdata/name and expects it to hold n spectra.
func readFixture(t *testing.T, name string, n int) []spectra.Spectrum {
	t.Helper()
	got, err := ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != n {
		t.Fatalf("%s: %d spectra, want %d", name, len(got), n)
	}
	return got
}

func near(t *testing.T, what string, got, want []float64, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d points, want %d", what, len(got), len(want))
	}
	for i := range got {
		if d := got[i] - want[i]; !(d <= tolerance && d >= -tolerance) {
			t.Fatalf("%s: point %d is %v, want %v", what, i, got[i], want[i])
		}
	}
}

func TestBrokenFilesNameFileLineAndCause(t *testing.T) {
	cases := []struct {
		file  string
		line  int
		cause error
		says  string
	}{
		{"bad_truncated.jdx", 17, ErrTruncated, "states 10 points, the table holds 5"},
		{"bad_cut.jdx", 17, ErrNotNumber, `"-"`},
		{"bad_count.jdx", 17, ErrTruncated, "10 points, the table holds 9"},
		{"bad_npoints.jdx", 17, ErrTruncated, "states 12 points"},
		{"bad_xcheck.jdx", 17, ErrInconsistent, "begins at 430 but its first value belongs at 410"},
		{"bad_ycheck.jdx", 17, ErrInconsistent, "begins with 6 but the line before ended with 3"},
		{"bad_nan.jdx", 16, ErrNotNumber, "NaN"},
		{"bad_nan_axis.jdx", 17, ErrNotNumber, "nan"},
		{"bad_text.jdx", 17, ErrNotNumber, `"over"`},
		{"bad_dup.jdx", 16, ErrTooLarge, "repeat count"},
		{"bad_empty_table.jdx", 15, ErrNoSpectrum, "no points"},
		{"bad_back.jdx", 16, spectra.ErrNotMonotonic, "401 after 402"},
		{"bad_position_only.jdx", 17, ErrTruncated, "a position without values"},
		{"bad_odd.jdx", 16, ErrTruncated, "a position without a value"},
		{"bad_header_only.jdx", 0, ErrNoSpectrum, "XYDATA"},
		{"bad_factor.jdx", 9, ErrNotNumber, `"4l8" in ##LASTX=`},
		{"bad_link.jdx", 0, ErrTruncated, "states \"2\" blocks, holds 1"},
		{"bad_cut.csv", 5, ErrTruncated, "1 cells and ends before y"},
		{"bad_enlighten_text.csv", 7, ErrNotNumber, `"two" in column Processed`},
		{"bad_enlighten_nan.csv", 7, ErrNotNumber, "Wavenumber"},
		{"bad_enlighten_cut.csv", 8, ErrTruncated, "before column Processed"},
		{"bad_enlighten_header.csv", 0, ErrNoSpectrum, "column names"},
		{"bad_enlighten_norows.csv", 5, ErrTruncated, "no rows"},
		{"bad_enlighten_rows.csv", 3, ErrTruncated, "states 4 pixels and holds 3"},
		{"bad_bwtek_text.txt", 11, ErrNotNumber, `"saturated" in column Dark Subtracted`},
		{"bad_bwtek_noaxis.txt", 10, ErrNoSpectrum, "none with a Raman Shift"},
		{"bad_bwtek_cut.txt", 12, ErrTruncated, "3 cells"},
		{"bad_bwtek_back.txt", 13, spectra.ErrNotMonotonic, "250 after 257.37"},
		{"bad_text.csv", 3, ErrNotNumber, `"high" in column y`},
		{"bad_nan_axis.csv", 3, ErrNotNumber, `"NaN" in column Raman shift`},
		{"bad_inf_value.csv", 3, ErrNotNumber, `"-inf"`},
		{"bad_overflow.csv", 3, ErrNotNumber, `"1e999"`},
		{"bad_noaxis.csv", 3, ErrNotNumber, "empty cell in column Raman shift"},
		{"bad_back.csv", 4, spectra.ErrNotMonotonic, "200.5 after 201"},
		{"bad_constant.csv", 1, ErrNoSpectrum, "all 4 rows have the position 200"},
		{"bad_prose.txt", 0, ErrNoSpectrum, "no rows"},
		{"bad_short.csv", 2, ErrNoSpectrum, "only 2 rows"},
		{"bad_npoints.csv", 7, ErrTruncated, "states 9 points, 3 rows"},
		{"bad_empty.csv", 0, ErrEmptyFile, ""},
		{"bad_blank.csv", 0, ErrEmptyFile, ""},
	}
	seen := map[string]bool{}
	for _, c := range cases {
		t.Run(c.file, func(t *testing.T) {
			path := filepath.Join("testdata", c.file)
			seen[c.file] = true
			got, err := ReadFile(path)
			var e *Error
			if !errors.As(err, &e) || got != nil {
				t.Fatalf("got %d spectra and %v, want an *Error", len(got), err)
			}
			if !errors.Is(err, c.cause) || e.Line != c.line || e.File != path || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got line %d: %v\nwant line %d, %v, saying %q", e.Line, err, c.line, c.cause, c.says)
			}
			if !strings.HasPrefix(err.Error(), "read "+path+": ") || strings.Count(err.Error(), path) != 1 {
				t.Errorf("the message must name the file once: %v", err)
			}
		})
	}
	bad, _ := filepath.Glob(filepath.Join("testdata", "bad_*"))
	for _, path := range bad {
		if !seen[filepath.Base(path)] {
			t.Errorf("%s is not tested", path)
		}
	}
}

func TestEverySpectrumCarriesFormatAndHash(t *testing.T) {
	for name, format := range map[string]string{
		"affn.jdx": "jcamp-dx", "enlighten_session.csv": "enlighten", "bwtek.txt": "bwtek", "utf16.txt": "delimited",
	} {
		raw, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		// A misleading extension changes nothing.
		for _, as := range []string{name, "scan.csv", "scan.jdx", "scan"} {
			got, err := Read(as, raw)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range got {
				if s.Metadata.Format != format || s.Metadata.SHA256 != spectra.HashBytes(raw) {
					t.Errorf("%s as %s: format %q, hash %q", name, as, s.Metadata.Format, s.Metadata.SHA256)
				}
			}
		}
	}
}

func TestBinaryFilesAreNamed(t *testing.T) {
	zeros := strings.Repeat("\x00", 300)
	for name, c := range map[string]struct{ raw, says string }{
		"a.xlsx": {"PK\x03\x04" + zeros, "xlsx"},
		"a.bin":  {"\x01\x02\x03\x04" + zeros, "binary"},
		"a.csv":  {"1,2\n3,4\x00\x00\n5,6\n", "binary"},
	} {
		_, err := Read(name, []byte(c.raw))
		if !errors.Is(err, ErrUnknownFormat) || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "export it as JCAMP-DX or text") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLargeFilesAreRefusedUnread(t *testing.T) {
	path := filepath.Join(t.TempDir(), "huge.csv")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(2 << 30); err != nil { // sparse: takes no disk
		t.Skip("the file system has no sparse files: ", err)
	}
	f.Close()
	if _, err := ReadFile(path); !errors.Is(err, ErrTooLarge) {
		t.Errorf("2 GB: %v", err)
	}
	if _, err := Read("memory.csv", make([]byte, MaxFileBytes+1)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("64 MiB and one byte: %v", err)
	}
	if _, err := ReadFile(filepath.Join(t.TempDir(), "absent.csv")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("absent: %v", err)
	}
	if _, err := ReadFile(t.TempDir()); !errors.Is(err, ErrUnknownFormat) {
		t.Errorf("a folder: %v", err)
	}
}

func TestHeadersCannotAskForMemory(t *testing.T) {
	allocated := func(raw string) float64 {
		return testing.AllocsPerRun(1, func() { Read("x.jdx", []byte(raw)) })
	}
	head := "##TITLE=t\n##JCAMP-DX=4.24\n##DATA TYPE=RAMAN SPECTRUM\n##XUNITS=1/CM\n##FIRSTX=0\n##LASTX=9\n##NPOINTS=999999999\n##XYDATA=(X++(Y..Y))\n"
	if n := allocated(head + "0 1 2\n##END=\n"); n > 2000 {
		t.Errorf("NPOINTS cost %v allocations", n)
	}
	// Repeat counts are bounded over all blocks of a file, not only within one.
	block := "##TITLE=t\n##JCAMP-DX=4.24\n##DATA TYPE=RAMAN SPECTRUM\n##XUNITS=1/CM\n##FIRSTX=0\n##LASTX=9\n##XYDATA=(X++(Y..Y))\n0A4V000000\n##END=\n"
	if _, err := Read("x.jdx", []byte(strings.Repeat(block, 40))); !errors.Is(err, ErrTooLarge) {
		t.Errorf("40 blocks of 4,000,000 points: %v", err)
	}
}

func TestLabelsAreNotMultiplied(t *testing.T) {
	// A few bytes per column or table must not each take the labels above them along.
	remark := strings.Repeat("x", 1<<20)
	columns := strings.TrimSuffix(strings.Repeat("1.5,", 200), ",")
	rows := "100," + columns + "\n101," + columns + "\n102," + columns + "\n"
	for name, raw := range map[string]string{
		"many.csv":    "# " + remark + "\n" + rows,
		"many.jdx":    "##TITLE=t\n##JCAMP-DX=5\n##REMARK=" + remark + "\n" + strings.Repeat("##PEAK TABLE=(XY..XY)\n1,2\n", 200) + "##END=\n",
		"session.csv": "ENLIGHTEN Version,1\nNote," + remark + "\n\nWavenumber" + strings.Repeat(",Processed", 200) + "\n" + rows,
	} {
		if _, err := Read(name, []byte(raw)); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Read("o.txt", []byte("File Version;BWSpec\nPixel;Raman Shift"+overlays(65)+"\n0;1"+strings.Repeat(";1", 65)+"\n")); !errors.Is(err, ErrTooLarge) {
		t.Errorf("65 overlaid scans: %v", err)
	}
}

func overlays(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, ";Raw data #%d", i+1)
	}
	return b.String()
}

func TestReadableJudgesByExtension(t *testing.T) {
	for name, want := range map[string]bool{"a.JDX": true, "b.csv": true, "c.txt": true, "d.png": false, "e": false, "LICENSE": false, "f.dx": true} {
		if Readable(name) != want {
			t.Errorf("Readable(%q) = %v", name, !want)
		}
	}
}

func TestEveryReaderRefusesRubbish(t *testing.T) {
	for _, r := range Readers() {
		for _, raw := range []string{"", "\n", "##", "##=", ",", ";;;", "Pixel", "Pixel,Wavenumber,Processed", "\xff\xfe", "\xff", "0", `"`, "\x1a"} {
			if got, err := r.Read("x", []byte(raw)); err == nil && len(got) > 0 {
				t.Errorf("%s read %q as a spectrum", r.Name, raw)
			}
		}
	}
	if _, err := Read("x.txt", bytes.Repeat([]byte("1 2 3\n"), 1)); err == nil {
		t.Error("one row is no spectrum")
	}
}
