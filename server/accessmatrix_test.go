package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"fentrace/server/auth"
	"fentrace/server/tlp"
	"fentrace/spectra/racedetector"
)

// about is what a route is about.
type about int

const (
	nothing    about = iota // no record: whoever has the permission is answered
	everything              // a list or a number: the record is in it for who may see it
	one                     // one record: for who may not see it there is none
	change                  // one record that is changed: who sees it but is of another agency may not
	handed                  // one record that is handed to partners
	handedAll               // a list that is handed to partners
	browser                 // only people in a browser are answered, by another rule
)

// ask is how the matrix asks a route. {scan}, {proposal}, {alert}, {rescreen}, {change}, {none} and {mine} in path and body are filled in.
type ask struct {
	about about
	path  string // with query; the route's own when empty
	body  string
	heads []string
	// also are statuses besides those of success with which whoever may do something is answered.
	also []int
}

// asks are how every route is asked, by method and path of the OpenAPI document or of the router. A route that is not here fails the test.
var asks = map[string]ask{
	"GET /v1/scans":                                          {about: everything},
	"POST /v1/scans":                                         {body: "not a file", also: []int{422}},
	"GET /v1/scans/{id}":                                     {about: one, path: "/v1/scans/{scan}"},
	"GET /v1/scans/{id}/spectrum":                            {about: one, path: "/v1/scans/{scan}/spectrum"},
	"GET /v1/scans/{id}/overlay":                             {about: one, path: "/v1/scans/{scan}/overlay"},
	"GET /v1/scans/{id}/raw":                                 {about: one, path: "/v1/scans/{scan}/raw"},
	"GET /v1/scans/{id}/stix":                                {about: handed, path: "/v1/scans/{scan}/stix"},
	"GET /v1/scans/{id}/similar":                             {about: one, path: "/v1/scans/{scan}/similar"},
	"POST /v1/scans/{id}/laboratory-result":                  {about: change, path: "/v1/scans/{scan}/laboratory-result", body: `{"result":"refuted","technique":"GC-MS","laboratory":"L"}`},
	"GET /v1/scans/{id}/evidence":                            {about: handed, path: "/v1/scans/{scan}/evidence"},
	"POST /v1/scans/{id}/hold":                               {about: change, path: "/v1/scans/{scan}/hold", body: `{"reason":"a court asks"}`, also: []int{409}},
	"POST /v1/scans/{id}/hold/release":                       {about: change, path: "/v1/scans/{scan}/hold/release", body: `{"reason":"the case is closed"}`, also: []int{409}},
	"GET /v1/disseminations":                                 {},
	"POST /v1/identify":                                      {body: "not a file", also: []int{422}},
	"GET /v1/about":                                          {},
	"GET /v1/library/contents":                               {},
	"GET /v1/library/substance":                              {path: "/v1/library/substance?name=none", also: []int{404}},
	"GET /v1/identifications.geojson":                        {about: handedAll},
	"GET /v1/map":                                            {about: everything},
	"GET /v1/intelligence/first-seen":                        {about: everything},
	"GET /v1/alerts":                                         {about: everything},
	"POST /v1/alerts/{id}/read":                              {about: one, path: "/v1/alerts/{alert}/read"},
	"GET /v1/rescreens":                                      {},
	"POST /v1/rescreens":                                     {body: `{"references":["none"]}`, also: []int{422}},
	"GET /v1/rescreens/{id}":                                 {about: everything, path: "/v1/rescreens/{rescreen}"},
	"POST /v1/rescreens/{id}/cancel":                         {path: "/v1/rescreens/{none}/cancel", also: []int{404}},
	"GET /v1/library":                                        {},
	"GET /v1/library/substances":                             {},
	"GET /v1/library/validation":                             {},
	"GET /v1/library/changes":                                {},
	"GET /v1/library/changes/{id}":                           {about: everything, path: "/v1/library/changes/{change}"},
	"POST /v1/library/changes/{id}/cancel":                   {path: "/v1/library/changes/{none}/cancel", also: []int{404}},
	"GET /v1/library/proposals":                              {about: everything},
	"GET /v1/library/proposals/{id}/overlay":                 {about: one, path: "/v1/library/proposals/{proposal}/overlay"},
	"POST /v1/library/proposals/{id}/decision":               {about: change, path: "/v1/library/proposals/{proposal}/decision", body: `{"decision":"reject","reason":"x"}`, also: []int{409}},
	"GET /v1/device":                                         {},
	"POST /v1/device/preview":                                {also: []int{409}},
	"DELETE /v1/device/preview":                              {also: []int{409}},
	"POST /v1/device/scan":                                   {also: []int{409}},
	"GET /v1/queue":                                          {},
	"GET /v1/batches":                                        {},
	"POST /v1/batches":                                       {body: `{"name":"a batch","tlp":"clear"}`},
	"GET /v1/batches/{id}":                                   {path: "/v1/batches/{none}", also: []int{404}},
	"GET /v1/batches/{id}/files":                             {path: "/v1/batches/{none}/files", also: []int{404}},
	"GET /v1/batches/{id}/sums":                              {path: "/v1/batches/{none}/sums", also: []int{404}},
	"GET /v1/batches/{id}/table.csv":                         {path: "/v1/batches/{none}/table.csv", also: []int{404}},
	"GET /v1/batches/{id}/table.parquet":                     {path: "/v1/batches/{none}/table.parquet", also: []int{404}},
	"POST /v1/batches/{id}/files":                            {path: "/v1/batches/{none}/files", body: "some bytes", also: []int{404}},
	"POST /v1/batches/{id}/cancel":                           {path: "/v1/batches/{none}/cancel", also: []int{404}},
	"POST /v1/batches/{id}/retry":                            {path: "/v1/batches/{none}/retry", also: []int{404}},
	"GET /v1/exports":                                        {},
	"POST /v1/exports":                                       {path: "/v1/exports?format=csv", also: []int{409}},
	"GET /v1/exports/{id}":                                   {path: "/v1/exports/{none}", also: []int{404}},
	"GET /v1/exports/{id}/file":                              {path: "/v1/exports/{none}/file", also: []int{404}},
	"GET /v1/webhooks":                                       {},
	"POST /v1/webhooks":                                      {body: `{"name":"w","url":"https://partner.example.org/","events":["alert.raised"]}`, also: []int{409}},
	"DELETE /v1/webhooks/{id}":                               {path: "/v1/webhooks/{none}", also: []int{404}},
	"GET /v1/webhooks/{id}/deliveries":                       {path: "/v1/webhooks/{none}/deliveries", also: []int{404}},
	"POST /v1/webhooks/{id}/deliveries/{delivery}/replay":    {path: "/v1/webhooks/{none}/deliveries/{none}/replay", also: []int{404}},
	"GET /v1/jobs":                                           {},
	"GET /v1/jobs/dead":                                      {},
	"GET /v1/jobs/{id}":                                      {path: "/v1/jobs/999", also: []int{404}},
	"POST /v1/jobs/{id}/retry":                               {path: "/v1/jobs/999/retry", also: []int{404}},
	"POST /v1/jobs/{id}/cancel":                              {path: "/v1/jobs/999/cancel", also: []int{404}},
	"POST /v1/jobs/{id}/discard":                             {path: "/v1/jobs/999/discard", also: []int{404}},
	"GET /v1/workers":                                        {},
	"GET /v1/index":                                          {},
	"GET /v1/index/{hash}":                                   {path: "/v1/index/0000000000000000000000000000000000000000000000000000000000000000", also: []int{404}},
	"POST /v1/queue/retry":                                   {},
	"GET /v1/login":                                          {},
	"GET /v1/login/provider":                                 {also: []int{404}},
	"GET /v1/login/provider/return":                          {also: []int{404}},
	"POST /v1/login":                                         {body: `{"code":"x"}`, also: []int{401, 429}},
	"POST /v1/logout":                                        {},
	"GET /v1/log":                                            {},
	"GET /v1/log/checkpoint":                                 {},
	"GET /v1/log/key":                                        {},
	"GET /v1/log/verification":                               {},
	"POST /v1/log/verification":                              {},
	"GET /v1/log/proof/inclusion":                            {path: "/v1/log/proof/inclusion?leaf=1", also: []int{404}},
	"GET /v1/log/proof/consistency":                          {path: "/v1/log/proof/consistency?from=1&to=2"},
	"GET /v1/me":                                             {},
	"PUT /v1/me/password":                                    {body: `{"password":"short"}`, also: []int{422}},
	"POST /v1/me/second-factor":                              {about: browser},
	"PUT /v1/me/second-factor":                               {about: browser, body: `{"code":"123456"}`},
	"POST /v1/me/second-factor/remove":                       {about: browser, body: `{"code":"123456"}`},
	"GET /v1/tokens":                                         {},
	"POST /v1/tokens":                                        {body: `{"name":"t"}`, also: []int{409}},
	"DELETE /v1/tokens/{id}":                                 {path: "/v1/tokens/{none}", also: []int{404}},
	"GET /v1/admin/agencies":                                 {},
	"POST /v1/admin/agencies/{id}":                           {path: "/v1/admin/agencies/new", body: `{"name":"N"}`, also: []int{409}},
	"PUT /v1/admin/agencies/{id}":                            {path: "/v1/admin/agencies/none", body: `{"name":"N"}`, also: []int{404}},
	"GET /v1/admin/people":                                   {},
	"POST /v1/admin/people":                                  {body: `{"name":"x","role":"none"}`, also: []int{422}},
	"GET /v1/admin/people/{name}":                            {path: "/v1/admin/people/nobody", also: []int{404}},
	"PATCH /v1/admin/people/{name}":                          {path: "/v1/admin/people/nobody", body: `{"locked":true}`, also: []int{404}},
	"POST /v1/admin/people/{name}/end-sessions":              {path: "/v1/admin/people/nobody/end-sessions", also: []int{404}},
	"POST /v1/admin/people/{name}/revoke-tokens":             {path: "/v1/admin/people/nobody/revoke-tokens", also: []int{404}},
	"GET /v1/admin/shares":                                   {},
	"POST /v1/admin/shares":                                  {body: `{"to":"none"}`, also: []int{404}},
	"POST /v1/admin/shares/{id}/revoke":                      {path: "/v1/admin/shares/{none}/revoke", also: []int{404}},
	"GET /openapi.json":                                      {},
	"GET /openapi-3.0.json":                                  {},
	"GET /openapi.yaml":                                      {},
	"GET /openapi-3.0.yaml":                                  {},
	"POST /v1/uploads":                                       {heads: []string{"Tus-Resumable", "1.0.0", "Upload-Length", "7"}},
	"HEAD /v1/uploads":                                       {heads: []string{"Tus-Resumable", "1.0.0"}, also: []int{404, 405}},
	"PATCH /v1/uploads":                                      {heads: []string{"Tus-Resumable", "1.0.0"}, also: []int{404, 405}},
	"DELETE /v1/uploads":                                     {heads: []string{"Tus-Resumable", "1.0.0"}, also: []int{404, 405}},
	"OPTIONS /v1/uploads":                                    {},
	"POST /v1/uploads/*":                                     {path: "/v1/uploads/", heads: []string{"Tus-Resumable", "1.0.0", "Upload-Length", "7"}},
	"HEAD /v1/uploads/*":                                     {path: "/v1/uploads/{upload}", heads: []string{"Tus-Resumable", "1.0.0"}, also: []int{404}},
	"PATCH /v1/uploads/*":                                    {path: "/v1/uploads/{upload}", heads: []string{"Tus-Resumable", "1.0.0", "Upload-Offset", "0", "Content-Type", "application/offset+octet-stream"}, also: []int{404}},
	"DELETE /v1/uploads/*":                                   {path: "/v1/uploads/{upload}", heads: []string{"Tus-Resumable", "1.0.0"}, also: []int{404}},
	"OPTIONS /v1/uploads/*":                                  {path: "/v1/uploads/{upload}", also: []int{404}},
	"GET /login":                                             {},
	"GET /assets/*":                                          {path: "/assets/none.js", also: []int{404}},
	"GET /healthz":                                           {},
	"GET /readyz":                                            {},
	"GET /*":                                                 {path: "/scans"},
	"GET /v1/events":                                         {}, // see TestEventsTellNobodyOfWhatMayNotBeSeen
	"GET /v1/seizures":                                       {},
	"POST /v1/seizures":                                      {body: `{"seized":"yesterday"}`, also: []int{422}},
	"GET /v1/seizures/{id}":                                  {about: one, path: "/v1/seizures/{seizure}"},
	"GET /v1/seizures/{id}/versions":                         {about: one, path: "/v1/seizures/{seizure}/versions"},
	"GET /v1/seizures/{id}/scans":                            {about: one, path: "/v1/seizures/{seizure}/scans"},
	"GET /v1/seizures/{id}/exhibits":                         {about: one, path: "/v1/seizures/{seizure}/exhibits"},
	"POST /v1/seizures/{id}/exhibits":                        {about: change, path: "/v1/seizures/{seizure}/exhibits", body: `{"label":"{label}","form":"powder"}`, also: []int{409}},
	"POST /v1/seizures/{id}/amendments":                      {about: change, path: "/v1/seizures/{seizure}/amendments", body: `{"note":"x","reason":"y"}`, heads: []string{"If-Match", `"9"`}, also: []int{412}},
	"GET /v1/exhibits":                                       {},
	"GET /v1/exhibits/{id}":                                  {about: one, path: "/v1/exhibits/{exhibit}"},
	"GET /v1/exhibits/{id}/versions":                         {about: one, path: "/v1/exhibits/{exhibit}/versions"},
	"GET /v1/exhibits/{id}/scans":                            {about: one, path: "/v1/exhibits/{exhibit}/scans"},
	"POST /v1/exhibits/{id}/amendments":                      {about: change, path: "/v1/exhibits/{exhibit}/amendments", body: `{"note":"x","reason":"y"}`, heads: []string{"If-Match", `"9"`}, also: []int{412}},
	"GET /v1/scans/{id}/amendments":                          {about: one, path: "/v1/scans/{scan}/amendments"},
	"POST /v1/scans/{id}/amendments":                         {about: change, path: "/v1/scans/{scan}/amendments", body: `{"officer":"x","reason":"y"}`, heads: []string{"If-Match", `"9"`}, also: []int{412}},
	"GET /v1/scans/{id}/reviews":                             {about: one, path: "/v1/scans/{scan}/reviews"},
	"POST /v1/scans/{id}/reviews":                            {about: change, path: "/v1/scans/{scan}/reviews", body: `{"opinion":"agree"}`, also: []int{403, 409}},
	"GET /v1/reviews":                                        {about: everything},
	"GET /v1/scans/{id}/laboratory-results/{result}/report":  {about: one, path: "/v1/scans/{scan}/laboratory-results/{result}/report", also: []int{404}},
	"POST /v1/scans/{id}/laboratory-results/{result}/report": {about: change, path: "/v1/scans/{scan}/laboratory-results/{result}/report", body: "a file"},
}

