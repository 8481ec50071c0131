package identify

import (
	"fmt"
	"strings"

	"fentrace/library"
	"fentrace/library/analog"
	"fentrace/spectra"
)

// Unlisted is the name of a finding that no reference has: the scan looks like a fentanyl that the library does not hold.
const Unlisted = "fentanyl analog not in the library"

// unlistedFinding is the alarm of the class model, if it alarms about what the explanation leaves open. It is not asked
// about scans that known material explains down to the last line: there is nothing left that could be an analog, and its
// false alarms would come on top of a good answer.
func (id *Identifier) unlistedFinding(ev evidence, explained bool) (Finding, analog.Score, bool) {
	m := id.analogs
	if m == nil || ev.scan.Technique != spectra.Raman || m.Simulated() && !ev.scan.Metadata.Simulated {
		return Finding{}, analog.Score{}, false
	}
	if explained && len(ev.foreign) == 0 || ev.features.snr < weakSNR {
		return Finding{}, analog.Score{}, false
	}
	s, err := m.Score(ev.recorded)
	if err != nil || !s.Alarm {
		return Finding{}, s, false // a scan that the model cannot look at has been called so by other words
	}
	f := Finding{Substance: Unlisted, Class: "fentanyl-analog", Unlisted: true, Tier: library.Measured,
		Score: round(s.Value, 3), Probability: round(s.Probability, 3), ShiftCM1: round(s.ShiftCM1, 2)}
	if m.Simulated() {
		f.Tier = library.Simulated
	}
	return f, s, true
}

// unlistedReasons say what the class alarm rests on.
func unlistedReasons(s analog.Score) []string {
	out := []string{"no reference explains the scan, but what is left looks like a fentanyl: the class is indicated, not a name"}
	var near []string
	for _, n := range s.Nearest {
		near = append(near, fmt.Sprintf("%s (%.2f)", n.Name, n.Similarity))
	}
	if len(near) > 0 {
		out = append(out, "nearest known: "+strings.Join(near, ", "))
	}
	for _, d := range s.Differs {
		out = append(out, fmt.Sprintf("it differs from the nearest at %.0f to %.0f cm-1: %s", d.LowCM1, d.HighCM1, d.Part))
	}
	return out
}
