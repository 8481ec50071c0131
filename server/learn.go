package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"

	"fentrace/library"
	"fentrace/server/store"
	"fentrace/spectra"
)

// startLearning makes the learned library what the database says it must be, in case the server ended between the two,
// and notes when the server was started with another library. A failure is logged: answering goes on without.
func (s *Server) startLearning(ctx context.Context) {
	if err := s.learn(ctx, "The server was started with this library."); err != nil {
		s.cfg.Logger.ErrorContext(ctx, "learning from laboratory results failed; it is tried again with the next decision", slog.Any("error", err))
	}
}

// learn brings the learned library in line with the accepted proposals, answers with it from then on, notes the change
// and starts the comparison. The database says what is accepted and is written first, and everything here may be done
// again without effect: so whatever fails in between is made good by the next call or start, and nothing is doubled.
func (s *Server) learn(ctx context.Context, cause string) error {
	ctx = store.ByProgram(context.WithoutCancel(ctx), "learning") // whoever asked may have gone; half is worse than late
	s.learning.Lock()
	defer s.learning.Unlock()
	changed, err := s.syncLearned(ctx)
	if err != nil {
		return fmt.Errorf("write the learned library: %w", err)
	}
	if changed {
		if err := s.load(ctx); err != nil {
			return err
		}
	}
	change, _, err := s.store.NoteLibrary(ctx, snapshot(s.know()), cause, s.cfg.Clock())
	if err != nil {
		return err
	}
	if change.State == store.ChangeRunning {
		s.compare(change, s.know())
	}
	s.lookForLearnt(ctx)
	return nil
}

// syncLearned puts into the learned library what is missing and takes out what was withdrawn. It makes no file as long as
// nothing was ever accepted.
func (s *Server) syncLearned(ctx context.Context) (changed bool, err error) {
	accepted, err := s.store.Accepted(ctx)
	if err != nil {
		return false, err
	}
	file, made, err := s.openLearned(ctx, len(accepted) > 0)
	if err != nil || file == nil {
		return false, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	have, err := file.References(ctx)
	if err != nil {
		return false, err
	}
	surplus := map[string]bool{}
	for _, r := range have {
		surplus[r.ID] = true
	}
	for _, a := range accepted {
		if slices.ContainsFunc(have, func(r library.Reference) bool { return r.ID == a.ReferenceID }) {
			delete(surplus, a.ReferenceID)
			continue
		}
		if err := s.putLearned(ctx, file, a); err != nil {
			return false, err
		}
		changed = true
	}
	var gone []string
	for id := range surplus {
		gone = append(gone, id)
	}
	if len(gone) > 0 {
		err = file.RemoveReference(ctx, gone...)
	}
	return changed || made || len(gone) > 0, err
}

// openLearned opens the learned library; without one it makes it when create is set, else it returns nil. One that is
// damaged is put aside and made again.
func (s *Server) openLearned(ctx context.Context, create bool) (file *library.File, made bool, err error) {
	path := s.learnedPath()
	file, err = library.Open(path)
	if err == nil {
		return file, false, nil
	}
	if remakable(path, err) {
		s.cfg.Logger.WarnContext(ctx, "the learned library is made again; the damaged file is kept beside it", slog.Any("error", err))
		if err := os.Rename(path, path+".damaged"); err != nil {
			return nil, false, err
		}
		create = true
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, false, err
	}
	if !create {
		return nil, false, nil
	}
	if file, err = library.Create(path); err != nil {
		return nil, false, err
	}
	if err := file.SetTitle(ctx, learnedTitle); err != nil {
		return nil, false, errors.Join(err, file.Close())
	}
	return file, true, nil
}

// putLearned stores one accepted reference with its substance, so that the file can be used alone as well.
func (s *Server) putLearned(ctx context.Context, file *library.File, a store.Accepted) error {
	p, err := s.store.Proposal(ctx, a.ProposalID)
	if err != nil {
		return err
	}
	sp, err := s.store.Spectrum(ctx, a.ScanID)
	if err != nil {
		return err
	}
	sub, ok := s.cfg.Library.Substance(a.SubstanceID)
	if !ok { // a layer that had it is not there any more
		named := p.Result.Substances[0]
		sub = library.Substance{ID: a.SubstanceID, Name: named.Name, CAS: named.CAS, Source: "named by a laboratory result"}
	}
	if err := file.PutSubstance(ctx, sub); err != nil {
		return err
	}
	_, err = file.PutReference(ctx, reference(p, sp))
	return err
}

// reference is the reference that p becomes; sp is the spectrum of its scan.
func reference(p store.Proposal, sp spectra.Spectrum) library.Reference {
	r := library.Reference{ID: p.ReferenceID, SubstanceID: p.SubstanceID, Tier: p.Tier, Technique: sp.Technique, LaserNM: sp.Metadata.LaserNM,
		Form: p.Result.Substances[0].Form, Spectrum: &sp, Provenance: library.Provenance{SHA256: p.Scan.SHA256}}
	r.Provenance.Source = fmt.Sprintf("laboratory result %s of %s: %s, %s, entered by %s", p.Result.ID, p.Result.Entered.Format("2006-01-02"),
		p.Result.Technique, p.Result.Laboratory, p.Result.EnteredBy)
	if d := p.Decision; d != nil {
		r.Provenance.Added = d.Decided
		r.Provenance.Source += "; accepted by " + d.DecidedBy
		if d.Alone {
			r.Provenance.Source += " alone, without a second person"
		}
	}
	return r
}

// snapshot puts what is known in numbers.
func snapshot(k *knowledge) store.LibrarySnapshot {
	snap := store.LibrarySnapshot{Version: k.lib.Version(), Substances: len(k.lib.Substances()), References: len(k.lib.References()),
		ByTier: map[library.Tier]int{}, ControlledMeasured: []string{}}
	measured := map[string]bool{}
	for _, r := range k.lib.References() {
		snap.ByTier[r.Tier]++
		measured[r.SubstanceID] = measured[r.SubstanceID] || r.Tier == library.Measured
	}
	for _, sub := range k.lib.Substances() {
		if sub.Controlled && measured[sub.ID] {
			snap.ControlledMeasured = append(snap.ControlledMeasured, sub.Name)
		}
	}
	return snap
}
