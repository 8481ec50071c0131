package library

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"

	"fentrace/spectra"
	"fentrace/spectra/format"
)

// ExportReport says what Export wrote.
type ExportReport struct {
	Folder  string `json:"folder"`
	Files   int    `json:"files"`
	Without int    `json:"without"` // substances that have no reference and so no file
}

// Export writes every reference of the stack as one JCAMP-DX file into the folder dir, which is made when it is
// missing: SUBSTANCE-ID-NN.jdx, numbered within the substance. Substance, tier, form and source travel as labels, so
// that importing the folder into an empty library gives the same substances and data. No existing file is ever
// overwritten: when one is in the way, nothing is written and the error wraps fs.ErrExist.
func (st *Stack) Export(ctx context.Context, dir string, progress func(done, total int)) (ExportReport, error) {
	report := ExportReport{Folder: dir}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return report, fmt.Errorf("export: %w", err)
	}
	number := map[string]int{}
	paths := make([]string, len(st.references))
	for i, r := range st.references {
		number[r.SubstanceID]++
		paths[i] = filepath.Join(dir, fmt.Sprintf("%s-%02d.jdx", fileName(r.SubstanceID), number[r.SubstanceID]))
		if _, err := os.Lstat(paths[i]); !errors.Is(err, fs.ErrNotExist) {
			if err == nil {
				err = fs.ErrExist
			}
			return report, fmt.Errorf("export: %s: %w; choose an empty folder", paths[i], err)
		}
	}
	report.Without = len(st.substances) - len(number)
	for i, r := range st.references {
		if err := ctx.Err(); err != nil {
			return report, fmt.Errorf("export stopped after %d of %d files: %w", i, len(paths), err)
		}
		if err := st.exportReference(paths[i], r); err != nil {
			return report, fmt.Errorf("export %s: %w", paths[i], err)
		}
		report.Files++
		if progress != nil {
			progress(i+1, len(paths))
		}
	}
	return report, nil
}

func (st *Stack) exportReference(path string, r Reference) (err error) {
	s, err := st.labelled(r)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer func() {
		if closed := file.Close(); err == nil {
			err = closed
		}
		if err != nil {
			err = errors.Join(err, os.Remove(path)) // a cut-off file must not pass for a whole one
		}
	}()
	return format.WriteJCAMP(file, s)
}

// labelled is the spectrum of r with everything else that is known about it in its metadata.
func (st *Stack) labelled(r Reference) (spectra.Spectrum, error) {
	var s spectra.Spectrum
	if r.HasSpectrum() {
		var err error
		if s, err = r.Load(context.Background()); err != nil {
			return s, err
		}
	} else {
		s = spectra.Spectrum{Technique: r.Technique, XUnit: spectra.PerCM, YUnit: spectra.Arbitrary, Peaks: true}
		s.X, s.Y = peakArrays(r.Peaks)
		s.Metadata.LaserNM = r.LaserNM
		s.Metadata.Simulated = r.Tier == Simulated
	}
	substance := st.names.substances[r.SubstanceID]
	s.Title = substance.Name
	m := &s.Metadata
	m.SampleName, m.CAS, m.InChIKey, m.Formula = substance.Name, substance.CAS, substance.InChIKey, substance.Formula
	m.Fields = maps.Clone(m.Fields)
	if m.Fields == nil {
		m.Fields = map[string]string{}
	}
	head := r
	head.Spectrum, head.Stored, head.Peaks = nil, nil, nil
	var err error
	if m.Fields[substanceLabel], err = labelJSON(substance); err != nil {
		return s, err
	}
	m.Fields[referenceLabel], err = labelJSON(head)
	return s, err
}

// fileName keeps an id, which anybody may have written into a library file, from leaving the folder.
func fileName(id string) string {
	if name := SubstanceID(id); name == id {
		return id
	}
	return "reference-" + spectra.HashBytes([]byte(id))[:8]
}
