package server

import (
	"net/http"
	"testing"

	"fentrace/server/auth"
	"fentrace/server/tlp"
)

func TestWhatIsHadAlreadyIsNotSentAgainAndWhatIsOutdatedIsNotChanged(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		w := newWorld(t, db, "aa", "bb")
		admin, owner := w.by(w.person(auth.RoleAdministrator, "aa", tlp.Red)), w.by(w.person(auth.RoleOperator, "aa", tlp.Red))
		rc := w.add("aa", tlp.Green)
		someone := w.person(auth.RoleTechnician, "bb", tlp.Amber)
		person := "/v1/admin/people/" + someone.name
		for _, c := range []struct {
			by                *running
			get, method, path string
			change, other     fields
			status            int
		}{
			{owner, "/v1/seizures/" + rc.seizure, "POST", "/v1/seizures/" + rc.seizure + "/amendments", fields{"note": "a", "reason": "r"}, fields{"note": "b", "reason": "r"}, http.StatusCreated},
			{owner, "/v1/exhibits/" + rc.exhibit, "POST", "/v1/exhibits/" + rc.exhibit + "/amendments", fields{"note": "a", "reason": "r"}, fields{"note": "b", "reason": "r"}, http.StatusCreated},
			{owner, "/v1/scans/" + rc.ID + "/amendments", "POST", "/v1/scans/" + rc.ID + "/amendments", fields{"officer": "a", "reason": "r"}, fields{"officer": "b", "reason": "r"}, http.StatusCreated},
			{admin, person, "PATCH", person, fields{"role": "chemist"}, fields{"role": "reviewer"}, http.StatusOK},
		} {
			first := c.by.do("GET", c.get, nil).want(t, http.StatusOK)
			tag := first.Header.Get("ETag")
			if tag == "" {
				t.Fatalf("%s has no ETag", c.get)
			}
			same := c.by.do("GET", c.get, nil, "If-None-Match", `"other", `+tag).want(t, http.StatusNotModified)
			if len(same.body) != 0 || same.Header.Get("ETag") != tag {
				t.Errorf("%s: unchanged, and answered with ETag %s and %q", c.get, same.Header.Get("ETag"), same.body)
			}
			c.by.do("GET", c.get, nil, "If-None-Match", `"other"`).want(t, http.StatusOK)
			c.by.do(c.method, c.path, c.change, "If-Match", tag).want(t, c.status)
			late := c.by.do(c.method, c.path, c.other, "If-Match", tag).want(t, http.StatusPreconditionFailed)
			late.mentions(t, "meanwhile", `"status":412`)
			if kind := late.Header.Get("Content-Type"); kind != "application/problem+json" {
				t.Errorf("%s: refused as %s", c.path, kind)
			}
			now := c.by.do("GET", c.get, nil, "If-None-Match", tag).want(t, http.StatusOK)
			if now.Header.Get("ETag") == tag {
				t.Errorf("%s was changed, and its ETag was not", c.get)
			}
		}
		// The case in an exhibit is that of its seizure: an amendment of that changes what is sent, and not what may be amended.
		exhibit := "/v1/exhibits/" + rc.exhibit
		tag := owner.do("GET", exhibit, nil).Header.Get("ETag")
		owner.do("POST", "/v1/seizures/"+rc.seizure+"/amendments", fields{"case": "another", "reason": "r"}, "If-Match", `"2"`).want(t, http.StatusCreated)
		owner.do("GET", exhibit, nil, "If-None-Match", tag).want(t, http.StatusOK).mentions(t, "another")
		owner.do("POST", exhibit+"/amendments", fields{"note": "c", "reason": "r"}, "If-Match", tag).want(t, http.StatusCreated)
		// That somebody logs in changes what is sent of an account, and not what may be changed.
		tag = admin.do("GET", person, nil).Header.Get("ETag")
		if _, _, err := w.auth.NewToken(asProgram(t), someone.name, "more", "", 0); err != nil {
			t.Fatal(err)
		}
		admin.do("GET", person, nil, "If-None-Match", tag).want(t, http.StatusOK).mentions(t, `"tokens":2`)
		admin.do("PATCH", person, fields{"locked": true}, "If-Match", tag).want(t, http.StatusOK)
		admin.do("PATCH", person, fields{"locked": false}).want(t, http.StatusOK) // without one it is as before
	})
}
