package server

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"

	"fentrace/server/store"
	"fentrace/spectra"
)

// form builds a multipart body of name, value pairs; the value of "file" becomes a file.
func form(t *testing.T, pairs ...string) (body, contentType string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for i := 0; i < len(pairs); i += 2 {
		var part io.Writer
		var err error
		if pairs[i] == "file" {
			part, err = w.CreateFormFile("file", `C:\scans\x.jdx`)
		} else {
			part, err = w.CreateFormField(pairs[i])
		}
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(part, pairs[i+1])
	}
	w.Close()
	return b.String(), w.FormDataContentType()
}

func TestTheThreeWaysToUploadKeepTheCircumstances(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		r := start(t, db)
		type body struct {
			Spectrum spectra.Spectrum `json:"spectrum"`
			store.Fields
		}
		lat, lon, precision := 39.8, 0.0, 25.0
		fields := store.Fields{Location: store.Location{Latitude: &lat, Longitude: &lon, PrecisionM: &precision, County: "Adams", State: "CO", FIPS: "08001"},
			Case: "C 7", Exhibit: "E-1", Officer: "Ruiz"}
		query := "latitude=39.8&longitude=0&precision_m=25&county=Adams&state=CO&fips=08001&case=C+7&exhibit=E-1&officer=Ruiz"
		multi, kind := form(t, "latitude", "39.8", "longitude", "0", "precision_m", "25", "county", "Adams", "state", "CO", "fips", "08001",
			"case", "C 7", "file", jcamp("fentanyl a"), "exhibit", "E-1", "officer", "Ruiz")
		for name, a := range map[string]answer{
			"x.jdx":         r.do("POST", "/v1/scans", multi, "Content-Type", kind),
			"spectrum.json": r.do("POST", "/v1/scans", body{spectrum("fentanyl b"), fields}),
			"y.dx":          r.do("POST", "/v1/scans?filename=a/b/y.dx&"+query, jcamp("fentanyl c"), "Content-Type", "text/plain"),
		} {
			sc := r.scan(a.want(t, http.StatusCreated))
			l := sc.Location
			if l == nil || !l.HasPoint() || *l.Latitude != 39.8 || *l.Longitude != 0 || *l.PrecisionM != 25 || l.County != "Adams" ||
				l.State != "CO" || l.FIPS != "08001" || sc.Case != "C 7" || sc.Exhibit != "E-1" || sc.Officer != "Ruiz" {
				t.Errorf("%s: circumstances %+v %+v", name, sc, l)
			}
			if sc.Filename != name || sc.Verdict != "alarm" || sc.Technique != "raman" || sc.ID == "" || len(sc.Identification.Candidates) == 0 {
				t.Errorf("%s: scan %+v", name, sc)
			}
		}
		if n := r.rows(); n != 3 {
			t.Errorf("%d scans stored", n)
		}
	})
}

func TestTheSameBytesAreStoredOnce(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		r := start(t, db)
		first := r.scan(r.do("POST", "/v1/scans", jcamp("caffeine")).want(t, http.StatusCreated))
		multi, kind := form(t, "file", jcamp("caffeine"), "case", "another")
		again := r.scan(r.do("POST", "/v1/scans", multi, "Content-Type", kind).want(t, http.StatusOK))
		if again.ID != first.ID || again.Case != "" || r.rows() != 1 {
			t.Errorf("first %s, again %s (case %q), %d rows", first.ID, again.ID, again.Case, r.rows())
		}
		if want := spectra.HashBytes([]byte(jcamp("caffeine"))); first.SHA256 != want {
			t.Errorf("hash %s, want that of the bytes %s", first.SHA256, want)
		}
		raw := r.do("GET", "/v1/scans/"+first.ID+"/raw", nil).want(t, http.StatusOK)
		if string(raw.body) != jcamp("caffeine") || !strings.HasPrefix(raw.Header.Get("Content-Disposition"), "attachment") {
			t.Errorf("raw bytes differ or are shown: %v", raw.Header)
		}
		// JSON: the hash is that of the spectrum as sent, whatever stands around it.
		const sent = `{"title":"x",  "technique":"ir","x_unit":"cm-1","x":[1,2],"y":[3,4]}`
		a := r.scan(r.do("POST", "/v1/scans", `{"spectrum":`+sent+`,"case":"1"}`, "Content-Type", "application/json; charset=utf-8").want(t, http.StatusCreated))
		b := r.scan(r.do("POST", "/v1/scans", `{"exhibit":"2", "spectrum": `+sent+`}`, "Content-Type", "application/json").want(t, http.StatusOK))
		if a.ID != b.ID || a.SHA256 != spectra.HashBytes([]byte(sent)) {
			t.Errorf("%s and %s, hash %s", a.ID, b.ID, a.SHA256)
		}
	})
}

