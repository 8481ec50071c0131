package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the "pgx" driver
	_ "github.com/mattn/go-sqlite3"    // the "sqlite3" driver

	"fentrace/server/store"
	"fentrace/spectra"
)

// eyes opens the database beside the server; mode ro: for reading only.
func eyes(dir, address, mode string) (*sql.DB, error) {
	if address != "" {
		return sql.Open("pgx", address)
	}
	return sql.Open("sqlite3", "file:"+(&url.URL{Path: filepath.Join(dir, store.FileName)}).EscapedPath()+"?mode="+mode+"&_busy_timeout=20000")
}

// finding is what is compared of one.
type finding struct {
	Substance string `json:"substance"`
}

// answerOf returns the findings of an answer as JSON.
func answerOf(raw []byte) ([]finding, error) {
	var ans struct{ Findings []finding }
	err := json.Unmarshal(raw, &ans)
	return ans.Findings, err
}

// half are the ways in which something may be stored by half. Each query returns rows only when there is such a thing.
var half = []struct{ what, query string }{
	{"files without a scan", "SELECT sha256 FROM files WHERE sha256 NOT IN (SELECT sha256 FROM scans) AND sha256 NOT IN (SELECT sha256 FROM batch_files WHERE state = 'failed')"},
	{"scans without their file", "SELECT id FROM scans WHERE sha256 NOT IN (SELECT sha256 FROM files)"},
	{"findings without their scan", "SELECT scan_id FROM findings WHERE scan_id NOT IN (SELECT id FROM scans)"},
	{"scans of one file stored twice", "SELECT sha256 FROM scans GROUP BY sha256, spectrum_index HAVING count(*) > 1"},
}

