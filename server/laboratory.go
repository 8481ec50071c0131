package server

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"fentrace/library"
	"fentrace/library/identify"
	"fentrace/server/api"
	"fentrace/server/auth"
	"fentrace/server/store"
	"fentrace/server/tlp"
	"fentrace/spectra"
)

// referenceSNR is the least signal-to-noise ratio of a scan that is proposed as a reference: the noise of a reference is
// in every later comparison with it.
const referenceSNR = 20

// overlaid is how many references of the same substance are drawn under a proposed scan.
const overlaid = 3

// EnterResult stores what a laboratory found in the sample of a scan, and proposes the scan as a reference when the sample
// is one pure substance and the scan is good enough. A result that contradicts an accepted reference of the scan takes
// that reference out of the library at once. Errors wrap store.ErrInvalid, store.ErrNotFound, store.ErrFull or, when the
// result is stored, api.ErrNotLearnt.
func (s *Server) EnterResult(ctx context.Context, in api.ResultInput) (store.LaboratoryResult, bool, error) {
	sc, err := s.store.OwnScan(ctx, in.ScanID)
	if err != nil {
		return store.LaboratoryResult{}, false, err
	}
	k := s.know()
	r := store.LaboratoryResult{ScanID: sc.ID, Result: in.Result, Pure: in.Pure, Technique: strings.TrimSpace(in.Technique),
		Methods: in.Methods, Analyst: strings.TrimSpace(in.Analyst), ReportNumber: strings.TrimSpace(in.ReportNumber), Laboratory: strings.TrimSpace(in.Laboratory), Note: strings.TrimSpace(in.Note), EnteredBy: in.EnteredBy, Entered: s.cfg.Clock()}
	if r.Substances, err = resolve(k.lib, in.Substances, in.AllowUnknown); err != nil {
		return store.LaboratoryResult{}, false, err
	}
	if err := r.Validate(); err != nil {
		return store.LaboratoryResult{}, false, err
	}
	if err := consistent(k.lib, sc, r); err != nil {
		return store.LaboratoryResult{}, false, err
	}
	var proposal *store.NewProposal
	if proposal, r.NotProposed, err = s.propose(ctx, sc, r); err != nil {
		return store.LaboratoryResult{}, false, err
	}
	stored, created, withdrew, err := s.store.AddLaboratoryResult(ctx, r, proposal)
	if err != nil {
		return store.LaboratoryResult{}, false, err
	}
	if withdrew || !created { // said again, it may be because learning failed the first time
		if err := s.learn(ctx, "A later laboratory result has withdrawn a reference."); err != nil {
			return store.LaboratoryResult{}, false, fmt.Errorf("%w: a reference that the result contradicts is still in it: %w", api.ErrNotLearnt, err)
		}
	}
	return stored, created, nil
}

// resolve finds the substances by name or CAS number. One that no library has is refused, because a misspelt name would
// count for nothing, unless allowUnknown.
func resolve(lib *library.Stack, names []string, allowUnknown bool) ([]store.LaboratorySubstance, error) {
	out := []store.LaboratorySubstance{}
	seen := map[string]bool{}
	for _, name := range names {
		name = strings.Join(strings.Fields(name), " ")
		cas := ""
		if library.ValidCAS(name) {
			cas = name
		}
		sub, form, ok := lib.LookupForm(cas, "", name)
		one := store.LaboratorySubstance{Name: sub.Name, CAS: sub.CAS, Form: form, SubstanceID: sub.ID}
		if !ok {
			if !allowUnknown {
				return nil, fmt.Errorf("%w: substances: no library of this server has %.80q; check the spelling, give its CAS number instead, or send allow_unknown to keep the name as it is",
					store.ErrInvalid, name)
			}
			one = store.LaboratorySubstance{Name: name}
		}
		key := one.SubstanceID + "\n" + strings.ToLower(one.Name)
		if seen[key] {
			return nil, fmt.Errorf("%w: substances: %.80q is named twice", store.ErrInvalid, name)
		}
		seen[key] = true
		out = append(out, one)
	}
	return out, nil
}

// ownTechnique matches what is no second technique for a Raman, or an infrared, scan.
var ownTechnique = map[string]*regexp.Regexp{
	string(spectra.Raman): regexp.MustCompile(`(?i)^(handheld |portable )?raman( spectroscopy)?$`),
	string(spectra.IR):    regexp.MustCompile(`(?i)^(handheld |portable )?(atr[- ])?(ft-?ir|ir|infrared)([- ]atr)?( spectroscopy)?$`),
}

// consistent checks that the result is called what it is, given what was answered here and where the scan was before.
func consistent(lib *library.Stack, sc store.Scan, r store.LaboratoryResult) error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: "+format, append([]any{store.ErrInvalid}, args...)...)
	}
	if own := ownTechnique[sc.Technique]; own != nil && own.MatchString(r.Technique) {
		return bad("technique: the scan itself is %s; the laboratory must have used a second technique, such as GC-MS", sc.Technique)
	}
	answers := []identify.Identification{sc.Identification}
	for _, a := range sc.FieldAnswers {
		answers = append(answers, a.Identification)
	}
	named, alarmed := map[string]bool{}, map[string]bool{}
	for _, a := range answers {
		for _, f := range a.Findings {
			sub, ok := lib.Lookup(f.CAS, "", f.Substance)
			if !ok {
				sub = library.Substance{ID: library.SubstanceID(f.Substance), Class: f.Class, Controlled: f.Controlled}
			}
			named[sub.ID] = true
			if alarming(sub) {
				alarmed[sub.ID] = true
			}
		}
	}
	if r.Result != store.ResultCorrected && len(named) == 0 {
		return bad("result: the presumptive answer names no substance, so there is nothing to call %s; send corrected with what the laboratory found", r.Result)
	}
	common, commonAlarm := false, len(alarmed) == 0
	for _, sub := range r.Substances {
		known, _ := lib.Substance(sub.SubstanceID)
		switch {
		case r.Result == store.ResultRefuted && named[sub.SubstanceID]:
			return bad("result: the presumptive answer names %s and so does the laboratory; send corrected", sub.Name)
		case r.Result == store.ResultConfirmed && alarming(known) && !named[sub.SubstanceID]:
			return bad("result: the presumptive answer does not name %s, which is controlled; send corrected", sub.Name)
		}
		common, commonAlarm = common || named[sub.SubstanceID], commonAlarm || alarmed[sub.SubstanceID]
	}
	if r.Result == store.ResultConfirmed && !(common && commonAlarm) {
		return bad("result: the laboratory found nothing of what the presumptive answer rests on; send refuted or corrected")
	}
	return nil
}

