package oceanletter

import (
	"slices"
	"strings"
	"time"
)

// model is what the instruments differ in as far as a driver must know it.
type model struct {
	name      string
	maxCounts float64
	min, max  time.Duration
	step      time.Duration // of integration times: I counts milliseconds, i microseconds
	// firstLit and lastLit are the first and last 0-based pixel that see light; lastLit is 0 for the last of all.
	firstLit, lastLit int
}

// Sources: integration limits and the USB4000's active pixels from the data sheets; dark pixels and full scales of
// the others as libseabreeze has them.
var (
	usb2000 = model{
		name: "USB2000", maxCounts: 4095, min: 5 * time.Millisecond, max: 65535 * time.Millisecond, step: time.Millisecond, firstLit: 24,
	}
	usb2000Plus = model{
		name: "USB2000+ or Flame-S", maxCounts: 65535, min: time.Millisecond, max: 65 * time.Second, step: time.Microsecond, firstLit: 21,
	}
	usb4000 = model{
		name: "USB4000 or Flame-T", maxCounts: 65535, min: 10 * time.Microsecond, max: 65 * time.Second, step: time.Microsecond,
		firstLit: 21, lastLit: 3668,
	}
)

// usb4000Pixels are sent by USB4000, Flame-T and HR4000, of which 3648 see light.
const usb4000Pixels = 3840

// names are the beginnings of serial numbers that tell instruments apart which look alike on the wire.
var names = []struct {
	prefix, name string
	maxCounts    float64
}{
	{"USB2+", "USB2000+", 65535}, {"FLMS", "Flame-S", 65535}, {"HR+", "HR2000+", 16383},
	{"USB4", "USB4000", 65535}, {"FLMT", "Flame-T", 65535}, {"HR4", "HR4000", 16383},
}

// findModel goes by the shape of the spectrum and by the serial number.
func findModel(shape Shape, pixels int, serial string) model {
	if shape == Counting {
		return usb2000
	}
	m := usb2000Plus
	if pixels > 3*1024 {
		m = usb4000
		if pixels != usb4000Pixels { // the active pixels alone
			m.firstLit, m.lastLit = 0, 0
		}
	}
	for _, n := range names {
		if strings.HasPrefix(serial, n.prefix) {
			m.name, m.maxCounts = n.name, n.maxCounts
		}
	}
	return m
}

// dark lists the places in a frame of the chosen pixels that see no light.
func (m model) dark(chosen []int) []int {
	var dark []int
	for i, p := range chosen {
		if p < m.firstLit || m.lastLit > 0 && p > m.lastLit {
			dark = append(dark, i)
		}
	}
	return slices.Clip(dark)
}
