// Package tcd1304 drives the linear CCD boards (Toshiba TCD1304 on an STM32F40x) of many home-built Raman
// spectrometers, with the firmware whose commands begin with "ER". A command is 12 bytes and is never acknowledged; the
// answer to it is one frame of 3,694 numbers without header or checksum. So a frame is believed only when exactly its
// bytes came, between two silences, and each number fits the board's 12-bit converter.
//
// Source: the firmware's own code and its companion programs (esbenrossel/tcd1304_firmware_uart, pyCCD).
package tcd1304

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

const (
	// Pixels is how many numbers a frame has: 32 dummy outputs, 3,648 pixels, 14 dummy outputs.
	Pixels     = 3694
	firstLit   = 32
	pastLit    = Pixels - 14
	frameBytes = 2 * Pixels
	// fullScale is the largest number of the 12-bit converter.
	fullScale = 4095

	commandBytes = 12
	// clock is the master clock of the F40x boards, in Hz; the periods of SH and ICG count its ticks.
	clock = 2_000_000
	// minICG is the shortest read-out period, in ticks: 3,694 pixels at four ticks each. It is a multiple of SH.
	minICG = 14776
	minSH  = 20
	maxSH  = 600 * clock // ten minutes: far beyond what its dark current allows
)

// ErrFrame is wrapped by the errors of DecodeFrame.
var ErrFrame = errors.New("not a frame of the board")

// periods are the SH and ICG periods in ticks for an integration time of at least 10 µs.
func periods(t time.Duration) (sh, icg uint32) {
	sh = uint32(t * clock / time.Second)
	icg = (minICG + sh - 1) / sh * sh
	return sh, icg
}

// exposure is the time of n ticks.
func exposure(ticks uint32) time.Duration { return time.Duration(ticks) * time.Second / clock }

// EncodeCommand asks for one frame with these periods: SH is the integration time, ICG the read-out period.
func EncodeCommand(sh, icg uint32) []byte {
	b := []byte("ER")
	b = binary.BigEndian.AppendUint32(b, sh)
	b = binary.BigEndian.AppendUint32(b, icg)
	return append(b, 0, 1) // one shot, no averaging
}

// DecodeFrame returns the counts of a frame, turned so that light makes them rise: the board counts down from 4,095.
// ErrFrame is wrapped when b is not exactly one frame.
func DecodeFrame(b []byte) ([]float64, error) {
	if len(b) != frameBytes {
		return nil, fmt.Errorf("%w: %d bytes, a frame has %d", ErrFrame, len(b), frameBytes)
	}
	counts := make([]float64, Pixels)
	for p := range counts {
		v := binary.LittleEndian.Uint16(b[2*p:])
		if v > fullScale {
			return nil, fmt.Errorf("%w: pixel %d has %d counts, a 12-bit converter at most %d", ErrFrame, p, v, fullScale)
		}
		counts[p] = float64(fullScale - v)
	}
	return counts, nil
}

// darkPixels are the outputs that see no light.
func darkPixels() []int {
	var dark []int
	for p := range Pixels {
		if p < firstLit || p >= pastLit {
			dark = append(dark, p)
		}
	}
	return dark
}