func TestIdenticalUploadsAtTheSameTimeStoreOne(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		r := start(t, db)
		const n = 16
		var wg sync.WaitGroup
		answers := make([]answer, n)
		for i := range n {
			wg.Go(func() { answers[i] = r.do("POST", "/v1/scans", jcamp("fentanyl")) })
		}
		wg.Wait()
		created, ids := 0, map[string]bool{}
		for _, a := range answers {
			if a.StatusCode == http.StatusCreated {
				created++
			} else {
				a.want(t, http.StatusOK)
			}
			ids[r.scan(a).ID] = true
		}
		if created != 1 || len(ids) != 1 || r.rows() != 1 {
			t.Errorf("%d created, %d ids, %d rows", created, len(ids), r.rows())
		}
	})
}

func TestEverySpectrumOfAFileIsAScan(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		r := start(t, db)
		raw := []byte("three spectra")
		other := spectrum("interferogram")
		other.Technique = spectra.Other
		sc, created, err := r.Ingest(asProgram(t), "session.csv", raw, []spectra.Spectrum{other, spectrum("fentanyl"), spectrum("caffeine")}, store.Fields{})
		if err != nil || !created {
			t.Fatal(created, err)
		}
		if sc.SpectrumIndex != 1 || len(sc.Siblings) != 2 || r.rows() != 3 {
			t.Fatalf("%+v of %d", sc, r.rows())
		}
		var sibling store.Scan
		r.do("GET", "/v1/scans/"+sc.Siblings[1], nil).want(t, http.StatusOK).into(t, &sibling)
		if sibling.SpectrumIndex != 2 || sibling.SHA256 != sc.SHA256 || len(sibling.Siblings) != 2 || sibling.Siblings[1] != sc.ID {
			t.Errorf("sibling %+v", sibling)
		}
		var sp spectra.Spectrum
		r.do("GET", "/v1/scans/"+sc.ID+"/spectrum", nil).want(t, http.StatusOK).into(t, &sp)
		if sp.Title != "fentanyl" || len(sp.X) != 3 || sp.Y[1] != 5 || sp.Metadata.SHA256 != sc.SHA256 {
			t.Errorf("spectrum %+v", sp)
		}
		r.do("GET", "/v1/scans/"+sc.ID+"/overlay", nil).want(t, http.StatusOK).mentions(t, `"label":"fentanyl"`, "Presumptive")
	})
}

