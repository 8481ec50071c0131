package library

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// Stack is one or more libraries read into memory, later layers over earlier ones. It is immutable and safe for
// concurrent use. What its methods return shares memory with it and must not be changed.
type Stack struct {
	layers     []LayerInfo
	substances []Substance // by name
	references []Reference // by id
	names      *resolver
	version    string
	// validations of the layers, newest first.
	validations []Validation
}

// LayerInfo describes one layer of a Stack, lowest first.
type LayerInfo struct {
	Name       string `json:"name"` // title of the library, else its file name
	Version    string `json:"version"`
	Substances int    `json:"substances"`
	References int    `json:"references"`
}

// layer is the content of one library.
type layer struct {
	name       string
	substances []Substance
	references []Reference
	// validations are reports on stacks that had this layer on top.
	validations []Validation
}

// OpenStack reads the embedded core (nil to leave it out) and then each library file, in order. A substance that a
// later layer also holds is merged: fields the later layer sets win, synonyms are united, and it is controlled
// when any layer says so. Spectra of a large file stay there until they are asked for (see Reference.Load). Errors are those of
// Open, with the path.
func OpenStack(ctx context.Context, core []byte, paths ...string) (*Stack, error) {
	return openStack(ctx, wholeBytes, core, paths...)
}

// openStack is OpenStack that reads files of up to whole bytes whole.
func openStack(ctx context.Context, whole int64, core []byte, paths ...string) (*Stack, error) {
	var layers []layer
	if core != nil {
		f, err := openBytes(ctx, core)
		if err != nil {
			return nil, fmt.Errorf("read the embedded core library: %w", err)
		}
		l, err := f.layer(ctx, "core")
		if err = cmp.Or(err, f.Close()); err != nil {
			return nil, fmt.Errorf("read the embedded core library: %w", err)
		}
		layers = append(layers, l)
	}
	for _, path := range paths {
		f, err := Open(path)
		if err != nil {
			return nil, err
		}
		f.whole = whole
		l, err := f.layer(ctx, filepath.Base(path))
		if err = cmp.Or(err, f.Close()); err != nil {
			return nil, fmt.Errorf("read library %s: %w", path, err)
		}
		layers = append(layers, l)
	}
	return stackOf(layers), nil
}

// NewStack makes a stack of one layer from what is given. References without an ID get theirs.
func NewStack(substances []Substance, references []Reference) *Stack {
	return stackOf([]layer{{name: "memory", substances: substances, references: references}})
}

// With returns a new stack with one more layer on top; st is unchanged.
func (st *Stack) With(substances []Substance, references []Reference) *Stack {
	return st.with(layer{name: "memory", substances: substances, references: references})
}

// WithFile returns a new stack with the content of f, as it is now, on top; st is unchanged.
func (st *Stack) WithFile(ctx context.Context, f *File) (*Stack, error) {
	l, err := f.layer(ctx, filepath.Base(f.Path()))
	if err != nil {
		return nil, fmt.Errorf("read library %s: %w", f.Path(), err)
	}
	return st.with(l), nil
}

// with returns st under top.
func (st *Stack) with(top layer) *Stack {
	top = top.withIDs()
	out := merge([]layer{{substances: st.substances, references: st.references, validations: st.validations}, top})
	out.layers = append(slices.Clone(st.layers), top.info())
	out.version = stackVersion(out.layers)
	return out
}

func stackOf(layers []layer) *Stack {
	for i := range layers {
		layers[i] = layers[i].withIDs()
	}
	st := merge(layers)
	for _, l := range layers {
		st.layers = append(st.layers, l.info())
	}
	st.version = stackVersion(st.layers)
	return st
}

// withIDs is l with the ids filled in that were left out.
func (l layer) withIDs() layer {
	l.substances, l.references = slices.Clone(l.substances), slices.Clone(l.references)
	for i, s := range l.substances {
		l.substances[i].ID = cmp.Or(s.ID, SubstanceID(s.Name))
	}
	for i, r := range l.references {
		if r.ID == "" {
			l.references[i].ID = r.ContentID()
		}
	}
	return l
}

func (l layer) info() LayerInfo {
	return LayerInfo{Name: l.name, Version: contentVersion(l.substances, l.references), Substances: len(l.substances), References: len(l.references)}
}

