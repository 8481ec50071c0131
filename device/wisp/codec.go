package wisp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"fentrace/device"
	"fentrace/device/lockstep"
)

// Opcode is a request's first byte, or for 0xFF its value as well.
type Opcode uint32

// extended is an opcode of the second tier: 0xFF and its value.
const extended Opcode = 0xFF0000

// The requests of WISP. A setter is answered with one status byte, a getter with what it names and nothing else.
const (
	OpLineLength     Opcode = 0x03              // -> u16 LE pixels
	OpAcquire        Opcode = 0xAD              // -> status, u16 LE per pixel
	OpSetIntegration Opcode = 0xB2              // value: low 16 bits of the ms, index: high 8
	OpSetGain        Opcode = 0xB7              // value: tenths of dB, low byte first on the wire
	OpFirmware       Opcode = 0xC0              // -> 4 bytes, the last is the major version
	OpSerialNumber          = extended | 0xAA09 // -> 16 ASCII, NUL at the end
	OpModel                 = extended | 0xAA0B // -> 32 ASCII, NUL at the end
	OpWavecal               = extended | 0xAA0D // index: power -> f32 LE
	OpExcitation            = extended | 0xAA12 // -> f32 LE nm
	OpDisconnect            = extended | 0xAA14

	// Requests of the same maker's USB protocol, which numbers its others alike; WISP does not list them (inferred).
	OpSetLaser Opcode = 0xBE // value: 1 on, 0 off
	OpLaserOn  Opcode = 0xE2 // -> u8
	OpCanFire  Opcode = 0xEF // -> u8, 0 while the interlock is open
)

var opcodeNames = map[Opcode]string{
	OpLineLength: "number of pixels", OpAcquire: "spectrum", OpSetIntegration: "integration time", OpSetGain: "gain", OpFirmware: "firmware",
	OpSerialNumber: "serial number", OpModel: "model", OpWavecal: "wavelength coefficient", OpExcitation: "excitation wavelength",
	OpDisconnect: "disconnect", OpSetLaser: "laser", OpLaserOn: "state of the laser", OpCanFire: "interlock",
}

func (o Opcode) String() string {
	if name, ok := opcodeNames[o]; ok {
		return fmt.Sprintf("%s (%#02x)", name, uint32(o))
	}
	return fmt.Sprintf("opcode %#02x", uint32(o))
}

const (
	requestSize  = 6
	statusOK     = 0
	maxPixels    = 1 << 14
	minPixels    = 16
	coefficients = 5
	maxIntegMS   = 1<<24 - 1
)

// Encode returns the six bytes of a request without payload: opcode, value and index big-endian, payload length 0. An
// opcode of the second tier is its own value.
func (o Opcode) Encode(value, index uint16) []byte {
	b := []byte{byte(o)}
	if o&extended == extended {
		b[0], value = 0xFF, uint16(o)
	}
	b = binary.BigEndian.AppendUint16(b, value)
	b = binary.BigEndian.AppendUint16(b, index)
	return append(b, 0)
}

// ErrStatus is a setter's or an acquisition's answer that says no; it wraps device.ErrRefused.
var ErrStatus = fmt.Errorf("%w: status of failure", device.ErrRefused)

// parseStatus takes the answer to a setter.
func parseStatus(b []byte) (int, error) {
	switch {
	case len(b) == 0:
		return 0, lockstep.ErrIncomplete
	case b[0] != statusOK:
		return 1, fmt.Errorf("%w %d", ErrStatus, b[0])
	}
	return 1, nil
}

// parseFixed takes the answer to a getter of n bytes.
func parseFixed(n int) func([]byte) (int, error) {
	return func(b []byte) (int, error) {
		if len(b) < n {
			return 0, lockstep.ErrIncomplete
		}
		return n, nil
	}
}

// parseSpectrum takes the answer to an acquisition.
func parseSpectrum(pixels int) func([]byte) (int, error) {
	return func(b []byte) (int, error) {
		if n, err := parseStatus(b); err != nil {
			return n, err
		}
		return parseFixed(1 + 2*pixels)(b)
	}
}

// DecodeSpectrum reads a whole answer to an acquisition of that many pixels. The error says what is wrong with it.
func DecodeSpectrum(b []byte, pixels int) ([]float64, error) {
	n, err := parseSpectrum(pixels)(b)
	switch {
	case errors.Is(err, lockstep.ErrIncomplete) || err == nil && n != len(b):
		return nil, fmt.Errorf("spectrum of %d bytes, %d pixels make %d: %w", len(b), pixels, 1+2*pixels, device.ErrProtocol)
	case err != nil:
		return nil, err
	}
	counts := make([]float64, pixels)
	for i := range counts {
		counts[i] = float64(binary.LittleEndian.Uint16(b[1+2*i:]))
	}
	return counts, nil
}

// float reads a little-endian 32-bit number; NaN and infinities are errors.
func float(b []byte) (float64, error) {
	v := float64(math.Float32frombits(binary.LittleEndian.Uint32(b)))
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, fmt.Errorf("%w: % X is no number", device.ErrProtocol, b)
	}
	return v, nil
}

// version prints the last byte first.
func version(b []byte) string { return fmt.Sprintf("%d.%d.%d.%d", b[3], b[2], b[1], b[0]) }
