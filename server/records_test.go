package server

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"fentrace/server/api"
	"fentrace/server/store"
	"fentrace/spectra"
)

const seizedAt = "2026-10-31T22:10:00Z"

// fields of a record as JSON.
type fields map[string]any

func (r *running) seize(f fields) store.Seizure {
	r.t.Helper()
	all := fields{"case": "24-117", "seized": seizedAt, "officer": "Ada"}
	for k, v := range f {
		all[k] = v
	}
	var z store.Seizure
	r.do("POST", "/v1/seizures", all).want(r.t, http.StatusCreated).into(r.t, &z)
	return z
}

func (r *running) exhibit(z store.Seizure, f fields) store.Exhibit {
	r.t.Helper()
	all := fields{"label": "1A", "form": "powder"}
	for k, v := range f {
		all[k] = v
	}
	var x store.Exhibit
	r.do("POST", "/v1/seizures/"+z.ID+"/exhibits", all).want(r.t, http.StatusCreated).into(r.t, &x)
	return x
}

func TestASeizureIsEnteredReadAmendedAndItsOriginalStays(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		r := start(t, db)
		made := r.do("POST", "/v1/seizures", fields{"case": " 24-117 ", "seized": "2026-10-31T18:10:00-04:00", "officer": "Ada", "note": "two bags\nunder the seat", "tlp": "green",
			"location": fields{"latitude": 39.1, "longitude": -84.5, "precision_m": 50, "county": "Hamilton", "state": "Ohio", "fips": "39061"}}).want(t, http.StatusCreated)
		var z store.Seizure
		made.into(t, &z)
		if z.Case != "24-117" || z.By != DefaultUser || z.Version != 1 || z.Agency != store.LocalAgency || made.Header.Get("ETag") != `"1"` || made.Header.Get("Location") != "/v1/seizures/"+z.ID {
			t.Errorf("%+v, ETag %s, Location %s", z, made.Header.Get("ETag"), made.Header.Get("Location"))
		}
		got := r.do("GET", "/v1/seizures/"+z.ID, nil).want(t, http.StatusOK)
		if !bytes.Equal(bytes.TrimSpace(got.body), bytes.TrimSpace(made.body)) {
			t.Errorf("read\n%s\nmade\n%s", got.body, made.body)
		}
		amend := "/v1/seizures/" + z.ID + "/amendments"
		r.do("POST", amend, fields{"case": "24-118", "reason": "typo"}).want(t, http.StatusPreconditionRequired).mentions(t, "If-Match")
		r.do("POST", amend, fields{"case": "24-118", "reason": "typo"}, "If-Match", "*").want(t, http.StatusPreconditionRequired)
		r.do("POST", amend, fields{"case": "24-118", "reason": "typo"}, "If-Match", "abc").want(t, http.StatusUnprocessableEntity)
		r.do("POST", amend, fields{"case": "24-118"}, "If-Match", `"1"`).want(t, http.StatusUnprocessableEntity).mentions(t, "reason")
		if second := r.do("POST", amend, fields{"case": "24-118", "reason": "typo"}, "If-Match", `"1"`).want(t, http.StatusCreated); second.Header.Get("ETag") != `"2"` {
			t.Errorf("ETag %s", second.Header.Get("ETag"))
		}
		r.do("POST", amend, fields{"case": "24-119", "reason": "typo"}, "If-Match", `"1"`).want(t, http.StatusPreconditionFailed).mentions(t, DefaultUser, "version 2", "2026-11-01T12:00:00Z")
		var vs struct{ Versions []store.Seizure }
		r.do("GET", "/v1/seizures/"+z.ID+"/versions", nil).want(t, http.StatusOK).into(t, &vs)
		if len(vs.Versions) != 2 || vs.Versions[0].Case != "24-117" || vs.Versions[1].Case != "24-118" || vs.Versions[1].Reason != "typo" || vs.Versions[1].Note != z.Note {
			t.Errorf("%+v", vs)
		}
		for _, path := range []string{"", "/versions", "/exhibits", "/scans"} {
			r.do("GET", "/v1/seizures/11111111-1111-4111-8111-111111111111"+path, nil).want(t, http.StatusNotFound)
		}
		r.do("GET", "/v1/exhibits/11111111-1111-4111-8111-111111111111", nil).want(t, http.StatusNotFound)
	})
}

