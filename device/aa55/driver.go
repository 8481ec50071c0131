package aa55

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"fentrace/device"
	"fentrace/device/hostcal"
	"fentrace/device/serialport"
)

const (
	usualBaud     = 921600
	defaultMargin = time.Second
	// The host times the exposure: below the shortest, its own scheduling and the up to 16 ms of a USB bridge are too
	// large a part of it. Both limits are chosen here; the maker's are not known.
	shortest = 10 * time.Millisecond
	longest  = 60 * time.Second
	usual    = 100 * time.Millisecond
	// listenSlack is how much earlier listening during an exposure ends, so that its end is met to the millisecond.
	listenSlack = 40 * time.Millisecond
	// silence after a read-out shows that it was the whole of it; longer when an earlier one may still be on its way.
	silence     = 30 * time.Millisecond
	longSilence = 250 * time.Millisecond
)

// Options say how to reach the head and what it cannot tell by itself.
type Options struct {
	Baud int // 921600 when zero
	// Calibration holds wavelengths, laser and serial number, which the head cannot; without it there is no axis.
	Calibration hostcal.Calibration
	// LaserNM is the excitation wavelength in vacuum, 200 to 2000 nm; it goes before the calibration's.
	LaserNM float64
	// Margin is what the head may take beyond exposing and sending; one second when zero.
	Margin time.Duration
	// Now is the clock that stamps frames; time.Now when nil.
	Now func() time.Time
}

// Driver is an opened head; it implements device.Spectrometer.
type Driver struct {
	port        serialport.Port
	margin      time.Duration
	now         func() time.Time
	info        device.Info
	integration time.Duration
	// stale is true when the head may still send, or hold, something of an earlier exposure.
	stale bool
}

// Open opens the serial port at path and takes one exposure that is thrown away: the first after power-on holds what
// gathered before, and it shows that a head is there. The errors are those of package device, and of hostcal.
func Open(ctx context.Context, path string, o Options) (device.Spectrometer, error) {
	if o.LaserNM != 0 && !(o.LaserNM >= 200 && o.LaserNM <= 2000) {
		return nil, fmt.Errorf("open %s: laser of %g nm: %w: 200 to 2000 nm", path, o.LaserNM, device.ErrRange)
	}
	d := &Driver{margin: o.Margin, now: o.Now, integration: usual, stale: true}
	if d.margin <= 0 {
		d.margin = defaultMargin
	}
	if d.now == nil {
		d.now = time.Now
	}
	if o.Baud == 0 {
		o.Baud = usualBaud
	}
	d.info = device.Info{
		Type: "aa55", Model: "AA..55 detector head", Port: path, Pixels: Pixels, MaxCounts: maxCounts,
		MinIntegration: shortest, MaxIntegration: longest, LaserNM: o.LaserNM, Simulated: serialport.IsPseudoTerminal(path),
	}
	for p := range covered {
		d.info.DarkPixels = append(d.info.DarkPixels, p, Pixels-covered+p)
	}
	if err := d.calibrate(o); err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	var err error
	if d.port, err = serialport.Open(ctx, path, serialport.Options{Baud: o.Baud}); err != nil {
		return nil, err
	}
	if err := d.prime(ctx); err != nil {
		d.port.Close()
		return nil, fmt.Errorf("open detector head on %s at %d baud: %w", path, o.Baud, err)
	}
	return d, nil
}

// calibrate fills Info from what the host knows.
func (d *Driver) calibrate(o Options) (err error) {
	if d.info.WavelengthsNM, err = o.Calibration.Wavelengths(Pixels); err != nil {
		return err
	}
	d.info.SerialNumber = o.Calibration.SerialNumber
	d.info.Simulated = d.info.Simulated || strings.HasPrefix(d.info.SerialNumber, "SIM-")
	if o.LaserNM == 0 {
		d.info.LaserNM = o.Calibration.LaserNM
	}
	return nil
}

func (d *Driver) Info() device.Info { return d.info }

