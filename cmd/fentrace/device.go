package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"fentrace/device"
	"fentrace/device/discover"
	"fentrace/device/drivers"
	"fentrace/device/emulator"
	"fentrace/device/hostcal"
	"fentrace/spectra"
)

type deviceCommands struct {
	List    deviceListCommand    `cmd:"" help:"List the serial ports of this machine."`
	Info    deviceInfoCommand    `cmd:"" help:"Ask a spectrometer what it is."`
	Emulate deviceEmulateCommand `cmd:"" help:"Be a SIMULATED spectrometer or laser on a pseudo-terminal."`
}

// portFlags say where the spectrometer is.
type portFlags struct {
	Port    string  `placeholder:"PATH" help:"Serial port of the spectrometer, for example /dev/ttyUSB0."`
	Type    string  `placeholder:"TYPE" help:"Protocol: ${drivers}; without it they are tried in this order."`
	Baud    int     `placeholder:"RATE" help:"Rate of the line; without it the usual ones are tried."`
	LaserNM float64 `name:"laser-nm" placeholder:"NM" help:"Excitation wavelength; goes before what the device says."`

	NoLamp       bool `help:"The spectrometer's lamp line switches no laser: take no dark frames by it."`
	RawReadings  bool `help:"NIRscan Nano: compute the spectrum here from the device's readings, not on the device."`
	LaserOpcodes bool `help:"WISP: switch the laser with opcodes that the protocol's list leaves out."`

	CalibrationFile string `placeholder:"FILE" help:"Wavelengths of a spectrometer that cannot hold its own (JSON)."`
	laserFlags
	calibrationFlags
}

// openDevice opens the spectrometer and its laser; without a port it is a usage error.
func (f portFlags) openDevice(ctx context.Context, env *environment) (device.Spectrometer, error) {
	if f.Port == "" {
		return nil, usagef("name the port of the spectrometer with --port; `fentrace device list` shows what there is")
	}
	if known := driverTypes(); f.Type != "" && !slices.Contains(known, f.Type) {
		return nil, usagef("--type %s is not known; there are: %s", f.Type, names(known))
	}
	if err := f.laserFlags.check(); err != nil {
		return nil, err
	}
	options := drivers.Options{Baud: f.Baud, LaserNM: f.LaserNM, NoLamp: f.NoLamp, RawReadings: f.RawReadings, LaserOpcodes: f.LaserOpcodes, Laser: f.options(env)}
	if f.Type == "" {
		options.Trying = env.trying(f.Port)
	}
	if f.CalibrationFile != "" {
		var err error
		if options.Calibration, err = hostcal.Read(f.CalibrationFile); err != nil {
			return nil, usageError{err}
		}
	}
	return f.watched(env, func() (device.Spectrometer, error) { return drivers.Open(ctx, f.Type, f.Port, options) })
}

// trying says on stderr what is asked for on a port, from the second driver on: the first answers at once or not at all.
func (env *environment) trying(port string) func(title string) {
	first := true
	return func(title string) {
		if !first {
			fmt.Fprintf(env.stderr, "%s: no answer yet; trying %s\n", plain(port), title)
		}
		first = false
	}
}

func driverTypes() (types []string) {
	for _, d := range drivers.Types() {
		types = append(types, d.Type)
	}
	return types
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
	// Calibration is that of the axis, as kept on this machine.
	Calibration *spectra.Calibration `json:"calibration,omitempty"`
}

func (c *deviceInfoCommand) Run(env *environment) error {
	dev, err := c.openDevice(env.ctx, env)
	if err != nil {
		return err
	}
	defer dev.Close()
	out := infoJSON{Info: dev.Info()}
	known, err := c.calibration(out.Info, false)
	if err != nil {
		return err
	}
	if known != nil {
		out.Calibration = known.Worth(time.Now())
	}
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
	rows = append(rows, [2]string{"detector", fmt.Sprintf("%d pixels (%d dark), full scale %.0f counts", i.Pixels, len(i.DarkPixels), i.MaxCounts)})
	if n := len(i.WavelengthsNM); n > 0 {
		rows = append(rows, [2]string{"wavelengths", fmt.Sprintf("%.1f to %.1f nm", slices.Min(i.WavelengthsNM), slices.Max(i.WavelengthsNM))})
	}
	rows = append(rows, [2]string{"integration", fmt.Sprintf("%v to %v", i.MinIntegration, i.MaxIntegration)})
	light := [2]string{"laser", "unknown: state it with --laser-nm"}
	switch {
	case i.Technique == spectra.IR:
		light = [2]string{"light", "infrared lamps of its own"}
	case i.LaserNM > 0:
		light[1] = fmt.Sprintf("%g nm", i.LaserNM)
	}
	rows = append(rows, light, [2]string{"calibrated", calibratedText(i.Calibration)})
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
	Laser       string   `placeholder:"TYPE" help:"Let the sample be lit by a laser on a line of its own: cobolt or modbuslaser; aa55 has the latter without asking."`
	LaserFault  []string `placeholder:"FAULT" sep:"none" help:"Fault of that laser; may be given several times."`
	Calibration string   `name:"write-calibration" placeholder:"FILE" help:"Write the wavelengths for --calibration-file of a scan; the file must not exist."`
}

