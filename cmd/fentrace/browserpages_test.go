//go:build webdist

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// shownPage is a page to be looked at: where it is, and what stands on it once it is drawn.
type shownPage struct {
	name, path, drawn string
	// title is how the title of the window begins.
	title string
}

// allPages are those of the program; {batch} and the like stand for ids. What is drawn in the end is waited for, so that nothing is
// looked at half-way.
var allPages = []shownPage{
	{"scan", "/", "#scan-button:not([disabled])", "Scan"},
	{"scans", "/scans", "[data-testid=scans] tbody tr", "Scans"},
	{"result", "/scans/{scan}", "#scan-map[data-points]", "Scan result"},
	{"seizures", "/seizures", "[data-testid=seizures] tbody tr", "Seizures"},
	{"seizure-new", "/seizures?new", "#new-seizure [name=case]", "Seizures"},
	{"seizure", "/seizures/{seizure}", "[data-testid=timeline] li", "Seizure"},
	{"exhibit-new", "/seizures/{seizure}?new=exhibit", "#new-exhibit [name=label]", "Seizure"},
	{"reviews", "/reviews", "[data-testid=reviews] li", "Reviews"},
	{"batches", "/batches", "main table tbody tr", "Batches"},
	{"batch", "/batches/{batch}", "[data-testid=batch] tbody tr", "Batch"},
	{"jobs", "/jobs", "[data-testid=jobs] tbody tr", "Jobs"},
	{"library", "/library", ".missing-list", "Library"},
	{"map", "/map", "#intel-map[data-points]:not([data-points='0'])", "Map"},
	{"queue", "/queue", ".queue-state", "Unsent scans"},
	{"log", "/log", "[data-testid=log] tbody tr", "Log"},
	{"admin", "/admin", "[data-testid=people] details", "Admin"},
	{"account", "/account", "main form", "Account"},
	{"missing", "/nowhere", "main h1", "No such page"},
}

// complaints are what a browser says on its console as a warning or an error.
type complaints struct {
	mu   sync.Mutex
	said []string
}

func (c *complaints) add(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.said = append(c.said, text)
}

// taken returns what was said since it was asked last.
func (c *complaints) taken() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := c.said
	c.said = nil
	return out
}