// SetIntegrationTime sets the exposure of the following scans, which the host times.
func (d *Driver) SetIntegrationTime(ctx context.Context, t time.Duration) error {
	if t < shortest || t > longest {
		return fmt.Errorf("integration time %v: %w: %v to %v", t, device.ErrRange, shortest, longest)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	d.integration = t
	return nil
}

// Scan takes one frame. What came garbled is taken once more; the exposure it belonged to is lost.
func (d *Driver) Scan(ctx context.Context) (f device.Frame, err error) {
	for range 2 {
		if d.stale {
			if err := d.prime(ctx); err != nil {
				return device.Frame{}, fmt.Errorf("get a detector head in doubt to answer: %w", err)
			}
		}
		if f, err = d.cycle(ctx); !errors.Is(err, device.ErrProtocol) {
			break
		}
	}
	if err != nil {
		return device.Frame{}, fmt.Errorf("scan of %v: %w", d.integration, err)
	}
	return f, nil
}

func (d *Driver) cycle(ctx context.Context) (device.Frame, error) {
	d.stale = true // until the whole of it has come
	f := device.Frame{IntegrationTime: d.integration, Started: d.now()}
	raw, err := d.expose(ctx, d.integration, silence)
	if err != nil {
		return device.Frame{}, err
	}
	if f.Counts, err = Decode(raw); err != nil {
		return device.Frame{}, err
	}
	f.Raw = raw
	d.stale = false
	return f, nil
}

// prime throws away what the head and the line still hold of earlier exposures, with one more that is thrown away too.
func (d *Driver) prime(ctx context.Context) error {
	if err := d.send(ctx, Clear, 0); err != nil {
		return err
	}
	if err := d.port.ResetInput(ctx); err != nil {
		return err
	}
	var err error
	for range 3 { // what is late comes between
		if _, err = d.expose(ctx, shortest, longSilence); !errors.Is(err, device.ErrProtocol) {
			break
		}
	}
	d.stale = err != nil
	return err
}

// expose starts an exposure, waits for t and reads it out, with everything that comes until the line is quiet for that
// long. It returns at least a read-out; bytes that come during the exposure are of an earlier one, and an error.
func (d *Driver) expose(ctx context.Context, t, quiet time.Duration) ([]byte, error) {
	begun := time.Now()
	if err := d.send(ctx, Start, 1); err != nil {
		return nil, err
	}
	early, err := d.collect(ctx, t-listenSlack)
	if err != nil {
		return nil, err
	}
	if err := serialport.Pause(ctx, t-time.Since(begun)); err != nil {
		return nil, err
	}
	var raw []byte
	err = serialport.Ask(ctx, d.port, Encode(Read, 0), readOutSize, d.margin, func(piece []byte) (bool, error) {
		raw = append(raw, piece...)
		return len(raw) >= readOutSize, nil
	})
	if err != nil {
		return nil, err
	}
	rest, err := d.collect(ctx, quiet)
	if err != nil {
		return nil, err
	}
	if len(early) > 0 {
		return nil, fmt.Errorf("%w: %d bytes came before the end of the exposure", device.ErrProtocol, len(early))
	}
	return append(raw, rest...), nil
}

// collect returns what comes until nothing has come for that long. A line that never falls silent ends it.
func (d *Driver) collect(ctx context.Context, quiet time.Duration) ([]byte, error) {
	var got []byte
	buf := make([]byte, 4096)
	for quiet > 0 && len(got) < 4*readOutSize {
		slice, stop := context.WithTimeout(ctx, quiet)
		n, err := d.port.Read(slice, buf)
		stop()
		got = append(got, buf[:n]...)
		switch {
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case errors.Is(err, context.DeadlineExceeded):
			return got, nil
		case err != nil:
			return nil, err
		}
	}
	return got, nil
}

func (d *Driver) send(ctx context.Context, c Command, data uint32) error {
	timed, cancel := context.WithTimeoutCause(ctx, d.margin, device.ErrTimeout)
	defer cancel()
	return d.port.Write(timed, Encode(c, data))
}

// Temperature is refused: the head tells none.
func (d *Driver) Temperature(context.Context) (float64, error) {
	return 0, fmt.Errorf("temperature: %w: the head tells none", device.ErrRefused)
}

// Lamp is refused: the laser has a line of its own.
func (d *Driver) Lamp(context.Context, bool) error {
	return fmt.Errorf("lamp: %w: the laser has a line of its own and has to be attached", device.ErrNoLaser)
}

func (d *Driver) Close() error { return d.port.Close() }
