// Package drivers opens a spectrometer by the name of its protocol.
package drivers

import (
	"context"
	"fmt"
	"strings"

	"fentrace/device"
	"fentrace/device/obp"
)

// Options are what the user states about a device. Zero fields leave it to the driver.
type Options struct {
	Baud    int     // rate of a serial line; 0 tries the usual ones
	LaserNM float64 // excitation wavelength in vacuum; goes before what the device says
}

// Driver is one protocol.
type Driver struct {
	Type  string // as given on the command line and in device.Info
	Title string
	open  func(ctx context.Context, port string, o Options) (device.Spectrometer, error)
}

// table holds every driver; a new protocol is one more line.
var table = []Driver{
	{"obp", "Ocean Binary Protocol: STS, Spark, QE Pro", func(ctx context.Context, port string, o Options) (device.Spectrometer, error) {
		return obp.Open(ctx, port, obp.Options{Baud: o.Baud, LaserNM: o.LaserNM})
	}},
}

// Types lists the drivers; the first is the default.
func Types() []Driver { return append([]Driver(nil), table...) }

// Open opens the spectrometer on a port; an empty typ means the first of Types. The errors are those of package
// device.
func Open(ctx context.Context, typ, port string, o Options) (device.Spectrometer, error) {
	var known []string
	for _, d := range table {
		if typ == "" || typ == d.Type {
			return d.open(ctx, port, o)
		}
		known = append(known, d.Type)
	}
	return nil, fmt.Errorf("open %s: unknown device type %q; one of: %s", port, typ, strings.Join(known, ", "))
}
