package oceanletter

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// calibration is what the maker wrote into the slots.
func (e *firmware) calibration() map[uint16]string {
	slots := map[uint16]string{0: e.Config.SerialNumber, 5: "0.000e+00", 15: "4 000 025", 16: "000 0"}
	for i, c := range e.Config.Coefficients {
		slots[uint16(1+i)] = strconv.FormatFloat(float64(float32(c)), 'e', 8, 64)
	}
	for i, c := range e.Config.Nonlinearity {
		if i > maxOrder {
			break
		}
		slots[uint16(6+i)] = strconv.FormatFloat(float64(float32(c)), 'e', 8, 64)
		slots[14] = strconv.Itoa(i)
	}
	// A rate other than the usual one at power-on is one that slot 18 asks for.
	if k := slices.Index(e.model.bauds, e.Config.Baud); k >= 0 {
		e.rate = uint16(k)
		if e.Config.Baud != e.Kind.Baud && e.model.lastSlot >= 18 {
			slots[18] = strconv.Itoa(k)
		}
	}
	return slots
}

// tell answers a query: ?x and a slot, or ? and the letter of a parameter.
func (e *firmware) tell() bool {
	c, ok := e.next()
	if !ok || !e.echo(c) {
		return false
	}
	if c == 'x' {
		slot, valid, ok := e.argument(2)
		if !ok {
			return false
		}
		if !valid || slot > uint32(e.model.lastSlot) {
			return e.answer("?x", no())
		}
		return e.answer("?x", result{ok: true, text: e.padded(e.slots[uint16(slot)])})
	}
	if !strings.ContainsRune(e.model.letters, rune(c)) {
		return e.answer("?", no())
	}
	values := map[byte]uint32{
		'A': uint32(e.add), 'B': uint32(e.boxcar), 'I': uint32(e.integration / time.Millisecond), 'K': uint32(e.rate),
		'T': uint32(e.trigger), 'J': uint32(e.lamp), 'y': uint32(e.timer), 'i': uint32(e.integration / time.Microsecond),
	}
	return e.answer("?", result{ok: true, values: []uint32{values[c]}, wide: c == 'i'})
}

// padded is a text as the EEPROM holds it; that the ends differ shows that the host must not count on any.
func (e *firmware) padded(text string) []byte {
	switch e.model.pad {
	case "zeros":
		return append([]byte(text), make([]byte, max(maxText-len(text), 0))...)
	case "zero":
		return append([]byte(text), 0)
	}
	return []byte(text)
}

func (e *firmware) writeSlot(slot uint32) bool {
	if slot > uint32(e.model.lastSlot) {
		return e.answer("x", no())
	}
	text := ""
	for len(text) < maxText {
		c, ok := e.next()
		if !ok || !e.echo(c) {
			return false
		}
		if c == '\r' || c == '\n' || c == 0 {
			break
		}
		text += string(c)
	}
	e.slots[uint16(slot)] = text
	return e.answer("x", yes())
}
