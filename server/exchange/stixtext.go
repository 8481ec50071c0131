package exchange

import (
	"fmt"
	"strings"

	"fentrace/library/identify"
	"fentrace/server/store"
)

// describe says in words what a finding rests on.
func describe(f identify.Finding) string {
	s := fmt.Sprintf("Presumptive: %s, probability %.2f, score %.3f against a %s reference, axis shift %.1f cm-1.",
		f.Substance, f.Probability, f.Score, f.Tier, f.ShiftCM1)
	if f.Fraction != nil {
		s += fmt.Sprintf(" Share of the signal %.0f %% (%.0f to %.0f %%).", 100*f.Fraction.Estimate, 100*f.Fraction.Low, 100*f.Fraction.High)
	}
	if f.Unverified {
		s += " Identity data of the substance is unverified."
	}
	return s
}

// noteText is the whole answer as a person would read it, with everything needed to reproduce it.
func noteText(sc store.Scan) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	list := func(title string, items []string) {
		if len(items) == 0 {
			return
		}
		line("%s:", title)
		for _, it := range items {
			line("- %s", it)
		}
	}
	ans := sc.Identification
	if sc.Simulated {
		line("SIMULATED. This scan is not of a real sample.")
	}
	line("%s", identify.Presumptive)
	line("Verdict: %s. %s", sc.Verdict, sc.Headline)
	line("%s", sc.Summary)
	var findings, limits []string
	for _, f := range ans.Findings {
		findings = append(findings, describe(f))
	}
	for _, l := range ans.DetectionLimits {
		limits = append(limits, fmt.Sprintf("%s: not detectable below %.0f %% of the signal", l.Substance, 100*l.Fraction))
	}
	list("Findings", findings)
	list("Limits of this scan", limits)
	list("Reasons", ans.Reasons)
	list("Next steps", ans.NextSteps)
	line("Unexplained share of the signal: %.0f %%", 100*ans.Unexplained)
	line("Technique: %s", sc.Technique)
	line("SHA-256 of the spectrum file: %s (spectrum %d)", sc.SHA256, sc.SpectrumIndex+1)
	line("Library: %s", ans.Library)
	line("Algorithm: %s", ans.Algorithm)
	line("Preprocessing: %s", ans.Pipeline)
	return strings.TrimSpace(b.String())
}