func TestBadInputIsRefusedWithAReasonAndStoresNothing(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		r := start(t, db)
		whole := jcamp("caffeine")
		js := func(s string) []string { return []string{s, "Content-Type", "application/json"} }
		multi := func(pairs ...string) []string {
			b, k := form(t, pairs...)
			return []string{b, "Content-Type", k}
		}
		const ok = `{"title":"t","technique":"raman","x_unit":"cm-1","x":[1,2,3],"y":[1,2,3]}`
		with := func(old, new string) []string { return js(`{"spectrum":` + strings.Replace(ok, old, new, 1) + `}`) }
		cut, cutKind := form(t, "file", whole)
		cut = cut[:len(cut)-20] // within the closing boundary: the file itself is whole, the form is not
		for name, tc := range map[string]struct {
			query  string
			send   []string
			status int
			says   string
		}{
			"empty":                    {send: []string{""}, status: 422, says: "empty"},
			"truncated":                {query: "?filename=cut.jdx", send: []string{whole[:len(whole)/2]}, status: 422, says: "cut.jdx"},
			"text in a number":         {query: "?filename=t.jdx", send: []string{strings.Replace(whole, "\n210 ", "\n210 abc ", 1)}, status: 422, says: "t.jdx"},
			"NaN axis":                 {query: "?filename=n.csv", send: []string{"x,y\nNaN,1\n2,2\n3,3\n"}, status: 422, says: "n.csv"},
			"unknown type":             {query: "?filename=q.bin", send: []string{"\x00\x01\x02\xff\xfe binary"}, status: 422, says: "q.bin"},
			"form without file":        {send: multi("case", "1"), status: 422, says: "file"},
			"form with two files":      {send: multi("file", whole, "file", whole), status: 422, says: "twice"},
			"form with unknown field":  {send: multi("file", whole, "colour", "red"), status: 422, says: "colour"},
			"form with text latitude":  {send: multi("file", whole, "latitude", "north", "longitude", "1"), status: 422, says: "latitude"},
			"form cut short":           {send: []string{cut, "Content-Type", cutKind}, status: 400, says: "form"},
			"form with empty file":     {send: multi("file", ""), status: 422, says: "empty"},
			"JSON that is not":         {send: js(`{"spectrum":`), status: 422, says: "described"},
			"JSON without spectrum":    {send: js(`{"case":"1"}`), status: 422, says: "spectrum"},
			"JSON null spectrum":       {send: js(`{"spectrum":null}`), status: 422, says: "spectrum"},
			"JSON unknown member":      {send: js(`{"spectrum":` + ok + `,"colour":1}`), status: 422, says: "colour"},
			"JSON and more":            {send: js(`{"spectrum":` + ok + `} {}`), status: 422, says: "more"},
			"JSON null in axis":        {send: with("[1,2,3]", "[1,null,3]"), status: 422, says: "x[1]"},
			"JSON NaN in axis":         {send: with("[1,2,3]", "[1,NaN,3]"), status: 422, says: "described"},
			"JSON too large a number":  {send: with("[1,2,3]", "[1,1e999,3]"), status: 422, says: "number"},
			"JSON text in axis":        {send: with("[1,2,3]", `[1,"2",3]`), status: 422, says: "x"},
			"JSON back-and-forth axis": {send: with("[1,2,3]", "[1,3,2]"), status: 422, says: "axis point 3"},
			"JSON lengths differ":      {send: with("[1,2,3]", "[1,2]"), status: 422, says: "length"},
			"JSON no points":           {send: js(`{"spectrum":{"technique":"raman","x_unit":"cm-1","x":[],"y":[]}}`), status: 422, says: "no data points"},
			"JSON unknown technique":   {send: with(`"raman"`, `"xrf"`), status: 422, says: "xrf"},
			"JSON without unit":        {send: with(`"cm-1"`, `""`), status: 422, says: "x_unit"},
			"JSON absurd date":         {send: with(`"title"`, `"metadata":{"acquired":"0001-02-03T00:00:00Z"},"title"`), status: 422, says: "year"},
			"latitude alone":           {query: "?latitude=1", send: []string{whole}, status: 422, says: "longitude"},
			"latitude off the globe":   {query: "?latitude=91&longitude=0", send: []string{whole}, status: 422, says: "latitude"},
			"latitude not a number":    {query: "?latitude=NaN&longitude=0", send: []string{whole}, status: 422, says: "latitude"},
			"text latitude":            {query: "?latitude=north&longitude=0", send: []string{whole}, status: 422, says: "query.latitude"},
			"unknown parameter":        {query: "?lat=1", send: []string{whole}, status: 422, says: "query.lat"},
			"parameter twice":          {query: "?case=1&case=2", send: []string{whole}, status: 422, says: "query.case"},
			"broken escape":            {query: "?case=%zz", send: []string{whole}, status: 400, says: "query"},
			"fips in words":            {query: "?fips=Adams", send: []string{whole}, status: 422, says: "fips"},
			"control characters":       {query: "?case=a%00b", send: []string{whole}, status: 422, says: "case"},
			"endless case":             {query: "?case=" + strings.Repeat("x", 201), send: []string{whole}, status: 422, says: "case"},
		} {
			t.Run(name, func(t *testing.T) {
				r := &running{Server: r.Server, t: t, clock: r.clock, token: r.token}
				r.do("POST", "/v1/scans"+tc.query, tc.send[0], tc.send[1:]...).want(t, tc.status).mentions(t, tc.says)
				if n := r.rows(); n != 0 {
					t.Errorf("%d scans stored", n)
				}
			})
		}
		if ev, err := r.store.LastEvent(asProgram(t)); ev != 0 || err != nil {
			t.Errorf("event %d, %v", ev, err)
		}
	})
}

