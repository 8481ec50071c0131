package demo

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"math"
	"strconv"

	"fentrace/data"
)

// County is a place of the simulated month.
type County struct {
	FIPS, Name, State   string
	Latitude, Longitude float64 // degrees, WGS 84; approximate
}

// Counties reads the embedded table.
func Counties() ([]County, error) {
	rows := csv.NewReader(bytes.NewReader(data.Counties))
	rows.Comment = '#'
	all, err := rows.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("read the embedded counties: %w", err)
	}
	var out []County
	for i, row := range all {
		if i == 0 {
			continue // the header
		}
		c := County{FIPS: row[0], Name: row[1], State: row[2]}
		var latErr, lonErr error
		c.Latitude, latErr = strconv.ParseFloat(row[3], 64)
		c.Longitude, lonErr = strconv.ParseFloat(row[4], 64)
		if err := errors.Join(latErr, lonErr); err != nil {
			return nil, fmt.Errorf("read the embedded counties: %s, %s: %w", c.Name, c.State, err)
		}
		out = append(out, c)
	}
	return out, nil
}

// kmPerDegree of latitude.
const kmPerDegree = 111.2

// distanceKM is the distance of two places; flat, which is right to a percent over a few hundred kilometres.
func distanceKM(a, b County) float64 {
	east := (b.Longitude - a.Longitude) * math.Cos((a.Latitude+b.Latitude)/2*math.Pi/180)
	return kmPerDegree * math.Hypot(east, b.Latitude-a.Latitude)
}
