package report

import (
	"fmt"
	"strings"

	"fentrace/server/store"
)

// opinions in words.
var opinions = map[string]string{
	store.OpinionAgree: "agrees", store.OpinionDisagree: "disagrees", store.OpinionLaboratory: "asks for a laboratory",
}

// reviews are what second persons said of the presumptive answer and of laboratory results.
func (p page) reviews(sc store.Scan) {
	p.heading("Reviews by a second person")
	if len(sc.Reviews) == 0 {
		p.text("Not reviewed.")
	}
	number := map[string]int{}
	for i, r := range sc.LaboratoryResults {
		number[r.ID] = i + 1
	}
	for _, r := range sc.Reviews {
		about := "the presumptive answer"
		if r.ResultID != "" {
			about = fmt.Sprintf("laboratory result %d", number[r.ResultID])
		}
		text := fmt.Sprintf("%s %s, about %s, %s.", r.ReviewedBy, opinions[r.Opinion], about, stamp(r.Reviewed))
		if r.Reason != "" {
			text += " " + strings.TrimRight(r.Reason, ".") + "."
		}
		if r.Alone {
			text += " Without a second person: there was none."
		}
		if !r.Current {
			text += " A later review counts instead."
		}
		p.text("- " + text)
	}
}

// amendments are what was stated of the scan before, with who amended it, when and why.
func (p page) amendments(sc store.Scan) {
	if len(sc.Versions) < 2 {
		return
	}
	p.heading("Amendments")
	p.text("This report states the circumstances as they were amended last. Nothing was overwritten:")
	for i, v := range sc.Versions {
		what := fmt.Sprintf("Version %d, %s, %s", v.Version, stamp(v.At), v.By)
		if i == 0 && v.Version == 1 {
			what = fmt.Sprintf("Original, %s", stamp(v.At))
		}
		stated := []string{"place " + stated(place(v.Location)), "case " + stated(v.Case), "exhibit " + stated(v.Exhibit), "officer " + stated(v.Officer), "marking " + v.TLP.String()}
		if v.ExhibitID != "" {
			stated = append(stated, "linked to exhibit "+v.ExhibitID)
		}
		text := what + ": " + strings.Join(stated, "; ") + "."
		if v.Reason != "" {
			text += " Because: " + strings.TrimRight(v.Reason, ".") + "."
		}
		p.text("- " + text)
	}
}

func stated(text string) string {
	if text == "" {
		return "not stated"
	}
	return text
}

// linked is the exhibit of a scan in words.
func linked(x *store.LinkedTo) string {
	if x == nil {
		return ""
	}
	text := fmt.Sprintf("%s (%s)", x.Label, x.Form)
	if x.Case != "" {
		text += ", case " + x.Case
	}
	return text + ", record " + x.ExhibitID
}
