package oceanletter

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"fentrace/device"
	"fentrace/device/lockstep"
	"fentrace/device/serialport"
)

// Options says how to reach the device and what it cannot tell by itself. The zero value works.
type Options struct {
	// Baud is the rate the device is at, and stays at unless Fastest is higher. Zero tries the rates of the protocol,
	// beginning with 9600.
	Baud int
	// Fastest is the rate to raise the line to at most. Zero means Baud or, when that is zero too, the fastest that
	// the device takes. A cable that does not carry a rate is noticed, and the next lower one is used.
	Fastest int
	// LaserNM is the excitation wavelength in vacuum, 200 to 2000 nm; the device does not know it.
	LaserNM float64
	// NoLamp says that the device's lamp line switches no laser: Lamp returns device.ErrRefused then, so that nobody
	// takes a frame for a dark one. It cannot be asked for: every device acknowledges the command.
	NoLamp bool
	// Add is how many exposures the device adds up in one frame, 1 when zero; at most 15 on a USB2000 and 5000 on others.
	// Info.MaxCounts grows with it, but an exposure that saturated among others does not show.
	Add int
	// Pixels chooses which pixels come; Info tells of these only. The zero value is all.
	Pixels Pixels
	// Compress has 16-bit spectra sent as differences, about half the bytes; for slow lines.
	Compress bool
	// ASCII has everything sent as decimal digits, three times the bytes; for looking at what happens.
	ASCII bool
	// Margin is what the device may take beyond integrating and sending; one second when zero.
	Margin time.Duration
	// Now is the clock that stamps frames; time.Now when nil.
	Now func() time.Time
}

// tryBauds are the rates of the protocol, likely ones first.
var tryBauds = []int{9600, 115200, 57600, 38400, 19200, 230400, 2400}

// startIntegration is set when opening.
const startIntegration = 100 * time.Millisecond

// Driver is an opened spectrometer; it implements device.Spectrometer.
type Driver struct {
	link   lockstep.Link
	info   device.Info
	model  model
	mode   Mode
	layout Layout
	add    int
	noLamp bool
	now    func() time.Time

	version  uint16
	homeBaud int // the device's rate at power-on
	raised   bool

	integration time.Duration
	// unset is true while it is unknown whether the device took the integration time.
	unset  bool
	lampOn bool
}

// Open opens the serial port at path, finds the device's rate and reads its calibration. The errors are those of
// package device: ErrNotFound, ErrBusy, ErrTimeout (nothing answers), ErrProtocol (something else answers), ErrRange
// (options that cannot be), ErrGone.
func Open(ctx context.Context, path string, o Options) (device.Spectrometer, error) {
	switch {
	case o.LaserNM != 0 && !(o.LaserNM >= 200 && o.LaserNM <= 2000):
		return nil, fmt.Errorf("open %s: laser of %g nm: %w: 200 to 2000 nm", path, o.LaserNM, device.ErrRange)
	case o.Add < 0 || o.Add > 5000:
		return nil, fmt.Errorf("open %s: %d exposures to add: %w: 1 to 5000", path, o.Add, device.ErrRange)
	}
	bauds := tryBauds
	if o.Baud != 0 {
		bauds = []int{o.Baud, o.Baud} // twice: the device may still be busy with what an earlier program asked for
	}
	port, err := serialport.Open(ctx, path, serialport.Options{Baud: bauds[0]})
	if err != nil {
		return nil, err
	}
	d := &Driver{
		now: o.Now, noLamp: o.NoLamp, add: max(o.Add, 1), homeBaud: 9600,
		link: lockstep.Link{Port: port, Margin: o.Margin, Probe: probe, Signs: signs, Longest: longest},
	}
	if d.now == nil {
		d.now = time.Now
	}
	d.info = device.Info{Type: "oceanletter", Port: port.Name(), LaserNM: o.LaserNM}
	if err := d.start(ctx, bauds, o); err != nil {
		d.Close()
		return nil, fmt.Errorf("open spectrometer on %s: %w", path, err)
	}
	return d, nil
}

// longest is a spectrum of 3840 pixels of 32 bits.
const longest = 16 << 10

// probe is blanks. No command has that letter, so that an idle device answers NAK; and as the rest of a command that
// was left half sent, blanks make a value that is out of range where a value in range could do harm.
func probe(n int) []byte { return []byte(strings.Repeat(" ", n)) }

// signs counts NAKs, in ASCII mode within the echo and the prompt.
func signs(b []byte) int {
	naks := 0
	for _, c := range b {
		switch c {
		case nak:
			naks++
		case ' ', '\r', '\n', '>':
		default:
			return 0
		}
	}
	return naks
}

