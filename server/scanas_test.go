package server

import (
	"bytes"
	"image/png"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fentrace/library/identify"
	"fentrace/spectra/format"
)

func TestAScanIsGivenInTheFormAskedFor(t *testing.T) {
	r := start(t)
	sc := r.scan(r.do("POST", "/v1/scans?case=A-7&county=Hudson&state=NJ", jcamp("fentanyl"), "Content-Type", "text/plain").want(t, http.StatusCreated))
	path := "/v1/scans/" + sc.ID
	for accept, want := range map[string]string{
		"":                                       "application/json",
		"*/*":                                    "application/json",
		"text/html,image/avif,*/*;q=0.8":         "application/json",
		"text/csv":                               "text/csv",
		"application/pdf;q=0.5, image/png;q=0.9": "image/png",
		"chemical/x-jcamp-dx":                    "chemical/x-jcamp-dx",
		"application/pdf":                        "application/pdf",
	} {
		a := r.do("GET", path, nil, "Accept", accept).want(t, http.StatusOK)
		if got := a.Header.Get("Content-Type"); got != want || a.Header.Get("Vary") == "" {
			t.Errorf("Accept %q: %s, vary %q, want %s", accept, got, a.Header.Get("Vary"), want)
		}
		again := r.do("GET", path, nil, "Accept", accept, "If-None-Match", a.Header.Get("ETag"))
		if again.StatusCode != http.StatusNotModified || len(again.body) > 0 {
			t.Errorf("Accept %q: asked again with its tag: %d, %d bytes", accept, again.StatusCode, len(again.body))
		}
		switch want {
		case "image/png":
			if _, err := png.Decode(bytes.NewReader(a.body)); err != nil {
				t.Errorf("the picture: %v", err)
			}
		case "text/csv", "chemical/x-jcamp-dx":
			read, err := format.Read("scan"+map[string]string{"text/csv": ".csv", "chemical/x-jcamp-dx": ".jdx"}[want], a.body)
			if err != nil || len(read) != 1 || len(read[0].X) == 0 {
				t.Errorf("%s cannot be read back: %v", want, err)
			}
		}
	}
	if a := r.do("GET", path+"?as=pdf", nil, "Accept", "text/html"); a.Header.Get("Content-Type") != "application/pdf" {
		t.Errorf("a link to the report leads to %s", a.Header.Get("Content-Type"))
	}
	r.do("GET", path, nil, "Accept", "video/mp4").want(t, http.StatusNotAcceptable).mentions(t, "application/pdf")
	r.do("GET", "/v1/scans/00000000-0000-4000-8000-000000000000", nil, "Accept", "application/pdf").want(t, http.StatusNotFound)
}

func TestTheReportSaysWhatAFieldResultIs(t *testing.T) {
	r := start(t)
	sc := r.scan(r.do("POST", "/v1/scans?case=A-7", jcamp("fentanyl"), "Content-Type", "text/plain").want(t, http.StatusCreated))
	pdf := r.do("GET", "/v1/scans/"+sc.ID, nil, "Accept", "application/pdf").want(t, http.StatusOK)
	same := r.do("GET", "/v1/scans/"+sc.ID, nil, "Accept", "application/pdf").want(t, http.StatusOK)
	if !bytes.Equal(pdf.body, same.body) {
		t.Error("two reports of one scan at one time differ")
	}
	text := text(t, pdf.body)
	for _, want := range []string{identify.Presumptive, "PRESUMPTIVE FIELD RESULT", "ALARM: fentanyl", sc.SHA256, sc.ID, "by-title-1", "A-7", "page 1 of", "437-38-7",
		r.clock.now().Format(time.DateOnly)} {
		if !strings.Contains(text, want) {
			t.Errorf("the report does not have %q:\n%s", want, text)
		}
	}
	for _, never := range []string{"identified", "confirmed", "safe"} {
		if strings.Contains(strings.ToLower(text), never) {
			t.Errorf("the report says %q", never)
		}
	}
}

// text is what a person reads in a PDF.
func text(t *testing.T, pdf []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "report.pdf")
	if dir := os.Getenv("FENTRACE_PICTURES"); dir != "" {
		path = filepath.Join(dir, "report.pdf")
	}
	if err := os.WriteFile(path, pdf, 0o600); err != nil {
		t.Fatal(err)
	}
	tool, err := exec.LookPath("pdftotext")
	if err != nil {
		t.Skip("needs pdftotext (Debian: poppler-utils) to read the report")
	}
	raw, err := exec.Command(tool, "-layout", path, "-").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(strings.Fields(string(raw)), " ")
}
