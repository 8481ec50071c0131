package server

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"fentrace/server/audit"
	"fentrace/server/auth"
	"fentrace/server/evidence"
	"fentrace/server/store"
	"fentrace/server/tlp"
)

// lived is a scan with everything that can happen to one, and its exhibit and seizure.
func lived(t *testing.T, r *running) (sc store.Scan, x store.Exhibit, z store.Seizure) {
	t.Helper()
	bob := r.as("bob", "reviewer")
	z = r.seize(fields{"tlp": "green"})
	x = r.exhibit(z, fields{"quantity": fields{"value": 1.5, "unit": "g", "uncertainty": 0.1}})
	other := r.exhibit(z, fields{"label": "1B"})
	sc = r.scan(r.do("POST", "/v1/scans?exhibit_id="+other.ID+"&tlp=amber", jcamp("fentanyl")).want(t, http.StatusCreated))
	amend := func(path, version string, f fields) {
		t.Helper()
		f["reason"] = "so it was"
		r.do("POST", path+"/amendments", f, "If-Match", version).want(t, http.StatusCreated)
	}
	path := "/v1/scans/" + sc.ID
	amend(path, "1", fields{"exhibit_id": x.ID, "location": fields{"latitude": 38.25, "longitude": -82.1, "county": "Cabell", "state": "West Virginia"}})
	amend(path, "2", fields{"tlp": "green"})
	amend("/v1/exhibits/"+x.ID, "1", fields{"packaging": "knotted bag"})
	amend("/v1/seizures/"+z.ID, "1", fields{"officer": "Grace"})
	r.do("POST", path+"/hold", fields{"reason": "subpoena 12"}).want(t, http.StatusCreated)
	r.do("POST", path+"/hold/release", fields{"reason": "closed"}).want(t, http.StatusNoContent)
	bob.do("POST", path+"/reviews", fields{"opinion": "disagree", "reason": "1002 is missing"}).want(t, http.StatusCreated)
	var result store.LaboratoryResult
	r.do("POST", path+"/laboratory-result", fields{"result": "corrected", "substances": []string{"caffeine"}, "pure": true, "technique": "GC-MS", "methods": []string{"LC-MS/MS"},
		"laboratory": "State Laboratory", "analyst": "Dr. Lin", "report_number": "L-17", "note": "dry"}).want(t, http.StatusCreated).into(t, &result)
	r.do("POST", path+"/laboratory-results/"+result.ID+"/report?filename=L-17.pdf", []byte("%PDF-1.7 report")).want(t, http.StatusCreated)
	bob.do("POST", path+"/reviews", fields{"result_id": result.ID, "opinion": "agree"}).want(t, http.StatusCreated)
	if result.Proposal == "" {
		t.Fatalf("nothing was proposed: %s", result.NotProposed)
	}
	bob.do("POST", "/v1/library/proposals/"+result.Proposal+"/decision", fields{"decision": "reject", "reason": "too weak"}).want(t, http.StatusOK)
	if raised, err := r.store.RaiseAlert(asProgram(t), store.Alert{Agency: sc.Agency, TLP: tlp.Green, Created: r.clock.now(), Substance: "caffeine", ReferenceID: "ref", ScanID: sc.ID,
		FirstSeen: sc.Acquired}); err != nil || !raised {
		t.Fatal(raised, err)
	}
	bob.do("GET", path, nil).want(t, http.StatusOK)
	r.do("GET", path+"?as=pdf&recipient=Court&reason=hearing", nil).want(t, http.StatusOK)
	r.do("GET", path+"/evidence?recipient=District+attorney&reason=trial", nil).want(t, http.StatusOK)
	return sc, x, z
}

// entriesOf are the entries of the log in a pack, with the names of their members.
func entriesOf(t *testing.T, pack []byte) (leaves []audit.Leaf, names []string) {
	t.Helper()
	var m struct {
		Leaves []struct{ File string }
	}
	if err := json.Unmarshal(memberOf(t, pack, "manifest.json"), &m); err != nil {
		t.Fatal(err)
	}
	for _, f := range m.Leaves {
		l, err := audit.Decode(memberOf(t, pack, f.File))
		if err != nil {
			t.Fatal(err)
		}
		leaves, names = append(leaves, l), append(names, f.File)
	}
	return leaves, names
}

// wrongsOf are the findings that something is wrong, one a line.
func wrongsOf(r evidence.Report) string {
	var b strings.Builder
	for _, f := range r.Findings {
		if f.Result == evidence.Wrong {
			b.WriteString(f.What + ": " + f.Text + "\n")
		}
	}
	return b.String()
}

