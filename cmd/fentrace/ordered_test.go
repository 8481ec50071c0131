package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"fentrace/spectra/format"
)

func TestOrderedKeepsTheOrderWhateverIsReadyFirst(t *testing.T) {
	t.Parallel()
	items := make([]int, 500)
	for i := range items {
		items[i] = i
	}
	turn := make([]chan struct{}, len(items)+1)
	for i := range turn {
		turn[i] = make(chan struct{})
	}
	var got []int
	err := ordered(context.Background(), items, func(i int) int {
		// Each even item waits for the odd one after it, as far as both can be under way at the same time.
		if i%2 == 1 {
			close(turn[i])
		} else if runtime.GOMAXPROCS(0) > 1 {
			<-turn[i+1]
		}
		return i
	}, func(i int) error {
		got = append(got, i)
		return nil
	})
	if err != nil || len(got) != len(items) {
		t.Fatalf("%d results, %v", len(got), err)
	}
	for i, v := range got {
		if v != i {
			t.Fatalf("result %d is %d", i, v)
		}
	}
}

func TestOrderedHoldsFewResultsWhenTheyAreTakenSlowly(t *testing.T) {
	t.Parallel()
	var made, taken atomic.Int64
	most := int64(0)
	err := ordered(context.Background(), make([]int, 2000), func(int) int { made.Add(1); return 0 }, func(int) error {
		most = max(most, made.Load()-taken.Add(1))
		return nil
	})
	if limit := int64(4*runtime.GOMAXPROCS(0) + 2); err != nil || most > limit {
		t.Errorf("%d results at once, at most %d, %v", most, limit, err)
	}
}

func TestOrderedStopsAtAnErrorAndAtTheEndOfTheContext(t *testing.T) {
	t.Parallel()
	full := errors.New("disk full")
	n := 0
	err := ordered(context.Background(), make([]int, 1000), func(int) int { return 0 }, func(int) error {
		if n++; n == 5 {
			return full
		}
		return nil
	})
	if !errors.Is(err, full) || n != 5 {
		t.Errorf("%d results were taken, %v", n, err)
	}

	ctx, cancel := context.WithCancel(context.Background())
	var begun atomic.Int64
	n = 0
	err = ordered(ctx, make([]int, 1000), func(int) int {
		if begun.Add(1) == 7 {
			cancel()
		}
		return 0
	}, func(int) error { n++; return nil })
	if !errors.Is(err, context.Canceled) || int64(n) != begun.Load() || n < 7 || n == 1000 {
		t.Errorf("%d of %d begun were taken, %v", n, begun.Load(), err)
	}
}

// interrupted is a context that ends after it was asked a number of times since a file appeared.
type interrupted struct {
	context.Context
	cancel context.CancelFunc
	file   string
	left   atomic.Int64
}

func (c *interrupted) Err() error {
	if _, err := os.Stat(c.file); err == nil && c.left.Add(-1) == 0 {
		c.cancel()
	}
	return c.Context.Err()
}

func TestAnInterruptedBatchKeepsWhatIsDoneAndSaysSo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := simulated("caffeine", 1)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := format.WriteCSV(&b, s); err != nil {
		t.Fatal(err)
	}
	scans := filepath.Join(dir, "scans")
	if err := os.Mkdir(scans, 0o755); err != nil {
		t.Fatal(err)
	}
	const files = 60
	for i := range files {
		name := filepath.Join(scans, strings.Repeat("a", i+1)+".csv")
		if err := os.WriteFile(name, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	out := filepath.Join(dir, "out.csv")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	stop := &interrupted{Context: ctx, cancel: cancel, file: out}
	stop.left.Store(10)
	var stdout, stderr bytes.Buffer
	if code := Run(stop, []string{"batch", "--out", out, scans}, nil, &stdout, &stderr); code != exitFailed {
		t.Fatalf("exit code %d: %s%s", code, &stdout, &stderr)
	}
	if !strings.Contains(stderr.String(), "interrupted: ") || !strings.Contains(stderr.String(), "of 60 files are answered") {
		t.Errorf("it says %q", &stderr)
	}
	raw, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(bytes.NewReader(raw)).ReadAll()
	if err != nil || len(rows) < 2 || len(rows) > files {
		t.Errorf("the table has %d rows, %v", len(rows), err)
	}
}
