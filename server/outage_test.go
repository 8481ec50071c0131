package server

import (
	"net/http"
	"strings"
	"testing"

	"fentrace/server/store/storetest"
)

func TestWhileTheDatabaseIsAwayRequestsAreRefusedAndThenAllGoesOn(t *testing.T) {
	c := storetest.New(t)
	address := c.Database(t)
	r := start(t, func(cfg *Config) { cfg.Database = address })
	r.do("POST", "/v1/scans", jcamp("fentanyl")).want(t, http.StatusCreated)
	if err := c.Stop(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		for _, a := range []answer{r.do("POST", "/v1/scans", jcamp("caffeine")), r.do("GET", "/v1/scans", nil), r.login(map[string]string{"code": "x"})} {
			a.want(t, http.StatusServiceUnavailable).mentions(t, "cannot be reached", "nothing was stored")
			if a.Header.Get("Retry-After") == "" || strings.Contains(string(a.body), "fentrace") {
				t.Errorf("%v %s: it names the database, or does not say when to come again", a.Header, a.body)
			}
		}
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	r.do("POST", "/v1/scans", jcamp("caffeine")).want(t, http.StatusCreated)
	if n := r.rows(); n != 2 {
		t.Errorf("%d scans stored", n)
	}
}
