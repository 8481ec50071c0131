// Package exchange writes what partners read: GeoJSON (RFC 7946) and STIX 2.1 (OASIS Standard, 10 June 2021).
package exchange

import (
	"slices"
	"time"

	"fentrace/library/identify"
	"fentrace/server/store"
)

// GeoJSONType is the media type of a FeatureCollection (RFC 7946, section 12).
const GeoJSONType = "application/geo+json"

// FeatureCollection is answered scans as points. Matched, WithoutPlace, Presumptive and NextCursor are foreign members
// (RFC 7946, section 6.1): how many scans with a place match (more than Features when a limit cut the list), and
// how many match but have none.
type FeatureCollection struct {
	Type         string    `json:"type" enum:"FeatureCollection"`
	Features     []Feature `json:"features"`
	Matched      int       `json:"matched"`
	WithoutPlace int       `json:"without_place"`
	Presumptive  string    `json:"presumptive"`
	NextCursor   string    `json:"next_cursor" doc:"empty on the last page"`
}

// Feature is one scan.
type Feature struct {
	Type       string     `json:"type" enum:"Feature"`
	ID         string     `json:"id"`
	Geometry   Geometry   `json:"geometry"`
	Properties Properties `json:"properties"`
}

// Geometry is a point, longitude first, WGS 84 degrees.
type Geometry struct {
	Type        string     `json:"type" enum:"Point"`
	Coordinates [2]float64 `json:"coordinates"`
}

// Properties are what a map shows of a scan. Probability (0..1) is that of the likeliest finding, 0 without one.
type Properties struct {
	ScanID      string    `json:"scan_id"`
	Verdict     string    `json:"verdict"`
	Headline    string    `json:"headline"`
	Summary     string    `json:"summary"`
	Substances  []string  `json:"substances"`
	Classes     []string  `json:"classes"`
	Probability float64   `json:"probability"`
	Acquired    time.Time `json:"acquired"`
	County      string    `json:"county"`
	State       string    `json:"state"`
	FIPS        string    `json:"fips"`
	PrecisionM  *float64  `json:"precision_m"`
	Simulated   bool      `json:"simulated"`
}

// GeoJSON turns points into a collection. It never holds null in place of a list.
func GeoJSON(points []store.Point, matched, withoutPlace int) FeatureCollection {
	fc := FeatureCollection{Type: "FeatureCollection", Features: make([]Feature, 0, len(points)),
		Matched: matched, WithoutPlace: withoutPlace, Presumptive: identify.Presumptive}
	for _, p := range points {
		props := Properties{ScanID: p.ScanID, Verdict: p.Verdict, Headline: p.Headline, Summary: p.Summary,
			Substances: []string{}, Classes: []string{}, Acquired: p.Acquired, County: p.County, State: p.State, FIPS: p.FIPS,
			PrecisionM: p.PrecisionM, Simulated: p.Simulated}
		for _, f := range p.Findings {
			props.Substances = appendNew(props.Substances, f.Substance)
			props.Classes = appendNew(props.Classes, f.Class)
			props.Probability = max(props.Probability, f.Probability)
		}
		fc.Features = append(fc.Features, Feature{Type: "Feature", ID: p.ScanID, Properties: props,
			Geometry: Geometry{Type: "Point", Coordinates: [2]float64{p.Longitude, p.Latitude}}})
	}
	return fc
}

func appendNew(list []string, s string) []string {
	if s == "" || slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}
