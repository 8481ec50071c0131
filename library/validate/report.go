package validate

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/gonum/stat/distuv"

	"fentrace/library"
	"fentrace/library/analog"
	"fentrace/library/identify"
	"fentrace/spectra"
)

// Report is what a validation found. Every figure but Decoys is from curves that did not see the sample (cross-fitting in
// five parts); Decoys are from scans that were not used for the fit.
type Report struct {
	LibraryVersion string               `json:"library_version"`
	Algorithm      string               `json:"algorithm"`
	Technique      spectra.Technique    `json:"technique"`
	Tier           library.Tier         `json:"tier"`
	Seed           uint64               `json:"seed"`
	Substances     int                  `json:"substances"` // with a spectrum of this technique and tier
	References     int                  `json:"references"`
	Drawn          int                  `json:"drawn"`    // SIMULATED scans of known content
	Recorded       int                  `json:"recorded"` // scans of the user, each answered with and without its content in the library
	WrongRate      float64              `json:"wrong_rate"`
	FalseAlarms    float64              `json:"false_alarms"`
	Calibration    identify.Calibration `json:"calibration"`
	// Fitted: the curve is this library's own. Otherwise it is the shipped one, because hardly anything was mistaken for
	// anything else here.
	Fitted bool `json:"fitted"`
	// Reliability compares probabilities with how often they were right, in ten equal steps.
	Reliability []Bin   `json:"reliability"`
	ECE         float64 `json:"ece"`   // expected calibration error: mean distance of the two, weighted by n
	Brier       float64 `json:"brier"` // mean squared distance of probability and truth
	// Known samples are those whose whole content is in the library, Unknown those of which nothing or only a part is.
	KnownSingle   Outcomes `json:"known_single"`
	KnownMixed    Outcomes `json:"known_mixed"`
	Unknown       Outcomes `json:"unknown"`
	RecordedScans Outcomes `json:"recorded_scans"`
	Decoys        Decoys   `json:"decoys"`
	// Analogs tells fentanyls that the library does not hold; nil when it has too few references for that, which
	// NoAnalogs says.
	Analogs   *analog.Model `json:"analogs,omitempty"`
	NoAnalogs string        `json:"no_analogs,omitempty"`
	// AnalogsWithout names the references that could not take part in Analogs, with the reason, one sentence each.
	AnalogsWithout []string `json:"analogs_without,omitempty"`
	// Changed is what differs from the validation before, see Changes.
	Changed []string `json:"changed,omitempty"`
}

// Bin is one step of the reliability diagram.
type Bin struct {
	N         int     `json:"n"`
	Predicted float64 `json:"predicted"` // mean probability
	Right     float64 `json:"right"`     // share that is in the sample
}

// Outcomes counts scans at the threshold.
type Outcomes struct {
	N      int `json:"n"`
	Stated int `json:"stated"` // something is stated, and nothing wrong
	Wrong  int `json:"wrong"`  // something is stated that is not in the sample
	Silent int `json:"silent"` // nothing is stated
}

// report fills in the figures; left are the cross-fitted probabilities of the parts.
func (v *validation) report(lib *library.Stack, c identify.Calibration, left [][]float64) Report {
	r := Report{LibraryVersion: lib.Version(), Algorithm: identify.Algorithm, Technique: v.opts.Technique, Tier: v.opts.Tier, Seed: v.opts.Seed,
		Substances: len(v.src.substances), References: len(v.src.all), Recorded: len(v.opts.Scans), WrongRate: v.opts.WrongRate, FalseAlarms: v.opts.FalseAlarms, Calibration: c}
	var ps []float64
	var right []bool
	for i, o := range v.outcomes {
		if !o.recorded {
			r.Drawn++
		}
		for k, p := range o.parts {
			ps, right = append(ps, left[i][k]), append(right, p.right)
		}
		switch {
		case o.recorded:
			r.RecordedScans.add(o, left[i], c.Stated)
		case !o.inside:
			r.Unknown.add(o, left[i], c.Stated)
		case o.simple:
			r.KnownSingle.add(o, left[i], c.Stated)
		default:
			r.KnownMixed.add(o, left[i], c.Stated)
		}
	}
	r.Reliability, r.ECE, r.Brier = Reliability(ps, right)
	return r
}

func (n *Outcomes) add(o outcome, left []float64, stated float64) {
	n.N++
	some, wrong := false, false
	for k, p := range o.parts {
		if left[k] >= stated {
			some, wrong = true, wrong || !p.right
		}
	}
	switch {
	case wrong:
		n.Wrong++
	case some:
		n.Stated++
	default:
		n.Silent++
	}
}

// Reliability sorts probabilities (0..1) into ten steps and compares their mean with the share that was right. It returns
// the steps, the expected calibration error (Naeini, Cooper, Hauskrecht, AAAI 2015) and the Brier score.
func Reliability(probabilities []float64, right []bool) (bins []Bin, ece, brier float64) {
	bins = make([]Bin, 10)
	for i, p := range probabilities {
		b := &bins[min(9, int(p*10))]
		b.N++
		b.Predicted += p
		truth := 0.0
		if right[i] {
			truth = 1
			b.Right++
		}
		brier += (p - truth) * (p - truth)
	}
	n := float64(max(len(probabilities), 1))
	for i := range bins {
		b := &bins[i]
		if b.N == 0 {
			continue
		}
		ece += math.Abs(b.Predicted-b.Right) / n
		b.Predicted /= float64(b.N)
		b.Right /= float64(b.N)
	}
	return bins, ece, brier / n
}

