package store

import (
	"errors"
	"testing"
	"time"
)

// What is put into an export is encrypted as files are, and with a new key as they are.
func TestExportsAreEncryptedAndTheirKeyIsReplaced(t *testing.T) {
	onEachKeyed(t, func(t *testing.T, dir, address string, open func(...string) (*Store, error)) {
		first, second := newKeyFile(t), newKeyFile(t)
		s, err := open(first)
		if err != nil {
			t.Fatal(err)
		}
		ctx := asProgram(t)
		e, err := s.NewExport(ctx, ExportCSV, Filter{}, "nobody", noon)
		if err != nil {
			t.Fatal(err)
		}
		task, err := s.ExportToMake(ctx, e.ID)
		if err != nil {
			t.Fatal(err)
		}
		run, err := s.BeginExport(ctx, e.ID)
		if err != nil {
			t.Fatal(err)
		}
		id, _ := putCanary(t, s, 1)
		if err := errors.Join(s.AddToExport(ctx, task, run, 0, []byte(canary), []string{id}), s.EndExport(ctx, e.ID, run, "sum", true, noon)); err != nil {
			t.Fatal(err)
		}
		s = rekeyed(t, s, open, first, second, "SELECT data FROM export_parts")
		if part, err := s.ExportPart(ctx, e.ID, 0); err != nil || string(part) != canary {
			t.Errorf("%q, %v", part, err)
		}
		got, err := s.OpenExport(ctx, e.ID, noon.Add(ExportKept-time.Second))
		if err != nil || got.Scans != 1 || !got.Simulated || got.Size != int64(len(canary)) {
			t.Errorf("%+v, %v", got, err)
		}
		if _, err := s.OpenExport(ctx, e.ID, noon.Add(ExportKept)); !errors.Is(err, ErrNotFound) {
			t.Errorf("after its time: %v", err)
		}
	})
}
