package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// held keeps the first transaction open until every one of the parts given waits, so that those share the next one.
func held(t *testing.T, s *Store, parts ...func() error) []error {
	t.Helper()
	begun, release, first := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		first <- s.write(asProgram(t), func(queries) error {
			close(begun)
			<-release
			return nil
		})
	}()
	<-begun
	errs := make([]error, len(parts))
	var wg sync.WaitGroup
	for i, do := range parts {
		wg.Go(func() { errs[i] = do() })
	}
	for waiting := 0; waiting < len(parts); time.Sleep(time.Millisecond) {
		s.together.mu.Lock()
		waiting = len(s.together.waiting)
		s.together.mu.Unlock()
	}
	close(release)
	wg.Wait()
	if err := <-first; err != nil {
		t.Fatal(err)
	}
	return errs
}

func TestWhoFailsTakesNothingOfTheOthersWithIt(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		user := func(q queries, name string) error {
			_, err := q.ExecContext(asProgram(t), "INSERT INTO users (name, role, created) VALUES (?,?,?)", name, "operator", 1)
			return err
		}
		refused := errors.New("refused")
		gone, cancel := context.WithCancel(asProgram(t))
		parts := []func() error{
			func() error {
				return s.write(asProgram(t), func(q queries) error { return errors.Join(user(q, "refused"), refused) })
			},
			func() error { // the second of the same name breaks a rule of the table, and the rest of its part goes with it
				return s.write(asProgram(t), func(q queries) error { return errors.Join(user(q, "twice"), user(q, "twice")) })
			},
			func() (err error) {
				defer func() { err = fmt.Errorf("it fell: %v", recover()) }()
				return s.write(asProgram(t), func(q queries) error {
					if err := user(q, "fallen"); err != nil {
						return err
					}
					panic("of its own")
				})
			},
			func() error {
				return s.write(gone, func(q queries) error { return user(q, "gone") })
			},
		}
		for i := range 10 {
			parts = append(parts, func() error {
				return s.write(asProgram(t), func(q queries) error { return user(q, fmt.Sprint("good ", i)) })
			})
		}
		go func() {
			time.Sleep(20 * time.Millisecond)
			cancel()
		}()
		errs := held(t, s, append(parts, func() error {
			<-gone.Done()
			return s.write(asProgram(t), func(q queries) error { return user(q, "last") })
		})...)
		if !errors.Is(errs[0], refused) || errs[1] == nil || errs[2] == nil || errs[2].Error() != "it fell: of its own" || !errors.Is(errs[3], context.Canceled) {
			t.Errorf("those that fail: %v", errs[:4])
		}
		if err := errors.Join(errs[4:]...); err != nil {
			t.Error(err)
		}
		var n, bad int
		if err := s.r.QueryRowContext(asProgram(t), "SELECT count(*) FROM users WHERE name LIKE 'good %' OR name = 'last'").Scan(&n); err != nil {
			t.Fatal(err)
		}
		if err := s.r.QueryRowContext(asProgram(t), "SELECT count(*) FROM users WHERE name IN ('refused', 'twice', 'fallen', 'gone')").Scan(&bad); err != nil {
			t.Fatal(err)
		}
		if n != 11 || bad != 0 {
			t.Errorf("%d of 11 are stored, and %d of those that failed", n, bad)
		}
	})
}

func TestManyWritersStoreEverythingOnce(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		const writers, each = 16, 20
		var wg sync.WaitGroup
		errs := make(chan error, writers*each)
		for w := range writers {
			wg.Go(func() {
				for i := range each {
					raw := []byte(fmt.Sprintf("%d of %d", i, w))
					_, created, err := s.Put(asProgram(t), File{"f", raw}, []Scan{scan(t, fmt.Sprintf("%d-%d", w, i), 0, raw)}, Arrival{Queue: true})
					if err == nil && !created {
						err = errors.New("stored before")
					}
					errs <- err
				}
			})
		}
		wg.Wait()
		close(errs)
		for err := range errs {
			if err != nil {
				t.Error(err)
			}
		}
		if n, err := s.Count(asProgram(t)); err != nil || n != writers*each {
			t.Errorf("%d scans, %v", n, err)
		}
		events, _, err := s.EventsAfter(asProgram(t), 0, writers*each+1)
		if err != nil || len(events) != writers*each {
			t.Errorf("%d events, %v", len(events), err)
		}
	})
}

func TestWhatPutReturnsIsWhatIsReadLater(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		raw := []byte("two of them")
		one, two := scan(t, "one", 0, raw), scan(t, "two", 1, raw)
		one.Spectrum.Metadata.Warnings = []string{"the detector was warm"}
		one.Created = one.Created.Add(123 * time.Nanosecond)
		got, created, err := s.Put(asProgram(t), File{"f", raw}, []Scan{one, two}, Arrival{Queue: true})
		if err != nil || !created {
			t.Fatal(created, err)
		}
		want, err := s.ByHash(asProgram(t), one.SHA256)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}
