package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"fentrace/server/api"
	"fentrace/server/auth"
	"fentrace/server/store"
)

const (
	httpFuzzWorkers = 4
	maxFuzzFailures = 20 // kinds of them that are told of
	streamTime      = 150 * time.Millisecond

	canaryPassword = "canary-password-7f3a9c51"
)

// operation is one of the OpenAPI document.
type operation struct {
	method, path string
	parameters   []map[string]any
	body         map[string]any // schema by content type; nil: none
	answers      map[string]any // by status
}

func (o operation) String() string { return o.method + " " + o.path }

// about is what an operation is about: the part of its path before the first parameter.
func (o operation) about() string {
	before, _, _ := strings.Cut(o.path, "/{")
	return before[strings.LastIndex(before, "/")+1:]
}

// httpFuzz sends requests made from the OpenAPI document and judges the answers.
type httpFuzz struct {
	*running
	doc        map[string]any
	operations []operation
	compiler   *jsonschema.Compiler
	mu         sync.Mutex
	schemas    map[string]*jsonschema.Schema
	seen       *harvest
	client     *http.Client
	renewing   sync.Mutex
	callers    []string // headers of callers: Authorization, or Cookie; "" for nobody
	secrets    []string // none of which any answer may hold
	failures   map[string]string
	statuses   map[int]int
	answered   map[string]int // operations, with a success
	sent       atomic.Int64
}

