package data

import _ "embed"

// Counties is counties.csv: real US counties with approximate coordinates, the places of the demo's SIMULATED scans.
//
//go:embed counties.csv
var Counties []byte
