package oceanletter

import (
	"time"

	"fentrace/device/emulator/bench"
)

// acquire integrates, during which the device answers nothing, and sends the spectrum.
func (e *firmware) acquire() bool {
	fault := e.Take(wordsOf("S")...)
	if fault.Kind == bench.Nack { // it has no NAK for S
		return e.Answer(e.prompt([]byte{0x03}), fault)
	}
	sums := make([]uint32, e.Kind.Detector.Pixels)
	for range e.add {
		if !e.Wait(e.integration) {
			return false
		}
		for p, v := range e.Optics.Expose(e.integration, e.Optics.Lit()) {
			sums[p] += v
		}
	}
	return e.Answer(e.spectrum(sums), fault)
}

// spectrum is the answer to S.
func (e *firmware) spectrum(counts []uint32) []byte {
	wide := !e.model.counting && e.add > 1
	chosen := e.chosen(counts)
	baseline := uint32(e.Kind.Detector.Offset) * uint32(e.add)
	millis := uint32(e.integration / time.Millisecond)
	header := []uint32{0xFFFF, 0, uint32(e.add), millis, baseline >> 16, baseline & 0xFFFF}
	if wide {
		header[1] = 1
	}
	if e.model.counting {
		header = []uint32{0xFFFF, 0, 0, 0, millis, 0}
	}
	for _, v := range e.pixelMode {
		header = append(header, uint32(v))
	}
	b := []byte{0x02}
	for _, v := range header {
		b = e.value(b, v, false)
	}
	var sum uint16
	if e.compress && !e.ascii && !wide {
		b, sum = compress(b, chosen)
	} else {
		for _, v := range chosen {
			b = e.value(b, v, wide)
			sum += uint16(v)
		}
	}
	b = e.value(b, 0xFFFD, false)
	if e.checksum {
		b = e.value(b, uint32(sum), false)
	}
	return e.prompt(b)
}

// compress appends a byte for a difference of at most 127 to the pixel before, else 0x80 and the value. The checksum
// counts the bytes of differences, and 0x80 with each value.
func compress(b []byte, pixels []uint32) ([]byte, uint16) {
	sum := uint16(0)
	for i, v := range pixels {
		if i > 0 {
			if d := int(v) - int(pixels[i-1]); d >= -127 && d <= 127 {
				b = append(b, byte(int8(d)))
				sum += uint16(uint8(int8(d)))
				continue
			}
		}
		b = append(b, 0x80, byte(v>>8), byte(v))
		sum += 0x80 + uint16(v)
	}
	return b, sum
}

// setPixels takes the arguments of P: 0 all; 1 n every nth; 3 x y n from x to y every nth; 4 n and n single ones.
func (e *firmware) setPixels(args []uint32) bool {
	pixels := uint32(e.Kind.Detector.Pixels)
	switch args[0] {
	case 0:
	case 1:
		if args[1] < 1 || args[1] > pixels {
			return false
		}
	case 3:
		if args[1] > args[2] || args[2] >= pixels || args[3] < 1 {
			return false
		}
	case 4:
		if args[1] < 1 || args[1] > 10 {
			return false
		}
		for _, p := range args[2:] {
			if p >= pixels {
				return false
			}
		}
	default:
		return false
	}
	e.pixelMode = nil
	for _, v := range args {
		e.pixelMode = append(e.pixelMode, uint16(v))
	}
	return true
}

// chosen are the pixels that P asks for.
func (e *firmware) chosen(counts []uint32) []uint32 {
	from, to, step := 0, len(counts)-1, 1
	switch m := e.pixelMode; m[0] {
	case 1:
		step = int(m[1])
	case 3:
		from, to, step = int(m[1]), int(m[2]), int(m[3])
	case 4:
		var single []uint32
		for _, p := range m[2:] {
			single = append(single, counts[p])
		}
		return single
	}
	var out []uint32
	for p := from; p <= to; p += step {
		out = append(out, counts[p])
	}
	return out
}
