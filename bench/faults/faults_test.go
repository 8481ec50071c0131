package main

import (
	"errors"
	"os"
	"strings"
	"testing"

	"fentrace/bench/report"
	"fentrace/server/store/pgtools"
	"fentrace/server/store/storetest"
)

// logged writes to the log of a test.
type logged struct{ t *testing.T }

func (l logged) Write(b []byte) (int, error) {
	l.t.Log(strings.TrimSpace(string(b)))
	return len(b), nil
}

func TestAServerThatIsKilledAFewTimesLosesNothing(t *testing.T) {
	work, err := workFolder()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(work) })
	b := bench{work: work, kills: 6, checkEvery: 3, seed: 1, log: logged{t}}
	saved := 0
	results, err := b.measure(t.Context(), func(so []report.Result) error {
		saved = len(so)
		return nil
	})
	if errors.Is(err, pgtools.ErrNotInstalled) && os.Getenv(storetest.Require) != "1" {
		t.Skip("SKIPPED: " + err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	if saved != len(results) || saved == 0 {
		t.Errorf("%d of %d figures saved", saved, len(results))
	}
	for _, r := range results {
		if strings.Contains(r.Name, "acknowledged") && r.Value < 5 {
			t.Errorf("%s: %g: the test shows little", r.Name, r.Value)
		}
	}
}
