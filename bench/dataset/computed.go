package dataset

import (
	"compress/gzip"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"fentrace/spectra/simulate"
)

// frequencyScale brings harmonic wavenumbers of the computed table near observed ones.
const frequencyScale = 0.95

// Computed is a substance of the table of computed vibrations, for simulation only.
type Computed struct {
	Name, Class, SMILES string
	MolarMass           float64         // g/mol, of the SMILES
	Lines               []simulate.Line // Raman, 200 to 2000 cm-1, intensity per molecule as scattered from 785 nm
}

// Fentanyl says whether s is a fentanyl analog; Precursor whether it is one of the substances fentanyls are made from
// or become, which share most of their skeleton.
func (s Computed) Fentanyl() bool  { return s.Class == "fentanyl analog" }
func (s Computed) Precursor() bool { return s.Class == "fentanyl precursor" }

// PerMass is the summed intensity per gram.
func (s Computed) PerMass() (sum float64) {
	for _, l := range s.Lines {
		sum += l.Intensity
	}
	return sum / s.MolarMass
}

// ComputedLines reads computed/lines.csv.gz, in order of first row.
func ComputedLines(root string) ([]Computed, error) {
	path := filepath.Join(root, "computed", "lines.csv.gz")
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	in, err := gzip.NewReader(file)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	records, err := csv.NewReader(in).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	var list []Computed
	at := map[string]int{}
	for i, r := range records[1:] {
		k, seen := at[r[0]]
		if !seen {
			mass, err := molarMass(r[2])
			if err != nil {
				return nil, fmt.Errorf("read %s: %s: %w", path, r[0], err)
			}
			k = len(list)
			at[r[0]] = k
			list = append(list, Computed{Name: r[0], Class: r[1], SMILES: r[2], MolarMass: mass})
		}
		cm1, err1 := strconv.ParseFloat(r[3], 64)
		activity, err2 := strconv.ParseFloat(r[4], 64)
		if err1 != nil || err2 != nil {
			return nil, fmt.Errorf("read %s: row %d: %q and %q are no numbers", path, i+2, r[3], r[4])
		}
		if cm1 *= frequencyScale; cm1 >= 200 && cm1 <= 2000 {
			list[k].Lines = append(list[k].Lines, simulate.Line{
				CM1: cm1, Intensity: simulate.RamanIntensity(cm1, activity, 785), WidthCM1: simulate.RamanWidthCM1})
		}
	}
	return list, nil
}

var elements = map[string]struct {
	mass    float64
	valence int
}{
	"H": {1.008, 1}, "C": {12.011, 4}, "N": {14.007, 3}, "O": {15.999, 2}, "F": {18.998, 1}, "S": {32.06, 2},
	"Cl": {35.45, 1}, "Br": {79.904, 1},
}

// atom of a SMILES while it is read.
type atom struct {
	element  string
	bonds    int // sum of orders; an aromatic bond counts 1, and its ring adds 1 to carbon
	aromatic bool
	bracket  bool
	hydrogen int // of a bracket
}

// molarMass reads the part of SMILES that the table uses: no isotopes, no %nn ring numbers, one molecule.
func molarMass(smiles string) (float64, error) {
	var atoms []atom
	var branch []int
	rings := map[byte][2]int{} // atom and bond order
	last, order := -1, 1
	add := func(a atom) {
		if last >= 0 {
			a.bonds += order
			atoms[last].bonds += order
		}
		atoms = append(atoms, a)
		last, order = len(atoms)-1, 1
	}
	for i := 0; i < len(smiles); i++ {
		c := smiles[i]
		switch {
		case c == '(':
			branch = append(branch, last)
		case c == ')' && len(branch) > 0:
			last, branch = branch[len(branch)-1], branch[:len(branch)-1]
		case c == '=':
			order = 2
		case c == '#':
			order = 3
		case c == '-' || c == '/' || c == '\\':
		case c >= '0' && c <= '9' && last >= 0:
			if open, ok := rings[c]; ok {
				o := max(order, open[1])
				atoms[last].bonds += o
				atoms[open[0]].bonds += o
				delete(rings, c)
			} else {
				rings[c] = [2]int{last, order}
			}
			order = 1
		case c == '[':
			end := strings.IndexByte(smiles[i:], ']')
			if end < 0 {
				return 0, fmt.Errorf("SMILES %s: a bracket stays open", smiles)
			}
			add(bracketAtom(smiles[i+1 : i+end]))
			i += end
		default:
			symbol := string(c)
			if i+1 < len(smiles) && (smiles[i:i+2] == "Cl" || smiles[i:i+2] == "Br") {
				symbol = smiles[i : i+2]
				i++
			}
			add(atom{element: strings.ToUpper(symbol[:1]) + symbol[1:], aromatic: c >= 'a'})
		}
	}
	total := 0.0
	for _, a := range atoms {
		e, ok := elements[a.element]
		if !ok {
			return 0, fmt.Errorf("SMILES %s: no mass of %q", smiles, a.element)
		}
		total += e.mass + elements["H"].mass*float64(a.hydrogens(e.valence))
	}
	return total, nil
}

func bracketAtom(text string) atom {
	a := atom{bracket: true, aromatic: text[0] >= 'a', element: strings.ToUpper(text[:1])}
	if h := strings.IndexByte(text[1:], 'H'); h >= 0 {
		a.hydrogen = 1
		if rest := text[h+2:]; rest != "" && rest[0] >= '2' && rest[0] <= '9' {
			a.hydrogen = int(rest[0] - '0')
		}
	}
	return a
}

// hydrogens that the SMILES leaves out. Sulfur of a sulfone or sulfoxide has more bonds than 2, and none.
func (a atom) hydrogens(valence int) int {
	if a.bracket {
		return a.hydrogen
	}
	bonds := a.bonds
	if a.aromatic && a.element == "C" {
		bonds++
	} else if a.aromatic {
		return 0
	}
	return max(0, valence-bonds)
}
