package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"path"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"fentrace/device/acquire"
	"fentrace/server/auth"
	"fentrace/server/store"
	"fentrace/server/tlp"
	"fentrace/spectra"
)

const (
	uploadPath = "/v1/scans"
	// uploadTime is how long a body may take to arrive.
	uploadTime = 10 * time.Minute
)

// optionalFloat is a query parameter whose absence is not zero.
type optionalFloat struct {
	Value float64
	Set   bool
}

// Schema implements huma.SchemaProvider.
func (optionalFloat) Schema(r huma.Registry) *huma.Schema {
	return huma.SchemaFromType(r, reflect.TypeFor[float64]())
}

// Receiver implements huma.ParamWrapper.
func (o *optionalFloat) Receiver() reflect.Value { return reflect.ValueOf(o).Elem().Field(0) }

// OnParamSet implements huma.ParamReactor.
func (o *optionalFloat) OnParamSet(isSet bool, _ any) { o.Set = isSet }

func (o optionalFloat) pointer() *float64 {
	if !o.Set {
		return nil
	}
	return &o.Value
}

// FieldsQuery are the circumstances of a scan as query parameters.
type FieldsQuery struct {
	Latitude   optionalFloat `query:"latitude" doc:"degrees, WGS 84"`
	Longitude  optionalFloat `query:"longitude" doc:"degrees, WGS 84"`
	PrecisionM optionalFloat `query:"precision_m" doc:"radius in metres"`
	County     string        `query:"county" maxLength:"200"`
	State      string        `query:"state" maxLength:"200"`
	FIPS       string        `query:"fips" maxLength:"5" doc:"US county code"`
	Case       string        `query:"case" maxLength:"200"`
	Exhibit    string        `query:"exhibit" maxLength:"200"`
	Officer    string        `query:"officer" maxLength:"200"`
	ExhibitID  string        `query:"exhibit_id" maxLength:"36" doc:"links the scan to this exhibit; a file that is known already is not linked anew, its scan is amended"`
	TLP        string        `query:"tlp" enum:"clear,green,amber,amber+strict,red" doc:"marking by the Traffic Light Protocol 2.0; without one it is the server's for uploads"`
}

func (q FieldsQuery) fields() store.Fields {
	return store.Fields{
		Location: store.Location{Latitude: q.Latitude.pointer(), Longitude: q.Longitude.pointer(), PrecisionM: q.PrecisionM.pointer(),
			County: q.County, State: q.State, FIPS: q.FIPS},
		Case: q.Case, Exhibit: q.Exhibit, Officer: q.Officer, ExhibitID: q.ExhibitID, TLP: tlp.Level(q.TLP),
	}
}

type uploadInput struct {
	FieldsQuery
	Filename string `query:"filename" maxLength:"200" example:"spot-1.jdx" doc:"name of the file when the body is its bytes"`
	Key      string `header:"Idempotency-Key" maxLength:"202" example:"\"9b2f6c1c-1c1b-4d0e-8f0a-2b7a3c9d5e11\"" doc:"the same for every attempt to send one file; a quoted string, up to 200 printable ASCII characters"`
	request  huma.Context
}

// Resolve implements huma.Resolver.
func (in *uploadInput) Resolve(ctx huma.Context) []error {
	in.request = ctx
	return nil
}

type scanOutput struct {
	Status int
	Body   store.Scan
}

