// Package rows is the table that many answers make: the same columns for a batch on the command line and one on a server.
package rows

import (
	"strconv"
	"strings"
	"unicode"

	"fentrace/library/identify"
)

// Column is one column. Numbers are written as they are; text comes from files and is made harmless.
type Column struct {
	Name   string
	Number bool // of kind, or missing
	of     func(r Row) string
}

// Cell is what stands in the column of a row.
func (c Column) Cell(r Row) string { return c.of(r) }

// Row is an answer with its findings and candidates in one list, the most important first.
type Row struct {
	identify.Identification
	failed bool
	ranked []identify.Finding
}

// Columns are those of a batch, in order.
var Columns = []Column{
	{"file", false, func(r Row) string { return Text(r.File) }},
	{"sha256", false, func(r Row) string { return Text(r.SHA256) }},
	{"technique", false, func(r Row) string { return Text(r.Technique) }},
	{"verdict", false, func(r Row) string { return Text(string(r.Verdict)) }},
	{"headline", false, func(r Row) string { return Text(r.Headline) }},
	{"substance", false, first(func(f identify.Finding) string { return Text(f.Substance) })},
	{"cas", false, first(func(f identify.Finding) string { return Text(f.CAS) })},
	{"class", false, first(func(f identify.Finding) string { return Text(f.Class) })},
	{"controlled", false, first(func(f identify.Finding) string { return strconv.FormatBool(f.Controlled) })},
	{"tier", false, first(func(f identify.Finding) string { return Text(string(f.Tier)) })},
	{"score", true, first(func(f identify.Finding) string { return decimal(f.Score, 4) })},
	{"probability", true, first(func(f identify.Finding) string { return decimal(f.Probability, 3) })},
	{"shift_cm1", true, first(func(f identify.Finding) string { return decimal(f.ShiftCM1, 2) })},
	{"fraction", true, first(func(f identify.Finding) string {
		if f.Fraction == nil {
			return ""
		}
		return decimal(f.Fraction.Estimate, 3)
	})},
	{"unexplained", true, answered(func(r Row) string { return decimal(r.Unexplained, 3) })},
	{"snr", true, answered(func(r Row) string { return decimal(r.Quality.SNR, 1) })},
	{"saturated", true, answered(func(r Row) string { return strconv.Itoa(r.Quality.Saturated) })},
	{"fluorescence", true, answered(func(r Row) string { return decimal(r.Quality.Fluorescence, 3) })},
	{"axis", false, func(r Row) string { return Text(r.Quality.Axis) }},
	{"reasons", false, func(r Row) string { return Text(strings.Join(r.Reasons, "; ")) }},
	{"next_steps", false, func(r Row) string { return Text(strings.Join(r.NextSteps, "; ")) }},
	{"candidate_2", false, nth(1, func(f identify.Finding) string { return Text(f.Substance) })},
	{"candidate_2_score", true, nth(1, func(f identify.Finding) string { return decimal(f.Score, 4) })},
	{"library", false, func(r Row) string { return Text(r.Library) }},
	{"algorithm", false, func(r Row) string { return Text(r.Algorithm) }},
	{"simulated", false, answered(func(r Row) string {
		if r.Simulated {
			return "SIMULATED"
		}
		return ""
	})},
	{"error", false, func(r Row) string { return Text(r.Error) }},
	{"note", false, answered(func(Row) string { return identify.Presumptive })},
}

func answered(of func(Row) string) func(Row) string {
	return func(r Row) string {
		if r.failed {
			return ""
		}
		return of(r)
	}
}

func nth(n int, of func(identify.Finding) string) func(Row) string {
	return func(r Row) string {
		if len(r.ranked) <= n {
			return ""
		}
		return of(r.ranked[n])
	}
}

func first(of func(identify.Finding) string) func(Row) string { return nth(0, of) }

func decimal(v float64, digits int) string { return strconv.FormatFloat(v, 'f', digits, 64) }

// Text is one line that no spreadsheet takes for a formula: what begins like one gets an apostrophe before it
// (OWASP, CSV injection).
func Text(s string) string {
	s = strings.TrimSpace(plain(s))
	if s != "" && strings.ContainsRune("=+-@", rune(s[0])) {
		return "'" + s
	}
	return s
}

// Of is the row of an answer. It ranks what that names: controlled findings, other findings, then candidates.
func Of(ans identify.Identification) Row {
	r := Row{Identification: ans}
	named := map[string]bool{}
	take := func(fs []identify.Finding, want func(identify.Finding) bool) {
		for _, f := range fs {
			if !named[f.Substance] && want(f) {
				named[f.Substance] = true
				r.ranked = append(r.ranked, f)
			}
		}
	}
	all := func(identify.Finding) bool { return true }
	take(ans.Findings, func(f identify.Finding) bool { return f.Controlled })
	take(ans.Findings, all)
	take(ans.Candidates, all)
	return r
}

// Unanswered is the row of a file, or a spectrum, without an answer. sum is empty when it could not be read at all.
func Unanswered(file, sum, why string) Row {
	r := Row{failed: true}
	r.File, r.SHA256, r.Error = file, sum, why
	return r
}

// plain makes control characters, and characters that turn the writing direction, spaces.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, s)
}
