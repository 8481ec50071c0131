package server

import (
	"cmp"
	"slices"
	"strings"

	"fentrace/library"
	"fentrace/server/api"
)

// Library says what the server can recognise.
func (s *Server) Library() api.LibrarySummary { return s.know().summary }

// summarise counts a library, once for as long as the server answers with it.
func summarise(lib *library.Stack) api.LibrarySummary {
	sum := api.LibrarySummary{Version: lib.Version(), Layers: []api.LibraryLayer{},
		ByTier:                    map[string]int{string(library.Measured): 0, string(library.Published): 0, string(library.Simulated): 0},
		ControlledWithoutMeasured: []string{}, Substances: len(lib.Substances()), References: len(lib.References())}
	for _, l := range lib.Layers() {
		sum.Layers = append(sum.Layers, api.LibraryLayer{Name: l.Name, PathBase: pathBase(l.Name), Version: l.Version,
			Substances: l.Substances, References: l.References})
	}
	measured := map[string]bool{}
	tiers := map[string]map[library.Tier]int{} // by substance
	for _, r := range lib.References() {
		sum.ByTier[string(r.Tier)]++
		if r.Tier == library.Measured {
			measured[r.SubstanceID] = true
		}
		if tiers[r.SubstanceID] == nil {
			tiers[r.SubstanceID] = map[library.Tier]int{}
		}
		tiers[r.SubstanceID][r.Tier]++
	}
	sum.Classes = classes(lib.Substances(), tiers)
	for _, sub := range lib.Substances() {
		if sub.Unverified {
			sum.Unverified++
		}
		if !sub.Controlled {
			continue
		}
		sum.Controlled++
		if !measured[sub.ID] {
			sum.ControlledWithoutMeasured = append(sum.ControlledWithoutMeasured, sub.Name)
		}
	}
	return sum
}

// classes counts substances and their references by class, in order; those of unknown class come last.
func classes(substances []library.Substance, tiers map[string]map[library.Tier]int) []api.LibraryClass {
	by := map[string]*api.LibraryClass{}
	for _, sub := range substances {
		c := by[sub.Class]
		if c == nil {
			c = &api.LibraryClass{Class: sub.Class}
			by[sub.Class] = c
		}
		c.Substances++
		if sub.Controlled {
			c.Controlled++
		}
		for tier, n := range tiers[sub.ID] {
			switch tier {
			case library.Measured:
				c.Measured += n
			case library.Published:
				c.Published += n
			case library.Simulated:
				c.Simulated += n
			}
		}
	}
	out := make([]api.LibraryClass, 0, len(by))
	for _, c := range by {
		out = append(out, *c)
	}
	slices.SortFunc(out, func(a, b api.LibraryClass) int {
		if (a.Class == "") != (b.Class == "") {
			return cmp.Compare(b.Class, a.Class)
		}
		return cmp.Compare(a.Class, b.Class)
	})
	return out
}

// pathBase is a layer's name when that is a file's.
func pathBase(name string) string {
	if strings.HasSuffix(name, ".db") {
		return name
	}
	return ""
}
