//go:build webdist

package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"fentrace/cmd/fentrace/demo"
)

// browsers are the names under which a Chromium is installed.
var browsers = []string{"chromium", "chromium-browser", "google-chrome", "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"}

// browser starts a headless Chromium that talks to nobody but the demo.
func browser(t *testing.T) context.Context {
	t.Helper()
	path := ""
	for _, name := range browsers {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		t.Fatal("no Chromium is installed: make setup")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.WindowSize(1280, 1000), chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("use-angle", "swiftshader"), chromedp.Flag("enable-unsafe-swiftshader", true),
	)
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 10*time.Minute) // ends a browser that hangs, measures nothing
	t.Cleanup(cancel)
	return ctx
}

// startDemo runs the demo on a free port and returns its log-in link.
func startDemo(t *testing.T, scans int) string {
	t.Helper()
	link, _ := startTellingDemo(t, scans)
	return link
}

// waitsFor is closed once the words are written to it.
type waitsFor struct {
	words string
	said  chan struct{}
	once  sync.Once
}

func (w *waitsFor) Write(p []byte) (int, error) {
	if strings.Contains(string(p), w.words) {
		w.once.Do(func() { close(w.said) })
	}
	return len(p), nil
}

// startTellingDemo is startDemo, which also tells when everything is there that the demo makes up.
func startTellingDemo(t *testing.T, scans int) (link string, filled <-chan struct{}) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ready, done := make(chan string, 1), make(chan error, 1)
	out := &waitsFor{words: "SIMULATED records: ", said: make(chan struct{})}
	go func() {
		done <- demo.Run(ctx, demo.Options{Listen: "127.0.0.1:0", Scans: scans, Seed: 1, Out: out, Ready: func(link string) { ready <- link }})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the demo did not end in order: %v", err)
		}
	})
	select {
	case link := <-ready:
		return link, out.said
	case err := <-done:
		done <- nil
		t.Fatalf("the demo did not start: %v", err)
		return "", nil
	}
}

// do runs the steps and keeps a picture of what stands there when one fails.
func do(t *testing.T, ctx context.Context, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(ctx, steps...); err != nil {
		snapshot(t, ctx, "failed.png")
		t.Fatal(err)
	}
}

func get[T any](t *testing.T, ctx context.Context, action chromedp.Action[T]) T {
	t.Helper()
	v, err := chromedp.Run(ctx, action)
	if err != nil {
		snapshot(t, ctx, "failed.png")
		t.Fatal(err)
	}
	return v
}

// The first thing a new user does: open the link, press Scan, read the verdict, see the plot and the place.
func TestPressingScanShowsTheVerdictThePlotAndThePoint(t *testing.T) {
	link := startDemo(t, 0)
	ctx := browser(t)
	do(t, ctx,
		chromedp.Navigate(link),
		chromedp.WaitVisible("#scan-button:not([disabled])"),
		chromedp.Click("#scan-button"),
		chromedp.WaitVisible("#verdict"),
		chromedp.WaitVisible("#overlay-plot canvas"),
		chromedp.WaitReady("#scan-map[data-points]"),
		chromedp.WaitVisible("#scan-map canvas"),
	)
	verdict := get(t, ctx, chromedp.AttributeValue("#verdict", "data-verdict")).Value
	heading := get(t, ctx, chromedp.Text("#verdict"))
	plotted := get(t, ctx, chromedp.Poll[bool](drawnScript, chromedp.WithPollingTimeout(time.Minute)))
	points := get(t, ctx, chromedp.AttributeValue("#scan-map", "data-points")).Value
	watermark := get(t, ctx, chromedp.TextContent("#watermark", chromedp.NodeReady))
	body := get(t, ctx, chromedp.Text("body"))
	if verdict != "alarm" || !strings.Contains(strings.ToUpper(heading), "ALARM") {
		t.Errorf("verdict %q, heading %q; the first sample of the demo holds fentanyl", verdict, heading)
	}
	if points != "1" {
		t.Errorf("the map shows %s points of one scan", points)
	}
	if !plotted {
		t.Error("the plot is blank")
	}
	if !strings.Contains(watermark, "SIMULATED") && !strings.Contains(body, "SIMULATED") {
		t.Error("a simulated scan is not marked SIMULATED")
	}
	if !strings.Contains(body, "Presumptive field result. Laboratory confirmation required.") {
		t.Error("the page does not say that the result is presumptive")
	}
	snapshot(t, ctx, "verdict.png")
	do(t, ctx, chromedp.ScrollIntoView("#overlay-plot"))
	snapshot(t, ctx, "scan.png")
}

