package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"

	"fentrace/server/audit"
	"fentrace/server/tlp"
	"fentrace/spectra"
)

// verified is what is found in a database.
func verified(t testing.TB, s *Store, options VerifyOptions) (Verification, []Fault) {
	t.Helper()
	var faults []Fault
	options.Each = func(f Fault) { faults = append(faults, f) }
	v, err := s.Verify(context.Background(), options)
	if err != nil {
		t.Fatal(err)
	}
	if v.Faults != len(faults) {
		t.Errorf("%d faults are counted, %d were told", v.Faults, len(faults))
	}
	return v, faults
}

// signer signs checkpoints as a server does.
type signer struct{ private, public string }

func newSigner(t *testing.T) signer {
	t.Helper()
	private, public, err := audit.NewKey("fentrace/test")
	if err != nil {
		t.Fatal(err)
	}
	return signer{private, public}
}

func (k signer) checkpoint(t *testing.T, s *Store) string {
	t.Helper()
	if err := s.NoteLogKey(asProgram(t), "fentrace/test", k.public); err != nil {
		t.Fatal(err)
	}
	size, root, err := s.LogRoot(asProgram(t))
	if err != nil {
		t.Fatal(err)
	}
	return k.add(t, s, size, root)
}

func (k signer) add(t *testing.T, s *Store, size int64, root tlog.Hash) string {
	t.Helper()
	signed, err := audit.Sign(k.private, size, root)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.AddCheckpoint(asProgram(t), StoredCheckpoint{Size: size, Origin: "fentrace/test", Made: noon, Checkpoint: signed}); err != nil {
		t.Fatal(err)
	}
	return signed
}

// lived is a database with a record of every kind, and checkpoints in between.
func lived(t *testing.T, s *Store) (k signer) {
	t.Helper()
	k = newSigner(t)
	furnish(t, s)
	k.checkpoint(t, s)
	latitude, longitude := 39.123456789, -104.0
	for i := range 7 {
		raw := fmt.Appendf(nil, "file %d", i)
		one := scan(t, fmt.Sprintf("scan-%d", i), 0, raw)
		one.Location = &Location{Latitude: &latitude, Longitude: &longitude, County: "Škofja Loka", State: "CO"}
		one.Device, one.Case, one.TLP = &Device{Type: "obp", SerialNumber: "7"}, "C 7", tlp.Green
		two := scan(t, fmt.Sprintf("scan-%d-b", i), 1, raw)
		answers, err := ReadFieldAnswers(fmt.Appendf(nil, `[{"scan_id":"%08d-1111-4111-8111-111111111111","spectrum_index":1,"answered":"2026-01-02T03:04:05Z","identification":{"verdict":"alarm"}}]`, i))
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.Put(asProgram(t), File{"f", raw}, []Scan{one, two}, Arrival{Answers: answers, Queue: true}); err != nil {
			t.Fatal(err)
		}
	}
	k.checkpoint(t, s)
	r := enter(t, s, pure("ada", "caffeine"))
	if err := s.Decide(asProgram(t), r.Proposal, Decision{Accepted: true, Reason: "good", DecidedBy: "bob", Decided: noon}, reviewers); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.NoteLibrary(asProgram(t), LibrarySnapshot{Version: "2", ControlledMeasured: []string{"fentanyl"}}, "it has learnt", noon); err != nil {
		t.Fatal(err)
	}
	k.checkpoint(t, s)
	return k
}

// unguarded lets a test change what a program cannot.
func unguarded(t *testing.T, s *Store) func(query string, args ...any) {
	t.Helper()
	exec := func(query string, args ...any) {
		t.Helper()
		if _, err := s.w.ExecContext(context.Background(), s.d.text(query), args...); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
	}
	if s.d.numbered {
		exec("SET session_replication_role = replica")
		return exec
	}
	exec("PRAGMA foreign_keys = off")
	rows, err := s.r.QueryContext(asProgram(t), "SELECT name FROM sqlite_master WHERE type = 'trigger'")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var names []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	rows.Close()
	for _, name := range names {
		exec("DROP TRIGGER " + name)
	}
	return exec
}

func TestWhatIsAsItWasStoredVerifies(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		k := lived(t, s)
		signed := k.checkpoint(t, s)
		steps := int64(0)
		v, faults := verified(t, s, VerifyOptions{Witnesses: []Witness{{"kept", signed}}, Keys: map[string]string{"fentrace/test": k.public},
			Progress: func(done, total int64) {
				if steps++; done != steps || done > total {
					t.Errorf("step %d: %d of %d", steps, done, total)
				}
			}})
		if len(faults) > 0 {
			t.Fatalf("%+v", faults)
		}
		if v.Files != 8 || v.Scans != 15 || v.Records != 12 || v.Checkpoints != 3 || v.Witnesses != 1 || v.Leaves < 30 || steps != v.Leaves+8+15+12 {
			t.Errorf("%+v in %d steps", v, steps)
		}
	})
}

