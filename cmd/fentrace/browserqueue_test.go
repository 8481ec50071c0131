//go:build webdist

package main

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"fentrace/server/store"
)

// upload hands a simulated scan to a server as a program does.
func upload(t *testing.T, address, token, name string) {
	t.Helper()
	path, _ := sample(t, name)
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address+"/v1/scans?filename=SIMULATED-"+name+".jdx", strings.NewReader(string(raw)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(token))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusCreated {
		t.Fatalf("uploading %s is answered with %d", name, res.StatusCode)
	}
}

// loginLink makes a log-in link for a server that runs on the folder.
func loginLink(t *testing.T, address, data string) string {
	t.Helper()
	out := mustRun(t, "serve", "--new-login", "--listen", strings.TrimPrefix(address, "http://"), "--data", data)
	return strings.TrimSpace(out[strings.LastIndex(out, "http"):])
}

// The technician sees how many scans have not been sent on every page, why, and that they go when the network returns;
// the laboratory sees what the technician was shown.
func TestTheNumberOfUnsentScansIsSeenAndFallsWhenTheNetworkReturns(t *testing.T) {
	_, lib := sample(t, "Fentanyl")
	central := newCentral(t)
	van := filepath.Join(t.TempDir(), "van")
	field, _ := serving(t, append([]string{"--listen", "127.0.0.1:0", "--data", van, "--library", lib}, central.flags...)...)
	here := mustRun(t, "serve", "--data", van, "--new-token", "test")

	ctx := browser(t)
	number := func(want string) chromedp.Action[bool] {
		return chromedp.Poll[bool](`document.querySelector("#queue:not([hidden])")?.textContent.includes("` + want + `")`)
	}
	do(t, ctx, chromedp.Navigate(loginLink(t, field, van)), chromedp.WaitVisible("#queue"))
	get(t, ctx, number("0 unsent"))
	upload(t, field, here, "Fentanyl")
	upload(t, field, here, "caffeine")
	get(t, ctx, number("2 unsent")) // without a reload
	do(t, ctx, chromedp.Click("#queue"), chromedp.WaitVisible(".queue-error"), chromedp.WaitVisible("table"))
	if body := get(t, ctx, chromedp.Text("main")); !strings.Contains(body, "connection refused") || !strings.Contains(body, "survive a power cut") {
		t.Errorf("the page of the queue says %s", body)
	}
	snapshot(t, ctx, "queue.png")
	do(t, ctx, chromedp.EmulateViewport(360, 740))
	snapshot(t, ctx, "queue-telephone.png")
	do(t, ctx, chromedp.EmulateViewport(1280, 1000))

	central.serve(t)
	get(t, ctx, number("0 unsent"))
	snapshot(t, ctx, "queue-sent.png")
	there := scansAt(t, central.address, central.token)
	if len(there) != 2 {
		t.Fatalf("%d scans arrived", len(there))
	}
	alarm := there[slices.IndexFunc(there, func(sc store.Scan) bool { return sc.Filename == "SIMULATED-Fentanyl.jdx" })]
	ctx = another(t, ctx)
	do(t, ctx, chromedp.Navigate(loginLink(t, central.address, central.data)), chromedp.WaitVisible("#scan-button"),
		chromedp.Navigate(central.address+"/scans/"+alarm.ID), chromedp.WaitVisible("#field-answers"))
	if verdict := get(t, ctx, chromedp.Text("#verdict")); !strings.Contains(verdict, "In the field it was answered: ALARM: Fentanyl") {
		t.Errorf("the verdict says nothing of the alarm that was shown in the field: %s", verdict)
	}
	if body := get(t, ctx, chromedp.Text("#field-answers")); !strings.Contains(body, "answer above") || !strings.Contains(body, "SIMULATED") {
		t.Errorf("the answer given in the field reads %s", body)
	}
	snapshot(t, ctx, "field-answer.png")
}

// another opens a second window of the same browser.
func another(t *testing.T, ctx context.Context) context.Context {
	t.Helper()
	ctx, cancel := chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	return ctx
}
