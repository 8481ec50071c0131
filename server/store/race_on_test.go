//go:build race

package store

// underRace: memory cannot be measured, since the race detector takes some of its own.
const underRace = true