// TestHTTPFuzz sends what is allowed, nearly allowed and hostile to every operation of the OpenAPI document, for as long as
// FENTRACE_HTTPFUZZ says (3s). FENTRACE_HTTPFUZZ_SEED repeats a run as far as time allows.
func TestHTTPFuzz(t *testing.T) {
	length, seed := 3*time.Second, uint64(time.Now().UnixNano())
	if v := os.Getenv("FENTRACE_HTTPFUZZ"); v != "" {
		d, err := time.ParseDuration(v)
		if err != nil {
			t.Fatalf("FENTRACE_HTTPFUZZ=%s: a time such as 10m is needed", v)
		}
		length = d
	}
	if v := os.Getenv("FENTRACE_HTTPFUZZ_SEED"); v != "" {
		if _, err := fmt.Sscan(v, &seed); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("FENTRACE_HTTPFUZZ_SEED=%d", seed)
	f := newHTTPFuzz(t, seed)
	f.run(length/5, seed) // what is filled once, such as pools and caches, is not growth
	before := f.use()
	f.run(length-length/5, seed+1000)
	var after resources
	settled := within(30*time.Second, func() bool {
		after = f.use()
		return after.goroutines <= before.goroutines+10 && after.files <= before.files+10 && after.heap <= before.heap+64<<20
	})
	if !settled {
		t.Errorf("the server has grown: before %+v, after %+v", before, after)
	}
	f.report(before, after)
}

// within reports whether something becomes so in that time.
func within(d time.Duration, so func() bool) bool {
	for end := time.Now().Add(d); ; time.Sleep(50 * time.Millisecond) {
		if so() {
			return true
		}
		if time.Now().After(end) {
			return false
		}
	}
}

// goroutines is how many there are beside those of River, which starts and ends its own while a server runs.
func goroutines() (n int) {
	all := make([]byte, 8<<20)
	for _, one := range strings.Split(string(all[:runtime.Stack(all, true)]), "\n\n") {
		if !strings.Contains(one, "riverqueue/river") {
			n++
		}
	}
	return n
}

// settled is how many goroutines there are once a server that has just begun starts no more of them.
func settled() int {
	last := -1
	within(20*time.Second, func() bool {
		n := goroutines()
		time.Sleep(500 * time.Millisecond)
		is := n == last
		last = n
		return is
	})
	return last
}

type resources struct {
	goroutines, files int
	heap              uint64
}

// use is what the process holds once nothing is under way.
func (f *httpFuzz) use() resources {
	f.client.CloseIdleConnections()
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	files, _ := os.ReadDir("/proc/self/fd") // empty where there is none
	return resources{runtime.NumGoroutine(), len(files), m.HeapAlloc}
}

func newHTTPFuzz(t *testing.T, seed uint64) *httpFuzz {
	r := start(t, func(c *Config) { c.MaxUpload = 1 << 20; c.Logger = slog.New(slog.DiscardHandler) })
	f := &httpFuzz{running: r, schemas: map[string]*jsonschema.Schema{}, failures: map[string]string{}, statuses: map[int]int{}, answered: map[string]int{},
		seen: &harvest{of: map[string][]string{}, rng: rand.New(rand.NewPCG(seed, 1))}, compiler: jsonschema.NewCompiler(),
		client: &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: httpFuzzWorkers},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	f.do("GET", "/openapi.json", nil).want(t, http.StatusOK).into(t, &f.doc)
	if err := f.compiler.AddResource("https://fentrace.test/openapi.json", f.doc); err != nil {
		t.Fatal(err)
	}
	f.operations = operations(t, f.doc)
	f.makeCallers(t)
	for _, title := range []string{"fentanyl one", "caffeine", "weak"} {
		var sc any
		f.do("POST", "/v1/scans?filename=a.jdx&case=case+7", jcamp(title)).want(t, http.StatusCreated).into(t, &sc)
		f.seen.collect(sc, "scans", "")
	}
	return f
}

// makeCallers are nobody, one of every role, one of every scope, and a browser.
func (f *httpFuzz) makeCallers(t *testing.T) {
	f.callers = append(f.callers, "")
	for _, role := range auth.Roles {
		if err := f.SetRole(t.Context(), "fuzz "+role, role); err != nil {
			t.Fatal(err)
		}
		if err := f.auth.SetPassword(t.Context(), "fuzz "+role, canaryPassword, ""); err != nil {
			t.Fatal(err)
		}
		for _, scope := range auth.Scopes {
			_, token, err := f.auth.NewToken(t.Context(), "fuzz "+role, "fuzz", scope, 0)
			if err != nil {
				t.Fatal(err)
			}
			f.callers, f.secrets = append(f.callers, "Authorization: Bearer "+token), append(f.secrets, token)
		}
	}
	cookie := f.session()
	f.callers = append(f.callers, "Cookie: "+cookie.Name+"="+cookie.Value, "Authorization: Bearer "+f.token)
	f.secrets = append(f.secrets, canaryPassword, cookie.Value, f.token, f.cfg.DataDir, "$argon2", "goroutine ", ".go:", "SQLSTATE", "sqlite3", "UNIQUE constraint", "no such column")
}

// operations are those of the document, in a fixed order.
func operations(t *testing.T, doc map[string]any) (out []operation) {
	paths, _ := doc["paths"].(map[string]any)
	for path, item := range paths {
		for method, op := range item.(map[string]any) {
			o, ok := op.(map[string]any)
			if !ok || method == "parameters" {
				continue
			}
			one := operation{method: strings.ToUpper(method), path: path}
			list, _ := o["parameters"].([]any)
			for _, p := range list {
				one.parameters = append(one.parameters, p.(map[string]any))
			}
			if body, ok := o["requestBody"].(map[string]any); ok {
				one.body, _ = body["content"].(map[string]any)
			}
			one.answers, _ = o["responses"].(map[string]any)
			out = append(out, one)
		}
	}
	if len(out) < 20 {
		t.Fatalf("the document has %d operations only", len(out))
	}
	slices.SortFunc(out, func(a, b operation) int { return strings.Compare(a.String(), b.String()) })
	return out
}

func (f *httpFuzz) run(length time.Duration, seed uint64) {
	end := time.Now().Add(length)
	var wg sync.WaitGroup
	for w := range httpFuzzWorkers {
		wg.Go(func() {
			g := &generator{doc: f.doc, seen: f.seen, Rand: rand.New(rand.NewPCG(seed, uint64(w)))}
			for i := 0; time.Now().Before(end); i++ {
				switch {
				case i%40 == 39:
					f.sendRaw(g)
				case i%10 == 9:
					f.sendUpload(g)
				default:
					f.sendOne(g, f.operations[g.IntN(len(f.operations))])
				}
			}
		})
	}
	wg.Wait()
}

// sendOne makes a request for an operation and judges the answer.
func (f *httpFuzz) sendOne(g *generator, op operation) {
	how := g.IntN(3)
	g.of = op.about()
	sparse := g.IntN(2) == 0
	path, query, header := op.path, url.Values{}, http.Header{}
	for _, p := range op.parameters {
		name, _ := p["name"].(string)
		schema, _ := p["schema"].(map[string]any)
		if required, _ := p["required"].(bool); !required && (sparse || g.IntN(3) > 0) {
			continue
		}
		v := plainValue(g.value(schema, name, how, 2))
		switch p["in"] {
		case "path":
			path = strings.Replace(path, "{"+name+"}", url.PathEscape(v), 1)
		case "query":
			query.Set(name, v)
			if how == hostile && g.IntN(8) == 0 {
				query.Add(name, v)
			}
		case "header":
			header.Add(name, headerSafe(v))
		}
	}
	method := op.method
	if how == hostile && g.IntN(6) == 0 {
		method = pick(g, []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "QUERY"})
	}
	target := path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	if how == hostile && g.IntN(10) == 0 {
		target += pick(g, []string{"%", "&&", ";a=b", "?", "%00", "//", "/..", "%zz"})
	}
	f.addHeaders(g, how, header)
	body := f.body(g, op, how, header)
	f.judge(g, op, how, method, target, header, body)
}

