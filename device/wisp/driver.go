package wisp

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"fentrace/device"
	"fentrace/device/hostcal"
	"fentrace/device/lockstep"
	"fentrace/device/serialport"
)

// Options says how to reach the device. The zero value works.
type Options struct {
	Baud int // 115200 when zero (inferred: the documented stream has no rate)
	// LaserNM is the excitation wavelength in vacuum, 200 to 2000 nm; it goes before the calibration's and the device's.
	LaserNM float64
	// Calibration is the host's: its wavelengths and laser go before the device's.
	Calibration hostcal.Calibration
	// LaserOpcodes lets the driver switch the laser with the opcodes of the maker's USB protocol, which WISP does not list.
	// The laser is then switched off when the device is opened and closed.
	LaserOpcodes bool
	// GainDB is the gain of the detector, 0.1 to 72 dB in tenths; 0 leaves what the device has.
	GainDB float64
	// Margin is what the device may take beyond integrating and sending; one second when zero.
	Margin time.Duration
	// Now is the clock that stamps frames; time.Now when nil.
	Now func() time.Time
}

const (
	defaultBaud      = 115200
	maxGainDB        = 72
	startIntegration = 100 * time.Millisecond
	fullScale        = 65535
)

// Driver is an opened spectrometer; it implements device.Spectrometer.
type Driver struct {
	link   lockstep.Link
	margin time.Duration
	info   device.Info
	now    func() time.Time
	lasers bool

	integration time.Duration
	unset       bool // it is unknown whether the device took the integration time
	lampOn      bool
}

// Open opens the serial port at path, enters binary mode and identifies the spectrometer. The errors are those of
// package device: ErrNotFound, ErrBusy, ErrTimeout (nothing answers), ErrProtocol (something else answers), ErrRange
// (options that cannot be), ErrGone; and hostcal.ErrCalibration.
func Open(ctx context.Context, path string, o Options) (device.Spectrometer, error) {
	switch {
	case o.LaserNM != 0 && !laserRange(o.LaserNM):
		return nil, fmt.Errorf("open %s: laser of %g nm: %w: 200 to 2000 nm", path, o.LaserNM, device.ErrRange)
	case !(o.GainDB >= 0 && o.GainDB <= maxGainDB):
		return nil, fmt.Errorf("open %s: gain of %g dB: %w: 0.1 to %d dB, or 0", path, o.GainDB, device.ErrRange, maxGainDB)
	}
	if o.Baud == 0 {
		o.Baud = defaultBaud
	}
	port, err := serialport.Open(ctx, path, serialport.Options{Baud: o.Baud})
	if err != nil {
		return nil, err
	}
	d := &Driver{
		link:   lockstep.Link{Port: port, Margin: o.Margin, Probe: probe, Longest: 1 + 2*maxPixels},
		margin: o.Margin, now: o.Now, lasers: o.LaserOpcodes,
	}
	d.link.Signs = d.signs
	if d.margin <= 0 {
		d.margin = lockstep.DefaultMargin
	}
	if d.now == nil {
		d.now = time.Now
	}
	d.info = device.Info{Type: "wisp", Port: path}
	if err = d.enter(ctx); err == nil {
		err = d.identify(ctx, o)
	}
	if err != nil {
		d.Close()
		return nil, fmt.Errorf("open spectrometer on %s: %w", path, err)
	}
	return d, nil
}

func (d *Driver) identify(ctx context.Context, o Options) error {
	if d.lasers {
		if err := d.laser(ctx, false); err != nil {
			return err
		}
	}
	b, err := d.get(ctx, OpLineLength, 0, 2)
	if err != nil {
		return err
	}
	pixels := int(b[0]) | int(b[1])<<8
	if pixels < minPixels || pixels > maxPixels {
		return fmt.Errorf("%v: %w: %d", OpLineLength, device.ErrProtocol, pixels)
	}
	d.info.Pixels, d.info.MaxCounts = pixels, fullScale
	d.link.Longest = 1 + 2*pixels
	d.info.MinIntegration, d.info.MaxIntegration = time.Millisecond, maxIntegMS*time.Millisecond
	if b, err = d.get(ctx, OpSerialNumber, 0, 16); err != nil {
		return err
	}
	d.info.SerialNumber = device.Text(b)
	if b, err = d.get(ctx, OpModel, 0, 32); err != nil {
		return err
	}
	d.info.Model = device.Text(b)
	if b, err = d.get(ctx, OpFirmware, 0, 4); err != nil {
		return err
	}
	d.info.Firmware = version(b)
	d.info.Simulated = strings.HasPrefix(d.info.SerialNumber, "SIM-") || serialport.IsPseudoTerminal(d.info.Port)
	if err := d.readOptics(ctx, o); err != nil {
		return err
	}
	if o.GainDB > 0 {
		if err := d.set(ctx, OpSetGain, swap(uint16(math.Round(10*o.GainDB))), 0); err != nil {
			return err
		}
	}
	return d.SetIntegrationTime(ctx, startIntegration)
}

