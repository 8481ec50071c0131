package oceanletter

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"fentrace/device"
	"fentrace/device/hostcal"
	"fentrace/device/lockstep"
)

// Calibration slots of the EEPROM.
const (
	slotSerial       = 0
	slotWavelength   = 1 // to 4
	slotNonlinearity = 6 // to 13
	slotOrder        = 14
	slotStartBaud    = 18
	maxOrder         = 7
)

// setMode makes the device speak binary or ASCII, whichever it spoke before, and sees that it does.
func (d *Driver) setMode(ctx context.Context, mode Mode) error {
	letters := toBinary
	if mode == ASCII {
		letters = toASCII
	}
	r := lockstep.Request{
		Name: fmt.Sprintf("set data mode (%s)", letters), Bytes: letters, Reply: 16, Head: 4,
		Parse: func(b []byte) (int, error) {
			// An ASCII device echoes, and which of its modes the prompt after the acknowledgement belongs to is not
			// documented: what is left of it is drained afterwards.
			control, at, err := ASCII.begin(b)
			if err != nil {
				return 0, err
			}
			if rest := bytes.Trim(b[at+1:], "\r\n> "); len(rest) > 0 || control != ack && control != nak {
				return 0, fmt.Errorf("%w: % X", ErrNotAnswer, b[:min(len(b), 8)])
			}
			if control == nak {
				err = refusal(ErrNak)
			}
			return len(b), err
		},
	}
	if _, err := d.link.Query(ctx, r); err != nil {
		return err
	}
	if err := d.link.Drain(ctx); err != nil {
		return err
	}
	// Only the version shows whether it worked: two bytes or digits.
	d.mode = mode
	values, err := d.ask(ctx, "version", 1, "v")
	if err != nil {
		return err
	}
	d.version = values[0]
	d.info.Firmware = fmt.Sprintf("%d.%02d.%d", d.version/1000, d.version/10%100, d.version%10)
	return nil
}

// prepare puts the device into the state the driver counts on. The laser goes off first: blanks that completed a
// command of an earlier program may have switched it on.
func (d *Driver) prepare(ctx context.Context) error {
	for _, c := range []struct {
		name, letters string
		value         uint16
	}{
		{"switch the lamp line off", "J", 0},
		{"set trigger mode", "T", 0}, // free running
		{"set storage mode", "M", 0}, // send, do not store
		{"set scans to add", "A", 1},
		{"set boxcar width", "B", 0}, // smoothing is the host's, so that every raw frame is kept
		{"set compression", "G", 0},
		{"set checksum mode", "k", 0},
		{"set pixel mode", "P", 0},
	} {
		if err := optional(d.command(ctx, c.name, c.letters, Word(c.value))); err != nil {
			return err
		}
	}
	return nil
}

// identify takes a trial spectrum, which shows what kind of device this is, and reads the calibration.
func (d *Driver) identify(ctx context.Context) (err error) {
	const trial = 10 * time.Millisecond // within the limits of all models
	if err := d.command(ctx, "set integration time", "I", Word(uint16(trial.Milliseconds()))); err != nil {
		return err
	}
	if d.layout, err = d.trialScan(ctx, trial); err != nil {
		return err
	}
	if d.info.SerialNumber, err = d.slot(ctx, slotSerial); err != nil {
		return err
	}
	d.model = findModel(d.layout.Shape, d.layout.Count, d.info.SerialNumber)
	if err := d.readWavelengths(ctx); err != nil {
		return err
	}
	if err := d.readNonlinearity(ctx); err != nil {
		return err
	}
	text, err := d.slot(ctx, slotStartBaud)
	if k, bad := strconv.Atoi(text); bad == nil && k >= 0 && k < len(rates) {
		d.homeBaud = rates[k]
	}
	return err
}

// trialScan counts the words of a spectrum. It ends with a silence, as nobody knows yet how long it is.
func (d *Driver) trialScan(ctx context.Context, integration time.Duration) (l Layout, err error) {
	r := lockstep.Request{
		Name: "acquire trial spectrum (S)", Bytes: d.mode.Encode("S"), Reply: longest, Work: integration, Head: d.head(8) + 1, Silence: endSilence,
		Parse: func(b []byte) (int, error) {
			control, at, err := d.mode.begin(b)
			switch {
			case err != nil:
				return 0, err
			case control == etx || control == nak:
				n, err := d.mode.end(b, at+1)
				if err == nil {
					err = refusal(ErrNak)
				}
				return n, err
			}
			return 0, lockstep.ErrIncomplete
		},
	}
	for range maxTrials {
		var b []byte
		if b, err = d.link.Query(ctx, r); err != nil {
			return Layout{}, err
		}
		if l, err = Probe(d.mode, b, integration); err == nil {
			return l, nil
		}
		if rerr := d.link.Resync(ctx); rerr != nil {
			return Layout{}, rerr
		}
	}
	return Layout{}, fmt.Errorf("%s: %w: %w", r.Name, device.ErrProtocol, err)
}

