package oceanletter

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"fentrace/device/emulator/bench"
)

// firmware is one running instrument.
type firmware struct {
	*bench.Device
	model model

	in    []byte    // received, not yet looked at
	until time.Time // reading gives up then; zero for never

	ascii       bool
	integration time.Duration
	add         uint16
	boxcar      uint16
	trigger     uint16
	timer       uint16
	rate        uint16 // K value
	compress    bool
	checksum    bool
	lamp        uint16
	pixelMode   []uint16 // as sent with P
	slots       map[uint16]string
	stored      int
}

func (m model) serve(d *bench.Device) {
	e := &firmware{Device: d, model: m}
	e.rate = 2
	e.slots = e.calibration()
	e.defaults()
	for {
		c, ok := e.next()
		if !ok || !e.echo(c) || !e.command(c) {
			return
		}
	}
}

// defaults is what Q resets; neither the data mode nor the rate.
func (e *firmware) defaults() {
	e.integration = time.Duration(e.model.startMillis) * time.Millisecond
	e.add, e.boxcar, e.trigger, e.lamp = 1, 0, 0, 0
	e.compress, e.checksum, e.pixelMode = false, false, []uint16{0}
	e.Light.Set(false)
}

// next is the next byte of the host; false when the line is gone or, with a limit, when none came in time.
func (e *firmware) next() (byte, bool) {
	for len(e.in) == 0 {
		var limit <-chan time.Time
		if !e.until.IsZero() {
			timer := time.NewTimer(time.Until(e.until))
			defer timer.Stop()
			limit = timer.C
		}
		select {
		case b, open := <-e.In():
			if !open {
				return 0, false
			}
			e.in = append(e.in, b...)
		case <-limit:
			return 0, false
		}
	}
	c := e.in[0]
	e.in = e.in[1:]
	return c, true
}

func (e *firmware) echo(c byte) bool { return !e.ascii || e.Send([]byte{c}) }

// argument reads one value of 2 or 4 bytes, or in ASCII mode of digits. valid is false for what is no number.
func (e *firmware) argument(size int) (v uint32, valid, ok bool) {
	if !e.ascii {
		for range size {
			c, ok := e.next()
			if !ok {
				return 0, false, false
			}
			v = v<<8 | uint32(c)
		}
		return v, true, true
	}
	text := ""
	for {
		c, ok := e.next()
		if !ok || !e.echo(c) {
			return 0, false, false
		}
		if c == '\r' || c == '\n' {
			n, err := strconv.ParseUint(text, 10, 8*size)
			return uint32(n), err == nil, true
		}
		if text += string(c); c < '0' || c > '9' || len(text) > 10 {
			return 0, false, true
		}
	}
}

// arguments reads what a command is sent with; P tells by its first value how many follow.
func (e *firmware) arguments(letter byte) (args []uint32, valid, ok bool) {
	count, size := 1, 2
	switch letter {
	case 'i':
		size = 4
	case 'W':
		if !e.model.counting {
			count = 2
		}
	case 'D', 'Q', 'S', 'l', 'q', 't', 'v', '+', '_':
		return nil, true, true
	}
	for i := 0; i < count; i++ {
		v, valid, ok := e.argument(size)
		if !valid || !ok {
			return nil, valid, ok
		}
		args = append(args, v)
		switch {
		case letter != 'P':
		case i == 0 && v == 1:
			count = 2
		case i == 0 && v == 3:
			count = 4
		case i == 0 && v == 4:
			count = 2
		case i == 1 && args[0] == 4:
			count = 2 + int(min(v, 10))
		}
	}
	return args, true, true
}

// command carries out the command that begins with c.
func (e *firmware) command(c byte) bool {
	switch {
	case c == 'a' || c == 'b':
		return e.setMode(c)
	case c == '?':
		return e.tell()
	case c == 'i' && e.model.minMicros == 0, c == 't' && e.model.hundredths == 0, c == '_' && !e.model.counting,
		!strings.ContainsRune("ABEFGHIJKLMPQSTWZiktvxy+_", rune(c)):
		return e.answer(" ", no()) // unknown, for example a blank
	}
	args, valid, ok := e.arguments(c)
	if !ok {
		return false
	}
	if !valid {
		return e.answer(string(c), no())
	}
	switch c {
	case 'S':
		return e.acquire()
	case 'K':
		return e.setRate(args[0])
	case 'x':
		return e.writeSlot(args[0])
	case 'v':
		return e.answer("v", yes(uint32(e.model.version)))
	case 't':
		return e.answer("t", yes(uint32(uint16(e.model.hundredths))))
	}
	return e.set(c, args)
}

