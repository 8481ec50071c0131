//go:build webdist

package main

import (
	"bytes"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"fentrace/server/store"
	"fentrace/spectra/format"
)

// takenIn is take with a county.
func (p person) takenIn(county, name string, seed uint64) (sc store.Scan) {
	p.t.Helper()
	s, err := simulated(name, seed)
	if err != nil {
		p.t.Fatal(err)
	}
	var b bytes.Buffer
	if err := format.WriteJCAMP(&b, s); err != nil {
		p.t.Fatal(err)
	}
	p.send(http.MethodPost, "/v1/scans?county="+county+"&state=CO&filename=SIMULATED-"+name+".jdx", b.Bytes(), http.StatusCreated, &sc)
	return sc
}

// What a new reference says of the past is told on the open map page, and each scan shows those like it.
func TestWhatTheServerLearnsOfThePastIsSeenOnThePages(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	address, _ := serving(t, "--listen", "127.0.0.1:0", "--data", dir)
	ada, bob := newPerson(t, address, dir, "ada", "chemist"), newPerson(t, address, dir, "bob", "reviewer")
	early, standard := ada.takenIn("Adams", "Fentanyl", 2), ada.takenIn("Boulder", "Fentanyl", 3)
	ctx := browser(t)
	do(t, ctx, chromedp.Navigate(loginLink(t, address, dir)), chromedp.WaitVisible("#scan-button"),
		chromedp.Navigate(address+"/map"), chromedp.WaitVisible("#alerts-title"))

	var result store.LaboratoryResult
	ada.send(http.MethodPost, "/v1/scans/"+standard.ID+"/laboratory-result", map[string]any{"result": "corrected", "pure": true,
		"substances": []string{"fentanyl"}, "technique": "GC-MS", "laboratory": "State Laboratory"}, http.StatusCreated, &result)
	bob.send(http.MethodPost, "/v1/library/proposals/"+result.Proposal+"/decision", map[string]any{"decision": "accept"}, http.StatusOK, nil)
	do(t, ctx, chromedp.WaitVisible("[data-testid=alerts] li"), chromedp.WaitVisible("[data-testid=alerts] button"))
	words := get(t, ctx, chromedp.Text("[data-testid=alerts]"))
	for _, want := range []string{"Fentanyl", "Adams, CO", "Boulder, CO", "SIMULATED", "not known to have been there"} {
		if !strings.Contains(words, want) {
			t.Errorf("the alerts do not mention %q: %s", want, words)
		}
	}
	snapshot(t, ctx, "alerts.png")
	do(t, ctx, chromedp.Click("[data-testid=alerts] button"), chromedp.WaitVisible("[data-testid=alerts] li:last-child small:nth-of-type(2)"))
	if words := get(t, ctx, chromedp.Text("[data-testid=alerts]")); !strings.Contains(words, "Read by operator") {
		t.Errorf("after reading one: %s", words)
	}
	do(t, ctx, chromedp.EmulateViewport(360, 740))
	fits(t, ctx, 360)
	do(t, ctx, chromedp.EmulateViewport(1280, 1000),
		chromedp.Navigate(address+"/scans/"+early.ID), chromedp.WaitVisible("[data-testid=look-similar]"),
		// By keyboard: on a busy machine the page still moves while its pictures come, and a click misses.
		chromedp.SendKeys("[data-testid=look-similar]", kb.Enter), chromedp.WaitVisible("[data-testid=similar] li"))
	if words := get(t, ctx, chromedp.Text("[data-testid=similar]")); !strings.Contains(words, "Boulder, CO") || !strings.Contains(words, "correlation 0.9") {
		t.Errorf("similar scans: %s", words)
	}
	do(t, ctx, chromedp.ScrollIntoView("#similar-title"))
	snapshot(t, ctx, "similar.png")
}
