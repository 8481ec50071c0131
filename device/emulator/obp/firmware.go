package obp

import (
	"encoding/binary"
	"math"
	"time"
)

// The messages of the data sheets that this firmware knows.
const (
	msgSetChecksum     = 0x00000010
	msgFirmware        = 0x00000090
	msgSerial          = 0x00000100
	msgUserStrings     = 0x00000300
	msgUserString      = 0x00000302
	msgBaud            = 0x00000800
	msgDeviceString    = 0x00000E41
	msgAbort           = 0x00100000
	msgClear           = 0x00100830
	msgBuffered        = 0x00100928
	msgBufferedCount   = 0x00100900
	msgAcquire         = 0x00100902
	msgIdle            = 0x00100908
	msgRawSpectra      = 0x00100980
	msgLive            = 0x00101000
	msgIntegration     = 0x00110000
	msgMinIntegration  = 0x00110001
	msgMaxIntegration  = 0x00110002
	msgSetIntegration  = 0x00110010
	msgSetTrigger      = 0x00110110
	msgPixels          = 0x00110220
	msgSetBinning      = 0x00110290
	msgSetAverages     = 0x00120010
	msgSetBoxcar       = 0x00121010
	msgWavelengthCount = 0x00180100
	msgWavelength      = 0x00180101
	msgNonlinearCount  = 0x00181100
	msgNonlinear       = 0x00181101
	msgTemperature     = 0x00400001
	msgLightEnabled    = 0x00810021
	msgLight           = 0x00810031
)

// Error numbers of the data sheet.
const (
	errUnknownType  = 2
	errBadChecksum  = 3
	errWrongLength  = 5
	errInvalidData  = 6
	errNotReady     = 7
	errNoSuchInfo   = 12
	errDeferredCode = 255
)

// capacity is how many spectra a QE Pro stores; the others that queue are given the same.
const capacity = 15698

// exposure is one stored spectrum, not yet evaluated.
type exposure struct {
	number uint32
	tick   time.Duration // since power-on
	time   time.Duration // integration time
	lit    bool
}

// state is the firmware's memory.
type state struct {
	in      []byte // bytes received, not yet a message
	heard   time.Time
	power   time.Time
	withSum bool

	integration time.Duration // 0: never set
	previous    time.Duration // of a live device, for the one spectrum that is still on its way

	running bool
	next    time.Time // when the present exposure of a running QE Pro ends
	buffer  []exposure
	count   uint32
}

func (s *state) start(e *firmware) {
	s.power = time.Now()
	if !e.model.fifo {
		return
	}
	// A QE Pro runs from power-on and fills its buffer until told otherwise.
	s.integration, s.running = 100*time.Millisecond, true
	s.next = s.power.Add(s.integration)
	for range e.Config.StaleSpectra {
		s.store(exposure{time: s.integration})
	}
}

func (s *state) store(x exposure) {
	if len(s.buffer) < capacity {
		s.count++
		x.number = s.count
		s.buffer = append(s.buffer, x)
	}
}

// advance stores the exposures a running QE Pro has finished by now.
func (e *firmware) advance(now time.Time) {
	s := &e.dev
	for s.running && !s.next.After(now) && len(s.buffer) < capacity {
		s.store(exposure{tick: s.next.Sub(s.power), time: s.integration, lit: e.Optics.Lit()})
		s.next = s.next.Add(s.integration)
	}
	if s.running && s.next.Before(now) {
		s.next = now.Add(s.integration) // a full buffer loses exposures
	}
}

func (e *firmware) expose(x exposure) []uint32 { return e.Optics.Expose(x.time, x.lit) }

// result is what a message comes to: data, or the number of an error.
type result struct {
	data []byte
	code uint16
}

func fail(code uint16) result { return result{code: code} }

// argument is how many bytes of data a message with data must have.
var argument = map[uint32]int{
	msgSetChecksum: 1, msgUserString: 1, msgSetIntegration: 4, msgSetTrigger: 1, msgSetBinning: 1, msgSetAverages: 2,
	msgSetBoxcar: 1, msgWavelength: 1, msgNonlinear: 1, msgTemperature: 1, msgLight: 3, msgLightEnabled: 2, msgRawSpectra: 4,
}

