// Package identify is the decision: from one spectrum and one library to a presumptive answer with its evidence,
// its limits and the next step.
package identify

import "fentrace/library"

// Verdict is the answer in one word. A field result is presumptive whatever the verdict.
type Verdict string

const (
	// Alarm: a controlled substance, or the fentanyl class, is indicated.
	Alarm Verdict = "alarm"
	// NoAlarm: the scan is good, known harmless material explains it, and nothing controlled was seen above the stated limit.
	NoAlarm Verdict = "no_alarm"
	// Inconclusive: the scan is poor or is not explained; Reasons and NextSteps say why and what to do.
	Inconclusive Verdict = "inconclusive"
)

// Identification is the result of identify for one scan. It is what the command line prints, the server stores
// and partners receive, so its JSON names are stable.
type Identification struct {
	File      string  `json:"file,omitempty"`
	SHA256    string  `json:"sha256"`
	Technique string  `json:"technique"` // raman | ir
	Simulated bool    `json:"simulated,omitempty"`
	Verdict   Verdict `json:"verdict"`
	Headline  string  `json:"headline"` // the words of UX.md for the verdict, e.g. "NO ANSWER: signal too weak"
	Summary   string  `json:"summary"`  // one sentence
	// Findings is what the verdict rests on; Candidates are the ten best whatever the verdict, so that a withheld
	// answer can still be judged.
	Findings   []Finding `json:"findings"`
	Candidates []Finding `json:"candidates"`
	// Unexplained is the fraction of the scan's signal (0..1) that the findings leave over; 1 without findings.
	Unexplained float64 `json:"unexplained"`
	// ForeignLines are the positions (cm-1) of clear lines of the scan that none of the findings has, strongest first:
	// something else is there. Empty without findings.
	ForeignLines    []float64        `json:"foreign_lines,omitempty"`
	Quality         Quality          `json:"quality"`
	DetectionLimits []DetectionLimit `json:"detection_limits"`
	Reasons         []string         `json:"reasons"`
	NextSteps       []string         `json:"next_steps"`
	Pipeline        string           `json:"pipeline"`  // name and version of the preprocessing
	Library         string           `json:"library"`   // version: content hash of every layer
	Algorithm       string           `json:"algorithm"` // name and version of the decision
	// Probabilities says which validation they are from (fentrace library validate).
	Probabilities string `json:"probabilities,omitempty"`
	// Error is set, and everything else but File empty, when the file could not be read.
	Error string `json:"error,omitempty"`
}

// Finding is one substance with the evidence for it.
type Finding struct {
	Substance  string `json:"substance"`
	CAS        string `json:"cas,omitempty"`
	Class      string `json:"class,omitempty"`
	Schedule   string `json:"schedule,omitempty"`
	Controlled bool   `json:"controlled"`
	// Unlisted: no reference has it; a model of the class says so (library/analog), and Score is that of the model.
	Unlisted   bool `json:"unlisted,omitempty"`
	Unverified bool `json:"unverified,omitempty"` // identity data of the substance is from memory
	// Container: this is what the sample was scanned through, no part of the sample.
	Container bool         `json:"container,omitempty"`
	Tier      library.Tier `json:"tier"`
	// Score is the correlation of first derivatives (-1..1) for a spectrum; for a peak table the F-measure of
	// line agreement (0..1).
	Score float64 `json:"score"`
	// Probability (0..1) that this substance is in the sample; of a fentanyl among the findings, that any fentanyl is.
	Probability float64 `json:"probability"`
	// ChanceAgreement is, for a peak table, the probability that unrelated lines agree as well.
	ChanceAgreement *float64  `json:"chance_agreement,omitempty"`
	ShiftCM1        float64   `json:"shift_cm1"` // axis shift that fits best; scan minus reference
	Fraction        *Fraction `json:"fraction,omitempty"`
	References      []string  `json:"references,omitempty"` // reference ids, best first
}

// Fraction is a share of the scan's signal (not of the mass) with its 95 % interval, 0..1.
type Fraction struct {
	Estimate float64 `json:"estimate"`
	Low      float64 `json:"low"`
	High     float64 `json:"high"`
}

// Quality is what the scan itself allows.
type Quality struct {
	SNR          float64 `json:"snr"`          // strongest line over noise
	Saturated    int     `json:"saturated"`    // points at full scale
	Fluorescence float64 `json:"fluorescence"` // share of the signal that is smooth background, 0..1
	Axis         string  `json:"axis"`         // "ok" | "off" | "fault" | "recalibrated" (by AxisKnown) | "unknown"
	// AxisKnown is the standard whose lines in this very scan put the axis right to AxisMeanCM1 on average; empty without.
	AxisKnown    string  `json:"axis_known,omitempty"`
	AxisMeanCM1  float64 `json:"axis_mean_cm1,omitempty"`
	AxisShiftCM1 float64 `json:"axis_shift_cm1"`     // the shift that would explain the scan, when Axis is "off", "fault" or "recalibrated"
	LowCM1       float64 `json:"low_cm1,omitempty"`  // range of the scan
	HighCM1      float64 `json:"high_cm1,omitempty"` // range of the scan
}

// DetectionLimit is the smallest share of the signal of one substance this very scan would have shown.
type DetectionLimit struct {
	Substance string  `json:"substance"`
	Fraction  float64 `json:"fraction"` // of the signal, 0..1
}
