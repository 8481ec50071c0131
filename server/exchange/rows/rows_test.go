package rows

import (
	"bytes"
	"encoding/csv"
	"strconv"
	"testing"

	"github.com/parquet-go/parquet-go"

	"fentrace/library/identify"
)

func TestCellsOfATableAreNoFormulas(t *testing.T) {
	for in, want := range map[string]string{
		"=1+1": "'=1+1", "+1": "'+1", "-1": "'-1", "@SUM(A1)": "'@SUM(A1)", "\t=1": "'=1", "\r\n@x": "'@x", "a=b": "a=b", "": "", "a\nb": "a b",
	} {
		if got := Text(in); got != want {
			t.Errorf("%q became %q, not %q", in, got, want)
		}
	}
}

func TestParquetHoldsWhatCSVDoesWithNumbersAsSuch(t *testing.T) {
	ans := identify.Identification{Verdict: identify.Alarm, Headline: "ALARM: fentanyl",
		Candidates: []identify.Finding{{Substance: "caffeine", Score: 0.5}},
		Findings:   []identify.Finding{{Substance: "fentanyl", Controlled: true, Score: 0.97, Probability: 0.99}}}
	ans.File, ans.Simulated = "a.jdx", true
	var text, binary bytes.Buffer
	c, p := NewCSV(&text), NewParquet(&binary)
	for _, r := range []Row{Of(ans), Unanswered("b.csv", "", "it is empty")} {
		if err := c.Add(r); err != nil {
			t.Fatal(err)
		}
		if err := p.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	want, err := csv.NewReader(&text).ReadAll()
	if err != nil || len(want) != 3 {
		t.Fatal(want, err)
	}
	f, err := parquet.OpenFile(bytes.NewReader(binary.Bytes()), int64(binary.Len()))
	if err != nil {
		t.Fatal(err)
	}
	got := make([]parquet.Row, 2)
	rows := f.RowGroups()[0].Rows()
	if n, _ := rows.ReadRows(got); n != 2 {
		t.Fatalf("%d rows", n)
	}
	for i, r := range got {
		for k, c := range Columns {
			column, ok := f.Schema().Lookup(c.Name)
			if !ok {
				t.Fatalf("no column %s", c.Name)
			}
			v, cell := r[column.ColumnIndex], want[i+1][k]
			switch {
			case want[0][k] != c.Name:
				t.Errorf("column %d is %s", k, want[0][k])
			case c.Number && cell == "":
				if !v.IsNull() {
					t.Errorf("row %d, %s: %v where nothing is known", i, c.Name, v)
				}
			case c.Number:
				if n, err := strconv.ParseFloat(cell, 64); err != nil || v.Double() != n {
					t.Errorf("row %d, %s: %v, not %s", i, c.Name, v, cell)
				}
			case string(v.ByteArray()) != cell:
				t.Errorf("row %d, %s: %q, not %q", i, c.Name, v.ByteArray(), cell)
			}
		}
	}
}
