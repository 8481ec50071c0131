//go:build race

package racedetector

// On tells whether the program was built with the race detector.
const On = true
