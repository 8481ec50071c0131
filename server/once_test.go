package server

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"fentrace/server/auth"
	"fentrace/server/store"
	"fentrace/server/tlp"
)

// makers are requests that make something, with another body each that asks for something else.
func makers(scan string) map[string][2]fields {
	return map[string][2]fields{
		"/v1/seizures": {{"case": "1", "seized": seizedAt}, {"case": "2", "seized": seizedAt}},
		"/v1/batches":  {{"name": "one"}, {"name": "two"}},
		"/v1/scans/" + scan + "/laboratory-result": {{"result": "corrected", "substances": []string{"caffeine"}, "technique": "GC-MS", "laboratory": "L"},
			{"result": "corrected", "substances": []string{"lactose"}, "technique": "GC-MS", "laboratory": "L"}},
		"/v1/scans/" + scan + "/reviews":      {{"opinion": "agree", "reason": "so"}, {"opinion": "disagree", "reason": "so"}},
		"/v1/scans/" + scan + "/hold":         {{"reason": "case 1"}, {"reason": "case 2"}},
		"/v1/scans/" + scan + "/hold/release": {{"reason": "closed"}, {"reason": "over"}},
	}
}

func TestARequestThatIsRepeatedWithItsKeyIsAnsweredAsTheFirstTime(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		r := startLaboratory(t, db)
		sc := r.scan(r.do("POST", "/v1/scans", jcamp("fentanyl")).want(t, http.StatusCreated))
		ada, bob := r.as("ada", "reviewer"), r.as("bob", "reviewer")
		z := r.seize(nil)
		all := makers(sc.ID)
		all["/v1/seizures/"+z.ID+"/exhibits"] = [2]fields{{"label": "1A", "form": "powder"}, {"label": "1B", "form": "powder"}}
		// One after the other, since a hold is set before it is lifted.
		for _, path := range []string{"/v1/seizures", "/v1/seizures/" + z.ID + "/exhibits", "/v1/batches", "/v1/scans/" + sc.ID + "/reviews", "/v1/scans/" + sc.ID + "/laboratory-result",
			"/v1/scans/" + sc.ID + "/hold", "/v1/scans/" + sc.ID + "/hold/release"} {
			key := strings.ReplaceAll(path, "/", "-")
			by := bob
			if strings.HasSuffix(path, "/batches") || strings.Contains(path, "/seizures") {
				by = r // whoever takes scans
			}
			first := by.do("POST", path, all[path][0], "Idempotency-Key", `"`+key+`"`)
			if first.StatusCode >= 300 {
				t.Fatalf("%s: %d %s", path, first.StatusCode, first.body)
			}
			leaves, err := r.store.LogSize(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			again := by.do("POST", path, all[path][0], "Idempotency-Key", key).want(t, first.StatusCode)
			if !bytes.Equal(again.body, first.body) {
				t.Errorf("%s: answered\n%s\nfirst\n%s", path, again.body, first.body)
			}
			if now, err := r.store.LogSize(t.Context()); err != nil || now != leaves {
				t.Errorf("%s: the log grew from %d to %d entries, %v", path, leaves, now, err)
			}
			by.do("POST", path, all[path][1], "Idempotency-Key", key).want(t, http.StatusUnprocessableEntity).mentions(t, "Idempotency-Key", "new key")
			by.do("POST", path, all[path][0], "Idempotency-Key", `"open`).want(t, http.StatusUnprocessableEntity).mentions(t, "header.Idempotency-Key")
			if !strings.Contains(path, "hold") { // the key of somebody else says nothing of the answer
				other := ada.do("POST", path, all[path][1], "Idempotency-Key", key)
				if bytes.Contains(other.body, []byte("Idempotency-Key")) || bytes.Equal(other.body, first.body) {
					t.Errorf("%s: somebody else with the same key is answered %s", path, other.body)
				}
			}
		}
		// Said by the same person again: nothing is made, and that is the answer the key is given again.
		said := fields{"opinion": "needs_laboratory", "reason": "again"}
		path := "/v1/scans/" + sc.ID + "/reviews"
		bob.do("POST", path, said).want(t, http.StatusCreated)
		first := bob.do("POST", path, said, "Idempotency-Key", "said").want(t, http.StatusOK)
		bob.do("POST", path, fields{"opinion": "agree", "reason": "later"}).want(t, http.StatusCreated)
		var before, after store.Review
		first.into(t, &before)
		bob.do("POST", path, said, "Idempotency-Key", "said").want(t, http.StatusOK).into(t, &after)
		if before.ID != after.ID || after.Current {
			t.Errorf("first %+v, again %+v", before, after)
		}
	})
}

func TestASecretIsNotGivenAgainToARequestThatIsRepeated(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		w := newWorld(t, db, "aa", "bb")
		admin := w.by(w.person(auth.RoleAdministrator, "aa", tlp.Red))
		for path, of := range map[string][2]fields{
			"/v1/tokens":       {{"name": "tablet"}, {"name": "van"}},
			"/v1/admin/people": {{"name": "new", "role": "technician", "agency": "bb"}, {"name": "newer", "role": "technician", "agency": "bb"}},
		} {
			admin.do("POST", path, of[0], "Idempotency-Key", path).want(t, http.StatusCreated)
			again := admin.do("POST", path, of[0], "Idempotency-Key", path).want(t, http.StatusConflict).mentions(t, "shown once", "new")
			if bytes.Contains(again.body, []byte("ft_")) {
				t.Errorf("a secret came again: %s", again.body)
			}
			admin.do("POST", path, of[1], "Idempotency-Key", path).want(t, http.StatusUnprocessableEntity)
		}
		var tokens struct{ Tokens []any }
		if admin.do("GET", "/v1/tokens", nil).want(t, http.StatusOK).into(t, &tokens); len(tokens.Tokens) != 2 { // with the one that the test works with
			t.Errorf("%d tokens", len(tokens.Tokens))
		}
		share := fields{"from": "aa", "to": "bb"}
		first := admin.do("POST", "/v1/admin/shares", share, "Idempotency-Key", "s").want(t, http.StatusCreated)
		if again := admin.do("POST", "/v1/admin/shares", share, "Idempotency-Key", "s").want(t, http.StatusCreated); !bytes.Equal(first.body, again.body) {
			t.Errorf("first %s, again %s", first.body, again.body)
		}
		agency := fields{"name": "Third"}
		admin.do("POST", "/v1/admin/agencies/cc", agency, "Idempotency-Key", "a").want(t, http.StatusNoContent)
		admin.do("POST", "/v1/admin/agencies/cc", agency, "Idempotency-Key", "a").want(t, http.StatusNoContent)
		admin.do("POST", "/v1/admin/agencies/dd", agency, "Idempotency-Key", "a").want(t, http.StatusUnprocessableEntity)
		admin.do("POST", "/v1/admin/agencies/cc", agency, "Idempotency-Key", "b").want(t, http.StatusConflict)
	})
}
