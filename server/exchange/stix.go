package exchange

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"fentrace/library/identify"
	"fentrace/server/store"
	"fentrace/server/tlp"
)

// STIXType is the media type of a STIX 2.1 bundle.
const STIXType = "application/stix+json;version=2.1"

// PresumptiveConfidence caps the STIX confidence (0..100) of anything that rests on field results alone.
const PresumptiveConfidence = 60

// STIXOptions says for whom a bundle speaks.
type STIXOptions struct {
	Organisation string    // name of the identity that created the bundle
	TLP          tlp.Level // zero value: AMBER
	// InChIKey returns the InChIKey of a substance by name, "" when unknown. May be nil.
	InChIKey func(substance string) string
}

// Bundle is one scan as a STIX 2.1 bundle in the plain profile: standard objects only, nothing for a reader to
// drop. Ids are version 5 UUIDs of the content, so the same scan gives the same bundle whoever exports it, and
// the same substance, place and organisation are the same object in every bundle. Persons are left out.
func Bundle(sc store.Scan, o STIXOptions) Object {
	b := builder{scan: sc, opts: o, marking: marking(o.TLP)}
	b.objects = []Object{b.marking}
	b.identity()
	b.location()
	b.file()
	b.observed()
	var sightings []string
	for _, f := range distinct(sc.Identification.Findings) {
		sightings = append(sightings, b.sighting(f, b.indicator(f)))
	}
	b.note(append([]string{b.observedID}, sightings...))
	b.grouping()
	return Object{"type": "bundle", "id": stixID("bundle", b.scanSeed()), "objects": b.objects}
}

type builder struct {
	scan    store.Scan
	opts    STIXOptions
	marking Object
	objects []Object

	identityID, locationID, fileID, observedID string
}

// scanSeed names the scan by content, not by the id one server gave it.
func (b *builder) scanSeed() string {
	return fmt.Sprintf("scan|%s|%d|%s", b.scan.SHA256, b.scan.SpectrumIndex, b.scan.Identification.Algorithm)
}

// named marks a name as simulated when the scan is.
func (b *builder) named(name string) string {
	if b.scan.Simulated {
		return "SIMULATED " + name
	}
	return name
}

// add completes an object with what every object carries and appends it. Shared objects (whose content follows
// from their seed alone) have one fixed date, so that two bundles never disagree about them.
func (b *builder) add(kind, seed string, shared bool, o Object) string {
	at := b.scan.Created
	if shared {
		at = sharedSince
	}
	if b.scan.Simulated {
		seed += "|simulated"
		labels, _ := o["labels"].([]string)
		o["labels"] = append(labels, "simulated")
	}
	id := stixID(kind, seed)
	o["type"], o["id"], o["spec_version"] = kind, id, "2.1"
	o["created"], o["modified"] = timestamp(at), timestamp(at)
	o["object_marking_refs"] = []string{b.marking["id"].(string)}
	if b.identityID != "" {
		o["created_by_ref"] = b.identityID
	}
	b.objects = append(b.objects, o)
	return id
}

func (b *builder) identity() {
	name := b.opts.Organisation
	b.identityID = b.add("identity", "identity|"+name, true, Object{"name": b.named(name), "identity_class": "organization"})
}

// location is left out when neither coordinates nor a country are known: STIX allows nothing less.
func (b *builder) location() {
	l := b.scan.Location
	if l == nil {
		return
	}
	o := Object{}
	if l.HasPoint() {
		o["latitude"], o["longitude"] = *l.Latitude, *l.Longitude
		if l.PrecisionM != nil && *l.PrecisionM > 0 {
			o["precision"] = *l.PrecisionM
		}
	}
	if l.FIPS != "" { // a FIPS county code says the country
		o["country"] = "US"
		if len(l.State) == 2 {
			o["administrative_area"] = "US-" + strings.ToUpper(l.State)
		}
	}
	if len(o) == 0 {
		return
	}
	name := strings.Trim(l.County+", "+l.State, ", ")
	if name == "" {
		name = fmt.Sprintf("%.4f, %.4f", *l.Latitude, *l.Longitude)
	}
	o["name"] = b.named(name)
	b.locationID = b.add("location", "location|"+canonical(o), true, o)
}

// file is the raw spectrum as a cyber-observable; its id follows STIX 2.1 section 2.9 (deterministic SCO ids).
func (b *builder) file() {
	o := Object{"hashes": Object{"SHA-256": b.scan.SHA256}}
	if b.scan.Filename != "" {
		// The hash is that of the archive, not of the file within it.
		o["name"], _, _ = strings.Cut(b.scan.Filename, "/")
	}
	b.fileID = scoID("file", o)
	o["type"], o["id"], o["spec_version"] = "file", b.fileID, "2.1"
	o["object_marking_refs"] = []string{b.marking["id"].(string)}
	b.objects = append(b.objects, o)
}

