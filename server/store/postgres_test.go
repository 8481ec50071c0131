package store

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"fentrace/server/store/storetest"
)

func TestAPasswordIsInNoError(t *testing.T) {
	for _, address := range []string{
		"postgres://u:hunter2@127.0.0.1:1/d", "postgres://u:hunter2@/d?host=/nowhere", "postgres://u@127.0.0.1:1/d?password=hunter2",
		"postgres://u:hunter2@127.0.0.1:hunter2/d", "postgres://u:x/hunter2@127.0.0.1/d", "postgres://u:x:hunter2@127.0.0.1/d?sslmode=hunter2",
		"postgres://u:hunter2@127.0.0.1/d?sslmode=never", "postgres://u:hunter2@127.0.0.1/d?connect_timeout=hunter2", "postgres://u:%zzhunter2@127.0.0.1/d",
		"postgres://u:hunter2@127.0.0.1/d?sslpassword=hunter2&sslcert=none", "postgres:u:hunter2@127.0.0.1/d", "mysql://u:hunter2@h/d", "hunter2", "",
		"postgres://u:hunter2#@127.0.0.1/d", "postgres://u:hunter2?@127.0.0.1:1/d", "postgres://u:[hunter2@127.0.0.1/d", "host=x password=hunter2",
		"postgres://u:hunter2@127.0.0.1/d?sslmode=verify-full&sslrootcert=none", "postgres://u:hunter2 @127.0.0.1/d", "postgres://u:hunter2\x00@127.0.0.1/d",
	} {
		s, err := OpenPostgres(asProgram(t), address)
		if err == nil {
			s.Close()
			t.Errorf("%s was opened", address)
			continue
		}
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", address, err)
		}
		if !errors.Is(err, ErrAddress) && !errors.Is(err, ErrUnavailable) {
			t.Errorf("%s: %v blames neither the address nor the database", address, err)
		}
	}
}

func put(t *testing.T, s *Store, text string) error {
	t.Helper()
	raw := []byte(text)
	_, _, err := s.Put(asProgram(t), File{text, raw}, []Scan{scan(t, text, 0, raw)}, Arrival{})
	return err
}

func TestADatabaseThatComesBackIsUsedAgain(t *testing.T) {
	c := storetest.New(t)
	s := opened(t, t.TempDir(), c.Database(t))
	if err := put(t, s, "before"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := c.Stop(); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if err := put(t, s, "meanwhile"); !errors.Is(err, ErrUnavailable) {
				t.Errorf("storing without a database: %v", err)
			}
			if _, err := s.List(asProgram(t), Filter{}, 1, ""); !errors.Is(err, ErrUnavailable) {
				t.Errorf("reading without a database: %v", err)
			}
			if _, _, err := s.TokenUser(asProgram(t), []byte("x"), noon); !errors.Is(err, ErrUnavailable) {
				t.Errorf("logging in without a database: %v", err)
			}
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		if n := counts(t, s); n[0] != n[1] || n[0] < 1 || n[0] > 2 {
			t.Errorf("rows %v", n)
		}
		if _, err := s.Scan(asProgram(t), "before"); err != nil {
			t.Error(err)
		}
		if err := put(t, s, "after"); err != nil {
			t.Errorf("with a database again: %v", err)
		}
	}
	if _, err := s.Scan(asProgram(t), "meanwhile"); !errors.Is(err, ErrNotFound) {
		t.Errorf("what was said not to be stored: %v", err)
	}
}

// failing makes storing a scan fail as the statement says; deferred, when the transaction is committed.
func failing(t *testing.T, s *Store, statement string, deferred bool) (mend func()) {
	t.Helper()
	trigger := "CREATE TRIGGER failing BEFORE INSERT ON scans FOR EACH ROW EXECUTE FUNCTION failing()"
	if deferred {
		trigger = "CREATE CONSTRAINT TRIGGER failing AFTER INSERT ON scans DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION failing()"
	}
	if _, err := s.w.Exec("CREATE FUNCTION failing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN " + statement + "; RETURN NEW; END $$; " + trigger); err != nil {
		t.Fatal(err)
	}
	return func() {
		if _, err := s.w.Exec("DROP FUNCTION failing CASCADE"); err != nil {
			t.Fatal(err)
		}
	}
}

