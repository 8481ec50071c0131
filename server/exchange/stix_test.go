package exchange

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"fentrace/library"
	"fentrace/library/identify"
	"fentrace/server/store"
	"fentrace/server/tlp"
)

func ptr(v float64) *float64 { return &v }

// scans are the cases a bundle must be valid for.
func scans() map[string]store.Scan {
	finding := identify.Finding{Substance: "fentanyl", CAS: "437-38-7", Class: "fentanyl", Controlled: true, Tier: library.Measured,
		Score: 0.97, Probability: 0.99, Fraction: &identify.Fraction{Estimate: 0.1, Low: 0.05, High: 0.2}}
	base := store.Scan{ID: "0b5b7a1e-64a5-4a0b-b4d4-0c6f0a0d6f10", SHA256: strings.Repeat("ab", 32), Filename: "a \u2028\"b\".jdx",
		Created: time.Date(2026, 11, 1, 12, 0, 0, 123456000, time.UTC), Acquired: time.Date(2026, 10, 31, 23, 0, 0, 0, time.UTC),
		Technique: "raman", Verdict: "alarm", Headline: "ALARM: fentanyl", Summary: "One sentence.", Officer: "Ruiz",
		Identification: identify.Identification{Findings: []identify.Finding{finding}, Reasons: []string{"a reason"},
			NextSteps: []string{"send to laboratory"}, Library: "lib-1", Algorithm: "alg-1", Pipeline: "pipe-1",
			DetectionLimits: []identify.DetectionLimit{{Substance: "fentanyl", Fraction: 0.08}}}}
	out := map[string]store.Scan{"bare": base}

	full := base
	full.Location = &store.Location{Latitude: ptr(39.8), Longitude: ptr(-104.3), PrecisionM: ptr(25), County: "Adams", State: "CO", FIPS: "08001"}
	full.Case, full.Exhibit = "C 7", "E-1"
	out["full"] = full

	region := base
	region.Location = &store.Location{County: "Adams", State: "CO", FIPS: "08001"}
	out["county only"] = region

	nowhere := base
	nowhere.Location = &store.Location{County: "Adams"}
	out["county without country"] = nowhere

	none := base
	none.Verdict, none.Headline = "inconclusive", "NO ANSWER: signal too weak"
	none.Identification.Findings = nil
	none.Filename = ""
	out["no findings"] = none

	sim := full
	sim.Simulated = true
	out["simulated"] = sim

	mixture := full
	mixture.Identification.Findings = []identify.Finding{finding, finding,
		{Substance: "caffeine", Class: "cutting agent", Tier: library.Published, Probability: 0.3, Unverified: true},
		{Substance: "unnamed analog", Controlled: true, Tier: library.Published, Probability: 0.5}}
	out["mixture"] = mixture
	return out
}

var options = STIXOptions{Organisation: "County Laboratory", InChIKey: func(name string) string {
	if name == "fentanyl" {
		return "PJMPHNIQZUBGLI-UHFFFAOYSA-N"
	}
	return ""
}}

// decoded is the bundle as a reader gets it.
func decoded(t *testing.T, sc store.Scan, o STIXOptions) map[string]any {
	t.Helper()
	b, err := json.Marshal(Bundle(sc, o))
	if err != nil {
		t.Fatal(err)
	}
	var v map[string]any
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func objects(bundle map[string]any) []map[string]any {
	var out []map[string]any
	for _, o := range bundle["objects"].([]any) {
		out = append(out, o.(map[string]any))
	}
	return out
}

func ofType(bundle map[string]any, kind string) []map[string]any {
	return slices.DeleteFunc(objects(bundle), func(o map[string]any) bool { return o["type"] != kind })
}

// schemas compiles the published STIX 2.1 schemas by object type.
func schemas(t *testing.T) map[string]*jsonschema.Schema {
	t.Helper()
	root := filepath.Join("..", "..", "..", "shared", "oracles", "stix", "schemas")
	if _, err := os.Stat(root); errors.Is(err, fs.ErrNotExist) {
		t.Skipf("the STIX schemas are not at %s", root)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	ids := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".json" {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		doc, err := jsonschema.UnmarshalJSON(f)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		id := doc.(map[string]any)["$id"].(string)
		ids[strings.TrimSuffix(filepath.Base(path), ".json")] = id
		return c.AddResource(id, doc)
	})
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]*jsonschema.Schema{}
	for kind, id := range ids {
		s, err := c.Compile(id)
		if err != nil {
			t.Fatalf("compile %s: %v", kind, err)
		}
		out[kind] = s
	}
	return out
}

