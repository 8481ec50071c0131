package library

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"fentrace/spectra"
	"fentrace/spectra/format"
)

// ImportOptions says what imported spectra are worth. The zero value imports them as measured.
type ImportOptions struct {
	// Tier of the imported references, Measured when empty. It is an upper bound: simulated spectra become Simulated and
	// peak tables Published at most, whatever it says.
	Tier    Tier
	Licence string           // as stated by whoever supplied the files
	Now     func() time.Time // date of the import; none is recorded when nil
}

// Outcome is what became of one file.
type Outcome string

// The outcomes of a file. A file with several spectra counts as imported when one of them was.
const (
	OutcomeImported Outcome = "imported"
	OutcomeMended   Outcome = "mended" // it was there, damaged
	OutcomePresent  Outcome = "already present"
	OutcomeSkipped  Outcome = "skipped"
	OutcomeFailed   Outcome = "failed"
)

// ImportEvent is the progress of Import: one per file, after it was dealt with.
type ImportEvent struct {
	Done    int     `json:"done"` // files dealt with, this one included
	Total   int     `json:"total"`
	File    string  `json:"file"`
	Outcome Outcome `json:"outcome"`
	Detail  string  `json:"detail,omitempty"` // why it was skipped or failed
}

// Import reads every file of paths, walking folders, and stores what can be searched in dst. A spectrum is mapped to
// a substance of known or dst by CAS number, InChIKey, then name; the name is that of its metadata, else the title of a
// JCAMP-DX file, else the file name without extension and trailing "-NN". A salt in the name becomes the form. A
// name that maps to nothing becomes a new substance of unknown class and is listed in the report.
//
// A reference that dst holds already is left as it is, unless it is damaged: then it is stored again.
//
// Each file is one transaction: an import that is killed leaves a valid library with whole files in it, and
// running it again goes on from there. Files that cannot be read are listed and the import goes on; the error is
// for what stops it: a path that does not exist, a library that cannot be written, ctx.
func Import(ctx context.Context, dst *File, known *Stack, paths []string, opts ImportOptions, progress func(ImportEvent)) (ImportReport, error) {
	var report ImportReport
	opts.Tier = cmp.Or(opts.Tier, Measured)
	if !slices.Contains(Tiers, opts.Tier) {
		return report, fmt.Errorf("import: tier %q: use measured, published or simulated", opts.Tier)
	}
	files, err := filesUnder(paths, dst.Path())
	if err != nil {
		return report, fmt.Errorf("import: %w", err)
	}
	im, err := newImporter(ctx, dst, known, opts)
	if err != nil {
		return report, fmt.Errorf("import: %w", err)
	}
	for i, path := range files {
		if err := ctx.Err(); err != nil {
			return im.result(), fmt.Errorf("import stopped after %d of %d files: %w", i, len(files), err)
		}
		outcome, detail, err := im.file(ctx, path)
		if err != nil {
			return im.result(), fmt.Errorf("import stopped at %s: %w", path, err)
		}
		if progress != nil {
			progress(ImportEvent{Done: i + 1, Total: len(files), File: path, Outcome: outcome, Detail: detail})
		}
	}
	return im.result(), nil
}