// forms are the other forms of a scan.
var forms = []string{"jcamp", "csv", "png", "pdf"}

// route is one of the server's, and the permission that it says it needs.
type route struct {
	key, method string
	permission  auth.Permission
}

// routes are those of the OpenAPI document of the running server, and those that are in none.
func (w *world) routes() []route {
	w.t.Helper()
	var doc struct {
		Paths map[string]map[string]struct {
			Permission string `json:"x-permission"`
		}
	}
	w.do("GET", "/openapi.json", nil).want(w.t, http.StatusOK).into(w.t, &doc)
	var out []route
	documented := map[string]bool{}
	for path, methods := range doc.Paths {
		for method, op := range methods {
			key := strings.ToUpper(method) + " " + path
			if op.Permission == "" {
				w.t.Errorf("%s states no permission", key)
			}
			out = append(out, route{key, strings.ToUpper(method), auth.Permission(op.Permission)})
			documented[strings.NewReplacer("{", ":", "}", "").Replace(key)] = true
		}
	}
	plain := map[string]auth.Permission{"/login": auth.Open, "/assets/*": auth.Open, "/healthz": auth.Open, "/readyz": auth.Open, "/*": auth.Account, "/v1/login/provider": auth.Open, "/v1/login/provider/return": auth.Open,
		"/v1/uploads": auth.ScansTake, "/v1/uploads/*": auth.ScansTake}
	for _, r := range w.echo.Routes() {
		key := r.Method + " " + r.Path
		if documented[key] || r.Method == echo.RouteNotFound {
			continue
		}
		p, ok := plain[r.Path]
		if !ok && strings.HasPrefix(r.Path, "/openapi") {
			p, ok = auth.Account, true
		}
		if !ok {
			w.t.Errorf("%s is in no document, and not among those the test knows", key)
		}
		out = append(out, route{key, r.Method, p})
	}
	slices.SortFunc(out, func(a, b route) int { return strings.Compare(a.key, b.key) })
	return out
}

