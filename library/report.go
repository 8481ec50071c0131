package library

import (
	"fmt"
	"strings"
)

// ImportReport is what an import did. String prints it for a person.
type ImportReport struct {
	Files          int         `json:"files"`   // files looked at
	Spectra        int         `json:"spectra"` // spectra and peak tables found in them
	Imported       int         `json:"imported"`
	Mended         int         `json:"mended,omitempty"` // were there, damaged, and were stored again
	AlreadyPresent int         `json:"already_present"`
	NotMapped      []NotMapped `json:"not_mapped,omitempty"` // substances made because nothing known has their name
	Skipped        []FileNote  `json:"skipped,omitempty"`    // readable, but of no use in a library
	Failed         []FileNote  `json:"failed,omitempty"`     // not readable, or contradicting itself
	Warnings       []FileNote  `json:"warnings,omitempty"`
}

// NotMapped is a name that maps to no known substance; its references are stored under a new substance of
// unknown class, which can raise no alarm until somebody says what it is.
type NotMapped struct {
	Name        string   `json:"name"`
	SubstanceID string   `json:"substance_id"`
	Files       []string `json:"files"`
}

// FileNote is one remark about one file.
type FileNote struct {
	File   string `json:"file"`
	Reason string `json:"reason"`
}

// listed is how many lines of each kind String prints.
const listed = 20

// String prints the report in plain lines, the long lists cut short.
func (r ImportReport) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d files, %d spectra: %d imported, %d already present, %d skipped; %d files failed\n",
		r.Files, r.Spectra, r.Imported, r.AlreadyPresent, len(r.Skipped), len(r.Failed))
	if r.Mended > 0 {
		fmt.Fprintf(&b, "mended: %d damaged references were stored again\n", r.Mended)
	}
	if len(r.NotMapped) > 0 {
		fmt.Fprintf(&b, "not mapped: %d names are in no library and were stored as new substances of unknown class\n", len(r.NotMapped))
		for i, n := range r.NotMapped {
			if i == listed {
				fmt.Fprintf(&b, "  and %d more\n", len(r.NotMapped)-listed)
				break
			}
			fmt.Fprintf(&b, "  %s (%d files, for example %s)\n", n.Name, len(n.Files), n.Files[0])
		}
	}
	for _, list := range []struct {
		title string
		notes []FileNote
	}{{"failed", r.Failed}, {"skipped", r.Skipped}, {"warning", r.Warnings}} {
		for i, n := range list.notes {
			if i == listed {
				fmt.Fprintf(&b, "%s: and %d more\n", list.title, len(list.notes)-listed)
				break
			}
			reason := n.Reason
			if !strings.Contains(reason, n.File) {
				reason = n.File + ": " + reason
			}
			fmt.Fprintf(&b, "%s: %s\n", list.title, reason)
		}
	}
	return b.String()
}
