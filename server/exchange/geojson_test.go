package exchange

import (
	"encoding/json"
	"strings"
	"testing"

	"fentrace/server/store"
)

func TestGeoJSONHasLongitudeFirstAndNoNulls(t *testing.T) {
	fc := GeoJSON([]store.Point{
		{ScanID: "a", Latitude: 39.8, Longitude: -104.3, Findings: []store.PointFinding{
			{Substance: "fentanyl", Class: "opioid", Probability: 0.6}, {Substance: "heroin", Class: "opioid", Probability: 0.9}}},
		{ScanID: "b", Simulated: true},
	}, 7, 3)
	b, err := json.Marshal(fc)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"type":"FeatureCollection"`, `"geometry":{"type":"Point","coordinates":[-104.3,39.8]}`,
		`"substances":["fentanyl","heroin"],"classes":["opioid"],"probability":0.9`, `"substances":[],"classes":[],"probability":0`,
		`"matched":7`, `"without_place":3`, `"simulated":true`} {
		if !strings.Contains(string(b), want) {
			t.Errorf("%s lacks %s", b, want)
		}
	}
	if b, _ := json.Marshal(GeoJSON(nil, 0, 0)); !strings.Contains(string(b), `"features":[]`) {
		t.Errorf("an empty collection is %s", b)
	}
}
