package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"fentrace/device"
	"fentrace/device/discover"
	"fentrace/device/drivers"
	"fentrace/device/emulator"
)

type deviceCommands struct {
	List    deviceListCommand    `cmd:"" help:"List the serial ports of this machine."`
	Info    deviceInfoCommand    `cmd:"" help:"Ask a spectrometer what it is."`
	Emulate deviceEmulateCommand `cmd:"" help:"Be a SIMULATED spectrometer on a pseudo-terminal."`
}

// portFlags say where the spectrometer is.
type portFlags struct {
	Port    string  `placeholder:"PATH" help:"Serial port of the spectrometer, for example /dev/ttyUSB0."`
	Type    string  `placeholder:"TYPE" help:"Protocol: obp, the Ocean Binary Protocol of STS and QE Pro (the default)."`
	Baud    int     `placeholder:"RATE" help:"Rate of the line; without it the usual ones are tried."`
	LaserNM float64 `name:"laser-nm" placeholder:"NM" help:"Excitation wavelength; goes before what the device says."`
}

// openDevice opens the spectrometer; without a port it is a usage error.
func (f portFlags) openDevice(ctx context.Context) (device.Spectrometer, error) {
	if f.Port == "" {
		return nil, usagef("name the port of the spectrometer with --port; `fentrace device list` shows what there is")
	}
	types := drivers.Types()
	if f.Type != "" && !slices.ContainsFunc(types, func(d drivers.Driver) bool { return d.Type == f.Type }) {
		var known []string
		for _, d := range types {
			known = append(known, d.Type)
		}
		return nil, usagef("--type %s is not known; there are: %s", f.Type, strings.Join(known, ", "))
	}
	return drivers.Open(ctx, f.Type, f.Port, drivers.Options{Baud: f.Baud, LaserNM: f.LaserNM})
}

type deviceListCommand struct {
	JSON bool `name:"json" help:"Print as JSON."`
}

func (deviceListCommand) Help() string {
	return `No port is opened, so that a scan under way is not disturbed; whether a spectrometer answers on one, ` + "`fentrace device\ninfo`" + ` asks.
Pseudo-terminals, such as those of ` + "`fentrace device emulate`" + `, are not listed.`
}

// portsJSON is the list for programs.
type portsJSON struct {
	Ports []discover.Port `json:"ports"`
}

func (c *deviceListCommand) Run(env *environment) error {
	ports, err := discover.Ports("/")
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(env.stdout, portsJSON{append([]discover.Port{}, ports...)}, false)
	}
	sheet := env.newSheet()
	for _, p := range ports {
		sheet.line(plain(p.Path))
		sheet.field("usb", strings.TrimSpace(p.Manufacturer+" "+p.Product+" "+p.SerialNumber))
		if p.VendorID != "" {
			sheet.field("ids", p.VendorID+":"+p.ProductID+" "+p.Chip)
		}
	}
	advice := "Ask one with `fentrace device info --port PATH`. When that is not permitted, add yourself to the group that owns the port " +
		"(on Debian: sudo usermod -aG dialout $USER, then log in again)."
	if len(ports) == 0 {
		advice = "No serial port was found. Plug the spectrometer in and switch it on; use a cable that carries data; after that `dmesg | tail` " +
			"should name a ttyUSB or ttyACM. A virtual machine has to be given the USB device first."
	}
	for _, l := range wrap(advice, 0) {
		sheet.line(l)
	}
	for _, l := range wrap("Pseudo-terminals are not listed: `fentrace device emulate` prints the path of its own.", 0) {
		sheet.line(l)
	}
	return sheet.err
}

type deviceInfoCommand struct {
	JSON bool `name:"json" help:"Print as JSON."`
	portFlags
}

func (deviceInfoCommand) Help() string {
	return `Example:

    fentrace device info --port /dev/ttyUSB0`
}

// infoJSON is what a device says about itself, with its detector's temperature of the moment.
type infoJSON struct {
	device.Info
	TemperatureC *float64 `json:"temperature_c,omitempty"`
}