func TestEveryRoleAndAgencyIsAnsweredByEveryRouteAsTheTableSays(t *testing.T) {
	racedetector.Skip(t)
	onEach(t, func(t *testing.T, db func(*Config)) {
		t.Parallel() // with the other database: there is much to ask
		w := newWorld(t, db, "holder", "stranger", "partner", "counter")
		w.share("holder", "partner", false)
		w.share("holder", "counter", true)
		for _, level := range tlp.Levels {
			w.add("holder", level)
		}
		rescreen, changed := w.lookedBack()
		upload := w.by(w.person(auth.RoleOperator, "holder", tlp.Red)).do("POST", "/v1/uploads/", nil, "Tus-Resumable", "1.0.0", "Upload-Length", "9").Header.Get("Location")
		fill := map[string]string{"{rescreen}": rescreen, "{change}": changed, "{upload}": upload[strings.LastIndex(upload, "/")+1:]}
		routes := w.routes()
		for _, r := range routes {
			if _, known := asks[r.key]; !known {
				t.Errorf("%s is new: say in asks how it is asked and what it is about", r.key)
			}
		}
		for key := range asks {
			if !slices.ContainsFunc(routes, func(r route) bool { return r.key == key }) {
				t.Errorf("%s is gone from the server", key)
			}
		}
		if t.Failed() {
			return
		}
		for _, agency := range []string{"holder", "stranger", "partner", "counter"} {
			for _, role := range auth.Roles {
				p := w.person(role, agency, tlp.Red)
				for _, rt := range routes {
					w.tryAll(p, rt, fill)
				}
				for _, rc := range w.records {
					for _, form := range forms {
						w.try(p, route{"GET /v1/scans/{id}", "GET", auth.RecordsRead}, ask{about: one, path: "/v1/scans/{scan}?as=" + form}, rc, fill)
					}
				}
			}
		}
		w.quiet()
	})
}