func TestBundlesAreValidAgainstThePublishedSchemas(t *testing.T) {
	known := schemas(t)
	for name, sc := range scans() {
		t.Run(name, func(t *testing.T) {
			b := decoded(t, sc, options)
			all := objects(b)
			// bundle.json lists some types only; any other must match exactly one of core.json and
			// cyber-observable-core.json, and every domain object matches both. Those are checked one by one below.
			b["objects"] = slices.DeleteFunc(b["objects"].([]any), func(o any) bool {
				return slices.Contains([]any{"location", "note", "grouping"}, o.(map[string]any)["type"])
			})
			if err := known["bundle"].Validate(b); err != nil {
				t.Errorf("bundle: %v", err)
			}
			for _, o := range all {
				kind := o["type"].(string)
				if known[kind] == nil {
					t.Fatalf("%s is not a STIX object", kind)
				}
				if err := known[kind].Validate(o); err != nil {
					t.Errorf("%s: %v", kind, err)
				}
			}
		})
	}
	// The check can fail: the same location without its longitude is refused.
	o := ofType(decoded(t, scans()["full"], options), "location")[0]
	delete(o, "longitude")
	if known["location"].Validate(o) == nil {
		t.Error("the schemas accept a latitude without longitude: they are not in force")
	}
}

// refs collects every value of a property that names another object.
func refs(v any, found map[string]string, key string) {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			refs(e, found, k)
		}
	case []any:
		for _, e := range v {
			refs(e, found, key)
		}
	case string:
		if strings.HasSuffix(key, "_ref") || strings.HasSuffix(key, "_refs") {
			found[v] = key
		}
	}
}