// do carries out one message.
func (e *firmware) do(m message) result {
	if m.badSum {
		return fail(errBadChecksum)
	}
	if want, listed := argument[m.kind]; listed && len(m.data) != want {
		return fail(errWrongLength)
	}
	switch m.kind {
	case msgFirmware:
		return result{data: []byte{0x23, 0x01}} // BCD: 0123
	case msgSerial:
		return result{data: []byte(e.Config.SerialNumber)}
	case msgDeviceString:
		return result{data: append([]byte(e.model.name+" (SIMULATED)"), 0)}
	case msgBaud:
		return word(uint32(e.Baud()))
	case msgUserStrings:
		return result{data: []byte{2}}
	case msgUserString:
		return e.userString(m.data[0])
	case msgPixels:
		return word(uint32(e.Kind.Detector.Pixels))
	case msgWavelengthCount:
		return result{data: []byte{4}}
	case msgWavelength:
		if m.data[0] > 3 {
			return fail(errNoSuchInfo)
		}
		return word(math.Float32bits(float32(e.Config.Coefficients[m.data[0]])))
	case msgNonlinearCount:
		return result{data: []byte{byte(len(e.Config.Nonlinearity))}}
	case msgNonlinear:
		if int(m.data[0]) >= len(e.Config.Nonlinearity) {
			return fail(errNoSuchInfo)
		}
		return word(math.Float32bits(float32(e.Config.Nonlinearity[m.data[0]])))
	case msgTemperature:
		if m.data[0] != e.model.temperatureIndex {
			return fail(errInvalidData)
		}
		return word(math.Float32bits(e.model.temperature))
	}
	return e.set(m)
}

func (e *firmware) userString(index byte) result {
	switch {
	case index == 0:
		return result{data: []byte("EMULATED DEVICE")}
	case index == 1 && !e.Config.HideLaser:
		return result{data: []byte("laser=" + formatNM(e.Config.LaserNM))}
	}
	return fail(errNoSuchInfo)
}

// set carries out the messages that change something or are about spectra.
func (e *firmware) set(m message) result {
	s := &e.dev
	switch m.kind {
	case msgSetChecksum:
		if m.data[0] > 1 {
			return fail(errInvalidData)
		}
		s.withSum = m.data[0] == 1
	case msgSetTrigger, msgSetBinning, msgSetBoxcar:
		if m.data[0] != 0 {
			return fail(errInvalidData) // only the plain mode is emulated
		}
	case msgSetAverages:
		if binary.LittleEndian.Uint16(m.data) != 1 {
			return fail(errInvalidData)
		}
	case msgLight:
		if !e.Optics.Switchable() {
			return fail(errUnknownType)
		}
		if m.data[0] != 0 || m.data[1] != 0 || m.data[2] > 1 {
			return fail(errInvalidData)
		}
		e.advance(time.Now())
		e.Light.Set(m.data[2] == 1)
	case msgLightEnabled:
		if !e.Optics.Switchable() {
			return fail(errUnknownType)
		}
		if e.Light.On() {
			return result{data: []byte{1}}
		}
		return result{data: []byte{0}}
	case msgIntegration:
		return word(uint32(s.integration.Microseconds()))
	case msgMinIntegration:
		return word(e.model.minMicros)
	case msgMaxIntegration:
		return word(e.model.maxMicros)
	case msgSetIntegration:
		return e.setIntegration(binary.LittleEndian.Uint32(m.data))
	case msgLive:
		if e.model.fifo {
			return fail(errUnknownType)
		}
		return e.live()
	case msgAbort, msgClear, msgAcquire, msgBuffered, msgBufferedCount, msgIdle, msgRawSpectra:
		if !e.model.fifo || m.kind == msgBuffered && e.model.raw || m.kind == msgRawSpectra && !e.model.raw {
			return fail(errUnknownType)
		}
		if m.kind == msgRawSpectra {
			return e.rawSpectra(binary.LittleEndian.Uint32(m.data))
		}
		return e.queue(m.kind)
	default:
		return fail(errUnknownType)
	}
	return result{}
}

func (e *firmware) setIntegration(micros uint32) result {
	if micros < e.model.minMicros || micros > e.model.maxMicros {
		return fail(errInvalidData)
	}
	s := &e.dev
	now := time.Now()
	e.advance(now)
	t := time.Duration(micros) * time.Microsecond
	if s.integration != 0 && s.integration != t {
		s.previous = s.integration
	}
	s.integration, s.next = t, now.Add(t)
	return result{}
}

func word(v uint32) result { return result{data: binary.LittleEndian.AppendUint32(nil, v)} }
