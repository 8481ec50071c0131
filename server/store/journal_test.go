package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"fentrace/server/audit"
)

// leaves reads the log, and computes its tree anew from the leaves.
func leaves(t *testing.T, s *Store) (all []audit.Leaf, tree audit.Edge) {
	t.Helper()
	rows, err := s.r.QueryContext(t.Context(), "SELECT seq, leaf FROM log_leaves ORDER BY seq")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var seq int64
		var raw []byte
		if err := rows.Scan(&seq, &raw); err != nil {
			t.Fatal(err)
		}
		l, err := audit.Decode(raw)
		if err != nil {
			t.Fatal(err)
		}
		if seq != tree.Size || l.Seq != seq {
			t.Fatalf("leaf %d says it is %d; %d come before it", seq, l.Seq, tree.Size)
		}
		if tree, _, _, err = tree.Append(raw); err != nil {
			t.Fatal(err)
		}
		all = append(all, l)
	}
	return all, tree
}

// storedRoot is the root of the log by the hashes that are stored.
func storedRoot(t *testing.T, s *Store, size int64) tlog.Hash {
	t.Helper()
	root, err := tlog.TreeHash(size, tlog.HashReaderFunc(func(n []int64) ([]tlog.Hash, error) { return readHashes(t.Context(), s.r, n) }))
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func TestWhatIsNotedIsInTheLogWithWhoDidIt(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		at := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
		s.Clock = func() time.Time { return at }
		ctx := As(t.Context(), Principal{User: "ada", Role: "chemist", Agency: "lab", Request: "r-1"})
		if err := s.Note(ctx, Entry{Action: audit.Consult, Kind: "scan", ID: "7", Detail: map[string]string{"sha256": "ab"}}); err != nil {
			t.Fatal(err)
		}
		all, _ := leaves(t, s)
		last := all[len(all)-1]
		if last.Actor != "ada" || last.Role != "chemist" || last.Agency != "lab" || last.Request != "r-1" || last.Action != audit.Consult || last.Kind != "scan" ||
			last.ID != "7" || string(last.Detail) != `{"sha256":"ab"}` || !last.Time.Equal(at) {
			t.Errorf("%+v", last)
		}
	})
}

func TestLeavesOfManyWritersHaveNoGapAndThoseOfWhoFailedAreNotThere(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		const writers, each = 8, 20
		refused := errors.New("refused")
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				for i := range each {
					err := s.write(t.Context(), func(q queries) error {
						if err := q.log(t.Context(), Entry{Action: audit.Collect, Kind: "test", ID: fmt.Sprint(w, "-", i)}); err != nil {
							return err
						}
						if i%4 == 3 {
							return refused
						}
						return nil
					})
					if (i%4 == 3) != errors.Is(err, refused) {
						t.Errorf("writer %d, %d: %v", w, i, err)
					}
				}
			})
		}
		wg.Wait()
		all, tree := leaves(t, s)
		seen := 0
		for _, l := range all {
			if l.Kind == "test" {
				seen++
			}
		}
		if want := writers * each * 3 / 4; seen != want {
			t.Errorf("%d leaves, want %d", seen, want)
		}
		if root, err := tree.Root(); err != nil || storedRoot(t, s, tree.Size) != root {
			t.Errorf("the stored tree is not that of the leaves: %v", err)
		}
	})
}

func TestWithoutTheLogNothingIsChanged(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		refuse, allow := "CREATE TRIGGER no_log BEFORE INSERT ON log_leaves BEGIN SELECT RAISE(ABORT, 'no log today'); END", "DROP TRIGGER no_log"
		if s.d.numbered {
			refuse, allow = "ALTER TABLE log_leaves ADD CONSTRAINT no_log CHECK (FALSE) NOT VALID", "ALTER TABLE log_leaves DROP CONSTRAINT no_log"
		}
		exec := func(sql string) {
			t.Helper()
			if _, err := s.w.ExecContext(context.Background(), sql); err != nil {
				t.Fatal(err)
			}
		}
		add := func(name string) error {
			return s.write(t.Context(), func(q queries) error {
				if _, err := q.ExecContext(t.Context(), "INSERT INTO users (name, role, created) VALUES (?,?,?)", name, "operator", 1); err != nil {
					return err
				}
				return q.log(t.Context(), Entry{Action: audit.Grant, Kind: "user", ID: name})
			})
		}
		exec(refuse)
		for _, err := range held(t, s, func() error { return add("one") }, func() error { return add("two") }) {
			if !errors.Is(err, ErrLog) {
				t.Errorf("written without the log: %v", err)
			}
		}
		exec(allow)
		for _, name := range []string{"one", "two"} {
			if _, err := s.User(t.Context(), name); !errors.Is(err, ErrNotFound) {
				t.Errorf("%s was stored: %v", name, err)
			}
		}
		if err := add("one"); err != nil {
			t.Errorf("once the log can be written again: %v", err)
		}
	})
}

func TestTwoProgramsAddToOneLog(t *testing.T) {
	onEachTogether(t, func(t *testing.T, open func() *Store) {
		a, b := open(), open()
		for i := range 20 {
			s := a
			if i%3 == 1 {
				s = b
			}
			if err := s.Note(t.Context(), Entry{Action: audit.Consult, Kind: "test", ID: fmt.Sprint(i)}); err != nil {
				t.Fatal(err)
			}
		}
		_, tree := leaves(t, a)
		if root, err := tree.Root(); err != nil || storedRoot(t, b, tree.Size) != root {
			t.Errorf("the stored tree is not that of the leaves: %v", err)
		}
	})
}

func TestTheLogIsNeverChangedInPlace(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		if err := s.Note(t.Context(), Entry{Action: audit.Consult, Kind: "test", ID: "1"}); err != nil {
			t.Fatal(err)
		}
		for _, sql := range []string{"UPDATE log_leaves SET actor = 'x'", "DELETE FROM log_leaves", "UPDATE log_hashes SET n = 99", "DELETE FROM log_hashes"} {
			if _, err := s.w.ExecContext(t.Context(), sql); err == nil {
				t.Errorf("%s was done", sql)
			}
		}
	})
}
