package store

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pressly/goose/v3"

	"fentrace/server/store/storetest"
)

// release is the last migration of the release before agencies and the log.
const release = 9

// row9 is one of a table in a database of that release.
type row9 struct {
	table, columns string
	values         []any
}

// release9 has a row in every table.
var release9 = []row9{
	{"users", `name, role, password_hash, created, totp_secret, totp_on, totp_step`, []any{"ada", "operator", "$argon2id$x", 1, []byte{1, 2}, true, 7}},
	{"users", `name, role, created`, []any{"bob", "reviewer", 2}},
	{"login_codes", `hash, "user", expires`, []any{[]byte("code"), "ada", 10}},
	{"sessions", `hash, "user", created, expires, used`, []any{[]byte("session"), "ada", 1, 9e15, 3}},
	{"tokens", `id, name, "user", hash, created, scope, expires`, []any{"t1", "van 7", "ada", []byte("token"), 4, "upload", nil}},
	{"recovery_codes", `hash, "user"`, []any{[]byte("recovery"), "ada"}},
	{"files", `sha256, name, size, created, raw`, []any{"s1", "a.jdx", 3, 5, []byte("raw")}},
	{"scans", `id, sha256, spectrum_index, filename, created, acquired, technique, simulated, latitude, longitude, county, case_number, verdict, headline, summary, identification, spectrum`,
		[]any{"scan1", "s1", 0, "a.jdx", 5, 6, "raman", true, 46.5, -84.25, "Škofja", "C-1", "alarm", "ALARM", "s", `{"verdict":"alarm"}`, []byte(`{"technique":"raman"}`)}},
	{"findings", `scan_id, rank, substance, class, controlled, tier, probability`, []any{"scan1", 0, "fentanyl", "fentanyl", true, "published", 0.5}},
	{"outbox", `sha256, key, attempts, tried, error, sent_to`, []any{"s1", "k1", 2, 8, "away", "https://up"}},
	{"request_keys", `"user", key, sha256, created, at`, []any{"ada", "key", "s1", true, 5}},
	{"field_answers", `sha256, spectrum_index, scan_id, answer`, []any{"s1", 0, "there", `{"scan_id":"there"}`}},
	{"laboratory_results", `id, scan_id, result, substances, pure, substance_id, technique, laboratory, note, entered_by, entered, not_proposed`,
		[]any{"lab1", "scan1", "confirmed", `[]`, true, "fentanyl", "GC-MS", "L", "n", "ada", 11, ""}},
	{"reference_proposals", `id, result_id, substance_id, substance, tier, reference_id`, []any{"p1", "lab1", "fentanyl", "fentanyl", "measured", "r1"}},
	{"proposal_decisions", `proposal_id, accepted, reason, alone, decided_by, decided`, []any{"p1", true, "good", false, "bob", 12}},
	{"library_changes", `id, noted, cause, before, after, state, total`, []any{"c1", 13, "start", `{}`, `{}`, "done", 1}},
	{"truth_answers", `change_seq, scan_id, before_verdict, before_headline, before_named, before_grade, verdict, headline, named, grade, effect`,
		[]any{1, "scan1", "alarm", "A", `[]`, "right", "alarm", "A", `[]`, "right", "same"}},
	{"rescreens", `id, reference_id, substance, library, asked_by, created, state, screened, algorithm, reused`, []any{"l1", "r1", "fentanyl", "lib", "ada", 14, "done", 1, "a-1", 1}},
	{"lookback_hits", `reference_id, scan_id, substance, class, controlled, score, shift_cm1, stated, verdict, headline, library, found, algorithm`,
		[]any{"r1", "scan1", "fentanyl", "fentanyl", true, 0.75, 1.5, true, "alarm", "A", "lib", 15, "a-1"}},
	{"alerts", `id, created, substance, reference_id, scan_id, county, state, fips, simulated, first_seen, seen_before`,
		[]any{"al1", 16, "fentanyl", "r1", "scan1", "Škofja", "", "", true, 6, nil}},
}

