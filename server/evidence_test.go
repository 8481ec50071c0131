package server

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fentrace/data"
	"fentrace/library"
	"fentrace/library/identify"
	"fentrace/server/backup"
	"fentrace/server/evidence"
	"fentrace/server/retention"
	"fentrace/server/seal"
	"fentrace/server/store"
	"fentrace/spectra"
)

// withCore answers with the shipped library, as a server does.
func withCore(t *testing.T) func(*Config) {
	t.Helper()
	core, err := library.OpenStack(t.Context(), data.Core)
	if err != nil {
		t.Fatal(err)
	}
	return func(c *Config) { c.Library, c.NewIdentifier = core, nil }
}

// elsewhere checks a pack with what another machine has: the shipped library, and nothing of the server.
func elsewhere(t *testing.T, pack []byte, with evidence.Checks) evidence.Report {
	t.Helper()
	core, err := library.OpenStack(t.Context(), data.Core)
	if err != nil {
		t.Fatal(err)
	}
	id, err := identify.New(core, identify.Options{})
	if err != nil {
		t.Fatal(err)
	}
	with.Library = core.Version()
	with.Answer = func(ctx context.Context, s spectra.Spectrum) (identify.Identification, error) {
		return id.Identify(ctx, s)
	}
	r, err := evidence.Verify(t.Context(), bytes.NewReader(pack), int64(len(pack)), with)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// said is the first finding with these words.
func said(r evidence.Report, words string) string {
	for _, f := range r.Findings {
		if strings.Contains(f.What+": "+f.Text, words) {
			return f.Result
		}
	}
	return ""
}

// member reads one of a pack.
func memberOf(t *testing.T, pack []byte, name string) []byte {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(pack), int64(len(pack)))
	if err != nil {
		t.Fatal(err)
	}
	f, err := z.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var b bytes.Buffer
	if _, err := b.ReadFrom(f); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestAPackOfOneServerIsCheckedOnAnotherMachine(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		r := start(t, db, withCore(t))
		raw := jcamp("a powder")
		sc := r.scan(r.do("POST", "/v1/scans?case=26-117&filename="+url.QueryEscape("seized powder.jdx"), raw, "Content-Type", "text/plain").want(t, http.StatusCreated))
		r.do("POST", "/v1/scans/"+sc.ID+"/hold", map[string]string{"reason": "subpoena 12"}).want(t, http.StatusCreated)
		first, err := r.Checkpoint(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		a := r.do("GET", "/v1/scans/"+sc.ID+"/evidence?recipient=District+attorney&reason=trial", nil).want(t, http.StatusOK)
		if ct := a.Header.Get("Content-Type"); ct != "application/zip" {
			t.Errorf("content type %q", ct)
		}
		rep := elsewhere(t, a.body, evidence.Checks{Key: r.LogKey(), Checkpoints: map[string][]byte{"kept": []byte(first.Checkpoint)}})
		if !rep.Whole() || said(rep, "computed again from the bytes") != evidence.OK || said(rep, "kept: the log of the pack has the same") != evidence.OK {
			t.Errorf("%+v", rep)
		}
		if got := memberOf(t, a.body, "files/"+sc.SHA256+"/seized_powder.jdx"); string(got) != raw {
			t.Errorf("the bytes are not as they came: %.40q", got)
		}
		var m struct {
			Leaves []struct{ File string }
		}
		if err := json.Unmarshal(memberOf(t, a.body, "manifest.json"), &m); err != nil || len(m.Leaves) == 0 {
			t.Fatalf("no entry of the log in %+v, %v", m, err)
		}
		held := false
		for _, l := range m.Leaves {
			held = held || strings.Contains(string(memberOf(t, a.body, l.File)), "subpoena 12")
		}
		if !held {
			t.Error("the custody history lacks the hold")
		}
		// That it left is on record, and in the next pack.
		r.do("GET", "/v1/disseminations?scan="+sc.ID, nil).want(t, http.StatusOK).mentions(t, "District attorney", "trial", "evidence", spectra.HashBytes(a.body))
		b := r.do("GET", "/v1/scans/"+sc.ID+"/evidence", nil).want(t, http.StatusOK)
		rep = elsewhere(t, b.body, evidence.Checks{Key: r.LogKey(), Checkpoints: map[string][]byte{"kept": []byte(first.Checkpoint)}})
		if !rep.Whole() || said(rep, "kept: the log of the pack has the same") != evidence.OK {
			t.Errorf("the second one: %+v", rep)
		}
		if !bytes.Contains(b.body, []byte(`"disclose"`)) {
			t.Error("the second pack does not say that there was a first one")
		}
	})
}

