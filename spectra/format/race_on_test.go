//go:build race

package format

// underRace: memory cannot be measured, since the race detector takes some of its own and empties pools at random.
const underRace = true