// place is a value in the database, and how a change of it is to be named.
type place struct {
	table, column, where string
	kind, id             string
}

// places are what a flipped bit may hit.
func places(t *testing.T, s *Store) (out []place) {
	t.Helper()
	each := func(query string, make func(key string) place) {
		t.Helper()
		rows, err := s.r.QueryContext(asProgram(t), query)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var key string
			if err := rows.Scan(&key); err != nil {
				t.Fatal(err)
			}
			out = append(out, make(key))
		}
	}
	for _, column := range []string{"leaf", "actor", "record"} {
		each("SELECT CAST(seq AS TEXT) FROM log_leaves WHERE "+column+" <> ''", func(n string) place { return place{"log_leaves", column, "seq = " + n, "leaf", n} })
	}
	each("SELECT CAST(n AS TEXT) FROM log_hashes", func(n string) place { return place{"log_hashes", "hash", "n = " + n, "hash", n} })
	each("SELECT CAST(size AS TEXT) FROM log_checkpoints", func(n string) place {
		return place{"log_checkpoints", "checkpoint", "size = " + n, "checkpoint", n + " leaves by fentrace/test"}
	})
	each("SELECT sha256 FROM files", func(sum string) place { return place{"files", "raw", "sha256 = '" + sum + "'", "file", sum} })
	for _, column := range []string{"identification", "spectrum", "filename", "verdict"} {
		each("SELECT id FROM scans", func(id string) place { return place{"scans", column, "id = '" + id + "'", "scan", id} })
	}
	each("SELECT id FROM scans WHERE county <> ''", func(id string) place { return place{"scans", "county", "id = '" + id + "'", "scan", id} })
	each("SELECT scan_id FROM findings", func(id string) place { return place{"findings", "substance", "scan_id = '" + id + "'", "scan", id} })
	each("SELECT id FROM laboratory_results", func(id string) place {
		return place{"laboratory_results", "substances", "id = '" + id + "'", "record", id}
	})
	each("SELECT proposal_id FROM proposal_decisions", func(id string) place {
		return place{"proposal_decisions", "reason", "proposal_id = '" + id + "'", "record", id}
	})
	each("SELECT sha256 || '/' || spectrum_index || '/' || scan_id || '/' || agency FROM field_answers", func(id string) place {
		return place{"field_answers", "answer", "sha256 = '" + strings.Split(id, "/")[0] + "'", "record", id}
	})
	return out
}

func TestAFlippedBitIsFoundAndNamedWhereverItIs(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		lived(t, s)
		exec := unguarded(t, s)
		all := places(t, s)
		rapid.Check(t, func(rt *rapid.T) {
			p := rapid.SampledFrom(all).Draw(rt, "place")
			var had []byte
			if err := s.r.QueryRowContext(context.Background(), "SELECT "+p.column+" FROM "+p.table+" WHERE "+p.where).Scan(&had); err != nil {
				t.Fatal(err)
			}
			binary := slices.Contains([]string{"leaf", "hash", "raw", "spectrum"}, p.column)
			value := func(b []byte) any {
				if binary {
					return b
				}
				return string(b)
			}
			bad := slices.Clone(had)
			at := rapid.IntRange(0, len(bad)-1).Draw(rt, "byte")
			if binary {
				bad[at] ^= 1 << rapid.IntRange(0, 7).Draw(rt, "bit")
			} else {
				for bad[at] >= 0x80 { // a text stays one
					at = (at + 1) % len(bad)
				}
				bad[at] ^= 1
			}
			exec("UPDATE "+p.table+" SET "+p.column+" = ? WHERE "+p.where, value(bad))
			defer exec("UPDATE "+p.table+" SET "+p.column+" = ? WHERE "+p.where, value(had))
			_, faults := verified(t, s, VerifyOptions{})
			named := slices.ContainsFunc(faults, func(f Fault) bool {
				// The last leaf may have no hash above it that tells which of the two was changed.
				return f.Kind == p.kind && f.ID == p.id || p.kind == "hash" && f.Kind == "leaf" && strings.Contains(f.What, "hash")
			})
			if !named {
				rt.Fatalf("a bit of %s in %s, %s, is not named: %+v", p.column, p.table, p.where, faults)
			}
		})
		if _, faults := verified(t, s, VerifyOptions{}); len(faults) > 0 {
			t.Errorf("put back: %+v", faults)
		}
	})
}

