package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"fentrace/device/acquire"
	"fentrace/server/store"
	"fentrace/spectra"
)

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
