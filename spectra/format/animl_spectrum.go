package format

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"fentrace/spectra"
)

// parameter keeps a labelled value of the step.
func (f *animlFile) parameter(p xmlPath, text string) {
	if parameter := p.above("Parameter"); parameter != nil {
		f.step.labels.text(parameter.attr("name"), text)
	}
}

// unit puts the unit of a parameter behind its value.
func (f *animlFile) unit(parameter *xmlElement, unit string) {
	name := parameter.attr("name")
	if v, ok := f.step.labels[name]; ok && unit != "" {
		if _, stated, isNumber := measure(v); isNumber && stated == "" {
			f.step.labels[name] = v + " " + unit
		}
	}
}

// device keeps who or what measured.
func (f *animlFile) device(p xmlPath, text string) {
	switch name := p.last().name; {
	case p.parent() == "Device" && name == "SerialNumber":
		f.step.serial = text
	case p.parent() == "Device": // name and maker, in either order
		f.step.device = strings.TrimSpace(f.step.device + " " + text)
	case p.parent() == "Author" && name == "Name":
		f.step.operator = text
	}
}

// finishSet makes the spectra of a set of series.
func (f *animlFile) finishSet() error {
	set := f.set
	f.set = nil
	var axis *animlSeries
	for _, s := range set {
		if s.independent && !s.text {
			if axis != nil {
				return nil // two axes: a surface, no spectrum
			}
			axis = s
		}
	}
	if axis == nil {
		return nil
	}
	for _, s := range set {
		if s == axis || s.text || s.independent || s.incremented || len(s.values) == 0 {
			continue
		}
		if err := f.spectrum(axis, s, len(set) > 2); err != nil {
			return err
		}
	}
	return nil
}

// positions returns n positions of the axis.
func (s *animlSeries) positions(n int) ([]float64, error) {
	switch {
	case !s.incremented && len(s.values) == n:
		for i, v := range s.values {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return nil, fmt.Errorf("%w: position %d of the axis %q (export it again)", ErrNotNumber, i+1, clip(s.name))
			}
		}
		return slices.Clone(s.values), nil
	case !s.incremented:
		return nil, fmt.Errorf("%w: the axis %q has %d positions for %d values (export it again)", ErrTruncated, clip(s.name), len(s.values), n)
	case s.count != 0 && s.count != n:
		return nil, fmt.Errorf("%w: the axis %q counts %d positions for %d values (export it again)", ErrTruncated, clip(s.name), s.count, n)
	case n < 2:
		return []float64{s.start}, nil
	}
	return linear(s.start, s.start+s.increment*float64(n-1), n)
}

func (f *animlFile) spectrum(axis, values *animlSeries, several bool) error {
	n := len(values.values)
	if f.setLength > n {
		return fmt.Errorf("%w: the set states %d points, series %q holds %d (copy or export it again)", ErrTruncated, f.setLength, clip(values.name), n)
	}
	if err := f.budget.take(0, n); err != nil {
		return err
	}
	x, err := axis.positions(n)
	if err != nil {
		return err
	}
	s := spectra.Spectrum{Title: firstOf(f.step.sample, f.step.name, f.setName), XUnit: axisUnit(firstOf(axis.unit, axis.name)), X: x, Y: values.values, Metadata: spectra.Metadata{Fields: fields{}}}
	if several {
		s.Title = strings.TrimPrefix(s.Title+": "+values.name, ": ")
	}
	if err := dropBlanked(&s); err != nil {
		return err
	}
	list := series{x: s.X, y: s.Y, lines: make([]int, len(s.X))}
	var doubled string
	if s.X, s.Y, doubled, err = list.ordered(); err != nil {
		return fmt.Errorf("the axis %q: %w", clip(axis.name), err)
	}
	if doubled != "" {
		warn(&s.Metadata, "%s", doubled)
	}
	percent := f.units(&s, axis, values)
	s.Metadata.Fields["axis"], s.Metadata.Fields["values"] = axis.name, values.name
	if err := normaliseRatio(&s, firstOf(values.unit, values.name), percent); err != nil {
		return err
	}
	f.step.spectra = append(f.step.spectra, len(f.out))
	f.out = append(f.out, s)
	return nil
}

// units names the values by their unit, else by their name, and the technique by the words of the step.
func (f *animlFile) units(s *spectra.Spectrum, axis, values *animlSeries) (percent bool) {
	s.YUnit, percent = yUnitOf(values.name+" "+values.unit, false)
	words := f.step.technique + " " + strings.ToLower(f.step.name+" "+axis.name+" "+values.name)
	ratio := s.YUnit == spectra.Absorbance || s.YUnit == spectra.Transmittance || s.YUnit == spectra.Reflectance
	switch {
	case s.XUnit != spectra.PerCM:
		s.Technique = spectra.Other
	case strings.Contains(words, "raman"):
		s.Technique = spectra.Raman
	case ratio, strings.Contains(words, "infrared"), strings.Contains(words, "ftir"), strings.Contains(words, "ft-ir"), strings.Contains(" "+words, " ir"):
		s.Technique = spectra.IR
	default:
		s.Technique = spectra.Other
		warn(&s.Metadata, "The file does not state its technique; the spectrum is not searched.")
	}
	return percent
}

// finishStep gives the spectra of a step what the step says.
func (f *animlFile) finishStep() error {
	t := f.step
	f.step = animlStep{labels: fields{}}
	t.labels.text("technique", t.technique)
	t.labels.text("step", t.name)
	t.labels.text("timestamp", t.timestamp)
	p := labelled(t.labels)
	for _, i := range t.spectra {
		s := &f.out[i]
		if err := f.budget.takeLabels(0, t.labels); err != nil {
			return err
		}
		own := s.Metadata
		m := p.metadata()
		maps.Copy(m.Fields, own.Fields)
		m.Warnings = own.Warnings
		m.SampleName = firstOf(t.sample, m.SampleName)
		m.Instrument, m.SerialNumber, m.Operator = firstOf(t.device, m.Instrument), firstOf(t.serial, m.SerialNumber), firstOf(t.operator, m.Operator)
		s.Metadata = m
		if s.XUnit == spectra.Nanometre && strings.Contains(t.technique, "raman") {
			if err := shiftFromLaser(s); err != nil {
				return err
			}
		}
	}
	return nil
}

// shiftFromLaser turns the wavelengths of a Raman spectrum into shifts; without a laser they stay, with a warning.
func shiftFromLaser(s *spectra.Spectrum) error {
	laser := s.Metadata.LaserNM
	if laser == 0 {
		s.Technique = spectra.Other
		warn(&s.Metadata, "The file states no laser: the axis stays in nm and the scan cannot be searched.")
		return nil
	}
	for i, nm := range s.X {
		if nm <= 0 {
			return fmt.Errorf("%w: point %d has the wavelength %g nm", ErrInconsistent, i+1, nm)
		}
		s.X[i] = ramanShift(laser, nm)
	}
	s.XUnit, s.Technique = spectra.PerCM, spectra.Raman
	warn(&s.Metadata, "The Raman shift was computed from the wavelength and the laser, %.6g nm.", laser)
	return nil
}