// addHeaders adds those that any request may have: conditions, ranges, what is accepted.
func (f *httpFuzz) addHeaders(g *generator, how int, header http.Header) {
	if how == asDocumented && g.IntN(3) > 0 {
		return
	}
	for range g.IntN(4) {
		name := pick(g, []string{"If-None-Match", "If-Match", "If-Modified-Since", "If-Range", "Range", "Accept", "Accept-Encoding", "Last-Event-ID",
			"Idempotency-Key", "X-Request-Id", "X-Forwarded-For", "Origin", "Sec-Fetch-Site", "Content-Encoding", "Expect", "Upgrade", "Tus-Resumable",
			"Upload-Offset", "Upload-Length", "Upload-Metadata", "X-HTTP-Method-Override", "Transfer-Encoding"})
		values := []string{"*", `"x"`, `W/"1"`, "bytes=0-0", "bytes=-1,0-99999999999999999999", "application/json", "image/png;q=0.1, */*;q=0", "text/csv",
			"application/pdf", "gzip;q=nan", "1.0.0", "-1", "0", "18446744073709551616", "same-origin", "cross-site", "null", f.URL(), "gzip", "chemical/x-jcamp-dx"}
		v := pick(g, values)
		if name == "Accept-Encoding" {
			v = "identity" // by hand, the client would not unpack it
		} else if how == hostile && g.IntN(3) == 0 {
			v = headerSafe(pick(g, hostileTexts))
		}
		if name == "Expect" || name == "Transfer-Encoding" || name == "Upgrade" {
			continue // the client's own; raw requests send them
		}
		header.Add(name, v)
	}
}

func (f *httpFuzz) body(g *generator, op operation, how int, header http.Header) []byte {
	if op.body == nil {
		if how == hostile && g.IntN(5) == 0 {
			header.Set("Content-Type", "application/json")
			return []byte(pick(g, hostileTexts))
		}
		return nil
	}
	for kind, media := range op.body {
		m, _ := media.(map[string]any)
		schema, _ := m["schema"].(map[string]any)
		header.Set("Content-Type", kind)
		if !strings.Contains(kind, "json") {
			return g.file()
		}
		b, err := json.Marshal(g.value(schema, "", how, 4))
		if err != nil {
			b = []byte("{")
		}
		if how != hostile {
			return b
		}
		switch g.IntN(8) {
		case 0:
			return b[:g.IntN(len(b)+1)]
		case 1:
			header.Set("Content-Type", pick(g, []string{"text/plain", "application/xml", "", "application/json; charset=utf-16", "multipart/form-data", "application/cbor"}))
		case 2:
			return append(b, b...)
		case 3:
			return []byte(pick(g, hostileTexts))
		case 4:
			return []byte(strings.Repeat(`{"a":`, 20_000))
		case 5:
			return bytes.Repeat([]byte(" "), api.MaxBody+1)
		}
		return b
	}
	return nil
}

// plainValue is a value as it stands in an address or a header.
func plainValue(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case []any:
		parts := make([]string, len(v))
		for i, x := range v {
			parts[i] = plainValue(x)
		}
		return strings.Join(parts, ",")
	case nil:
		return "null"
	}
	b, _ := json.Marshal(v)
	return string(b)
}