// propose says whether the scan of r may become a reference, or why not.
func (s *Server) propose(ctx context.Context, sc store.Scan, r store.LaboratoryResult) (*store.NewProposal, string, error) {
	switch q := sc.Identification.Quality; {
	case sc.TLP.Rank() > tlp.Amber.Rank():
		return nil, fmt.Sprintf("the scan is marked %s, and the library is seen by every agency", sc.TLP), nil
	case !r.Pure:
		return nil, "the sample is not stated to be one pure substance; the result is kept to judge answers by", nil
	case r.Substances[0].SubstanceID == "":
		return nil, fmt.Sprintf("no library of this server has %s: import the substance first, then enter the result again", r.Substances[0].Name), nil
	case q.Saturated > 0:
		return nil, fmt.Sprintf("the scan is saturated at %d points", q.Saturated), nil
	case slices.Contains([]string{"off", "fault", "recalibrated"}, q.Axis):
		return nil, fmt.Sprintf("the axis of the scan is about %.1f cm-1 off", q.AxisShiftCM1), nil
	case q.SNR < referenceSNR:
		return nil, fmt.Sprintf("the signal-to-noise ratio of the scan is %.0f, a reference needs %d", q.SNR, referenceSNR), nil
	}
	sp, err := s.store.Spectrum(ctx, sc.ID)
	if err != nil {
		return nil, "", err
	}
	p := store.NewProposal{Tier: library.Measured}
	if sc.Simulated {
		p.Tier = library.Simulated
	}
	if why := library.Unfit(sp, p.Tier); why != "" {
		return nil, "the scan " + why, nil
	}
	p.ReferenceID = library.Reference{SubstanceID: r.Substances[0].SubstanceID, Tier: p.Tier, Technique: sp.Technique, Spectrum: &sp}.ContentID()
	return &p, "", nil
}

// Decide stores what a reviewer says of a proposal and, when it is accepted, answers with the new reference from then on.
// Errors wrap those of store.Decide or, when the decision is stored, api.ErrNotLearnt.
func (s *Server) Decide(ctx context.Context, id string, d store.Decision) (store.Proposal, error) {
	d.Decided = s.cfg.Clock()
	d.Reason = strings.TrimSpace(d.Reason)
	if err := s.store.Decide(ctx, id, d, auth.Reviewers); err != nil {
		return store.Proposal{}, err
	}
	p, err := s.store.Proposal(ctx, id)
	if err != nil {
		return store.Proposal{}, err
	}
	if d.Accepted {
		if err := s.learn(ctx, fmt.Sprintf("A scan of %s was accepted as a %s reference.", p.Substance, tierWord(p.Tier))); err != nil {
			return store.Proposal{}, fmt.Errorf("%w: %w", api.ErrNotLearnt, err)
		}
	}
	return p, nil
}

// tierWord is how a tier is written wherever people read it.
func tierWord(t library.Tier) string {
	if t == library.Simulated {
		return "SIMULATED"
	}
	return string(t)
}

// ProposalOverlay draws a proposed scan over the references of the same substance that are there already, each called by
// its source.
func (s *Server) ProposalOverlay(ctx context.Context, id string) (identify.Overlay, error) {
	p, err := s.store.Proposal(ctx, id)
	if err != nil {
		return identify.Overlay{}, err
	}
	sp, err := s.store.Spectrum(ctx, p.Scan.ID)
	if err != nil {
		return identify.Overlay{}, err
	}
	k := s.know()
	var shown identify.Identification
	elsewhere, err := s.store.LearntElsewhere(ctx, p.SubstanceID)
	if err != nil {
		return identify.Overlay{}, err
	}
	for _, tier := range library.Tiers {
		for _, r := range k.lib.References() {
			if r.SubstanceID == p.SubstanceID && r.Tier == tier && r.Technique == sp.Technique && r.ID != p.ReferenceID && len(shown.Findings) < overlaid {
				source := r.Provenance.Source // who found it, and where
				if slices.Contains(elsewhere, r.ID) {
					source = "learned from a laboratory result of another agency"
				}
				shown.Findings = append(shown.Findings, identify.Finding{Substance: cmp.Or(source, p.Substance), Tier: r.Tier, References: []string{r.ID}})
			}
		}
	}
	ov, err := k.id.Overlay(sp, shown)
	if err != nil {
		return identify.Overlay{}, fmt.Errorf("overlay of proposal %s: %w", id, err)
	}
	return ov, nil
}

// Substances lists what the library knows by name.
func (s *Server) Substances() []library.Substance { return s.know().lib.Substances() }