func TestOfTwoPeopleWhoAmendAtTheSameTimeOneIsToldWhoWasFaster(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		r := start(t, db)
		z := r.seize(nil)
		const n = 12
		tokens := make([]*running, n)
		for i := range tokens {
			tokens[i] = r.as(fmt.Sprintf("user%d", i), "technician")
		}
		answers := make([]answer, n)
		var all sync.WaitGroup
		for i := range n {
			all.Go(func() {
				answers[i] = tokens[i].do("POST", "/v1/seizures/"+z.ID+"/amendments", fields{"note": fmt.Sprint(i), "reason": "so it was"}, "If-Match", `"1"`)
			})
		}
		all.Wait()
		winner := ""
		for i, a := range answers {
			if a.StatusCode == http.StatusCreated {
				if winner != "" {
					t.Errorf("%s and user%d won", winner, i)
				}
				winner = fmt.Sprintf("user%d", i)
			}
		}
		for _, a := range answers {
			if a.StatusCode != http.StatusCreated {
				a.want(t, http.StatusPreconditionFailed).mentions(t, winner+" at ")
			}
		}
	})
}

func TestListsOfRecordsAreGivenAsJSONOrAsATable(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		r := start(t, db)
		for i := range 5 {
			r.seize(fields{"case": fmt.Sprintf("24-%d", i), "note": "=1+1", "simulated": i == 0, "location": fields{"county": "Hamilton", "state": "Ohio"}})
		}
		var page api.SeizureList
		first := r.do("GET", "/v1/seizures?limit=2&county=hamilton&simulated=false", nil).want(t, http.StatusOK)
		first.into(t, &page)
		if page.Total != 4 || len(page.Seizures) != 2 || page.NextCursor == "" {
			t.Errorf("%+v", page)
		}
		seen, link := len(page.Seizures), first.Header.Get("Link")
		for link != "" {
			path := strings.TrimSuffix(strings.TrimPrefix(link, "<"), `>; rel="next"`)
			next := r.do("GET", path, nil, "Accept", "text/csv").want(t, http.StatusOK)
			rows, err := csv.NewReader(bytes.NewReader(next.body)).ReadAll()
			if err != nil || next.Header.Get("Content-Type") != "text/csv" {
				t.Fatalf("%v, %s, %q", err, next.Header.Get("Content-Type"), next.body)
			}
			for _, row := range rows[1:] {
				seen++
				if row[3] == "" || row[9] != "Hamilton" || !strings.Contains(strings.Join(row, "|"), "|'=1+1|") {
					t.Errorf("row %q under %q", row, rows[0])
				}
			}
			link = next.Header.Get("Link")
		}
		if seen != 4 {
			t.Errorf("%d of 4 came", seen)
		}
		if a := r.do("GET", "/v1/seizures?as=csv", nil).want(t, http.StatusOK); !strings.HasPrefix(string(a.body), "id,agency,tlp,case,seized") || !strings.Contains(a.Header.Get("Content-Disposition"), "seizures.csv") {
			t.Errorf("%s %q", a.Header.Get("Content-Disposition"), a.body)
		}
		r.do("GET", "/v1/seizures", nil, "Accept", "image/png").want(t, http.StatusNotAcceptable)
		r.do("GET", "/v1/seizures?cursor=x", nil).want(t, http.StatusUnprocessableEntity)
		r.do("GET", "/v1/seizures?from=yesterday", nil).want(t, http.StatusUnprocessableEntity).mentions(t, "from")
		r.do("GET", "/v1/seizures?county=a&county=b", nil).want(t, http.StatusUnprocessableEntity)
		if a := r.do("GET", "/v1/seizures?to=2026-10-30", nil).want(t, http.StatusOK); !strings.Contains(string(a.body), `"total":0`) || !strings.Contains(string(a.body), `"seizures":[]`) {
			t.Errorf("%s", a.body)
		}
	})
}