func TestTwoPacksOfTheSameContentAndCheckpointAreTheSameBytes(t *testing.T) {
	r := start(t)
	sc := r.scan(r.do("POST", "/v1/scans", jcamp("caffeine"), "Content-Type", "text/plain").want(t, http.StatusCreated))
	c, err := r.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var packs [2]bytes.Buffer
	for i := range packs {
		p, err := evidence.Source{Store: r.store, Sheet: r.Sheet}.Collect(store.ByProgram(t.Context(), "test"), []string{sc.ID}, c.Size, c.Checkpoint, r.LogKey())
		if err != nil {
			t.Fatal(err)
		}
		p.Library = r.cfg.Library
		if err := p.Write(&packs[i]); err != nil {
			t.Fatal(err)
		}
		r.clock.advance(time.Hour)
	}
	if !bytes.Equal(packs[0].Bytes(), packs[1].Bytes()) {
		t.Error("they differ")
	}
}

func TestAPackOfSimulatedScansSaysSo(t *testing.T) {
	r := start(t)
	sp := spectrum("SIMULATED caffeine")
	sp.Metadata.Simulated = true
	raw, err := json.Marshal(sp)
	if err != nil {
		t.Fatal(err)
	}
	sc := r.scan(r.do("POST", "/v1/scans", raw, "Content-Type", "application/octet-stream").want(t, http.StatusCreated))
	a := r.do("GET", "/v1/scans/"+sc.ID+"/evidence", nil).want(t, http.StatusOK)
	if d := a.Header.Get("Content-Disposition"); !strings.Contains(d, "SIMULATED-evidence-") {
		t.Errorf("it is called %s", d)
	}
	for _, name := range []string{"SIMULATED.txt", "README.txt", "certificate/SIMULATED-certificate.txt"} {
		if !bytes.Contains(memberOf(t, a.body, name), []byte("SIMULATED")) {
			t.Errorf("%s does not say so", name)
		}
	}
}

func TestWhereAReasonIsRequiredNothingLeavesWithoutOne(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		r := start(t, db, func(c *Config) { c.RequireReason = true })
		sc := r.scan(r.do("POST", "/v1/scans", jcamp("caffeine"), "Content-Type", "text/plain").want(t, http.StatusCreated))
		ways := []string{"/evidence?", "/stix?", "?as=pdf&"}
		for _, way := range ways {
			for _, half := range []string{"", "recipient=x", "reason=y"} {
				r.do("GET", "/v1/scans/"+sc.ID+way+half, nil).want(t, http.StatusUnprocessableEntity).mentions(t, "recipient", "reason")
			}
		}
		var list struct{ Disseminations []store.Dissemination }
		r.do("GET", "/v1/disseminations", nil).want(t, http.StatusOK).into(t, &list)
		if len(list.Disseminations) != 0 {
			t.Errorf("on record: %+v", list)
		}
		for _, way := range ways {
			r.do("GET", "/v1/scans/"+sc.ID+way+"recipient=x&reason=y", nil).want(t, http.StatusOK)
		}
		r.do("GET", "/v1/disseminations", nil).want(t, http.StatusOK).into(t, &list)
		if len(list.Disseminations) != len(ways) || list.Disseminations[0].ReleasedBy != DefaultUser || list.Disseminations[2].Kind != store.ReleaseEvidence {
			t.Errorf("on record: %+v", list)
		}
		r.do("GET", "/v1/scans/"+sc.ID, nil).want(t, http.StatusOK) // reading is no handing out
	})
}