func (deviceEmulateCommand) Help() string {
	return `The first line printed is the path of the pseudo-terminal, the second that of the laser when it has one of its own. The
emulator serves on them until it is ended (Ctrl-C). Everything it sends is marked SIMULATED.

Faults:

    ` + strings.Join(emulator.Faults(), "\n    ") + `

Examples:

    fentrace device emulate --type qepro --spectrum caffeine.jdx
    fentrace device emulate --fault garbage --fault 'nack=7@lamp*2'
    fentrace device emulate --type aa55 --write-calibration head.json`
}

func (c *deviceEmulateCommand) Run(env *environment) error {
	config := emulator.Config{Type: c.Type, Baud: c.Baud, LaserNM: c.LaserNM, LightSource: c.LightSource, Seed: uint64(time.Now().UnixNano())}
	var err error
	if config.Faults, err = parseFaults(c.Type, c.Fault); err != nil {
		return err
	}
	light, err := c.startLaser(&config)
	if err != nil {
		return err
	}
	if light != nil {
		defer light.Close()
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
	if c.Calibration != "" {
		if em.Config.Coefficients == [4]float64{} {
			return usagef("--write-calibration: a %s leaves no wavelengths to the host", em.Kind.Title)
		}
		if err := writeCalibration(c.Calibration, em.Config); err != nil {
			return err
		}
	}
	if _, err := fmt.Fprintln(env.stdout, em.Path()); err != nil {
		return err
	}
	fmt.Fprintf(env.stderr, "%s %s (%s, %d baud) is serving; Ctrl-C ends it.\n", simulatedTag, em.Kind.Title, c.Type, em.Baud())
	var unlit <-chan struct{}
	if light != nil {
		if _, err := fmt.Fprintln(env.stdout, light.Path()); err != nil {
			return err
		}
		fmt.Fprintf(env.stderr, "Its laser (%s, %d baud) is serving on the second path.\n", light.Kind.Type, light.Baud())
		unlit = light.Gone()
	}
	select {
	case <-env.ctx.Done():
	case <-em.Gone():
		fmt.Fprintln(env.stderr, "The emulated device was unplugged by its fault.")
	case <-unlit:
		fmt.Fprintln(env.stderr, "The emulated laser was unplugged by its fault.")
	}
	return nil
}

// startLaser starts the laser that lights the sample of config from a line of its own; nil for none.
func (c *deviceEmulateCommand) startLaser(config *emulator.Config) (*emulator.Emulator, error) {
	kind, err := emulator.Find(c.Type)
	if err != nil {
		return nil, err
	}
	typ := c.Laser
	if typ == "" && c.LightSource {
		typ = kind.Laser
	}
	if typ == "" {
		if len(c.LaserFault) > 0 {
			return nil, usagef("--laser-fault needs a laser on a line of its own: name it with --laser")
		}
		return nil, nil
	}
	if k, err := emulator.Find(typ); err != nil || !k.Emits || kind.Detector.Pixels == 0 {
		return nil, usagef("--laser %s: it has to be cobolt or modbuslaser, and --type a spectrometer", typ)
	}
	faults, err := parseFaults(typ, c.LaserFault)
	if err != nil {
		return nil, err
	}
	light, err := emulator.Start(emulator.Config{Type: typ, Faults: faults, Seed: config.Seed})
	if err == nil {
		config.Light = light.Light
	}
	return light, err
}

func parseFaults(typ string, texts []string) ([]emulator.Fault, error) {
	var faults []emulator.Fault
	for _, text := range texts {
		f, err := emulator.ParseFault(typ, text)
		if err != nil {
			return nil, usageError{err}
		}
		faults = append(faults, f)
	}
	return faults, nil
}

// writeCalibration writes what a device that cannot hold its calibration leaves to the host.
func writeCalibration(path string, c emulator.Config) error {
	b, err := json.MarshalIndent(hostcal.Calibration{SerialNumber: c.SerialNumber, Coefficients: c.Coefficients[:], LaserNM: c.LaserNM}, "", "  ")
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("write calibration %s: %w", path, pathCause(err))
	}
	_, err = f.Write(append(b, '\n'))
	return errors.Join(err, f.Close())
}
