package drivers

import (
	"slices"
	"strings"
	"testing"
	"time"

	"fentrace/device/acquire"
	"fentrace/device/emulator"
	"fentrace/device/emulator/bench"
)

// switching are the emulated spectrometers that switch a laser of their own, and what has to be said to use it.
var switching = map[string]Options{
	"sts": {Baud: 460800}, "spark": {Baud: 460800}, "qepro": {Baud: 460800}, "flamex": {Baud: 460800},
	"usb2000": {Baud: 115200}, "usb2000plus": {Baud: 115200}, "usb4000": {Baud: 230400}, "wisp": {Baud: 460800, LaserOpcodes: true},
}

// Whatever goes wrong in a scan, and with whatever answer, the laser is off when the scan has ended and the device is
// closed. A device whose line takes nothing more for a while is waited for: its laser goes off once the line flows.
func TestWhateverGoesWrongTheSpectrometersLaserEndsOff(t *testing.T) {
	for typ, options := range switching {
		kind, err := emulator.Find(typ)
		if err != nil {
			t.Fatal(err)
		}
		var faults []string
		for _, line := range kind.FaultKinds() {
			name, _, _ := strings.Cut(line, ":")
			faults = append(faults, name)
		}
		for _, word := range words(kind) {
			for _, name := range faults {
				t.Run(typ+"/"+name+"@"+word, func(t *testing.T) {
					t.Parallel()
					scanWithFault(t, typ, options, name, word)
				})
			}
		}
	}
}

// words are the answers of a kind that a scan asks for.
func words(k bench.Kind) []string {
	var out []string
	for _, w := range []string{"spectrum", "lamp", "laser", "integration", "temperature"} {
		if slices.Contains(k.Words, w) {
			out = append(out, w)
		}
	}
	return out
}

func scanWithFault(t *testing.T, typ string, options Options, name, word string) {
	em := startEmulator(t, emulator.Config{Type: typ, Baud: options.Baud, LightSource: true})
	dev, err := Open(within(t), driverOf[typ], em.Path(), options)
	if err != nil {
		t.Fatal(err)
	}
	f := emulator.Fault{Kind: name, Message: word}
	switch name {
	case bench.Late:
		f.Arg = 1500
	case bench.Stuck:
		f.Arg = 300
	}
	if err := em.Inject(f); err != nil {
		t.Fatal(err)
	}
	set := acquire.Settings{IntegrationTime: 20 * time.Millisecond, LaserNM: 785}
	_, scanErr := acquire.Acquire(within(t), dev, set, nil)
	if em.LaserOn() && scanErr == nil {
		t.Error("the laser is on after a scan that succeeded")
	}
	closeErr := dev.Close()
	for wait := time.Now().Add(20 * time.Second); em.LaserOn(); {
		if time.Now().After(wait) {
			t.Fatalf("the laser stays on; scan: %v; close: %v", scanErr, closeErr)
		}
	}
	if em.Light.Fired() == 0 && scanErr == nil {
		t.Error("the laser was never on: the test shows nothing")
	}
}