// swap puts the low byte of a value first on the wire.
func swap(v uint16) uint16 { return v<<8 | v>>8 }

// readOptics reads wavelengths and laser where the host does not state them.
func (d *Driver) readOptics(ctx context.Context, o Options) (err error) {
	c := make([]float64, coefficients)
	for i := range c {
		b, err := d.get(ctx, OpWavecal, uint16(i), 4)
		if i == coefficients-1 && (errors.Is(err, device.ErrProtocol) || errors.Is(err, device.ErrTimeout)) {
			break // devices of four coefficients
		}
		if err == nil {
			c[i], err = float(b)
		}
		if err != nil {
			return fmt.Errorf("wavelength coefficient %d: %w", i, err)
		}
	}
	b, err := d.get(ctx, OpExcitation, 0, 4)
	if err != nil {
		return err
	}
	if nm, err := float(b); err == nil && laserRange(nm) {
		d.info.LaserNM = nm
	}
	for _, nm := range []float64{o.Calibration.LaserNM, o.LaserNM} {
		if nm != 0 {
			d.info.LaserNM = nm
		}
	}
	if len(o.Calibration.Coefficients) > 0 {
		d.info.WavelengthsNM, err = o.Calibration.Wavelengths(d.info.Pixels)
		return err
	}
	// A device that was never calibrated has zeros, or one nanometre per pixel from 0: no wavelength for its first pixel.
	if c[0] == 0 {
		return nil
	}
	if d.info.WavelengthsNM, err = hostcal.Wavelengths(c, d.info.Pixels); err != nil {
		return fmt.Errorf("%w: %w", device.ErrProtocol, err)
	}
	return nil
}

func laserRange(nm float64) bool { return nm >= 200 && nm <= 2000 }

// query asks; a device that has lost its place in the stream is brought back once. It is told the integration time again,
// because it is not documented what leaving binary mode resets.
func (d *Driver) query(ctx context.Context, r lockstep.Request) ([]byte, error) {
	b, err := d.link.Query(ctx, r)
	if !errors.Is(err, device.ErrProtocol) || d.enter(ctx) != nil {
		return b, err
	}
	if d.integration > 0 {
		if _, err := d.link.Query(ctx, integrationRequest(d.integration)); err != nil {
			d.unset = true
			return nil, err
		}
	}
	return d.link.Query(ctx, r)
}

func integrationRequest(t time.Duration) lockstep.Request {
	ms := uint32(t / time.Millisecond)
	return setRequest(OpSetIntegration, uint16(ms), uint16(ms>>16))
}

func setRequest(o Opcode, value, index uint16) lockstep.Request {
	return lockstep.Request{Name: o.String(), Bytes: o.Encode(value, index), Reply: 1, Parse: parseStatus}
}

// get asks for n bytes.
func (d *Driver) get(ctx context.Context, o Opcode, index uint16, n int) ([]byte, error) {
	return d.query(ctx, lockstep.Request{Name: o.String(), Bytes: o.Encode(0, index), Reply: n, Parse: parseFixed(n)})
}

// set tells, and waits for the status.
func (d *Driver) set(ctx context.Context, o Opcode, value, index uint16) error {
	_, err := d.query(ctx, setRequest(o, value, index))
	return err
}

func (d *Driver) Info() device.Info { return d.info }

// SetIntegrationTime sets the exposure of the following scans, in whole milliseconds.
func (d *Driver) SetIntegrationTime(ctx context.Context, t time.Duration) error {
	t = t.Round(time.Millisecond)
	if t < d.info.MinIntegration || t > d.info.MaxIntegration {
		return fmt.Errorf("integration time %v: %w: %v to %v", t, device.ErrRange, d.info.MinIntegration, d.info.MaxIntegration)
	}
	_, err := d.query(ctx, integrationRequest(t))
	if errors.Is(err, device.ErrRefused) {
		return fmt.Errorf("integration time %v: %w: %w", t, device.ErrRange, err)
	}
	d.integration, d.unset = t, err != nil
	return err
}