func (a *API) registerUpload() {
	register(a, huma.Operation{OperationID: "create-scan", Extensions: needs(auth.ScansTake), Method: http.MethodPost, Path: uploadPath,
		Summary: "Answer and store a spectrum file",
		Description: "Idempotent by the SHA-256 of the file's bytes: 201 when stored, 200 with the stored scan when it was known. " +
			"A file of several spectra stores one scan each. With an Idempotency-Key a repeated request is answered as the first one was, " +
			"also after a restart; the same key with another file is refused (422). Answers that were given to the spectra before are sent " +
			"as the form field \"answers\", a JSON array, and kept beside those given here.",
		DefaultStatus: http.StatusCreated,
		Errors:        []int{http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity, http.StatusInsufficientStorage}}, a.createScan)
	// Set after registration: the body is read as a stream, not by huma.
	binary := &huma.Schema{Type: huma.TypeString, Format: "binary"}
	registry := a.huma.OpenAPI().Components.Schemas
	form := &huma.Schema{Type: huma.TypeObject, Properties: map[string]*huma.Schema{"file": binary}, Required: []string{"file"}}
	for _, n := range []string{"latitude", "longitude", "precision_m"} {
		form.Properties[n] = &huma.Schema{Type: huma.TypeNumber}
	}
	for _, n := range []string{"county", "state", "fips", "case", "exhibit", "officer", "exhibit_id", "tlp"} {
		form.Properties[n] = &huma.Schema{Type: huma.TypeString}
	}
	form.Properties["answers"] = registry.Schema(reflect.TypeFor[[]store.FieldAnswer](), true, "FieldAnswers")
	type documented struct {
		Spectrum spectra.Spectrum `json:"spectrum"`
		store.Fields
	}
	op := a.huma.OpenAPI().Paths[uploadPath].Post
	op.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
		"multipart/form-data":      {Schema: form},
		"application/json":         {Schema: registry.Schema(reflect.TypeFor[documented](), true, "SpectrumUpload")},
		"application/octet-stream": {Schema: binary},
	}}
	op.Responses["200"] = &huma.Response{Description: "The content was stored before", Content: op.Responses["201"].Content}
}

// readBody reads the bytes of a file, which may take their time.
func readBody(request huma.Context) ([]byte, error) {
	// A recorder in a test knows no deadlines; a connection does.
	_ = request.SetReadDeadline(time.Now().Add(uploadTime))
	defer func() { _ = request.SetReadDeadline(time.Time{}) }()
	return readAll(request.BodyReader())
}

// leastWeight of an upload, bytes: what is made of it takes memory too.
const leastWeight = 1 << 20

// weight is how many bytes an upload may hold in memory, given the length that it says it has.
func (l Limits) weight(length string) int64 {
	n, err := strconv.ParseInt(length, 10, 64)
	if err != nil || n < 0 || n > l.MaxUpload {
		return l.MaxUpload
	}
	return min(l.MaxUpload, max(n, leastWeight))
}

func (a *API) createScan(ctx context.Context, in *uploadInput) (*scanOutput, error) {
	release, err := a.room(ctx, in.request)
	if err != nil {
		return nil, err
	}
	defer release()
	key, err := requestKey(ctx, in.Key)
	if err != nil {
		return nil, err
	}
	up, err := readUpload(in)
	if err != nil {
		return nil, err
	}
	if err := up.Fields.Validate(); err != nil {
		return nil, err
	}
	up.Key = key
	sc, created, err := a.backend.Receive(ctx, up.Upload)
	if err != nil {
		return nil, err
	}
	out := &scanOutput{Status: http.StatusOK, Body: sc}
	if created {
		out.Status = http.StatusCreated
	}
	return out, nil
}

// upload is what all three forms of the request come to.
type upload struct{ Upload }

func readUpload(in *uploadInput) (upload, error) {
	// A recorder in a test knows no deadlines; a connection does.
	_ = in.request.SetReadDeadline(time.Now().Add(uploadTime))
	defer func() { _ = in.request.SetReadDeadline(time.Time{}) }()
	up := upload{Upload{Name: baseName(in.Filename, "upload"), Fields: in.fields()}}
	kind, params, err := mime.ParseMediaType(in.request.Header("Content-Type"))
	if err != nil {
		kind = "" // no or a broken content type: the bytes of a file
	}
	switch kind {
	case "multipart/form-data":
		err = up.readForm(multipart.NewReader(in.request.BodyReader(), params["boundary"]))
	case "application/json":
		err = up.readJSON(in.request.BodyReader())
	default:
		up.Raw, err = readAll(in.request.BodyReader())
	}
	if err == nil && len(up.Raw) == 0 {
		err = fmt.Errorf("read %s: %w: it is empty", up.Name, ErrUnreadable)
	}
	if err == nil {
		up.Upload, err = WithSpectrum(up.Upload)
	}
	return up, err
}

