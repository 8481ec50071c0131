// Package modbus speaks to the laser of OEM Raman sets whose detector is the AA..55 head: Modbus RTU, slave 1, one holding
// register that holds the power (0 is off). It has no safety of its own: use it through package laser.
//
// Sources: Modbus over Serial Line Specification V1.02 and Modbus Application Protocol V1.1b3 (frames, CRC, exceptions,
// silence of 3.5 characters); register and range from a working client of such a set, which only writes.
package modbus

import (
	"encoding/binary"
	"fmt"

	"fentrace/device"
)

const (
	slave         = 1
	powerRegister = 0x0298
	// maxPower is the highest set value seen in use; the maker does not tell its unit.
	maxPower = 3000

	functionRead  = 0x03 // holding registers
	functionWrite = 0x06 // one register
	exceptionBit  = 0x80

	writeSize     = 8 // request, and its echo
	readSize      = 7 // answer with one register
	exceptionSize = 5
)

// CRC is CRC-16/MODBUS: polynomial 0xA001 reflected, start 0xFFFF. It travels low byte first.
func CRC(b []byte) uint16 {
	crc := uint16(0xFFFF)
	for _, v := range b {
		crc ^= uint16(v)
		for range 8 {
			odd := crc & 1
			if crc >>= 1; odd == 1 {
				crc ^= 0xA001
			}
		}
	}
	return crc
}

// Write is the request to set one register; the answer is the same bytes.
func Write(register, value uint16) []byte { return request(functionWrite, register, value) }

// Read is the request for one holding register.
func Read(register uint16) []byte { return request(functionRead, register, 1) }

func request(function byte, register, value uint16) []byte {
	b := []byte{slave, function}
	b = binary.BigEndian.AppendUint16(b, register)
	b = binary.BigEndian.AppendUint16(b, value)
	return binary.LittleEndian.AppendUint16(b, CRC(b))
}

// Reply is one answer of the slave.
type Reply struct {
	Function  byte
	Register  uint16 // of a write
	Value     uint16
	Exception byte // not 0 when it was refused
}

// Decode looks for the first whole answer in b, which may hold anything else as well, and returns what follows it. ok is
// false when there is none; rest is then the tail that one may begin in, fewer than eight bytes.
func Decode(b []byte) (r Reply, rest []byte, ok bool) {
	for at := range b {
		if r, n := decodeHere(b[at:]); n > 0 {
			return r, b[at+n:], true
		}
	}
	return Reply{}, b[max(len(b)-writeSize+1, 0):], false
}

// decodeHere returns how long the answer at the beginning of b is, 0 when there is none.
func decodeHere(b []byte) (Reply, int) {
	if len(b) < exceptionSize || b[0] != slave {
		return Reply{}, 0
	}
	size := 0
	switch f := b[1]; {
	case f == functionWrite:
		size = writeSize
	case f == functionRead && b[2] == 2: // bytes of one register
		size = readSize
	case f == functionWrite|exceptionBit, f == functionRead|exceptionBit:
		size = exceptionSize
	}
	if size == 0 || len(b) < size || CRC(b[:size-2]) != binary.LittleEndian.Uint16(b[size-2:]) {
		return Reply{}, 0
	}
	r := Reply{Function: b[1] &^ exceptionBit}
	switch size {
	case writeSize:
		r.Register, r.Value = binary.BigEndian.Uint16(b[2:]), binary.BigEndian.Uint16(b[4:])
	case readSize:
		r.Value = binary.BigEndian.Uint16(b[3:])
	default:
		r.Exception = b[2]
	}
	return r, size
}

var exceptions = map[byte]string{
	1: "illegal function", 2: "illegal data address", 3: "illegal data value", 4: "the device failed", 5: "acknowledge",
	6: "the device is busy", 7: "negative acknowledge", 8: "memory parity error", 10: "gateway path unavailable", 11: "gateway target failed",
}

// ExceptionError is a refusal by the slave. It wraps device.ErrRefused, and device.ErrRange for an illegal value.
type ExceptionError struct{ Code byte }

func (e *ExceptionError) Error() string {
	if name, ok := exceptions[e.Code]; ok {
		return fmt.Sprintf("device refused the command (exception %d, %s)", e.Code, name)
	}
	return fmt.Sprintf("device refused the command (exception %d)", e.Code)
}

func (e *ExceptionError) Unwrap() []error {
	if e.Code == 3 {
		return []error{device.ErrRefused, device.ErrRange}
	}
	return []error{device.ErrRefused}
}