// headerSafe drops what the client would refuse to send.
func headerSafe(v string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, strings.ToValidUTF8(v, ""))
}

// judge sends a request as one of the callers and looks at the answer.
func (f *httpFuzz) judge(g *generator, op operation, how int, method, target string, header http.Header, body []byte) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, f.URL()+target, bytes.NewReader(body))
	if err != nil {
		return // not even the client takes it
	}
	req.Header = header.Clone()
	who := g.IntN(len(f.callers))
	if how == asDocumented && g.IntN(4) > 0 {
		who = len(f.callers) - 1 - g.IntN(2) // who may do most
	}
	f.mu.Lock()
	caller := f.callers[who]
	f.mu.Unlock()
	if name, value, ok := strings.Cut(caller, ": "); ok {
		req.Header.Set(name, value)
		if name == "Cookie" && g.IntN(4) > 0 {
			req.Header.Set("Sec-Fetch-Site", "same-origin")
		}
	}
	f.sent.Add(1)
	res, err := f.client.Do(req)
	if err != nil {
		if !errors.Is(err, io.EOF) && !strings.Contains(err.Error(), "invalid") && !strings.Contains(err.Error(), "reset") && !strings.Contains(err.Error(), "broken pipe") {
			f.fail(op, how, "no answer", fmt.Sprintf("%s %q: %v", method, target, err))
		}
		return
	}
	defer res.Body.Close()
	if strings.HasPrefix(res.Header.Get("Content-Type"), "text/event-stream") {
		time.AfterFunc(streamTime, cancel)
	}
	answer, err := io.ReadAll(io.LimitReader(res.Body, 16<<20))
	if err != nil && ctx.Err() == nil {
		f.fail(op, how, "answer broken off", fmt.Sprintf("%s %q: %d: %v", method, target, res.StatusCode, err))
		return
	}
	f.look(op, how, method, target, body, res, answer)
	if caller != "" && (res.StatusCode == http.StatusUnauthorized || res.StatusCode == http.StatusTooManyRequests) {
		f.renew(who, caller)
	}
}

// renew gives a caller whose account was locked, or whose token was revoked, by another's requests what it needs to go on.
func (f *httpFuzz) renew(who int, caller string) {
	f.renewing.Lock()
	defer f.renewing.Unlock()
	f.mu.Lock()
	now := f.callers[who]
	f.mu.Unlock()
	if now != caller {
		return
	}
	role, scope := auth.RoleOperator, auth.ScopeAll
	user := DefaultUser
	if who > 0 && who <= len(auth.Roles)*len(auth.Scopes) {
		role, scope = auth.Roles[(who-1)/len(auth.Scopes)], auth.Scopes[(who-1)%len(auth.Scopes)]
		user = "fuzz " + role
	}
	ctx := store.ByProgram(context.Background(), "fuzz")
	open, clearance, agency := false, auth.Clearance(role), store.LocalAgency
	change := store.PersonChange{Role: &role, Locked: &open, Clearance: &clearance, Agency: &agency}
	if err := f.store.ChangePerson(ctx, user, change, f.clock.now()); err != nil {
		return
	}
	secret, header := "", "Authorization: Bearer "
	var err error
	if strings.HasPrefix(caller, "Cookie") {
		var code string
		if code, err = f.NewLoginCode(ctx, user); err == nil {
			secret, err = f.auth.LoginCode(ctx, "renewed "+code, code)
		}
		header = "Cookie: " + auth.CookieName + "="
	} else {
		if ts, _ := f.store.Tokens(ctx, user); len(ts) > store.MaxTokens/2 {
			_ = f.store.RevokeTokens(ctx, user)
		}
		_, secret, err = f.auth.NewToken(ctx, user, "fuzz", scope, 0)
	}
	if err == nil {
		f.mu.Lock()
		f.callers[who] = header + secret
		f.mu.Unlock()
	}
}

