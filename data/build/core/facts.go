package main

import (
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"fentrace/library"
	"fentrace/spectra"
)

var (
	substanceColumns = []string{"name", "synonyms", "cas", "smiles", "formula", "mw", "class", "us_schedule", "source"}
	peakColumns      = []string{"technique", "substance", "form", "cas", "laser_nm", "position_cm1", "relative", "source"}
)

// line is one row of peaks.csv.
type line struct {
	technique spectra.Technique
	substance string
	form, cas string
	laserNM   float64
	peak      library.Peak
	source    string
}

// readTable reads a CSV file with exactly these columns, a row at a time. Errors name the file and line.
func readTable[T any](path string, columns []string, parse func(row []string) (T, error)) ([]T, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	reader := csv.NewReader(file)
	reader.FieldsPerRecord = len(columns)
	header, err := reader.Read()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if !slices.Equal(header, columns) {
		return nil, fmt.Errorf("%s: columns are %q, expected %q", path, header, columns)
	}
	var out []T
	for {
		row, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		value, err := parse(row)
		if err != nil {
			at, _ := reader.FieldPos(0)
			return nil, fmt.Errorf("%s:%d: %w", path, at, err)
		}
		out = append(out, value)
	}
}

func parseSubstance(row []string) (library.Substance, error) {
	s := library.Substance{Name: row[0], CAS: row[2], SMILES: row[3], Formula: row[4], Class: row[6], Schedule: row[7], Source: row[8]}
	s.ID = library.SubstanceID(s.Name)
	for synonym := range strings.SplitSeq(row[1], ";") {
		if synonym = strings.TrimSpace(synonym); synonym != "" {
			s.Synonyms = append(s.Synonyms, synonym)
		}
	}
	if s.CAS != "" && !library.ValidCAS(s.CAS) {
		return s, fmt.Errorf("%s: %q is not a CAS registry number: its check digit fails", s.Name, s.CAS)
	}
	if row[5] != "" {
		var err error
		if s.MolWt, err = strconv.ParseFloat(row[5], 64); err != nil || !(s.MolWt > 0) {
			return s, fmt.Errorf("%s: %q is not a molecular weight", s.Name, row[5])
		}
	}
	s.Controlled = library.ControlledBy(s.Schedule)
	s.Unverified = library.FromMemory(s.Source, s.Schedule)
	return s, nil
}

func parseLine(row []string) (line, error) {
	l := line{technique: spectra.Technique(row[0]), substance: row[1], form: row[2], cas: row[3], source: row[7]}
	if l.technique != spectra.Raman && l.technique != spectra.IR {
		return l, fmt.Errorf("technique %q is neither raman nor ir", row[0])
	}
	var err error
	if row[4] != "" {
		if l.laserNM, err = strconv.ParseFloat(row[4], 64); err != nil || !(l.laserNM > 0) {
			return l, fmt.Errorf("%q is not a laser wavelength in nm", row[4])
		}
	}
	if l.peak.PositionCM1, err = strconv.ParseFloat(row[5], 64); err != nil || !(l.peak.PositionCM1 > 0) {
		return l, fmt.Errorf("%q is not a position in cm-1", row[5])
	}
	l.peak.Relative, err = relative(row[6])
	return l, err
}

// relative reads a height of 0..100, or the chemists' letters for it. The numbers for the letters are only an
// order: very strong, strong, medium, weak. A broad band and a blank say nothing about the height.
func relative(text string) (float64, error) {
	if v, ok := map[string]float64{"vs": 100, "s": 75, "m": 50, "w": 25, "b": 0, "": 0}[text]; ok {
		return v, nil
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || !(v >= 0 && v <= 100) {
		return 0, fmt.Errorf("%q is not a relative height of 0 to 100 or one of vs, s, m, w, b", text)
	}
	return v, nil
}

// peakTables makes one published reference of the lines that share substance, technique, form, laser, registry
// number and source.
func peakTables(substances []library.Substance, lines []line) ([]library.Reference, error) {
	ids := map[string]string{}
	for _, s := range substances {
		ids[s.Name] = s.ID
	}
	type key struct {
		technique                    spectra.Technique
		substance, form, cas, source string
		laserNM                      float64
	}
	var order []key
	groups := map[key][]line{}
	for _, l := range lines {
		if ids[l.substance] == "" {
			return nil, fmt.Errorf("substance %q is not in the table of substances", l.substance)
		}
		k := key{l.technique, l.substance, l.form, l.cas, sourceGroup(l.source), l.laserNM}
		if groups[k] == nil {
			order = append(order, k)
		}
		groups[k] = append(groups[k], l)
	}
	var out []library.Reference
	for _, k := range order {
		r := library.Reference{SubstanceID: ids[k.substance], Tier: library.Published, Technique: k.technique, Form: k.form, LaserNM: k.laserNM}
		var sources []string
		for _, l := range groups[k] {
			r.Peaks = append(r.Peaks, l.peak)
			if !slices.Contains(sources, l.source) {
				sources = append(sources, l.source)
			}
		}
		slices.SortFunc(r.Peaks, func(a, b library.Peak) int {
			return cmp.Or(cmp.Compare(a.PositionCM1, b.PositionCM1), cmp.Compare(a.Relative, b.Relative))
		})
		r.Provenance.Source = strings.Join(sources, "; ")
		r.Provenance.Unverified = library.FromMemory(r.Provenance.Source)
		r.ID = r.ContentID()
		out = append(out, r)
	}
	return out, nil
}

// sourceGroup is the citation without the remark in brackets that tells two lines of one table apart.
func sourceGroup(source string) string {
	cited, _, _ := strings.Cut(source, " (")
	return cited
}
