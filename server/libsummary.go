package server

import (
	"strings"

	"fentrace/library"
	"fentrace/server/api"
)

// Library says what the server can recognise.
func (s *Server) Library() api.LibrarySummary { return s.library }

// summarise counts a library, which never changes while the server runs, once.
func summarise(lib *library.Stack) api.LibrarySummary {
	sum := api.LibrarySummary{Version: lib.Version(), Layers: []api.LibraryLayer{},
		ByTier:                    map[string]int{string(library.Measured): 0, string(library.Published): 0, string(library.Simulated): 0},
		ControlledWithoutMeasured: []string{}, Substances: len(lib.Substances()), References: len(lib.References())}
	for _, l := range lib.Layers() {
		sum.Layers = append(sum.Layers, api.LibraryLayer{Name: l.Name, PathBase: pathBase(l.Name), Version: l.Version,
			Substances: l.Substances, References: l.References})
	}
	measured := map[string]bool{}
	for _, r := range lib.References() {
		sum.ByTier[string(r.Tier)]++
		if r.Tier == library.Measured {
			measured[r.SubstanceID] = true
		}
	}
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

// pathBase is a layer's name when that is a file's.
func pathBase(name string) string {
	if strings.HasSuffix(name, ".db") {
		return name
	}
	return ""
}
