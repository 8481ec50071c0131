//go:build race

package server

// underRace: memory cannot be measured, since the race detector takes some of its own; and what asks many thousand times takes too long.
// `make test` runs those tests apart.
const underRace = true