// quiet: neither the log nor the metrics say anything of any record.
func (w *world) quiet() {
	w.t.Helper()
	scraped := httptest.NewRecorder()
	w.metrics.Handler().ServeHTTP(scraped, httptest.NewRequest("GET", "/metrics", nil))
	if !strings.Contains(w.log.String(), "route=") || !strings.Contains(scraped.Body.String(), "fentrace_scans_stored") {
		w.t.Error("the log or the metrics are not looked at")
	}
	for _, rc := range w.records {
		for _, c := range rc.canaries(false) {
			if strings.Contains(w.log.String(), c) || strings.Contains(scraped.Body.String(), c) {
				w.t.Errorf("%s, of a record marked %s, is in the log or the metrics", c, rc.TLP)
			}
		}
	}
}

// tryAll asks a route once for each record that it can be about.
func (w *world) tryAll(p reader, rt route, fill map[string]string) {
	w.t.Helper()
	a := asks[rt.key]
	if rt.key == "GET /v1/events" && auth.May(p.role, rt.permission) {
		return // it does not end
	}
	switch a.about {
	case one, change, handed:
		for _, rc := range w.records {
			if rc.proposal != "" || !strings.Contains(a.path, "{proposal}") {
				w.try(p, rt, a, rc, fill)
			}
		}
	default:
		w.try(p, rt, a, nil, fill)
	}
}

