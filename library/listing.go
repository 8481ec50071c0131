package library

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// ErrNoSubstance: no substance goes by that name, or several do.
var ErrNoSubstance = errors.New("no substance of the library is called that, or several are")

// TierCounts are the references of one substance, or of all.
type TierCounts struct {
	Measured  int `json:"measured"`
	Published int `json:"published"`
	Simulated int `json:"simulated"`
}

func (t *TierCounts) add(tier Tier) {
	switch tier {
	case Measured:
		t.Measured++
	case Published:
		t.Published++
	case Simulated:
		t.Simulated++
	}
}

// ListedSubstance is a substance with what speaks for it.
type ListedSubstance struct {
	Substance
	References TierCounts `json:"references"`
}

// Listing is what a stack holds. The counts are those of the substances listed.
type Listing struct {
	Version    string            `json:"version"`
	Layers     []LayerInfo       `json:"layers"`
	References TierCounts        `json:"references_by_tier"`
	Unverified int               `json:"unverified"`
	Substances []ListedSubstance `json:"substances"`
}

// ListFilter narrows a Listing; its zero value does not.
type ListFilter struct {
	Class      string
	Controlled bool
	Missing    bool // controlled and without a measured reference
}

func (f ListFilter) wants(s ListedSubstance) bool {
	return (f.Class == "" || strings.EqualFold(f.Class, s.Class)) && (!f.Controlled || s.Controlled) &&
		(!f.Missing || s.Controlled && s.References.Measured == 0)
}

// List lists substances by name.
func (s *Stack) List(f ListFilter) Listing {
	counts := map[string]*TierCounts{}
	for _, r := range s.References() {
		if counts[r.SubstanceID] == nil {
			counts[r.SubstanceID] = &TierCounts{}
		}
		counts[r.SubstanceID].add(r.Tier)
	}
	out := Listing{Version: s.Version(), Layers: s.Layers(), Substances: []ListedSubstance{}}
	for _, sub := range s.Substances() {
		one := ListedSubstance{Substance: sub}
		if n := counts[sub.ID]; n != nil {
			one.References = *n
		}
		if !f.wants(one) {
			continue
		}
		out.Substances = append(out.Substances, one)
		out.References.Measured += one.References.Measured
		out.References.Published += one.References.Published
		out.References.Simulated += one.References.Simulated
		if sub.Unverified {
			out.Unverified++
		}
	}
	return out
}

// Shown is all about one substance.
type Shown struct {
	Substance  Substance   `json:"substance"`
	References []Reference `json:"references"`
}

// Show returns the substance of a name, synonym or CAS number, with its references loaded. The error wraps ErrNoSubstance.
func (s *Stack) Show(ctx context.Context, name string) (Shown, error) {
	cas, word := "", name
	if ValidCAS(name) {
		cas, word = name, ""
	}
	sub, ok := s.Lookup(cas, "", word)
	if !ok {
		return Shown{}, fmt.Errorf("%q: %w%s", name, ErrNoSubstance, s.like(name))
	}
	out := Shown{Substance: sub, References: []Reference{}}
	for _, r := range s.References() {
		if r.SubstanceID != sub.ID {
			continue
		}
		if r.Stored != nil {
			sp, err := r.Load(ctx)
			if err != nil {
				return Shown{}, err
			}
			r.Spectrum = &sp
		}
		out.References = append(out.References, r)
	}
	return out, nil
}

// like suggests names that contain what was asked for.
func (s *Stack) like(name string) string {
	const most = 5
	var found []string
	want := strings.ToLower(strings.TrimSpace(name))
	for _, sub := range s.Substances() {
		if len(found) < most && want != "" && strings.Contains(strings.ToLower(sub.Name), want) {
			found = append(found, sub.Name)
		}
	}
	if len(found) == 0 {
		return "; `fentrace library list` names them all"
	}
	return "; there are: " + strings.Join(found, ", ")
}
