package identify

import (
	"fmt"
	"slices"

	"fentrace/library"
	"fentrace/library/search"
)

// Limits of the decision. They are measured, not chosen: bench/accuracy prints, for the development spectra, the
// scores of true and false answers on which they rest.
const (
	// explainedScore: a scan counts as explained when the sum of its parts correlates with it this well, besides each part
	// being probable.
	explainedScore = 0.75
	// With fewer than explainedLines lines in common the score has to reach fewLinesScore.
	explainedLines = 3
	fewLinesScore  = 0.90
	// suspectScore: a controlled reference this near is never passed over in silence.
	suspectScore = 0.60
	// weakSNR: below this the strongest line is hard to tell from noise.
	weakSNR = 8.0
	// fluorescentShare of smooth background is called fluorescence when it leaves a scan unexplained.
	fluorescentShare = 0.9
	// A published table indicates a controlled substance only when nearly all lines agree both ways and so many of them
	// that chance is out of the question.
	tableF      = 0.80
	tableChance = 1e-4
	// axisOKShift (cm-1): a match this near shows the axis to be right.
	axisOKShift = 4.0
	// lookAlikeMargin of score is what another sample or instrument changes: substances that near cannot be told apart.
	lookAlikeMargin = 0.05
)

// decide turns evidence into the answer. The error is that of explains.
func (id *Identifier) decide(ev evidence) (Identification, error) {
	ans := id.blank(ev.scan)
	ans.Quality = ev.quality
	ans.Candidates = ev.candidates[:min(candidatesKept, len(ev.candidates))]
	if ev.fault != nil {
		ans = ans.withFault(ev.fault, ev.features)
		if !ev.fault.mended {
			return ans.inconclusive(reasonAxis(ev.fault, ev.features)), nil
		}
	}
	if ev.features.saturated > 0 {
		return ans.inconclusive(reasonSaturated(ev.features.saturated)), nil
	}
	explained, err := id.explains(ev)
	if err != nil {
		return Identification{}, err
	}
	return id.answer(ans, ev, explained), nil
}

// answer completes that of a scan which can be judged; explained: its parts explain it.
func (id *Identifier) answer(ans Identification, ev evidence, explained bool) Identification {
	if explained || ev.alarms() {
		if ev.fault == nil {
			ans = ans.withShift(ev.parts[0].hit.ShiftCM1)
		}
		ans.Findings = ev.findings()
		ans.Unexplained = round(ev.fit.Unexplained, 3)
		ans.ForeignLines = ev.foreign
		ans.Reasons = append(ans.Reasons, ev.restReasons()...)
		ans.DetectionLimits = id.limits(ev)
	}
	if alarm := controlled(ans.Findings); len(alarm) > 0 {
		slices.SortStableFunc(ans.Findings, alarmingFirst)
		return ans.alarm(alarm, id.lookAlikes(ev, alarm[0]))
	}
	if f, score, ok := id.unlistedFinding(ev, explained); ok {
		ans.Findings = append([]Finding{f}, ans.Findings...)
		ans.Reasons = append(ans.Reasons, unlistedReasons(score)...)
		return ans.alarm(ans.Findings[:1], nil)
	}
	if table, ok := controlledTable(ev.candidates); ok && !explained {
		ans.Findings = []Finding{table}
		return ans.alarm(ans.Findings, nil)
	}
	if near, ok := suspect(ev, ans.Findings); ok {
		ans = ans.withheld(ev)
		return ans.inconclusive(reasonSuspect(near))
	}
	if !explained {
		return ans.inconclusive(reasonUnexplained(ev))
	}
	return id.noAlarm(ans, ev)
}

// explains: the sum of the parts agrees with the scan, and in enough lines. With one or two lines anything that has a
// line there agrees; then only a match as close as that of a substance with itself counts.
func (id *Identifier) explains(ev evidence) (bool, error) {
	switch {
	case ev.explained < explainedScore || !ev.enough(ev.weakest()):
		return false, nil
	case ev.explained >= fewLinesScore:
		return true, nil
	}
	lines := 0
	for _, p := range ev.parts {
		shared, err := id.sharedLines(ev.features, p.hit.ReferenceID, search.Distortion{ShiftCM1: p.hit.ShiftCM1}, search.PeakToleranceCM1)
		if err != nil {
			return false, err
		}
		lines += shared
	}
	return lines >= explainedLines, nil
}

// alarming: listed as controlled, or of the fentanyl class even where the library knows no listing for it.
func (f Finding) alarming() bool { return f.Controlled || f.fentanylClass() }

func (f Finding) fentanylClass() bool { return library.Substance{Class: f.Class}.FentanylClass() }

func alarmingFirst(a, b Finding) int {
	switch {
	case a.alarming() == b.alarming():
		return 0
	case a.alarming():
		return -1
	}
	return 1
}

func controlled(fs []Finding) []Finding {
	var out []Finding
	for _, f := range fs {
		if f.alarming() {
			out = append(out, f)
		}
	}
	return out
}

// controlledTable is a controlled substance whose published lines are nearly all there.
func controlledTable(candidates []Finding) (Finding, bool) {
	for _, f := range candidates {
		if f.Tier == library.Published && f.alarming() && f.Score >= tableF && *f.ChanceAgreement <= tableChance {
			return f, true
		}
	}
	return Finding{}, false
}

// suspect is a controlled measured (or, for simulated scans, simulated) candidate too near to pass over.
func suspect(ev evidence, findings []Finding) (Finding, bool) {
	for _, f := range ev.candidates {
		if f.alarming() && f.Tier != library.Published && f.Score >= suspectScore && !outdone(f, ev, findings) {
			return f, true
		}
	}
	return Finding{}, false
}

// outdone: harmless material explains the scan far better than the controlled candidate does.
func outdone(f Finding, ev evidence, findings []Finding) bool {
	return len(findings) > 0 && ev.explained >= f.Score+2*lookAlikeMargin
}

// lookAlikes are the controlled candidates of the same class whose score is within reach of the finding's: the scan
// cannot tell them apart, so the answer names the class.
func (id *Identifier) lookAlikes(ev evidence, f Finding) []string {
	var names []string
	for _, c := range ev.candidates {
		if c.Substance != f.Substance && c.alarming() && className(c) == className(f) && c.Tier != library.Published && c.Score >= f.Score-lookAlikeMargin {
			names = append(names, c.Substance)
		}
	}
	return names
}

// noAlarm states what was found and what could have been missed.
func (id *Identifier) noAlarm(ans Identification, ev evidence) Identification {
	limit, fentanyl := ans.headlineLimit(id)
	if limit > worstLimit {
		ans = ans.withheld(ev)
		return ans.inconclusive(reasonBlind(limit))
	}
	ans.Verdict = NoAlarm
	ans.Headline = fmt.Sprintf("NOTHING CONTROLLED SEEN above %s of the signal", percent(limit))
	ans.Summary = fmt.Sprintf("The scan is explained by %s; nothing controlled was seen above about %s of the signal.",
		names(ans.Findings), percent(limit))
	if !fentanyl {
		ans.Reasons = append(ans.Reasons, "this library holds no measured reference of a fentanyl: the limit is for any substance that scatters as strongly as what was found")
	}
	ans.Reasons = append(ans.Reasons, "trace amounts below the limit cannot be seen by this technique")
	ans.NextSteps = append(ans.NextSteps, "if fentanyl is suspected, take a strip test: it sees far smaller amounts", "send to laboratory when the finding matters")
	return ans
}
