package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"fentrace/library"
	"fentrace/server/auth"
	"fentrace/server/lookback"
	"fentrace/server/store"
)

func TestThePastIsLookedThroughFromTheCommandLine(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	address, end := serving(t, "--listen", "127.0.0.1:0", "--data", dir)
	tom := newPerson(t, address, dir, "tom", auth.RoleTechnician)
	first, second := tom.take("Fentanyl", 1), tom.take("Fentanyl", 2)
	tom.take("mannitol", 3)
	end()

	// A reference that was not there.
	sp, err := simulated("Fentanyl", 9)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "lab.db")
	f, err := library.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	ref := library.Reference{SubstanceID: library.SubstanceID("fentanyl"), Tier: library.Simulated, Technique: sp.Technique, Spectrum: &sp,
		Provenance: library.Provenance{Source: "SIMULATED for a test"}}
	if err := f.PutSubstance(t.Context(), library.Substance{Name: "fentanyl", Class: "fentanyl", Controlled: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.PutReference(t.Context(), ref); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	for i := range 2 { // a second time nothing changes
		var got struct {
			store.Rescreen
			Scans []store.LookBackHit `json:"scans"`
		}
		out := mustRun(t, "rescreen", "--data", dir, "--library", path, "--reference", ref.ContentID(), "--json")
		if err := json.Unmarshal([]byte(out), &got); err != nil {
			t.Fatal(err)
		}
		if got.Rescreen.State != store.RescreenDone || got.Screened != 3 || len(got.Scans) != 2 || !got.Scans[0].Simulated || got.Reused != 2*i {
			t.Errorf("%s", out)
		}
	}
	out := mustRun(t, "rescreen", "--data", dir, "--library", path, "--reference", ref.ContentID())
	for _, want := range []string{"fentanyl: 3 scans looked through", "2 agree", "2 scans were compared and answered by an earlier look-back", first.ID, second.ID, "SIMULATED", "Presumptive"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	var like []lookback.Similar
	if err := json.Unmarshal([]byte(mustRun(t, "rescreen", "--data", dir, "--like", first.ID, "--json")), &like); err != nil {
		t.Fatal(err)
	}
	if len(like) != 1 || like[0].ScanID != second.ID {
		t.Errorf("%+v", like)
	}
	if out := mustRun(t, "rescreen", "--data", dir, "--like", first.ID); !strings.Contains(out, "1 scan looks like it") || !strings.Contains(out, second.ID) {
		t.Error(out)
	}
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"--data", dir}, "--like SCAN"},
		{[]string{"--data", dir, "--reference", "none"}, "library show NAME"},
		{[]string{"--data", dir, "--like", "none"}, "not found"},
		{[]string{"--data", dir, "--like", first.ID, "--least", "0"}, "outside"},
		{[]string{"--data", t.TempDir(), "--like", first.ID}, "no database"},
	} {
		if code, _, stderr := run(t, "", append([]string{"rescreen"}, c.args...)...); code != exitUsage || !strings.Contains(stderr, c.says) {
			t.Errorf("%v: exit code %d, %s", c.args, code, stderr)
		}
	}
}
