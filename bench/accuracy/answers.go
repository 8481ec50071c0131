package main

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"fentrace/bench/dataset"
	"fentrace/data"
	"fentrace/library"
	"fentrace/library/identify"
	"fentrace/spectra"
	"fentrace/spectra/format"
)

// bench holds the library as a user would have it: the embedded core with library-785 imported over it.
type bench struct {
	root        string
	work        string
	libraryPath string
	stack       *library.Stack
	identifier  *identify.Identifier
	sumsOneIn   int // one in so many of the sums of two scans is answered
}

func newBench(ctx context.Context, root, work string) (*bench, error) {
	b := &bench{root: root, work: work, sumsOneIn: 5, libraryPath: filepath.Join(work, "library-785.db")}
	core, err := library.OpenStack(ctx, data.Core)
	if err != nil {
		return nil, err
	}
	file, err := library.Create(b.libraryPath)
	if err != nil {
		return nil, err
	}
	rep, err := library.Import(ctx, file, core, []string{filepath.Join(root, "raman", "library-785")}, library.ImportOptions{}, nil)
	if err != nil {
		return nil, err
	}
	if err := file.Close(); err != nil {
		return nil, err
	}
	fmt.Printf("library-785: %d spectra imported over the core\n", rep.Imported)
	if b.stack, err = library.OpenStack(ctx, data.Core, b.libraryPath); err != nil {
		return nil, err
	}
	b.identifier, err = identify.New(b.stack, identify.Options{})
	return b, err
}

// answered is a query with what was read and answered.
type answered struct {
	dataset.Query
	scan   spectra.Spectrum
	answer identify.Identification
}

// top is the best candidate's substance, "" without one.
func (a answered) top() string {
	if len(a.answer.Candidates) == 0 {
		return ""
	}
	return a.answer.Candidates[0].Substance
}

// rightTop says whether the best candidate is true; of two names that a library merged into one, either is.
func (a answered) rightTop() bool { return a.Right(a.top()) }

// wrongFinding says whether the answer names something that is not in the sample.
func (a answered) wrongFinding() bool {
	for _, f := range a.answer.Findings {
		if !a.Right(f.Substance) {
			return true
		}
	}
	return false
}

func (a answered) oil() bool { return strings.HasSuffix(a.Sample, "Oil") }

// answer reads and answers every query in process; change, when set, alters each scan first.
func (b *bench) answer(ctx context.Context, qs []dataset.Query, change func(spectra.Spectrum) spectra.Spectrum) ([]answered, error) {
	out := make([]answered, len(qs))
	errs := make([]error, len(qs))
	var wg sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		wg.Go(func() {
			for i := w; i < len(qs) && ctx.Err() == nil; i += workers {
				out[i], errs[i] = b.one(ctx, qs[i], change)
			}
		})
	}
	wg.Wait()
	for _, err := range append(errs, ctx.Err()) {
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (b *bench) one(ctx context.Context, q dataset.Query, change func(spectra.Spectrum) spectra.Spectrum) (answered, error) {
	read, err := format.ReadFile(q.Path)
	if err != nil {
		return answered{}, err
	}
	s := read[0]
	if change != nil {
		s = change(s)
	}
	ans, err := b.identifier.Identify(ctx, s)
	return answered{Query: q, scan: s, answer: ans}, err
}
