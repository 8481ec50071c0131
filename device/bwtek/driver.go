package bwtek

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"fentrace/device"
	"fentrace/device/hostcal"
	"fentrace/device/lockstep"
	"fentrace/device/serialport"
)

// Options says how to reach the device and what it cannot tell by itself.
type Options struct {
	// Baud is the rate the device is at, and stays at unless Fastest is higher. Zero tries the rates it knows.
	Baud int
	// Fastest is the rate to raise the line to at most: zero means Baud or, when that is zero too, 115200.
	Fastest int
	// LaserNM is the excitation wavelength in vacuum, 200 to 2000 nm; it goes before the calibration's.
	LaserNM float64
	// Calibration is the host's; without it there are no wavelengths and no serial number.
	Calibration hostcal.Calibration
	// ASCII has spectra sent as digits.
	ASCII bool
	// Margin is what the device may take beyond integrating and sending; one second when zero.
	Margin time.Duration
	// Now is the clock that stamps frames; time.Now when nil.
	Now func() time.Time
}

const (
	minIntegration   = 50 * time.Millisecond
	maxIntegration   = 65 * time.Second
	startIntegration = 100 * time.Millisecond
)

// Driver is an opened spectrometer; it implements device.Spectrometer.
type Driver struct {
	link   lockstep.Link
	info   device.Info
	ascii  bool
	now    func() time.Time
	raised bool

	integration time.Duration
	// unset is true while it is unknown whether the device took the integration time.
	unset bool
}

// Open opens the serial port at path and looks for the device. The errors are those of package device: ErrNotFound,
// ErrBusy, ErrTimeout (nothing answers), ErrProtocol (something else answers), ErrRange (options that cannot be),
// ErrGone; or hostcal.ErrCalibration.
func Open(ctx context.Context, path string, o Options) (device.Spectrometer, error) {
	if o.LaserNM == 0 {
		o.LaserNM = o.Calibration.LaserNM
	}
	if o.LaserNM != 0 && !(o.LaserNM >= 200 && o.LaserNM <= 2000) {
		return nil, fmt.Errorf("open %s: laser of %g nm: %w: 200 to 2000 nm", path, o.LaserNM, device.ErrRange)
	}
	axis, err := o.Calibration.Wavelengths(pixels)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	bauds := tryBauds
	if o.Baud != 0 {
		bauds = []int{o.Baud, o.Baud} // twice: the device may still be busy with what an earlier program asked for
	}
	port, err := serialport.Open(ctx, path, serialport.Options{Baud: bauds[0]})
	if err != nil {
		return nil, err
	}
	d := &Driver{now: o.Now, ascii: o.ASCII}
	d.link = lockstep.Link{Port: port, Margin: o.Margin, Probe: d.probe, Signs: d.signs, Longest: digitsSize + 16}
	if d.now == nil {
		d.now = time.Now
	}
	d.info = device.Info{
		Type: "bwtek", Model: "B&W Tek BTC100/BTC110", SerialNumber: o.Calibration.SerialNumber, Port: port.Name(), Pixels: pixels,
		MaxCounts: 65535, MinIntegration: minIntegration, MaxIntegration: maxIntegration, WavelengthsNM: axis, LaserNM: o.LaserNM,
		Simulated: serialport.IsPseudoTerminal(path),
	}
	if d.info.Simulated {
		d.info.Model += " (SIMULATED)"
	}
	if err := d.start(ctx, bauds, o); err != nil {
		d.Close()
		return nil, fmt.Errorf("open spectrometer on %s: %w", path, err)
	}
	return d, nil
}

func (d *Driver) start(ctx context.Context, bauds []int, o Options) error {
	if _, err := d.link.ResyncAt(ctx, bauds...); err != nil {
		return err
	}
	fastest := o.Fastest
	if fastest == 0 && o.Baud == 0 {
		fastest = rates[0]
	}
	if err := d.raise(ctx, fastest); err != nil {
		return err
	}
	// Averaging is the host's, so that every raw frame is kept.
	if err := d.command(ctx, "set scans to average", 'A', 1); err != nil {
		return err
	}
	return d.SetIntegrationTime(ctx, startIntegration)
}

// mode is the command that sets the form of spectra; being without other effect, it is the probe as well.
func (d *Driver) mode() []byte {
	if d.ascii {
		return Encode('a', -1)
	}
	return Encode('b', -1)
}

