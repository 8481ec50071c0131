package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"fentrace/library"
	"fentrace/server/client/rest"
	"fentrace/spectra"
)

type libraryShowCommand struct {
	Name string `arg:"" help:"Name, synonym or CAS number of a substance."`
	JSON bool   `name:"json" help:"Print as JSON."`
	libraryFlags
}

func (libraryShowCommand) Help() string {
	return `Examples:

    fentrace library show fentanyl
    fentrace library show 58-08-2
    fentrace library show --library lab.db --json caffeine`
}

func (c *libraryShowCommand) Run(env *environment) error {
	out, err := c.show(env)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(env.stdout, out, false)
	}
	sheet := env.newSheet()
	sheet.substanceFacts(out.Substance)
	for _, r := range out.References {
		if err := env.ctx.Err(); err != nil {
			return err
		}
		sheet.line("")
		sheet.reference(r)
	}
	if len(out.References) == 0 {
		sheet.field("references", "none: nothing can be matched with this substance")
	}
	return sheet.err
}

func (c *libraryShowCommand) show(env *environment) (library.Shown, error) {
	if env.remote != nil {
		if err := ownOnly(c.set()); err != nil {
			return library.Shown{}, err
		}
		return env.remote.LibrarySubstance(env.ctx, &rest.LibrarySubstanceParams{Name: c.Name})
	}
	stack, err := c.open(env.ctx)
	if err != nil {
		return library.Shown{}, err
	}
	return stack.Show(env.ctx, c.Name)
}

func (s *sheet) substanceFacts(sub library.Substance) {
	for _, l := range wrap(substanceLabel(sub), 0) {
		s.line(l)
	}
	status := sub.Schedule
	if !sub.Controlled {
		status = strings.TrimSpace(status + " (not listed as controlled in this library, which says nothing about other lists)")
	}
	weight := ""
	if sub.MolWt > 0 {
		weight = fmt.Sprintf("%g g/mol", sub.MolWt)
	}
	for _, row := range [][2]string{{"class", sub.Class}, {"schedule", status}, {"CAS", sub.CAS}, {"InChIKey", sub.InChIKey}, {"SMILES", sub.SMILES},
		{"formula", sub.Formula}, {"weight", weight}, {"synonyms", strings.Join(sub.Synonyms, "; ")}, {"source", sub.Source}} {
		if row[1] != "" {
			s.field(row[0], row[1])
		}
	}
	if sub.Unverified {
		s.field("UNVERIFIED", "a value of this substance comes from memory and has not been checked against a source")
	}
}

// reference prints where a reference comes from and draws it.
func (s *sheet) reference(r library.Reference) {
	title := fmt.Sprintf("%s reference, %s", r.Tier, techniqueName(r.Technique))
	if r.Tier == library.Simulated {
		title = simulatedTag + " " + title
	}
	if r.Form != "" {
		title += ", " + r.Form
	}
	for _, l := range wrap(title, 0) {
		s.line(l)
	}
	for _, l := range draw(referenceSpectrum(r)) {
		s.line(l)
	}
	laser, added := "", ""
	if r.LaserNM > 0 {
		laser = fmt.Sprintf("%g nm", r.LaserNM)
	}
	if !r.Provenance.Added.IsZero() {
		added = r.Provenance.Added.Format(time.RFC3339)
	}
	for _, row := range [][2]string{{"lines", peakList(r.Peaks)}, {"laser", laser}, {"source", r.Provenance.Source}, {"licence", r.Provenance.Licence},
		{"added", added}, {"file SHA-256", r.Provenance.SHA256}, {"id", r.ID}} {
		if row[1] != "" {
			s.field(row[0], row[1])
		}
	}
	if r.Provenance.Unverified {
		s.field("UNVERIFIED", "these values come from memory and have not been checked against a source")
	}
}

// referenceSpectrum is what can be drawn of r. Lines whose source gives no heights are drawn equally high.
func referenceSpectrum(r library.Reference) spectra.Spectrum {
	if r.Spectrum != nil {
		return *r.Spectrum
	}
	s := spectra.Spectrum{Technique: r.Technique, XUnit: spectra.PerCM, YUnit: "% of max", Peaks: true}
	heights := false
	for _, p := range r.Peaks {
		heights = heights || p.Relative > 0
	}
	if !heights {
		s.YUnit = "line"
	}
	for _, p := range r.Peaks {
		y := p.Relative
		if !heights {
			y = 1
		}
		s.X, s.Y = append(s.X, p.PositionCM1), append(s.Y, y)
	}
	return s
}

// peakList prints positions with relative heights where the source gives them.
func peakList(peaks []library.Peak) string {
	heights := "; in brackets the height, % of the strongest"
	if !slices.ContainsFunc(peaks, func(p library.Peak) bool { return p.Relative > 0 }) {
		heights = "; the source gives no heights"
	}
	parts := make([]string, len(peaks))
	for i, p := range peaks {
		parts[i] = fmt.Sprintf("%g", p.PositionCM1)
		if p.Relative > 0 {
			parts[i] += fmt.Sprintf(" (%.0f)", p.Relative)
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return strings.Join(parts, ", ") + " cm-1" + heights
}
