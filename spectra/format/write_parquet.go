package format

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"

	"fentrace/spectra"
)

// ParquetRow is one spectrum in a Parquet file: a row with the axis and the values as lists.
type ParquetRow struct {
	File      string    `parquet:"file"` // where it was read from
	Title     string    `parquet:"title"`
	Technique string    `parquet:"technique,dict"`
	XUnit     string    `parquet:"x_unit,dict"`
	YUnit     string    `parquet:"y_unit,dict"`
	Peaks     bool      `parquet:"peaks"`
	Simulated bool      `parquet:"simulated"`
	X         []float64 `parquet:"x"`
	Y         []float64 `parquet:"y"`
	Metadata  string    `parquet:"metadata"` // JSON, with the source's SHA-256
}

// ParquetWriter writes a Parquet file, one row a spectrum, with Zstandard compression. Rows are written as they come, so
// that a folder of any size takes the memory of one group of rows.
type ParquetWriter struct {
	w *parquet.GenericWriter[ParquetRow]
}

// rowGroup bounds the rows, and so the memory, that wait to be written together.
const rowGroup = 256

// NewParquetWriter begins a file on w. Close ends it; without that it cannot be read.
func NewParquetWriter(w io.Writer) *ParquetWriter {
	return &ParquetWriter{parquet.NewGenericWriter[ParquetRow](w, parquet.Compression(&parquet.Zstd), parquet.MaxRowsPerRowGroup(rowGroup))}
}

// Write adds one spectrum that was read from file. A spectrum that does not validate is refused.
func (p *ParquetWriter) Write(file string, s spectra.Spectrum) error {
	if err := s.Validate(); err != nil {
		return fmt.Errorf("write %q as Parquet: %w", s.Title, err)
	}
	meta, err := json.Marshal(s.Metadata)
	if err == nil {
		_, err = p.w.Write([]ParquetRow{{
			File: file, Title: s.Title, Technique: string(s.Technique), XUnit: string(s.XUnit), YUnit: string(s.YUnit), Peaks: s.Peaks,
			Simulated: s.Metadata.Simulated, X: s.X, Y: s.Y, Metadata: string(meta),
		}})
	}
	if err != nil {
		return fmt.Errorf("write %q as Parquet: %w", s.Title, err)
	}
	return nil
}

// Close writes what waits and the file's footer. It does not close the underlying writer.
func (p *ParquetWriter) Close() error {
	if err := p.w.Close(); err != nil {
		return fmt.Errorf("end the Parquet file: %w", err)
	}
	return nil
}
