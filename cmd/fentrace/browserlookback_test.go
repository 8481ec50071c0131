//go:build webdist

package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"fentrace/server/auth"
	"fentrace/server/store"
	"fentrace/spectra/format"
)

// in hands the server a simulated scan that was taken in a county.
func (p person) in(county, name string, seed uint64) (sc store.Scan) {
	p.t.Helper()
	s, err := simulated(name, seed)
	if err != nil {
		p.t.Fatal(err)
	}
	var b bytes.Buffer
	if err := format.WriteJCAMP(&b, s); err != nil {
		p.t.Fatal(err)
	}
	p.send(http.MethodPost, "/v1/scans?filename=SIMULATED-"+name+".jdx&state=CO&county="+county, b.Bytes(), http.StatusCreated, &sc)
	return sc
}

// The analyst is told on the map where a substance was before anybody could name it, and finds what else looked like that scan.
func TestTheMapTellsWhereASubstanceWasBeforeItWasKnown(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	address, end := serving(t, "--listen", "127.0.0.1:0", "--data", data)
	tom := newPerson(t, address, data, "tom", auth.RoleTechnician)
	first, second := tom.in("Adams", "Fentanyl", 11), tom.in("Boulder", "Fentanyl", 12)
	if first.Verdict == "alarm" {
		t.Fatalf("it was known already: %s", first.Headline)
	}
	end()
	_, lib := sample(t, "Fentanyl")
	var known struct {
		References []struct{ ID, Tier string }
	}
	if err := json.Unmarshal([]byte(mustRun(t, "library", "show", "Fentanyl", "--library", lib, "--json")), &known); err != nil {
		t.Fatal(err)
	}
	id := ""
	for _, r := range known.References {
		if r.Tier == "simulated" {
			id = r.ID
		}
	}
	mustRun(t, "rescreen", "--data", data, "--library", lib, "--reference", id)

	address, _ = serving(t, "--listen", "127.0.0.1:0", "--data", data, "--library", lib)
	ctx := browser(t)
	do(t, ctx, chromedp.Navigate(loginLink(t, address, data)), chromedp.WaitVisible("#scan-button"),
		chromedp.Navigate(address+"/map"), chromedp.WaitVisible(`[data-testid="alerts"] li`))
	if text := get(t, ctx, chromedp.Text(`[data-testid="alerts"]`)); !strings.Contains(text, "2 not read") || !strings.Contains(text, "Adams") || !strings.Contains(text, "SIMULATED") {
		t.Errorf("the alerts read %s", text)
	}
	if text := get(t, ctx, chromedp.Text(`[data-testid="first-seen"]`)); !strings.Contains(text, "found by looking back") {
		t.Errorf("first seen reads %s", text)
	}
	snapshot(t, ctx, "alerts.png")
	do(t, ctx, chromedp.Click(`[data-testid="alerts"] button`))
	get(t, ctx, chromedp.Poll[bool](`document.querySelector('[data-testid="alerts"]').textContent.includes("1 not read")`))
	do(t, ctx, chromedp.EmulateViewport(360, 740))
	snapshot(t, ctx, "alerts-telephone.png")
	do(t, ctx, chromedp.EmulateViewport(1280, 1000), chromedp.Navigate(address+"/scans/"+first.ID), chromedp.WaitVisible(`[data-testid="similar"]`),
		chromedp.Click(`[data-testid="similar"] summary`), chromedp.WaitVisible(`[data-testid="similar"] li`))
	if link := get(t, ctx, chromedp.Evaluate[string](`document.querySelector('[data-testid="similar"] li a').getAttribute("href")`)); link != "/scans/"+second.ID {
		t.Errorf("what looked like it is %s", link)
	}
	snapshot(t, ctx, "similar.png")
}
