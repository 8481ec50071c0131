package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime/multipart"
	"net/http"
	"strconv"

	"github.com/google/uuid"

	"fentrace/server/client/rest"
	"fentrace/server/store"
	"fentrace/spectra"
)

// ErrOtherFile: what was stored is not what was sent.
var ErrOtherFile = errors.New("the answer is about another file than the one that was sent")

// File is one to be answered and stored.
type File struct {
	Name    string
	Raw     []byte
	Fields  store.Fields
	Answers []store.FieldAnswer // that were given before
	// Key is the same for every attempt to send the file, also of another run of the program; a new one when empty.
	Key string
}

// Form is the upload of f: its bytes and everything that is said of it.
func (f File) Form() (body []byte, contentType string, err error) {
	var said []byte
	if len(f.Answers) > 0 {
		if said, err = json.Marshal(f.Answers); err != nil {
			return nil, "", fmt.Errorf("answers of %s: %w", f.Name, err)
		}
	}
	var b bytes.Buffer
	b.Grow(len(f.Raw) + len(said) + 4<<10)
	w := multipart.NewWriter(&b)
	for _, one := range append(stated(f.Fields), field{"answers", string(said)}) {
		if one.value != "" {
			err = errors.Join(err, w.WriteField(one.name, one.value))
		}
	}
	part, partErr := w.CreateFormFile("file", f.Name)
	if err = errors.Join(err, partErr); err != nil {
		return nil, "", err
	}
	_, err = part.Write(f.Raw)
	err = errors.Join(err, w.Close()) // before the bytes are taken: it writes the last of them
	return b.Bytes(), w.FormDataContentType(), err
}

type field struct{ name, value string }

// stated are circumstances as form fields.
func stated(f store.Fields) []field {
	number := func(v *float64) string {
		if v == nil {
			return ""
		}
		return strconv.FormatFloat(*v, 'g', -1, 64)
	}
	return []field{{"case", f.Case}, {"exhibit", f.Exhibit}, {"officer", f.Officer}, {"latitude", number(f.Latitude)},
		{"longitude", number(f.Longitude)}, {"precision_m", number(f.PrecisionM)}, {"county", f.County}, {"state", f.State}, {"fips", f.FIPS}, {"tlp", string(f.TLP)}}
}

// Upload has a file answered and stored. When it returns without error the server has it on the disk. The scan is the first one of the
// file; created is false when the server knew its content.
func (c *Client) Upload(ctx context.Context, f File) (sc store.Scan, created bool, err error) {
	body, kind, err := f.Form()
	if err != nil {
		return sc, false, err
	}
	if f.Key == "" {
		f.Key = uuid.NewString()
	}
	quoted := strconv.Quote(f.Key) // a structured field string, RFC 8941
	res, err := c.Client.CreateScanWithBody(ctx, &rest.CreateScanParams{IdempotencyKey: &quoted}, kind, bytes.NewReader(body))
	if err != nil {
		return sc, false, err
	}
	created = res.StatusCode == http.StatusCreated
	if sc, err = rest.Decode[store.Scan](res); err != nil {
		return sc, false, fmt.Errorf("%s: %w", c.Address(), err)
	}
	if sc.ID == "" || sc.SHA256 != spectra.HashBytes(f.Raw) {
		return store.Scan{}, false, fmt.Errorf("%s: %w", c.Address(), ErrOtherFile)
	}
	return sc, created, nil
}

// ScansOf returns the scans of a stored file by its SHA-256, in the order of the file, each in full.
func (c *Client) ScansOf(ctx context.Context, sha256 string) ([]store.Scan, error) {
	var out []store.Scan
	for listed, err := range c.Scans(ctx, rest.ListScansParams{Sha256: &sha256}) {
		if err != nil {
			return nil, err
		}
		sc, err := c.GetScan(ctx, listed.ID, nil)
		if err != nil {
			return nil, err
		}
		out = append(out, sc)
	}
	return inOrder(out), nil
}