// listen collects what the window of ctx complains of.
func listen(t *testing.T, ctx context.Context) *complaints {
	t.Helper()
	c := &complaints{}
	err := chromedp.Listen(ctx, func(ev any) {
		switch e := ev.(type) {
		case *runtime.EventConsoleAPICalled:
			if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeAssert {
				for _, a := range e.Args {
					c.add(fmt.Sprintf("%s%s", a.Value, a.Description))
				}
			}
		case *runtime.EventExceptionThrown:
			c.add(fmt.Sprintf("%+v", e.ExceptionDetails))
		case *log.EventEntryAdded:
			if e.Entry.Level == log.EntryLevelError {
				c.add(e.Entry.Text + " " + e.Entry.URL)
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// startFilledDemo runs the demo until all its records are there, logs in and returns the address of every page.
func startFilledDemo(t *testing.T, ctx context.Context) (address string, at func(shownPage) string) {
	t.Helper()
	link, filled := startTellingDemo(t, 50)
	address = strings.SplitN(link, "/login", 2)[0]
	do(t, ctx, chromedp.Navigate(link), chromedp.WaitVisible("#scan-button"))
	<-filled
	ids := get(t, ctx, chromedp.Evaluate[map[string]string](`(async () => {
		const ask = async (path) => (await fetch(path)).json();
		let dead = [];
		while (dead.length === 0) dead = (await ask("/v1/jobs/dead")).jobs ?? [];
		const seizures = (await ask("/v1/seizures")).seizures;
		const seizure = seizures.find((z) => z.version > 1);
		const scan = (await ask("/v1/seizures/" + seizure.id + "/scans")).scans.find((s) => s.verdict === "alarm");
		return { seizure: seizure.id, scan: scan.id, batch: (await ask("/v1/batches")).batches[0].id };
	})()`, chromedp.EvalAwaitPromise))
	return address, func(p shownPage) string {
		path := p.path
		for name, id := range ids {
			path = strings.ReplaceAll(path, "{"+name+"}", id)
		}
		return address + path
	}
}

// Every page fits a telephone and a laptop, is legible in both colour schemes, says nothing on the console, has one first heading and its
// title, and can be worked by keyboard. With FENTRACE_PICTURES it leaves pictures of each.
func TestEveryPageFitsIsLegibleAndIsWorkedByKeyboard(t *testing.T) {
	ctx := browser(t)
	console := listen(t, ctx)
	_, at := startFilledDemo(t, ctx)
	if missing := get(t, ctx, chromedp.Evaluate[string](`[...document.querySelectorAll("nav a")].map((a) => a.pathname).filter((p) => !`+paths()+`.includes(p)).join(", ")`)); missing != "" {
		t.Errorf("pages of the navigation that are not looked at: %s", missing)
	}
	if faint := get(t, ctx, chromedp.Evaluate[string](`(() => {
		const p = document.createElement("p");
		p.style.cssText = "color: #aaa; background: #fff";
		document.querySelector("main").append(p);
		p.textContent = "too faint";
		return `+tooFaint+`;
	})()`)); !strings.Contains(faint, "too faint: 2.3") {
		t.Errorf("a text of too little contrast is not found: %q", faint)
	}
	console.taken()
	for _, p := range allPages {
		do(t, ctx, chromedp.EmulateViewport(360, 740), chromedp.Navigate(at(p)), chromedp.WaitVisible(p.drawn))
		t.Run(p.name, func(t *testing.T) {
			looksRight(t, ctx, 360, p.title)
			worksByKeyboard(t, ctx)
			for _, look := range []struct {
				name, theme   string
				width, height int64
			}{{"telephone", "light", 360, 740}, {"telephone-dark", "dark", 360, 740}, {"laptop-dark", "dark", 1280, 900}, {"laptop", "light", 1280, 900}} {
				do(t, ctx, chromedp.EmulateViewport(look.width, look.height))
				get(t, ctx, chromedp.Evaluate[bool](`(() => {
					for (const button = document.querySelector(".theme"); document.documentElement.dataset.theme !== "`+look.theme+`"; ) button.click();
					return true;
				})()`))
				fits(t, ctx, float64(look.width))
				legible(t, ctx)
				wholePicture(t, ctx, p.name+"-"+look.name+".png")
			}
			if said := console.taken(); len(said) > 0 {
				t.Errorf("the console says %q", said)
			}
		})
	}
}

// looksRight checks width, headings and title of the page that is shown.
func looksRight(t *testing.T, ctx context.Context, width float64, title string) {
	t.Helper()
	fits(t, ctx, width)
	if headings := get(t, ctx, chromedp.Evaluate[string](`[...document.querySelectorAll("h1")].map((h) => h.textContent).join(" | ")`)); headings == "" || strings.Contains(headings, " | ") {
		t.Errorf("first headings: %q", headings)
	}
	if has := get(t, ctx, chromedp.Evaluate[string](`document.title`)); !strings.HasPrefix(has, title) || !strings.HasSuffix(has, " · Fentrace") {
		t.Errorf("the title is %q", has)
	}
	if steps := get(t, ctx, chromedp.Evaluate[string](headingSteps)); steps != "" {
		t.Errorf("headings leave out a level before %s", steps)
	}
}

// legible checks the contrast of the page that is shown.
func legible(t *testing.T, ctx context.Context) {
	t.Helper()
	if faint := get(t, ctx, chromedp.Evaluate[string](tooFaint)); faint != "" {
		t.Errorf("too little contrast:\n%s", faint)
	}
}

func paths() string {
	var quoted []string
	for _, p := range allPages {
		quoted = append(quoted, fmt.Sprintf("%q", p.path))
	}
	return "[" + strings.Join(quoted, ",") + "]"
}

// headingSteps are the headings that are more than one level below the one before them.
const headingSteps = `(() => {
	let last = 0;
	const bad = [];
	for (const h of document.querySelectorAll("h1, h2, h3, h4, h5, h6")) {
		const level = Number(h.tagName[1]);
		if (level > last + 1) bad.push(h.tagName + " " + h.textContent);
		last = level;
	}
	return bad.join(", ");
})()`

// focusable marks what the keyboard should reach, and returns how much that is. Of a group of radio buttons one is reached by Tab.
const focusable = `(() => {
	const main = document.querySelector("main");
	const seen = (e) => e.checkVisibility({ visibilityProperty: true }) && e.getClientRects().length > 0;
	const all = [...main.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex='0']")]
		.filter((e) => !e.disabled && e.type !== "radio" && e.tabIndex >= 0 && seen(e)).slice(0, 60);
	all.forEach((e) => e.setAttribute("data-to-reach", ""));
	return all.length;
})()`

// reached notes that the keyboard is on an element and tells what is wrong with that: it must be seen where the focus is.
const reached = `(() => {
	const e = document.activeElement;
	if (!e || e === document.body) return "";
	e.removeAttribute("data-to-reach");
	const outlined = (x) => x && getComputedStyle(x).outlineStyle !== "none" && parseFloat(getComputedStyle(x).outlineWidth) >= 2;
	return outlined(e) || outlined(e.nextElementSibling) || outlined(e.closest("label")) ? "" : e.outerHTML.slice(0, 120);
})()`

// worksByKeyboard goes through the page with Tab.
func worksByKeyboard(t *testing.T, ctx context.Context) {
	t.Helper()
	n := get(t, ctx, chromedp.Evaluate[int](focusable))
	for range n + 60 {
		do(t, ctx, chromedp.KeyEvent(kb.Tab))
		if unseen := get(t, ctx, chromedp.Evaluate[string](reached)); unseen != "" {
			t.Errorf("nothing shows that the keyboard is on %s", unseen)
			return
		}
		if get(t, ctx, chromedp.Evaluate[int](`document.querySelectorAll("[data-to-reach]").length`)) == 0 {
			return
		}
	}
	t.Errorf("of %d controls Tab does not reach %s", n, get(t, ctx, chromedp.Evaluate[string](`[...document.querySelectorAll("[data-to-reach]")].map((e) => e.outerHTML.slice(0, 100)).join("\n")`)))
}

// tooFaint are texts whose contrast with what they stand on is below WCAG 2.2 AA, each with the ratio. What stands on pictures, or is
// switched off, is left out.
const tooFaint = `(() => {
	const rgb = (c) => { const m = c.match(/^rgba?\(([^)]+)\)/); if (!m) return null; const v = m[1].split(/[ ,\/]+/).map(Number); return { r: v[0], g: v[1], b: v[2], a: v[3] ?? 1 }; };
	const light = ({ r, g, b }) => { const f = (x) => { x /= 255; return x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4; }; return 0.2126 * f(r) + 0.7152 * f(g) + 0.0722 * f(b); };
	const over = (top, under) => ({ r: top.r * top.a + under.r * (1 - top.a), g: top.g * top.a + under.g * (1 - top.a), b: top.b * top.a + under.b * (1 - top.a), a: 1 });
	const ground = (e) => {
		const layers = [];
		for (; e; e = e.parentElement) {
			const s = getComputedStyle(e);
			if (s.backgroundImage !== "none") return null;
			const c = rgb(s.backgroundColor);
			if (!c) return null;
			if (c.a > 0) layers.push(c);
			if (c.a === 1) break;
		}
		return layers.reverse().reduce((under, top) => over(top, under), { r: 255, g: 255, b: 255, a: 1 });
	};
	const bad = new Map();
	const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	for (let n; (n = walk.nextNode()); ) {
		const e = n.parentElement;
		if (!n.data.trim() || e.closest("[aria-hidden=true], :disabled, svg, canvas, noscript, option, .sr-only, .skip, .maplibregl-map") || !e.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue;
		const s = getComputedStyle(e);
		const ink = rgb(s.color);
		const on = ground(e);
		if (!ink || !on) continue;
		const [a, b] = [light(over(ink, on)), light(on)].sort((x, y) => y - x);
		const ratio = (a + 0.05) / (b + 0.05);
		const size = parseFloat(s.fontSize);
		const large = size >= 24 || (size >= 18.66 && Number(s.fontWeight) >= 700);
		if (ratio < (large ? 3 : 4.5)) bad.set(e.tagName + "." + e.className + " " + n.data.trim().slice(0, 40), ratio.toFixed(2));
	}
	return [...bad].map(([what, ratio]) => what + ": " + ratio).join("\n");
})()`

// The log-in page is looked at like the others, without and with a log-in provider.
func TestTheLogInPageFitsIsLegibleAndOffersTheProvider(t *testing.T) {
	for name, flags := range map[string][]string{"login": nil,
		"login-provider": {"--oidc-issuer", "https://login.example.org", "--oidc-client-id", "fentrace", "--oidc-name", "Example Login"}} {
		t.Run(name, func(t *testing.T) {
			address, _ := serving(t, append([]string{"--listen", "127.0.0.1:0", "--data", filepath.Join(t.TempDir(), "data")}, flags...)...)
			ctx := browser(t)
			console := listen(t, ctx)
			do(t, ctx, chromedp.EmulateViewport(360, 740), chromedp.Navigate(address+"/login"), chromedp.WaitVisible(".login form"))
			if flags != nil {
				do(t, ctx, chromedp.WaitVisible("a[href^='/v1/login/provider']"))
				if offered := get(t, ctx, chromedp.Text("a[href^='/v1/login/provider']")); offered != "Log in with Example Login" {
					t.Errorf("the page offers %q", offered)
				}
			}
			looksRight(t, ctx, 360, "Log in")
			worksByKeyboard(t, ctx)
			for _, theme := range []string{"dark", "light"} {
				get(t, ctx, chromedp.Evaluate[string](`localStorage.setItem("fentrace.theme", "`+theme+`"), ""`))
				do(t, ctx, chromedp.Reload(), chromedp.WaitVisible(".login form"))
				legible(t, ctx)
				wholePicture(t, ctx, name+"-telephone-"+theme+".png")
			}
			do(t, ctx, chromedp.EmulateViewport(1280, 900))
			wholePicture(t, ctx, name+"-laptop.png")
			if said := console.taken(); len(said) > 0 {
				t.Errorf("the console says %q", said)
			}
		})
	}
}

// Where there is nothing yet, each page says what to do first.
func TestEmptyPagesSayWhatToDoFirst(t *testing.T) {
	const nobody = "00000000-0000-4000-8000-000000000000"
	dir := filepath.Join(t.TempDir(), "data")
	address, _ := serving(t, "--listen", "127.0.0.1:0", "--data", dir)
	ctx := browser(t)
	do(t, ctx, chromedp.Navigate(loginLink(t, address, dir)), chromedp.WaitVisible("main h1"), chromedp.EmulateViewport(360, 740))
	for path, says := range map[string]string{
		"/scans": "No scans yet. Take one on the Scan page", "/seizures": "No seizures yet. Enter the first one above", "/reviews": "Nothing waits for a review.",
		"/batches": "No batch yet. Begin one", "/jobs": "No job is in this state.", "/queue": "no other server to send them to is set", "/map": "No scans with a place yet.",
		"/library": "Nothing waits for a review.", "/admin": "You are alone here. Add the first person below", "/scans/none": "There is no such page",
		"/scans/" + nobody: "not found", "/seizures/" + nobody: "not found", "/batches/" + nobody: "not found",
	} {
		do(t, ctx, chromedp.Navigate(address+path))
		if _, err := chromedp.Run(ctx, chromedp.Poll[bool](`document.querySelector("main").innerText.includes("`+says+`")`)); err != nil {
			t.Errorf("%s does not say %q but %q", path, says, get(t, ctx, chromedp.Text("main")))
			continue
		}
		looksRight(t, ctx, 360, "")
		legible(t, ctx)
		wholePicture(t, ctx, "empty-"+strings.ReplaceAll(path[1:], "/", "-")+".png")
	}
	do(t, ctx, chromedp.Navigate(address+"/batches"), chromedp.WaitVisible("#batch-name"), chromedp.SendKeys("#batch-name", "first\r"), chromedp.WaitVisible(".drop"))
	get(t, ctx, chromedp.Poll[bool](`document.querySelector("main").innerText.includes("Drop files or a folder below.")`))
	wholePicture(t, ctx, "empty-batch.png")
}

// A printed seizure says what it is and that it is SIMULATED, without what can only be pressed.
func TestAPrintedSeizureStandsAlone(t *testing.T) {
	ctx := browser(t)
	_, at := startFilledDemo(t, ctx)
	i := slices.IndexFunc(allPages, func(p shownPage) bool { return p.name == "exhibit-new" })
	do(t, ctx, chromedp.Navigate(at(allPages[i])), chromedp.WaitVisible(allPages[i].drawn))
	if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"}); err != nil {
		t.Fatal(err)
	}
	text := get(t, ctx, chromedp.Evaluate[string](`document.body.innerText`))
	for _, want := range []string{"SIMULATED", "Presumptive field result. Laboratory confirmation required.", "Exhibit 1A", "What it said before", "Amended on"} {
		if !strings.Contains(text, want) {
			t.Errorf("the sheet does not say %q: %s", want, text)
		}
	}
	for _, never := range []string{"Log out", "Enter an exhibit", "Amend\n"} {
		if strings.Contains(text, never) {
			t.Errorf("the sheet says %q", never)
		}
	}
	if dir := os.Getenv("FENTRACE_PICTURES"); dir != "" {
		sheet, err := chromedp.Call(ctx, page.PrintToPDF, page.PrintToPDFParams{PrintBackground: new(true)})
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "seizure.pdf"), sheet.Data, 0o644); err != nil {
			t.Error(err)
		}
	}
}

// wholePicture is snapshot of the whole page, also of what must be scrolled to.
func wholePicture(t *testing.T, ctx context.Context, name string) {
	dir := os.Getenv("FENTRACE_PICTURES")
	if dir == "" {
		return
	}
	png := get(t, ctx, chromedp.FullScreenshot(100))
	if err := os.WriteFile(filepath.Join(dir, name), png, 0o644); err != nil {
		t.Error(err)
	}
}
