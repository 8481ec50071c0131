package validate

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"fentrace/library"
	"fentrace/library/analog"
	"fentrace/spectra"
)

// analogs fits the model of the fentanyl class to the references, where there are enough.
func (v *validation) analogs(ctx context.Context, r *Report) error {
	if v.opts.Technique != spectra.Raman {
		r.NoAnalogs = "the class is known by Raman spectra only"
		return nil
	}
	var examples []analog.Example
	for _, ref := range v.src.all {
		sub, _ := v.src.lib.Substance(ref.SubstanceID)
		if strings.Contains(sub.Class, "precursor") || strings.Contains(sub.Class, "metabolite") {
			continue // they share most of the skeleton and are of neither class
		}
		examples = append(examples, analog.Example{SubstanceID: sub.ID, Name: sub.Name, Fentanyl: sub.FentanylClass(), Cut: isCut(sub), Spectrum: *ref.Spectrum})
	}
	m, err := analog.Fit(ctx, examples, analog.Options{Seed: v.opts.Seed, FalseAlarmRate: v.opts.FalseAlarms})
	switch {
	case errors.Is(err, analog.ErrTooFew):
		r.NoAnalogs = err.Error()
		return nil
	case err != nil:
		return fmt.Errorf("validate: %w", err)
	}
	r.Analogs, r.AnalogsWithout = m, m.LeftOut()
	return nil
}

// isCut: it occurs in powders beside the drug, and is none itself.
func isCut(s library.Substance) bool { return !s.Controlled && !s.FentanylClass() && !s.Container() }