// inDatabase looks for what is stored by half, twice, or was never sent, and for acknowledged scans that are not there.
func inDatabase(ctx context.Context, db *sql.DB, l *load) error {
	var bad []error
	for _, h := range half {
		found, err := texts(ctx, db, h.query)
		if err != nil {
			return fmt.Errorf("look for %s: %w", h.what, err)
		}
		if len(found) > 0 {
			bad = append(bad, fmt.Errorf("%d %s, such as %s", len(found), h.what, found[0]))
		}
	}
	names, err := findings(ctx, db)
	if err != nil {
		return err
	}
	stored, err := answers(ctx, db)
	if err != nil {
		return err
	}
	bySum := map[string][]string{}
	for id, a := range stored {
		bySum[a.sum] = append(bySum[a.sum], id)
		if !slices.Equal(a.findings, names[id]) {
			bad = append(bad, fmt.Errorf("scan %s: the answer has the findings %q, the table %q", id, a.findings, names[id]))
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for sum, ids := range bySum {
		if _, sent := l.tried[sum]; !sent || len(ids) != 1 {
			bad = append(bad, fmt.Errorf("file %.12s has %d scans; sent: %t", sum, len(ids), sent))
		}
	}
	for _, sc := range l.acked {
		if stored[sc.ID].sum != sc.SHA256 {
			bad = append(bad, fmt.Errorf("acknowledged, but gone: scan %s of %.12s", sc.ID, sc.SHA256))
		}
	}
	return errors.Join(bad...)
}

func texts(ctx context.Context, db *sql.DB, query string) (out []string, err error) {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, rows.Err()
}

// findings are the substances in the table of findings, by scan.
func findings(ctx context.Context, db *sql.DB) (map[string][]string, error) {
	rows, err := db.QueryContext(ctx, "SELECT scan_id, substance FROM findings ORDER BY scan_id, rank")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[string][]string{}
	for rows.Next() {
		var id, name string
		if err := rows.Scan(&id, &name); err != nil {
			return nil, err
		}
		out[id] = append(out[id], name)
	}
	return out, rows.Err()
}

// answered is a stored scan.
type answered struct {
	sum      string
	findings []string
}

// answers are the stored scans, by id.
func answers(ctx context.Context, db *sql.DB) (map[string]answered, error) {
	rows, err := db.QueryContext(ctx, "SELECT id, sha256, identification FROM scans")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[string]answered{}
	for rows.Next() {
		var id, sum string
		var raw []byte
		if err := rows.Scan(&id, &sum, &raw); err != nil {
			return nil, err
		}
		found, err := answerOf(raw)
		if err != nil {
			return nil, fmt.Errorf("the answer of scan %s: %w", id, err)
		}
		a := answered{sum: sum}
		for _, f := range found {
			a.findings = append(a.findings, f.Substance)
		}
		out[id] = a
	}
	return out, rows.Err()
}

// whole lets SQLite look for damage.
func whole(ctx context.Context, db *sql.DB, address string) error {
	if address != "" {
		return nil // a PostgreSQL cluster checks its pages itself
	}
	for _, pragma := range []string{"PRAGMA integrity_check", "SELECT 'row ' || rowid || ' of ' || \"table\" FROM pragma_foreign_key_check"} {
		said, err := texts(ctx, db, pragma)
		if err != nil {
			return err
		}
		if len(said) > 0 && said[0] != "ok" {
			return fmt.Errorf("the database is damaged: %s", strings.Join(said, "; "))
		}
	}
	return nil
}

// throughHTTP compares acknowledged scans from number from on with what the server says of them now: answer, bytes and all.
func (l *load) throughHTTP(ctx context.Context, from int) error {
	l.mu.Lock()
	acked := slices.Clone(l.acked[from:])
	l.mu.Unlock()
	var bad []error
	for _, sc := range acked {
		now, err := l.get(ctx, sc.ID)
		if err != nil {
			return fmt.Errorf("scan %s: %w", sc.ID, err)
		}
		if now.SHA256 != sc.SHA256 || now.Verdict != sc.Verdict || !sameJSON(now.Identification, sc.Identification) {
			bad = append(bad, fmt.Errorf("scan %s was acknowledged as %s %s, and is %s %s", sc.ID, sc.Verdict, sc.Identification, now.Verdict, now.Identification))
		}
		res, err := l.do(ctx, http.MethodGet, l.url+"/v1/scans/"+sc.ID+"/raw", nil, nil)
		if err != nil || res.status != http.StatusOK {
			return fmt.Errorf("bytes of scan %s: %d, %w", sc.ID, res.status, err)
		}
		if sum := spectra.HashBytes(res.body); sum != sc.SHA256 {
			bad = append(bad, fmt.Errorf("the bytes of scan %s have the SHA-256 %s, sent were %s", sc.ID, sum, sc.SHA256))
		}
	}
	return errors.Join(bad...)
}

func sameJSON(a, b []byte) bool {
	var left, right bytes.Buffer
	return json.Compact(&left, a) == nil && json.Compact(&right, b) == nil && bytes.Equal(left.Bytes(), right.Bytes())
}

// belongs are the names of files that a data folder may hold for good, relative to it.
var belongs = []*regexp.Regexp{
	regexp.MustCompile(`^(fentrace|learned)\.db(-wal|-shm)?$`),
	regexp.MustCompile(`^log\.(key|verified)$`),
	regexp.MustCompile(`^archive/[^.][^/]*$`),
	regexp.MustCompile(`^archive/postgres-[^/]+/[^.][^/]*$`),
	regexp.MustCompile(`^index/[^.][^/]*$`),
}

// strays are the files in data folders and in the folder for temporary ones that do not belong there.
func strays(dirs []string, temporary string) (out []string, err error) {
	for _, root := range append(slices.Clone(dirs), temporary) {
		err = errors.Join(err, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			name, err := filepath.Rel(root, path)
			if root == temporary || !slices.ContainsFunc(belongs, func(r *regexp.Regexp) bool { return r.MatchString(filepath.ToSlash(name)) }) {
				out = append(out, path)
			}
			return err
		}))
	}
	return out, err
}

// aged makes files look as if nobody had touched them for a week.
func aged(paths []string) error {
	then := time.Now().Add(-7 * 24 * time.Hour)
	for _, p := range paths {
		if err := os.Chtimes(p, then, then); err != nil {
			return err
		}
	}
	return nil
}