func TestAScanIsLinkedAsItComesOrLaterAndListsFollow(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		r := start(t, db)
		z := r.seize(nil)
		x := r.exhibit(z, fields{"quantity": fields{"value": 1.5, "unit": "g", "uncertainty": 0.1}, "packaging": "knotted bag", "expected_as": "heroin"})
		other := r.exhibit(z, fields{"label": "1B", "form": "tablet"})
		sc := r.scan(r.do("POST", "/v1/scans?exhibit_id="+x.ID, jcamp("fentanyl")).want(t, http.StatusCreated))
		if sc.Linked == nil || sc.Linked.Label != "1A" || sc.Linked.Case != "24-117" || sc.EnteredBy != DefaultUser {
			t.Errorf("%+v", sc.ScanRecord)
		}
		r.do("POST", "/v1/scans?exhibit_id=none", jcamp("weak")).want(t, http.StatusUnprocessableEntity).mentions(t, "exhibit_id")
		count := func(path string, want int) {
			t.Helper()
			var p struct{ Total int }
			if r.do("GET", path, nil).want(t, http.StatusOK).into(t, &p); p.Total != want {
				t.Errorf("%s: %d, want %d", path, p.Total, want)
			}
		}
		count("/v1/seizures/"+z.ID+"/scans", 1)
		count("/v1/exhibits/"+x.ID+"/scans", 1)
		count("/v1/scans?q=24-117", 1)
		count("/v1/scans?exhibit_id="+other.ID, 0)
		count("/v1/seizures/"+z.ID+"/exhibits?q=HEROIN", 1)
		count("/v1/exhibits?form=tablet", 1)
		amend := "/v1/scans/" + sc.ID + "/amendments"
		now := r.do("GET", amend, nil).want(t, http.StatusOK)
		r.do("POST", amend, fields{"exhibit_id": other.ID, "location": fields{"latitude": 38.2, "longitude": -82.1, "county": "Cabell", "state": "West Virginia"}, "reason": "the other bag"},
			"If-Match", now.Header.Get("ETag")).want(t, http.StatusCreated)
		r.do("POST", amend, fields{"officer": "x", "reason": "y"}, "If-Match", now.Header.Get("ETag")).want(t, http.StatusPreconditionFailed).mentions(t, DefaultUser)
		count("/v1/scans?exhibit_id="+other.ID, 1)
		count("/v1/exhibits/"+x.ID+"/scans", 0)
		count("/v1/scans?county=cabell", 1)
		r.do("GET", "/v1/identifications.geojson", nil).want(t, http.StatusOK).mentions(t, "Cabell", "-82.1")
		r.do("GET", "/v1/intelligence/first-seen?by=county", nil).want(t, http.StatusOK).mentions(t, "Cabell")
		if page := r.scan(r.do("GET", "/v1/scans/"+sc.ID, nil).want(t, http.StatusOK)); len(page.Versions) != 2 || page.Versions[0].Location != nil || page.Versions[0].ExhibitID != x.ID ||
			page.Amended == nil || page.Amended.Reason != "the other bag" || page.Linked.Label != "1B" || page.SHA256 != sc.SHA256 || page.Headline != sc.Headline {
			t.Errorf("%+v", page)
		}
		if pdf := text(t, r.do("GET", "/v1/scans/"+sc.ID+"?as=pdf", nil).want(t, http.StatusOK).body); !strings.Contains(pdf, "Cabell") || !strings.Contains(pdf, "the other bag") || !strings.Contains(pdf, "1B") {
			t.Errorf("the report: %s", pdf)
		}
		r.do("POST", "/v1/seizures/"+z.ID+"/exhibits", fields{"label": "1a", "form": "powder"}).want(t, http.StatusConflict).mentions(t, "label", "body.label")
	})
}

func TestARepeatedRequestMakesOneRecord(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		r := start(t, db)
		body := fields{"case": "24-1", "seized": seizedAt}
		first := r.do("POST", "/v1/seizures", body, "Idempotency-Key", `"k-1"`).want(t, http.StatusCreated)
		if again := r.do("POST", "/v1/seizures", body, "Idempotency-Key", "k-1").want(t, http.StatusCreated); !bytes.Equal(again.body, first.body) {
			t.Errorf("answered\n%s\nfirst\n%s", again.body, first.body)
		}
		r.do("POST", "/v1/seizures", fields{"case": "24-2", "seized": seizedAt}, "Idempotency-Key", "k-1").want(t, http.StatusUnprocessableEntity).mentions(t, "Idempotency-Key")
		r.do("POST", "/v1/seizures", body, "Idempotency-Key", `"k`).want(t, http.StatusUnprocessableEntity)
		if a := r.as("bob", "technician").do("POST", "/v1/seizures", body, "Idempotency-Key", "k-1").want(t, http.StatusCreated); bytes.Equal(a.body, first.body) {
			t.Error("two people share one key")
		}
		var list api.SeizureList
		if r.do("GET", "/v1/seizures", nil).into(t, &list); list.Total != 2 {
			t.Errorf("%d seizures", list.Total)
		}
	})
}