// readForm takes the one file part and the text fields.
func (up *upload) readForm(form *multipart.Reader) error {
	seen := map[string]bool{}
	for {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return badForm(err)
		}
		name := part.FormName()
		if seen[name] {
			return huma.Error422UnprocessableEntity(fmt.Sprintf("form field %q is given twice; send one file per request", name))
		}
		seen[name] = true
		if name == "file" {
			up.Name = baseName(part.FileName(), up.Name)
			if up.Raw, err = readAll(part); err != nil {
				return badForm(err)
			}
			continue
		}
		if name == "answers" {
			if err := up.readAnswers(part); err != nil {
				return err
			}
			continue
		}
		value, err := io.ReadAll(io.LimitReader(part, 4*store.MaxText+1))
		if err != nil {
			return badForm(err)
		}
		if err := setField(&up.Fields, name, string(value)); err != nil {
			return err
		}
	}
	if !seen["file"] {
		return huma.Error422UnprocessableEntity(`the form has no field "file"`)
	}
	return nil
}

// readAnswers takes the answers that were given before. Members that are not known here are kept too.
func (up *upload) readAnswers(part io.Reader) error {
	raw, err := io.ReadAll(part)
	if err != nil {
		return badForm(err)
	}
	up.Answers, err = store.ReadFieldAnswers(raw)
	return err
}

func badForm(err error) error {
	var tooBig *http.MaxBytesError
	if errors.As(err, &tooBig) {
		return err
	}
	return huma.Error400BadRequest("the form cannot be read: " + err.Error())
}

// setField sets one circumstance by its JSON name.
// Said is what a sender says of a file with the names of the upload form; the type that tus clients add is not looked at, since it is
// read from the bytes. The error wraps store.ErrInvalid.
func Said(said map[string]string) (name string, f store.Fields, err error) {
	name = "upload"
	for k, v := range said {
		switch k {
		case "filename":
			name = baseName(v, name)
		case "filetype":
		default:
			if err := setField(&f, k, v); err != nil {
				return "", f, err
			}
		}
	}
	return name, f, f.Validate()
}

func setField(f *store.Fields, name, value string) error {
	if value == "" {
		return nil
	}
	if dst := map[string]**float64{"latitude": &f.Latitude, "longitude": &f.Longitude, "precision_m": &f.PrecisionM}[name]; dst != nil {
		v, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
		if err != nil {
			return huma.Error422UnprocessableEntity(fmt.Sprintf("%s: %q is not a number", name, value))
		}
		*dst = &v
		return nil
	}
	if name == "tlp" {
		level, err := tlp.Parse(value)
		if err != nil {
			return huma.Error422UnprocessableEntity(err.Error())
		}
		f.TLP = level
		return nil
	}
	dst := map[string]*string{"county": &f.County, "state": &f.State, "fips": &f.FIPS,
		"case": &f.Case, "exhibit": &f.Exhibit, "officer": &f.Officer, "exhibit_id": &f.ExhibitID}[name]
	if dst == nil {
		return huma.Error422UnprocessableEntity(fmt.Sprintf("unknown form field %q", name))
	}
	*dst = value
	return nil
}

// readJSON takes {"spectrum": {...}, fields...}; the bytes of the spectrum as sent are the file.
func (up *upload) readJSON(body io.Reader) error {
	var req struct {
		Spectrum json.RawMessage `json:"spectrum"`
		store.Fields
	}
	raw, err := readAll(body)
	if err != nil {
		return err
	}
	req.Fields = up.Fields
	if err := strictJSON(raw, &req); err != nil {
		return huma.Error422UnprocessableEntity("the request is not as described: " + err.Error())
	}
	if len(req.Spectrum) == 0 {
		return huma.Error422UnprocessableEntity(`the request has no "spectrum"`)
	}
	up.Raw, up.Fields, up.Name = req.Spectrum, req.Fields, "spectrum.json"
	return up.readSpectrum()
}

