package library

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
)

// Labels of exported JCAMP-DX files that bring back what the standard has no label for: the substance, and the
// reference without its data, each as JSON. A "$" marks a private label in JCAMP-DX.
const (
	substanceLabel = "$FENTRACE SUBSTANCE"
	referenceLabel = "$FENTRACE REFERENCE"
)

// labels is what an exported file says about itself.
type labels struct {
	substance *Substance
	reference *Reference
}

// readLabels finds the labels of an export among the fields of a file, however their label was folded.
func readLabels(fields map[string]string) (labels, error) {
	var out labels
	for key, value := range fields {
		switch foldLabel(key) {
		case foldLabel(substanceLabel):
			if err := json.Unmarshal([]byte(value), &out.substance); err != nil {
				return labels{}, fmt.Errorf("label %s: %w", key, err)
			}
		case foldLabel(referenceLabel):
			if err := json.Unmarshal([]byte(value), &out.reference); err != nil {
				return labels{}, fmt.Errorf("label %s: %w", key, err)
			}
		}
	}
	if s := out.substance; s != nil {
		s.Name = cleanName(s.Name)
		if s.Name == "" {
			return labels{}, fmt.Errorf("label %s: %w: the substance has no name", substanceLabel, ErrInvalid)
		}
		if s.ID == "" {
			s.ID = SubstanceID(s.Name)
		}
	}
	return out, nil
}

func foldLabel(key string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToUpper(r)
		}
		return -1
	}, key)
}

// labelJSON is v as one line of ASCII without "$", which begins a comment in JCAMP-DX.
func labelJSON(v any) (string, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, r := range string(raw) {
		switch {
		case r == '$':
			b.WriteString(`\u0024`)
		case r < unicode.MaxASCII:
			b.WriteRune(r)
		default:
			for _, unit := range utf16.Encode([]rune{r}) {
				fmt.Fprintf(&b, `\u%04x`, unit)
			}
		}
	}
	return b.String(), nil
}
