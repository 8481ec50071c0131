// Package dataset names the development spectra, which live beside the project in ../shared/data and are never part
// of it, and states the truth rules by which answers on them are judged.
package dataset

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Root finds ../shared/data from any folder of the project; ok is false when it is not there.
func Root() (dir string, ok bool) {
	wd, err := os.Getwd()
	if err != nil {
		return "", false
	}
	for d := wd; ; d = filepath.Dir(d) {
		if _, err := os.Stat(filepath.Join(d, "go.mod")); err == nil {
			dir = filepath.Join(d, "..", "shared", "data")
			_, err := os.Stat(dir)
			return dir, err == nil
		}
		if d == filepath.Dir(d) {
			return "", false
		}
	}
}

// Query is one spectrum with its truth.
type Query struct {
	Path   string
	Sample string   // as named by the file
	Truth  []string // library substances that are right; empty: the sample is not in library-785
}

// left out of every count: no Raman lines in range, or none that handhelds reach (data README).
var excluded = []string{"AmmoniumChloride", "Dark", "Sulfur"}

// Two names of one substance are both right (data README).
var truth = map[string][]string{
	"Acetaminophen": {"acetaminophen"},
	"Acetone":       {"acetone"},
	"Acetonitrile":  {"acetonitrile"},
	"Benzene":       {"benzene"},
	"Caffeine":      {"caffeine"},
	"CoconutOil":    {"coconut oil"},
	"Cyclohexane":   {"cyclohexane"},
	"Ethanol":       {"ethanol"},
	"Fructose":      {"fructose"},
	"Isopropanol":   {"isopropanol", "2-propanol"},
	"LinseedOil":    {"linseed oil"},
	"MEK":           {"methyl ethyl ketone", "2-butanone"},
	"Methanol":      {"methanol"},
	"MineralOil":    {"mineral oil"},
	"Sucrose":       {"sucrose"},
	"Sugar":         {"sucrose"},
	"Toluene":       {"toluene"},
	"Urea":          {"urea"},
}

var trailing = regexp.MustCompile(`-\d+$`)

// Queries lists the spectra of one folder under the data root, in order of path, without the excluded samples.
// cross-instrument takes the sessions with a right axis; wrong-axis the two with a wrong one.
func Queries(root, folder string) ([]Query, error) {
	paths, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(folder), "*.csv"))
	if err != nil {
		return nil, err
	}
	slices.Sort(paths)
	var qs []Query
	for _, p := range paths {
		sample := trailing.ReplaceAllString(strings.TrimSuffix(filepath.Base(p), ".csv"), "")
		if slices.Contains(excluded, sample) {
			continue
		}
		qs = append(qs, Query{Path: p, Sample: sample, Truth: truth[sample]})
	}
	if len(qs) == 0 {
		return nil, fmt.Errorf("no spectra in %s under %s", folder, root)
	}
	return qs, nil
}

// CrossInstrument lists the queries of every session with a right axis.
func CrossInstrument(root string) ([]Query, error) {
	return Queries(root, "raman/cross-instrument/WP-*")
}

// WrongAxis lists the queries of the two sessions whose axis is off by 69 and 143 cm-1.
func WrongAxis(root string) ([]Query, error) {
	return Queries(root, "raman/cross-instrument/wrong-axis")
}

// References lists the spectra of library-785, none of which is of anything controlled.
func References(root string) ([]Query, error) { return Queries(root, "raman/library-785") }

// EverydayRaman lists Raman spectra of everyday objects, none of which holds anything controlled.
func EverydayRaman(root string) ([]Query, error) { return Queries(root, "everyday-objects/raman") }

// EverydayIR lists infrared spectra of everyday objects, none of which holds anything controlled.
func EverydayIR(root string) ([]Query, error) { return Queries(root, "everyday-objects/ftir") }

// Right says whether name is a true answer to q.
func (q Query) Right(name string) bool {
	return slices.ContainsFunc(q.Truth, func(t string) bool { return strings.EqualFold(t, name) })
}
