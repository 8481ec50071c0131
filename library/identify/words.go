package identify

import (
	"fmt"
	"math"
	"strings"

	"fentrace/library"
	"fentrace/spectra"
)

// reason is why there is no answer: five words for the headline, a sentence, and what to do next.
type reason struct {
	short, long string
	steps       []string
}

func (ans Identification) inconclusive(r reason) Identification {
	ans.Verdict = Inconclusive
	ans.Headline = "NO ANSWER: " + r.short
	ans.Summary = "No answer from this scan: " + r.long + "."
	ans.Reasons = append(ans.Reasons, r.long)
	ans.NextSteps = append(ans.NextSteps, r.steps...)
	return ans
}

// alarm names what is indicated: the substance when nothing of its class comes near, else the class.
func (ans Identification) alarm(found []Finding, alike []string) Identification {
	ans.Verdict = Alarm
	top := found[0]
	what := top.Substance
	if len(alike) > 0 || top.Tier == library.Published || top.Unlisted {
		what = className(top)
	}
	ans.Headline = "ALARM: " + what
	ans.Summary = fmt.Sprintf("The scan indicates %s (%s, probability %s).", names(found), className(top), probability(top.Probability))
	if top.Unlisted {
		ans.Summary = fmt.Sprintf("The scan looks like a fentanyl that the library does not hold (probability %s).", probability(top.Probability))
		if top.Tier == library.Simulated {
			ans.Summary = "SIMULATED: " + ans.Summary
		}
	}
	if top.Tier == library.Published {
		ans.Summary = fmt.Sprintf("The lines of the scan agree with the published table of %s (%s).", top.Substance, className(top))
		ans.Reasons = append(ans.Reasons, "the evidence is a published peak table: it supports the class, not the name")
	}
	if len(alike) > 0 {
		ans.Reasons = append(ans.Reasons, "this scan cannot tell it from "+strings.Join(alike[:min(3, len(alike))], ", "))
	}
	if top.Schedule != "" {
		ans.Reasons = append(ans.Reasons, "legal status of "+top.Substance+": "+top.Schedule)
	}
	ans.NextSteps = append(ans.NextSteps,
		"do not open or disturb the sample; wear gloves, avoid dust, keep naloxone at hand",
		"send to laboratory: a field result alone is presumptive")
	return ans
}

// className is the class in words a technician knows.
func className(f Finding) string {
	switch {
	case f.fentanylClass():
		return "fentanyl-type substance"
	case f.Class == "":
		return "controlled substance"
	}
	return f.Class
}

func reasonNotSearchable(err error, s spectra.Spectrum) reason {
	switch {
	case s.XUnit == spectra.DataPoint:
		return reason{short: "an interferogram, not a spectrum", long: err.Error(), steps: []string{
			"compute its absorbance: fentrace interferogram FILE"}}
	case s.YUnit == spectra.SingleBeam:
		return reason{short: "a single beam, not an absorbance", long: err.Error(), steps: []string{
			"divide it by a background in the instrument's software, or export the absorbance"}}
	case nearInfrared(s):
		lo, hi := s.Range()
		return reason{short: "near infrared, which the library does not hold",
			long: fmt.Sprintf("the scan covers %.0f to %.0f nm; the infrared references of the library lie at 2,600 to 20,000 nm (500 to 3800 cm-1), where other vibrations absorb, so nothing can be said about the sample", lo, hi),
			steps: []string{"scan the sample with a Raman or mid-infrared instrument",
				"keep this scan (--save) for comparison with a scan of a known sample by the same instrument"}}
	}
	return reason{short: "outside the range compared", long: err.Error(), steps: []string{
		"scan again with an instrument that covers 350 to 1900 cm-1 (Raman) or 500 to 3800 cm-1 (infrared)",
		"state the laser wavelength if the axis is in nanometres"}}
}

// nearInfrared reports whether s is an infrared spectrum at wavelengths short of every reference.
func nearInfrared(s spectra.Spectrum) bool {
	const shortest = 2600 // nm
	_, hi := s.Range()
	return s.Technique == spectra.IR && s.XUnit == spectra.Nanometre && hi < shortest
}

