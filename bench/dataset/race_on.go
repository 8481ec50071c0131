//go:build race

package dataset

// Race reports whether the program was built with the race detector, under which whole measurements take too long.
const Race = true