// Scan takes one fresh frame. Raw is the device's answer: a status byte, then the pixels.
func (d *Driver) Scan(ctx context.Context) (device.Frame, error) {
	if d.unset {
		if err := d.SetIntegrationTime(ctx, d.integration); err != nil {
			return device.Frame{}, fmt.Errorf("scan: %w", err)
		}
	}
	started := d.now()
	raw, err := d.query(ctx, lockstep.Request{
		Name: OpAcquire.String(), Bytes: OpAcquire.Encode(0, 0), Reply: 1 + 2*d.info.Pixels, Work: d.integration,
		Head:  1, // whether the status comes before or after the exposure is not documented
		Parse: parseSpectrum(d.info.Pixels),
	})
	if err != nil {
		return device.Frame{}, fmt.Errorf("scan with %v: %w", d.integration, err)
	}
	counts, err := DecodeSpectrum(raw, d.info.Pixels)
	if err != nil {
		return device.Frame{}, fmt.Errorf("scan with %v: %w", d.integration, err)
	}
	if err := d.stillShines(ctx); err != nil {
		return device.Frame{}, fmt.Errorf("scan with %v: %w", d.integration, err)
	}
	return device.Frame{Counts: counts, IntegrationTime: d.integration, Started: started, Raw: raw}, nil
}

// stillShines asks, after a frame taken with the laser on, whether it stayed on: a dark frame must not pass for a lit one.
func (d *Driver) stillShines(ctx context.Context) error {
	if !d.lampOn {
		return nil
	}
	for _, op := range []Opcode{OpCanFire, OpLaserOn} {
		b, err := d.get(ctx, op, 0, 1)
		if err != nil {
			return err
		}
		if b[0] != 1 {
			return fmt.Errorf("%v: %w: the device says %d", op, device.ErrDark, b[0])
		}
	}
	return nil
}

// Temperature is refused: WISP has no request for it.
func (d *Driver) Temperature(context.Context) (float64, error) {
	return 0, fmt.Errorf("temperature: %w: the protocol has no request for it", device.ErrRefused)
}

// Lamp switches the laser where Options.LaserOpcodes allows it, and reads back whether it took. Before it is switched on
// the interlock is asked: open is device.ErrInterlock.
func (d *Driver) Lamp(ctx context.Context, on bool) error {
	if !d.lasers {
		return fmt.Errorf("laser: %w: the protocol has no request for it", device.ErrNoLaser)
	}
	if on {
		b, err := d.get(ctx, OpCanFire, 0, 1)
		if err != nil {
			return err
		}
		if b[0] == 0 {
			return fmt.Errorf("laser: %w", device.ErrInterlock)
		}
	}
	return d.laser(ctx, on)
}

func (d *Driver) laser(ctx context.Context, on bool) error {
	d.lampOn = d.lampOn || on // assumed lit until the device says otherwise
	var value uint16
	if on {
		value = 1
	}
	if err := d.set(ctx, OpSetLaser, value, 0); err != nil {
		return err // a status of failure may be a damaged one of success
	}
	b, err := d.get(ctx, OpLaserOn, 0, 1)
	if err != nil {
		return err
	}
	if b[0] > 1 || uint16(b[0]) != value {
		return fmt.Errorf("%v: %w: told %d, the device says %d", OpLaserOn, device.ErrProtocol, value, b[0])
	}
	d.lampOn = on
	return nil
}

// Close switches a laser left on off, leaves binary mode and releases the port. The error wraps device.ErrLaserOn when the
// device, not unplugged, does not say that the laser is off.
func (d *Driver) Close() (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), d.link.BusyFor()+4*d.margin)
	defer cancel()
	if d.lampOn {
		// First without waiting to get into step: the device takes it as soon as it is free, whatever it still says.
		_ = d.link.Port.Write(ctx, OpSetLaser.Encode(0, 0))
		d.link.Busy(d.link.BusyFor())
		if off := d.laser(ctx, false); off != nil && !errors.Is(off, device.ErrGone) {
			err = fmt.Errorf("%w: %w", device.ErrLaserOn, off)
		}
	}
	if d.link.BusyFor() == 0 { // a device that is busy is left to the next program's recovery
		short, stop := context.WithTimeout(ctx, d.margin)
		_ = d.link.Port.Write(short, OpDisconnect.Encode(0, 0))
		stop()
	}
	return errors.Join(err, d.link.Port.Close())
}