// look judges one answer.
func (f *httpFuzz) look(op operation, how int, method, target string, body []byte, res *http.Response, answer []byte) {
	about := fmt.Sprintf("%s %.300q body %.300q answered %d %s %.600q", method, target, body, res.StatusCode, res.Header.Get("Content-Type"), answer)
	f.mu.Lock()
	f.statuses[res.StatusCode]++
	if res.StatusCode < 300 && method == op.method {
		f.answered[op.String()]++
	}
	f.mu.Unlock()
	if res.StatusCode >= http.StatusInternalServerError {
		f.fail(op, how, fmt.Sprint("status ", res.StatusCode), about)
	}
	if at := res.Header.Get("Location"); res.StatusCode == http.StatusCreated && strings.Contains(at, "/v1/uploads/") {
		f.seen.collect(at[strings.Index(at, "/v1/uploads/"):], "uploads", "Location")
	}
	var head bytes.Buffer
	_ = res.Header.Write(&head)
	for _, secret := range f.secrets {
		if bytes.Contains(answer, []byte(secret)) || strings.Contains(head.String(), secret) {
			f.fail(op, how, "leak of "+secret, about)
		}
	}
	if res.StatusCode != http.StatusRequestHeaderFieldsTooLarge && res.Header.Get("X-Content-Type-Options") != "nosniff" || res.Header.Get("Content-Security-Policy") == "" {
		f.fail(op, how, "headers missing", about)
	}
	if method == http.MethodHead || res.StatusCode < 200 || len(answer) == 0 && res.StatusCode < 400 {
		return
	}
	kind, _, _ := strings.Cut(res.Header.Get("Content-Type"), ";")
	switch {
	case res.StatusCode == http.StatusRequestHeaderFieldsTooLarge: // of net/http, before anything of ours is asked
	case res.StatusCode >= 400:
		if kind != api.ProblemType {
			f.fail(op, how, "error that is no problem", about)
			return
		}
		f.valid(op, how, "#/components/schemas/ErrorModel", answer, about)
	case method == op.method && res.StatusCode < 300 && kind == "application/json":
		status := fmt.Sprint(res.StatusCode)
		a, ok := op.answers[status].(map[string]any)
		if !ok {
			if len(op.answers) > 0 && op.path == strings.Split(target, "?")[0] {
				f.fail(op, how, "status "+status+" is not in the document", about)
			}
			return
		}
		if content, _ := a["content"].(map[string]any); content["application/json"] == nil {
			return
		}
		f.valid(op, how, fmt.Sprintf("#/paths/%s/%s/responses/%s/content/application~1json/schema",
			strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D").Replace(op.path), strings.ToLower(op.method), status), answer, about)
	}
}

// valid checks an answer against a schema of the document.
func (f *httpFuzz) valid(op operation, how int, ref string, answer []byte, about string) {
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(answer))
	if err != nil {
		f.fail(op, how, "no JSON", about)
		return
	}
	f.mu.Lock()
	schema, ok := f.schemas[ref]
	if !ok {
		if schema, err = f.compiler.Compile("https://fentrace.test/openapi.json" + ref); err != nil {
			f.failures["schema "+ref] = err.Error()
			schema = nil
		}
		f.schemas[ref] = schema
	}
	f.mu.Unlock()
	if schema == nil {
		return
	}
	if err := schema.Validate(v); err != nil {
		f.fail(op, how, "answer against its schema "+ref, fmt.Sprintf("%v\n%s", err, about))
		return
	}
	if !strings.HasSuffix(ref, "/ErrorModel") {
		f.seen.collect(v, op.about(), "")
	}
}

// fail notes the first failure of a kind at an operation.
func (f *httpFuzz) fail(op operation, how int, kind, about string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	key := op.String() + ": " + kind
	if _, ok := f.failures[key]; !ok && len(f.failures) < maxFuzzFailures {
		f.failures[key] = fmt.Sprintf("(%s) %s", []string{"as documented", "nearly valid", "hostile"}[how], about)
	}
}

func (f *httpFuzz) report(before, after resources) {
	for key, about := range f.failures {
		f.t.Errorf("%s\n    %s", key, about)
	}
	never := []string{}
	for _, op := range f.operations {
		if f.answered[op.String()] == 0 {
			never = append(never, op.String())
		}
	}
	f.t.Logf("%d requests to %d operations; answers by status %v; before %+v, after %+v; without a success: %s",
		f.sent.Load(), len(f.operations), f.statuses, before, after, strings.Join(never, ", "))
	if f.sent.Load() < 100 {
		f.t.Errorf("%d requests were sent only", f.sent.Load())
	}
}
