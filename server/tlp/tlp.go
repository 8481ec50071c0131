// Package tlp is the Traffic Light Protocol 2.0 (FIRST, 2022): to whom what is marked may be shown.
package tlp

import (
	"fmt"
	"slices"
	"strings"
)

// Level is one of the Protocol's levels.
type Level string

// The levels.
const (
	Clear       Level = "clear"        // everybody
	Green       Level = "green"        // the community: everybody with an account
	Amber       Level = "amber"        // the agency, and those it shares with
	AmberStrict Level = "amber+strict" // the agency only
	Red         Level = "red"          // only the people cleared for it in the agency
)

// Levels are all of these, the widest first.
var Levels = []Level{Clear, Green, Amber, AmberStrict, Red}

// Parse reads a level, with or without "TLP:" before it, in any case.
func Parse(s string) (Level, error) {
	l := Level(strings.TrimPrefix(strings.ToLower(strings.TrimSpace(s)), "tlp:"))
	if !slices.Contains(Levels, l) {
		return "", fmt.Errorf("TLP %q: use clear, green, amber, amber+strict or red", s)
	}
	return l, nil
}

// Rank is 0 for Clear to 4 for Red. What is no level counts as Red.
func (l Level) Rank() int {
	if i := slices.Index(Levels, l); i >= 0 {
		return i
	}
	return len(Levels) - 1
}

// OfRank is the level of a rank; what is no rank is Red.
func OfRank(rank int) Level {
	if rank < 0 || rank >= len(Levels) {
		return Red
	}
	return Levels[rank]
}

// Strictest is the stricter one of two.
func Strictest(a, b Level) Level { return OfRank(max(a.Rank(), b.Rank())) }

// String is the marking as it is printed: TLP:AMBER+STRICT.
func (l Level) String() string { return "TLP:" + strings.ToUpper(string(l)) }
