// Command simulated makes data/simulated.csv, the lines behind the simulated demo, from a table of computed
// vibrations (gzip, columns name, class, smiles, wavenumber_cm1, raman_activity, ir_intensity_km_per_mol). Names,
// classes and CAS numbers are those of the substance table, so that the library knows them. Run by hand from the
// root of the project:
//
//	go run ./data/build/simulated -lines ../shared/data/computed/lines.csv.gz -substances ../shared/science/substances.csv
package main

import (
	"cmp"
	"compress/gzip"
	"encoding/csv"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	"fentrace/spectra/simulate"
)

const (
	frequencyScale = 0.95
	mostLines      = 40
	laserNM        = 785
)

// chosen are names of the table of vibrations: what is seized most, what it is cut with, what is confused with it.
var chosen = []string{
	"fentanyl", "acetylfentanyl", "carfentanil", "para-fluorofentanyl", "ortho-fluorofentanyl", "para-chlorofentanyl",
	"furanylfentanyl", "acrylfentanyl", "methoxyacetylfentanyl", "valerylfentanyl", "isobutyrylfentanyl",
	"cyclopropylfentanyl", "3-methylfentanyl", "alfentanil", "sufentanil", "remifentanil",
	"heroin", "cocaine", "methamphetamine", "MDMA", "ketamine", "metonitazene", "xylazine", "medetomidine", "BTMPS",
	"caffeine", "acetaminophen", "lactose", "mannitol", "inositol", "lidocaine", "procaine",
}

// technique is one way to see a vibration.
type technique struct {
	name      string
	column    string
	low, high float64 // cm-1, after scaling
	intensity func(cm1, activity float64) float64
}

var techniques = []technique{
	{"raman", "raman_activity", 200, 2000, func(cm1, v float64) float64 { return simulate.RamanIntensity(cm1, v, laserNM) }},
	{"ir", "ir_intensity_km_per_mol", 400, 4000, func(_, v float64) float64 { return v }},
}

func main() {
	linesPath := flag.String("lines", "../shared/data/computed/lines.csv.gz", "table of computed vibrations")
	substancesPath := flag.String("substances", "../shared/science/substances.csv", "table of substances")
	out := flag.String("out", "data/simulated.csv", "file to write")
	flag.Parse()
	if err := build(*linesPath, *substancesPath, *out); err != nil {
		fmt.Fprintln(os.Stderr, "make simulated lines:", err)
		os.Exit(1)
	}
}

func build(linesPath, substancesPath, out string) error {
	vibrations, err := readTable(linesPath)
	if err != nil {
		return err
	}
	substances, err := readTable(substancesPath)
	if err != nil {
		return err
	}
	var text strings.Builder
	text.WriteString("# SIMULATED semi-empirical lines (GFN2-xTB harmonic, scaled 0.95), made for this project, positions err by tens of cm-1, never a reference for a real scan.\n")
	text.WriteString("# Strongest 40 per technique, 0..100: Raman 200-2000 cm-1 as scattered from 785 nm at 298 K (bond polarisability model), IR 400-4000 cm-1; free base, gas phase.\n")
	rows := csv.NewWriter(&text)
	_ = rows.Write([]string{"name", "class", "cas", "technique", "wavenumber_cm1", "relative_intensity"})
	for _, name := range chosen {
		known, err := find(substances, name)
		if err != nil {
			return fmt.Errorf("%s: %w", substancesPath, err)
		}
		for _, t := range techniques {
			peaks, err := strongest(vibrations, name, t)
			if err != nil {
				return fmt.Errorf("%s: %w", linesPath, err)
			}
			for _, p := range peaks {
				_ = rows.Write([]string{known["name"], known["class"], checkedCAS(known), t.name,
					strconv.FormatFloat(p.cm1, 'f', 0, 64), strconv.FormatFloat(p.relative, 'f', 1, 64)})
			}
		}
	}
	rows.Flush()
	if err := rows.Error(); err != nil {
		return err
	}
	return os.WriteFile(out, []byte(text.String()), 0o644)
}

type peak struct{ cm1, relative float64 }

// strongest returns the lines of one substance and technique in order of wavenumber, the strongest 100.
func strongest(vibrations []map[string]string, name string, t technique) ([]peak, error) {
	var peaks []peak
	for _, row := range vibrations {
		if row["name"] != name {
			continue
		}
		cm1, err := strconv.ParseFloat(row["wavenumber_cm1"], 64)
		if err != nil {
			return nil, fmt.Errorf("%s: wavenumber: %w", name, err)
		}
		v, err := strconv.ParseFloat(row[t.column], 64)
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", name, t.column, err)
		}
		if cm1 *= frequencyScale; cm1 >= t.low && cm1 <= t.high {
			peaks = append(peaks, peak{cm1, t.intensity(cm1, v)})
		}
	}
	if len(peaks) == 0 {
		return nil, fmt.Errorf("no %s lines of %s", t.name, name)
	}
	slices.SortStableFunc(peaks, func(a, b peak) int { return cmp.Compare(b.relative, a.relative) })
	peaks = peaks[:min(len(peaks), mostLines)]
	top := peaks[0].relative
	kept := peaks[:0]
	for _, p := range peaks {
		if p.relative = math.Round(p.relative/top*1000) / 10; p.relative > 0 {
			kept = append(kept, p)
		}
	}
	slices.SortFunc(kept, func(a, b peak) int { return cmp.Compare(a.cm1, b.cm1) })
	return kept, nil
}

// find returns the substance with this name or synonym, whatever its case.
func find(substances []map[string]string, name string) (map[string]string, error) {
	for _, row := range substances {
		for known := range strings.SplitSeq(row["name"]+";"+row["synonyms"], ";") {
			if strings.EqualFold(strings.TrimSpace(known), name) {
				return row, nil
			}
		}
	}
	return nil, fmt.Errorf("no substance named %s", name)
}

// checkedCAS leaves out numbers whose source is memory or is not given.
func checkedCAS(row map[string]string) string {
	source := row["source"]
	for _, weak := range []string{"CAS memory", "CAS: memory", "CAS: ;", "source=memory"} {
		if strings.Contains(source, weak) {
			return ""
		}
	}
	return row["cas"]
}

// readTable reads a CSV file with a header, gzip when its name ends so.
func readTable(path string) ([]map[string]string, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var in io.Reader = file
	if strings.HasSuffix(path, ".gz") {
		if in, err = gzip.NewReader(file); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	records, err := csv.NewReader(in).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(records) < 2 {
		return nil, fmt.Errorf("%s: no rows", path)
	}
	rows := make([]map[string]string, 0, len(records)-1)
	for _, record := range records[1:] {
		row := make(map[string]string, len(record))
		for i, v := range record {
			row[records[0][i]] = v
		}
		rows = append(rows, row)
	}
	return rows, nil
}