func (d *Driver) start(ctx context.Context, bauds []int, o Options) error {
	if _, err := d.link.ResyncAt(ctx, bauds...); err != nil {
		return err
	}
	mode := Binary
	if o.ASCII {
		mode = ASCII
	}
	if err := d.setMode(ctx, mode); err != nil {
		return err
	}
	if err := d.prepare(ctx); err != nil {
		return err
	}
	fastest := o.Fastest
	if fastest == 0 && o.Baud == 0 {
		fastest = fastestBaud
	}
	if err := d.raise(ctx, fastest); err != nil {
		return err
	}
	if err := d.identify(ctx); err != nil {
		return err
	}
	return d.apply(ctx, o)
}

// command tells and waits for the acknowledgement. All commands of the driver may be repeated without harm.
func (d *Driver) command(ctx context.Context, name, letters string, args ...Value) error {
	_, err := d.ask(ctx, name, 0, letters, args...)
	return err
}

// ask sends a command and returns the words of its answer; a NAK is device.ErrRefused.
func (d *Driver) ask(ctx context.Context, name string, words int, letters string, args ...Value) (values []uint16, err error) {
	_, err = d.link.Query(ctx, d.request(name, words, &values, letters, args...))
	return values, err
}

func (d *Driver) request(name string, words int, into *[]uint16, letters string, args ...Value) lockstep.Request {
	b := d.mode.Encode(letters, args...)
	return lockstep.Request{
		Name: fmt.Sprintf("%s (%s)", name, letters), Bytes: b, Reply: 2*len(b) + 8*words + 8, Head: d.head(len(b)),
		Parse: func(b []byte) (n int, err error) {
			*into, n, err = d.mode.DecodeReply(b, words)
			return n, refusal(err)
		},
	}
}

// head is how many bytes of echo come before a command is carried out.
func (d *Driver) head(sent int) int {
	if d.mode == ASCII {
		return 2 * sent
	}
	return 0
}

func refusal(err error) error {
	if errors.Is(err, ErrNak) {
		return fmt.Errorf("%w: %w", device.ErrRefused, err)
	}
	return err
}

// optional is nil for a refusal: not every model knows every command.
func optional(err error) error {
	if errors.Is(err, device.ErrRefused) {
		return nil
	}
	return err
}

func (d *Driver) Info() device.Info { return d.info }

// SetIntegrationTime sets the exposure of the following scans, in whole microseconds or, on a USB2000, milliseconds;
// Frame.IntegrationTime tells the rounded one.
func (d *Driver) SetIntegrationTime(ctx context.Context, t time.Duration) error {
	t = t.Round(d.model.step)
	if t < d.info.MinIntegration || t > d.info.MaxIntegration {
		return fmt.Errorf("integration time %v: %w: %v to %v", t, device.ErrRange, d.info.MinIntegration, d.info.MaxIntegration)
	}
	var err error
	if d.model.step == time.Millisecond {
		err = d.command(ctx, "set integration time", "I", Word(uint16(t.Milliseconds())))
	} else {
		err = d.command(ctx, "set integration time", "i", DoubleWord(uint32(t.Microseconds())))
	}
	if errors.Is(err, device.ErrRefused) {
		return err
	}
	d.integration, d.unset = t, err != nil
	return err
}

// Temperature returns the temperature of the board in degrees Celsius: the detector, which is not cooled, has no
// sensor of its own. device.ErrRefused: this model has none.
func (d *Driver) Temperature(ctx context.Context) (float64, error) {
	values, err := d.ask(ctx, "temperature", 1, "t")
	if err != nil {
		return 0, err
	}
	t := float64(int16(values[0])) / 100
	if t < -100 || t > 150 {
		return 0, fmt.Errorf("temperature (t): %w: %g °C", device.ErrProtocol, t)
	}
	return t, nil
}

// Lamp switches the lamp-enable line, which gates the laser of Raman instruments; see Options.NoLamp.
func (d *Driver) Lamp(ctx context.Context, on bool) error {
	if d.noLamp {
		return fmt.Errorf("switch the laser: %w: the lamp line switches none on this instrument", device.ErrNoLaser)
	}
	d.lampOn = d.lampOn || on // assumed lit until the device says otherwise
	var set uint16
	if on {
		set = 1
	}
	err := d.command(ctx, "switch the lamp line", "J", Word(set))
	if err == nil {
		d.lampOn = on
	}
	return err
}

// Close switches a lamp left on off, puts the power-on rate back if it was raised, and releases the port.
func (d *Driver) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), d.link.BusyFor()+closeLimit)
	defer cancel()
	if d.lampOn {
		_ = d.Lamp(ctx, false) // an unplugged device cannot be told; closing goes on
	}
	if d.raised {
		_ = d.changeBaud(ctx, d.homeBaud) // the next Open finds the other rate too
	}
	return d.link.Port.Close()
}

// closeLimit is for the device to answer what closing asks of it.
const closeLimit = 4 * time.Second
