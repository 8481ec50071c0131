package calibration

import (
	"fmt"
	"slices"
	"strings"
)

// Line is one line of a standard.
type Line struct {
	Position float64 // Raman shift in cm-1; for a lamp the wavelength in vacuum, nm
	Relative float64 // height as seen by a handheld instrument, 0..1 of the strongest; a hint only
}

// Standard is a sample whose lines are known.
type Standard struct {
	Name    string   // as given on the command line
	Title   string   // as printed
	Aliases []string // further names, in lower case
	Lines   []Line   // ascending
	// Also are positions of further lines of the same substance, not sharp or not certain enough to calibrate with.
	Also []float64
	// Lamp: the lines are emission lines, so their place does not depend on the laser.
	Lamp bool
	// Reach is the axis error (cm-1) within which its lines are looked for: few lines cannot be told apart far away.
	Reach float64
	// Least is how many lines have to be found.
	Least int
	// Certified: the positions come from a standard practice or a certified table; otherwise from common practice, about
	// 1 cm-1 sure.
	Certified bool
	Source    string
}

// farReach covers axes seen in the field: wrong by up to 150 cm-1 as a whole, by 30 more in the middle, and stretched.
const farReach = 210

const e1840 = "ASTM E1840-96 (2014)"

// standards is every standard there is. The heights are those of handheld spectra at 532 to 830 nm, or the four classes
// of E1840 in numbers; where two sources differ the smaller is given.
var standards = []Standard{
	{
		Name: "polystyrene", Title: "Polystyrene", Aliases: []string{"ps", "pst"}, Reach: farReach, Least: 5, Certified: true, Source: e1840,
		Lines: []Line{{620.9, .14}, {795.8, .10}, {1001.4, 1}, {1031.8, .22}, {1155.3, .07}, {1450.5, .07}, {1583.1, .06}, {1602.3, .22},
			{2852.4, .06}, {2904.5, .14}, {3054.3, .32}},
		Also: []float64{404, 757, 841, 907, 1069, 1183, 1198, 1327, 2975, 3002},
	},
	{
		Name: "acetaminophen", Title: "Acetaminophen (4-acetamidophenol)", Aliases: []string{"paracetamol", "apap", "4-acetamidophenol"},
		Reach: farReach, Least: 8, Certified: true, Source: e1840,
		Lines: []Line{{213.3, .15}, {329.2, .17}, {390.9, .30}, {465.1, .12}, {504.0, .10}, {651.6, .42}, {710.8, .12}, {797.2, .45},
			{834.5, .08}, {857.9, .90}, {968.7, .16}, {1105.5, .11}, {1168.5, .50}, {1236.8, .70}, {1278.5, .30}, {1323.9, 1}, {1371.5, .38},
			{1515.1, .10}, {1561.6, .32}, {1648.4, .50}, {2931.1, .35}, {3064.6, .28}, {3102.4, .10}, {3326.6, .10}},
		Also: []float64{604, 627, 1016, 1257, 1445, 1611, 1619, 2871, 3160},
	},
	{
		Name: "cyclohexane", Title: "Cyclohexane", Reach: farReach, Least: 5, Certified: true, Source: e1840,
		Lines: []Line{{384.1, .03}, {426.3, .04}, {801.3, 1}, {1028.3, .25}, {1157.6, .08}, {1266.4, .20}, {1444.4, .18}, {2664.4, .08},
			{2852.9, 1}, {2923.8, .6}, {2938.3, .6}},
		Also: []float64{1346, 2630, 2700, 2890},
	},
	{
		Name: "benzonitrile", Title: "Benzonitrile", Reach: farReach, Least: 5, Certified: true, Source: e1840,
		Lines: []Line{{460.9, .2}, {548.5, .08}, {751.3, .08}, {767.1, .12}, {1000.7, 1}, {1026.6, .2}, {1177.9, .2}, {1192.6, .25},
			{1598.9, .4}, {2229.4, .9}, {3072.3, .5}},
		Also: []float64{170, 320, 380, 401, 625, 1162, 1289, 1490, 1582},
	},
	{
		Name: "naphthalene", Title: "Naphthalene", Reach: farReach, Least: 5, Certified: true, Source: e1840,
		Lines: []Line{{513.8, .35}, {763.8, .5}, {1021.6, .25}, {1147.2, .1}, {1382.2, 1}, {1464.5, .22}, {1576.6, .25}, {3056.4, .5}},
		Also:  []float64{390, 946, 1168, 1240, 1443, 1629, 2980, 3007},
	},
	{
		Name: "calcite", Title: "Calcite (calcium carbonate)", Aliases: []string{"ncal", "nist-calcite", "caco3"}, Reach: 40, Least: 2,
		// The whole lattice moves with temperature and strain, so that published values spread by a wavenumber or two.
		Lines:  []Line{{281.5, .3}, {712.3, .13}, {1086.1, 1}},
		Also:   []float64{155, 1435, 1749},
		Source: "agreed values of calibrated instruments, 1 cm-1 sure; ASTM E2529 uses the 1085 band for resolution",
	},
	{
		Name: "silicon", Title: "Silicon wafer", Aliases: []string{"si", "sil"}, Reach: 20, Least: 1,
		Lines: []Line{{520.45, 1}}, Also: []float64{303, 435, 620, 670, 825, 940, 965, 980},
		Source: "520.45 +- 0.3 cm-1, undoped, room temperature, low laser power",
	},
	{Name: "neon", Title: "Neon lamp", Aliases: []string{"ne"}, Reach: 60, Least: 6, Certified: true, Lamp: true,
		Lines: neonLines(), Source: "NIST Atomic Spectra Database, Ne I, wavelengths in air brought to vacuum"},
}

// Standards lists the standards there are.
func Standards() []Standard { return slices.Clone(standards) }

// Names lists the names of the standards.
func Names() []string {
	names := make([]string, len(standards))
	for i, s := range standards {
		names[i] = s.Name
	}
	return names
}

// Find returns the standard of that name or alias, in any case; ErrUnknown names those that exist.
func Find(name string) (Standard, error) {
	lower := strings.ToLower(strings.TrimSpace(name))
	for _, s := range standards {
		if s.Name == lower || slices.Contains(s.Aliases, lower) {
			return s, nil
		}
	}
	return Standard{}, fmt.Errorf("standard %q: %w; there are: %s", name, ErrUnknown, strings.Join(Names(), ", "))
}
