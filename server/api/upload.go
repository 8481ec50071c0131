package api

import (
	"context"
	"fmt"
	"net/http"
	"path"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

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