// try asks and checks what is answered.
func (w *world) try(p reader, rt route, a ask, rc *record, fill map[string]string) {
	w.t.Helper()
	path := a.path
	if path == "" {
		_, path, _ = strings.Cut(rt.key, " ")
	}
	fills := []string{"{none}", uuid.NewString()}
	for k, v := range fill {
		fills = append(fills, k, v)
	}
	if rc != nil {
		fills = append(fills, "{scan}", rc.ID, "{proposal}", rc.proposal, "{alert}", rc.alert, "{seizure}", rc.seizure, "{exhibit}", rc.exhibit, "{label}", word(rc.n, "exhibit"), "{result}", rc.result)
	}
	path = strings.NewReplacer(fills...).Replace(path)
	var body any
	if a.body != "" {
		body = strings.NewReplacer(fills...).Replace(a.body)
	}
	heads := a.heads
	if strings.HasPrefix(a.body, "{") {
		heads = append([]string{"Content-Type", "application/json"}, heads...)
	}
	got := w.by(p).do(rt.method, path, body, heads...)
	what := fmt.Sprintf("%s: %s", p, rt.key)
	if rc != nil {
		what += ", a record marked " + rc.TLP.String()
	}
	may := rt.permission == auth.Open || auth.May(p.role, rt.permission)
	if want := w.expected(p, a, rc, may); want != 0 && got.StatusCode != want {
		w.t.Errorf("%s answers %d, not %d: %.300s", what, got.StatusCode, want, got.body)
	} else if want == 0 && got.StatusCode >= 300 && !slices.Contains(a.also, got.StatusCode) {
		w.t.Errorf("%s answers %d: %.300s", what, got.StatusCode, got.body)
	}
	w.noLeak(what, p, got, path, rc)
	if may && (a.about == everything || a.about == handedAll) {
		for _, rc := range w.records {
			see := w.sees(p, rc.Agency, rc.TLP) && (a.about == everything || w.exports(p, rc))
			if strings.Contains(path, "/proposals") {
				see = see && rc.proposal != ""
			}
			for _, later := range []string{"/alerts", "/rescreens/", "/changes/"} { // what came after lookedBack is not in it
				if strings.Contains(path, later) {
					see = see && rc.alert != ""
				}
			}
			if in := strings.Contains(string(got.body), rc.ID); in != see {
				w.t.Errorf("%s: that a record marked %s is in it is %t, not %t", what, rc.TLP, in, see)
			}
		}
	}
}

