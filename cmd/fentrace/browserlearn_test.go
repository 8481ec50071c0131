//go:build webdist

package main

import (
	"context"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// A chemist enters what the laboratory found, a second person looks at the scan and accepts it as a reference, and the
// next scan of the substance is named: all of it on the pages.
func TestALaboratoryResultEnteredAndReviewedOnThePagesNamesTheNextScan(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	address, _ := serving(t, "--listen", "127.0.0.1:0", "--data", dir)
	ada, bob := newPerson(t, address, dir, "ada", "chemist"), newPerson(t, address, dir, "bob", "reviewer")
	first, mixture := ada.take("Fentanyl", 2), ada.take("Fentanyl", 3)
	ada.send(http.MethodPost, "/v1/scans/"+mixture.ID+"/laboratory-result", map[string]any{"result": "corrected",
		"substances": []string{"fentanyl", "caffeine"}, "technique": "LC-MS/MS", "laboratory": "State Laboratory"}, http.StatusCreated, nil)
	login := func(who string) string {
		out := mustRun(t, "serve", "--new-login", "--user", who, "--listen", strings.TrimPrefix(address, "http://"), "--data", dir)
		return strings.TrimSpace(out[strings.LastIndex(out, "http"):])
	}

	ctx := browser(t)
	do(t, ctx, chromedp.Navigate(login("ada")), chromedp.WaitVisible("#scan-button"),
		chromedp.Navigate(address+"/scans/"+first.ID), chromedp.WaitVisible(".laboratory-entry summary"),
		chromedp.Click(".laboratory-entry summary"), chromedp.WaitVisible(".laboratory-form"), chromedp.ScrollIntoView("#laboratory"))
	snapshot(t, ctx, "laboratory-form.png")
	do(t, ctx,
		chromedp.Click("input[name=result][value=corrected]"),
		chromedp.SendKeys("#laboratory-substance", "fentanyll\r"), chromedp.WaitVisible(".substance-list li"),
		chromedp.Click("#laboratory-pure"),
		chromedp.SendKeys("#laboratory-technique", "GC-MS"),
		chromedp.SendKeys("#laboratory-name", "State Laboratory"),
		chromedp.Click("#laboratory-submit"), chromedp.WaitVisible("#laboratory .problem"),
	)
	if refused := get(t, ctx, chromedp.Text("#laboratory .problem")); !strings.Contains(refused, "check the spelling") {
		t.Errorf("a misspelt name is answered with %q", refused)
	}
	do(t, ctx,
		chromedp.Click(".substance-list button"),
		chromedp.SendKeys("#laboratory-substance", "fentanyl"), // taken along without pressing Add
		chromedp.Click("#laboratory-submit"), chromedp.WaitVisible(".laboratory-history"),
	)
	if said := get(t, ctx, chromedp.Text("#laboratory")); !strings.Contains(said, "pure Fentanyl") || !strings.Contains(said, "second person") || !strings.Contains(said, "Entered by ada") {
		t.Errorf("the card of the laboratory says %q", said)
	}
	if body := get(t, ctx, chromedp.Text("body")); !strings.Contains(body, "NO ANSWER") || !strings.Contains(body, "SIMULATED") {
		t.Error("the presumptive answer, or the mark of simulated data, is gone")
	}
	snapshot(t, ctx, "laboratory-result.png")
	do(t, ctx, chromedp.ScrollIntoView("#laboratory"))
	snapshot(t, ctx, "laboratory-history.png")
	do(t, ctx, chromedp.EmulateViewport(360, 740), chromedp.Click(".laboratory-entry summary"), chromedp.WaitVisible(".laboratory-form"), chromedp.ScrollIntoView(".laboratory-form"))
	fits(t, ctx, 360)
	snapshot(t, ctx, "laboratory-telephone.png")
	do(t, ctx, chromedp.EmulateViewport(1280, 1000))
	do(t, ctx, chromedp.Click("a[href^='/library?proposal=']"), chromedp.WaitVisible(".proposals details[open] canvas"))
	if words := get(t, ctx, chromedp.Text("#proposals")); !strings.Contains(words, "decided by a reviewer") {
		t.Errorf("a chemist reads %q", words)
	}

	do(t, ctx, chromedp.Navigate(login("bob")), chromedp.WaitVisible("#scan-button"),
		chromedp.Navigate(address+"/library"), chromedp.WaitVisible(".proposals summary"), chromedp.Click(".proposals summary"),
		chromedp.WaitVisible(".proposal-detail canvas"), chromedp.WaitVisible(".missing-list"))
	snapshot(t, ctx, "library-review.png")
	do(t, ctx, chromedp.Click("button.accept"), chromedp.WaitVisible("[data-testid=change-result]"))
	if words := get(t, ctx, chromedp.Text("#proposals")); !strings.Contains(words, "from now on") {
		t.Errorf("after accepting, the page says %q", words)
	}
	if words := get(t, ctx, chromedp.Text("#changes")); !strings.Contains(words, "1 better, 0 worse") || !strings.Contains(words, "1 left out") || !strings.Contains(words, "SIMULATED references: 0 before, 1 now") {
		t.Errorf("what changed: %q", words)
	}
	do(t, ctx, chromedp.Click(".changes details summary"), chromedp.WaitVisible(".changes table"))
	snapshot(t, ctx, "library-changed.png")
	do(t, ctx, chromedp.EmulateViewport(360, 740))
	fits(t, ctx, 360)
	snapshot(t, ctx, "library-telephone.png")
	do(t, ctx, chromedp.EmulateViewport(1280, 1000))

	do(t, ctx, chromedp.Click(".theme"), chromedp.Click(".theme"), chromedp.WaitReady("html[data-theme=dark]"), chromedp.ScrollIntoView("#changes"))
	snapshot(t, ctx, "library-dark.png")
	next := bob.take("Fentanyl", 4)
	do(t, ctx, chromedp.Navigate(address+"/scans/"+next.ID), chromedp.WaitVisible("#verdict"), chromedp.WaitVisible("#overlay-plot canvas"))
	if verdict := get(t, ctx, chromedp.Text("#verdict")); !strings.Contains(verdict, "ALARM") || !strings.Contains(strings.ToLower(verdict), "fentanyl") {
		t.Errorf("the next scan is answered %q", verdict)
	}
	snapshot(t, ctx, "learnt.png")
}

// fits checks that nothing of the page is to the right of the screen.
func fits(t *testing.T, ctx context.Context, width float64) {
	t.Helper()
	if wide := get(t, ctx, chromedp.Evaluate[float64](`document.documentElement.scrollWidth`)); wide > width {
		t.Errorf("on a screen of %.0f pixels the page is %.0f wide", width, wide)
	}
}
