package exchange

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"fentrace/server/tlp"
)

// Object is one STIX object, or a nested one.
type Object map[string]any

// sharedSince is the creation date of objects whose content follows from their id.
var sharedSince = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

var (
	// scoNamespace is the namespace STIX 2.1 section 2.9 fixes for cyber-observable ids.
	scoNamespace = uuid.MustParse("00abedb4-aa42-466c-9c01-fed23315a9b7")
	// ownNamespace keeps the ids of domain objects apart from everybody else's.
	ownNamespace = uuid.NewSHA1(uuid.NameSpaceURL, []byte("urn:fentrace:stix"))
)

func stixID(kind, seed string) string {
	return kind + "--" + uuid.NewSHA1(ownNamespace, []byte(kind+"|"+seed)).String()
}

// scoID is the deterministic id of a cyber-observable with these id contributing properties.
func scoID(kind string, contributing Object) string {
	return kind + "--" + uuid.NewSHA1(scoNamespace, []byte(canonical(contributing))).String()
}

// canonical is the JSON Canonicalization Scheme (RFC 8785) for objects of strings: keys sorted, no spaces, only
// the required escapes. Numbers are written as Go does, which is the same for the ranges used here.
func canonical(o Object) string {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(o); err != nil {
		panic(fmt.Sprintf("canonical JSON of strings and finite numbers: %v", err)) // nothing else is ever put in
	}
	// Go escapes the two line separators, RFC 8785 does not.
	s := strings.TrimSuffix(buf.String(), "\n")
	return strings.NewReplacer(`\\`, `\\`, `\u2028`, "\u2028", `\u2029`, "\u2029").Replace(s)
}

// timestamp writes a STIX timestamp: UTC, millisecond precision.
func timestamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// tlpIDs are the fixed marking ids of the OASIS common objects.
var tlpIDs = map[tlp.Level]string{
	tlp.Clear:       "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487",
	tlp.Green:       "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb",
	tlp.Amber:       "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421",
	tlp.AmberStrict: "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003",
	tlp.Red:         "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1",
}

// tlpExtension is the extension that carries TLP 2.0 in STIX 2.1.
const tlpExtension = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d"

// marking returns the marking object itself: importers drop markings that a bundle only names. An unknown level
// is treated as the strictest.
func marking(t tlp.Level) Object {
	if t == "" {
		t = tlp.Amber
	}
	id, ok := tlpIDs[t]
	if !ok {
		t, id = tlp.Red, tlpIDs[tlp.Red]
	}
	return Object{
		"type": "marking-definition", "spec_version": "2.1", "id": id, "created": "2022-10-01T00:00:00.000Z",
		"name":       t.String(),
		"extensions": Object{tlpExtension: Object{"extension_type": "property-extension", "tlp_2_0": string(t)}},
	}
}
