package library

import (
	"bytes"
	"database/sql"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fentrace/spectra"
)

// alter does to a library file what no program of ours does.
func alter(t *testing.T, path, statements string) {
	t.Helper()
	db, err := sql.Open("sqlite3", (&url.URL{Scheme: "file", Path: path}).String())
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.Exec(statements)
	if err = errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}

// shortIndex makes the index that references are counted by hold fewer of them than there are.
const shortIndex = `DROP INDEX reference_spectra_substance;
	CREATE INDEX reference_spectra_substance ON reference_spectra (substance_id) WHERE tier = 'measured';
	PRAGMA writable_schema = ON;
	UPDATE sqlite_schema SET sql = 'CREATE INDEX reference_spectra_substance ON reference_spectra (substance_id)' WHERE name = 'reference_spectra_substance'`

// longLibrary is a closed file whose spectra fill pages of their own.
func longLibrary(t *testing.T) (path string, refs []Reference) {
	t.Helper()
	f := newFile(t)
	for i := range 5 {
		s := spectra.Spectrum{Technique: spectra.Raman, XUnit: spectra.PerCM, YUnit: spectra.Counts}
		for k := range 1500 {
			s.X, s.Y = append(s.X, 200+float64(k)), append(s.Y, float64((k*k+i)%977))
		}
		refs = append(refs, Reference{SubstanceID: "caffeine", Tier: Measured, Technique: spectra.Raman, Spectrum: &s})
	}
	err := f.PutSubstance(t.Context(), twoSubstances()...)
	if err == nil {
		_, err = f.PutReference(t.Context(), refs...)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	return f.Path(), refs
}

// asLarge lists the references of a file as those of a large one are, of which SQLite checks nothing when it is opened.
func asLarge(t *testing.T, path string) ([]Reference, error) {
	t.Helper()
	f, _, err := openUnchecked(t.Context(), path)
	if err != nil {
		return nil, err
	}
	f.whole = 0
	l, err := f.layer(t.Context(), "")
	return l.references, errors.Join(err, f.Close())
}

func TestVerifyNamesEachDamagedReferenceAndChangesNothing(t *testing.T) {
	for name, test := range map[string]struct {
		change string
		names  []string // substances of the damaged references
		says   string
	}{
		"whole":               {``, nil, ""},
		"values":              {`UPDATE reference_spectra SET y = zeroblob(length(y)) WHERE tier = 'simulated'`, []string{"fentanyl"}, "hash"},
		"peak table":          {`UPDATE reference_spectra SET x = zeroblob(length(x)) WHERE kind = 'peaks'`, []string{"caffeine"}, "hash"},
		"cut off, two":        {`UPDATE reference_spectra SET y = x'00' WHERE kind = 'spectrum'`, []string{"caffeine", "fentanyl"}, "8 bytes"},
		"no number":           {`UPDATE reference_spectra SET laser_nm = 'x' WHERE tier = 'measured'`, []string{"caffeine"}, "laser"},
		"substance gone":      {`PRAGMA foreign_keys = OFF; DELETE FROM substances WHERE id = 'fentanyl'`, []string{"fentanyl"}, "not in the library"},
		"fewer in one index":  {shortIndex, nil, "numbers of references differ"},
		"validation no JSON ": {`INSERT INTO validations VALUES ('v', 'raman', 'never', '{')`, nil, "validations"},
	} {
		t.Run(name, func(t *testing.T) {
			f := filled(t)
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			alter(t, f.Path(), test.change)
			before, err := os.ReadFile(f.Path())
			if err != nil {
				t.Fatal(err)
			}
			v, err := Verify(t.Context(), f.Path(), nil)
			if err != nil || v.References != 3 || v.Whole() != (test.says == "") {
				t.Fatalf("%+v, %v", v, err)
			}
			said := strings.Join(v.Problems, "\n")
			named := map[string]bool{}
			for _, d := range v.Damaged {
				named[d.SubstanceID] = true
				said += "\n" + d.Reason
				if len(d.ID) != 64 {
					t.Errorf("no id: %+v", d)
				}
			}
			for _, want := range test.names {
				if !named[want] {
					t.Errorf("a reference of %s is not named: %+v", want, v)
				}
			}
			if len(v.Damaged) != len(test.names) || !strings.Contains(said, test.says) {
				t.Errorf("%+v", v)
			}
			if after, err := os.ReadFile(f.Path()); err != nil || !bytes.Equal(before, after) {
				t.Errorf("the file was changed: %v", err)
			}
		})
	}
}

func TestVerifyRefusesWhatIsNoLibrary(t *testing.T) {
	if _, err := Verify(t.Context(), filepath.Join(t.TempDir(), "absent.db"), nil); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	path := filepath.Join(t.TempDir(), "text.db")
	if err := os.WriteFile(path, []byte("1000 5\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Verify(t.Context(), path, nil); !errors.Is(err, ErrNotLibrary) {
		t.Error(err)
	}
}

// Whatever page of a large file is lost: it is found, everything that fails because of it says that the file is damaged, and what
// can be read is right.
func TestALostPageIsDamageWhereverItIsNoticed(t *testing.T) {
	path, _ := longLibrary(t)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const page = 4096
	named, opened := 0, 0
	for at := page; at < len(whole); at += page {
		bent := bytes.Clone(whole)
		copy(bent[at:at+page], bytes.Repeat([]byte{0xA5}, page))
		if err := os.WriteFile(path, bent, 0o644); err != nil {
			t.Fatal(err)
		}
		v, err := Verify(t.Context(), path, nil)
		if err == nil && v.Whole() || err != nil && !errors.Is(err, ErrDamaged) {
			t.Errorf("page %d: %+v, %v", at/page, v, err)
		}
		named += len(v.Damaged)
		refs, err := asLarge(t, path)
		if err != nil && !errors.Is(err, ErrDamaged) {
			t.Errorf("page %d: open: %v", at/page, err)
		}
		opened += len(refs)
		for _, r := range refs {
			if _, err := r.Load(t.Context()); err != nil && !errors.Is(err, ErrDamaged) {
				t.Errorf("page %d: load: %v", at/page, err)
			}
		}
	}
	if named == 0 || opened == 0 {
		t.Errorf("%d references were named, %d could be opened", named, opened)
	}
}

func TestALargeLibraryWhoseIndexesDifferInNumberIsDamaged(t *testing.T) {
	f := filled(t)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	alter(t, f.Path(), shortIndex)
	if _, err := asLarge(t, f.Path()); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "holds 1 references, another 3") {
		t.Error(err)
	}
}

func TestStoringADamagedReferenceAgainMendsIt(t *testing.T) {
	for name, change := range map[string]string{
		"values":    `UPDATE reference_spectra SET y = zeroblob(length(y)) WHERE tier = 'simulated'`,
		"cut off":   `UPDATE reference_spectra SET y = x'00' WHERE kind = 'spectrum'`,
		"metadata":  `UPDATE reference_spectra SET metadata = '{' WHERE tier = 'measured'`,
		"no number": `UPDATE reference_spectra SET laser_nm = 'x'`,
		"tier":      `UPDATE reference_spectra SET tier = 'published' WHERE tier = 'simulated'`,
	} {
		f := filled(t)
		alter(t, f.Path(), change)
		if v, err := Verify(t.Context(), f.Path(), nil); err != nil || v.Whole() {
			t.Fatalf("%s: nothing is damaged: %v", name, err)
		}
		if added, err := f.PutReference(t.Context(), threeReferences()...); err != nil || added != 0 {
			t.Errorf("%s: %d added, %v", name, added, err)
		}
		if v, err := Verify(t.Context(), f.Path(), nil); err != nil || !v.Whole() || v.References != 3 {
			t.Errorf("%s: %+v, %v", name, v, err)
		}
	}
}

// Bent letters in the table or in its indexes: storing everything again gives the whole library, or says that the file is damaged.
func TestStoringAgainMendsBentLettersOrSaysThatTheFileIsDamaged(t *testing.T) {
	whole := bytesOf(t)
	path := filepath.Join(t.TempDir(), "x.db")
	mended, refused := 0, 0
	for _, text := range []string{"fentanyl", "caffeine", "measured", "simulated", "raman"} {
		for at := bytes.Index(whole, []byte(text)); at >= 0; at = next(whole, text, at) {
			bent := bytes.Clone(whole)
			bent[at] ^= 0x01
			if err := os.WriteFile(path, bent, 0o644); err != nil {
				t.Fatal(err)
			}
			f, err := Open(path)
			if err != nil {
				continue // the schema
			}
			n, err := f.put(t.Context(), twoSubstances(), threeReferences())
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			if err != nil {
				refused++
				if !errors.Is(err, ErrDamaged) {
					t.Errorf("byte %d (%s): %v", at, text, err)
				}
				continue
			}
			mended += n.mended
			v, err := Verify(t.Context(), path, nil)
			if err != nil || len(v.Damaged) > 0 {
				t.Errorf("byte %d (%s): %+v %v", at, text, v, err)
			}
		}
	}
	t.Logf("%d mended, %d refused", mended, refused)
	if mended == 0 {
		t.Error("no damage reached a reference")
	}
}