func reasonAxis(f *axisFault, scan features) reason {
	long := fmt.Sprintf("the wavenumber axis is wrong: the lines fit a library substance only %+.0f cm-1 away (score %.2f)", f.middle(scan), f.Score)
	switch {
	case f.reversed:
		long = fmt.Sprintf("the wavenumber axis is wrong: the lines fit a library substance only with the axis turned round (score %.2f)", f.Score)
	case math.Abs(f.Stretch) >= 0.0025:
		long = fmt.Sprintf("the wavenumber axis is wrong: the lines fit a library substance only with %+.1f cm-1 at %.0f and %+.1f cm-1 at %.0f cm-1 (score %.2f)",
			f.At(scan.low), scan.low, f.At(scan.high), scan.high, f.Score)
	}
	steps := []string{"recalibrate the axis with polystyrene or acetaminophen, then scan again",
		"check the laser wavelength and the wavelength coefficients of the instrument"}
	if f.known != nil {
		name := f.known.Standards[0]
		long += fmt.Sprintf("; by the known lines of %s in this scan the axis can be put right to %.1f cm-1 on average", name, f.known.After.Mean)
		steps = append([]string{fmt.Sprintf("if %s was scanned, calibrate with this very scan: fentrace calibrate axis --standard %s FILE", name, name)}, steps...)
	}
	return reason{short: "axis fault", long: long, steps: steps}
}

func reasonSaturated(points int) reason {
	return reason{short: "detector saturated", long: fmt.Sprintf("%d points of the detector are at full scale, so lines are cut off", points),
		steps: []string{"scan again with a shorter integration time or lower laser power"}}
}

func reasonSuspect(f Finding) reason {
	return reason{short: "may hold a controlled substance",
		long:  fmt.Sprintf("%s comes near (score %.2f) but the scan is not explained well enough to say so", f.Substance, f.Score),
		steps: []string{"handle as if it were present", "scan again with longer integration on another spot", "send to laboratory"}}
}

func reasonBlind(limit float64) reason {
	return reason{short: "too much could hide", long: fmt.Sprintf("a controlled substance could make up %s of the signal unseen", percent(limit)),
		steps: []string{"scan again with longer integration on another spot", "take a strip test", "send to laboratory"}}
}

// reasonUnexplained says why the library does not explain the scan, the plainest cause first.
func reasonUnexplained(ev evidence) reason {
	f := ev.features
	switch {
	case len(ev.hits) == 0 && len(ev.candidates) == 0:
		return reason{short: "no reference to compare with", long: "the library holds no reference for this technique and range",
			steps: []string{"import a library: fentrace library import PATH", "measure a standard: fentrace library learn"}}
	case f.snr < weakSNR:
		return reason{short: "signal too weak", long: fmt.Sprintf("the strongest line stands only %.1f noise levels out", f.snr),
			steps: []string{"clean the window, move closer, scan again with longer integration"}}
	case ev.scan.Technique == spectra.Raman && f.fluorescence > fluorescentShare:
		return reason{short: "fluorescence", long: fmt.Sprintf("%s of the signal is smooth background, which hides the lines", percent(f.fluorescence)),
			steps: []string{"scan another spot, or use a longer laser wavelength", "use a SERS strip"}}
	case len(ev.hits) == 0 || ev.candidates[0].Tier == library.Published:
		return reason{short: "no measured reference", long: bestTable(ev) + "; without a measured reference of it nothing else can be ruled out",
			steps: []string{"import a library: fentrace library import PATH", "measure a standard: fentrace library learn"}}
	}
	return reason{short: "not in the library", long: fmt.Sprintf("no substance of the library, nor a sum of a few, explains the scan (best %s, score %.2f)",
		ev.candidates[0].Substance, ev.candidates[0].Score), steps: []string{"scan another spot", "send to laboratory"}}
}

func bestTable(ev evidence) string {
	f := ev.candidates[0]
	if f.Probability < 0.3 {
		return "no published table agrees well"
	}
	return fmt.Sprintf("the lines agree with the published table of %s (F %.2f)", f.Substance, f.Score)
}

// names joins the substances of findings; what comes from memory says so.
func names(fs []Finding) string {
	var out []string
	for _, f := range fs {
		n := f.Substance
		if f.Tier == library.Simulated {
			n = "SIMULATED " + n
		}
		if f.Unverified {
			n += " (data unverified)"
		}
		out = append(out, n)
	}
	return strings.Join(out, " and ")
}

// probability is never certain.
func probability(p float64) string {
	if p > 0.99 {
		return "above 99 %"
	}
	return percent(p)
}

// percent rounds shares below 10 % up: a limit is never stated better than it is.
func percent(v float64) string {
	p := 100 * v
	if p < 10 {
		return fmt.Sprintf("%.0f %%", math.Max(math.Ceil(p), 1))
	}
	return fmt.Sprintf("%.0f %%", math.Round(p))
}
