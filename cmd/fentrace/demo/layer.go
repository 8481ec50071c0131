package demo

import (
	"bytes"
	"fmt"

	"fentrace/data"
	"fentrace/library"
	"fentrace/spectra"
	"fentrace/spectra/simulate"
)

// layerTitle names the simulated library wherever layers are listed.
const layerTitle = "SIMULATED references of the demo"

// withheld has simulated lines but no simulated reference: the demo's substance that is not in the library.
const withheld = "metonitazene"

// lineTable is the simulated Raman lines by the name of the substance.
type lineTable map[string][]simulate.Line

// simulatedRaman reads the embedded table.
func simulatedRaman() (lineTable, []simulate.Substance, error) {
	all, err := simulate.ParseLines(bytes.NewReader(data.SimulatedLines))
	if err != nil {
		return nil, nil, fmt.Errorf("read the embedded simulated lines: %w", err)
	}
	table := lineTable{}
	var raman []simulate.Substance
	for _, s := range all {
		if s.Technique == spectra.Raman {
			table[s.Name] = s.Lines
			raman = append(raman, s)
		}
	}
	return table, raman, nil
}

// SimulatedLayer makes one reference of tier simulated, a Raman spectrum as from a 785 nm instrument without noise,
// for every substance that has simulated lines, except the one that the demo keeps out of its library. The substances
// are those of core, by CAS number or name, so class, schedule and Controlled are the core's. Infrared lines are left
// out: no part of the demo scans in the infrared. It fails when core does not know one of the names.
func SimulatedLayer(core *library.Stack) ([]library.Substance, []library.Reference, error) {
	_, raman, err := simulatedRaman()
	if err != nil {
		return nil, nil, err
	}
	in := simulate.Handheld785()
	// Without noise, and so finely counted that rounding is not seen.
	in.ReadNoise, in.Offset, in.Gain, in.FullScale = 0, 0, 1e6, 1e9
	var substances []library.Substance
	var references []library.Reference
	for _, s := range raman {
		if s.Name == withheld {
			continue
		}
		sub, ok := core.Lookup(s.CAS, "", s.Name)
		if !ok {
			return nil, nil, fmt.Errorf("simulated reference of %s: the core library does not know this substance", s.Name)
		}
		spectrum, err := simulate.Spectrum(s.Name, s.Lines, in, simulate.Conditions{Counts: 1e6})
		if err != nil {
			return nil, nil, fmt.Errorf("simulated reference of %s: %w", s.Name, err)
		}
		substances = append(substances, sub)
		references = append(references, library.Reference{
			SubstanceID: sub.ID, Tier: library.Simulated, Technique: spectra.Raman, LaserNM: in.LaserNM, Form: "free base, computed",
			Spectrum: &spectrum,
			Provenance: library.Provenance{
				Source:  "SIMULATED: semi-empirical lines (GFN2-xTB, harmonic) computed for this project; never a reference for a real scan",
				Licence: "computed for this project",
			},
		})
	}
	return substances, references, nil
}
