package tcd1304

import (
	"context"
	"errors"
	"fmt"
	"time"

	"fentrace/device"
	"fentrace/device/hostcal"
	"fentrace/device/serialport"
)

const (
	defaultBaud   = 115200
	defaultMargin = time.Second
	// frameGap is the silence after which a frame is over. The longest known pause inside one is a USB bridge's 16 ms
	// and the host's own scheduling.
	frameGap = 150 * time.Millisecond
	// tries is how often a frame is asked for that comes damaged.
	tries = 3

	minIntegration = 10 * time.Microsecond // minSH
	maxIntegration = maxSH / clock * time.Second
)

// Options says how to reach the board and what it cannot tell: it knows neither its own name nor its optics.
type Options struct {
	Baud int // 115200 when zero
	// Calibration is the host's: wavelengths over the 0-based number of the output in a frame (0 to 3,693), laser.
	Calibration hostcal.Calibration
	// LaserNM goes before the calibration's.
	LaserNM float64
	// Margin is what the board may take beyond exposing and sending; one second when zero.
	Margin time.Duration
	// Now is the clock that stamps frames; time.Now when nil.
	Now func() time.Time
}

// Driver is an opened board; it implements device.Spectrometer.
type Driver struct {
	port   serialport.Port
	info   device.Info
	now    func() time.Time
	margin time.Duration

	integration time.Duration
	// busyUntil is when a frame whose bytes were not all taken will have passed; zero when the line is at rest.
	busyUntil time.Time
}

// Open opens the serial port at path and takes one short frame, which is the only sign of life the board can give. The
// errors are those of package device and hostcal.ErrCalibration.
func Open(ctx context.Context, path string, o Options) (device.Spectrometer, error) {
	if o.Baud == 0 {
		o.Baud = defaultBaud
	}
	port, err := serialport.Open(ctx, path, serialport.Options{Baud: o.Baud})
	if err != nil {
		return nil, err
	}
	d := &Driver{port: port, now: o.Now, margin: o.Margin, integration: minICG * time.Second / clock}
	if d.now == nil {
		d.now = time.Now
	}
	if d.margin <= 0 {
		d.margin = defaultMargin
	}
	err = d.describe(o)
	if err == nil {
		err = d.align(ctx)
	}
	if err == nil {
		_, err = d.Scan(ctx)
	}
	if err != nil {
		port.Close()
		return nil, fmt.Errorf("open TCD1304 board on %s: %w", path, err)
	}
	return d, nil
}

func (d *Driver) describe(o Options) error {
	wavelengths, err := o.Calibration.Wavelengths(Pixels)
	if err != nil {
		return err
	}
	laser := o.LaserNM
	if laser == 0 {
		laser = o.Calibration.LaserNM
	}
	d.info = device.Info{
		Type: "tcd1304", Model: "TCD1304 board", SerialNumber: o.Calibration.SerialNumber, Port: d.port.Name(),
		Pixels: Pixels, MaxCounts: fullScale, MinIntegration: minIntegration, MaxIntegration: maxIntegration,
		WavelengthsNM: wavelengths, DarkPixels: darkPixels(), LaserNM: laser,
		Simulated: serialport.IsPseudoTerminal(d.port.Name()),
	}
	if d.info.Simulated {
		d.info.Model += " (SIMULATED)"
	}
	return nil
}

// align brings the board's window of 12 bytes into step. What an earlier program or a probe sent may have filled part
// of it; the board finds a command in its window wherever it begins, so the second of two equal ones is whole.
func (d *Driver) align(ctx context.Context) error {
	sh, icg := periods(d.integration)
	cmd := EncodeCommand(sh, icg)
	d.expect(2 * icg)
	if err := d.write(ctx, append(cmd, cmd...)); err != nil {
		return err
	}
	// Either command may be answered; a shifted window may be answered with other periods than asked for.
	if err := serialport.Pause(ctx, time.Until(d.busyUntil)); err != nil {
		return err
	}
	return d.rest(ctx)
}

// expect notes that a frame is on its way.
func (d *Driver) expect(icg uint32) {
	until := time.Now().Add(2*exposure(icg) + d.wire(commandBytes+frameBytes) + d.margin/2)
	if until.After(d.busyUntil) {
		d.busyUntil = until
	}
}

func (d *Driver) wire(bytes int) time.Duration {
	return time.Duration(bytes) * 10 * time.Second / time.Duration(d.port.Baud())
}