func checked(t *testing.T, pack []byte, key string) evidence.Report {
	t.Helper()
	rep, err := evidence.Verify(t.Context(), bytes.NewReader(pack), int64(len(pack)), evidence.Checks{Key: key})
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

func TestTheCustodyInAPackHoldsEverythingThatHappenedToTheScan(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		r := startLaboratory(t, db)
		sc, x, z := lived(t, r)
		pack := r.do("GET", "/v1/scans/"+sc.ID+"/evidence", nil).want(t, http.StatusOK).body
		rep := checked(t, pack, r.LogKey())
		if !rep.Whole() || said(rep, "are what the log says of them") != evidence.OK {
			t.Errorf("%+v", rep)
		}
		for _, f := range rep.Findings {
			if f.Result == evidence.NotChecked && strings.Contains(f.Text, "not proven") {
				t.Errorf("%s: %s", f.What, f.Text)
			}
		}
		leaves, names := entriesOf(t, pack)
		for _, want := range []struct {
			what, action, kind, id, detail string
			times                          int
		}{
			{"that it came", audit.Collect, "scan", sc.ID, `"answer"`, 1},
			{"versions of its circumstances", audit.Alter, "scan-version", sc.ID + "/", `"hash"`, 3},
			{"what is said of it since", audit.Alter, "scan", sc.ID, `"said"`, 2},
			{"the exhibit it is of", audit.Collect, "exhibit", x.ID + "/1", `"hash"`, 1},
			{"the amendment of that", audit.Alter, "exhibit", x.ID + "/2", `"hash"`, 1},
			{"the exhibit it was of", audit.Collect, "exhibit", "", z.ID, 2},
			{"the seizure", audit.Collect, "seizure", z.ID + "/1", `"hash"`, 1},
			{"the amendment of that", audit.Alter, "seizure", z.ID + "/2", `"hash"`, 1},
			{"that it was held", audit.Alter, "scan", sc.ID, "subpoena 12", 1},
			{"that the hold was lifted", audit.Alter, "scan", sc.ID, `"released"`, 1},
			{"reviews of the answer and of the result", audit.Collect, "review", "", sc.ID, 2},
			{"the laboratory result", audit.Collect, "laboratory-result", "", sc.ID, 1},
			{"how the laboratory worked", audit.Collect, "laboratory-work", "", sc.ID, 1},
			{"the report of the laboratory", audit.Collect, "laboratory-report", "", sc.ID, 1},
			{"the proposal", audit.Collect, "proposal", "", sc.ID, 1},
			{"the decision on it", audit.Alter, "decision", "", `"accepted":false`, 1},
			{"the alert", audit.Combine, "alert", "", sc.ID, 1},
			{"that bob looked at it", audit.Consult, "scan", sc.ID, `"get-scan"`, 1},
			{"that the report was given away", audit.Disclose, "scan", sc.ID, "hearing", 1},
			{"that a pack was given away", audit.Disclose, "scan", sc.ID, "District attorney", 1},
		} {
			n := 0
			for _, l := range leaves {
				if l.Action == want.action && l.Kind == want.kind && strings.HasPrefix(l.ID, want.id) && strings.Contains(string(l.Detail), want.detail) {
					n++
				}
			}
			if n < want.times {
				t.Errorf("%s: %d entries of %d, among\n%+v", want.what, n, want.times, leaves)
			}
		}
		for i, l := range leaves {
			text := memberOf(t, pack, names[i])
			changed := bytes.Replace(pack, text, bytes.Replace(text, []byte(`"actor":"`), []byte(`"actor":"X`), 1)[:len(text)], 1)
			if wrong := wrongsOf(checked(t, changed, r.LogKey())); !strings.Contains(wrong, names[i]+": ") {
				t.Errorf("that who did %s %s was changed is not told: %s", l.Action, l.Kind, wrong)
			}
		}
	})
}

