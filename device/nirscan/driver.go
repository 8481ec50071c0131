package nirscan

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"fentrace/device"
	"fentrace/device/lockstep"
	"fentrace/device/serialport"
	"fentrace/spectra"
)

// Path is where a scan's readings become a spectrum.
type Path int

const (
	// PathInterpreted lets the device do it.
	PathInterpreted Path = iota
	// PathRaw fetches the readings themselves, which Frame.Raw then keeps, and interprets them here. Column scans only:
	// Open returns device.ErrRefused when the active configuration is another.
	PathRaw
)

// Options says how to reach the device. The zero value works.
type Options struct {
	// Baud is the rate of the line; 115200 when zero, the only rate of unchanged firmware.
	Baud int
	Path Path
	// Config is the number, from 1, of the stored scan configuration to make active; the device remembers it when it is
	// switched off. 0 keeps the one that is.
	Config int
	// Gain fixes the amplification of the detector: 1, 2, 4, 8, 16, 32 or 64. 0 lets the device choose for each scan.
	Gain int
	// Margin is what the device may take beyond scanning and sending; one second when zero.
	Margin time.Duration
	// Now is the clock that stamps frames; time.Now when nil.
	Now func() time.Time
}

const (
	defaultBaud = 115200
	// maxRepeats keep the device's sum of 24-bit readings within its 32 bits.
	maxRepeats = 255
	bootTime   = time.Second // of the mirror controller, which is started to ask for its version
)

// Driver is an opened spectrometer; it implements device.Spectrometer and device.Referencer.
type Driver struct {
	link   lockstep.Link
	seq    byte
	margin time.Duration
	now    func() time.Time
	path   Path
	info   device.Info
	config Config

	repeats int
	unset   bool // it is unknown whether the device took the repeats
}

// Open opens the serial port at path and identifies the spectrometer on it. The errors are those of package device:
// ErrNotFound, ErrBusy, ErrTimeout (nothing answers), ErrProtocol (something else answers), ErrGone, ErrRange and
// ErrRefused for options that the device cannot follow.
func Open(ctx context.Context, path string, o Options) (device.Spectrometer, error) {
	if o.Baud == 0 {
		o.Baud = defaultBaud
	}
	if o.Gain < 0 || o.Gain > 64 || o.Gain&(o.Gain-1) != 0 || o.Config < 0 || o.Config > 255 || o.Path < PathInterpreted || o.Path > PathRaw {
		return nil, fmt.Errorf("open %s: gain %d, configuration %d: %w: gain 1, 2, 4 to 64 or 0, configuration 1 to 255 or 0", path, o.Gain, o.Config, device.ErrRange)
	}
	port, err := serialport.Open(ctx, path, serialport.Options{Baud: o.Baud})
	if err != nil {
		return nil, err
	}
	d := &Driver{
		link:   lockstep.Link{Port: port, Margin: o.Margin, Probe: probe, Signs: signs, Longest: longest},
		seq:    byte(time.Now().UnixNano()), // elsewhere each time, so that answers to an earlier program do not match
		margin: o.Margin, now: o.Now, path: o.Path,
	}
	if d.margin <= 0 {
		d.margin = lockstep.DefaultMargin
	}
	if d.now == nil {
		d.now = time.Now
	}
	if err = d.link.Resync(ctx); err == nil {
		err = d.identify(ctx, o)
	}
	if err != nil {
		port.Close()
		return nil, fmt.Errorf("open spectrometer on %s: %w", path, err)
	}
	return d, nil
}

func (d *Driver) identify(ctx context.Context, o Options) error {
	port := d.link.Port.Name()
	d.info = device.Info{Type: "nirscan", Port: port, Technique: spectra.IR, MaxCounts: fullScale}
	serial, _, err := d.ask(ctx, request{command: CmdSerialNumber, reply: serialSize})
	if optional(err) != nil {
		return err
	}
	model, _, err := d.ask(ctx, request{command: CmdModel, reply: 1})
	if optional(err) != nil {
		return err
	}
	versions, _, err := d.ask(ctx, request{command: CmdVersions, reply: 4, work: bootTime})
	if optional(err) != nil {
		return err
	}
	d.info.SerialNumber, d.info.Model = device.Text(serial), device.Text(model)
	if d.info.Model == "" {
		d.info.Model = "DLP NIRscan Nano"
	}
	if err == nil {
		v := binary.LittleEndian.Uint32(versions)
		d.info.Firmware = fmt.Sprintf("%d.%d.%d", v>>16, v>>8&0xFF, v&0xFF)
	}
	d.info.Simulated = strings.HasPrefix(d.info.SerialNumber, "SIM-") || strings.Contains(strings.ToUpper(d.info.Model), "SIMULATED") || serialport.IsPseudoTerminal(port)
	gain := []byte{0, 1}
	if o.Gain > 0 {
		gain = []byte{1, byte(o.Gain)}
	}
	// Firmware before 2.0 cannot fix the gain, and chooses it itself.
	if err := d.tell(ctx, CmdFixedGain, gain...); err != nil && (o.Gain > 0 || !errors.Is(err, device.ErrRefused)) {
		return err
	}
	if err := d.readConfig(ctx, o.Config); err != nil {
		return err
	}
	return d.readAxis(ctx)
}

