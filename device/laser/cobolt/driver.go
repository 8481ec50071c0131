package cobolt

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"fentrace/device"
	"fentrace/device/serialport"
)

// usualBaud is the rate of the 04, 06 and 08 series.
const usualBaud = 115200

// Options say how to reach the laser.
type Options struct {
	Baud    int           // 115200 when zero
	PowerMW float64       // set-point; 0 leaves the laser's own
	Margin  time.Duration // what the laser may take for an answer, beyond sending it; has to be set
}

// Driver is the laser on its port. It is used by one goroutine at a time.
type Driver struct {
	port   serialport.Port
	o      Options
	info   device.LaserInfo
	dec    Decoder
	syncs  uint32
	inStep bool // every message so far has had its answer
}

// Open opens the port. Nothing is sent yet: the first message is to be the one that switches off.
func Open(ctx context.Context, path string, o Options) (*Driver, error) {
	if o.Baud == 0 {
		o.Baud = usualBaud
	}
	if o.PowerMW != 0 && !(o.PowerMW >= smallestPowerMW && o.PowerMW <= largestPowerMW) {
		return nil, fmt.Errorf("open %s: laser power of %g mW: %w: %g to %d mW", path, o.PowerMW, device.ErrRange, smallestPowerMW, largestPowerMW)
	}
	port, err := serialport.Open(ctx, path, serialport.Options{Baud: o.Baud})
	if err != nil {
		return nil, err
	}
	return &Driver{port: port, o: o, syncs: uint32(time.Now().UnixNano()), info: device.LaserInfo{
		Type: "cobolt", Model: "Cobolt", Port: path, Interlock: true, ReadBack: true, Simulated: serialport.IsPseudoTerminal(path),
	}}, nil
}

// Info says what Identify found.
func (d *Driver) Info() device.LaserInfo { return d.info }

// Identify reads the serial number, ends autostart, which would let the laser fire as soon as it gets power, and sets
// the power.
func (d *Driver) Identify(ctx context.Context) error {
	var err error
	if d.info.SerialNumber, err = d.query(ctx, cmdSerialNumber); err != nil {
		return err
	}
	d.info.Simulated = d.info.Simulated || strings.HasPrefix(d.info.SerialNumber, "SIM-")
	autostart, err := d.flag(ctx, cmdAutostart)
	if err != nil {
		return err
	}
	if autostart {
		if err := d.command(ctx, cmdAutostartOff); err != nil {
			return err
		}
	}
	if d.o.PowerMW == 0 {
		return nil
	}
	if err := d.command(ctx, setPower(d.o.PowerMW)); err != nil {
		return err
	}
	set, err := d.number(ctx, cmdPower)
	if err != nil {
		return err
	}
	if math.Abs(1000*set-d.o.PowerMW) > smallestPowerMW/2+1e-9 {
		return fmt.Errorf("laser power of %g mW: %w: the laser keeps %g mW", d.o.PowerMW, device.ErrRange, 1000*set)
	}
	return nil
}

// Ready reads the fault and then, as the last message, the interlock. A fault left by an interlock that is closed again
// is cleared, but the laser is not ready yet: whoever opened it may be in the beam, and has to be looked for before the
// laser is asked for once more.
func (d *Driver) Ready(ctx context.Context) error {
	v, err := d.number(ctx, cmdFault)
	if err != nil {
		return err
	}
	fault := Fault(v)
	if float64(fault) != v {
		return fmt.Errorf("%q: %w: %g is no number of a fault", cmdFault, device.ErrProtocol, v)
	}
	if err := d.Interlock(ctx); err != nil {
		return err
	}
	switch fault {
	case NoFault:
		return nil
	case InterlockOpen:
		if err := d.command(ctx, cmdClearFault); err != nil {
			return err
		}
		return fmt.Errorf("%w no more, but was: look that nobody is in the beam, then switch the laser on again", device.ErrInterlock)
	}
	return fmt.Errorf("%w: %v", device.ErrFault, fault)
}

// Interlock is nil when the interlock is closed.
func (d *Driver) Interlock(ctx context.Context) error {
	open, err := d.flag(ctx, cmdInterlock)
	if err == nil && open {
		err = fmt.Errorf("%w: close the cover and try again", device.ErrInterlock)
	}
	return err
}

// Switch switches the laser. Off is sent at once, whatever state the link is in. A bare CR is never sent: it would carry
// out what an earlier program may have left in the laser's buffer, such as "l1".
func (d *Driver) Switch(ctx context.Context, on bool) error {
	if on {
		_, err := d.once(ctx, cmdOn, expectOK) // not repeated: the interlock was read just before
		return err
	}
	if !d.inStep {
		if err := d.send(ctx, cmdOff); err != nil {
			return err
		}
	}
	return d.command(ctx, cmdOff)
}

