package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/negotiation"

	"fentrace/server/auth"
	"fentrace/server/report"
	"fentrace/server/store"
	"fentrace/spectra"
	"fentrace/spectra/format"
)

// The forms a scan is given in, by media type, the first by default.
const (
	jsonType  = "application/json"
	jcampType = "chemical/x-jcamp-dx"
	csvType   = "text/csv"
	pngType   = "image/png"
	pdfType   = "application/pdf"
)

var scanTypes = []string{jsonType, jcampType, csvType, pngType, pdfType}

// typeNames are these as links name them.
var typeNames = map[string]string{"json": jsonType, "jcamp": jcampType, "csv": csvType, "png": pngType, "pdf": pdfType}

// extensions of files in these forms.
var extensions = map[string]string{jcampType: ".jdx", csvType: ".csv", pngType: ".png", pdfType: ".pdf"}

type scanAsInput struct {
	ScanID
	Accept      string `header:"Accept" doc:"application/json; chemical/x-jcamp-dx or text/csv for the spectrum; image/png for the overlay; application/pdf for a report"`
	As          string `query:"as" enum:"json,jcamp,csv,png,pdf" doc:"the same by name, for links; counts more than Accept"`
	IfNoneMatch string `header:"If-None-Match"`
	ReleaseQuery
}

type scanAsOutput struct {
	ContentType string `header:"Content-Type"`
	Disposition string `header:"Content-Disposition"`
	ETag        string `header:"ETag"`
	Vary        string `header:"Vary"`
	Body        []byte
}

func (a *API) registerScanAs() {
	content := map[string]*huma.MediaType{}
	for _, t := range scanTypes {
		content[t] = &huma.MediaType{}
	}
	content[jsonType].Schema = a.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[store.Scan](), true, "")
	register(a, huma.Operation{OperationID: "get-scan", Extensions: needs(auth.RecordsRead), Method: http.MethodGet, Path: "/v1/scans/{id}", Summary: "One scan with its answer, in the form asked for",
		Responses: map[string]*huma.Response{"200": {Description: "OK", Content: content}},
		Errors:    []int{http.StatusNotFound, http.StatusNotAcceptable, http.StatusUnprocessableEntity}}, a.scanAs)
}

func (a *API) scanAs(ctx context.Context, in *scanAsInput) (*scanAsOutput, error) {
	as, ok := in.form()
	if !ok {
		return nil, huma.NewError(http.StatusNotAcceptable, fmt.Sprintf("a scan is given as one of %s", strings.Join(scanTypes, ", ")))
	}
	sc, err := a.store.Scan(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := a.writeScan(ctx, &b, sc, as); err != nil {
		return nil, err
	}
	if as == pdfType {
		if err := a.backend.Release(ctx, b.Bytes(), in.to(store.ReleaseReport), []store.Scan{sc}); err != nil {
			return nil, err
		}
	}
	out := &scanAsOutput{ContentType: as, Vary: "Accept", Body: b.Bytes(), ETag: entityTag(b.Bytes())}
	if unchanged(in.IfNoneMatch, out.ETag) {
		return nil, huma.Status304NotModified()
	}
	if ext := extensions[as]; ext != "" {
		name := "scan-" + sc.ID + ext
		if sc.Simulated {
			name = "SIMULATED-" + name
		}
		out.Disposition = attachment(name)
	}
	return out, nil
}

// entityTag of an answer, by its content.
func entityTag(b []byte) string {
	sum := sha256.Sum256(b)
	return `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
}

// unchanged tells whether whoever asks has the answer with this tag; ifNoneMatch is the header (RFC 9110, 13.1.2).
func unchanged(ifNoneMatch, tag string) bool {
	for _, has := range strings.Split(ifNoneMatch, ",") {
		if has = strings.TrimPrefix(strings.TrimSpace(has), "W/"); has == tag || has == "*" {
			return true
		}
	}
	return false
}

// form is the one of scanTypes that is asked for; ok is false when only others would do.
func (in *scanAsInput) form() (as string, ok bool) {
	if as, ok := typeNames[in.As]; ok {
		return as, true
	}
	if as := negotiation.SelectQValue(in.Accept, scanTypes); as != "" {
		return as, true
	}
	return jsonType, in.Accept == "" || strings.Contains(in.Accept, "*/*")
}

// writeScan writes a scan in one of scanTypes.
func (a *API) writeScan(ctx context.Context, b *bytes.Buffer, sc store.Scan, as string) error {
	switch as {
	case jcampType, csvType:
		sp, err := a.store.Spectrum(ctx, sc.ID)
		if err != nil {
			return err
		}
		if as == csvType {
			return format.WriteCSV(b, sp)
		}
		return format.WriteJCAMP(b, sp)
	case pngType:
		ov, err := a.backend.Overlay(ctx, sc)
		if err != nil {
			return err
		}
		return report.Overlay(b, ov, spectra.Technique(sc.Technique))
	case pdfType:
		sheet, err := a.backend.Sheet(ctx, sc)
		if err != nil {
			return err
		}
		return report.PDF(b, sheet)
	}
	return json.NewEncoder(b).Encode(sc)
}
