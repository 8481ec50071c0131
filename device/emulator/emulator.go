package emulator

import (
	"fmt"
	"slices"
	"strings"

	"fentrace/device/emulator/aa55"
	"fentrace/device/emulator/bench"
	"fentrace/device/emulator/bwtek"
	"fentrace/device/emulator/cobolt"
	"fentrace/device/emulator/gps"
	"fentrace/device/emulator/modbuslaser"
	"fentrace/device/emulator/nirscan"
	"fentrace/device/emulator/obp"
	"fentrace/device/emulator/oceanletter"
	"fentrace/device/emulator/tcd1304"
	"fentrace/device/emulator/wisp"
)

// Config is the emulated device, Fault something that goes wrong with it.
type (
	Config = bench.Config
	Fault  = bench.Fault
	Light  = bench.Light
)

// kinds holds every device; a new protocol is one more line.
func kinds() []bench.Kind {
	return slices.Concat(
		obp.Kinds(),
		oceanletter.Kinds(),
		bwtek.Kinds(),
		gps.Kinds(),
		tcd1304.Kinds(),
		aa55.Kinds(),
		cobolt.Kinds(),
		modbuslaser.Kinds(),
		nirscan.Kinds(),
		wisp.Kinds(),
	)
}

// Types lists the devices that can be emulated; the first is the default.
func Types() []string {
	var types []string
	for _, k := range kinds() {
		types = append(types, k.Type)
	}
	return types
}

// Find returns the kind of device of that type, the first for "".
func Find(typ string) (bench.Kind, error) {
	for _, k := range kinds() {
		if typ == "" || k.Type == typ {
			return k, nil
		}
	}
	return bench.Kind{}, fmt.Errorf("emulate %q: unknown type; one of %s", typ, strings.Join(Types(), ", "))
}

// Faults describes the kinds of fault, one line each, for a help text.
func Faults() []string { return bench.FaultKinds() }

// ParseFault reads a fault of a device of type typ; see bench.Kind.ParseFault.
func ParseFault(typ, text string) (Fault, error) {
	k, err := Find(typ)
	if err != nil {
		return Fault{}, err
	}
	return k.ParseFault(text)
}

// Emulator is one emulated device on its own pseudo-terminal. Its methods may be called while it is in use.
type Emulator struct{ *bench.Device }

// Start opens a pseudo-terminal and serves on it until Close, or until a fault unplugs it.
func Start(c Config) (*Emulator, error) {
	kind, err := Find(c.Type)
	if err != nil {
		return nil, err
	}
	d, err := bench.New(kind, c)
	if err != nil {
		return nil, err
	}
	d.Run()
	return &Emulator{d}, nil
}

// Inject adds a fault to those that wait.
func (e *Emulator) Inject(f Fault) error {
	if err := e.Kind.CheckFault(f); err != nil {
		return err
	}
	e.Device.Inject(f)
	return nil
}

// Cover takes the sample away from the laser light, or gives it back: covered, only dark frames come.
func (e *Emulator) Cover(on bool) {
	if e.Optics != nil {
		e.Optics.Cover(on)
	}
}

// LaserOn reports whether the device's laser shines.
func (e *Emulator) LaserOn() bool { return e.Light.On() }

// Close ends the emulator and waits for it; its path ceases to exist.
func (e *Emulator) Close() error {
	e.Device.Close()
	return nil
}