func TestARecordInAPackThatIsNotAsTheLogSaysIsNamedEvenWhenItIsSigned(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		r := startLaboratory(t, db)
		sc, x, z := lived(t, r)
		c, err := r.Checkpoint(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		signer, err := note.NewSigner(r.logKey.private)
		if err != nil {
			t.Fatal(err)
		}
		for name, of := range map[string]struct {
			change func(*evidence.Item)
			words  string
		}{
			"nothing":              {func(*evidence.Item) {}, ""},
			"opinion":              {func(it *evidence.Item) { it.Scan.Reviews[0].Opinion = store.OpinionAgree }, "the review "},
			"review left out":      {func(it *evidence.Item) { it.Scan.Reviews = it.Scan.Reviews[1:] }, "left out"},
			"laboratory":           {func(it *evidence.Item) { it.Scan.LaboratoryResults[0].Note = "wet" }, "the laboratory result "},
			"substances":           {func(it *evidence.Item) { it.Scan.LaboratoryResults[0].Substances[0].Name = "cocaine" }, "the laboratory result "},
			"analyst":              {func(it *evidence.Item) { it.Scan.LaboratoryResults[0].Analyst = "Eve" }, "work of the laboratory"},
			"report":               {func(it *evidence.Item) { it.Scan.LaboratoryResults[0].Report.Name = "L-18.pdf" }, "the report on laboratory result"},
			"reason of amendment":  {func(it *evidence.Item) { it.Scan.Versions[1].Reason = "none" }, "the version of scan " + sc.ID + "/2"},
			"place before":         {func(it *evidence.Item) { it.Scan.Versions[1].Location = nil }, "the version of scan " + sc.ID + "/2"},
			"quantity":             {func(it *evidence.Item) { *it.History.Exhibits[0].Quantity.Value = 2 }, "the version of exhibit " + x.ID + "/1"},
			"officer":              {func(it *evidence.Item) { it.History.Seizures[1].Officer = "Eve" }, "the version of seizure " + z.ID + "/2"},
			"amendment of exhibit": {func(it *evidence.Item) { it.History.Exhibits = it.History.Exhibits[1:] }, "left out"},
		} {
			p, err := evidence.Source{Store: r.store, Sheet: r.Sheet}.Collect(asProgram(t), []string{sc.ID}, c.Size, c.Checkpoint, r.LogKey())
			if err != nil {
				t.Fatal(err)
			}
			p.Library, p.Sign = r.cfg.Library, signer
			of.change(&p.Items[0])
			var b bytes.Buffer
			if err := p.Write(&b); err != nil {
				t.Fatal(err)
			}
			rep := checked(t, b.Bytes(), r.LogKey())
			if wrong := wrongsOf(rep); rep.Whole() != (of.words == "") || !strings.Contains(wrong, of.words) {
				t.Errorf("%s: %s", name, wrong)
			}
		}
	})
}

func TestAPackTellsAnotherAgencyNothingOfHoldsReadersAndWhatIsMarkedMore(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		w := newWorld(t, db, "aa", "bb")
		owner, guest := w.by(w.person(auth.RoleOperator, "aa", tlp.Red)), w.by(w.person(auth.RoleOperator, "bb", tlp.Red))
		z := owner.seize(fields{"tlp": "red", "case": "CASE-Q1"})
		x := owner.exhibit(z, fields{"label": "LABEL-Q2"})
		sc := owner.scan(owner.do("POST", "/v1/scans?tlp=red&officer=OFFICER-Q3&exhibit_id="+x.ID, jsonSpectrum("Twin")).want(t, http.StatusCreated))
		path := "/v1/scans/" + sc.ID
		owner.do("GET", path+"?as=pdf&recipient=COURT-Q4&reason=hearing", nil).want(t, http.StatusOK)
		owner.do("POST", path+"/amendments", fields{"tlp": "green", "officer": "", "reason": "REASON-Q5"}, "If-Match", "1").want(t, http.StatusCreated)
		owner.do("POST", path+"/hold", fields{"reason": "HOLD-Q6"}).want(t, http.StatusCreated)
		owner.do("GET", path, nil).want(t, http.StatusOK)
		guest.scan(guest.do("POST", "/v1/scans?tlp=red&case=CASE-Q7", jsonSpectrum("Twin")).want(t, http.StatusCreated))
		guest.do("GET", path, nil).want(t, http.StatusOK)
		for who, of := range map[string]struct {
			by         *running
			has, hasNo []string
		}{
			"the owner": {owner, []string{"REASON-Q5", "HOLD-Q6", "\"consult\""}, []string{"CASE-Q1", "LABEL-Q2", "OFFICER-Q3", "COURT-Q4", "CASE-Q7"}},
			"a guest":   {guest, []string{"REASON-Q5", "\"consult\""}, []string{"CASE-Q1", "LABEL-Q2", "OFFICER-Q3", "COURT-Q4", "HOLD-Q6", "CASE-Q7"}},
		} {
			pack := of.by.do("GET", path+"/evidence", nil).want(t, http.StatusOK).body
			if rep := checked(t, pack, w.LogKey()); !rep.Whole() {
				t.Errorf("%s: %s", who, wrongsOf(rep))
			}
			leaves, _ := entriesOf(t, pack)
			looked := false
			for _, l := range leaves {
				looked = looked || l.Action == audit.Consult && l.Agency == "bb"
				if l.Kind == "file" && l.Agency != "aa" {
					t.Errorf("%s is told that another agency holds the file: %+v", who, l)
				}
				if who == "a guest" && l.Action == audit.Consult && l.Agency != "bb" {
					t.Errorf("%s is told who looked at it: %+v", who, l)
				}
			}
			if !looked {
				t.Errorf("%s is not told that the guest looked at it", who)
			}
			for _, word := range of.has {
				if !bytes.Contains(pack, []byte(word)) {
					t.Errorf("%s is not told %s", who, word)
				}
			}
			for _, word := range of.hasNo {
				if bytes.Contains(pack, []byte(word)) {
					t.Errorf("%s is told %s", who, word)
				}
			}
		}
	})
}