func (up *upload) readSpectrum() error {
	s, err := parseSpectrum(up.Raw)
	if err != nil {
		return fmt.Errorf("read spectrum: %w: %w", ErrUnreadable, err)
	}
	up.Spectra = []spectra.Spectrum{s}
	return nil
}

// WithSpectrum reads a file that is the JSON of a spectrum, which is no format of its own; any other is left as it is.
func WithSpectrum(u Upload) (Upload, error) {
	up := upload{u}
	if up.Spectra == nil && isSpectrum(up.Raw) {
		err := up.readSpectrum()
		return up.Upload, err
	}
	return u, nil
}

// isSpectrum tells whether a file is the JSON of a spectrum, as stored here when it came in a JSON request.
func isSpectrum(raw []byte) bool {
	if !bytes.HasPrefix(bytes.TrimLeft(raw, " \t\r\n"), []byte("{")) || acquire.IsScan(raw) {
		return false
	}
	var has struct{ Technique, X, Y json.RawMessage }
	return json.Unmarshal(raw, &has) == nil && has.Technique != nil && has.X != nil && has.Y != nil
}

// parseSpectrum reads the JSON of spectra.Spectrum and says what is wrong with it. A null among the numbers would
// pass as zero in a plain slice.
func parseSpectrum(raw []byte) (spectra.Spectrum, error) {
	var in struct {
		spectra.Spectrum
		X []*float64 `json:"x"`
		Y []*float64 `json:"y"`
	}
	if err := strictJSON(raw, &in); err != nil {
		return spectra.Spectrum{}, err
	}
	s := in.Spectrum
	for _, a := range []struct {
		name string
		src  []*float64
		dst  *[]float64
	}{{"x", in.X, &s.X}, {"y", in.Y, &s.Y}} {
		*a.dst = make([]float64, len(a.src))
		for i, v := range a.src {
			if v == nil {
				return spectra.Spectrum{}, fmt.Errorf("%s[%d] is null, not a number", a.name, i)
			}
			(*a.dst)[i] = *v
		}
	}
	switch s.Technique {
	case spectra.Raman, spectra.IR, spectra.Other:
	default:
		return spectra.Spectrum{}, fmt.Errorf("technique %q is none of raman, ir, other", s.Technique)
	}
	if s.XUnit == "" {
		return spectra.Spectrum{}, errors.New("x_unit is not stated (cm-1, nm, ...)")
	}
	if s.YUnit == "" {
		s.YUnit = spectra.Arbitrary
	}
	s.Metadata.Format = "json"
	return s, s.Validate()
}

// strictJSON decodes one value and nothing more; unknown members are errors.
func strictJSON(raw []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more follows after the JSON value")
	}
	return nil
}

// readAll reads a body that LimitBody has bounded.
func readAll(r io.Reader) ([]byte, error) {
	b, err := io.ReadAll(r)
	var tooBig *http.MaxBytesError
	if err != nil && !errors.As(err, &tooBig) {
		return nil, huma.Error400BadRequest("the body ended early: " + err.Error())
	}
	return b, err
}

// baseName keeps the last element of a client's path and drops what no file name should hold.
func baseName(name, fallback string) string {
	name = CleanName(path.Base(strings.ReplaceAll(name, `\`, "/")))
	if name == "" || name == "." || name == "/" || name == ".." {
		return fallback
	}
	return name
}

// CleanName drops what no file name should hold and, of more than store.MaxText characters, the first.
func CleanName(name string) string {
	name = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\uFFFD' {
			return -1
		}
		return r
	}, strings.ToValidUTF8(name, ""))
	if r := []rune(name); len(r) > store.MaxText {
		name = string(r[len(r)-store.MaxText:]) // the end holds the extension
	}
	return name
}