// rest waits until an earlier frame has passed and the line is quiet.
func (d *Driver) rest(ctx context.Context) error {
	if d.busyUntil.IsZero() {
		return nil
	}
	if err := d.port.ResetInput(ctx); err != nil {
		return err
	}
	if err := serialport.Pause(ctx, time.Until(d.busyUntil)); err != nil {
		return err
	}
	if err := d.port.ResetInput(ctx); err != nil {
		return err
	}
	d.busyUntil = time.Time{}
	return nil
}

// Info returns what is known of the board.
func (d *Driver) Info() device.Info { return d.info }

// SetIntegrationTime sets the exposure of the following scans, in steps of half a microsecond.
func (d *Driver) SetIntegrationTime(_ context.Context, t time.Duration) error {
	if t < minIntegration || t > maxIntegration {
		return fmt.Errorf("integration time %v: %w: %v to %v", t, device.ErrRange, d.info.MinIntegration, d.info.MaxIntegration)
	}
	d.integration = t
	return nil
}

// Scan takes one frame. Counts rise with light (see DecodeFrame); Raw is the frame as it came.
func (d *Driver) Scan(ctx context.Context) (f device.Frame, err error) {
	for range tries {
		if f, err = d.scan(ctx); !errors.Is(err, device.ErrProtocol) {
			break
		}
	}
	if err != nil {
		return device.Frame{}, fmt.Errorf("scan with %v: %w", d.integration, err)
	}
	return f, nil
}

func (d *Driver) scan(ctx context.Context) (device.Frame, error) {
	if err := d.rest(ctx); err != nil {
		return device.Frame{}, err
	}
	sh, icg := periods(d.integration)
	started := d.now()
	d.expect(icg)
	if err := d.write(ctx, EncodeCommand(sh, icg)); err != nil {
		return device.Frame{}, err
	}
	raw, err := d.collect(ctx, 2*exposure(icg))
	if err != nil {
		return device.Frame{}, err
	}
	counts, err := DecodeFrame(raw)
	if err != nil {
		return device.Frame{}, fmt.Errorf("%w: %w", device.ErrProtocol, err)
	}
	d.busyUntil = time.Time{}
	return device.Frame{Counts: counts, IntegrationTime: exposure(sh), Started: started, Raw: raw}, nil
}

// collect reads from the first byte to the silence behind the last. The first has to come within work and the margin.
func (d *Driver) collect(ctx context.Context, work time.Duration) ([]byte, error) {
	limit := work + d.wire(commandBytes+frameBytes) + d.margin
	timed, cancel := context.WithTimeoutCause(ctx, limit, device.ErrTimeout)
	defer cancel()
	var raw []byte
	buf := make([]byte, 4096)
	for len(raw) <= frameBytes {
		n, err := d.readSome(timed, buf, len(raw) > 0)
		switch {
		case errors.Is(err, errGap):
			return raw, nil
		case errors.Is(err, device.ErrTimeout) && len(raw) > 0:
			return nil, fmt.Errorf("%w: %d bytes came and went on coming, a frame has %d", device.ErrProtocol, len(raw), frameBytes)
		case errors.Is(err, device.ErrTimeout):
			return nil, fmt.Errorf("no frame on %s at %d baud: %w (%.3g s)", d.port.Name(), d.port.Baud(), err, limit.Seconds())
		case err != nil:
			return nil, err
		}
		raw = append(raw, buf[:n]...)
	}
	return raw, nil // too long: DecodeFrame says so
}

var errGap = errors.New("silence behind a frame")

func (d *Driver) readSome(ctx context.Context, buf []byte, begun bool) (int, error) {
	if !begun {
		return d.port.Read(ctx, buf)
	}
	gap, cancel := context.WithTimeoutCause(ctx, frameGap, errGap)
	defer cancel()
	return d.port.Read(gap, buf)
}

// write sends a command, within the margin even when the line is stuck.
func (d *Driver) write(ctx context.Context, b []byte) error {
	timed, cancel := context.WithTimeoutCause(ctx, d.wire(len(b))+d.margin, device.ErrTimeout)
	defer cancel()
	return d.port.Write(timed, b)
}

// Temperature is refused: the board has no sensor.
func (d *Driver) Temperature(context.Context) (float64, error) {
	return 0, fmt.Errorf("temperature: %w: the board has no sensor", device.ErrRefused)
}

// Lamp is refused: the board controls no laser.
func (d *Driver) Lamp(context.Context, bool) error {
	return fmt.Errorf("laser: %w", device.ErrNoLaser)
}

// Close releases the port.
func (d *Driver) Close() error { return d.port.Close() }
