package bench

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"fentrace/spectra"
)

// Config is the emulated device. Every zero field takes the value in parentheses; fields that a kind of device has
// no use for are ignored.
type Config struct {
	Type         string     // one of the emulator's types ("sts")
	Baud         int        // rate of the device's side at power-on (what the device's manual says)
	SerialNumber string     // must begin with "SIM-" ("SIM-STS-0001")
	LaserNM      float64    // excitation wavelength (785)
	HideLaser    bool       // tell no laser wavelength, as most devices do
	Coefficients [4]float64 // wavelength in nm of pixel p: sum of c[i] p^i (60 to 3050 cm-1, linear in nm)

	// Sample is the signal at a Raman shift, 0 and up; 1 gives Rate counts per second (invented lines). For an infrared
	// device it is the reflectance at a wavenumber in cm-1, 0 to 1.
	Sample    func(shiftCM1 float64) float64
	Rate      float64 // counts per second where the signal is 1 (what suits the detector)
	Noiseless bool    // no read-out and photon noise: the same counts every time
	Seed      uint64  // of the noise

	// LightSource gives a spectrometer a laser of its own that it can switch, off at first; without it the laser is
	// always on and switching it is refused.
	LightSource bool
	// Light is the laser of another emulated device that lights this one's sample; it goes before LightSource.
	Light *Light
	// Nonlinearity are the coefficients of the detector's response that the device tells and its counts obey: true
	// counts are counts above dark divided by the sum of c[i] (counts above dark)^i (a straight response, none told).
	Nonlinearity []float64
	// Latitude and Longitude are where a GPS receiver is, degrees (0, 0: an invented place at sea).
	Latitude, Longitude float64
	// StaleSpectra wait in the buffer of a device that queues spectra from before the host came (0).
	StaleSpectra int
	Faults       []Fault
}

// Kind is one type of emulated device.
type Kind struct {
	Type     string
	Title    string
	Code     string // stands in the serial number
	Baud     int    // at power-on
	Detector Detector
	// Laser is the type of the laser that comes with a spectrometer which has none of its own; "" for none.
	Laser string
	// Emits is true for a laser: its Light can be that of a spectrometer.
	Emits bool
	// Sample lies before it when the configuration says nothing (invented Raman lines).
	Sample func(float64) float64
	// Words name the answers a fault can hit; the first is hit when a fault names none. A number is a word too where
	// the firmware passes it to Take in the form of Number.
	Words []string
	// Faults are the kinds of fault the firmware acts on itself, beyond those every line has.
	Faults []string
	// Serve is the firmware: it answers until the line is gone.
	Serve func(*Device)
}

// Device is one running device as its firmware sees it.
type Device struct {
	*Line
	Kind   Kind
	Config Config
	Optics *Optics // nil for a device without a detector
	Light  *Light
}

// New checks and fills c and opens the device's line. The firmware is not running yet.
func New(kind Kind, c Config) (*Device, error) {
	c.fill(kind)
	if !strings.HasPrefix(c.SerialNumber, "SIM-") {
		return nil, fmt.Errorf("emulate: serial number %q must begin with SIM-, so that its scans are known as simulated", c.SerialNumber)
	}
	if c.LaserNM < 200 || c.LaserNM > 2000 || c.Baud <= 0 || c.Rate < 0 || c.StaleSpectra < 0 {
		return nil, fmt.Errorf("emulate: laser %g nm (200 to 2000), %d baud, %g counts per second, %d stale spectra: out of range", c.LaserNM, c.Baud, c.Rate, c.StaleSpectra)
	}
	for _, f := range c.Faults {
		if err := kind.CheckFault(f); err != nil {
			return nil, err
		}
	}
	d := &Device{Kind: kind, Config: c, Light: &Light{}}
	if c.Light != nil {
		d.Light = c.Light
	}
	if err := d.build(); err != nil {
		return nil, fmt.Errorf("emulate: %w", err)
	}
	var err error
	d.Line, err = openLine(c.Baud, c.Seed, c.Faults)
	return d, err
}

func (c *Config) fill(kind Kind) {
	if c.Baud == 0 {
		c.Baud = kind.Baud
	}
	if c.SerialNumber == "" {
		c.SerialNumber = "SIM-" + kind.Code + "-0001"
	}
	if c.LaserNM == 0 {
		c.LaserNM = 785
	}
	if c.Coefficients == [4]float64{} && c.LaserNM > 0 && kind.Detector.Pixels > 1 {
		first, last := 1e7/(1e7/c.LaserNM-60), 1e7/(1e7/c.LaserNM-3050)
		c.Coefficients = [4]float64{first, (last - first) / float64(kind.Detector.Pixels-1)}
	}
	if c.Sample == nil {
		c.Sample = kind.Sample
	}
	if c.Sample == nil {
		c.Sample = trainingSample
	}
	if c.Rate == 0 {
		c.Rate = kind.Detector.Rate
	}
}

// build makes the optics.
func (d *Device) build() error {
	spec, c := d.Kind.Detector, d.Config
	if spec.Pixels == 0 {
		return nil
	}
	shifts, err := shiftAxis(spec.Pixels, c.LaserNM, c.Coefficients)
	if err != nil {
		return err
	}
	spec.Rate = c.Rate
	o := &Optics{det: detector{Detector: spec, shifts: shifts, response: c.Nonlinearity}}
	if c.Light != nil || c.LightSource {
		o.light = d.Light
	}
	if c.Noiseless {
		o.det.Readout, o.det.Shot = 0, 0
	} else {
		o.det.noise = rand.New(rand.NewPCG(c.Seed, 0x5eed))
	}
	d.Optics = o
	return o.det.setSample(c.Sample)
}

// SetSample puts a recorded Raman spectrum (cm-1, continuous) under the probe: its lowest value within the
// device's range becomes no signal, its highest Config.Rate counts per second. Beyond the recorded range the
// value at its end goes on.
func (d *Device) SetSample(s spectra.Spectrum) error {
	if d.Optics == nil {
		return fmt.Errorf("present %q to the emulator: a %s has no detector", s.Title, d.Kind.Title)
	}
	if err := d.Optics.setSample(s); err != nil {
		return fmt.Errorf("present %q to the emulator: %w", s.Title, err)
	}
	return nil
}

// CheckFault reports why f cannot be injected into a device of this kind.
func (k Kind) CheckFault(f Fault) error {
	if err := f.check(); err != nil {
		return err
	}
	if f.lineFault() || slices.Contains(k.Faults, f.Kind) {
		if f.Message == "" || slices.Contains(k.Words, f.Message) {
			return nil
		}
		if _, err := strconv.ParseUint(f.Message, 0, 32); err == nil {
			return nil
		}
		return fmt.Errorf("fault %s: unknown message %q; a number or one of %s", f.Kind, f.Message, strings.Join(k.Words, ", "))
	}
	return fmt.Errorf("fault %s: a %s cannot have it; it can have: %s", f.Kind, k.Title, strings.Join(k.FaultKinds(), "; "))
}

// FaultKinds describes all kinds of fault, one line each, for a help text.
func FaultKinds() []string {
	lines := make([]string, len(faultKinds))
	for i, k := range faultKinds {
		lines[i] = k.describe()
	}
	return lines
}

// FaultKinds describes the kinds of fault of this device, one line each, for a help text.
func (k Kind) FaultKinds() []string {
	var lines []string
	for _, kind := range faultKinds {
		if kind.line || slices.Contains(k.Faults, kind.kind) {
			lines = append(lines, kind.describe())
		}
	}
	return lines
}