func TestErrorsOfTheDatabaseAreCalledByTheirName(t *testing.T) {
	s := opened(t, t.TempDir(), storetest.Postgres(t))
	const lost = "PERFORM pg_terminate_backend(pg_backend_pid())"
	raise := func(code string) string { return "RAISE EXCEPTION 'x' USING ERRCODE = '" + code + "'" }
	for name, c := range map[string]struct {
		statement string
		atCommit  bool
		want      error
	}{
		"serialization":             {raise("serialization_failure"), false, ErrUnavailable},
		"serialization at commit":   {raise("serialization_failure"), true, ErrUnavailable},
		"deadlock":                  {raise("deadlock_detected"), false, ErrUnavailable},
		"too many connections":      {raise("too_many_connections"), false, ErrUnavailable},
		"copy of another database":  {raise("read_only_sql_transaction"), false, ErrUnavailable},
		"connection lost":           {lost, false, ErrUnavailable},
		"connection lost at commit": {lost, true, ErrUncertain},
		"disk full":                 {raise("disk_full"), false, ErrFull},
		"disk full at commit":       {raise("disk_full"), true, ErrFull},
		"what stays wrong":          {raise("check_violation"), false, nil},
	} {
		mend := failing(t, s, c.statement, c.atCommit)
		err := put(t, s, name)
		for _, sentinel := range []error{ErrUnavailable, ErrUncertain, ErrFull} {
			if err == nil || errors.Is(err, sentinel) != (sentinel == c.want) {
				t.Errorf("%s: %v", name, err)
			}
		}
		mend()
		if err := put(t, s, name); err != nil {
			t.Errorf("%s, mended: %v", name, err)
		}
	}
}

func TestAProgramThatWritesForTooLongDoesNotKeepOthersWaitingForever(t *testing.T) {
	address := storetest.Postgres(t)
	s, other := opened(t, t.TempDir(), address), opened(t, t.TempDir(), address+"&lock_timeout=200ms")
	var waited error
	if err := s.write(asProgram(t), func(queries) error {
		waited = put(t, other, "x")
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(waited, ErrUnavailable) {
		t.Errorf("waiting: %v", waited)
	}
	if err := put(t, other, "x"); err != nil {
		t.Errorf("after: %v", err)
	}
}

func TestWhatIsGivenUpIsNotCalledUnavailable(t *testing.T) {
	s := opened(t, t.TempDir(), storetest.Postgres(t))
	ctx, cancel := context.WithCancel(asProgram(t))
	cancel()
	if _, err := s.List(ctx, Filter{}, 1, ""); !errors.Is(err, context.Canceled) || errors.Is(err, ErrUnavailable) {
		t.Error(err)
	}
}

func TestReadersCannotWriteAndCommitsAreSynced(t *testing.T) {
	address := storetest.Postgres(t)
	s := opened(t, t.TempDir(), address)
	if _, err := s.pool.Exec("DELETE FROM users"); err == nil {
		t.Error("the read pool has written")
	}
	if _, err := s.w.Exec("DO $$ BEGIN EXECUTE 'ALTER DATABASE ' || current_database() || ' SET synchronous_commit = off'; END $$"); err != nil {
		t.Fatal(err)
	}
	again := opened(t, t.TempDir(), address)
	var sync string
	if err := again.w.QueryRow("SHOW synchronous_commit").Scan(&sync); err != nil || sync != "on" {
		t.Errorf("synchronous_commit is %s, %v", sync, err)
	}
}

func TestADatabaseThatStandsStillIsGivenUpAndUsedAgainWhenItGoesOn(t *testing.T) {
	c := storetest.New(t)
	s := opened(t, t.TempDir(), c.Database(t))
	if err := put(t, s, "before"); err != nil {
		t.Fatal(err)
	}
	s.bound.set(300 * time.Millisecond)
	if err := c.Freeze(); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	if err := put(t, s, "meanwhile"); !errors.Is(err, ErrUnavailable) && !errors.Is(err, ErrUncertain) {
		t.Errorf("storing: %v", err)
	}
	if _, err := s.List(asProgram(t), Filter{}, 1, ""); !errors.Is(err, ErrUnavailable) {
		t.Errorf("reading: %v", err)
	}
	if took := time.Since(begun); took > 6*connectTime {
		t.Errorf("to be told took %v", took)
	}
	if err := c.Thaw(); err != nil {
		t.Fatal(err)
	}
	s.bound.set(patient)
	if err := put(t, s, "after"); err != nil {
		t.Errorf("when it goes on: %v", err)
	}
	if n := counts(t, s); n[0] != n[1] || n[0] < 2 {
		t.Errorf("rows %v", n)
	}
}

func TestALongAnswerIsWaitedForAsLongAsItComes(t *testing.T) {
	s := opened(t, t.TempDir(), storetest.Postgres(t))
	s.bound.set(400 * time.Millisecond)
	rows, err := s.r.QueryContext(t.Context(), "SELECT repeat('x', 9000), pg_sleep(0.1) FROM generate_series(1, 12)")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	n := 0
	for rows.Next() {
		n++
	}
	if n != 12 || rows.Err() != nil {
		t.Errorf("%d rows, %v", n, rows.Err())
	}
}
