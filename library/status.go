package library

import (
	"regexp"
	"strings"
)

// FentanylClass reports whether s is fentanyl or one of its analogs, the class the alarm is named for.
func (s Substance) FentanylClass() bool {
	return s.Class == "fentanyl" || s.Class == "fentanyl-analog"
}

// ControlledBy reports whether a legal status in a source's words names a schedule of the US Controlled
// Substances Act (I to V, temporary orders included), List I or II of chemicals, or the class of fentanyl-related
// substances (21 U.S.C. 812(c), Schedule I (e)). An empty text and one that begins with a denial do not.
func ControlledBy(schedule string) bool {
	s := strings.TrimSpace(schedule)
	if s == "" || denied.MatchString(s) {
		return false
	}
	return scheduled.MatchString(s)
}

var (
	denied    = regexp.MustCompile(`(?i)^(not |no |non-?controlled|un-?scheduled|de-?scheduled|exempt|removed)`)
	scheduled = regexp.MustCompile(`\b(?i:CSA|schedule|list|C)[ -](List )?(I|II|III|IV|V)\b|\bFRS\b|(?i)fentanyl-related substance|temporar(y|ily) (order|schedul)`)
)

// FromMemory reports whether any of the texts says that its value was not checked against a source.
func FromMemory(texts ...string) bool {
	for _, t := range texts {
		if unchecked.MatchString(t) {
			return true
		}
	}
	return false
}

var unchecked = regexp.MustCompile(`(?i)\b(memory|doubtful)\b`)