func TestBadRecordsAreRefusedByFieldAndNothingIsStored(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		r := start(t, db)
		z := r.seize(nil)
		long := strings.Repeat("x", 2001)
		for _, c := range []struct {
			path, field string
			body        fields
		}{
			{"/v1/seizures", "body.seized", fields{}}, {"/v1/seizures", "body.seized", fields{"seized": "yesterday"}}, {"/v1/seizures", "body.seized", fields{"seized": "2027-01-01T00:00:00Z"}},
			{"/v1/seizures", "body.case", fields{"seized": seizedAt, "case": long}}, {"/v1/seizures", "body.case", fields{"seized": seizedAt, "case": 5}},
			{"/v1/seizures", "body.officer", fields{"seized": seizedAt, "officer": "a\x00"}}, {"/v1/seizures", "body.note", fields{"seized": seizedAt, "note": long}},
			{"/v1/seizures", "body.latitude", fields{"seized": seizedAt, "location": fields{"latitude": 91, "longitude": 1}}}, {"/v1/seizures", "body.latitude", fields{"seized": seizedAt, "location": fields{"longitude": 1}}},
			{"/v1/seizures", "body.location.latitude", fields{"seized": seizedAt, "location": fields{"latitude": "north"}}},
			{"/v1/seizures", "body.fips", fields{"seized": seizedAt, "location": fields{"fips": "1"}}}, {"/v1/seizures", "body.tlp", fields{"seized": seizedAt, "tlp": "white"}},
			{"/v1/seizures", "body.place", fields{"seized": seizedAt, "place": "here"}},
			{"/v1/seizures/" + z.ID + "/exhibits", "body.label", fields{"form": "powder"}}, {"/v1/seizures/" + z.ID + "/exhibits", "body.form", fields{"label": "1"}},
			{"/v1/seizures/" + z.ID + "/exhibits", "body.form", fields{"label": "1", "form": "brick"}}, {"/v1/seizures/" + z.ID + "/exhibits", "body.quantity", fields{"label": "1", "form": "powder", "quantity": fields{"value": 1}}},
			{"/v1/seizures/" + z.ID + "/exhibits", "body.quantity.unit", fields{"label": "1", "form": "powder", "quantity": fields{"value": 1, "unit": "stone"}}},
			{"/v1/seizures/" + z.ID + "/exhibits", "body.quantity.value", fields{"label": "1", "form": "powder", "quantity": fields{"value": -1, "unit": "g"}}},
			{"/v1/seizures/" + z.ID + "/exhibits", "body.taken", fields{"label": "1", "form": "powder", "taken": "2030-01-01T00:00:00Z"}},
		} {
			r.do("POST", c.path, c.body).want(t, http.StatusUnprocessableEntity).mentions(t, `"location":"`+c.field+`"`)
		}
		r.do("POST", "/v1/seizures", "{").want(t, http.StatusBadRequest)
		r.do("POST", "/v1/seizures", fields{"seized": seizedAt, "note": strings.Repeat("x", 1<<17)}).want(t, http.StatusRequestEntityTooLarge)
		var list api.SeizureList
		if r.do("GET", "/v1/seizures", nil).into(t, &list); list.Total != 1 || list.Seizures[0].Exhibits != 0 {
			t.Errorf("%+v", list)
		}
	})
}