// Changes says in words what differs from an earlier validation; nil when nothing a user would notice does.
func (r Report) Changes(before Report) []string {
	var out []string
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if r.Substances != before.Substances || r.References != before.References {
		add("%d substances with %d spectra, %d with %d before", r.Substances, r.References, before.Substances, before.References)
	}
	if r.Calibration.Stated != before.Calibration.Stated {
		add("a substance is stated from a probability of %.0f %% on, %.0f %% before", 100*r.Calibration.Stated, 100*before.Calibration.Stated)
	}
	for _, o := range []struct {
		what     string
		now, was Outcomes
	}{{"single substances", r.KnownSingle, before.KnownSingle}, {"mixtures", r.KnownMixed, before.KnownMixed}} {
		if now, was := o.now.share(o.now.Stated), o.was.share(o.was.Stated); math.Abs(now-was) >= 0.01 {
			add("%s of the library are stated in %.0f %% of scans, %.0f %% before", o.what, 100*now, 100*was)
		}
	}
	if r.Calibration.Alarm != before.Calibration.Alarm {
		add("a controlled substance alarms from a probability of %.0f %% on, %.0f %% before", 100*r.Calibration.Alarm, 100*before.Calibration.Alarm)
	}
	if math.Abs(r.ECE-before.ECE) >= 0.005 {
		add("probabilities are off by %.1f %% on average, %.1f %% before", 100*r.ECE, 100*before.ECE)
	}
	return slices.Clip(out)
}

// Wilson is the 95 % score interval of k successes in n trials (Wilson 1927), as fractions; (0, 1) when n is 0.
func Wilson(k, n int) (low, high float64) {
	if n == 0 {
		return 0, 1
	}
	z, m := distuv.UnitNormal.Quantile(0.975), float64(n)
	share := float64(k) / m
	mid := (share + z*z/(2*m)) / (1 + z*z/m)
	half := z / (1 + z*z/m) * math.Sqrt(share*(1-share)/m+z*z/(4*m*m))
	return math.Max(0, mid-half), math.Min(1, mid+half)
}

func (n Outcomes) share(k int) float64 { return float64(k) / float64(max(n.N, 1)) }

// Summary is the report in lines of at most 80 columns.
func (r Report) Summary() []string {
	out := []string{
		fmt.Sprintf("%d %s %s spectra of %d substances; library %.12s", r.References, r.Tier, r.Technique, r.Substances, r.LibraryVersion),
		fmt.Sprintf("%d SIMULATED scans drawn from them, %d recorded scans", r.Drawn, r.Recorded),
		"",
		"sample                         scans  right  wrong  silent",
	}
	for _, o := range []struct {
		what string
		n    Outcomes
	}{{"one substance of the library", r.KnownSingle}, {"mixture of the library's", r.KnownMixed}, {"not (all) in the library", r.Unknown}, {"recorded, with and without", r.RecordedScans}} {
		if o.n.N > 0 {
			out = append(out, fmt.Sprintf("%-30s %5d  %5d  %5d  %6d", o.what, o.n.N, o.n.Stated, o.n.Wrong, o.n.Silent))
		}
	}
	out = append(out, "",
		fmt.Sprintf("A substance is stated from a probability of %.2f on: at most %.1f %% of scans", r.Calibration.Stated, 100*r.WrongRate),
		"then have something wrong stated. A controlled one alarms from "+fmt.Sprintf("%.2f on: at most", r.Calibration.Alarm),
		fmt.Sprintf("%.1f %% of scans then alarm by chance.", 100*r.FalseAlarms), "")
	if !r.Fitted {
		out = append(out, "Too little was mistaken to fit probabilities: they are those shipped.", "")
	}
	out = append(out,
		fmt.Sprintf("Probabilities are off by %.1f %% on average (expected calibration error):", 100*r.ECE),
		"said      right     n")
	for _, b := range r.Reliability {
		if b.N > 0 {
			out = append(out, fmt.Sprintf("%4.0f %%    %4.0f %%  %4d  %s", 100*b.Predicted, 100*b.Right, b.N, strings.Repeat("#", int(math.Round(30*b.Right)))))
		}
	}
	out = append(out, "", fmt.Sprintf("Decoys: %d scans, %s.", r.Decoys.Scans, r.Decoys.Subset), "stated from   stated  decoys  false discovery rate  really wrong")
	for _, n := range r.Decoys.Counts {
		out = append(out, fmt.Sprintf("%11.2f   %6d  %6d  %18.1f %%  %12d", n.Probability, n.Stated, n.Decoys, 100*n.FDR, n.Wrong))
	}
	if r.Analogs == nil {
		return append(out, "", "Fentanyls that are not in the library cannot be told.")
	}
	out = append(out, "", fmt.Sprintf("Fentanyls that are not in the library alarm from a class score of %.2f on.", r.Analogs.Threshold()))
	if n := len(r.AnalogsWithout); n > 0 {
		out = append(out, fmt.Sprintf("%d references could not take part in that, the first one:", n), r.AnalogsWithout[0])
	}
	return out
}
