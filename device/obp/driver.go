package obp

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"fentrace/device"
	"fentrace/device/serialport"
)

// Options says how to reach the device and what it cannot tell by itself. The zero value works for an STS.
type Options struct {
	// Baud is the rate of the line. Zero tries 9600 (power-on default of STS and Spark), 115200 and 460800.
	Baud int
	// LaserNM is the excitation wavelength in vacuum, 200 to 2000 nm; it goes before the device's user string.
	LaserNM float64
	// Margin is what the device may take beyond integrating and sending; one second when zero.
	Margin time.Duration
	// Now is the clock that stamps frames; time.Now when nil.
	Now func() time.Time
}

var tryBauds = []int{9600, 115200, 460800}

// startIntegration is set when opening: an STS delivers no spectrum before an integration time was set once.
const startIntegration = 100 * time.Millisecond

// Driver is an opened spectrometer; it implements device.Spectrometer.
type Driver struct {
	link  link
	info  device.Info
	model model
	now   func() time.Time

	integration time.Duration
	// unset is true while it is unknown whether the device took the integration time.
	unset bool
	// stale is true when the next spectrum of a live device may still belong to the old setting, which had an
	// integration time of at most staleTime.
	stale     bool
	staleTime time.Duration
	lampOn    bool
	hasLight  bool // the device has a light source that it can switch
}

// Open opens the serial port at path and identifies the spectrometer on it. The errors are those of package
// device: ErrNotFound, ErrBusy, ErrTimeout (nothing answers), ErrProtocol (something else answers), ErrGone.
func Open(ctx context.Context, path string, o Options) (device.Spectrometer, error) {
	if o.LaserNM != 0 && !laserRange(o.LaserNM) {
		return nil, fmt.Errorf("open %s: laser of %g nm: %w: 200 to 2000 nm", path, o.LaserNM, device.ErrRange)
	}
	bauds := tryBauds
	if o.Baud != 0 {
		bauds = []int{o.Baud, o.Baud} // twice: what an earlier program sent may have swallowed the first message
	}
	port, err := serialport.Open(ctx, path, serialport.Options{Baud: bauds[0]})
	if err != nil {
		return nil, err
	}
	d, err := newDriver(ctx, port, bauds, o)
	if err != nil {
		port.Close()
		return nil, fmt.Errorf("open spectrometer on %s: %w", path, err)
	}
	return d, nil
}

func newDriver(ctx context.Context, port serialport.Port, bauds []int, o Options) (*Driver, error) {
	d := &Driver{now: o.Now, link: link{port: port, margin: o.Margin}}
	if d.now == nil {
		d.now = time.Now
	}
	if d.link.margin <= 0 {
		d.link.margin = defaultMargin
	}
	// Ids that start elsewhere each time keep the late answer to an earlier program's request from matching.
	d.link.id = uint32(time.Now().UnixNano())
	d.info = device.Info{Type: "obp", Port: port.Name(), LaserNM: o.LaserNM}
	if err := d.findBaud(ctx, bauds); err != nil {
		return nil, err
	}
	if err := d.identify(ctx); err != nil {
		return nil, err
	}
	return d, d.prepare(ctx)
}

// findBaud asks for the serial number at each rate until one answers. That something else answered at one of them says
// more than that nothing did at the last.
func (d *Driver) findBaud(ctx context.Context, bauds []int) error {
	var err, other error
	for _, baud := range bauds {
		if err = d.link.port.SetBaud(baud); err != nil {
			return err
		}
		if err = d.link.resync(ctx); err != nil {
			return err
		}
		d.info.SerialNumber, err = d.text(ctx, MsgSerialNumber, nil)
		switch {
		case err == nil, errors.Is(err, device.ErrRefused): // an unprogrammed number is an answer too
			return nil
		case errors.Is(err, device.ErrProtocol):
			other = err
		case !errors.Is(err, device.ErrTimeout):
			return err
		}
		d.link.busyUntil = time.Time{}
	}
	if other != nil {
		return other
	}
	return err
}

func (d *Driver) Info() device.Info { return d.info }

// SetIntegrationTime sets the exposure of the following scans, in whole microseconds.
func (d *Driver) SetIntegrationTime(ctx context.Context, t time.Duration) error {
	t = t.Round(time.Microsecond)
	if t < d.info.MinIntegration || t > d.info.MaxIntegration {
		return fmt.Errorf("integration time %v: %w: %v to %v", t, device.ErrRange, d.info.MinIntegration, d.info.MaxIntegration)
	}
	err := d.link.command(ctx, MsgSetIntegration, binary.LittleEndian.AppendUint32(nil, uint32(t.Microseconds())), 0)
	if errors.Is(err, device.ErrRefused) {
		return err
	}
	d.staleTime = max(d.staleTime, d.integration)
	d.integration, d.unset, d.stale = t, err != nil, true
	return err
}

// Temperature returns the detector's temperature in degrees Celsius.
func (d *Driver) Temperature(ctx context.Context) (float64, error) {
	v, err := d.float(ctx, MsgTemperature, []byte{d.model.temperature})
	if err != nil {
		return 0, err
	}
	if math.IsNaN(v) || v < -273.15 || v > 200 {
		return 0, fmt.Errorf("%v: %w: %g °C", MsgTemperature, device.ErrProtocol, v)
	}
	return v, nil
}

// Lamp switches light source 0 of module 0, which is the laser on Ventana-class Raman benches, and reads back
// whether it took.
func (d *Driver) Lamp(ctx context.Context, on bool) error {
	if !d.hasLight {
		return fmt.Errorf("%v: %w", MsgLightSource, device.ErrNoLaser)
	}
	d.lampOn = d.lampOn || on // assumed lit until the device says otherwise
	var set byte
	if on {
		set = 1
	}
	if err := d.link.command(ctx, MsgLightSource, []byte{0, 0, set}, 0); err != nil {
		return err
	}
	lit, err := d.number(ctx, MsgLightEnabled, []byte{0, 0}, 1)
	switch {
	case err != nil:
		return err
	case lit > 1 || lit == 1 != on:
		return fmt.Errorf("%v: %w: told %d, the device says %d", MsgLightEnabled, device.ErrProtocol, set, lit)
	}
	d.lampOn, d.stale = on, true
	return nil
}

// findLight asks whether there is a light source to switch, and switches off one that an earlier program left on. A
// refusal is asked for again, since a damaged answer can look like one.
func (d *Driver) findLight(ctx context.Context) error {
	lit, err := d.number(ctx, MsgLightEnabled, []byte{0, 0}, 1)
	if errors.Is(err, device.ErrRefused) {
		lit, err = d.number(ctx, MsgLightEnabled, []byte{0, 0}, 1)
	}
	if err != nil {
		return optional(err)
	}
	d.hasLight = true
	if lit != 0 {
		return d.Lamp(ctx, false)
	}
	return nil
}

// Close switches a lamp left on off and releases the port.
func (d *Driver) Close() error {
	if d.lampOn {
		ctx, cancel := context.WithTimeout(context.Background(), max(time.Until(d.link.busyUntil), 0)+2*d.link.margin)
		_ = d.Lamp(ctx, false) // an unplugged device cannot be told; closing goes on
		cancel()
	}
	return d.link.port.Close()
}

func laserRange(nm float64) bool { return nm >= 200 && nm <= 2000 }
