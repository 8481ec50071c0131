package validate

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"

	"gonum.org/v1/gonum/floats"

	"fentrace/library"
	"fentrace/library/identify"
	"fentrace/library/search"
	"fentrace/spectra"
	"fentrace/spectra/simulate"
)

// source is what samples are drawn from.
type source struct {
	lib        *library.Stack
	opts       Options
	substances []string // ids with a usable spectrum, in order
	refs       map[string][]library.Reference
	all        []library.Reference // of the technique and every tier that speaks of such scans
	idOf       map[string]string   // name -> id
}

func newSource(lib *library.Stack, opts Options) *source {
	src := &source{lib: lib, opts: opts, refs: map[string][]library.Reference{}, idOf: map[string]string{}}
	for _, s := range lib.Substances() {
		src.idOf[s.Name] = s.ID
	}
	for _, r := range lib.References() {
		if r.Technique != opts.Technique || !r.HasSpectrum() || r.Tier != opts.Tier {
			continue
		}
		s, err := r.Load(context.Background())
		if err != nil {
			continue // it takes no part in searches either
		}
		if _, err := search.Prepare(s); err != nil {
			continue
		}
		r.Spectrum = &s
		src.all = append(src.all, r)
		if len(src.refs[r.SubstanceID]) == 0 {
			src.substances = append(src.substances, r.SubstanceID)
		}
		src.refs[r.SubstanceID] = append(src.refs[r.SubstanceID], r)
	}
	slices.Sort(src.substances)
	return src
}

// ids of substances by name; a name the library does not have stands for itself.
func (src *source) ids(names []string) []string {
	var out []string
	for _, n := range names {
		if s, ok := src.lib.Lookup("", "", n); ok {
			out = append(out, s.ID)
		} else {
			out = append(out, n)
		}
	}
	return out
}

// hide chooses a share of the substances.
func (src *source) hide(rng *rand.Rand, share float64) map[string]bool {
	hidden := map[string]bool{}
	for _, i := range rng.Perm(len(src.substances))[:int(share*float64(len(src.substances)))] {
		hidden[src.substances[i]] = true
	}
	return hidden
}

// identifier answers from what is not hidden, and from references added.
func (src *source) identifier(hidden map[string]bool, added []library.Reference) (*identify.Identifier, error) {
	refs := slices.DeleteFunc(slices.Clone(src.all), func(r library.Reference) bool { return hidden[r.SubstanceID] })
	subs := slices.Clone(src.lib.Substances())
	for _, r := range added {
		subs = append(subs, library.Substance{ID: r.SubstanceID, Name: r.SubstanceID})
	}
	return identify.New(library.NewStack(subs, append(refs, added...)), identify.Options{})
}

// right: the sample holds the substance of this name, or any fentanyl when it is one.
func (src *source) right(name string, s sample) bool {
	id := src.idOf[name]
	if slices.Contains(s.substances, id) {
		return true
	}
	named, _ := src.lib.Substance(id)
	return named.FentanylClass() && slices.ContainsFunc(s.substances, func(held string) bool {
		sub, _ := src.lib.Substance(held)
		return sub.FentanylClass()
	})
}

// sample is one scan to be answered.
type sample struct {
	spectrum   spectra.Spectrum
	substances []string // ids
	recorded   bool
}

func (s sample) group() string { return strings.Join(s.substances, "+") }

// draw takes one to three substances, each a tenth to all of the strongest, on an instrument of its own.
func (src *source) draw(rng *rand.Rand) (sample, error) {
	n := 1
	if u := rng.Float64(); u > 0.85 {
		n = 3
	} else if u > 0.6 {
		n = 2
	}
	var s sample
	for _, i := range rng.Perm(len(src.substances))[:n] {
		sub := src.substances[i]
		refs := src.refs[sub]
		added, ok := mix(s.spectrum, *refs[rng.IntN(len(refs))].Spectrum, 0.1+0.9*rng.Float64())
		if !ok {
			continue
		}
		s.spectrum, s.substances = added, append(s.substances, sub)
	}
	var err error
	s.spectrum, err = simulate.DrawTransfer(src.opts.Technique, rng).Apply(s.spectrum, rng)
	if err != nil {
		return s, fmt.Errorf("validate: draw a scan of %s: %w", s.group(), err)
	}
	return s, nil
}

// mix adds b, its span scaled to amount, to a on the axis of a, within the range of both; a may be empty. ok is false when
// too little is left to compare.
func mix(a, b spectra.Spectrum, amount float64) (sum spectra.Spectrum, ok bool) {
	b = b.Ascending()
	b.Y = slices.Clone(b.Y)
	floats.AddConst(-floats.Min(b.Y), b.Y)
	if top := floats.Max(b.Y); top > 0 {
		floats.Scale(amount/top, b.Y)
	}
	if len(a.X) == 0 {
		return b, true
	}
	grid := a.CommonGrid(1)
	low, high := b.Range()
	for grid.N > 0 && grid.Start < low {
		grid.Start++
		grid.N--
	}
	grid.N = min(grid.N, int(high-grid.Start))
	x, errA := a.Resample(grid)
	y, errB := b.Resample(grid)
	if errA != nil || errB != nil || grid.N < search.MinRangeCM1 {
		return a, false
	}
	floats.Add(x.Y, y.Y)
	x.Title = a.Title + " and " + b.Title
	return x, true
}

// supports answers samples on every core, in order.
func supports(ctx context.Context, id *identify.Identifier, samples []sample) ([][]identify.Support, error) {
	out := make([][]identify.Support, len(samples))
	errs := make([]error, len(samples))
	workers := min(runtime.GOMAXPROCS(0), len(samples))
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := w; i < len(samples) && ctx.Err() == nil; i += workers {
				out[i], errs[i] = id.Supports(ctx, samples[i].spectrum)
				if errors.Is(errs[i], search.ErrNotSearchable) {
					errs[i] = nil // it is answered by saying so, which is never wrong
				}
			}
		})
	}
	wg.Wait()
	if err := errors.Join(append(errs, ctx.Err())...); err != nil {
		return nil, fmt.Errorf("validate: %w", err)
	}
	return out, nil
}
