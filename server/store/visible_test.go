package store

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"fentrace/server/tlp"
)

// unasked are the methods that tell nothing of records: who people are, how the server is, and the numbers of scans.
var unasked = map[string]bool{
	"Close": true, "ID": true, "Ping": true, "LastEvent": true,
	"User": true, "EnsureUser": true, "SetRole": true, "SetPassword": true, "AddLoginCode": true, "TakeLoginCode": true, "AddSession": true, "SessionUser": true, "TouchSession": true, "EndExpired": true,
	"DeleteSession": true, "AddToken": true, "Tokens": true, "TokenUser": true, "DeleteToken": true, "OtherReviewers": true,
	"Factor": true, "ProposeFactor": true, "ConfirmFactor": true, "UseFactor": true, "UseRecovery": true, "RemoveFactor": true,
	"PeoplePage": true, "SharePage": true, "Agencies": true, "PutAgency": true, "People": true, "Person": true, "AddPerson": true, "ChangePerson": true, "EndSessions": true, "RevokeTokens": true,
	"Shares": true, "Share": true, "AddShare": true, "RevokeShare": true,
	// The log, which only those read who may read all of it.
	"Checkpoints": true, "LastCheckpoint": true, "Log": true, "LogAbout": true, "LogFrom": true, "LogKeys": true, "LogRoot": true, "LogSize": true, "LogTree": true, "Note": true,
	"NoteLogKey": true, "Verify": true, "AddCheckpoint": true,
	// Whose a log-in by a provider is, when a token was used, which links were, and what was refused.
	"BindSubject": true, "SubjectUser": true, "SpendToken": true, "TouchToken": true, "NoteRefusals": true,
	// With which keys how much is encrypted, and when something was erased last: numbers, for whoever has the keys.
	"KeysInUse": true, "Rotate": true, "Scrub": true, "LastErasure": true,
	// The queue of jobs, which holds ids only, and who takes from it; what jobs note of their own work.
	"JobDriver": true, "JobCounts": true, "Beat": true, "FailFile": true, "Gather": true, "InsertLookBack": true, "RemoveWorker": true, "Workers": true, "MoveJobs": true, "JobTimesOff": true, "MendJobTimes": true, "Single": true, "WaitingQueues": true,
	// What the program notes of its own work; it tells nothing.
	"Sent": true, "NotSent": true, "Park": true, "RaiseAlert": true, "BeginComparison": true, "EndComparison": true, "AddTruthAnswer": true, "SaveRescreen": true, "EndRescreen": true,
}

// Every method of the store that tells of records is called with a context that names nobody. One that is new is called too.
func TestWithoutAPrincipalNothingIsToldOfRecords(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		raw := []byte("raw")
		if _, _, err := s.Put(asProgram(t), File{"f", raw}, []Scan{scan(t, "a", 0, raw)}, Arrival{Queue: true}); err != nil {
			t.Fatal(err)
		}
		store := reflect.ValueOf(s)
		asked := 0
		for i := range store.NumMethod() {
			name := store.Type().Method(i).Name
			if unasked[name] {
				continue
			}
			asked++
			method := store.Method(i)
			if method.Type().NumIn() == 0 {
				t.Errorf("%s cannot be asked on anybody's behalf; a method that tells nothing of records belongs into unasked", name)
				continue
			}
			args := []reflect.Value{reflect.ValueOf(context.Background())}
			for k := 1; k < method.Type().NumIn(); k++ {
				args = append(args, argument(t, method.Type().In(k)))
			}
			if method.Type().IsVariadic() {
				args = args[:len(args)-1]
			}
			out := method.Call(args)
			err, _ := out[len(out)-1].Interface().(error)
			if !errors.Is(err, ErrNobody) {
				t.Errorf("%s, asked by nobody, answers %v with the error %v; a method that tells nothing of records belongs into unasked", name, out[0], err)
			}
		}
		if asked < 25 {
			t.Errorf("only %d methods were asked", asked)
		}
	})
}

// argument is a value of a type that a method takes, such as one that is there.
func argument(t *testing.T, of reflect.Type) reflect.Value {
	switch of {
	case reflect.TypeFor[string](): // an id as good as any, and a cursor of lists
		return reflect.ValueOf(formatCursor(0, "a"))
	case reflect.TypeFor[int]():
		return reflect.ValueOf(10)
	case reflect.TypeFor[int64]():
		return reflect.ValueOf(int64(0))
	case reflect.TypeFor[[]string]():
		return reflect.ValueOf([]string{"a"})
	case reflect.TypeFor[time.Time]():
		return reflect.ValueOf(noon)
	case reflect.TypeFor[File]():
		return reflect.ValueOf(File{"g", []byte("other")})
	case reflect.TypeFor[[]Scan]():
		return reflect.ValueOf([]Scan{scan(t, "b", 0, []byte("other"))})
	case reflect.TypeFor[Arrival]():
		return reflect.ValueOf(Arrival{Queue: true})
	case reflect.TypeFor[LaboratoryResult]():
		return reflect.ValueOf(LaboratoryResult{ScanID: "a", Result: ResultRefuted, Technique: "GC-MS", Laboratory: "L"})
	}
	return reflect.Zero(of)
}

