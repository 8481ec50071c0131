package modbus

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"fentrace/device"
	"fentrace/device/serialport"
)

const (
	usualBaud = 9600
	// lateLimit is how long the answer to an unanswered request may still come. The laser is not switched on before that,
	// because the late echo of an earlier "off" would later pass for that of a new one.
	lateLimit = 5 * time.Second
	// gapFloor is the silence between frames above 19200 baud.
	gapFloor = 1750 * time.Microsecond
)

// Options say how to reach the laser.
type Options struct {
	Baud   int           // 9600 when zero
	Power  float64       // set value when on, 1 to 3000, a whole number; with 0 the laser can only be switched off
	Margin time.Duration // what the laser may take for an answer, beyond sending it; has to be set
}

// Driver is the laser on its port. It is used by one goroutine at a time.
type Driver struct {
	port  serialport.Port
	o     Options
	power uint16
	info  device.LaserInfo
	heard time.Time // when the last byte came or went
	// unanswered is when the last request was sent that had no answer; zero when all had.
	unanswered time.Time
}

// Open opens the port. Nothing is sent yet: the first message is to be the one that switches off.
func Open(ctx context.Context, path string, o Options) (*Driver, error) {
	if o.Baud == 0 {
		o.Baud = usualBaud
	}
	if !(o.Power >= 0 && o.Power <= maxPower) || o.Power != math.Trunc(o.Power) {
		return nil, fmt.Errorf("open %s: laser power %g: %w: the set value is a whole number up to %d", path, o.Power, device.ErrRange, maxPower)
	}
	port, err := serialport.Open(ctx, path, serialport.Options{Baud: o.Baud})
	if err != nil {
		return nil, err
	}
	return &Driver{port: port, o: o, power: uint16(o.Power), info: device.LaserInfo{
		Type: "modbus", Model: "Modbus RTU laser", Port: path, Simulated: serialport.IsPseudoTerminal(path),
	}}, nil
}

// Info says what Identify found.
func (d *Driver) Info() device.LaserInfo { return d.info }

// Identify finds out whether the register can be read back. No client is known to do it, so a laser that refuses or does
// not answer is used without; silence is believed only after some time, because reading back is the better proof.
func (d *Driver) Identify(ctx context.Context) error {
	value, err := d.read(ctx)
	if errors.Is(err, device.ErrTimeout) {
		usual := d.o.Margin
		d.o.Margin *= 3
		value, err = d.read(ctx)
		d.o.Margin = usual
	}
	switch {
	case err == nil && value != 0:
		return fmt.Errorf("%w: it acknowledged the power 0 and holds %d", device.ErrProtocol, value)
	case err == nil:
		d.info.ReadBack = true
	case !errors.Is(err, device.ErrRefused) && !errors.Is(err, device.ErrTimeout):
		return err
	}
	return nil
}

// Ready reads that the power is 0, which shows that the laser listens; where that cannot be read it is set once more. The
// protocol has no interlock to read: one that is open cuts the laser's current by itself.
func (d *Driver) Ready(ctx context.Context) error {
	if d.power == 0 {
		return fmt.Errorf("laser on %s: %w: its power was not stated: a set value of 1 to %d (the unit is the maker's)", d.port.Name(), device.ErrRange, maxPower)
	}
	if err := d.settle(ctx); err != nil {
		return err
	}
	if !d.info.ReadBack {
		return d.write(ctx, 0)
	}
	value, err := d.read(ctx)
	if err == nil && value != 0 {
		err = fmt.Errorf("laser on %s: %w: its power is %d before it was switched on", d.port.Name(), device.ErrFault, value)
	}
	return err
}

// settle waits until no answer to an earlier request can come any more.
func (d *Driver) settle(ctx context.Context) error {
	if d.unanswered.IsZero() {
		return nil
	}
	if err := serialport.Pause(ctx, lateLimit-time.Since(d.unanswered)); err != nil {
		return err
	}
	if err := d.port.ResetInput(ctx); err != nil {
		return err
	}
	d.unanswered = time.Time{}
	return nil
}

// Switch writes the power and waits for the echo.
func (d *Driver) Switch(ctx context.Context, on bool) error {
	if on {
		return d.write(ctx, d.power)
	}
	return d.write(ctx, 0)
}

// Shining reads whether the power is not 0. That light comes out, no register tells.
func (d *Driver) Shining(ctx context.Context) (bool, error) {
	value, err := d.read(ctx)
	return value != 0, err
}

// Interlock is refused: the protocol has none.
func (d *Driver) Interlock(context.Context) error { return device.ErrRefused }

// Power is refused: the laser measures none.
func (d *Driver) Power(context.Context) (float64, error) {
	return 0, fmt.Errorf("laser on %s: %w: it does not measure its power", d.port.Name(), device.ErrRefused)
}

// Close releases the port.
func (d *Driver) Close() error { return d.port.Close() }

func (d *Driver) write(ctx context.Context, value uint16) error {
	_, err := d.exchange(ctx, Write(powerRegister, value), writeSize, func(r Reply) bool {
		return r.Function == functionWrite && (r.Exception != 0 || r.Register == powerRegister && r.Value == value)
	})
	if err != nil {
		return fmt.Errorf("laser on %s, set power to %d: %w", d.port.Name(), value, err)
	}
	return nil
}

// read is repeated once when nothing readable came; it changes nothing.
func (d *Driver) read(ctx context.Context) (value uint16, err error) {
	for range 2 {
		var r Reply
		r, err = d.exchange(ctx, Read(powerRegister), readSize, func(r Reply) bool { return r.Function == functionRead })
		if err == nil {
			return r.Value, nil
		}
		if !errors.Is(err, device.ErrProtocol) && !errors.Is(err, device.ErrTimeout) || ctx.Err() != nil {
			break
		}
	}
	return 0, fmt.Errorf("laser on %s, read power: %w", d.port.Name(), err)
}

// exchange sends one request and waits for the answer that wanted takes; others are late ones of earlier requests.
func (d *Driver) exchange(ctx context.Context, b []byte, reply int, wanted func(Reply) bool) (answer Reply, err error) {
	// 3.5 characters of silence part two frames.
	gap := max(35*time.Second/time.Duration(d.port.Baud()), gapFloor)
	if err := serialport.Pause(ctx, gap-time.Since(d.heard)); err != nil {
		return Reply{}, err
	}
	var buf []byte
	err = serialport.Ask(ctx, d.port, b, reply, d.o.Margin, func(piece []byte) (bool, error) {
		buf = append(buf, piece...)
		for {
			r, rest, ok := Decode(buf)
			buf = rest
			if !ok {
				return false, nil
			}
			if wanted(r) {
				answer = r
				return true, nil
			}
		}
	})
	d.heard = time.Now()
	if err != nil {
		d.unanswered = d.heard
		return Reply{}, err
	}
	if answer.Exception != 0 {
		return Reply{}, &ExceptionError{Code: answer.Exception}
	}
	return answer, nil
}
