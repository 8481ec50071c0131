// Package drivers opens a spectrometer by the name of its protocol.
package drivers

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"fentrace/device"
	"fentrace/device/aa55"
	"fentrace/device/bwtek"
	"fentrace/device/hostcal"
	"fentrace/device/laser"
	"fentrace/device/nirscan"
	"fentrace/device/obp"
	"fentrace/device/oceanletter"
	"fentrace/device/tcd1304"
	"fentrace/device/wisp"
)

// Options are what the user states about a device. Zero fields leave it to the driver.
type Options struct {
	Baud    int     // rate of a serial line; 0 tries the usual ones
	LaserNM float64 // excitation wavelength in vacuum; goes before what the device says
	// Calibration is the host's, for a device that stores none; the zero value states nothing.
	Calibration hostcal.Calibration
	// Laser is the laser on a line of its own that lights the sample; none without a Port. It becomes the device's Lamp.
	Laser laser.Options
	// NoLamp says that no laser hangs on the lamp line of a device that cannot know: it is then not switched, and no dark
	// frames are taken with a laser that stays on.
	NoLamp bool
	// RawReadings has the host compute the spectrum of a NIRscan Nano from its readings, instead of the device.
	RawReadings bool
	// LaserOpcodes lets the laser of a WISP device be switched with opcodes that its documents do not list.
	LaserOpcodes bool
	// Trying is told the title of each driver before it is tried, when the type is not stated; it may be nil.
	Trying func(title string)
}

func (o Options) nirPath() nirscan.Path {
	if o.RawReadings {
		return nirscan.PathRaw
	}
	return nirscan.PathInterpreted
}

// Driver is one protocol.
type Driver struct {
	Type  string // as given on the command line and in device.Info
	Title string
	open  func(ctx context.Context, port string, o Options) (device.Spectrometer, error)
}

// table holds every driver, in the order in which they are tried on a port whose device is not known: first those whose
// question others refuse or ignore (an OBP message makes a device of one-letter commands answer with NAKs, which the
// next driver drains), after the letters those whose frames begin with letters or bring a lost stream into step with
// hundreds of zeros, last those that cannot be asked but only told to take a frame. None sends anything that switches a
// laser on. A new protocol is one more line.
var table = []Driver{
	{"obp", "Ocean Binary Protocol: STS, Spark, QE Pro, Flame-X", func(ctx context.Context, port string, o Options) (device.Spectrometer, error) {
		return obp.Open(ctx, port, obp.Options{Baud: o.Baud, LaserNM: o.LaserNM})
	}},
	{"oceanletter", "Ocean one-letter commands: USB2000, USB2000+, USB4000, Flame", func(ctx context.Context, port string, o Options) (device.Spectrometer, error) {
		return oceanletter.Open(ctx, port, oceanletter.Options{Baud: o.Baud, LaserNM: o.LaserNM, NoLamp: o.NoLamp})
	}},
	{"bwtek", "B&W Tek BTC100 and BTC110", func(ctx context.Context, port string, o Options) (device.Spectrometer, error) {
		return bwtek.Open(ctx, port, bwtek.Options{Baud: o.Baud, LaserNM: o.LaserNM, Calibration: o.Calibration})
	}},
	{"aa55", "AA..55 detector head of OEM Raman sets", func(ctx context.Context, port string, o Options) (device.Spectrometer, error) {
		return aa55.Open(ctx, port, aa55.Options{Baud: o.Baud, LaserNM: o.LaserNM, Calibration: o.Calibration})
	}},
	{"nirscan", "TI DLP NIRscan Nano, infrared, over its UART", func(ctx context.Context, port string, o Options) (device.Spectrometer, error) {
		return nirscan.Open(ctx, port, nirscan.Options{Baud: o.Baud, Path: o.nirPath()})
	}},
	{"wisp", "Wasatch WISP over a byte stream", func(ctx context.Context, port string, o Options) (device.Spectrometer, error) {
		return wisp.Open(ctx, port, wisp.Options{Baud: o.Baud, LaserNM: o.LaserNM, Calibration: o.Calibration, LaserOpcodes: o.LaserOpcodes})
	}},
	{"tcd1304", "TCD1304 boards with ER commands", func(ctx context.Context, port string, o Options) (device.Spectrometer, error) {
		return tcd1304.Open(ctx, port, tcd1304.Options{Baud: o.Baud, LaserNM: o.LaserNM, Calibration: o.Calibration})
	}},
}

// Types lists the drivers, in the order of trying.
func Types() []Driver { return append([]Driver(nil), table...) }

// Open opens the spectrometer on a port, and its laser when one is named, which is switched off before anything else is
// done. A stated type always wins; an empty one means that the drivers are tried one after the other. The errors are those of packages device and laser.
func Open(ctx context.Context, typ, port string, o Options) (device.Spectrometer, error) {
	if o.Laser.Port == "" {
		return open(ctx, typ, port, o)
	}
	l, err := laser.Open(ctx, o.Laser)
	if err != nil {
		return nil, err
	}
	dev, err := open(ctx, typ, port, o)
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return laser.Attach(dev, l), nil
}

func open(ctx context.Context, typ, port string, o Options) (device.Spectrometer, error) {
	if typ == "" {
		return find(ctx, port, o)
	}
	var known []string
	for _, d := range table {
		if typ == d.Type {
			return d.open(ctx, port, o)
		}
		known = append(known, d.Type)
	}
	return nil, fmt.Errorf("open %s: unknown device type %q; one of: %s", port, typ, strings.Join(known, ", "))
}