// The spectra of one file may be marked differently, as after an amendment.
func TestSiblingsAreThoseThatMayBeSeen(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		raw := []byte("raw")
		open, secret := scan(t, "open", 0, raw), scan(t, "secret", 1, raw)
		open.TLP, secret.TLP = tlp.Amber, tlp.Red
		if _, _, err := s.Put(asProgram(t), File{"f", raw}, []Scan{open, secret}, Arrival{}); err != nil {
			t.Fatal(err)
		}
		for level, want := range map[tlp.Level]int{tlp.Amber: 0, tlp.Red: 1} {
			ctx := As(t.Context(), Principal{User: "u", Role: "analyst", Agency: LocalAgency, Clearance: level})
			one, err := s.Scan(ctx, "open")
			list, listErr := s.List(ctx, Filter{}, 10, "")
			same, sameErr := s.ByHash(ctx, open.SHA256)
			if err := errors.Join(err, listErr, sameErr); err != nil {
				t.Fatal(err)
			}
			if len(one.Siblings) != want || len(list.Scans) != want+1 || len(list.Scans[0].Siblings) != want || len(same) != want+1 || len(same[0].Siblings) != want {
				t.Errorf("who is cleared for %s is told of %+v, %+v, %+v", level, one.Siblings, list.Scans, same)
			}
			_, err = s.Scan(ctx, "secret")
			if errors.Is(err, ErrNotFound) != (want == 0) {
				t.Errorf("who is cleared for %s: %v", level, err)
			}
		}
	})
}

// principals are readers of every kind.
func principals() (out []Principal) {
	for _, role := range []string{"operator", "analyst", "public", "auditor", "administrator", "none"} {
		for _, level := range tlp.Levels {
			out = append(out, Principal{User: "u", Role: role, Agency: "aa", Clearance: level})
		}
	}
	return out
}

// What lists cost must not depend on what one may not see: that is passed over in the index, without reading a row of it.
func TestListsGoByTheirIndexWhoeverAsks(t *testing.T) {
	s := opened(t, t.TempDir(), "")
	for _, p := range principals() {
		ctx := As(t.Context(), p)
		cond, args, err := Filter{}.seen(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for what, want := range map[string]string{
			"SELECT s.id, s.identification FROM scans s WHERE " + cond + " ORDER BY s.acquired DESC, s.id DESC LIMIT 50": "USING INDEX scans_acquired",
			"SELECT count(*) FROM scans s WHERE " + cond:                                                                 "USING COVERING INDEX",
			"SELECT s.seq, s.id, s.verdict FROM scans s WHERE s.seq > 5 AND " + cond + " ORDER BY s.seq LIMIT 100":       "USING INTEGER PRIMARY KEY",
		} {
			plan := explain(t, s, what, args...)
			if p.Role == "operator" && (!strings.Contains(plan, want) || strings.Contains(plan, "TEMP B-TREE")) {
				t.Errorf("%s cleared for %s: %s is answered by\n%s", p.Role, p.Clearance, what, plan)
			}
		}
		// One record is found by its id whoever asks.
		see, args, err := visible(ctx, "s")
		if err != nil {
			t.Fatal(err)
		}
		if plan := explain(t, s, "SELECT s.spectrum FROM scans s WHERE s.id = ? AND "+see, append([]any{"a"}, args...)...); !strings.Contains(plan, "INDEX sqlite_autoindex_scans_1") && sights[p.Role] != blind {
			t.Errorf("%s: one record is found by\n%s", p.Role, plan)
		}
	}
}

func explain(t *testing.T, s *Store, query string, args ...any) string {
	t.Helper()
	rows, err := s.r.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var b strings.Builder
	for rows.Next() {
		var id, parent, unused int
		var step string
		if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(&b, step)
	}
	return b.String()
}

// BenchmarkLists is a page, with its number of all, of a database with several agencies, as readers see it who see much and little.
func BenchmarkLists(b *testing.B) {
	s, err := Open(b.Context(), b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	ctx := ByProgram(b.Context(), "bench")
	for _, a := range []string{"aa", "bb", "cc"} {
		if err := s.PutAgency(ctx, Agency{ID: a, Name: a}, false, noon); err != nil {
			b.Fatal(err)
		}
	}
	const scans = 100_000
	if err := s.write(ctx, func(tx queries) error {
		if _, err := tx.ExecContext(ctx, `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
			INSERT INTO files (sha256, name, size, created, raw) SELECT printf('%064x', i), 'f', 1, 1, x'00' FROM n`, scans); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
			INSERT INTO scans (id, sha256, spectrum_index, filename, created, acquired, technique, simulated, verdict, headline, summary, agency, tlp, identification, spectrum)
			SELECT printf('%032x', i), printf('%064x', i), 0, 'f', i, i * 7919 % 1000003, 'raman', 0, 'alarm', 'h', 's', CASE WHEN i % 100 = 0 THEN 'aa' ELSE 'bb' END, 2, '{}', zeroblob(4000) FROM n`, scans)
		return err
	}); err != nil {
		b.Fatal(err)
	}
	for name, p := range map[string]Principal{"everything": {Program: true}, "one in a hundred": {Role: "operator", Agency: "aa", Clearance: tlp.Red},
		"most": {Role: "operator", Agency: "bb", Clearance: tlp.Red}, "nothing": {Role: "operator", Agency: "cc", Clearance: tlp.Red}} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := s.List(As(b.Context(), p), Filter{}, 50, ""); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