// The schemas do not check these (their README says so).
func TestBundlesKeepTheRulesThatSchemasCannotSay(t *testing.T) {
	stamp := regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`)
	for name, sc := range scans() {
		t.Run(name, func(t *testing.T) {
			b := decoded(t, sc, options)
			ids := map[string]bool{}
			for _, o := range objects(b) {
				id, kind := o["id"].(string), o["type"].(string)
				if !strings.HasPrefix(id, kind+"--") {
					t.Errorf("id %s of a %s", id, kind)
				}
				if ids[id] {
					t.Errorf("%s is there twice", id)
				}
				ids[id] = true
				if o["spec_version"] != "2.1" {
					t.Errorf("%s has spec_version %v", id, o["spec_version"])
				}
				if m, ok := o["modified"].(string); ok && (m < o["created"].(string) || !stamp.MatchString(m) || !stamp.MatchString(o["created"].(string))) {
					t.Errorf("%s created %v modified %s", id, o["created"], m)
				}
				if c, ok := o["confidence"].(float64); ok && (c > PresumptiveConfidence || c < 0) {
					t.Errorf("%s has confidence %v although it is presumptive", id, c)
				}
				if kind != "marking-definition" && cmp.Diff(o["object_marking_refs"], []any{tlpIDs[tlp.Amber]}) != "" {
					t.Errorf("%s is marked %v", id, o["object_marking_refs"])
				}
			}
			found := map[string]string{}
			refs(b, found, "")
			for id, key := range found {
				if !ids[id] {
					t.Errorf("%s names %s, which the bundle does not hold", key, id)
				}
			}
			text, _ := json.Marshal(b)
			for _, word := range []string{"identified", "confirmed", "safe", "clean", "negative", "Ruiz"} {
				if regexp.MustCompile(`(?i)\b` + word + `\b`).Match(text) {
					t.Errorf("the bundle says %q", word)
				}
			}
		})
	}
}

func TestTheSameScanGivesTheSameBundleAndTheSameSubstanceTheSameIndicator(t *testing.T) {
	sc := scans()["full"]
	if diff := cmp.Diff(decoded(t, sc, options), decoded(t, sc, options)); diff != "" {
		t.Error(diff)
	}
	other := sc
	other.SHA256, other.Created = strings.Repeat("cd", 32), sc.Created.AddDate(0, 1, 0)
	a, b := decoded(t, sc, options), decoded(t, other, options)
	for _, kind := range []string{"indicator", "location", "identity"} {
		if diff := cmp.Diff(ofType(a, kind), ofType(b, kind)); diff != "" {
			t.Errorf("%s differs between two scans: %s", kind, diff)
		}
	}
	for _, kind := range []string{"sighting", "observed-data", "note", "grouping", "file"} {
		if ofType(a, kind)[0]["id"] == ofType(b, kind)[0]["id"] {
			t.Errorf("two scans share a %s", kind)
		}
	}
}

func TestSimulatedBundlesSaySoAndShareNothingWithRealOnes(t *testing.T) {
	sim, real := decoded(t, scans()["simulated"], options), decoded(t, scans()["full"], options)
	realIDs := map[any]bool{}
	for _, o := range objects(real) {
		realIDs[o["id"]] = true
	}
	for _, o := range objects(sim) {
		kind := o["type"].(string)
		if kind == "marking-definition" || kind == "file" { // the mark has no sample; the file is named by its bytes
			continue
		}
		if labels, _ := o["labels"].([]any); !slices.Contains(labels, any("simulated")) {
			t.Errorf("%s is not labelled simulated: %v", kind, labels)
		}
		for _, p := range []string{"name", "abstract"} {
			if v, ok := o[p].(string); ok && !strings.HasPrefix(v, "SIMULATED ") {
				t.Errorf("%s has the %s %q", kind, p, v)
			}
		}
		if realIDs[o["id"]] {
			t.Errorf("%s shares its id with a real one", kind)
		}
	}
	if c := ofType(sim, "note")[0]["content"].(string); !strings.HasPrefix(c, "SIMULATED") {
		t.Errorf("note %q", c)
	}
}

func TestWhatABundleHolds(t *testing.T) {
	b := decoded(t, scans()["mixture"], options)
	var patterns []string
	for _, i := range ofType(b, "indicator") {
		patterns = append(patterns, fmt.Sprint(i["pattern_type"], " ", i["pattern"]))
	}
	want := []string{"inchikey PJMPHNIQZUBGLI-UHFFFAOYSA-N", "stix [file:hashes.'SHA-256' = '" + strings.Repeat("ab", 32) + "']",
		"stix [file:hashes.'SHA-256' = '" + strings.Repeat("ab", 32) + "']"}
	if diff := cmp.Diff(want, patterns); diff != "" {
		t.Error(diff)
	}
	s := ofType(b, "sighting")
	if len(s) != 3 || s[0]["confidence"] != 60.0 || s[1]["confidence"] != 30.0 || len(s[0]["where_sighted_refs"].([]any)) != 2 {
		t.Errorf("sightings %v", s)
	}
	l := ofType(b, "location")[0]
	if l["latitude"] != 39.8 || l["longitude"] != -104.3 || l["precision"] != 25.0 || l["country"] != "US" || l["administrative_area"] != "US-CO" {
		t.Errorf("location %v", l)
	}
	if n := len(ofType(decoded(t, scans()["county without country"], options), "location")); n != 0 {
		t.Errorf("%d locations without coordinates or country", n)
	}
	note := ofType(b, "note")[0]["content"].(string)
	for _, w := range []string{identify.Presumptive, "alarm", "ALARM: fentanyl", "a reason", "send to laboratory", "lib-1", "alg-1", "pipe-1", "8 %", strings.Repeat("ab", 32)} {
		if !strings.Contains(note, w) {
			t.Errorf("the note does not mention %q:\n%s", w, note)
		}
	}
	noCAS := options
	noCAS.InChIKey = nil
	if p := ofType(decoded(t, scans()["bare"], noCAS), "indicator")[0]; p["pattern_type"] != "cas" || p["pattern"] != "437-38-7" {
		t.Errorf("indicator %v", p)
	}
}

func TestMarkings(t *testing.T) {
	for level, want := range map[tlp.Level]string{"": "TLP:AMBER", tlp.Clear: "TLP:CLEAR", tlp.AmberStrict: "TLP:AMBER+STRICT", tlp.Red: "TLP:RED", "purple": "TLP:RED"} {
		o := options
		o.TLP = level
		if got := ofType(decoded(t, scans()["bare"], o), "marking-definition")[0]; got["name"] != want {
			t.Errorf("%q is marked %v, want %s", level, got["name"], want)
		}
	}
}

// The vector of STIX 2.1 for deterministic ids of cyber-observables.
func TestCyberObservableIDsFollowTheStandard(t *testing.T) {
	if got := scoID("ipv4-addr", Object{"value": "198.51.100.3"}); got != "ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4" {
		t.Error(got)
	}
	if got := canonical(Object{"b": "<\u2028>", "a": `\u2028`}); got != "{\"a\":\"\\\\u2028\",\"b\":\"<\u2028>\"}" {
		t.Errorf("canonical form %s", got)
	}
}
