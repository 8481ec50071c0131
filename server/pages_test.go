package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"fentrace/server/auth"
	"fentrace/server/store"
	"fentrace/server/tlp"
)

// pagesOf walks through a list and returns what tells its items apart, in order; between is called after the first page.
func pagesOf(t *testing.T, r *running, path, list, id string, limit int, between func()) (ids []string) {
	t.Helper()
	join := "?"
	if strings.Contains(path, "?") {
		join = "&"
	}
	for cursor, n := "", 0; ; n++ {
		var page map[string]json.RawMessage
		r.do("GET", fmt.Sprintf("%s%slimit=%d&cursor=%s", path, join, limit, url.QueryEscape(cursor)), nil).want(t, http.StatusOK).into(t, &page)
		var items []map[string]any
		if err := json.Unmarshal(page[list], &items); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if len(items) > limit || n > 100 {
			t.Fatalf("%s: %d items on page %d", path, len(items), n)
		}
		for _, it := range items {
			ids = append(ids, fmt.Sprint(it[id]))
		}
		if err := json.Unmarshal(page["next_cursor"], &cursor); err != nil {
			t.Fatalf("%s: %v in %s", path, err, page["next_cursor"])
		}
		if cursor == "" {
			return ids
		}
		if n == 0 {
			between()
		}
	}
}

func TestListsInPagesRepeatAndSkipNothingWhenMoreIsAddedMeanwhile(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		w := newWorld(t, db, "aa", "bb", "cc")
		admin, owner := w.by(w.person(auth.RoleAdministrator, "aa", tlp.Red)), w.by(w.person(auth.RoleOperator, "aa", tlp.Red))
		amend := func(path string, version int, f fields) {
			t.Helper()
			f["reason"] = "so it was"
			owner.do("POST", path+"/amendments", f, "If-Match", fmt.Sprint(version)).want(t, http.StatusCreated)
		}
		first := w.add("aa", tlp.Green)
		scan := "/v1/scans/" + first.ID
		reviewer := w.by(w.person(auth.RoleReviewer, "aa", tlp.Red))
		version, opinions := 1, []string{"agree", "disagree"}
		more := func() {
			t.Helper()
			version++
			note := fmt.Sprint("note ", version)
			amend("/v1/seizures/"+first.seizure, version-1, fields{"note": note})
			amend("/v1/exhibits/"+first.exhibit, version-1, fields{"note": note})
			amend(scan, version-1, fields{"officer": note})
			reviewer.do("POST", scan+"/reviews", fields{"result_id": first.result, "opinion": opinions[version%2], "reason": note}).want(t, http.StatusCreated)
			w.person(auth.RoleTechnician, "bb", tlp.Amber)
			to := []string{"bb", "cc"}[version%2]
			var sh store.Share
			admin.do("POST", "/v1/admin/shares", fields{"from": "aa", "to": to, "aggregates": true}).want(t, http.StatusCreated).into(t, &sh)
			if version%3 == 0 {
				admin.do("POST", "/v1/admin/shares/"+sh.ID+"/revoke", nil).want(t, http.StatusNoContent)
			}
			owner.do("POST", "/v1/batches", fields{"name": note}).want(t, http.StatusCreated)
		}
		for range 5 {
			more()
			w.add("aa", tlp.Green)
		}
		_, change := w.lookedBack()
		for _, c := range []struct {
			by             *running
			path, list, id string
			least          int
		}{
			{admin, "/v1/admin/people", "people", "name", 10},
			{admin, "/v1/admin/shares", "shares", "id", 5},
			{owner, "/v1/batches", "batches", "id", 5},
			{owner, "/v1/seizures/" + first.seizure + "/versions", "versions", "version", 6},
			{owner, "/v1/exhibits/" + first.exhibit + "/versions", "versions", "version", 6},
			{owner, scan + "/amendments", "versions", "version", 6},
			{owner, scan + "/reviews", "reviews", "id", 5},
			{owner, "/v1/identifications.geojson?state=CO", "features", "id", 6},
			{owner, "/v1/map?state=CO", "features", "id", 6},
			{owner, scan + "/similar?least=0.3", "scans", "scan_id", 5},
			{owner, "/v1/library/changes/" + change, "scans", "scan_id", 6},
			{owner, "/v1/seizures", "seizures", "id", 6},
			{owner, "/v1/disseminations", "disseminations", "id", 0},
		} {
			all := pagesOf(t, c.by, c.path, c.list, c.id, 100, func() {})
			if len(all) < c.least {
				t.Errorf("%s: %d items, at least %d were made", c.path, len(all), c.least)
			}
			walked := pagesOf(t, c.by, c.path, c.list, c.id, 2, more)
			old := slices.DeleteFunc(slices.Clone(walked), func(id string) bool { return !slices.Contains(all, id) })
			if !slices.Equal(old, all) {
				t.Errorf("%s: in pages of two %v, at once %v", c.path, old, all)
			}
			c.by.do("GET", strings.ReplaceAll(c.path, "?", "?cursor=x&")+map[bool]string{false: "?cursor=x"}[strings.Contains(c.path, "?")], nil).
				want(t, http.StatusUnprocessableEntity).mentions(t, "cursor")
		}
	})
}