func (c *deviceInfoCommand) Run(env *environment) error {
	dev, err := c.openDevice(env.ctx)
	if err != nil {
		return err
	}
	defer dev.Close()
	out := infoJSON{Info: dev.Info()}
	if t, err := dev.Temperature(env.ctx); err == nil { // a device without a sensor refuses
		out.TemperatureC = &t
	}
	if c.JSON {
		return printJSON(env.stdout, out, false)
	}
	sheet := env.newSheet()
	sheet.name(out.Model+" "+out.SerialNumber, out.Simulated)
	for _, row := range infoRows(out) {
		sheet.field(row[0], row[1])
	}
	return sheet.err
}

func infoRows(i infoJSON) [][2]string {
	rows := [][2]string{{"port", i.Port}, {"type", i.Type}}
	if i.Firmware != "" {
		rows = append(rows, [2]string{"firmware", i.Firmware})
	}
	rows = append(rows, [2]string{"detector", fmt.Sprintf("%d pixels (%d dark), full scale %g counts", i.Pixels, len(i.DarkPixels), i.MaxCounts)})
	if n := len(i.WavelengthsNM); n > 0 {
		rows = append(rows, [2]string{"wavelengths", fmt.Sprintf("%.1f to %.1f nm", slices.Min(i.WavelengthsNM), slices.Max(i.WavelengthsNM))})
	}
	rows = append(rows, [2]string{"integration", fmt.Sprintf("%v to %v", i.MinIntegration, i.MaxIntegration)})
	laser := "unknown: state it with --laser-nm"
	if i.LaserNM > 0 {
		laser = fmt.Sprintf("%g nm", i.LaserNM)
	}
	rows = append(rows, [2]string{"laser", laser})
	if i.TemperatureC != nil {
		rows = append(rows, [2]string{"temperature", fmt.Sprintf("%.1f °C", *i.TemperatureC)})
	}
	return rows
}

type deviceEmulateCommand struct {
	Type        string   `enum:"${emulated}" default:"sts" help:"Instrument: ${emulated} (${default})."`
	Spectrum    string   `placeholder:"FILE" help:"Recorded Raman spectrum to put under the probe; without it, invented lines."`
	Fault       []string `placeholder:"FAULT" sep:"none" help:"Fault to inject: KIND[=NUMBER][@MESSAGE][*TIMES]; may be given several times."`
	Baud        int      `placeholder:"RATE" help:"Rate of the line; by default the device's own at power-on."`
	LaserNM     float64  `name:"laser-nm" default:"785" help:"Excitation wavelength (${default})."`
	LightSource bool     `default:"true" negatable:"" help:"Have a laser that can be switched (default), so that dark frames can be taken."`
}

func (deviceEmulateCommand) Help() string {
	return `The first line printed is the path of the pseudo-terminal; the emulator serves on it until it is ended (Ctrl-C).
Everything it sends is marked SIMULATED.

Faults:

    ` + strings.Join(emulator.Faults(), "\n    ") + `

Examples:

    fentrace device emulate --type qepro --spectrum caffeine.jdx
    fentrace device emulate --fault garbage --fault 'nack=7@lamp*2'`
}

func (c *deviceEmulateCommand) Run(env *environment) error {
	config := emulator.Config{Type: c.Type, Baud: c.Baud, LaserNM: c.LaserNM, LightSource: c.LightSource, Seed: uint64(time.Now().UnixNano())}
	for _, text := range c.Fault {
		f, err := emulator.ParseFault(c.Type, text)
		if err != nil {
			return usageError{err}
		}
		config.Faults = append(config.Faults, f)
	}
	em, err := emulator.Start(config)
	if err != nil {
		return err
	}
	defer em.Close()
	if c.Spectrum != "" {
		read, _, err := env.readSpectra(c.Spectrum)
		if err != nil {
			return err
		}
		if err := em.SetSample(read[0]); err != nil {
			return err
		}
	}
	if _, err := fmt.Fprintln(env.stdout, em.Path()); err != nil {
		return err
	}
	fmt.Fprintf(env.stderr, "%s spectrometer (%s, %d baud) is serving; Ctrl-C ends it.\n", simulatedTag, c.Type, em.Baud())
	select {
	case <-env.ctx.Done():
	case <-em.Gone():
		fmt.Fprintln(env.stderr, "The emulated device was unplugged by its fault.")
	}
	return nil
}
