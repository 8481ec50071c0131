//go:build webdist

package main

import (
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"fentrace/server/store"
)

// The operator sees who did what, has everything verified, and is told what was changed behind the program's back.
func TestTheLogIsSeenAndVerifiedOnItsPage(t *testing.T) {
	_, lib := sample(t, "Fentanyl")
	dir := filepath.Join(t.TempDir(), "data")
	address, _ := serving(t, "--listen", "127.0.0.1:0", "--data", dir, "--library", lib)
	upload(t, address, mustRun(t, "serve", "--data", dir, "--new-token", "test"), "Fentanyl")

	ctx := browser(t)
	says := func(want string) chromedp.Action[bool] {
		return chromedp.Poll[bool](`document.querySelector("[data-testid=verification]")?.textContent.includes("` + want + `")`)
	}
	do(t, ctx, chromedp.Navigate(loginLink(t, address, dir)), chromedp.WaitVisible("#scan-button, .empty, main"))
	get(t, ctx, chromedp.Poll[bool](`document.querySelector("nav a[href='/log']:not([hidden])") !== null`))
	do(t, ctx, chromedp.Click("nav a[href='/log']"), chromedp.WaitVisible("[data-testid=log] tbody tr"))
	if body := get(t, ctx, chromedp.Text("[data-testid=log]")); !strings.Contains(body, "collect") || !strings.Contains(body, "log-in") {
		t.Errorf("the entries read %s", body)
	}
	get(t, ctx, says("Nothing was verified"))
	do(t, ctx, chromedp.Click("main button.primary"))
	get(t, ctx, says("Everything is as it was stored."))
	snapshot(t, ctx, "log.png")

	db, err := sql.Open("sqlite3", filepath.Join(dir, store.FileName)+"?_busy_timeout=5000")
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.Exec("DROP TRIGGER scans_amended; UPDATE scans SET case_number = 'another'") // who tampers takes away what refuses
	if err = errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	do(t, ctx, chromedp.Click("main button.primary"))
	get(t, ctx, says("its place, case, exhibit, officer or marking was changed"))
	do(t, ctx, chromedp.EmulateViewport(360, 740))
	snapshot(t, ctx, "log-telephone.png")
}
