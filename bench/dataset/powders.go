package dataset

import (
	"archive/zip"
	"encoding/xml"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
)

// Components of the weighed powders, named as the files of the pure ones, in the order of the columns of the weights.
var Components = []string{
	"DL-alanine", "L-asparagine", "L-aspartic-acid", "L-glutamic-acid", "L-histidine", "D-glucosamine-HCl",
}

// columns of the workbook, in the order of Components.
var weighedColumns = []string{"Alanine", "Asparagine", "Aspartic Acid", "Glutamic Acid", "Histidine", "Glucosamine"}

// WeighedFractions reads the mass fractions of Components in every vial, by the vial's name ("ab01").
func WeighedFractions(root string) (map[string][]float64, error) {
	path := filepath.Join(root, "raman", "powder-mixtures", "AAF_proportions.xlsx")
	rows, err := worksheet(path)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if len(rows) == 0 || strings.Join(rows[0][1:], "|") != strings.Join(weighedColumns, "|") {
		return nil, fmt.Errorf("read %s: the first row does not name the columns %v", path, weighedColumns)
	}
	out := map[string][]float64{}
	for i, row := range rows[1:] {
		if len(row) != 1+len(Components) {
			return nil, fmt.Errorf("read %s: row %d has %d cells, want %d", path, i+2, len(row), 1+len(Components))
		}
		for _, cell := range row[1:] {
			v, err := strconv.ParseFloat(cell, 64)
			if err != nil || v < 0 || v > 1 {
				return nil, fmt.Errorf("read %s: row %d: %q is no mass fraction", path, i+2, cell)
			}
			out[row[0]] = append(out[row[0]], v)
		}
	}
	return out, nil
}

// worksheet returns the cells of the first sheet of a workbook (ECMA-376 part 1, section 18.3), row by row, as text.
// It reads what these files hold: numbers and shared strings, without gaps in a row.
func worksheet(path string) ([][]string, error) {
	z, err := zip.OpenReader(path)
	if err != nil {
		return nil, err
	}
	defer z.Close()
	var strs struct {
		Items []struct {
			Text string `xml:"t"`
		} `xml:"si"`
	}
	var sheet struct {
		Rows []struct {
			Cells []struct {
				Type  string `xml:"t,attr"`
				Value string `xml:"v"`
			} `xml:"c"`
		} `xml:"sheetData>row"`
	}
	for _, part := range []struct {
		name string
		into any
	}{{"xl/sharedStrings.xml", &strs}, {"xl/worksheets/sheet1.xml", &sheet}} {
		f, err := z.Open(part.name)
		if err != nil {
			return nil, err
		}
		err = xml.NewDecoder(f).Decode(part.into)
		f.Close()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", part.name, err)
		}
	}
	rows := make([][]string, len(sheet.Rows))
	for i, r := range sheet.Rows {
		for _, c := range r.Cells {
			text := c.Value
			if c.Type == "s" {
				at, err := strconv.Atoi(c.Value)
				if err != nil || at < 0 || at >= len(strs.Items) {
					return nil, fmt.Errorf("row %d: no shared string %q", i+1, c.Value)
				}
				text = strs.Items[at].Text
			}
			if text != "" {
				rows[i] = append(rows[i], text)
			}
		}
	}
	return rows, nil
}