// slot reads a calibration text, again and again until two readings agree, as nothing else guards it against noise on
// the line; "" for a slot the device does not have.
func (d *Driver) slot(ctx context.Context, number int) (string, error) {
	name := fmt.Sprintf("calibration slot %d", number)
	letters := append(d.mode.Encode("?x", Word(uint16(number))), ' ')
	last, again := "", false
	for range maxReadings {
		text := ""
		b, err := d.link.Query(ctx, lockstep.Request{
			Name: name + " (?x)", Bytes: letters, Reply: 64, Head: d.head(len(letters)), Silence: endSilence,
			Parse: func(b []byte) (n int, err error) {
				text, n, err = d.mode.DecodeText(b, false)
				return n, refusal(err)
			},
		})
		if err == nil && bytes.IndexByte(b, nak) < 0 { // ended by silence: the NAK may still come, and look like a refusal
			d.link.Busy(0)
			if text, _, err = d.mode.DecodeText(b, true); err != nil {
				err = refusal(fmt.Errorf("%s: %w: %w", name, device.ErrProtocol, err))
			}
		}
		if optional(err) != nil {
			return "", err
		}
		if again && text == last {
			return text, nil
		}
		last, again = text, true
	}
	return "", fmt.Errorf("%s: %w: no two readings agree", name, device.ErrProtocol)
}

// maxTrials of the trial spectrum, which may break off on a poor line or a busy host.
const maxTrials = 3

// endSilence ends what has no other end.
const endSilence = 500 * time.Millisecond

// maxReadings of a calibration text; two that agree are needed.
const maxReadings = 6

// readWavelengths evaluates lambda(p) = c0 + c1 p + c2 p² + c3 p³ over the pixels. A device without c0 and c1 has no
// calibration: WavelengthsNM stays empty. One whose polynomial does not run one way is refused.
func (d *Driver) readWavelengths(ctx context.Context) error {
	var c [4]float64
	for i := range c {
		text, err := d.slot(ctx, slotWavelength+i)
		if err != nil {
			return err
		}
		v, ok := number(text)
		if !ok && i < 2 {
			return nil
		}
		c[i] = v
	}
	axis, err := hostcal.Wavelengths(c[:], d.layout.Count)
	if err != nil {
		return fmt.Errorf("calibration slots 1 to 4: %w: %w; the device needs its calibration restored", device.ErrProtocol, err)
	}
	d.info.WavelengthsNM = axis
	return nil
}

// readNonlinearity reads the polynomial that the maker found; a device that was never measured has none.
func (d *Driver) readNonlinearity(ctx context.Context) error {
	text, err := d.slot(ctx, slotOrder)
	if err != nil {
		return err
	}
	order, bad := strconv.Atoi(text)
	if bad != nil || order < 0 || order > maxOrder {
		return nil
	}
	var c []float64
	for i := range order + 1 {
		text, err := d.slot(ctx, slotNonlinearity+i)
		if err != nil {
			return err
		}
		v, ok := number(text)
		if !ok {
			return nil
		}
		c = append(c, v)
	}
	// A polynomial that is not about 1 for a weak signal was never programmed.
	if c[0] < 0.5 || c[0] > 2 {
		return nil
	}
	d.info.Nonlinearity = c
	return nil
}

// number reads a calibration text such as "1.798e+02".
func number(text string) (float64, bool) {
	v, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	return v, err == nil && !math.IsNaN(v) && !math.IsInf(v, 0)
}

// apply fills Info for what the options ask for, and sets the device up for it.
func (d *Driver) apply(ctx context.Context, o Options) error {
	all := d.layout.Count
	chosen, err := o.Pixels.indices(all)
	if err != nil {
		return err
	}
	d.info.Simulated = strings.HasPrefix(d.info.SerialNumber, "SIM-")
	d.info.Model, d.info.Pixels = d.model.name, len(chosen)
	if d.info.Simulated {
		d.info.Model += " (SIMULATED)"
	}
	d.info.DarkPixels = d.model.dark(chosen)
	d.info.MinIntegration, d.info.MaxIntegration = d.model.min, d.model.max
	if d.info.WavelengthsNM != nil {
		axis := make([]float64, len(chosen))
		for i, p := range chosen {
			axis[i] = d.info.WavelengthsNM[p]
		}
		d.info.WavelengthsNM = axis
	}
	d.info.MaxCounts = d.model.maxCounts * float64(d.add)
	for i := range d.info.Nonlinearity { // of the sum of so many exposures
		d.info.Nonlinearity[i] /= math.Pow(float64(d.add), float64(i))
	}
	if d.add > 1 {
		if err := d.command(ctx, "set scans to add", "A", Word(uint16(d.add))); errors.Is(err, device.ErrRefused) {
			return fmt.Errorf("%w: %w: the device does not add %d exposures", err, device.ErrRange, d.add)
		} else if err != nil {
			return err
		}
	}
	if o.Pixels.mode != 0 {
		if err := d.command(ctx, "set pixel mode", "P", o.Pixels.command()...); err != nil {
			return err
		}
		d.layout.Chosen, d.layout.Count = o.Pixels, len(chosen)
	}
	if d.layout.Checksum, err = d.accepts(ctx, "set checksum mode", "k"); err != nil {
		return err
	}
	if o.Compress && !o.ASCII {
		if d.layout.Compressed, err = d.accepts(ctx, "set compression", "G"); err != nil {
			return err
		}
	}
	return d.SetIntegrationTime(ctx, min(max(startIntegration, d.info.MinIntegration), d.info.MaxIntegration))
}

// accepts switches an option of the device on and reports whether it has it.
func (d *Driver) accepts(ctx context.Context, name, letter string) (bool, error) {
	err := d.command(ctx, name, letter, Word(1))
	return err == nil, optional(err)
}