// at9 makes a database of that release, with a row in every table.
func at9(t *testing.T, d *dialect, db *sql.DB) {
	t.Helper()
	files, err := fs.Sub(migrations, d.migrations)
	if err != nil {
		t.Fatal(err)
	}
	p, err := goose.NewProvider(d.goose, db, files, d.options...)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.UpTo(t.Context(), release); err != nil {
		t.Fatal(err)
	}
	q := queries{on: db, d: d}
	tables := "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name NOT LIKE 'goose%'"
	if d == postgres {
		tables = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename NOT LIKE 'goose%' AND tablename <> 'identity'"
	}
	for _, name := range firstColumn(t, q, tables) {
		if !slices.ContainsFunc(release9, func(r row9) bool { return r.table == name }) {
			t.Errorf("no row for the table %s", name)
		}
	}
	for _, r := range release9 {
		marks := strings.TrimSuffix(strings.Repeat("?,", len(r.values)), ",")
		if _, err := q.ExecContext(t.Context(), fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s)", r.table, r.columns, marks), r.values...); err != nil {
			t.Fatalf("%s: %v", r.table, err)
		}
	}
}

func firstColumn(t *testing.T, q queries, query string) (out []string) {
	t.Helper()
	rows, err := q.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		out = append(out, s)
	}
	return out
}

// rowsOf are all rows of a table, in the columns that were there.
func rowsOf(t *testing.T, q queries, table, columns string) (out []string) {
	t.Helper()
	rows, err := q.QueryContext(t.Context(), fmt.Sprintf("SELECT %s FROM %s", columns, table))
	if err != nil {
		t.Fatalf("%s: %v", table, err)
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		values, into := make([]any, len(names)), make([]any, len(names))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		out = append(out, fmt.Sprintf("%q", fmt.Sprint(values...)))
	}
	slices.Sort(out)
	return out
}

func TestADatabaseOfTheReleaseBeforeIsUpgradedAndHoldsEverything(t *testing.T) {
	t.Parallel()
	for _, d := range []*dialect{sqlite, postgres} {
		t.Run(map[*dialect]string{sqlite: "sqlite", postgres: "postgres"}[d], func(t *testing.T) {
			dir, driver := filepath.Join(t.TempDir(), "data"), "sqlite3"
			address := ""
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			dsn := "file:" + (&url.URL{Path: filepath.Join(dir, FileName)}).EscapedPath() + "?_journal_mode=WAL&_foreign_keys=on"
			if d == postgres {
				address = storetest.Postgres(t)
				driver, dsn = "pgx", address
			}
			old, err := sql.Open(driver, dsn)
			if err != nil {
				t.Fatal(err)
			}
			at9(t, d, old)
			before := map[int][]string{}
			for i, r := range release9 {
				before[i] = rowsOf(t, queries{on: old, d: d}, r.table, r.columns)
			}
			if err := old.Close(); err != nil {
				t.Fatal(err)
			}
			s := opened(t, dir, address)
			for i, r := range release9 {
				if after := rowsOf(t, s.r, r.table, r.columns); !slices.Equal(after, before[i]) {
					t.Errorf("%s: %q before, %q after the upgrade", r.table, before[i], after)
				}
			}
			upgradedWorks(t, asProgram(t), s)
		})
	}
}

// upgradedWorks: what was stored before is read by the program of now, and it stores more.
func upgradedWorks(t *testing.T, ctx context.Context, s *Store) {
	t.Helper()
	got, err := s.Scan(ctx, "scan1")
	if err != nil || got.Location == nil || got.Location.County != "Škofja" || len(got.LaboratoryResults) != 1 || len(got.FieldAnswers) != 1 {
		t.Errorf("the scan of before: %+v, %v", got, err)
	}
	if raw, _, err := s.Raw(ctx, "scan1"); err != nil || string(raw) != "raw" {
		t.Errorf("its bytes: %q, %v", raw, err)
	}
	if page, err := s.List(ctx, Filter{Substance: "Fentanyl"}, 10, ""); err != nil || page.Total != 1 {
		t.Errorf("%d scans found by substance, %v", page.Total, err)
	}
	if err := put(t, s, "after"); err != nil {
		t.Error(err)
	}
}