// expected is the status, 0 for success.
func (w *world) expected(p reader, a ask, rc *record, may bool) int {
	switch {
	case !may, a.about == browser:
		return http.StatusForbidden
	case rc == nil:
		return 0
	case !w.sees(p, rc.Agency, rc.TLP):
		return http.StatusNotFound
	case a.about == change && p.agency != rc.Agency:
		return http.StatusForbidden
	case a.about == handed && !w.exports(p, rc):
		return http.StatusForbidden
	}
	return 0
}

// exports: TLP lets p hand the record to partners.
func (w *world) exports(p reader, rc *record) bool {
	return rc.TLP.Rank() <= tlp.Green.Rank() || rc.TLP == tlp.Amber && p.agency == rc.Agency
}

// noLeak looks in an answer for anything of records that p may not see; what p has sent comes back in errors.
func (w *world) noLeak(what string, p reader, got answer, sent string, of *record) {
	w.t.Helper()
	if strings.HasPrefix(sent, "/v1/log") {
		return // it says who saw which record, by id and hash, and what was searched for: that is what auditors are for (see log_test.go)
	}
	told, known := got.told(), w.known(p, strings.HasPrefix(sent, "/v1/intelligence/first-seen"))
	for _, rc := range w.records {
		// An answer that is refused says nothing of what it is refused for either.
		if w.sees(p, rc.Agency, rc.TLP) && (of != rc || got.StatusCode < 400) {
			continue
		}
		counted := w.counts(p, rc.Agency, rc.TLP) && strings.HasPrefix(sent, "/v1/intelligence/first-seen")
		for _, c := range rc.canaries(counted) {
			if strings.Contains(told, c) && !strings.Contains(sent, c) && !(of != rc && known[c]) {
				w.t.Errorf("%s: %q of a record marked %s of %s is told:\n%.600s", what, c, rc.TLP, rc.Agency, told)
			}
		}
	}
}

// known is what p knows by records that p may see, or where numbers are told may count: two may be of the same file.
func (w *world) known(p reader, numbers bool) map[string]bool {
	out := map[string]bool{}
	for _, rc := range w.records {
		if numbers && w.counts(p, rc.Agency, rc.TLP) {
			out[word(rc.file, "substance")] = true
		}
		if w.sees(p, rc.Agency, rc.TLP) {
			for _, c := range rc.canaries(false) {
				out[c] = true
			}
		}
	}
	return out
}

