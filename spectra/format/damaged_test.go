package format

import (
	"bytes"
	"errors"
	"fentrace/spectra/racedetector"
	"math"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"
)

// largeBinaries are files in which points are stored as tightly as each format can.
func largeBinaries(t *testing.T) map[string][]byte {
	t.Helper()
	const n = 8000
	y, x := make([]float64, n), make([]float64, n)
	for i := range y {
		x[i], y[i] = float64(i), math.Sin(float64(i))
	}
	subs := func(own bool, exponent int) []spcSub {
		list := make([]spcSub, 4)
		for i := range list {
			list[i] = spcSub{y: y, exponent: exponent}
			if own {
				list[i].x = x
			}
		}
		return list
	}
	jws := jwsSpec{xCode: jwsSpectral, codes: []uint32{3, 3, 3}, first: 1, step: 1, y: [][]float64{y, y, y}, instrument: "FT/IR", module: 9}
	files := map[string][]byte{
		"spc, floats":              madeSPC(spcSpec{version: 0x4b, exponent: -128, xType: 13, last: n, log: strings.Repeat("KEY=value\r\n", 20), subs: subs(false, 0)[:1]}),
		"spc, 16 bits":             madeSPC(spcSpec{version: 0x4b, flags: 5, xType: 13, last: n, subs: subs(false, 1)}),
		"spc, old, 16 bits":        madeSPC(spcSpec{version: 0x4d, flags: 5, xType: 13, last: n, subs: subs(false, 1)}),
		"spc, common axis":         madeSPC(spcSpec{version: 0x4b, flags: 0x85, xType: 13, axis: x, subs: subs(false, 1)}),
		"spc, own axes":            madeSPC(spcSpec{version: 0x4c, flags: 0xc5, xType: 13, directory: true, subs: subs(true, 1)}),
		"wdf":                      madeWDF(wdfSpec{laser: 1e7 / 532, xUnit: 1, yUnit: 6, x: x, y: [][]float64{y, y, y, y}, positions: make([]uint64, 4), times: make([]uint64, 4)}),
		"jws, flat":                madeJWS(jws),
		"jws, compound":            madeCompoundJWS(512, jws),
		"jws, compound, wide ones": madeCompoundJWS(4096, jws),
	}
	for name, raw := range files {
		if _, err := Read("a", raw); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	return files
}

// allocated is the memory that reading takes in all, also what it frees again: values with repeated positions are
// copied once, which makes it 12 bytes for one of a file where no more than 8 are held.
func allocated(read func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	read()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func TestDamagedBinaryFilesAreRefusedWithinBounds(t *testing.T) {
	racedetector.Skip(t)
	random := rand.New(rand.NewPCG(1, 2))
	for name, whole := range largeBinaries(t) {
		for i := range 60 {
			raw := damage(whole, random, i)
			done := make(chan error, 1)
			taken := allocated(func() {
				go func() {
					_, err := Read("a.spc", raw)
					done <- err
				}()
				select {
				case err := <-done:
					done <- err
				case <-time.After(time.Minute):
					t.Fatalf("%s, damage %d: still reading", name, i)
				}
			})
			times := 13
			if i == 0 { // not damaged
				times = 10
			}
			// Each reader may look at a copy of the head.
			if most := uint64(times*len(whole) + len(Readers())*headBytes + 64<<10); taken > most {
				t.Errorf("%s, damage %d: %d bytes took %d of memory, at most %d", name, i, len(raw), taken, most)
			}
			var e *Error
			if err := <-done; err != nil && (!errors.As(err, &e) || len(err.Error()) < len("read a.spc: x")) {
				t.Errorf("%s, damage %d: %v", name, i, err)
			}
		}
	}
}

// damage cuts the file or overwrites a few bytes, most of them near its beginning, where the headers are.
func damage(whole []byte, random *rand.Rand, round int) []byte {
	if round == 0 {
		return whole
	}
	raw := bytes.Clone(whole)
	for range 1 + random.IntN(4) {
		within := len(raw)
		if random.IntN(4) > 0 {
			within = min(within, 2048)
		}
		at := random.IntN(within)
		for i := at; i < min(at+1+random.IntN(4), len(raw)); i++ {
			raw[i] = []byte{0, 0xff, 0x7f, 0x80, byte(random.Uint32())}[random.IntN(5)]
		}
	}
	if random.IntN(3) == 0 {
		raw = raw[:1+random.IntN(len(raw))]
	}
	return raw
}