func wantFault(t *testing.T, faults []Fault, kind, id, word string) {
	t.Helper()
	if !slices.ContainsFunc(faults, func(f Fault) bool { return f.Kind == kind && f.ID == id && strings.Contains(f.What, word) }) {
		t.Errorf("no %s %s that says %q: %+v", kind, id, word, faults)
	}
}

func TestWhatIsTakenAwayOrPutThereBehindTheProgramsBackIsNamed(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		lived(t, s)
		exec := unguarded(t, s)
		var result string
		if err := s.r.QueryRowContext(asProgram(t), "SELECT id FROM laboratory_results").Scan(&result); err != nil {
			t.Fatal(err)
		}
		exec("DELETE FROM scans WHERE id = 'scan-3'")
		exec("DELETE FROM laboratory_results")
		exec("UPDATE scans SET id = 'scan-x' WHERE id = 'scan-4'")
		exec("DELETE FROM log_leaves WHERE seq = 5")
		sum := spectra.HashBytes([]byte("file 6"))
		exec("DELETE FROM scans WHERE sha256 = ?", sum)
		_, faults := verified(t, s, VerifyOptions{})
		wantFault(t, faults, "scan", "scan-3", "gone")
		wantFault(t, faults, "scan", "scan-4", "gone")
		wantFault(t, faults, "scan", "scan-x", "knows nothing")
		wantFault(t, faults, "record", result, "gone")
		wantFault(t, faults, "leaf", "5", "missing")
		wantFault(t, faults, "file", sum, "no scan belongs to it")
	})
}

// forge makes the log anew without one of its leaves, all hashes and numbers right, as whoever has the database can.
func forge(t *testing.T, s *Store, exec func(string, ...any), without int64) {
	t.Helper()
	all, _ := leaves(t, s)
	exec("DELETE FROM log_leaves")
	exec("DELETE FROM log_hashes")
	var e audit.Edge
	for _, l := range all {
		if l.Seq == without {
			continue
		}
		l.Seq = e.Size
		raw, err := l.Encode()
		if err != nil {
			t.Fatal(err)
		}
		next, first, hashes, err := e.Append(raw)
		if err != nil {
			t.Fatal(err)
		}
		exec("INSERT INTO log_leaves (seq, at, actor, agency, action, kind, record, leaf) VALUES (?,?,?,?,?,?,?,?)", l.Seq, micros(l.Time), l.Actor, l.Agency, l.Action, l.Kind, l.ID, raw)
		for i, h := range hashes {
			exec("INSERT INTO log_hashes (n, hash) VALUES (?,?)", first+int64(i), h[:])
		}
		e = next
	}
}

func TestALogThatWasMadeAnewDoesNotFitTheCheckpointsOfBefore(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		k := lived(t, s)
		if err := s.Note(asProgram(t), Entry{Action: audit.Consult, Kind: "test", ID: "1"}); err != nil {
			t.Fatal(err)
		}
		kept := k.checkpoint(t, s)
		size, _ := s.LogSize(asProgram(t))
		if err := s.Note(asProgram(t), Entry{Action: audit.Consult, Kind: "test", ID: "2"}); err != nil {
			t.Fatal(err)
		}
		exec := unguarded(t, s)
		forge(t, s, exec, size-1)
		_, faults := verified(t, s, VerifyOptions{})
		wantFault(t, faults, "checkpoint", fmt.Sprint(size, " leaves by fentrace/test"), "was changed, and the hashes made anew")

		// Whoever has the key as well signs what he has made. Only a checkpoint that is somewhere else still tells.
		exec("DELETE FROM log_checkpoints")
		k.checkpoint(t, s)
		if _, faults := verified(t, s, VerifyOptions{}); len(faults) > 0 {
			t.Fatalf("a log that fits itself: %+v", faults)
		}
		_, faults = verified(t, s, VerifyOptions{Witnesses: []Witness{{"kept.txt", kept}}})
		wantFault(t, faults, "checkpoint", "kept.txt", "was changed, and the hashes made anew")
	})
}

