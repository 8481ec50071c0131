package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"fentrace/spectra"
	"fentrace/spectra/format"
	"fentrace/spectra/picture"
)

type showCommand struct {
	File string `arg:"" help:"File of any readable format, or - for the standard input; with --server the id of a stored scan."`
	JSON bool   `name:"json" help:"Print the spectra as JSON."`
	PNG  string `name:"png" placeholder:"FILE.png" help:"Draw the spectra into a picture."`
}

func (showCommand) Help() string {
	return `Raman is drawn increasing to the right, infrared decreasing, as chemists do.

Examples:

    fentrace show scan.jdx
    fentrace show --png scan.png scan.spc
    fentrace show --json scan.csv | jq '.spectra[0].metadata'`
}

// spectraJSON is how spectra are printed for programs.
type spectraJSON struct {
	Spectra []spectra.Spectrum `json:"spectra"`
}

func (c *showCommand) Run(env *environment) error {
	read, err := env.spectraOf(c.File)
	if err != nil {
		return err
	}
	if c.PNG != "" {
		if err := c.picture(env, read); err != nil {
			return err
		}
	}
	if c.JSON {
		return printJSON(env.stdout, spectraJSON{read}, false)
	}
	sheet := env.newSheet()
	for i, s := range read {
		if i > 0 {
			sheet.line("")
		}
		if err := env.ctx.Err(); err != nil {
			return err
		}
		sheet.name(format.SpectrumName(c.File, s, i), s.Metadata.Simulated)
		sheet.spectrum(s)
	}
	return sheet.err
}

// picture draws the spectra into a file that must not exist yet.
func (c *showCommand) picture(env *environment, read []spectra.Spectrum) error {
	drawn := 0
	err := writeWhole(c.PNG, false, func(w io.Writer) (err error) {
		drawn, err = picture.PNG(w, read...)
		return err
	})
	if err != nil {
		return err
	}
	if drawn < len(read) {
		fmt.Fprintf(env.stderr, "%s shows the first %d of %d spectra that share the axes of the first.\n", plain(c.PNG), drawn, len(read))
	}
	return nil
}

// spectrum draws s and says what is known about it.
func (s *sheet) spectrum(sp spectra.Spectrum) {
	for _, l := range wrap(sp.Title, 2) {
		s.line("  " + l)
	}
	for _, l := range draw(sp) {
		s.line(l)
	}
	for _, row := range facts(sp) {
		s.field(row[0], row[1])
	}
	for _, w := range sp.Metadata.Warnings {
		s.field("warning", w)
	}
}

// field prints a label and its text, wrapped.
func (s *sheet) field(label, text string) {
	const indent = 15 // leaves the 64 places of a hash
	for i, l := range wrap(text, indent) {
		if i > 0 {
			label = ""
		}
		s.line(fit("  "+label, indent) + l)
	}
}

// facts are the metadata that the source states, and nothing else.
func facts(s spectra.Spectrum) [][2]string {
	m := s.Metadata
	kind := "points"
	if s.Peaks {
		kind = "lines"
	}
	lo, hi := s.Range()
	rows := [][2]string{{"technique", techniqueName(s.Technique)},
		{kind, fmt.Sprintf("%d, %.6g to %.6g %s", len(s.X), lo, hi, s.XUnit)}}
	add := func(label, text string) {
		if text = strings.TrimSpace(text); text != "" {
			rows = append(rows, [2]string{label, text})
		}
	}
	number := func(label string, v float64, unit string) {
		if v != 0 {
			add(label, fmt.Sprintf("%.6g %s", v, unit))
		}
	}
	add("sample", m.SampleName)
	add("CAS", m.CAS)
	add("InChIKey", m.InChIKey)
	add("formula", m.Formula)
	add("instrument", m.Instrument+" "+m.SerialNumber)
	add("operator", m.Operator)
	if !m.Acquired.IsZero() {
		add("acquired", m.Acquired.Format(time.RFC3339))
	}
	number("integration", m.IntegrationTimeMS, "ms")
	if m.Averages > 0 {
		add("averages", fmt.Sprint(m.Averages))
	}
	number("laser", m.LaserNM, "nm")
	number("laser power", m.LaserPowerMW, "mW")
	if m.TemperatureC != nil {
		add("detector", fmt.Sprintf("%.4g °C", *m.TemperatureC))
	}
	number("resolution", m.ResolutionCM1, "cm-1")
	number("sampling", m.SamplingIntervalCM, "cm")
	if m.Sweeps > 1 {
		add("sweeps", fmt.Sprintf("%d, every second one backward", m.Sweeps))
	}
	if m.Background {
		add("background", "measured without the sample")
	}
	if m.SaturatedPoints > 0 {
		add("saturated", fmt.Sprintf("%d points at full scale%s", m.SaturatedPoints, whereSaturated(s)))
	}
	if m.CosmicRays > 0 {
		add("cosmic rays", fmt.Sprintf("%d left out of the mean", m.CosmicRays))
	}
	if m.SNR > 0 {
		add("signal/noise", fmt.Sprintf("%.0f at the strongest line", m.SNR))
	}
	if m.Calibration != nil {
		add("calibrated", calibratedText(m.Calibration))
	}
	add("format", m.Format)
	add("SHA-256", m.SHA256)
	if strongest := strongestLines(s); strongest != "" {
		rows = slices.Insert(rows, 2, [2]string{"strongest", strongest})
	}
	return rows
}

// whereSaturated names the first few ranges that are marked on the axis.
func whereSaturated(s spectra.Spectrum) string {
	const most = 3
	var parts []string
	for _, r := range s.Metadata.SaturatedRanges[:min(most, len(s.Metadata.SaturatedRanges))] {
		if r.Low == r.High {
			parts = append(parts, fmt.Sprintf("%.0f", r.Low))
		} else {
			parts = append(parts, fmt.Sprintf("%.0f to %.0f", r.Low, r.High))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	text := fmt.Sprintf(" (%c): %s %s", saturatedMark, strings.Join(parts, ", "), s.XUnit)
	if more := len(s.Metadata.SaturatedRanges) - most; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

func techniqueName(t spectra.Technique) string {
	switch t {
	case spectra.Raman:
		return "Raman"
	case spectra.IR:
		return "infrared"
	}
	return string(t)
}
