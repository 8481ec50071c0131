package main

import (
	"encoding/json"
	"io"
	"os"
	"strings"
	"unicode"

	"github.com/rivo/uniseg"
	"golang.org/x/term"
)

// columns is the width everything is laid out for: that of the narrowest terminal in use.
const columns = 80

// plain makes text from files, devices and error messages fit for a terminal: control characters, which could move
// the cursor or change what stands above, and characters that turn the writing direction become spaces.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, s)
}

// wrap breaks text at spaces into lines that, after an indent of the given width, end before the last column. A
// word longer than a line is cut.
func wrap(text string, indent int) []string {
	width := max(columns-1-indent, 20)
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(plain(text)) {
		switch {
		case line == "":
			line = word
		case uniseg.StringWidth(line)+1+uniseg.StringWidth(word) <= width:
			line += " " + word
		default:
			lines = append(lines, line)
			line = word
		}
		for uniseg.StringWidth(line) > width {
			head, tail := cut(line, width)
			lines = append(lines, head)
			line = tail
		}
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}

// cut splits s after at most width columns.
func cut(s string, width int) (head, tail string) {
	state, used := -1, 0
	rest := s
	for len(rest) > 0 {
		cluster, next, w, newState := uniseg.FirstGraphemeClusterInString(rest, state)
		if used+w > width && used > 0 {
			break
		}
		used += w
		head += cluster
		rest, state = next, newState
	}
	return head, rest
}

// fit shortens s to width columns, with an ellipsis where something was cut off, and fills it up with spaces.
func fit(s string, width int) string {
	s = plain(s)
	if uniseg.StringWidth(s) > width {
		head, _ := cut(s, width-1)
		s = head + "…"
	}
	return s + strings.Repeat(" ", max(width-uniseg.StringWidth(s), 0))
}

// isTerminal tells whether a person looks at the stream.
func isTerminal(stream any) bool {
	f := file(stream)
	return f != nil && term.IsTerminal(int(f.Fd()))
}

// colours tells whether the stream may be coloured (no-color.org; a terminal called "dumb" cannot).
func colours(stream any) bool {
	return isTerminal(stream) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// printJSON writes v as one line; indented where it is meant to be read as a document.
func printJSON(w io.Writer, v any, indent bool) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	if indent {
		e.SetIndent("", "  ")
	}
	return e.Encode(v)
}
