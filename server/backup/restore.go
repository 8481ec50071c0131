package backup

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/klauspost/compress/zstd"

	"fentrace/spectra/durable"
)

// maxWindow bounds the memory that decompressing takes, bytes.
const maxWindow = 64 << 20

// Restore makes the folder dir from the backup r: every member is compared with the manifest and every database checked before the
// folder appears under its name, so a folder that is there is whole. Errors wrap ErrDamaged and ErrNotEmpty.
func Restore(ctx context.Context, r io.Reader, dir string) (m Manifest, err error) {
	if err := emptyOrMissing(dir); err != nil {
		return m, fmt.Errorf("restore into %s: %w", dir, err)
	}
	parent := filepath.Dir(filepath.Clean(dir))
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return m, fmt.Errorf("restore: %w", err)
	}
	part, err := os.MkdirTemp(parent, durable.Part+"*")
	if err != nil {
		return m, fmt.Errorf("restore: %w", err)
	}
	defer os.RemoveAll(part) // not there any more when all went well
	if m, err = unpack(r, part); err != nil {
		return m, fmt.Errorf("restore: %w", err)
	}
	if m.Members[0].Name != MainFile {
		return m, fmt.Errorf("restore: %w: name an empty PostgreSQL database with --db", ErrKind)
	}
	for _, member := range m.Members {
		if err := check(ctx, filepath.Join(part, member.Name)); err != nil {
			return m, fmt.Errorf("restore %s: %w", member.Name, err)
		}
	}
	if n, err := countScans(ctx, filepath.Join(part, MainFile)); err != nil || n != m.Scans {
		return m, fmt.Errorf("restore: %w: %d scans are there, %d belong there (%v)", ErrDamaged, n, m.Scans, err)
	}
	if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return m, fmt.Errorf("restore: %w", err)
	}
	return m, os.Rename(part, dir)
}

func emptyOrMissing(dir string) error {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case len(entries) > 0:
		return ErrNotEmpty
	}
	return nil
}

// unpack writes the members of a backup to dir.
func unpack(r io.Reader, dir string) (m Manifest, err error) {
	plain, err := zstd.NewReader(r, zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		return m, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	defer plain.Close()
	archive := tar.NewReader(plain)
	if m, err = readManifest(archive); err != nil {
		return m, err
	}
	for _, member := range m.Members {
		head, err := archive.Next()
		if err != nil {
			return m, fmt.Errorf("%w: %s is missing: %w", ErrDamaged, member.Name, err)
		}
		if head.Name != member.Name || head.Size != member.Size {
			return m, fmt.Errorf("%w: %q of %d bytes where %s of %d belongs", ErrDamaged, head.Name, head.Size, member.Name, member.Size)
		}
		if err := member.unpack(archive, filepath.Join(dir, member.Name)); err != nil {
			return m, err
		}
	}
	if _, err := archive.Next(); !errors.Is(err, io.EOF) {
		return m, fmt.Errorf("%w: there is more behind the last file (%v)", ErrDamaged, err)
	}
	return m, nil
}

func readManifest(archive *tar.Reader) (m Manifest, err error) {
	head, err := archive.Next()
	if err != nil || head.Name != manifestName || head.Size > maxManifest {
		return m, fmt.Errorf("%w: it does not begin with a manifest (%v)", ErrDamaged, err)
	}
	if err := json.NewDecoder(archive).Decode(&m); err != nil {
		return m, fmt.Errorf("%w: manifest: %w", ErrDamaged, err)
	}
	if m.Format != format {
		return m, fmt.Errorf("%w: it has format %d, this program reads %d: use a newer one", ErrDamaged, m.Format, format)
	}
	if len(m.Members) == 0 || m.Members[0].Name != MainFile && m.Members[0].Name != PostgresFile {
		return m, fmt.Errorf("%w: the manifest names no %s", ErrDamaged, MainFile)
	}
	for i, member := range m.Members {
		known := slices.Contains(members, member.Name) && (i == 0) == (member.Name == MainFile) || i == 0 && member.Name == PostgresFile
		if !known || member.Size < 0 || slices.ContainsFunc(m.Members[:i], func(o Member) bool { return o.Name == member.Name }) {
			return m, fmt.Errorf("%w: the manifest names %q, %d bytes", ErrDamaged, member.Name, member.Size)
		}
	}
	return m, nil
}

func (member Member) unpack(r io.Reader, path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	sum := sha256.New()
	_, err = io.Copy(io.MultiWriter(f, sum), r)
	if err != nil {
		err = fmt.Errorf("%w: %s: %w", ErrDamaged, member.Name, err)
	}
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != member.SHA256 {
		return fmt.Errorf("%w: %s has the SHA-256 %s, %s belongs there", ErrDamaged, member.Name, got, member.SHA256)
	}
	return nil
}

// check lets SQLite look through a database.
func check(ctx context.Context, path string) error {
	db, err := openReadOnly(path)
	if err != nil {
		return err
	}
	defer db.Close()
	var result string
	if err := db.QueryRowContext(ctx, "PRAGMA integrity_check").Scan(&result); err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if result != "ok" {
		return fmt.Errorf("%w: %s", ErrDamaged, result)
	}
	return nil
}