// set carries out the commands that are acknowledged, unless a fault refuses them.
func (e *firmware) set(c byte, args []uint32) bool {
	fault := e.Take(wordsOf(string(c))...)
	if fault.Kind == bench.Nack || !e.apply(c, args) {
		return e.Answer(e.encode(no()), fault)
	}
	r := yes()
	if c == 'W' && e.model.counting {
		r = yes(uint32(e.stored))
	}
	return e.Answer(e.encode(r), fault)
}

// apply changes a parameter; false when the value is out of range.
func (e *firmware) apply(c byte, args []uint32) bool {
	var v uint32
	if len(args) > 0 {
		v = args[0]
	}
	switch c {
	case 'A':
		return store(&e.add, v, 1, uint32(e.model.maxAdd))
	case 'B':
		return store(&e.boxcar, v, 0, 15)
	case 'G':
		e.compress = v != 0
	case 'k':
		e.checksum = v != 0
	case 'I':
		if v < uint32(e.model.minMillis) || v > uint32(e.model.maxMillis) {
			return false
		}
		e.integration = time.Duration(v) * time.Millisecond
	case 'i':
		if v < e.model.minMicros || v > maxMicros {
			return false
		}
		e.integration = time.Duration(v) * time.Microsecond
	case 'J':
		if !store(&e.lamp, v, 0, 1) {
			return false
		}
		e.Light.Set(v == 1)
	case 'P':
		return e.setPixels(args)
	case 'T':
		return store(&e.trigger, v, 0, 4)
	case 'Q':
		e.defaults()
	case 'L', 'M', 'E':
		return v <= 1
	case 'y':
		e.timer, e.trigger, e.lamp = uint16(v), 0, 0
		e.Light.Set(false)
	case 'W', '_', '+':
	default: // F and H have no function here, Z has no stored scan
		return false
	}
	return true
}

func store(to *uint16, v, lo, hi uint32) bool {
	if v < lo || v > hi {
		return false
	}
	*to = uint16(v)
	return true
}

func (e *firmware) setMode(c byte) bool {
	second, ok := e.next()
	if !ok || !e.echo(second) {
		return false
	}
	if second != c-'a'+'A' {
		return e.answer(string(c), no())
	}
	// The acknowledgement still comes in the mode before.
	fault := e.Take(wordsOf(string(c))...)
	reply := e.encode(yes())
	if fault.Kind == bench.Nack {
		reply = e.encode(no())
	} else {
		e.ascii = c == 'a'
	}
	return e.Answer(reply, fault)
}

// result is what a command comes to.
type result struct {
	ok     bool
	values []uint32
	wide   bool
	text   []byte
}

func yes(values ...uint32) result { return result{ok: true, values: values} }
func no() result                  { return result{} }

// answer sends r, or what the fault that waits for it makes of it.
func (e *firmware) answer(command string, r result) bool {
	fault := e.Take(wordsOf(command)...)
	if fault.Kind == bench.Nack {
		r = no()
	}
	return e.Answer(e.encode(r), fault)
}

func wordsOf(command string) []string {
	words := []string{command}
	for word, commands := range answerWords {
		if slices.Contains(commands, command) {
			words = append(words, word)
		}
	}
	return words
}

// encode is r in the present mode.
func (e *firmware) encode(r result) []byte {
	b := []byte{0x15}
	if r.ok {
		b = []byte{0x06}
	}
	for _, v := range r.values {
		b = e.value(b, v, r.wide)
	}
	b = append(b, r.text...)
	return e.prompt(b)
}

// value appends v in the present mode.
func (e *firmware) value(b []byte, v uint32, wide bool) []byte {
	switch {
	case e.ascii:
		return fmt.Appendf(b, "%d\r\n", v)
	case wide:
		b = append(b, byte(v>>24), byte(v>>16))
	}
	return append(b, byte(v>>8), byte(v))
}

func (e *firmware) prompt(b []byte) []byte {
	if e.ascii {
		return append(b, "\r\n> "...)
	}
	return b
}