// readConfig makes the configuration with that number active, unless it is 0, and reads the active one.
func (d *Driver) readConfig(ctx context.Context, number int) error {
	if number > 0 {
		stored, err := d.number(ctx, CmdConfigCount, 1)
		if err != nil {
			return err
		}
		if number > int(stored) {
			return fmt.Errorf("scan configuration %d: %w: the device stores %d", number, device.ErrRange, stored)
		}
		if err := d.tell(ctx, CmdSetActive, byte(number-1)); err != nil {
			return err
		}
	}
	active, err := d.number(ctx, CmdActiveConfig, 1)
	if err != nil {
		return err
	}
	b, _, err := d.ask(ctx, request{command: CmdConfig, data: []byte{byte(active)}, reply: 4})
	if err != nil {
		return err
	}
	if d.config, err = ParseConfig(b[4:]); err != nil {
		return fmt.Errorf("%w: %w", device.ErrProtocol, err)
	}
	if d.path == PathRaw {
		if err := d.config.checkRaw(); err != nil {
			return fmt.Errorf("raw path: %w", err)
		}
	}
	d.repeats, d.unset = min(d.config.Repeats, maxRepeats), true
	d.info.MinIntegration = d.config.Exposure
	d.info.MaxIntegration = maxRepeats * d.config.Exposure
	d.info.UsualIntegration = d.integration()
	return nil
}

// readAxis computes the wavelengths from configuration and calibration, or, of a slew scan and of a device that does not
// tell its calibration, has them from a scan.
func (d *Driver) readAxis(ctx context.Context) error {
	if d.config.Type != Slew {
		b, _, err := d.ask(ctx, request{command: CmdCalibration, reply: 1})
		if optional(err) != nil {
			return err
		}
		if err == nil {
			a, err := ParseCalibration(b)
			if err == nil {
				d.info.WavelengthsNM, err = d.config.Wavelengths(a)
			}
			if err != nil {
				return fmt.Errorf("%w: %w", device.ErrProtocol, err)
			}
			d.info.Pixels = len(d.info.WavelengthsNM)
			return nil
		}
	}
	t, err := d.take(ctx)
	if err != nil {
		return fmt.Errorf("scan for the wavelengths: %w", err)
	}
	d.info.WavelengthsNM, d.info.Pixels = t.nm, len(t.nm)
	return nil
}

// optional is nil for a refusal: not every firmware knows every command.
func optional(err error) error {
	if errors.Is(err, device.ErrRefused) {
		return nil
	}
	return err
}

func (d *Driver) Info() device.Info { return d.info }

// Config is the active scan configuration.
func (d *Driver) Config() Config { return d.config }

func (d *Driver) integration() time.Duration { return time.Duration(d.repeats) * d.config.Exposure }

// SetIntegrationTime sets how often the following scans repeat each exposure: the nearest whole number of times. What
// that comes to is in Frame.IntegrationTime. A point is exposed that long; a scan takes as much for each point.
func (d *Driver) SetIntegrationTime(ctx context.Context, t time.Duration) error {
	if t < d.info.MinIntegration || t > d.info.MaxIntegration {
		return fmt.Errorf("integration time %v: %w: %v to %v, in steps of the exposure of a pattern", t, device.ErrRange, d.info.MinIntegration, d.info.MaxIntegration)
	}
	d.repeats, d.unset = int(math.Round(float64(t)/float64(d.config.Exposure))), true
	return d.setRepeats(ctx)
}

func (d *Driver) setRepeats(ctx context.Context) error {
	err := d.tell(ctx, CmdRepeats, binary.LittleEndian.AppendUint16(nil, uint16(d.repeats))...)
	d.unset = err != nil
	return err
}

// Temperature returns the detector's temperature in degrees Celsius, ErrRefused when its sensor does not answer.
func (d *Driver) Temperature(ctx context.Context) (float64, error) {
	_, detector, err := d.pair(ctx, CmdTemperature)
	return detector, err
}

// pair reads two values in hundredths. The device answers with one alone when the sensor is dead.
func (d *Driver) pair(ctx context.Context, c Command) (first, second float64, err error) {
	b, _, err := d.ask(ctx, request{command: c, reply: 4})
	if err != nil {
		return 0, 0, err
	}
	if len(b) < 8 {
		return 0, 0, fmt.Errorf("%v: %w: the sensor does not answer", c, device.ErrRefused)
	}
	p := packed{b}
	first, second = float64(int32(p.u32()))/100, float64(int32(p.u32()))/100
	if c == CmdTemperature && (second < -273.15 || second > 200) {
		return 0, 0, fmt.Errorf("%v: %w: %g °C", c, device.ErrProtocol, second)
	}
	return first, second, nil
}

// Health is what the device's other sensors tell.
type Health struct {
	AmbientC, DetectorC, BoardC float64
	HumidityPercent             float64
	BatteryVolts                float64
	Status                      Status
	Trouble                     Trouble // since it was last cleared; a scan clears it
}

// Health asks the sensors; what refuses is left 0.
func (d *Driver) Health(ctx context.Context) (h Health, err error) {
	if h.AmbientC, h.DetectorC, err = d.pair(ctx, CmdTemperature); optional(err) != nil {
		return Health{}, err
	}
	if h.BoardC, h.HumidityPercent, err = d.pair(ctx, CmdHumidity); optional(err) != nil {
		return Health{}, err
	}
	volts, err := d.number(ctx, CmdBattery, 4)
	if optional(err) != nil {
		return Health{}, err
	}
	h.BatteryVolts = float64(volts) / 100
	status, err := d.number(ctx, CmdStatus, 4)
	if optional(err) != nil {
		return Health{}, err
	}
	trouble, err := d.number(ctx, CmdErrors, 4)
	h.Status, h.Trouble = Status(status), Trouble(trouble)
	return h, optional(err)
}

// Lamp is refused: the device lights its own lamps during a scan, and only then.
func (d *Driver) Lamp(context.Context, bool) error {
	return fmt.Errorf("lamp: %w: the device lights its lamp for each scan", device.ErrNoLaser)
}

// Close releases the port. A scan that is under way ends by itself, and its lamps with it.
func (d *Driver) Close() error { return d.link.Port.Close() }