func (d *Driver) probe(n int) []byte { return bytes.Repeat(d.mode(), n) }

func (d *Driver) signs(b []byte) int {
	one := strings.TrimSpace(string(d.mode())) + "\r\nACK\r\n"
	n := strings.Count(string(b), one)
	if n*len(one) != len(b) {
		return 0
	}
	return n
}

// command tells and waits for the acknowledgement. All commands of the driver may be repeated without harm.
func (d *Driver) command(ctx context.Context, name string, letter byte, number int) error {
	b, judge := Encode(letter, number), refusal()
	_, err := d.link.Query(ctx, lockstep.Request{
		Name: fmt.Sprintf("%s (%c)", name, letter), Bytes: b, Reply: len(b) + len(acknowledged) + 1,
		Parse: func(got []byte) (int, error) {
			n, err := DecodeReply(got, b)
			return n, judge(err)
		},
	})
	return err
}

// refusal turns the device's no into device.ErrRefused, but only the second time it is said: a damaged ACK looks like
// one, and what is no answer is asked for once more.
func refusal() func(error) error {
	before := false
	return func(err error) error {
		no := errors.Is(err, ErrNotACK)
		if no && before {
			err = fmt.Errorf("%w: %w", device.ErrRefused, err)
		}
		before = before || no
		return err
	}
}

func (d *Driver) Info() device.Info { return d.info }

// SetIntegrationTime sets the exposure of the following scans, in whole milliseconds; Frame.IntegrationTime tells the
// rounded one.
func (d *Driver) SetIntegrationTime(ctx context.Context, t time.Duration) error {
	t = t.Round(time.Millisecond)
	if t < minIntegration || t > maxIntegration {
		return fmt.Errorf("integration time %v: %w: %v to %v", t, device.ErrRange, minIntegration, maxIntegration)
	}
	err := d.command(ctx, "set integration time", 'I', int(t.Milliseconds()))
	if errors.Is(err, device.ErrRefused) {
		return err
	}
	d.integration, d.unset = t, err != nil
	return err
}

// Scan takes one fresh frame. Raw is the device's whole answer: echo, acknowledgement, pixels.
func (d *Driver) Scan(ctx context.Context) (device.Frame, error) {
	if d.unset {
		if err := d.SetIntegrationTime(ctx, d.integration); err != nil {
			return device.Frame{}, fmt.Errorf("scan: %w", err)
		}
	}
	f := device.Frame{IntegrationTime: d.integration}
	command := Encode('S', -1)
	head := len(command) + 1 + len(acknowledged)
	size := head + 3*sent
	if d.ascii {
		size = head + digitsSize
	}
	var counts []uint16
	judge := refusal()
	raw, err := d.link.Query(ctx, lockstep.Request{
		Name: "acquire spectrum (S)", Bytes: command, Reply: size, Work: d.integration, Head: head,
		Parse: func(b []byte) (n int, err error) {
			if len(b) == 0 { // just sent, for a repetition too
				f.Started = d.now()
			}
			counts, n, err = DecodeSpectrum(b, command, d.ascii)
			return n, judge(err)
		},
	})
	if err != nil {
		return device.Frame{}, fmt.Errorf("scan with %v: %w", d.integration, err)
	}
	f.Raw, f.Counts = raw, make([]float64, len(counts))
	for p, v := range counts {
		f.Counts[p] = float64(v)
	}
	return f, nil
}

// Temperature returns device.ErrRefused: there is no sensor.
func (d *Driver) Temperature(context.Context) (float64, error) {
	return 0, fmt.Errorf("temperature: %w: the bench has no sensor", device.ErrRefused)
}

// Lamp returns device.ErrRefused: the laser is not the bench's to switch.
func (d *Driver) Lamp(context.Context, bool) error {
	return fmt.Errorf("switch the laser: %w", device.ErrNoLaser)
}

// Close puts the power-on rate back if it was raised, and releases the port.
func (d *Driver) Close() error {
	if d.raised {
		ctx, cancel := context.WithTimeout(context.Background(), d.link.BusyFor()+closeLimit)
		defer cancel()
		_, _ = d.changeBaud(ctx, homeBaud) // an unplugged device cannot be told; the next Open finds the other rate
	}
	return d.link.Port.Close()
}

// closeLimit is for the device to answer what closing asks of it.
const closeLimit = 4 * time.Second