func (b *builder) observed() {
	at := timestamp(b.scan.Acquired)
	b.observedID = b.add("observed-data", b.scanSeed(), false, Object{
		"first_observed": at, "last_observed": at, "number_observed": 1,
		"object_refs": []string{b.fileID},
		"labels":      []string{b.scan.Technique, "presumptive"},
	})
}

// indicator is the chemical signature of a substance. Its pattern is the InChIKey, else the CAS number
// (pattern_type is an open vocabulary), else the hash of the spectrum file.
func (b *builder) indicator(f identify.Finding) string {
	o := Object{
		"name":            b.named(f.Substance),
		"description":     "Chemical signature of " + f.Substance + ". A sighting by a field spectrometer is presumptive.",
		"indicator_types": []string{"unknown"},
		"valid_from":      timestamp(sharedSince),
	}
	if labels := nonEmpty(f.Class, when(f.Controlled, "controlled"), when(f.Unverified, "unverified-identity")); len(labels) > 0 {
		o["labels"] = labels
	}
	key := ""
	if b.opts.InChIKey != nil {
		key = b.opts.InChIKey(f.Substance)
	}
	refs, shared := []Object{}, true
	if key != "" {
		refs = append(refs, Object{"source_name": "inchikey", "external_id": key})
	}
	if f.CAS != "" {
		refs = append(refs, Object{"source_name": "cas", "external_id": f.CAS})
	}
	if len(refs) > 0 {
		o["external_references"] = refs
	}
	switch {
	case key != "":
		o["pattern_type"], o["pattern"] = "inchikey", key
	case f.CAS != "":
		o["pattern_type"], o["pattern"] = "cas", f.CAS
	default:
		o["pattern_type"], o["pattern_version"] = "stix", "2.1"
		o["pattern"] = "[file:hashes.'SHA-256' = '" + b.scan.SHA256 + "']"
		o["valid_from"], shared = timestamp(b.scan.Acquired), false
	}
	seed := "indicator|" + canonical(o)
	if !shared {
		seed += "|" + b.scanSeed()
	}
	return b.add("indicator", seed, shared, o)
}

func (b *builder) sighting(f identify.Finding, indicatorID string) string {
	at := timestamp(b.scan.Acquired)
	where := []string{b.identityID}
	if b.locationID != "" {
		where = append(where, b.locationID)
	}
	return b.add("sighting", b.scanSeed()+"|"+indicatorID, false, Object{
		"description":        describe(f),
		"sighting_of_ref":    indicatorID,
		"first_seen":         at,
		"last_seen":          at,
		"count":              1,
		"confidence":         confidence(f.Probability),
		"observed_data_refs": []string{b.observedID},
		"where_sighted_refs": where,
		"labels":             []string{"presumptive"},
	})
}

func (b *builder) note(about []string) {
	o := Object{"abstract": b.named(b.scan.Headline), "content": noteText(b.scan), "object_refs": about,
		"labels": []string{"presumptive", b.scan.Verdict}}
	if fs := b.scan.Identification.Findings; len(fs) > 0 {
		best := slices.MaxFunc(fs, func(x, y identify.Finding) int { return int(math.Copysign(1, x.Probability-y.Probability)) })
		o["confidence"] = confidence(best.Probability)
	}
	b.add("note", b.scanSeed(), false, o)
}

func (b *builder) grouping() {
	var refs []string
	for _, o := range b.objects[1:] { // all but the marking
		refs = append(refs, o["id"].(string))
	}
	ctx := "unspecified"
	if b.scan.Verdict == string(identify.Alarm) {
		ctx = "suspicious-activity"
	}
	o := Object{"name": b.named("Scan of " + b.scan.Acquired.UTC().Format(time.RFC3339) + ": " + b.scan.Headline),
		"description": identify.Presumptive, "context": ctx, "object_refs": refs, "labels": []string{"presumptive", b.scan.Verdict}}
	ext := []Object{{"source_name": "fentrace-scan", "external_id": b.scan.ID}}
	for _, e := range []struct{ name, id string }{{"case", b.scan.Case}, {"exhibit", b.scan.Exhibit}} {
		if e.id != "" {
			ext = append(ext, Object{"source_name": e.name, "external_id": e.id})
		}
	}
	o["external_references"] = ext
	b.add("grouping", b.scanSeed(), false, o)
}

func confidence(probability float64) int {
	return min(PresumptiveConfidence, int(math.Round(100*probability)))
}

// distinct keeps the first finding of each substance.
func distinct(fs []identify.Finding) []identify.Finding {
	var out []identify.Finding
	for _, f := range fs {
		if !slices.ContainsFunc(out, func(g identify.Finding) bool { return g.Substance == f.Substance }) {
			out = append(out, f)
		}
	}
	return out
}

func nonEmpty(words ...string) []string {
	return slices.DeleteFunc(words, func(s string) bool { return s == "" })
}

func when(cond bool, word string) string {
	if cond {
		return word
	}
	return ""
}
