// Package racedetector tells tests of the race detector. Under it memory cannot be measured, since it takes some of its own, and what asks
// many thousand times or measures whole tables takes too long: `make test` runs those tests apart. No program imports it.
package racedetector

import "testing"

// Skip skips the test under the race detector.
func Skip(t testing.TB) {
	t.Helper()
	if On {
		t.Skip("run without the race detector: see make test")
	}
}