// Shining reads whether the laser is on.
func (d *Driver) Shining(ctx context.Context) (bool, error) { return d.flag(ctx, cmdState) }

// Power is the measured power in milliwatts.
func (d *Driver) Power(ctx context.Context) (float64, error) {
	w, err := d.number(ctx, cmdMeasured)
	return 1000 * w, err
}

// Close releases the port.
func (d *Driver) Close() error { return d.port.Close() }

// expectOK and the like say what an answer has to be.
func expectOK(answer string) error {
	if answer != answerOK {
		return fmt.Errorf("%w: answered %q, expected OK", device.ErrProtocol, answer)
	}
	return nil
}

func (d *Driver) command(ctx context.Context, text string) error {
	_, err := d.twice(ctx, text, expectOK)
	return err
}

func (d *Driver) query(ctx context.Context, text string) (string, error) {
	return d.twice(ctx, text, func(string) error { return nil })
}

func (d *Driver) number(ctx context.Context, text string) (v float64, err error) {
	_, err = d.twice(ctx, text, func(answer string) (err error) {
		v, err = number(answer)
		return err
	})
	return v, err
}

func (d *Driver) flag(ctx context.Context, text string) (v bool, err error) {
	_, err = d.twice(ctx, text, func(answer string) (err error) {
		v, err = flag(answer)
		return err
	})
	return v, err
}

// twice asks again when the answer was garbled; nothing that is asked this way does harm when it is done twice.
func (d *Driver) twice(ctx context.Context, text string, expect func(string) error) (string, error) {
	answer, err := d.once(ctx, text, expect)
	if errors.Is(err, device.ErrProtocol) {
		answer, err = d.once(ctx, text, expect)
	}
	return answer, err
}

// once sends one message and reads its one answer. Whatever goes wrong leaves the link out of step: answers do not say
// what they answer, so that a late "0" would pass for the state of the interlock.
func (d *Driver) once(ctx context.Context, text string, expect func(string) error) (answer string, err error) {
	if !d.inStep {
		if err := d.step(ctx); err != nil {
			return "", d.describe(text, err)
		}
	}
	d.inStep = false
	answer, err = d.ask(ctx, text, func(string) bool { return true })
	switch {
	case err != nil:
		return "", d.describe(text, err)
	case strings.HasPrefix(answer, answerSyntax):
		return "", d.describe(text, fmt.Errorf("%w: it answered %q", device.ErrRefused, answer))
	case d.dec.Rest() > 0:
		return "", d.describe(text, fmt.Errorf("%w: more came than the one answer", device.ErrProtocol))
	}
	if err := expect(answer); err != nil {
		return "", d.describe(text, err)
	}
	d.inStep = true
	return answer, nil
}

// step waits until the line is quiet and sends a word that is no command. Its "Syntax error" ends what is left of
// earlier answers, as they come in order. Should the laser be so late that an earlier word's answer is taken for it,
// then the next answer is a "Syntax error" where none is expected, which is noticed.
func (d *Driver) step(ctx context.Context) error {
	d.dec = Decoder{}
	if err := d.port.ResetInput(ctx); err != nil {
		return err
	}
	d.syncs++
	word := fmt.Sprintf("%s%08x?", syncWord, d.syncs)
	_, err := d.ask(ctx, word, func(answer string) bool {
		return strings.HasPrefix(answer, answerSyntax) && (strings.Contains(answer, word) || !strings.Contains(answer, syncWord))
	})
	d.inStep = err == nil
	return err
}

// ask sends one message and reads answers until one is wanted. Unreadable ones are passed over only while others are.
func (d *Driver) ask(ctx context.Context, text string, wanted func(string) bool) (answer string, err error) {
	err = serialport.Ask(ctx, d.port, Command(text), reservedForReply, d.o.Margin, func(piece []byte) (bool, error) {
		d.dec.Write(piece)
		for {
			a, ok, err := d.dec.Next()
			switch {
			case err != nil && strings.HasPrefix(text, syncWord):
				continue
			case err != nil || !ok:
				return false, err
			case wanted(a):
				answer = a
				return true, nil
			}
		}
	})
	return answer, err
}

func (d *Driver) send(ctx context.Context, text string) error {
	timed, cancel := context.WithTimeoutCause(ctx, d.o.Margin, device.ErrTimeout)
	defer cancel()
	if err := d.port.Write(timed, Command(text)); err != nil {
		return d.describe(text, err)
	}
	return nil
}

func (d *Driver) describe(text string, err error) error {
	return fmt.Errorf("laser on %s, %q: %w", d.port.Name(), text, err)
}
