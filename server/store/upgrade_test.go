package store

import (
	"database/sql"
	"fmt"
	"io/fs"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pressly/goose/v3"

	"fentrace/server/store/storetest"
	"fentrace/server/tlp"
	"fentrace/spectra"
)

// earlier makes a database of an earlier version of the tables and fills it with statements.
func earlier(t *testing.T, d *dialect, driver, address string, version int64, statements ...string) {
	t.Helper()
	db, err := sql.Open(driver, address)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	files, err := fs.Sub(migrations, d.migrations)
	if err != nil {
		t.Fatal(err)
	}
	p, err := goose.NewProvider(d.goose, db, files)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.UpTo(t.Context(), version); err != nil {
		t.Fatal(err)
	}
	for _, statement := range statements {
		if _, err := db.Exec(statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

// onEachEarlier runs a test on databases of an earlier version of the tables, of each kind, filled with statements.
func onEachEarlier(t *testing.T, version int64, statements []string, f func(t *testing.T, open func() *Store)) {
	t.Run("sqlite", func(t *testing.T) {
		dir := t.TempDir()
		path := filepath.Join(dir, FileName)
		earlier(t, sqlite, "sqlite3", "file:"+(&url.URL{Path: path}).EscapedPath()+"?_foreign_keys=on", version, statements...)
		f(t, func() *Store { return opened(t, dir, "") })
	})
	t.Run("postgres", func(t *testing.T) {
		address := storetest.Postgres(t)
		earlier(t, postgres, "pgx", address, version, statements...)
		f(t, func() *Store { return opened(t, t.TempDir(), address) })
	})
}

// before agencies is a database of the version before there were agencies, with rows in every table: two scans of one file, with gaps
// in the numbers.
func beforeAgencies() []string {
	sum := spectra.HashBytes([]byte("raw"))
	out := []string{
		`INSERT INTO users (name, role, created) VALUES ('ada', 'chemist', 1)`,
		`INSERT INTO files (sha256, name, size, created, raw) VALUES ('` + sum + `', 'f.jdx', 3, 7, 'raw')`,
	}
	for i, id := range []string{"11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"} {
		out = append(out, fmt.Sprintf(`INSERT INTO scans (id, sha256, spectrum_index, filename, created, acquired, technique, simulated, latitude, longitude, county, case_number,
				verdict, headline, summary, identification, spectrum)
			VALUES ('%s', '%s', %d, 'f.jdx', 7, 5, 'raman', FALSE, 39.5, -104.5, 'Adams', 'C 7', 'alarm', 'ALARM: fentanyl', 's', '{"headline":"ALARM: fentanyl"}',
				'{"technique":"raman","x":[1,2],"y":[3,4],"metadata":{"warnings":["w"]}}')`, id, sum, i),
			`INSERT INTO findings (scan_id, rank, substance, class, controlled, tier, probability) VALUES ('`+id+`', 0, 'fentanyl', 'fentanyl', TRUE, 'measured', 0.9)`)
	}
	return append(out,
		`INSERT INTO outbox (sha256, key, attempts) VALUES ('`+sum+`', '11111111-1111-4111-8111-111111111111', 3)`,
		`INSERT INTO request_keys ("user", key, sha256, created, at) VALUES ('ada', 'k', '`+sum+`', TRUE, 7)`,
		`INSERT INTO field_answers (sha256, spectrum_index, scan_id, answer) VALUES ('`+sum+`', 1, 'there', '{"scan_id":"there","spectrum_index":1}')`,
		`INSERT INTO laboratory_results (id, scan_id, result, substances, pure, substance_id, technique, laboratory, note, entered_by, entered, not_proposed)
			VALUES ('r', '11111111-1111-4111-8111-111111111111', 'confirmed', '[{"name":"fentanyl","substance_id":"fentanyl"}]', TRUE, 'fentanyl', 'GC-MS', 'lab', '', 'ada', 8, '')`,
		`INSERT INTO reference_proposals (id, result_id, substance_id, substance, tier, reference_id) VALUES ('p', 'r', 'fentanyl', 'fentanyl', 'measured', 'ref')`,
		`INSERT INTO proposal_decisions (proposal_id, accepted, reason, alone, decided_by, decided) VALUES ('p', TRUE, 'good', TRUE, 'ada', 9)`,
		`INSERT INTO library_changes (id, noted, cause, before, after, state, total, left_out)
			VALUES ('33333333-3333-4333-8333-333333333333', 9, 'It was withdrawn from scan 11111111-1111-4111-8111-111111111111.', '{}', '{"version":"v"}', 'done', 1, 2)`,
		`INSERT INTO truth_answers (change_seq, scan_id, before_verdict, before_headline, before_named, before_grade, verdict, headline, named, grade, effect)
			SELECT seq, '11111111-1111-4111-8111-111111111111', 'alarm', 'h', '[]', 'wrong', 'alarm', 'h', '[]', 'right', 'better' FROM library_changes`,
		`INSERT INTO rescreens (id, reference_id, substance, library, asked_by, created, state, screened, total, done, upto) VALUES ('l', 'ref', 'fentanyl', 'v', 'ada', 9, 'done', 2, 1, 1, 2)`,
		`INSERT INTO lookback_hits (reference_id, scan_id, substance, class, controlled, score, shift_cm1, stated, verdict, headline, library, found)
			VALUES ('ref', '22222222-2222-4222-8222-222222222222', 'fentanyl', 'fentanyl', TRUE, 0.9, 0, TRUE, 'alarm', 'h', 'v', 9)`,
		`INSERT INTO alerts (id, created, substance, reference_id, scan_id, county, state, fips, simulated, first_seen, read_by, read)
			VALUES ('read', 9, 'fentanyl', 'ref', '22222222-2222-4222-8222-222222222222', 'Adams', 'CO', '', FALSE, 5, 'ada', 10)`,
		`INSERT INTO alerts (id, created, substance, reference_id, scan_id, county, state, fips, simulated, first_seen)
			VALUES ('unread', 9, 'fentanyl', 'ref', '11111111-1111-4111-8111-111111111111', 'Weld', 'CO', '', FALSE, 5)`)
}

func TestADatabaseFromBeforeThereWereAgenciesKeepsWhatItHolds(t *testing.T) {
	t.Parallel()
	onEachEarlier(t, 9, beforeAgencies(), func(t *testing.T, open func() *Store) {
		s, ctx := open(), asProgram(t)
		page, err := s.List(ctx, Filter{Substance: "Fentanyl"}, 10, "")
		if err != nil || page.Total != 2 {
			t.Fatalf("%d scans, %v", page.Total, err)
		}
		for _, sc := range page.Scans {
			if sc.Agency != LocalAgency || sc.TLP != tlp.Amber || sc.Case != "C 7" || len(sc.Siblings) != 1 {
				t.Errorf("a scan is now %+v", sc)
			}
		}
		sc, err := s.Scan(ctx, "22222222-2222-4222-8222-222222222222")
		if err != nil || len(sc.FieldAnswers) != 1 || !slices.Equal(sc.Warnings, []string{"w"}) {
			t.Errorf("%+v, %v", sc, err)
		}
		u, err := s.User(ctx, "ada")
		if err != nil || u.Agency != LocalAgency || u.Clearance != tlp.Red || u.Locked {
			t.Errorf("the account is now %+v, %v", u, err)
		}
		if raw, name, err := s.Raw(ctx, sc.ID); err != nil || string(raw) != "raw" || name != "f.jdx" {
			t.Errorf("the file is now %q, %s, %v", raw, name, err)
		}
		if u, err := s.NextUnsent(ctx); err != nil || u.Attempts != 3 || u.Scans != 2 || u.Filename != "f.jdx" {
			t.Errorf("in the queue is now %+v, %v", u, err)
		}
		if _, err := s.Arrive(ctx, spectra.HashBytes([]byte("other")), Arrival{Key: Key{"ada", "k"}}, noon); err == nil {
			t.Error("a key that was used can be used again")
		}
		if p, err := s.Proposals(ctx, ProposalAccepted, 10); err != nil || len(p) != 1 || p[0].Scan.ID != "11111111-1111-4111-8111-111111111111" {
			t.Errorf("proposals are now %+v, %v", p, err)
		}
		c, answers, err := s.LibraryChange(ctx, "33333333-3333-4333-8333-333333333333", 10)
		if err != nil || c.Total != 1 || c.LeftOut != 2 || c.Better != 1 || len(answers) != 1 {
			t.Errorf("the change is now %+v, %+v, %v", c, answers, err)
		}
		r, err := s.Rescreen(ctx, "l")
		if err != nil || r.Screened != 2 || r.Total != 1 || r.Done != 1 || r.Hits != 1 || r.AskedBy != "ada" {
			t.Errorf("the look-back is now %+v, %v", r, err)
		}
		alerts, err := s.Alerts(ctx, 10)
		if err != nil || len(alerts) != 2 || alerts[0].ID != "unread" || alerts[0].Read != nil || alerts[1].ReadBy != "ada" || alerts[1].Read == nil {
			t.Errorf("alerts are now %+v, %v", alerts, err)
		}
	})
}

func TestTheTablesOfAnUpgradedDatabaseGuardWhatTheyDidBefore(t *testing.T) {
	t.Parallel()
	onEachEarlier(t, 9, append(beforeAgencies(), `DELETE FROM findings WHERE scan_id LIKE '1%'`), func(t *testing.T, open func() *Store) {
		s, ctx := open(), asProgram(t)
		if s.d == sqlite {
			var dangling int
			if err := s.r.QueryRowContext(ctx, "SELECT count(*) FROM pragma_foreign_key_check").Scan(&dangling); err != nil || dangling > 0 {
				t.Errorf("%d rows refer to others that are missing, %v", dangling, err)
			}
		}
		raw := []byte("another")
		if _, _, err := s.Put(ctx, File{"g", raw}, []Scan{scan(t, "new", 0, raw)}, Arrival{}); err != nil {
			t.Fatal(err)
		}
		if events, _, err := s.EventsAfter(ctx, 0, 10); err != nil || cmp.Diff([]int64{1, 2, 3}, []int64{events[0].Seq, events[1].Seq, events[2].Seq}) != "" {
			t.Errorf("events are numbered %+v, %v", events, err)
		}
		for what, statement := range map[string]string{
			"a finding of no scan":      `INSERT INTO findings (scan_id, rank, substance, class, controlled, tier, probability) VALUES ('none', 0, '', '', FALSE, '', 0)`,
			"a scan of no agency":       `UPDATE scans SET agency = 'none'`,
			"a scan without a marking":  `UPDATE scans SET tlp = 5`,
			"an account of no agency":   `UPDATE users SET agency = 'none'`,
			"a changed result":          `UPDATE laboratory_results SET note = 'x'`,
			"a scan that is away":       `DELETE FROM scans WHERE id LIKE '2%'`,
			"the same scan twice":       `UPDATE scans SET spectrum_index = 0`,
			"a share of what is strict": `INSERT INTO shares (id, from_agency, to_agency, tlp, aggregates, granted_by, granted) VALUES ('x', 'local', 'other', 3, FALSE, '', 0)`,
		} {
			err := s.write(ctx, func(tx queries) error {
				if strings.Contains(statement, "'other'") {
					if _, err := tx.ExecContext(ctx, `INSERT INTO agencies (id, name, contact, created) VALUES ('other', 'Other', '', 0)`); err != nil {
						t.Fatal(err)
					}
				}
				_, err := tx.ExecContext(ctx, statement)
				return err
			})
			if err == nil {
				t.Errorf("%s is possible", what)
			}
		}
	})
}

func TestADatabaseOfTheFirstVersionIsBroughtUpToDate(t *testing.T) {
	dir := t.TempDir()
	raw := []byte("raw")
	sum := spectra.HashBytes(raw)
	earlier(t, sqlite, "sqlite3", "file:"+filepath.Join(dir, FileName)+"?_foreign_keys=on", 4, // before texts were compared as lower(text)
		`INSERT INTO files (sha256, name, size, created, raw) VALUES ('`+sum+`', 'f', 3, 7, 'raw')`,
		`INSERT INTO scans (id, sha256, spectrum_index, filename, created, acquired, technique, simulated, verdict, headline, summary, identification, spectrum)
			VALUES ('a', '`+sum+`', 0, 'f', 7, 5, 'raman', 0, 'alarm', 'h', 's', '{}', '{}')`,
		`INSERT INTO findings (scan_id, rank, substance, class, controlled, tier, probability) VALUES ('a', 0, 'fentanyl', '', 1, '', 0.9)`)
	if page, err := opened(t, dir, "").List(asProgram(t), Filter{Substance: "Fentanyl"}, 10, ""); err != nil || page.Total != 1 {
		t.Errorf("%d scans, %v", page.Total, err)
	}
}