func TestAHoldKeepsAScanFromBeingErasedOverHTTP(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		r := start(t, db)
		sc := r.scan(r.do("POST", "/v1/scans", jcamp("caffeine"), "Content-Type", "text/plain").want(t, http.StatusCreated))
		other := r.scan(r.do("POST", "/v1/scans", jcamp("fentanyl"), "Content-Type", "text/plain").want(t, http.StatusCreated))
		r.do("POST", "/v1/scans/"+sc.ID+"/hold", map[string]string{"reason": ""}).want(t, http.StatusUnprocessableEntity)
		r.do("POST", "/v1/scans/"+sc.ID+"/hold", map[string]string{"reason": "case 7"}).want(t, http.StatusCreated)
		r.do("POST", "/v1/scans/"+sc.ID+"/hold", map[string]string{"reason": "case 8"}).want(t, http.StatusConflict)
		p, err := retention.Parse("all: 30d")
		if err != nil {
			t.Fatal(err)
		}
		erase := func() store.Erased {
			t.Helper()
			e, err := r.store.EraseDue(store.ByProgram(t.Context(), "purge"), p, r.clock.now().AddDate(0, 0, 31), "purge", false, func(store.Due) {})
			if err != nil {
				t.Fatal(err)
			}
			return e
		}
		if e := erase(); e.Files != 1 || e.Held != 1 {
			t.Errorf("%+v", e)
		}
		r.do("GET", "/v1/scans/"+other.ID, nil).want(t, http.StatusOK).mentions(t, `"erased"`, "all: 30d", other.SHA256)
		for _, way := range []string{"/raw", "/spectrum", "/evidence"} {
			r.do("GET", "/v1/scans/"+other.ID+way, nil).want(t, http.StatusGone).mentions(t, "erased")
		}
		r.do("GET", "/v1/scans", nil).want(t, http.StatusOK).mentions(t, sc.ID, `"total":1`)
		r.do("GET", "/v1/scans/"+sc.ID, nil).want(t, http.StatusOK).mentions(t, `"holds"`, "case 7")
		r.do("POST", "/v1/scans/"+sc.ID+"/hold/release", map[string]string{"reason": "closed"}).want(t, http.StatusNoContent)
		if e := erase(); e.Files != 1 {
			t.Errorf("%+v", e)
		}
		entries, err := r.store.LogAbout(t.Context(), "scan", sc.ID)
		if err != nil {
			t.Fatal(err)
		}
		var log strings.Builder
		for _, e := range entries {
			log.Write(e.Raw)
		}
		for _, words := range []string{"case 7", "released", "closed", `"erase"`, "all: 30d", sc.SHA256} {
			if !strings.Contains(log.String(), words) {
				t.Errorf("the log about it does not say %q: %s", words, log.String())
			}
		}
	})
}

func TestAnEncryptedServerIsBackedUpAndRestoredWithItsKey(t *testing.T) {
	key := filepath.Join(t.TempDir(), "key")
	if _, err := seal.NewFile(key); err != nil {
		t.Fatal(err)
	}
	ring, err := seal.ReadRing(key)
	if err != nil {
		t.Fatal(err)
	}
	encrypted := func(c *Config) { c.Keys = ring }
	r := start(t, encrypted)
	const title = "CANARY-88d2e1 caffeine"
	sc := r.scan(r.do("POST", "/v1/scans", jcamp(title), "Content-Type", "text/plain").want(t, http.StatusCreated))
	copied := filepath.Join(t.TempDir(), "copy.tar.zst")
	if _, err := backup.To(t.Context(), r.cfg.DataDir, copied, "v1", time.Now()); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(copied)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	dir := filepath.Join(t.TempDir(), "restored")
	if _, err := backup.Restore(t.Context(), f, dir); err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{r.cfg.DataDir, dir} {
		paths, _ := filepath.Glob(filepath.Join(d, store.FileName+"*"))
		for _, p := range paths {
			if stored, err := os.ReadFile(p); err != nil || bytes.Contains(stored, []byte("##DATA TYPE=RAMAN")) || bytes.Contains(stored, []byte("CANARY-88d2e1")) {
				t.Errorf("%s holds the bytes, %v", p, err)
			}
		}
	}
	without := testConfig(dir, nil)
	if s, err := New(t.Context(), without); err == nil || !strings.Contains(err.Error(), "--encryption-key-file") {
		t.Errorf("restored and started without the key: %v, %v", s, err)
	}
	again := start(t, encrypted, func(c *Config) { c.DataDir = dir })
	if got := again.do("GET", "/v1/scans/"+sc.ID+"/raw", nil).want(t, http.StatusOK); string(got.body) != jcamp(title) {
		t.Errorf("restored as %.60q", got.body)
	}
	again.do("GET", "/v1/scans/"+sc.ID+"/spectrum", nil).want(t, http.StatusOK).mentions(t, title)
}
