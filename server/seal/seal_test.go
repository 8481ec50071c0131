package seal

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func keyFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "key")
	if _, err := NewFile(path); err != nil {
		t.Fatal(err)
	}
	return path
}

func ring(t *testing.T, paths ...string) *Ring {
	t.Helper()
	r, err := ReadRing(paths...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestWhatIsSealedIsOpenedOnlyWithItsKeyInItsPlaceUnchanged(t *testing.T) {
	path, other := keyFile(t), keyFile(t)
	r := ring(t, path)
	plain := []byte("a spectrum")
	sealed, id := r.Seal(plain, "file 1")
	if id != r.Current() || bytes.Contains(sealed, plain) {
		t.Fatalf("sealed with %q: %q", id, sealed)
	}
	if got, err := ring(t, other, path).Open(sealed, id, "file 1"); err != nil || !bytes.Equal(got, plain) {
		t.Errorf("opened with a ring of two: %q, %v", got, err)
	}
	if _, err := r.Open(sealed, id, "file 2"); !errors.Is(err, ErrSealed) {
		t.Errorf("opened in another place: %v", err)
	}
	for i := range sealed {
		for bit := range 8 {
			changed := bytes.Clone(sealed)
			changed[i] ^= 1 << bit
			if _, err := r.Open(changed, id, "file 1"); !errors.Is(err, ErrSealed) {
				t.Fatalf("bit %d of byte %d flipped: %v", bit, i, err)
			}
		}
	}
	for n := range sealed {
		if _, err := r.Open(sealed[:n], id, "file 1"); !errors.Is(err, ErrSealed) {
			t.Fatalf("cut off after %d: %v", n, err)
		}
	}
	for name, without := range map[string]*Ring{"no ring": nil, "another key": ring(t, other)} {
		if _, err := without.Open(sealed, id, "file 1"); !errors.Is(err, ErrNoKey) || !strings.Contains(err.Error(), id) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if again, _ := r.Seal(plain, "file 1"); bytes.Equal(again, sealed) {
		t.Error("the same is sealed twice with one nonce")
	}
	var none *Ring
	if kept, id := none.Seal(plain, "file 1"); id != "" || !bytes.Equal(kept, plain) {
		t.Errorf("sealed without a key: %q, %q", kept, id)
	}
}

func TestAKeyFileIsForItsOwnerAndNeverOverwritten(t *testing.T) {
	path := keyFile(t)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("a new key can be read by %v, %v", info.Mode(), err)
	}
	if _, err := NewFile(path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("made over another: %v", err)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadFile(path); !errors.Is(err, ErrKeyFile) || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("read by others: %v", err)
	}
}

func TestAFileThatIsNoKeyIsRefusedWithoutTellingWhatIsInIt(t *testing.T) {
	good, err := os.ReadFile(keyFile(t))
	if err != nil {
		t.Fatal(err)
	}
	secret := string(good[bytes.Index(good, []byte(keyMark))+len(keyMark):])
	for name, text := range map[string]string{
		"empty": "", "a comment": "# nothing\n", "other text": "hunter2\n", "two keys": string(good) + string(good),
		"cut off": string(good[:len(good)-9]), "not base64": keyMark + "!!" + secret, "too large": strings.Repeat("#\n", maxKeyFile),
	} {
		path := filepath.Join(t.TempDir(), "key")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := ReadFile(path)
		if !errors.Is(err, ErrKeyFile) {
			t.Errorf("%s: %v", name, err)
		} else if strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), strings.TrimSpace(secret)[:20]) {
			t.Errorf("%s: the error tells the key: %v", name, err)
		}
	}
	if _, err := ReadFile(t.TempDir()); !errors.Is(err, ErrKeyFile) {
		t.Errorf("a folder: %v", err)
	}
	if _, err := ReadFile(filepath.Join(t.TempDir(), "none")); !errors.Is(err, ErrKeyFile) || !strings.Contains(err.Error(), "fentrace key new") {
		t.Errorf("no file: %v", err)
	}
}

// BenchmarkSeal is what encrypting one scan costs: its bytes and its spectrum, 45 kB.
func BenchmarkSeal(b *testing.B) {
	path := filepath.Join(b.TempDir(), "key")
	if _, err := NewFile(path); err != nil {
		b.Fatal(err)
	}
	r, err := ReadRing(path)
	if err != nil {
		b.Fatal(err)
	}
	raw, spectrum := make([]byte, 15<<10), make([]byte, 30<<10)
	b.SetBytes(int64(len(raw) + len(spectrum)))
	for b.Loop() {
		r.Seal(raw, "file")
		r.Seal(spectrum, "scan")
	}
}
