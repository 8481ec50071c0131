package store

import (
	"fmt"
	"math"
	"sync/atomic"
	"testing"

	"fentrace/spectra"
)

// Many callers at once store scans the size of those of a handheld spectrometer, as the server does for uploads.
func BenchmarkPut(b *testing.B) {
	s, err := Open(asProgram(b), b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	x, y := make([]float64, 1024), make([]float64, 1024)
	for i := range x {
		x[i], y[i] = 200+2*float64(i), 1000*math.Sin(float64(i))
	}
	var n atomic.Int64
	b.SetParallelism(32)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			raw := fmt.Appendf(nil, "file %d", n.Add(1))
			sp := spectra.Spectrum{Technique: spectra.Raman, XUnit: spectra.PerCM, X: x, Y: y, Metadata: spectra.Metadata{SHA256: spectra.HashBytes(raw)}}
			sc, err := NewScan(string(raw), "f", 0, sp, answered, Fields{}, noon)
			if err != nil {
				b.Error(err)
				return
			}
			if _, _, err := s.Put(asProgram(b), File{"f", raw}, []Scan{sc}, Arrival{}); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "scans/s")
}
