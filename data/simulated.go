package data

import _ "embed"

// SimulatedLines is simulated.csv: SIMULATED vibrational lines of well-known substances for the demo, tests and
// benchmarks, read with simulate.ParseLines. They are semi-empirical, err by tens of cm-1 and are never a
// reference for a real scan. Made by data/build/simulated.
//
//go:embed simulated.csv
var SimulatedLines []byte
