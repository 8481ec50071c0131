package store

import (
	"bytes"
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
		stored := func() []byte {
			var data []byte
			if err := s.r.QueryRowContext(ctx, "SELECT data FROM export_parts").Scan(&data); err != nil {
				t.Fatal(err)
			}
			return data
		}
		before := stored()
		if bytes.Contains(before, []byte(canary)) {
			t.Error("an export is stored as it is")
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if s, err = open(second, first); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Rotate(ctx, noon, func(int) {}); err != nil {
			t.Fatal(err)
		}
		if bytes.Equal(stored(), before) {
			t.Error("it is still encrypted with the first key")
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if s, err = open(second); err != nil {
			t.Fatal(err)
		}
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
