package server

import (
	"context"
	"fmt"
	"log/slog"
	"slices"

	"fentrace/library"
	"fentrace/library/identify"
	"fentrace/server/store"
)

// maxCompared bounds how many scans with a laboratory result a change of the library answers again: those entered last.
const maxCompared = 2000

// comparison is one that runs on the background or has ended.
type comparison struct {
	id     string // of the change
	cancel context.CancelFunc
	done   chan struct{}
}

// compare starts to answer the scans with a laboratory result again with k, in place of a comparison that still runs.
// s.learning is held.
func (s *Server) compare(c store.LibraryChange, k *knowledge) {
	if s.comparing != nil {
		if s.comparing.id == c.ID {
			return
		}
		s.comparing.cancel()
		<-s.comparing.done
	}
	if s.background.Err() != nil {
		return // the next start goes on with it
	}
	ctx, cancel := context.WithCancel(s.background)
	run := &comparison{id: c.ID, cancel: cancel, done: make(chan struct{})}
	s.comparing = run
	s.works.Go(func() {
		defer close(run.done)
		defer cancel()
		err := s.compareAll(ctx, c, k)
		if s.background.Err() != nil {
			return
		}
		state, problem := store.ChangeDone, ""
		switch {
		case ctx.Err() != nil:
			state = store.ChangeCancelled
		case err != nil:
			state, problem = store.ChangeFailed, err.Error()
			s.cfg.Logger.Error("comparison of answers failed", slog.String("change", c.ID), slog.Any("error", err))
		}
		if err := s.store.EndComparison(s.background, c, state, problem); err != nil {
			s.cfg.Logger.Error("note the end of a comparison", slog.String("change", c.ID), slog.Any("error", err))
		}
	})
}

// CancelComparison ends the comparison of a change; what it has found is kept. Errors wrap store.ErrNotFound, or
// store.ErrClosed when it has ended.
func (s *Server) CancelComparison(ctx context.Context, id string) error {
	c, _, err := s.store.LibraryChange(ctx, id, 0)
	if err != nil {
		return err
	}
	s.learning.Lock()
	run := s.comparing
	s.learning.Unlock()
	if c.State != store.ChangeRunning || run == nil || run.id != id {
		return fmt.Errorf("cancel the comparison of library change %s: it has ended and %w", id, store.ErrClosed)
	}
	run.cancel()
	select {
	case <-run.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// compareAll goes through the scans. It goes on where an earlier run of the same comparison has stopped.
func (s *Server) compareAll(ctx context.Context, c store.LibraryChange, k *knowledge) error {
	truths, err := s.store.Truths(ctx, maxCompared)
	if err != nil {
		return err
	}
	// A scan that is a reference agrees with itself: it would make every library look good.
	itself := map[string]bool{}
	for _, r := range k.lib.References() {
		itself[r.Provenance.SHA256] = true
	}
	var fair []store.Truth
	total, leftOut := map[store.Bucket]int{}, map[store.Bucket]int{}
	for _, t := range truths {
		if itself[t.SHA256] || !gradable(t) {
			leftOut[t.Bucket]++
			continue
		}
		total[t.Bucket]++
		fair = append(fair, t)
	}
	if err := s.store.BeginComparison(ctx, c, total, leftOut); err != nil {
		return err
	}
	for _, t := range fair {
		if err := s.compareOne(ctx, c, k, t); err != nil {
			return fmt.Errorf("answer a scan again: %w", err)
		}
	}
	return nil
}

func (s *Server) compareOne(ctx context.Context, c store.LibraryChange, k *knowledge, t store.Truth) error {
	before, found, done, err := s.store.AnsweredBefore(ctx, c, t.ScanID)
	if err != nil || done {
		return err
	}
	if !found {
		sc, err := s.store.Scan(ctx, t.ScanID)
		if err != nil {
			return err
		}
		before = given(sc.Identification)
	}
	sp, err := s.store.Spectrum(ctx, t.ScanID)
	if err != nil {
		return err
	}
	ans, err := k.id.Identify(ctx, sp)
	if err != nil {
		return err
	}
	a := store.TruthAnswer{ScanID: t.ScanID, Before: before, After: given(ans)}
	a.Before.Grade, a.After.Grade = grade(k.lib, a.Before, t.Substances), grade(k.lib, a.After, t.Substances)
	a.Compare()
	return s.store.AddTruthAnswer(ctx, c, a)
}

// given is what an answer says, without its grade.
func given(ans identify.Identification) store.Given {
	g := store.Given{Verdict: string(ans.Verdict), Headline: ans.Headline, Named: []string{}}
	for _, f := range ans.Findings {
		g.Named = append(g.Named, f.Substance)
	}
	return g
}

// gradable: the laboratory has said what is there, and the library knows all of it.
func gradable(t store.Truth) bool {
	return len(t.Substances) > 0 && !slices.ContainsFunc(t.Substances, func(s store.LaboratorySubstance) bool { return s.SubstanceID == "" })
}

// grade says how well an answer agrees with what the laboratory found. An alarm is right when it names one of the
// controlled substances that are there, partly right when it names others only, wrong when there is none. No alarm is
// wrong when a controlled substance is there, right when it names something that is, else partly right.
func grade(lib *library.Stack, g store.Given, truth []store.LaboratorySubstance) store.Grade {
	there := map[string]bool{} // by id: whether it is controlled
	danger := false
	for _, t := range truth {
		sub, _ := lib.Substance(t.SubstanceID)
		there[t.SubstanceID] = alarming(sub)
		danger = danger || alarming(sub)
	}
	named, namedDanger := false, false
	for _, n := range g.Named {
		if sub, ok := lib.Lookup("", "", n); ok {
			controlled, present := there[sub.ID]
			named, namedDanger = named || present, namedDanger || controlled
		}
	}
	switch identify.Verdict(g.Verdict) {
	case identify.Alarm:
		switch {
		case !danger:
			return store.GradeWrong
		case namedDanger:
			return store.GradeRight
		}
		return store.GradePartly
	case identify.NoAlarm:
		switch {
		case danger:
			return store.GradeWrong
		case named:
			return store.GradeRight
		}
		return store.GradePartly
	}
	return store.GradeNone
}

// alarming: what an alarm is given for.
func alarming(sub library.Substance) bool { return sub.Controlled || sub.FentanylClass() }
