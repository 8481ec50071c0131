package store

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"fentrace/server/tlp"
)

// What deliveries are signed with is encrypted as files are, and with a new key as they are.
func TestSigningSecretsAreEncryptedAndTheirKeyIsReplaced(t *testing.T) {
	onEachKeyed(t, func(t *testing.T, dir, address string, open func(...string) (*Store, error)) {
		first, second := newKeyFile(t), newKeyFile(t)
		s, err := open(first)
		if err != nil {
			t.Fatal(err)
		}
		prog := asProgram(t)
		err = s.AddPerson(prog, User{Name: "dora", Role: "disseminator", Agency: LocalAgency, Clearance: tlp.Amber}, noon)
		ctx := As(t.Context(), Principal{User: "dora", Role: "disseminator", Agency: LocalAgency, Clearance: tlp.Amber})
		w, e := s.NewWebhook(ctx, Webhook{Name: "w", URL: "https://partner.example.org/", Events: []string{EventAlert}}, []byte(canary), noon)
		if err := errors.Join(err, e); err != nil {
			t.Fatal(err)
		}
		id, _ := putCanary(t, s, 1)
		if raised, err := s.RaiseAlert(prog, Alert{Agency: LocalAgency, TLP: tlp.Green, Created: noon, Substance: "caffeine", ReferenceID: "r", ScanID: id, FirstSeen: noon}); err != nil || !raised {
			t.Fatal(raised, err)
		}
		list, _, err := s.Deliveries(ctx, w.ID, "", 10)
		if err != nil || len(list) != 1 {
			t.Fatal(list, err)
		}
		s = rekeyed(t, s, open, first, second, "SELECT secret FROM webhooks")
		if task, err := s.DeliveryToMake(prog, list[0].ID, 0); err != nil || string(task.Secret) != canary {
			t.Errorf("%q, %v", task.Secret, err)
		}
	})
}

// A delivery may wait for hours; only what no wait explains is put right.
func TestTheTimeOfADeliveryIsMendedOnlyWhenItIsFurtherAheadThanItWaits(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		ctx := asProgram(t)
		later := func(job string, by time.Duration) {
			t.Helper()
			at := "datetime('now', 'subsec', ?)"
			arg := any(fmt.Sprintf("+%d seconds", int64(by.Seconds())))
			if s.queue.listen != nil {
				at, arg = "now() + make_interval(secs => ?)", by.Seconds()
			}
			err := s.write(ctx, func(tx queries) error {
				if n, err := changed(tx.ExecContext(ctx, "UPDATE river_job SET state = 'scheduled', scheduled_at = "+at+" WHERE kind = ?", arg, job)); err != nil || n != 1 {
					t.Errorf("%d jobs, %v", n, err)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		err := s.write(ctx, func(tx queries) error {
			return errors.Join(s.insertJob(ctx, tx, WebhookJob{Delivery: "d"}, WebhookQueue), s.insertJob(ctx, tx, LookBackJob{Rescreen: "r"}, "q"))
		})
		if err != nil {
			t.Fatal(err)
		}
		far := 10 * time.Minute
		for _, tc := range []struct {
			job string
			by  time.Duration
			off bool
		}{{WebhookJob{}.Kind(), WebhookWait, false}, {WebhookJob{}.Kind(), WebhookWait + time.Hour, true}, {LookBackJob{}.Kind(), far / 2, false}, {LookBackJob{}.Kind(), time.Hour, true}} {
			later(tc.job, tc.by)
			off, err := s.JobTimesOff(ctx, far)
			if err != nil || off != tc.off {
				t.Errorf("%s in %v: %t, %v", tc.job, tc.by, off, err)
			}
			n, err := s.MendJobTimes(ctx, far)
			if err != nil || (n == 1) != tc.off {
				t.Errorf("%s in %v: %d mended, %v", tc.job, tc.by, n, err)
			}
		}
	})
}