// The live preview is drawn while the laser is on, said in words, stopped by its button; then a scan finds what was shown.
func TestTheLivePreviewIsDrawnAndStoppedBeforeTheScan(t *testing.T) {
	link := startDemo(t, 0)
	ctx := browser(t)
	do(t, ctx,
		chromedp.Navigate(link),
		chromedp.WaitVisible("#preview-button:not([disabled])"),
		chromedp.Click("#preview-button"),
		chromedp.WaitVisible("#preview-button[aria-pressed='true']"),
		chromedp.WaitVisible("#live-plot canvas"),
	)
	drawn := get(t, ctx, chromedp.Poll[bool](`Number(document.querySelector("#live-plot").dataset.frames) > 5 && `+drawnIn("#live-plot"), chromedp.WithPollingTimeout(time.Minute)))
	words := get(t, ctx, chromedp.TextContent("[data-testid=live-words]", chromedp.NodeReady))
	body := get(t, ctx, chromedp.Text("body"))
	snapshot(t, ctx, "live.png")
	if !drawn || !strings.Contains(words, "SIMULATED. Preview.") || !strings.Contains(words, "Strongest lines at") {
		t.Errorf("drawn: %v; in words: %q", drawn, words)
	}
	if !strings.Contains(body, "frames a second") || !strings.Contains(body, "LASER ON") {
		t.Error("the page does not say how fast it is, or that the laser is on")
	}
	do(t, ctx,
		chromedp.Click("#preview-button"),
		chromedp.WaitVisible("#preview-button[aria-pressed='false']:not([disabled])"),
	)
	if text := get(t, ctx, chromedp.TextContent(".live-figures", chromedp.NodeReady)); text != "The laser is off." {
		t.Errorf("after the preview the page says %q", text)
	}
	// A scan ends a preview that still runs, and finds the sample that the preview showed.
	do(t, ctx,
		chromedp.Click("#preview-button"),
		chromedp.WaitVisible("#preview-button[aria-pressed='true']"),
		chromedp.Click("#scan-button"),
		chromedp.WaitVisible("#verdict"),
	)
	if verdict := get(t, ctx, chromedp.AttributeValue("#verdict", "data-verdict")).Value; verdict != "alarm" {
		t.Errorf("verdict %q; the first sample of the demo holds fentanyl", verdict)
	}
}

// drawnScript is true once the plot of the result is drawn.
var drawnScript = drawnIn("#overlay-plot")

// drawnIn is true once some pixel of a plot is neither transparent nor the colour of its corner.
func drawnIn(plot string) string {
	return `(() => {
	const c = document.querySelector("` + plot + ` canvas");
	if (!c || !c.width) return false;
	const d = c.getContext("2d").getImageData(0, 0, c.width, c.height).data;
	let other = 0;
	for (let i = 0; i < d.length; i += 4) if (d[i+3] > 0 && (d[i] !== d[0] || d[i+1] !== d[1] || d[i+2] !== d[2])) other++;
	return other > 500;
})()`
}

// The month of simulated scans reaches the map: its points are drawn and counted.
func TestTheMapShowsTheSimulatedMonth(t *testing.T) {
	link := startDemo(t, 60)
	ctx := browser(t)
	do(t, ctx,
		chromedp.Navigate(link),
		chromedp.WaitVisible("#scan-button"),
		chromedp.Navigate(strings.SplitN(link, "/login", 2)[0]+"/map"),
		chromedp.WaitReady("#intel-map[data-points]:not([data-points='0'])"),
	)
	// The demo fills in the month while it serves: a map that was opened early is opened again.
	points := ""
	for range 200 {
		points = get(t, ctx, chromedp.AttributeValue("#intel-map", "data-points")).Value
		if n, err := strconv.Atoi(points); err != nil || n > 1 {
			break
		}
		do(t, ctx, chromedp.Reload(), chromedp.WaitReady("#intel-map[data-points]:not([data-points='0'])"))
	}
	if n, err := strconv.Atoi(points); err != nil || n < 2 {
		t.Errorf("the map shows %q points of a month", points)
	}
	snapshot(t, ctx, "map.png")
}

// snapshot keeps what the browser shows in the folder FENTRACE_PICTURES names, for whoever wants to look.
func snapshot(t *testing.T, ctx context.Context, name string) {
	dir := os.Getenv("FENTRACE_PICTURES")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		t.Log(err)
		return
	}
	if err := os.WriteFile(filepath.Join(dir, name), png, 0o644); err != nil {
		t.Error(err)
	}
}