// filesUnder lists the regular files of paths in a fixed order, without hidden files and the library itself. A path
// named twice, or inside another, is listed once.
func filesUnder(paths []string, library string) ([]string, error) {
	own, ownErr := os.Stat(library)
	var out []string
	seen := map[string]bool{}
	for _, root := range paths {
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if path != root && strings.HasPrefix(entry.Name(), ".") {
				if entry.IsDir() {
					return filepath.SkipDir
				}
				return nil
			}
			info, err := os.Stat(path)
			if errors.Is(err, fs.ErrNotExist) && path != root {
				return nil // a dangling link, or removed meanwhile
			}
			if err != nil {
				return err
			}
			if info.Mode().IsRegular() && !(ownErr == nil && os.SameFile(own, info)) && !seen[filepath.Clean(path)] {
				seen[filepath.Clean(path)] = true
				out = append(out, path)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// importer carries what one import knows so far.
type importer struct {
	dst    *File
	opts   ImportOptions
	names  *resolver
	stored map[string]bool // ids of substances that dst holds
	report ImportReport
	// unmapped lists, by id, the files of substances that nobody but an imported file knows.
	unmapped map[string]*NotMapped
}

func newImporter(ctx context.Context, dst *File, known *Stack, opts ImportOptions) (*importer, error) {
	held, err := dst.Substances(ctx)
	if err != nil {
		return nil, err
	}
	im := &importer{dst: dst, opts: opts, stored: map[string]bool{}, unmapped: map[string]*NotMapped{}}
	layers := []layer{{substances: held}}
	if known != nil {
		layers = []layer{{substances: known.Substances()}, {substances: held}}
	}
	im.names = merge(layers).names
	for _, s := range held {
		im.stored[s.ID] = true
	}
	return im, nil
}

// batch is what one file adds.
type batch struct {
	substances []Substance
	references []Reference
	skipped    []string // reasons
}

// file imports one file. The error is returned only when going on makes no sense.
func (im *importer) file(ctx context.Context, path string) (outcome Outcome, detail string, err error) {
	im.report.Files++
	fail := func(err error) (Outcome, string, error) {
		im.report.Failed = append(im.report.Failed, FileNote{File: path, Reason: err.Error()})
		return OutcomeFailed, err.Error(), nil
	}
	read, unread, err := format.ReadFileAll(path)
	if err != nil {
		return fail(err)
	}
	for _, lost := range unread { // of an archive
		im.report.Failed = append(im.report.Failed, FileNote{File: path, Reason: lost.Error()})
	}
	var b batch
	for _, s := range read {
		im.report.Spectra++
		for _, warning := range s.Metadata.Warnings {
			im.report.Warnings = append(im.report.Warnings, FileNote{File: path, Reason: warning})
		}
		if reason := unsearchable(s); reason != "" {
			b.skipped = append(b.skipped, reason)
			continue
		}
		if err := im.spectrum(&b, path, s); err != nil {
			return fail(err)
		}
	}
	n, err := im.dst.put(ctx, b.substances, b.references)
	if errors.Is(err, ErrInvalid) {
		return fail(err)
	}
	if err != nil {
		return "", "", err
	}
	im.commit(path, b, n)
	switch {
	case n.added > 0:
		return OutcomeImported, "", nil
	case n.mended > 0:
		return OutcomeMended, "", nil
	case len(b.references) > 0:
		return OutcomePresent, "", nil
	}
	return OutcomeSkipped, strings.Join(slices.Compact(b.skipped), "; "), nil
}

// commit makes what was stored known to the files that follow.
func (im *importer) commit(path string, b batch, n stored) {
	im.report.Imported += n.added
	im.report.Mended += n.mended
	im.report.AlreadyPresent += len(b.references) - n.added - n.mended
	for _, s := range b.substances {
		im.stored[s.ID] = true
		if _, ok := im.names.substances[s.ID]; !ok {
			im.names.add(s)
		}
	}
	seen := map[string]bool{}
	for _, r := range b.references {
		s := im.names.substances[r.SubstanceID]
		if s.Source != namedByFile || s.Class != "" || seen[s.ID] {
			continue
		}
		seen[s.ID] = true
		if im.unmapped[s.ID] == nil {
			im.unmapped[s.ID] = &NotMapped{Name: s.Name, SubstanceID: s.ID}
		}
		im.unmapped[s.ID].Files = append(im.unmapped[s.ID].Files, path)
	}
	for _, reason := range slices.Compact(b.skipped) {
		im.report.Skipped = append(im.report.Skipped, FileNote{File: path, Reason: reason})
	}
}

// result is the report so far.
func (im *importer) result() ImportReport {
	r := im.report
	for _, id := range slices.Sorted(maps.Keys(im.unmapped)) {
		r.NotMapped = append(r.NotMapped, *im.unmapped[id])
	}
	return r
}

// namedByFile is the source of a substance that an import had to make.
const namedByFile = "named by an imported file"

// unsearchable says why s is of no use in a library, empty when it is.
func unsearchable(s spectra.Spectrum) string {
	switch {
	case s.Technique != spectra.Raman && s.Technique != spectra.IR:
		return fmt.Sprintf("technique is %q: only Raman and infrared spectra are searched", s.Technique)
	case s.XUnit != spectra.PerCM:
		return fmt.Sprintf("axis is in %q: only spectra in cm-1 are searched; export it with a wavenumber or Raman shift axis", s.XUnit)
	case len(s.X) < minPoints && !s.Peaks:
		return fmt.Sprintf("%d points are no spectrum", len(s.X))
	}
	return ""
}

// minPoints is fewer than any spectrometer has detector elements.
const minPoints = 16

// spectrum adds s to b with the substance it speaks for.
func (im *importer) spectrum(b *batch, path string, s spectra.Spectrum) error {
	label, err := readLabels(s.Metadata.Fields)
	if err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	name := SampleName(path, s)
	m, ok := im.find(b, label.substance, s.Metadata.CAS, s.Metadata.InChIKey, name)
	switch {
	case ok && m.contradicts != "":
		return fmt.Errorf("read %s: by its %s it is %s, by its name %q it is %s: correct the file", path, m.by, m.substance.Name, name, m.contradicts)
	case !ok && label.substance != nil:
		m.substance = *label.substance
	case !ok:
		m.substance = im.unknown(Substance{Name: name, CAS: s.Metadata.CAS, InChIKey: s.Metadata.InChIKey, Formula: s.Metadata.Formula, Source: namedByFile})
	}
	if !im.stored[m.substance.ID] && !slices.ContainsFunc(b.substances, func(s Substance) bool { return s.ID == m.substance.ID }) {
		b.substances = append(b.substances, m.substance)
	}
	b.references = append(b.references, im.reference(m, label, path, s))
	return nil
}

// unknown completes s, a substance that nothing known has: it gets an id of its own and counts as unverified.
func (im *importer) unknown(s Substance) Substance {
	s.ID, s.Unverified = SubstanceID(s.Name), true
	if _, taken := im.names.substances[s.ID]; taken {
		s.ID += "-" + spectra.HashBytes([]byte(s.Name))[:8]
	}
	return s
}

// find looks among what is known and what the same file brought.
func (im *importer) find(b *batch, labelled *Substance, cas, inchikey, name string) (match, bool) {
	if labelled != nil {
		if s, ok := im.names.substances[labelled.ID]; ok {
			m := match{substance: s, by: "label"}
			if id, _ := im.names.findName(labelled.Name); id != "" && id != s.ID {
				m.contradicts = im.names.substances[id].Name
			}
			return m, true
		}
		cas, inchikey, name = labelled.CAS, labelled.InChIKey, labelled.Name
	}
	if m, ok := im.names.find(cas, inchikey, name); ok {
		return m, true
	}
	for _, s := range b.substances {
		if NormaliseName(s.Name) == NormaliseName(name) {
			return match{substance: s, by: "name"}, true
		}
	}
	return match{}, false
}

// reference makes the reference of s; a label of an earlier export can lower its tier, never raise it.
func (im *importer) reference(m match, label labels, path string, s spectra.Spectrum) Reference {
	r := Reference{SubstanceID: m.substance.ID, Tier: im.opts.Tier, Technique: s.Technique, LaserNM: s.Metadata.LaserNM,
		Form: m.form, Provenance: Provenance{Source: format.SourceName(filepath.Base(path), s), Licence: im.opts.Licence, SHA256: s.Metadata.SHA256}}
	if instrument := strings.TrimSpace(s.Metadata.Instrument + " " + s.Metadata.SerialNumber); instrument != "" {
		r.Provenance.Source += " (" + instrument + ")"
	}
	if im.opts.Now != nil {
		r.Provenance.Added = im.opts.Now()
	}
	if head := label.reference; head != nil {
		r.Tier = weakerTier(r.Tier, head.Tier)
		r.Form, r.LaserNM = head.Form, head.LaserNM
		r.Provenance.Source, r.Provenance.Unverified = head.Provenance.Source, head.Provenance.Unverified
		r.Provenance.Licence = cmp.Or(head.Provenance.Licence, r.Provenance.Licence)
	}
	if s.Metadata.Simulated {
		r.Tier = Simulated
	}
	if s.Peaks {
		r.Tier = weakerTier(r.Tier, Published)
		r.Peaks = peaksOf(s.X, s.Y)
	} else {
		r.Spectrum = &s
	}
	return r
}

// SampleName is the name a spectrum goes by.
func SampleName(path string, s spectra.Spectrum) string {
	base := filepath.Base(format.SourceName(path, s))
	stem := strings.TrimSuffix(base, filepath.Ext(base))
	return cmp.Or(cleanName(s.Metadata.SampleName), cleanName(repeatNumber.ReplaceAllString(stem, "")), cleanName(base), "unnamed")
}

// repeatNumber is the counter of a repeat at the end of a file name, "caffeine-03".
var repeatNumber = regexp.MustCompile(`-[0-9]+$`)

// cleanName makes text from a file fit to be shown: one line, no control characters, at most 200 characters.
func cleanName(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	if runes := []rune(s); len(runes) > 200 {
		s = string(runes[:200])
	}
	return s
}