// zeros is an endless body that counts what is taken of it.
type zeros struct {
	mu   sync.Mutex
	left int64
	sent int64
}

func (z *zeros) Read(p []byte) (int, error) {
	z.mu.Lock()
	defer z.mu.Unlock()
	if z.left == 0 {
		return 0, io.EOF
	}
	n := min(int64(len(p)), z.left)
	clear(p[:n])
	z.left -= n
	z.sent += n
	return int(n), nil
}

func TestATwoGigabyteUploadIsRefusedEarlyWithFlatMemory(t *testing.T) {
	const size, limit = 2 << 30, 4 << 20
	r := start(t, func(c *Config) { c.MaxUpload = limit })
	for name, length := range map[string]int64{"Content-Length": size, "chunked": -1} {
		for _, kind := range []string{"application/octet-stream", "application/json", "multipart/form-data; boundary=b"} {
			t.Run(name+" "+kind, func(t *testing.T) {
				body := &zeros{left: size}
				var from io.Reader = body
				if strings.HasPrefix(kind, "multipart") {
					from = io.MultiReader(strings.NewReader("--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\n"), body)
				}
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				status, answer := rawPost(t, r, kind, length, from)
				runtime.ReadMemStats(&after)
				if status != http.StatusRequestEntityTooLarge || !strings.Contains(answer, fmt.Sprint(limit)) {
					t.Errorf("answered %d %s", status, answer)
				}
				// Growing a buffer to the limit allocates a few times the limit in all; 2 GB would show.
				if taken := after.TotalAlloc - before.TotalAlloc; taken > 12*limit {
					t.Errorf("%d MB were allocated", taken>>20)
				}
				if body.sent > 64<<20 {
					t.Errorf("%d MB were taken before the refusal", body.sent>>20)
				}
				if length > 0 && after.TotalAlloc-before.TotalAlloc > 2<<20 {
					t.Errorf("a body that says it is too large cost %d bytes", after.TotalAlloc-before.TotalAlloc)
				}
			})
		}
	}
	if r.rows() != 0 {
		t.Error("something was stored")
	}
}

// rawPost writes a request by hand and reads the answer while still sending, as the refusal comes before the body
// has ended.
func rawPost(t *testing.T, r *running, kind string, length int64, body io.Reader) (int, string) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(r.URL(), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	head := "POST /v1/scans HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + r.token + "\r\nContent-Type: " + kind + "\r\nConnection: close\r\n"
	if length >= 0 {
		head += fmt.Sprintf("Content-Length: %d\r\n\r\n", length)
	} else {
		head += "Transfer-Encoding: chunked\r\n\r\n"
	}
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		if _, err := io.WriteString(conn, head); err != nil {
			return
		}
		buf := make([]byte, 32<<10)
		for {
			n, err := body.Read(buf)
			if err != nil { // never refused: the whole of it was taken
				io.WriteString(conn, "0\r\n\r\n")
				return
			}
			chunk := buf[:n]
			if length < 0 {
				chunk = fmt.Appendf(nil, "%x\r\n%s\r\n", n, chunk)
			}
			if _, err := conn.Write(chunk); err != nil {
				return // the server has stopped listening, as it should
			}
		}
	}()
	var got strings.Builder
	io.Copy(&got, conn) // ends with the connection, orderly or not
	conn.Close()
	<-sent
	var status int
	if _, err := fmt.Sscanf(got.String(), "HTTP/1.1 %d", &status); err != nil {
		t.Fatalf("no answer: %q: %v", got.String(), err)
	}
	return status, got.String()
}