func TestFourEyesByHTTP(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		r := start(t, db)
		ada, bob := r.as("ada", "reviewer"), r.as("bob", "reviewer")
		sc := ada.scan(ada.do("POST", "/v1/scans", jcamp("fentanyl")).want(t, http.StatusCreated))
		path := "/v1/scans/" + sc.ID + "/reviews"
		var waiting struct {
			Total   int
			Reviews []api.WaitingReview
		}
		ada.do("GET", "/v1/reviews", nil).want(t, http.StatusOK).into(t, &waiting)
		if waiting.Total != 1 || waiting.Reviews[0].May || !strings.Contains(waiting.Reviews[0].WhyNot, "second person") || waiting.Reviews[0].EnteredBy != "ada" {
			t.Errorf("%+v", waiting)
		}
		ada.do("POST", path, fields{"opinion": "agree"}).want(t, http.StatusForbidden).mentions(t, "second person", "bob")
		r.as("tom", "technician").do("POST", path, fields{"opinion": "agree"}).want(t, http.StatusForbidden).mentions(t, "technician")
		bob.do("POST", path, fields{"opinion": "disagree"}).want(t, http.StatusUnprocessableEntity).mentions(t, "body.reason")
		bob.do("POST", path, fields{"opinion": "maybe"}).want(t, http.StatusUnprocessableEntity)
		first := bob.do("POST", path, fields{"opinion": "disagree", "reason": "1002 is missing"}).want(t, http.StatusCreated)
		if again := bob.do("POST", path, fields{"opinion": "disagree", "reason": "1002 is missing"}).want(t, http.StatusOK); !bytes.Equal(again.body, first.body) {
			t.Errorf("said again:\n%s\n%s", again.body, first.body)
		}
		for how, want := range map[string]string{"yes": `"total":1`, "no": `"total":0`, "disagreed": `"total":1`} {
			bob.do("GET", "/v1/scans?reviewed="+how, nil).want(t, http.StatusOK).mentions(t, want)
		}
		if pdf := text(t, bob.do("GET", "/v1/scans/"+sc.ID+"?as=pdf", nil).want(t, http.StatusOK).body); !strings.Contains(pdf, "1002 is missing") || !strings.Contains(pdf, "bob") {
			t.Errorf("the report: %s", pdf)
		}
		var result store.LaboratoryResult
		bob.do("POST", "/v1/scans/"+sc.ID+"/laboratory-result", fields{"result": "confirmed", "substances": []string{"fentanyl"}, "technique": "GC-MS", "methods": []string{"LC-MS/MS"},
			"laboratory": "State Laboratory", "analyst": "Dr. Lin", "report_number": "L-17"}).want(t, http.StatusCreated).into(t, &result)
		if strings.Join(result.Methods, " ") != "GC-MS LC-MS/MS" || result.Analyst != "Dr. Lin" || result.ReportNumber != "L-17" {
			t.Errorf("%+v", result)
		}
		bob.do("GET", "/v1/reviews", nil).want(t, http.StatusOK).mentions(t, `"total":1`, `"entered_by":"bob"`, `"may_review":false`)
		bob.do("POST", path, fields{"result_id": result.ID, "opinion": "agree"}).want(t, http.StatusForbidden)
		ada.do("POST", path, fields{"result_id": result.ID, "opinion": "agree"}).want(t, http.StatusCreated)
		ada.do("GET", "/v1/reviews", nil).want(t, http.StatusOK).mentions(t, `"total":0`)
		ada.do("GET", path, nil).want(t, http.StatusOK).mentions(t, "1002 is missing", `"may_review":true`)
	})
}

func TestTheReportOfALaboratoryIsGivenBackAsItCame(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		r := start(t, db, func(c *Config) { c.MaxUpload = 1 << 20 })
		sc := r.scan(r.do("POST", "/v1/scans", jcamp("fentanyl")).want(t, http.StatusCreated))
		var result store.LaboratoryResult
		r.do("POST", "/v1/scans/"+sc.ID+"/laboratory-result", fields{"result": "refuted", "technique": "GC-MS", "laboratory": "State Laboratory"}).want(t, http.StatusCreated).into(t, &result)
		path := "/v1/scans/" + sc.ID + "/laboratory-results/" + result.ID + "/report"
		pdf := bytes.Repeat([]byte("%PDF-1.7\x00\xff"), 20000)
		r.do("GET", path, nil).want(t, http.StatusNotFound)
		var report store.LaboratoryReport
		r.do("POST", path+"?filename=..%2FL-17.pdf", pdf).want(t, http.StatusCreated).into(t, &report)
		if report.Name != "L-17.pdf" || report.SHA256 != spectra.HashBytes(pdf) || report.Size != int64(len(pdf)) {
			t.Errorf("%+v", report)
		}
		r.do("POST", path+"?filename=L-17.pdf", pdf).want(t, http.StatusOK)
		r.do("POST", path, "another").want(t, http.StatusConflict)
		r.do("POST", path, "").want(t, http.StatusUnprocessableEntity)
		r.do("POST", path, make([]byte, 1<<20+1)).want(t, http.StatusRequestEntityTooLarge)
		r.as("tom", "technician").do("POST", path, pdf).want(t, http.StatusForbidden)
		got := r.do("GET", path, nil).want(t, http.StatusOK)
		if !bytes.Equal(got.body, pdf) || got.Header.Get("Content-Type") != "application/octet-stream" || !strings.Contains(got.Header.Get("Content-Disposition"), "L-17.pdf") {
			t.Errorf("%d bytes, %v", len(got.body), got.Header)
		}
		page := r.scan(r.do("GET", "/v1/scans/"+sc.ID, nil).want(t, http.StatusOK))
		if b, _ := json.Marshal(page.LaboratoryResults); page.LaboratoryResults[0].Report == nil || !strings.Contains(string(b), report.SHA256) {
			t.Errorf("%s", b)
		}
	})
}
