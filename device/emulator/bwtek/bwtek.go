// Package bwtek is the firmware of an emulated B&W Tek BTC110 bench. Written from what is known of it from clients that
// work; where they leave something open, the comments say what was chosen.
package bwtek

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"fentrace/device/emulator/bench"
)

// baudTable is the rates by K value.
var baudTable = []int{115200, 38400, 19200, 9600, 4800, 2400, 1200, 600}

// commandNames are what a fault can call the answer to a command by.
var commandNames = map[byte]string{'S': "spectrum", 'A': "averages", 'I': "integration", 'K': "baud", 'Q': "reset", 'a': "mode", 'b': "mode", '?': "query"}

// Kinds returns the instrument.
func Kinds() []bench.Kind {
	return []bench.Kind{{
		Type: "btc110", Title: "BTC110", Code: "BTC", Baud: 9600,
		Detector: bench.Detector{Pixels: 2048, Clip: 65535, Offset: 900, DarkRate: 200, Rate: 100_000, Readout: 15, Shot: 0.9},
		Words:    []string{"spectrum", "averages", "baud", "integration", "mode", "query", "reset"},
		Faults:   []string{bench.Nack}, Serve: serve,
	}}
}

// firmware is one running bench.
type firmware struct {
	*bench.Device
	line     []byte // received, without an end yet
	binary   bool
	average  int
	exposure time.Duration
}

func serve(d *bench.Device) {
	e := &firmware{Device: d}
	e.defaults()
	if !e.boot() {
		return
	}
	for b := range e.In() {
		for _, c := range b {
			if !e.hear(c) {
				return
			}
		}
	}
}

// defaults is what Q restores. The values are not known; these are plausible.
func (e *firmware) defaults() { e.binary, e.average, e.exposure = false, 1, 100*time.Millisecond }

// boot sends what a bench sends after power-on, at its power-on rate: some garbage and a greeting. One that is at
// another rate was switched on, and set to it, earlier.
func (e *firmware) boot() bool {
	if e.Baud() != e.Kind.Baud {
		return true
	}
	noise := make([]byte, 23)
	source := rand.New(rand.NewPCG(e.Config.Seed, 1))
	for i := range noise {
		noise[i] = byte(source.Uint32())
	}
	return e.Send(noise) && e.Send([]byte("\r\nSpectrometer BTC110 (SIMULATED)\r\n"))
}

// longestLine is more than any command has; a bench forgets what is longer.
const longestLine = 32

func (e *firmware) hear(c byte) bool {
	switch {
	case c == '\n':
		line := string(e.line)
		e.line = nil
		return line == "" || e.command(line)
	case c == '\r': // CR LF ends a line as well
	case len(e.line) >= longestLine:
		e.line = nil
	default:
		e.line = append(e.line, c)
	}
	return true
}

// command carries out a line.
func (e *firmware) command(line string) bool {
	letter := line[0]
	fault := bench.Fault{}
	if word, known := commandNames[letter]; known {
		fault = e.Take(word, string(letter))
	} else {
		fault = e.Take(string(letter))
	}
	if fault.Kind == bench.Nack {
		return e.refuse(line, fault)
	}
	switch letter {
	case 'S':
		if line == "S" {
			return e.acquire(fault)
		}
	case 'K':
		if k, ok := number(line); ok && k < len(baudTable) {
			return e.setBaud(line, baudTable[k], fault)
		}
	case '?':
		if text, ok := e.parameter(line[1:]); ok {
			return e.Answer([]byte(line+"\r\nACK\r\n"+text+"\r\n"), fault)
		}
	default:
		if e.set(line) {
			return e.Answer([]byte(line+"\r\nACK\r\n"), fault)
		}
	}
	return e.refuse(line, fault)
}

// refuse answers what is not understood. No client shows how the real bench does.
func (e *firmware) refuse(line string, fault bench.Fault) bool {
	return e.Answer([]byte(line+"\r\nNAK\r\n"), fault)
}

// set changes a parameter; false when there is none such or the value is out of range.
func (e *firmware) set(line string) bool {
	n, ok := number(line)
	switch {
	case line == "a", line == "b":
		e.binary = line == "b"
	case line == "Q":
		e.defaults()
	case line[0] == 'A' && ok && n >= 1 && n <= 1000:
		e.average = n
	case line[0] == 'I' && ok && n >= 50 && n <= 65000:
		e.exposure = time.Duration(n) * time.Millisecond
	default:
		return false
	}
	return true
}

// number is what follows the letter, plain digits.
func number(line string) (int, bool) {
	n, err := strconv.ParseUint(line[1:], 10, 16)
	return int(n), err == nil
}

// parameter answers ? and a letter with the value set. The form of the real answer is not known.
func (e *firmware) parameter(letter string) (string, bool) {
	switch letter {
	case "A":
		return strconv.Itoa(e.average), true
	case "I":
		return strconv.FormatInt(e.exposure.Milliseconds(), 10), true
	case "K":
		for k, baud := range baudTable {
			if baud == e.Baud() {
				return strconv.Itoa(k), true
			}
		}
	}
	return "", false
}

// setBaud acknowledges at the old rate, all but the last byte: that goes out at the new one already. There is no way
// back for a host that does not follow.
func (e *firmware) setBaud(line string, baud int, fault bench.Fault) bool {
	if !e.Answer([]byte(line+"\r\nACK\r"), fault) {
		return false
	}
	e.SetBaud(baud)
	return fault.Kind == bench.Silent || e.Send([]byte("\n"))
}

// acquire acknowledges, exposes, and sends the mean of the exposures. That the acknowledgement comes first is a choice.
func (e *firmware) acquire(fault bench.Fault) bool {
	first, rest := bench.Fault{}, fault
	switch fault.Kind {
	case bench.Garbage, bench.Silent, bench.Unplug: // these hit the answer from its first byte
		first, rest = fault, bench.Fault{}
	}
	if !e.Answer([]byte("S\r\nACK\r\n"), first) {
		return false
	}
	sums := make([]uint64, e.Kind.Detector.Pixels)
	for range e.average {
		if !e.Wait(e.exposure) {
			return false
		}
		for p, v := range e.Optics.Expose(e.exposure, e.Optics.Lit()) {
			sums[p] += uint64(v)
		}
	}
	if first.Kind == bench.Silent {
		return true
	}
	counts := make([]uint16, len(sums))
	for p, v := range sums {
		counts[p] = uint16(v / uint64(e.average))
	}
	if e.binary {
		return e.Answer(differences(counts), rest)
	}
	return e.Answer(lines(counts), rest)
}

// differences is the form of binary mode: one value that belongs to no pixel, then a byte for each that differs from
// the one before by at most 127, else 0x80 and the value.
func differences(counts []uint16) []byte {
	b := []byte{0x80, 0, 0}
	last := 0
	for _, v := range counts {
		if d := int(v) - last; d >= -127 && d <= 127 {
			b = append(b, byte(d&0xFF))
		} else {
			b = append(b, 0x80, byte(v>>8), byte(v&0xFF))
		}
		last = int(v)
	}
	return b
}

// lines is the form of ASCII mode: five digits and CR LF for each pixel, and a NUL at the end.
func lines(counts []uint16) []byte {
	var b []byte
	for _, v := range counts {
		b = fmt.Appendf(b, "%05d\r\n", v)
	}
	return append(b, 0)
}
