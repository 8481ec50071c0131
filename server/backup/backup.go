// Package backup copies the data folder of a server while it runs, and makes a folder from such a copy.
//
// A backup is a tar archive, compressed with zstd: manifest.json, then the databases. What a server makes from these by itself, the
// archive for looking back and the prepared references, is not in it.
package backup

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/klauspost/compress/zstd"
	_ "github.com/mattn/go-sqlite3" // the "sqlite3" driver

	"fentrace/spectra/durable"
)

// Errors of this package; test with errors.Is.
var (
	// ErrNoData: there is no database in the folder.
	ErrNoData = errors.New("there is no database to back up")
	// ErrDamaged: what was to be restored is not a backup, cut off, or not as it was written.
	ErrDamaged = errors.New("not a whole backup")
	// ErrNotEmpty: a backup is only ever restored into a folder that is empty or not there.
	ErrNotEmpty = errors.New("the folder is not empty; restore into a new one")
)

const (
	manifestName = "manifest.json"
	format       = 1
	maxManifest  = 1 << 20
	// MainFile is the database without which there is nothing to back up.
	MainFile = "fentrace.db"
)

// members are the databases of a data folder, the main one first. The others are there when the server has learnt.
var members = []string{MainFile, learnedFile}

const learnedFile = "learned.db"

// Manifest says what is in a backup.
type Manifest struct {
	Format  int       `json:"format"`
	Made    time.Time `json:"made"`
	Version string    `json:"version"` // of the program
	Scans   int       `json:"scans"`
	Members []Member  `json:"members"`
}

// Member is one file of a backup.
type Member struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"` // bytes
	SHA256 string `json:"sha256"`
}

// Write copies the databases in dir to w, each as it is at one moment; whoever writes to them goes on. version is that of the
// program. It needs room for one more copy of them in the system's folder for temporary files.
func Write(ctx context.Context, dir string, w io.Writer, version string, now time.Time) (Manifest, error) {
	m := Manifest{Format: format, Made: now.UTC(), Version: version}
	work, err := os.MkdirTemp("", "fentrace-backup-")
	if err != nil {
		return m, fmt.Errorf("back up: %w", err)
	}
	defer os.RemoveAll(work)
	for _, name := range members {
		from, to := filepath.Join(dir, name), filepath.Join(work, name)
		if _, err := os.Stat(from); errors.Is(err, os.ErrNotExist) {
			if name == MainFile {
				return m, fmt.Errorf("back up %s: %w", dir, ErrNoData)
			}
			continue
		}
		if err := copyDatabase(ctx, from, to); err != nil {
			return m, fmt.Errorf("back up %s: %w", from, err)
		}
		member, err := describe(to)
		if err != nil {
			return m, fmt.Errorf("back up %s: %w", from, err)
		}
		m.Members = append(m.Members, member)
	}
	if m.Scans, err = countScans(ctx, filepath.Join(work, MainFile)); err != nil {
		return m, fmt.Errorf("back up %s: %w", dir, err)
	}
	if err := m.write(w, work); err != nil {
		return m, fmt.Errorf("back up %s: %w", dir, err)
	}
	return m, nil
}

// copyDatabase copies a database that others write to. The copy is one file without a log beside it.
func copyDatabase(ctx context.Context, from, to string) error {
	db, err := openReadOnly(from)
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.ExecContext(ctx, "VACUUM INTO ?", to)
	return err
}

func openReadOnly(path string) (*sql.DB, error) {
	return sql.Open("sqlite3", "file:"+(&url.URL{Path: path}).EscapedPath()+"?mode=ro&_busy_timeout=5000")
}

func countScans(ctx context.Context, path string) (n int, err error) {
	db, err := openReadOnly(path)
	if err != nil {
		return 0, err
	}
	defer db.Close()
	return n, db.QueryRowContext(ctx, "SELECT count(*) FROM scans").Scan(&n)
}

func describe(path string) (Member, error) {
	f, err := os.Open(path)
	if err != nil {
		return Member{}, err
	}
	defer f.Close()
	sum := sha256.New()
	n, err := io.Copy(sum, f)
	return Member{Name: filepath.Base(path), Size: n, SHA256: hex.EncodeToString(sum.Sum(nil))}, err
}

// write packs the files in work.
func (m Manifest) write(w io.Writer, work string) (err error) {
	raw, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	compressed, err := zstd.NewWriter(w)
	if err != nil {
		return err
	}
	archive := tar.NewWriter(compressed)
	defer func() { err = errors.Join(err, archive.Close(), compressed.Close()) }()
	head := tar.Header{Name: manifestName, Mode: 0o600, Size: int64(len(raw)), ModTime: m.Made}
	if err := archive.WriteHeader(&head); err != nil {
		return err
	}
	if _, err := archive.Write(raw); err != nil {
		return err
	}
	for _, member := range m.Members {
		head := tar.Header{Name: member.Name, Mode: 0o600, Size: member.Size, ModTime: m.Made}
		if err := archive.WriteHeader(&head); err != nil {
			return err
		}
		f, err := os.Open(filepath.Join(work, member.Name))
		if err != nil {
			return err
		}
		_, err = io.Copy(archive, f)
		if err = errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
	return nil
}

// To writes a backup of dir to path, whole or not at all, readable by its owner only.
func To(ctx context.Context, dir, path, version string, now time.Time) (m Manifest, err error) {
	err = durable.WriteAs(path, 0o600, func(w io.Writer) error {
		m, err = Write(ctx, dir, w, version, now)
		return err
	})
	return m, err
}