func TestEventsTellNobodyOfWhatMayNotBeSeen(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		w := newWorld(t, db, "holder", "stranger", "partner", "counter")
		w.share("holder", "partner", false)
		w.share("holder", "counter", true)
		w.add("holder", tlp.Clear) // number 1: streams go on after it
		for _, level := range tlp.Levels {
			w.add("holder", level)
		}
		w.lookedBack()
		for _, agency := range []string{"holder", "stranger", "partner", "counter"} {
			for _, role := range auth.Roles {
				p := w.person(role, agency, tlp.Red)
				if auth.May(role, auth.RecordsRead) {
					w.listen(p)
				}
			}
		}
	})
}

// listen reads a stream up to a scan that everybody sees, and checks that what came is all that p may see, and nothing else.
func (w *world) listen(p reader) {
	w.t.Helper()
	live := w.by(p).events(asProgram(w.t), "1")
	last := w.add(w.cfg.Agency, tlp.Clear)
	told := ""
	for event := range live {
		told += event
		if strings.Contains(event, last.ID) && strings.Contains(event, "event: scan") {
			break
		}
	}
	seen := 0
	for _, rc := range w.records[1:] {
		see := w.sees(p, rc.Agency, rc.TLP)
		if strings.Contains(told, `"id":"`+rc.ID+`"`) != see {
			w.t.Errorf("%s: an event of a record marked %s is missing or too many:\n%s", p, rc.TLP, told)
		}
		if see {
			seen++
			continue
		}
		for _, c := range rc.canaries(false) {
			if strings.Contains(told, c) && !w.known(p, false)[c] {
				w.t.Errorf("%s is told %q of a record marked %s:\n%s", p, c, rc.TLP, told)
			}
		}
	}
	if n := strings.Count(told, "event: scan\n"); n != seen {
		w.t.Errorf("%s is told of %d scans, not %d", p, n, seen)
	}
}

func TestAServerDoesNotStartWithARouteThatNamesNoPermission(t *testing.T) {
	au := auth.New(nil, nil, 0)
	e := echo.New()
	e.GET("/known", nil)
	au.Needs("GET", "/known", auth.RecordsRead)
	au.CheckRoutes(e)
	e.POST("/new", nil)
	for what, f := range map[string]func(){
		"a route without a permission":  func() { au.CheckRoutes(e) },
		"a permission that no role has": func() { au.Needs("GET", "/other", "records.burn") },
		"no permission":                 func() { au.Needs("GET", "/other", "") },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s is taken", what)
				}
			}()
			f()
		}()
	}
}

func TestRolesHaveWhatTheyNeedAndNoMore(t *testing.T) {
	for _, role := range []string{auth.RoleAuditor, auth.RoleAdministrator} {
		for _, p := range []auth.Permission{auth.RecordsRead, auth.IntelligenceRead, auth.ScansTake, auth.ResultsEnter, auth.ReferencesDecide, auth.LookBack, auth.Export, auth.LibraryRead} {
			if auth.May(role, p) {
				t.Errorf("the %s has %s", role, p)
			}
		}
	}
	if got := auth.With(auth.Export); !slices.Equal(got, []string{auth.RoleDisseminator, auth.RoleOperator}) {
		t.Errorf("records are handed out by %v", got)
	}
	if len(auth.Permissions) != len(auth.Roles) {
		t.Errorf("%d roles, %d of them have permissions", len(auth.Roles), len(auth.Permissions))
	}
}

// The document says what people read to find out why they are refused.
func TestRefusalsNameThePermissionAndWhoHasIt(t *testing.T) {
	w := newWorld(t, func(*Config) {}, "one")
	rc := w.add("one", tlp.Amber)
	p := w.by(w.person(auth.RoleTechnician, "one", tlp.Red))
	p.do("GET", "/v1/scans/"+rc.ID+"/stix", nil).want(t, http.StatusForbidden).mentions(t, "technician", "records.export", "disseminator")
	var doc map[string]any
	w.do("GET", "/openapi.json", nil).into(t, &doc)
	raw, err := json.Marshal(doc)
	if err != nil || !strings.Contains(string(raw), `"x-permission":"records.export"`) {
		t.Errorf("the document does not say what is needed: %v", err)
	}
}
