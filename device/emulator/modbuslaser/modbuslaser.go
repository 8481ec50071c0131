// Package modbuslaser is the firmware of an emulated Modbus RTU laser as OEM Raman sets have it, written from the Modbus
// specifications: slave 1, register 0x0298 holds the power, 0 is off.
//
// It has no watchdog and no register for its interlock, as none is known of the real one: an open interlock cuts the
// light, and a power other than 0 is refused as a failure of the device (exception 4) while it is open. Pulling its
// cable puts it out, because power and data come over one here; a laser with a supply of its own would shine on.
package modbuslaser

import (
	"time"

	"fentrace/device/emulator/bench"
)

const (
	address  = 1
	power    = 0x0298
	maxPower = 3000
	// longestFrame is the specification's.
	longestFrame = 256

	illegalFunction = 1
	illegalAddress  = 2
	illegalValue    = 3
	deviceFailure   = 4
)

// Kinds returns the laser.
func Kinds() []bench.Kind {
	return []bench.Kind{{
		Type: "modbuslaser", Title: "Modbus laser", Code: "MBL", Baud: 9600, Emits: true,
		Words:  []string{"on", "off", "read", "unknown"},
		Faults: []string{bench.Nack, bench.WrongType, bench.Interlock, bench.Ignored},
		Serve:  serve,
	}}
}

// slave is the running laser.
type slave struct {
	*bench.Device
	value     uint16
	openUntil time.Time // of the interlock
	openEver  bool
}

// serve takes what comes before 3.5 characters of silence for a frame; the specification's 1.75 ms above 19200 baud.
func serve(d *bench.Device) {
	s := &slave{Device: d}
	var frame []byte
	var silence <-chan time.Time
	for {
		select {
		case b, open := <-s.In():
			if !open {
				return
			}
			if frame = append(frame, b...); len(frame) > longestFrame {
				frame = frame[:longestFrame+1] // too long for a frame, and no longer than needed to show it
			}
			silence = time.After(max(35*time.Second/time.Duration(s.Baud()), 1750*time.Microsecond))
		case <-silence:
			if !s.handle(frame) {
				return
			}
			frame, silence = nil, nil
		}
	}
}

func (s *slave) interlockOpen() bool { return s.openEver || time.Now().Before(s.openUntil) }

// handle answers one frame. A frame that is damaged or for another slave has no answer.
func (s *slave) handle(frame []byte) bool {
	if len(frame) != 8 || frame[0] != address || sum(frame) != 0 {
		return true
	}
	function := frame[1]
	register, value := int(frame[2])<<8|int(frame[3]), uint16(frame[4])<<8|uint16(frame[5])
	word := "unknown"
	switch {
	case function == 3:
		word = "read"
	case function == 6 && value == 0:
		word = "off"
	case function == 6:
		word = "on"
	}
	f := s.Take(word)
	if f.Kind == bench.Interlock {
		s.openUntil, s.openEver = time.Now().Add(time.Duration(f.Arg)*time.Millisecond), f.Arg == 0
		s.value = 0
	}
	if f.Kind == bench.Nack {
		return s.Answer(seal([]byte{address, function | 0x80, byte(f.Arg)}), f)
	}
	before := s.value
	answer := s.do(function, register, value)
	if f.Kind == bench.Ignored {
		s.value = before
	}
	s.Light.Set(s.value > 0 && !s.interlockOpen())
	if f.Kind == bench.WrongType {
		if function == 6 {
			answer = []byte{address, function, frame[2], frame[3] ^ 1, frame[4], frame[5]} // the echo of another register's
		} else {
			answer[1] = 4 // input registers
		}
	}
	return s.Answer(seal(answer), f)
}

// do carries out one request and returns the answer without its checksum.
func (s *slave) do(function byte, register int, value uint16) []byte {
	refuse := func(code byte) []byte { return []byte{address, function | 0x80, code} }
	switch {
	case function != 3 && function != 6:
		return refuse(illegalFunction)
	case register != power:
		return refuse(illegalAddress)
	case function == 3 && value != 1:
		return refuse(illegalValue)
	case function == 3:
		return []byte{address, 3, 2, byte(s.value >> 8), byte(s.value)}
	case value > maxPower:
		return refuse(illegalValue)
	case value > 0 && s.interlockOpen():
		return refuse(deviceFailure)
	}
	s.value = value
	return []byte{address, 6, byte(register >> 8), byte(register), byte(value >> 8), byte(value)}
}

// seal adds the checksum, low byte first.
func seal(b []byte) []byte {
	c := sum(b)
	return append(b, byte(c), byte(c>>8))
}

// sum is the checksum of b, 0 for a frame that ends with its own.
func sum(b []byte) uint16 {
	c := uint16(0xFFFF)
	for _, v := range b {
		for i := range 8 {
			bit := (c ^ uint16(v>>i)) & 1
			c >>= 1
			if bit != 0 {
				c ^= 0xA001
			}
		}
	}
	return c
}