// merge lays the layers over one another.
func merge(layers []layer) *Stack {
	substances := map[string]Substance{}
	var references []Reference
	for _, l := range layers {
		for _, s := range l.substances {
			if below, ok := substances[s.ID]; ok {
				s = mergeSubstance(below, s)
			}
			substances[s.ID] = s
		}
		references = mergeReferences(references, l.references)
	}
	st := &Stack{names: newResolver(), validations: uniteValidations(layers)}
	st.substances = slices.SortedFunc(maps.Values(substances), func(a, b Substance) int {
		return cmp.Or(cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)), cmp.Compare(a.ID, b.ID))
	})
	st.references = references
	for _, s := range st.substances {
		st.names.add(s)
	}
	return st
}

// byID is the references in order of id.
func byID(references []Reference) []Reference {
	compare := func(a, b Reference) int { return cmp.Compare(a.ID, b.ID) }
	if slices.IsSortedFunc(references, compare) {
		return references
	}
	return slices.SortedStableFunc(slices.Values(references), compare)
}

// mergeReferences lays upper over lower, which is in order of id, as the result is; of several with one id the last counts.
func mergeReferences(lower, upper []Reference) []Reference {
	upper = byID(upper)
	out := make([]Reference, 0, len(lower)+len(upper))
	for i, r := range upper {
		for len(lower) > 0 && lower[0].ID < r.ID {
			out, lower = append(out, lower[0]), lower[1:]
		}
		if len(lower) > 0 && lower[0].ID == r.ID {
			lower = lower[1:]
		}
		if i+1 == len(upper) || upper[i+1].ID != r.ID {
			out = append(out, r)
		}
	}
	return append(out, lower...)
}

func stackVersion(layers []LayerInfo) string {
	h := sha256.New()
	for _, l := range layers {
		h.Write([]byte(l.Version + "\n"))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// mergeSubstance lays upper over lower.
func mergeSubstance(lower, upper Substance) Substance {
	out := upper
	out.Name = cmp.Or(upper.Name, lower.Name)
	out.CAS = cmp.Or(upper.CAS, lower.CAS)
	out.InChIKey = cmp.Or(upper.InChIKey, lower.InChIKey)
	out.SMILES = cmp.Or(upper.SMILES, lower.SMILES)
	out.Formula = cmp.Or(upper.Formula, lower.Formula)
	out.MolWt = cmp.Or(upper.MolWt, lower.MolWt)
	out.Class = cmp.Or(upper.Class, lower.Class)
	out.Schedule = cmp.Or(upper.Schedule, lower.Schedule)
	out.Source = cmp.Or(upper.Source, lower.Source)
	// Erring towards "controlled" and "unverified": a layer may add a warning, never take one away.
	out.Controlled = upper.Controlled || lower.Controlled
	out.Unverified = upper.Unverified || lower.Unverified
	out.Synonyms = uniteSynonyms(out.Name, lower.Synonyms, upper.Synonyms, []string{lower.Name})
	return out
}

// uniteSynonyms returns the sorted union without the name itself.
func uniteSynonyms(name string, lists ...[]string) []string {
	var out []string
	for _, s := range slices.Concat(lists...) {
		if s != "" && s != name {
			out = append(out, s)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Version is the SHA-256 over the content of every layer, lowest first, as 64 hex digits.
func (st *Stack) Version() string { return st.version }

// Layers describes the layers, lowest first.
func (st *Stack) Layers() []LayerInfo { return st.layers }

// Substances returns every substance, ordered by name.
func (st *Stack) Substances() []Substance { return st.substances }

// References returns every reference, ordered by id.
func (st *Stack) References() []Reference { return st.references }

// Substance returns the substance with this id.
func (st *Stack) Substance(id string) (Substance, bool) {
	s, ok := st.names.substances[id]
	return s, ok
}

// LookupForm is Lookup that also returns the salt or hydrate which the name adds to that of the substance.
func (st *Stack) LookupForm(cas, inchikey, name string) (s Substance, form string, ok bool) {
	m, ok := st.names.find(cas, inchikey, name)
	return m.substance, m.form, ok
}

// Lookup finds a substance by CAS registry number, else by InChIKey, else by name or synonym as NormaliseName folds
// them, else by the name without its salt or hydrate ("fentanyl HCl"). Empty arguments are skipped. A key that
// several substances share finds none of them, unless the name decides.
func (st *Stack) Lookup(cas, inchikey, name string) (Substance, bool) {
	m, ok := st.names.find(cas, inchikey, name)
	return m.substance, ok
}
