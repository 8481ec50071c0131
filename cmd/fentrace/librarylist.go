package main

import (
	"fmt"
	"strings"

	"fentrace/library"
	"fentrace/server/client/rest"
)

type libraryListCommand struct {
	JSON       bool   `name:"json" help:"Print as JSON."`
	Class      string `placeholder:"CLASS" help:"Only substances of this class, for example fentanyl-analog."`
	Controlled bool   `help:"Only controlled substances."`
	Missing    bool   `help:"Only controlled substances without a measured reference: none of them can raise a named alarm."`
	libraryFlags
}

func (libraryListCommand) Help() string {
	return `The columns count the references of each tier: measured spectra, published peak tables, and SIMULATED ones, which
speak only for simulated scans. UNVERIFIED marks substances of which a value has not been checked against a source.

Examples:

    fentrace library list --missing
    fentrace library list --library lab.db --class fentanyl-analog
    fentrace library list --json | jq '.substances[] | select(.controlled) | .name'`
}

func (c *libraryListCommand) Run(env *environment) error {
	list, err := c.list(env)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(env.stdout, list, false)
	}
	sheet := env.newSheet()
	for _, l := range list.Layers {
		sheet.line(fmt.Sprintf("%s: %d substances, %d references, version %.12s", plain(l.Name), l.Substances, l.References, l.Version))
	}
	if len(list.Substances) == 0 {
		sheet.line("No substance is listed.")
		return sheet.err
	}
	sheet.line("")
	sheet.line(fit("substance", 34) + fit("class", 17) + " meas  publ  sim")
	for _, s := range list.Substances {
		sheet.substance(s)
	}
	sheet.line("")
	sheet.line(fmt.Sprintf("%d substances, %d of them UNVERIFIED; references: %d measured, %d published,", len(list.Substances),
		list.Unverified, list.References.Measured, list.References.Published))
	sheet.line(fmt.Sprintf("%d %s.", list.References.Simulated, simulatedTag))
	if c.Missing {
		for _, l := range wrap("No measured reference speaks for any of these: import one with `fentrace library import`, or scan an "+
			"authentic standard with `fentrace library learn`.", 0) {
			sheet.line(l)
		}
	}
	return sheet.err
}

func (c *libraryListCommand) list(env *environment) (library.Listing, error) {
	if env.remote != nil {
		if err := ownOnly(c.set()); err != nil {
			return library.Listing{}, err
		}
		return env.remote.LibraryContents(env.ctx, &rest.LibraryContentsParams{Class: &c.Class, Controlled: &c.Controlled, Missing: &c.Missing})
	}
	stack, err := c.open(env.ctx)
	if err != nil {
		return library.Listing{}, err
	}
	return stack.List(library.ListFilter{Class: c.Class, Controlled: c.Controlled, Missing: c.Missing}), nil
}

// substance prints one line of the list; a second mark goes below the first.
func (s *sheet) substance(sub library.ListedSubstance) {
	var marks []string
	if sub.Controlled {
		marks = append(marks, "CONTROLLED")
	}
	if sub.Unverified {
		marks = append(marks, "UNVERIFIED")
	}
	if sub.References.Simulated > 0 {
		marks = append(marks, simulatedTag)
	}
	n := sub.References
	left := fit(sub.Name, 33) + " " + fit(sub.Class, 17) + fmt.Sprintf("%5d %5d %4d  ", n.Measured, n.Published, n.Simulated)
	for i, mark := range append(marks, "") {
		if i == 0 || mark != "" {
			s.line(left + mark)
		}
		left = strings.Repeat(" ", len([]rune(left)))
	}
}

// substanceLabel is the name with what a reader has to know about it.
func substanceLabel(s library.Substance) string {
	label := s.Name
	if s.Controlled {
		label += ", CONTROLLED"
	}
	if s.Unverified {
		label += ", UNVERIFIED"
	}
	return label
}
