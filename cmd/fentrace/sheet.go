package main

import (
	"fmt"
	"io"
	"math"
	"strings"

	"fentrace/library"
	"fentrace/library/identify"
)

// sheet prints answers for a person. It keeps the first error of writing.
type sheet struct {
	w      io.Writer
	colour bool
	err    error
}

func (env *environment) newSheet() *sheet { return &sheet{w: env.stdout, colour: colours(env.stdout)} }

// ANSI colours of the verdicts: red, amber, grey-blue, never green. The words carry the meaning.
var verdictColours = map[identify.Verdict]string{
	identify.Alarm: "\x1b[1;31m", identify.Inconclusive: "\x1b[1;33m", identify.NoAlarm: "\x1b[1;34m",
}

const (
	colourOff    = "\x1b[0m"
	simulatedTag = "SIMULATED"
)

func (s *sheet) line(text string) {
	if s.err == nil {
		_, s.err = fmt.Fprintln(s.w, strings.TrimRight(text, " "))
	}
}

// block prints a label and, beside it, text wrapped at the same indent.
func (s *sheet) block(label, text string) {
	const indent = 8
	for i, l := range wrap(text, indent) {
		if i > 0 {
			label = ""
		}
		s.line(fit("  "+label, indent) + l)
	}
}

// answer prints one answer: the file, the verdict word, a line per finding, why, what next, and what it is worth.
func (s *sheet) answer(a answer) {
	if a.err != nil {
		s.name(a.File, false)
		s.block("", "NOT READ: "+strings.TrimPrefix(a.err.Error(), "read "+a.File+": "))
		return
	}
	s.name(a.File, a.Simulated)
	for _, l := range wrap(a.Headline, 2) {
		if s.colour {
			l = verdictColours[a.Verdict] + l + colourOff
		}
		s.line("  " + l)
	}
	for _, l := range wrap(a.Summary, 2) {
		s.line("  " + l)
	}
	for _, f := range a.Findings {
		s.finding("found", f)
	}
	if len(a.Findings) == 0 && len(a.Candidates) > 0 {
		s.finding("best", a.Candidates[0])
	}
	for _, r := range a.Reasons {
		if !strings.Contains(a.Summary, r) { // the summary of an answer withheld is its reason
			s.block("why", r)
		}
	}
	if a.Verdict == identify.NoAlarm {
		s.limits(a.DetectionLimits)
	}
	for _, n := range a.NextSteps {
		s.block("next", n)
	}
	s.line("  " + identify.Presumptive)
}

// name prints a file's name, with SIMULATED at the right edge.
func (s *sheet) name(file string, simulated bool) {
	if !simulated {
		for _, l := range wrap(file, 0) {
			s.line(l)
		}
		return
	}
	width := columns - 1 - len(simulatedTag) - 1
	lines := wrap(file, columns-1-width)
	for i, l := range lines {
		if i == 0 {
			l = fit(l, width) + " " + simulatedTag
		}
		s.line(l)
	}
}

// finding prints a substance on one line, with its share of the signal on the next.
func (s *sheet) finding(label string, f identify.Finding) {
	name := f.Substance
	if f.Tier == library.Simulated {
		name = simulatedTag + " " + name
	}
	about := string(f.Tier)
	if f.Class != "" {
		about = f.Class + ", " + about
	}
	if f.Controlled {
		about = "CONTROLLED " + about
	}
	if f.Unverified {
		about += ", data unverified"
	}
	if f.Container {
		about += ", container, not sample"
	}
	text := fmt.Sprintf("%s (%s) %s", name, about, probability(f.Probability))
	if f.Fraction != nil {
		text += ", " + share(*f.Fraction)
	}
	s.block(label, text)
}

// probability in words; the ends are never stated as certain.
func probability(p float64) string {
	switch {
	case p > 0.99:
		return "probability > 99 %"
	case p < 0.01:
		return "probability < 1 %"
	}
	return fmt.Sprintf("probability %.0f %%", 100*p)
}

// share of the signal with its interval, in whole percent: the interval supports no more digits.
func share(f identify.Fraction) string {
	return fmt.Sprintf("%.0f %% of the signal (%.0f to %.0f)", 100*f.Estimate, math.Floor(100*f.Low), math.Ceil(100*f.High))
}

// limits says what the scan could not have shown.
func (s *sheet) limits(limits []identify.DetectionLimit) {
	if len(limits) == 0 {
		return
	}
	parts := make([]string, len(limits))
	for i, l := range limits {
		parts[i] = fmt.Sprintf("%s %.0f %%", l.Substance, math.Ceil(100*l.Fraction))
	}
	s.block("limit", "could be there unseen below these shares of the signal: "+strings.Join(parts, ", "))
}
