// Package retention says how long scans are kept.
//
// A policy is a list of rules, such as "case=HOM*: keep; simulated: 90d; verdict=no_alarm tlp=clear: 2y". The first rule that fits a
// scan decides; a scan that none fits is kept. Persons are not recorded by Fentrace, so the terms that 28 CFR Part 23 sets for what is
// known of persons are not among them.
package retention

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"fentrace/server/tlp"
)

// ErrPolicy: a policy cannot be read. Nothing is to be erased then.
var ErrPolicy = errors.New("not a retention policy")

const (
	day     = 24 * time.Hour
	longest = 200 * 365 * day
	// maxRules bounds a policy.
	maxRules = 100
)

// Scan is what rules look at.
type Scan struct {
	Stored    time.Time
	Simulated bool
	Verdict   string
	Case      string
	TLP       tlp.Level
}

// Rule is one part of a policy: all its conditions have to fit.
type Rule struct {
	Text string        // as it was written
	Term time.Duration // since the scan was stored; 0: it is kept

	simulated *bool
	verdict   string
	level     *tlp.Level
	inCase    *string // with a * at its end: every case that begins so
}

// Policy is the rules in order; without any everything is kept.
type Policy []Rule

// Parse reads a policy; an empty text is one without rules. Errors wrap ErrPolicy.
func Parse(text string) (Policy, error) {
	var p Policy
	for part := range strings.SplitSeq(text, ";") {
		part = strings.Join(strings.Fields(part), " ")
		if part == "" {
			continue
		}
		r, err := parseRule(part)
		if err != nil {
			return nil, fmt.Errorf("%w: %q: %w", ErrPolicy, part, err)
		}
		if p = append(p, r); len(p) > maxRules {
			return nil, fmt.Errorf("%w: it has more than %d rules", ErrPolicy, maxRules)
		}
	}
	return p, nil
}

func parseRule(text string) (Rule, error) {
	i := strings.LastIndex(text, ":")
	if i < 0 {
		return Rule{}, errors.New("a rule is CONDITIONS: TERM, such as simulated: 90d")
	}
	r := Rule{Text: text}
	if strings.TrimSpace(text[:i]) == "" {
		return Rule{}, errors.New("a rule needs a condition: all, simulated, real, verdict=, tlp= or case= with a value")
	}
	for word := range strings.FieldsSeq(text[:i]) {
		if err := r.condition(word); err != nil {
			return Rule{}, err
		}
	}
	var err error
	r.Term, err = parseTerm(strings.TrimSpace(text[i+1:]))
	return r, err
}

func (r *Rule) condition(word string) error {
	name, value, _ := strings.Cut(word, "=")
	switch name {
	case "all":
		if word != name {
			return fmt.Errorf("all has no value")
		}
	case "simulated", "real":
		if word != name || r.simulated != nil {
			return fmt.Errorf("%s stands once and has no value", name)
		}
		is := name == "simulated"
		r.simulated = &is
	case "verdict":
		if !slices.Contains([]string{"alarm", "no_alarm", "inconclusive"}, value) || r.verdict != "" {
			return fmt.Errorf("verdict=%s: one of alarm, no_alarm, inconclusive, once", value)
		}
		r.verdict = value
	case "tlp":
		level, err := tlp.Parse(value)
		if err != nil || r.level != nil {
			return fmt.Errorf("tlp=%s: one of %v, once", value, tlp.Levels)
		}
		r.level = &level
	case "case":
		if value == "" || value == "*" || r.inCase != nil {
			return errors.New("case= needs a case number, or how it begins with a * behind, once")
		}
		r.inCase = &value
	default:
		return fmt.Errorf("there is no condition %q: use all, simulated, real, verdict=, tlp= or case= with a value", word)
	}
	return nil
}

func parseTerm(text string) (time.Duration, error) {
	if text == "keep" {
		return 0, nil
	}
	bad := fmt.Errorf("the term %q is not a number of days or years such as 90d or 5y, up to 200 years, nor keep", text)
	if text == "" {
		return 0, bad
	}
	unit, ok := map[byte]time.Duration{'d': day, 'y': 365 * day}[text[len(text)-1]]
	if !ok {
		return 0, bad
	}
	n, err := strconv.Atoi(text[:len(text)-1])
	if err != nil || n < 1 || time.Duration(n) > longest/unit {
		return 0, bad
	}
	return time.Duration(n) * unit, nil
}

// Decides returns the rule that fits a scan; ok is false when none does.
func (p Policy) Decides(s Scan) (r Rule, ok bool) {
	for _, r := range p {
		if r.fits(s) {
			return r, true
		}
	}
	return Rule{}, false
}

// Past returns the rule under which a scan is to be erased at a time; ok is false when it is kept.
func (p Policy) Past(s Scan, now time.Time) (r Rule, ok bool) {
	r, ok = p.Decides(s)
	return r, ok && r.Term > 0 && now.Sub(s.Stored) >= r.Term
}

// Shortest is the shortest term in the policy; ok is false when it erases nothing.
func (p Policy) Shortest() (term time.Duration, ok bool) {
	for _, r := range p {
		if r.Term > 0 && (!ok || r.Term < term) {
			term, ok = r.Term, true
		}
	}
	return term, ok
}

func (r Rule) fits(s Scan) bool {
	if r.simulated != nil && *r.simulated != s.Simulated || r.verdict != "" && r.verdict != s.Verdict || r.level != nil && *r.level != s.TLP {
		return false
	}
	if r.inCase == nil {
		return true
	}
	if begin, ok := strings.CutSuffix(*r.inCase, "*"); ok {
		return strings.HasPrefix(s.Case, begin)
	}
	return s.Case == *r.inCase
}
