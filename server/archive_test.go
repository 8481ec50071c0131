package server

import (
	"archive/zip"
	"bytes"
	"fmt"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"

	"fentrace/server/store"
	"fentrace/spectra/format"
)

// zipped is an archive of name, content pairs.
func zipped(t *testing.T, pairs ...string) string {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := 0; i < len(pairs); i += 2 {
		w, err := z.Create(pairs[i])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(pairs[i+1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// whole returns every scan of the file that sc is of, that one first.
func (r *running) whole(sc store.Scan) []store.Scan {
	r.t.Helper()
	all := []store.Scan{sc}
	for _, id := range sc.Siblings {
		all = append(all, r.scan(r.do("GET", "/v1/scans/"+id, nil).want(r.t, http.StatusOK)))
	}
	return all
}

func TestTheScansOfAnArchiveGoByTheFilesWithinAndTheUploaderLearnsWhatWasNotRead(t *testing.T) {
	r := start(t)
	raw := zipped(t, "day 1/broken.csv", "200,1\n201,x\n202,3\n", "day 1/a.jdx", jcamp("fentanyl"), "notes.md", "# nothing to read\n", "b.jdx", jcamp("caffeine"))
	sc := r.scan(r.do("POST", "/v1/scans?filename=seized.zip", raw).want(t, http.StatusCreated))
	if r.rows() != 2 {
		t.Fatalf("%d scans stored", r.rows())
	}
	all := r.whole(sc)
	for i, want := range []struct{ name, headline string }{{"seized.zip/day 1/a.jdx", "ALARM: fentanyl"}, {"seized.zip/b.jdx", "NOTHING CONTROLLED SEEN above 8 % of the signal"}} {
		if got := all[i]; got.Filename != want.name || got.Identification.File != want.name || got.Headline != want.headline {
			t.Errorf("scan %d is %q, its answer is of %q: %s", i, got.Filename, got.Identification.File, got.Headline)
		}
	}
	again := r.scan(r.do("POST", "/v1/scans?filename=seized.zip", raw).want(t, http.StatusOK))
	for _, got := range []store.Scan{sc, again, r.scan(r.do("GET", "/v1/scans/"+sc.ID, nil))} {
		told := strings.Join(got.Warnings, "\n")
		if !strings.Contains(told, "could not be read and have no answer: 1.") || !strings.Contains(told, `day 1/broken.csv: line 2: not a number: "x"`) {
			t.Errorf("the warnings are %q", told)
		}
	}
	if len(all[1].Warnings) != 0 {
		t.Errorf("the other scan warns too: %q", all[1].Warnings)
	}
	// What was received is the archive, and is handed out as such.
	got := r.do("GET", "/v1/scans/"+sc.ID+"/raw", nil).want(t, http.StatusOK)
	if _, params, err := mime.ParseMediaType(got.Header.Get("Content-Disposition")); err != nil || params["filename"] != "seized.zip" || string(got.body) != raw {
		t.Errorf("the raw bytes are called %q, %v", params["filename"], err)
	}
	r.do("GET", "/v1/scans/"+sc.ID+"/stix", nil).want(t, http.StatusOK).mentions(t, `"name":"seized.zip"`)
}

func TestTheWarningsOfAnArchiveGoToTheScanThatAnswersTheUpload(t *testing.T) {
	r := start(t)
	// The first spectrum is of no technique that is searched, so the second one answers.
	other := strings.Replace(jcamp("voltages"), "RAMAN SPECTRUM", "UV-VIS SPECTRUM", 1)
	sc := r.scan(r.do("POST", "/v1/scans?filename=x.zip", zipped(t, "0.jdx", other, "1.jdx", jcamp("fentanyl"), "2.csv", "")).want(t, http.StatusCreated))
	if sc.SpectrumIndex != 1 || sc.Filename != "x.zip/1.jdx" || !strings.Contains(strings.Join(sc.Warnings, "\n"), "2.csv") {
		t.Errorf("spectrum %d of %q answers, warnings %q", sc.SpectrumIndex, sc.Filename, sc.Warnings)
	}
}

func TestManyUnreadFilesOfAnArchiveAreCounted(t *testing.T) {
	r := start(t)
	files := []string{"good.jdx", jcamp("caffeine")}
	for i := range toldUnread + 5 {
		files = append(files, fmt.Sprintf("bad%d.csv", i), "200,1\n201,x\n202,3\n")
	}
	sc := r.scan(r.do("POST", "/v1/scans?filename=x.zip", zipped(t, files...)).want(t, http.StatusCreated))
	if n := len(sc.Warnings); n != toldUnread+2 || !strings.Contains(sc.Warnings[0], "have no answer: 25.") || sc.Warnings[n-1] != "5 more could not be read." {
		t.Errorf("warnings %q", sc.Warnings)
	}
}

func TestANameWithinAnArchiveCannotUpsetTheStore(t *testing.T) {
	r := start(t)
	long := strings.Repeat("folder/", 60) + "a\x01b.jdx"
	sc := r.scan(r.do("POST", "/v1/scans?filename=x.zip", zipped(t, long, jcamp("caffeine"))).want(t, http.StatusCreated))
	if err := store.ValidText("filename", sc.Filename); err != nil || !strings.HasSuffix(sc.Filename, "folder/ab.jdx") {
		t.Errorf("%q: %v", sc.Filename, err)
	}
}

func TestABinaryFileIsTakenWhateverItsNameAndHoweverItIsSent(t *testing.T) {
	r := start(t)
	for i, name := range []string{"a.spc", "a.0", "A.SPA", "no extension", "a.wdf"} {
		var spc bytes.Buffer
		if err := format.WriteSPC(&spc, spectrum(fmt.Sprintf("fentanyl %d", i))); err != nil {
			t.Fatal(err)
		}
		var body bytes.Buffer
		w := multipart.NewWriter(&body)
		part, err := w.CreateFormFile("file", name)
		if err != nil {
			t.Fatal(err)
		}
		part.Write(spc.Bytes())
		w.Close()
		sc := r.scan(r.do("POST", "/v1/scans", body.String(), "Content-Type", w.FormDataContentType()).want(t, http.StatusCreated))
		if sc.Filename != name || sc.Verdict != "alarm" {
			t.Errorf("%s is stored as %q: %s", name, sc.Filename, sc.Headline)
		}
		raw := spc.Bytes()
		if again := r.scan(r.do("POST", "/v1/scans?filename=x", raw, "Content-Type", "application/octet-stream").want(t, http.StatusOK)); again.ID != sc.ID {
			t.Errorf("%s sent as bytes is another scan", name)
		}
	}
}
