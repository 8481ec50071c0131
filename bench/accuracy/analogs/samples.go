package analogs

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/stat"

	"fentrace/bench/dataset"
	"fentrace/library/analog"
	"fentrace/library/search"
	"fentrace/spectra"
	"fentrace/spectra/format"
	"fentrace/spectra/preprocess"
	"fentrace/spectra/simulate"
)

// measuredCuts are the powders of library-785 that street samples are or could be cut with.
var measuredCuts = []string{
	"lactose", "glucose", "sucrose", "fructose", "caffeine", "acetaminophen", "urea", "Citric Acid", "Sodium Bicarbonate",
	"Sodium Carbonate", "calcium carbonate", "melamine", "glycine", "Metamizole", "Ibuprofen", "Thiamine HCl", "Arginine",
	"Alanine", "Sodium Acetate", "Sodium Sulfate", "Ketoprofen", "Methyl Parabene",
}

// referenceCM1 is the resolution of the recorded cuts and of the instrument that the references are simulated with.
const referenceCM1 = 6

// substance is one material: lines for a computed one, a curve for a measured one, both as intensity per gram.
type substance struct {
	id       string
	fentanyl bool
	cut      bool
	lines    []simulate.Line
	curve    *simulate.Curve
	example  analog.Example
}

// load returns the computed substances without precursors, fentanyls first, then the measured cuts.
func load(root string) (computed, measured []substance, err error) {
	table, err := dataset.ComputedLines(root)
	if err != nil {
		return nil, nil, err
	}
	var perMass []float64
	for _, c := range table {
		perMass = append(perMass, c.PerMass())
		if c.Precursor() {
			continue
		}
		s := substance{id: c.Name, fentanyl: c.Fentanyl(), cut: c.Class == "cutting agent"}
		for _, l := range c.Lines {
			l.Intensity /= c.MolarMass
			s.lines = append(s.lines, l)
		}
		computed = append(computed, s)
	}
	slices.SortStableFunc(computed, func(a, b substance) int { return rank(a) - rank(b) })
	slices.Sort(perMass)
	median := stat.Quantile(0.5, stat.Empirical, perMass, nil)
	for _, name := range measuredCuts {
		s, err := measuredCut(root, name, median)
		if err != nil {
			return nil, nil, err
		}
		measured = append(measured, s)
	}
	for _, list := range [][]substance{computed, measured} {
		for i := range list {
			if err := list[i].reference(uint64(i)); err != nil {
				return nil, nil, err
			}
		}
	}
	return computed, measured, nil
}

func rank(s substance) int {
	if s.fentanyl {
		return 0
	}
	return 1
}

// measuredCut reads a recorded powder and takes its background off. How strongly it scatters is not recorded: it gets
// the summed band area per mass of the median computed substance.
func measuredCut(root, name string, perMass float64) (substance, error) {
	path := filepath.Join(root, "raman", "library-785", name+".csv")
	raw, err := os.ReadFile(path)
	if err != nil {
		return substance{}, err
	}
	list, err := format.Read(path, raw)
	if err != nil {
		return substance{}, err
	}
	s, err := list[0].Resample(list[0].CommonGrid(1))
	if err != nil {
		return substance{}, fmt.Errorf("%s: %w", path, err)
	}
	plan, err := preprocess.NewARPLS(len(s.Y), 1e6, 1e-3, 100)
	if err != nil {
		return substance{}, err
	}
	base := make([]float64, len(s.Y))
	if _, err := plan.Fit(base, s.Y); err != nil {
		return substance{}, fmt.Errorf("%s: %w", path, err)
	}
	y := make([]float64, len(s.Y))
	for i := range y {
		if s.X[i] <= 2000 {
			y[i] = math.Max(s.Y[i]-base[i], 0)
		}
	}
	floats.Scale(perMass/floats.Sum(y), y)
	return substance{id: "measured " + name, cut: true, curve: &simulate.Curve{LowCM1: s.X[0], Intensity: y, ResolutionCM1: referenceCM1}}, nil
}

// reference takes the spectrum that a library would hold: good light, a right axis, the best resolution.
func (s *substance) reference(seed uint64) error {
	in := instrument(referenceCM1, 0, 300)
	spectrum, err := s.scan(nil, 1, in, simulate.Conditions{Counts: fullCounts, Seed: seed})
	s.example = analog.Example{SubstanceID: s.id, Name: s.id, Fentanyl: s.fentanyl, Cut: s.cut, Spectrum: spectrum}
	return err
}

// fullCounts is the height of the strongest line; how noisy it is follows from the gain.
const fullCounts = 1e5

// instrument has shot noise alone, of one part in snr at the strongest line without fluorescence.
func instrument(resolution, shift, snr float64) simulate.Instrument {
	in := simulate.Handheld785()
	in.ResolutionCM1, in.ShiftCM1 = resolution, shift
	in.ReadNoise, in.Offset, in.FullScale, in.Gain = 0, 0, 1e9, snr*snr/fullCounts
	return in
}

// part of a mixture, by mass.
type part struct {
	of    substance
	share float64
}

// scan is one of the substance at a share by mass, the rest being the cuts.
func (s substance) scan(cuts []part, share float64, in simulate.Instrument, c simulate.Conditions) (spectra.Spectrum, error) {
	var lines []simulate.Line
	var curves []simulate.Curve
	for _, p := range append([]part{{s, share}}, cuts...) {
		for _, l := range p.of.lines {
			l.Intensity *= p.share
			lines = append(lines, l)
		}
		if p.of.curve != nil {
			curve := *p.of.curve
			curve.Intensity = slices.Clone(curve.Intensity)
			floats.Scale(p.share, curve.Intensity)
			curves = append(curves, curve)
		}
	}
	return simulate.Mixture(s.id, lines, curves, in, c)
}

// condition of scans: the share by mass, and whether they are dim.
type condition struct {
	share float64
	dim   bool
}

// draw is a scan by a handheld: the instrument model of the goal. Its signal-to-noise ratio is that of the scan; a dim one has
// that ratio without its fluorescence, whose noise comes on top, up to 2.6 times as much. Cuts are one to three, computed
// and measured alike, in proportions drawn evenly.
func (s substance) draw(at condition, cuts []substance, seed uint64) (search.Vector, error) {
	rng := rand.New(rand.NewPCG(seed, 0x73637265656e))
	in := instrument(6+6*rng.Float64(), 1.5*rng.NormFloat64(), 15+45*rng.Float64())
	c := simulate.Conditions{Counts: fullCounts, Fluorescence: 6 * rng.Float64(), Seed: rng.Uint64()}
	if !at.dim {
		in.Gain *= 1 + c.Fluorescence // as many more photoelectrons a count as the fluorescence makes it noisier
	}
	share := at.share
	var parts []part
	if share < 1 {
		parts = s.mixture(1-share, cuts, rng)
	}
	spectrum, err := s.scan(parts, share, in, c)
	if err != nil {
		return search.Vector{}, err
	}
	return search.Prepare(spectrum)
}

// mixture divides a share by mass among one to three cuts other than the substance itself.
func (s substance) mixture(share float64, cuts []substance, rng *rand.Rand) (parts []part) {
	const most = 3
	for _, k := range rng.Perm(len(cuts)) {
		if cuts[k].id != s.id && len(parts) < most {
			parts = append(parts, part{cuts[k], rng.ExpFloat64()})
		}
	}
	parts = parts[:1+rng.IntN(most)]
	total := 0.0
	for _, p := range parts {
		total += p.share
	}
	for i := range parts {
		parts[i].share *= share / total
	}
	return parts
}
