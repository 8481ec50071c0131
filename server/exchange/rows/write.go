package rows

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"

	"github.com/go-gota/gota/dataframe"
	"github.com/go-gota/gota/series"
	"github.com/parquet-go/parquet-go"
)

// heldRows is how many rows are held in memory before they are written.
const heldRows = 1000

// CSV writes rows as comma separated values. Rows are written a thousand at a time, so that memory stays flat and what is done survives a
// crash.
type CSV struct {
	w      io.Writer
	cells  [][]string
	header bool // is written
	err    error
}

// NewCSV writes to w.
func NewCSV(w io.Writer) *CSV { return &CSV{w: w} }

// Add appends a row.
func (t *CSV) Add(r Row) error {
	cells := make([]string, len(Columns))
	for i, c := range Columns {
		cells[i] = c.of(r)
	}
	t.cells = append(t.cells, cells)
	if len(t.cells) < heldRows {
		return t.err
	}
	return t.Flush()
}

// Flush writes the rows held; the header at least. Every column is text: a number column would print what is missing as NaN and pad
// every number to six decimals.
func (t *CSV) Flush() error {
	if t.err != nil || t.header && len(t.cells) == 0 {
		return t.err
	}
	columns := make([]series.Series, len(Columns))
	for i, c := range Columns {
		cells := make([]string, len(t.cells))
		for j, r := range t.cells {
			cells[j] = r[i]
		}
		columns[i] = series.New(cells, series.String, c.Name)
	}
	t.err = dataframe.New(columns...).WriteCSV(t.w, dataframe.WriteHeader(!t.header))
	t.header, t.cells = true, t.cells[:0]
	return t.err
}

// schema has numbers as such, which may be missing, and everything else as text.
var schema = func() *parquet.Schema {
	var fields []reflect.StructField
	for i, c := range Columns {
		f := reflect.StructField{Name: "F" + strconv.Itoa(i), Type: reflect.TypeFor[string](), Tag: reflect.StructTag(fmt.Sprintf(`parquet:"%s"`, c.Name))}
		if c.Number {
			f.Type = reflect.TypeFor[*float64]()
			f.Tag = reflect.StructTag(fmt.Sprintf(`parquet:"%s,optional"`, c.Name))
		}
		fields = append(fields, f)
	}
	return parquet.SchemaOf(reflect.New(reflect.StructOf(fields)).Interface())
}()

// Parquet writes rows as Apache Parquet.
type Parquet struct {
	w    *parquet.GenericWriter[any]
	held int
}

// NewParquet writes to w.
func NewParquet(w io.Writer) *Parquet {
	return &Parquet{w: parquet.NewGenericWriter[any](w, schema, parquet.Compression(&parquet.Zstd))}
}

// Add appends a row.
func (t *Parquet) Add(r Row) error {
	row := make(parquet.Row, len(Columns))
	for _, c := range Columns {
		cell, defined := c.of(r), 0
		v := parquet.ByteArrayValue([]byte(cell))
		if c.Number {
			defined = 1
			n, err := strconv.ParseFloat(cell, 64)
			if v = parquet.DoubleValue(n); err != nil {
				v, defined = parquet.NullValue(), 0
			}
		}
		column, _ := schema.Lookup(c.Name)
		row[column.ColumnIndex] = v.Level(0, defined, column.ColumnIndex)
	}
	_, err := t.w.WriteRows([]parquet.Row{row})
	if t.held++; err == nil && t.held%(10*heldRows) == 0 {
		err = t.w.Flush()
	}
	return err
}

// Close writes what is held and the end of the file.
func (t *Parquet) Close() error {
	if err := t.w.Close(); err != nil {
		return errors.Join(errors.New("write Parquet"), err)
	}
	return nil
}