func TestALogThatWasCutBackIsFoundByACheckpointKeptElsewhere(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		k := lived(t, s)
		if err := s.Note(asProgram(t), Entry{Action: audit.Consult, Kind: "test", ID: "1"}); err != nil {
			t.Fatal(err)
		}
		kept := k.checkpoint(t, s)
		size, _ := s.LogSize(asProgram(t))
		exec := unguarded(t, s)
		exec("DELETE FROM log_leaves WHERE seq = ?", size-1)
		exec("DELETE FROM log_hashes WHERE n >= ?", tlog.StoredHashCount(size-1))
		exec("DELETE FROM log_checkpoints WHERE size = ?", size)
		if _, faults := verified(t, s, VerifyOptions{}); len(faults) > 0 {
			t.Fatalf("a log that fits itself: %+v", faults)
		}
		_, faults := verified(t, s, VerifyOptions{Witnesses: []Witness{{"kept.txt", kept}}})
		wantFault(t, faults, "checkpoint", "kept.txt", "cut back")
		other := newSigner(t)
		signed, err := audit.Sign(other.private, 1, tlog.Hash{})
		if err != nil {
			t.Fatal(err)
		}
		_, faults = verified(t, s, VerifyOptions{Witnesses: []Witness{{"other.txt", signed}, {"no.txt", "nothing"}}, Keys: map[string]string{"fentrace/test": other.public}})
		wantFault(t, faults, "checkpoint", "fentrace/test", "another key")
		wantFault(t, faults, "checkpoint", "other.txt", "made anew")
		wantFault(t, faults, "checkpoint", "no.txt", "another log")
	})
}

func TestADatabaseFromBeforeTheLogIsTakenOverOnce(t *testing.T) {
	t.Parallel()
	onEachEarlier(t, 9, beforeAgencies(), func(t *testing.T, open func() *Store) {
		open().Close()
		s := open()
		v, faults := verified(t, s, VerifyOptions{})
		if len(faults) > 0 || v.Scans != 2 || v.Records != 5 {
			t.Fatalf("%+v: %+v", v, faults)
		}
		all, _ := leaves(t, s)
		scans := 0
		for _, l := range all {
			if l.Kind == KindScan {
				scans++
				if l.Actor != "upgrade" || l.Action != audit.Collect || !strings.Contains(string(l.Detail), `"taken_over":true`) {
					t.Errorf("%+v", l)
				}
			}
		}
		if scans != 2 {
			t.Errorf("%d leaves tell of 2 scans", scans)
		}
		exec := unguarded(t, s)
		exec(`INSERT INTO scans (id, sha256, spectrum_index, filename, created, acquired, technique, simulated, verdict, headline, summary, identification, spectrum)
			SELECT 'smuggled', sha256, 9, filename, created, acquired, technique, simulated, verdict, headline, summary, identification, spectrum FROM scans WHERE id LIKE '1%'`)
		_, faults = verified(t, open(), VerifyOptions{})
		wantFault(t, faults, "scan", "smuggled", "knows nothing")
	})
}

func TestAnAmendedScanVerifiesOnceTheLogTellsOfIt(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		lived(t, s)
		exec := unguarded(t, s)
		exec("UPDATE scans SET case_number = 'other' WHERE id = 'scan-1'")
		_, faults := verified(t, s, VerifyOptions{})
		wantFault(t, faults, "scan", "scan-1", "case")
		if err := s.write(asProgram(t), func(q queries) error { return q.logSaid(asProgram(t), "scan-1") }); err != nil {
			t.Fatal(err)
		}
		if _, faults := verified(t, s, VerifyOptions{}); len(faults) > 0 {
			t.Errorf("%+v", faults)
		}
	})
}

func TestWhatWasErasedVerifiesWhenTheLogSaysSo(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		lived(t, s)
		exec := unguarded(t, s)
		sum := spectra.HashBytes([]byte("file 2"))
		exec("UPDATE files SET raw = ? WHERE sha256 = ?", []byte{}, sum)
		exec("UPDATE scans SET filename = '', headline = 'ERASED', identification = '{}', spectrum = ? WHERE sha256 = ?", []byte{}, sum)
		exec("DELETE FROM findings WHERE scan_id LIKE 'scan-2%'")
		exec("DELETE FROM field_answers WHERE sha256 = ?", sum)
		_, faults := verified(t, s, VerifyOptions{})
		wantFault(t, faults, "file", sum, "its bytes were changed")
		wantFault(t, faults, "scan", "scan-2", "its answer was changed")
		if !slices.ContainsFunc(faults, func(f Fault) bool { return f.Kind == "record" && strings.HasPrefix(f.ID, sum) }) {
			t.Errorf("the field answer is gone: %+v", faults)
		}
		exec("UPDATE files SET raw_key = ? WHERE sha256 = ?", erasedKey, sum)
		exec("UPDATE scans SET spectrum_key = ? WHERE sha256 = ?", erasedKey, sum)
		for _, id := range []string{"scan-2", "scan-2-b"} {
			if err := s.Note(asProgram(t), Entry{Action: audit.Erase, Kind: KindScan, ID: id}); err != nil {
				t.Fatal(err)
			}
		}
		if _, faults := verified(t, s, VerifyOptions{}); len(faults) > 0 {
			t.Errorf("%+v", faults)
		}
	})
}
