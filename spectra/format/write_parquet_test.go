package format

import (
	"bytes"
	"encoding/json"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"fentrace/spectra"
)

func TestParquetHoldsEverySpectrumToTheLastBit(t *testing.T) {
	list := []spectra.Spectrum{
		{Title: "acetaminophen", Technique: spectra.Raman, XUnit: spectra.PerCM, YUnit: spectra.Counts, X: []float64{100, 100.1, 3000}, Y: []float64{1, math.Pi, -1e-300},
			Metadata: spectra.Metadata{LaserNM: 785, SHA256: "ab", Fields: map[string]string{"probe": "3"}}},
		{Title: "demo", Technique: spectra.IR, XUnit: spectra.PerCM, YUnit: spectra.Absorbance, X: []float64{4000, 400}, Y: []float64{0, 1}, Metadata: spectra.Metadata{Simulated: true}},
		{Title: "lines", Technique: spectra.Raman, XUnit: spectra.PerCM, YUnit: spectra.Arbitrary, X: []float64{1001}, Y: []float64{1}, Peaks: true},
	}
	var b bytes.Buffer
	w := NewParquetWriter(&b)
	for _, s := range list {
		if err := w.Write("scan.spc", s); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Write("bad", spectra.Spectrum{X: []float64{1}}); err == nil {
		t.Error("a spectrum without values was written")
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	rows, err := parquet.Read[ParquetRow](bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil || len(rows) != len(list) {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for i, r := range rows {
		got := spectra.Spectrum{
			Title: r.Title, Technique: spectra.Technique(r.Technique), XUnit: spectra.Unit(r.XUnit), YUnit: spectra.Unit(r.YUnit), X: r.X, Y: r.Y, Peaks: r.Peaks,
		}
		if err := json.Unmarshal([]byte(r.Metadata), &got.Metadata); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(list[i], got); diff != "" || r.File != "scan.spc" || r.Simulated != list[i].Metadata.Simulated {
			t.Errorf("spectrum %d (-written +read):\n%s", i, diff)
		}
	}
}
