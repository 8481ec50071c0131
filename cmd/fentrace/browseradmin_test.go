//go:build webdist

package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// An administrator, who sees no scans, adds an agency, a person and a share, by keyboard; and locks the person.
func TestAnAdministratorLooksAfterPeopleAgenciesAndShares(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	address, _ := serving(t, "--listen", "127.0.0.1:0", "--data", data)
	out := mustRun(t, "serve", "--new-login", "--user", "root", "--role", "administrator", "--listen", strings.TrimPrefix(address, "http://"), "--data", data)

	ctx := browser(t)
	do(t, ctx, chromedp.Navigate(strings.TrimSpace(out[strings.LastIndex(out, "http"):])), chromedp.WaitVisible("[data-testid=people]"))
	body := get(t, ctx, chromedp.Text("body"))
	for _, want := range []string{"Scans are not yours to see", "There is one agency", "Nothing is shared", "there must be a second agency"} {
		if !strings.Contains(body, want) {
			t.Errorf("an empty page does not say %q: %s", want, body)
		}
	}
	if nav := get(t, ctx, chromedp.Text("nav")); strings.Contains(nav, "Scans") || !strings.Contains(nav, "Admin") {
		t.Errorf("the administrator is offered %q", nav)
	}
	do(t, ctx,
		chromedp.SendKeys("#agency-id", "sheriff-adams\tSheriff of Adams\tdesk@adams.example\r"), chromedp.WaitVisible("#share-to"),
		chromedp.SendKeys("#new-person", "ada\r"), chromedp.WaitVisible("[data-testid=code]"))
	if code := get(t, ctx, chromedp.Text("[data-testid=code]")); !strings.Contains(code, address+"/login#code=") {
		t.Errorf("the link for a new person is %q", code)
	}
	do(t, ctx, chromedp.Navigate(address+"/admin"), chromedp.WaitVisible(`[data-person="ada"]`),
		chromedp.SendKeys("#share-what", "c\r"), chromedp.Click("[data-testid=shares] form button[type=submit]"), chromedp.WaitVisible("[data-testid=shares] li"))
	if shares := get(t, ctx, chromedp.Text("[data-testid=shares] li")); !strings.Contains(shares, "see counts up to TLP:AMBER") || !strings.Contains(shares, "By root") {
		t.Errorf("the share reads %q", shares)
	}
	do(t, ctx, chromedp.Click(`[data-person="ada"] summary`), chromedp.WaitVisible(`[data-person="ada"] form`))
	snapshot(t, ctx, "admin.png")
	do(t, ctx, chromedp.Click(`[data-person="ada"] form button:nth-of-type(2)`), chromedp.WaitVisible(`[data-person="ada"] .badge`))
	if summary := get(t, ctx, chromedp.Text(`[data-person="ada"] summary`)); !strings.Contains(summary, "LOCKED") {
		t.Errorf("a locked person reads %q", summary)
	}
	do(t, ctx, chromedp.Click("[data-testid=shares] li button"), chromedp.WaitVisible("[data-testid=shares] li.hint"))
	do(t, ctx, chromedp.Click(".theme"), chromedp.Click(".theme"), chromedp.WaitReady("html[data-theme=dark]"), chromedp.EmulateViewport(360, 740))
	snapshot(t, ctx, "admin-telephone-dark.png")
	if wide := get(t, ctx, chromedp.Evaluate[float64](`document.documentElement.scrollWidth`)); wide > 360 {
		t.Errorf("on a telephone the page is %v pixels wide", wide)
	}
}
