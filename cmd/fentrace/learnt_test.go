package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"fentrace/server/store"
	"fentrace/spectra/format"
)

// person speaks to a running server as one of its users.
type person struct {
	t              *testing.T
	address, token string
}

// newPerson makes an account on the folder of a server.
func newPerson(t *testing.T, address, data, name, role string) person {
	t.Helper()
	token := mustRun(t, "serve", "--data", data, "--new-token", "test", "--user", name, "--role", role)
	return person{t, address, strings.TrimSpace(token)}
}

// send sends body, bytes or anything JSON can hold, checks the status and reads the answer into v unless that is nil.
func (p person) send(method, path string, body any, status int, v any) {
	p.t.Helper()
	raw, ok := body.([]byte)
	kind := "application/octet-stream"
	if !ok && body != nil {
		var err error
		if raw, err = json.Marshal(body); err != nil {
			p.t.Fatal(err)
		}
		kind = "application/json"
	}
	req, err := http.NewRequestWithContext(p.t.Context(), method, p.address+path, bytes.NewReader(raw))
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+p.token)
	req.Header.Set("Content-Type", kind)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close()
	var answer bytes.Buffer
	if _, err := answer.ReadFrom(res.Body); err != nil || res.StatusCode != status {
		p.t.Fatalf("%s %s is answered with %d, want %d: %s (%v)", method, path, res.StatusCode, status, &answer, err)
	}
	if v != nil {
		if err := json.Unmarshal(answer.Bytes(), v); err != nil {
			p.t.Fatal(err)
		}
	}
}

// take hands the server a simulated scan.
func (p person) take(name string, seed uint64) (sc store.Scan) {
	p.t.Helper()
	s, err := simulated(name, seed)
	if err != nil {
		p.t.Fatal(err)
	}
	var b bytes.Buffer
	if err := format.WriteJCAMP(&b, s); err != nil {
		p.t.Fatal(err)
	}
	p.send(http.MethodPost, "/v1/scans?filename=SIMULATED-"+name+".jdx", b.Bytes(), http.StatusCreated, &sc)
	return sc
}

func TestTheNextScanOfASubstanceIsNamedOnceALaboratoryAndASecondPersonHaveSaidWhatItIs(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	address, end := serving(t, "--listen", "127.0.0.1:0", "--data", dir)
	ada, bob := newPerson(t, address, dir, "ada", "chemist"), newPerson(t, address, dir, "bob", "reviewer")
	first := ada.take("Fentanyl", 2)
	if first.Verdict != "inconclusive" {
		t.Fatalf("before: %s", first.Headline)
	}
	var result store.LaboratoryResult
	ada.send(http.MethodPost, "/v1/scans/"+first.ID+"/laboratory-result", map[string]any{"result": "corrected", "substances": []string{"fentanyl"},
		"pure": true, "technique": "GC-MS", "laboratory": "State Laboratory"}, http.StatusCreated, &result)
	if result.Proposal == "" {
		t.Fatalf("nothing was proposed: %s", result.NotProposed)
	}
	decision := map[string]any{"decision": "accept"}
	ada.send(http.MethodPost, "/v1/library/proposals/"+result.Proposal+"/decision", decision, http.StatusForbidden, nil)
	bob.send(http.MethodPost, "/v1/library/proposals/"+result.Proposal+"/decision", decision, http.StatusOK, nil)

	next := bob.take("Fentanyl", 3)
	if next.Verdict != "alarm" || !strings.EqualFold(next.Identification.Findings[0].Substance, "fentanyl") || next.Identification.Findings[0].Tier != "simulated" {
		t.Errorf("after: %s %+v", next.Headline, next.Identification.Findings)
	}
	// The learned library is an ordinary one: the command line can use it as well.
	end()
	path, _ := sample(t, "Fentanyl")
	out := mustRun(t, "identify", "--json", "--library", filepath.Join(dir, "learned.db"), path)
	if !strings.Contains(out, `"verdict":"alarm"`) {
		t.Errorf("fentrace identify with the learned library: %s", out)
	}
}

func TestPeopleAreMadeWithARole(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	for name, test := range map[string]struct {
		args    []string
		mention string
	}{
		"a new user without a role": {[]string{"--new-token", "x", "--user", "eve"}, "--role"},
		"a role of nobody":          {[]string{"--new-token", "x", "--role", "chemist"}, "--user"},
		"no such role":              {[]string{"--new-token", "x", "--user", "eve", "--role", "king"}, "technician, chemist"},
		"nothing to make":           {[]string{"--user", "eve", "--role", "chemist"}, "--new-login"},
	} {
		code, _, stderr := run(t, "", append([]string{"serve", "--data", dir}, test.args...)...)
		if code != exitUsage || !strings.Contains(stderr, test.mention) {
			t.Errorf("%s: exit code %d, %s", name, code, stderr)
		}
	}
	mustRun(t, "serve", "--data", dir, "--new-login", "--user", "ada", "--role", "chemist")
	mustRun(t, "serve", "--data", dir, "--new-login", "--user", "ada") // known by now
}
