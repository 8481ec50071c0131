package oceanletter

import (
	"fmt"
	"slices"

	"fentrace/device"
)

// Pixels is a choice of pixels to send, for a slow line. The zero value is all of them.
type Pixels struct {
	mode   uint16
	params []uint16
}

// maxListed is how many single pixels can be chosen.
const maxListed = 10

// EveryNth chooses the pixels 0, n, 2n and so on.
func EveryNth(n int) Pixels { return Pixels{1, []uint16{word(n)}} }

// Range chooses every step-th pixel from first to last, both 0-based and included.
func Range(first, last, step int) Pixels {
	return Pixels{3, []uint16{word(first), word(last), word(step)}}
}

// List chooses up to ten single pixels, 0-based and rising.
func List(pixels ...int) Pixels {
	p := Pixels{4, []uint16{word(len(pixels))}}
	for _, v := range pixels {
		p.params = append(p.params, word(v))
	}
	return p
}

// word turns what does not fit into a value that indices refuses.
func word(v int) uint16 {
	if v < 0 || v > 0xFFFF {
		return 0xFFFF
	}
	return uint16(v)
}

// indices returns the chosen ones of so many pixels, device.ErrRange when there are none or not all exist.
func (p Pixels) indices(pixels int) ([]int, error) {
	first, last, step := 0, pixels-1, 1
	switch p.mode {
	case 1:
		step = int(p.params[0])
	case 3:
		first, last, step = int(p.params[0]), int(p.params[1]), int(p.params[2])
	case 4:
		var chosen []int
		for _, v := range p.params[1:] {
			chosen = append(chosen, int(v))
		}
		rising := slices.IsSorted(chosen) && len(slices.Compact(slices.Clone(chosen))) == len(chosen)
		if len(chosen) == 0 || len(chosen) > maxListed || !rising || chosen[len(chosen)-1] >= pixels {
			return nil, fmt.Errorf("choose pixels %v: %w: 1 to %d, rising, below %d", chosen, device.ErrRange, maxListed, pixels)
		}
		return chosen, nil
	}
	if step < 1 || step > pixels || first > last || last >= pixels {
		return nil, fmt.Errorf("choose pixels %d to %d, every %d: %w: the device has %d", first, last, step, device.ErrRange, pixels)
	}
	var chosen []int
	for v := first; v <= last; v += step {
		chosen = append(chosen, v)
	}
	return chosen, nil
}

// command is what P is sent with.
func (p Pixels) command() []Value {
	values := []Value{Word(p.mode)}
	for _, v := range p.params {
		values = append(values, Word(v))
	}
	return values
}
