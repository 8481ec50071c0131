package laser

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"fentrace/device"
	"fentrace/device/serialport"
)

// Driver is one protocol, without any safety of its own. Its methods are called one at a time, end when ctx ends, and
// leave the link usable for the next call unless the error is device.ErrGone.
type Driver interface {
	// Identify asks the laser what it is and sets it up. It is called once, when the laser is off.
	Identify(ctx context.Context) error
	// Info does not change after Identify.
	Info() device.LaserInfo
	// Ready is nil when the laser may fire: no fault, interlock closed. Its last message reads the interlock, or what
	// comes nearest to it.
	Ready(ctx context.Context) error
	// Switch switches the laser and waits for the acknowledgement. Off comes first: it is sent at once, before anything
	// that a link in doubt may need to be put right.
	Switch(ctx context.Context, on bool) error
	// Shining reads whether the laser is on. It is called only when Info's ReadBack is true.
	Shining(ctx context.Context) (bool, error)
	// Interlock and Power are those of device.Laser. Interlock is called only when Info's Interlock is true.
	Interlock(ctx context.Context) error
	Power(ctx context.Context) (float64, error)
	// Close releases the port.
	Close() error
}

const (
	// offPause is waited before a refused switching-off is tried again, so that a laser that answers fast is not
	// flooded.
	offPause = 20 * time.Millisecond
	// keepTrying is how long the watchdog waits between attempts at a laser that would not go off.
	keepTrying = time.Second
)

// ErrWatchdog is why a laser went off that nobody had asked to stay on.
var ErrWatchdog = errors.New("the watchdog switched the laser off: it was on for longer than expected")

// Guard is a laser that goes off by itself; see the package. It implements device.Laser.
type Guard struct {
	drv Driver
	o   Options
	// use is held while the laser is talked to.
	use chan struct{}

	mu sync.Mutex // guards what follows, never held while the laser is talked to
	// lit is true from before the message that fires until the laser has said that it is off.
	lit    bool
	why    error // why it went off by itself, until the next On or Off
	closed bool
	round  int                     // counts On and Off, so that what was meant for an earlier one is told apart
	ending int                     // how many wait to switch it off
	abort  context.CancelCauseFunc // ends an On under way
	unbind func() bool             // releases the context of the On that fired
	timer  *time.Timer             // the watchdog
	until  time.Time               // when it bites
}

// NewGuard takes over a driver and switches its laser off. When that cannot be had the driver is closed.
func NewGuard(ctx context.Context, drv Driver, o Options) (*Guard, error) {
	g := &Guard{drv: drv, o: o.filled(), use: make(chan struct{}, 1), lit: true} // lit until it says otherwise
	done := false
	defer func() {
		if !done {
			drv.Close()
		}
	}()
	if err := g.o.check(); err != nil {
		return nil, err
	}
	if err := g.extinguish(ctx); err != nil {
		return nil, err
	}
	if err := drv.Identify(ctx); err != nil {
		g.offAgain()
		return nil, err
	}
	done = true
	return g, nil
}

func (g *Guard) Info() device.LaserInfo { return g.drv.Info() }

// On is that of device.Laser. A laser that is on already is asked whether it shines, and is bound to the new ctx.
func (g *Guard) On(ctx context.Context) error {
	if err := g.take(ctx); err != nil {
		return err
	}
	defer g.release()
	firing, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if err := g.begin(cancel); err != nil {
		return err
	}
	defer g.begun()
	err := g.protect(ctx, func() error { return g.fire(firing) })
	if err == nil {
		g.bind(ctx)
	}
	return err
}

// protect runs do and leaves the laser off when do fails or panics. The caller holds use.
func (g *Guard) protect(ctx context.Context, do func() error) (err error) {
	done := false
	defer func() {
		if done && err == nil || !g.isLit() {
			return
		}
		err = errors.Join(err, g.extinguish(ctx))
	}()
	err = do()
	done = true
	return err
}

// fire is On with use held.
func (g *Guard) fire(ctx context.Context) error {
	if !g.isLit() {
		// Asked before the warning too: nobody has to leave a room for a laser that would not fire.
		if err := g.drv.Ready(ctx); err != nil {
			return err
		}
		if err := g.warn(ctx); err != nil {
			return err
		}
		if err := g.drv.Ready(ctx); err != nil {
			return err
		}
		g.setLit(true)
		g.Keepalive(4 * g.o.Margin) // what the answers may take
		if err := g.drv.Switch(ctx, true); err != nil {
			return err
		}
	}
	if err := g.mustShine(ctx); err != nil {
		return err
	}
	g.Keepalive(g.o.WarmUp)
	return serialport.Pause(ctx, g.o.WarmUp)
}

func (g *Guard) mustShine(ctx context.Context) error {
	if !g.Info().ReadBack {
		return nil // its acknowledgement has to do
	}
	shines, err := g.drv.Shining(ctx)
	switch {
	case err != nil:
		return err
	case !shines:
		// Where the laser tells why, say so.
		return errors.Join(fmt.Errorf("%w: it says that it is off", device.ErrDark), g.drv.Ready(ctx))
	}
	return nil
}

// warn gives whoever is near the time to get out of the beam.
func (g *Guard) warn(ctx context.Context) error {
	if g.o.WarningDelay <= 0 {
		return ctx.Err()
	}
	if g.o.Warning != nil {
		g.o.Warning(g.o.WarningDelay)
	}
	return serialport.Pause(ctx, g.o.WarningDelay)
}

// Off is that of device.Laser.
func (g *Guard) Off(ctx context.Context) error {
	release, err := g.takeForOff(ctx, errors.New("it was switched off"))
	if err != nil {
		return err
	}
	defer release()
	g.forget()
	if g.isClosed() {
		return nil
	}
	return g.extinguish(ctx)
}

// extinguish repeats switching off until the laser has said that it is off. The caller holds use.
func (g *Guard) extinguish(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), g.o.OffLimit, device.ErrTimeout)
	defer cancel()
	for {
		err := g.offOnce(ctx)
		if err == nil {
			g.setLit(false)
			return nil
		}
		if errors.Is(err, device.ErrGone) || serialport.Pause(ctx, offPause) != nil {
			return fmt.Errorf("%w: turn its key or open its interlock: switch the laser off: %w", device.ErrLaserOn, err)
		}
	}
}

// offAgain tells a laser that has said that it is off, and was not switched on since, once more: for what nobody thought of.
func (g *Guard) offAgain() {
	ctx, cancel := context.WithTimeoutCause(context.Background(), g.o.Margin, device.ErrTimeout)
	defer cancel()
	_ = g.drv.Switch(ctx, false)
}

func (g *Guard) offOnce(ctx context.Context) error {
	if err := g.drv.Switch(ctx, false); err != nil || !g.Info().ReadBack {
		return err
	}
	shines, err := g.drv.Shining(ctx)
	if err == nil && shines {
		err = fmt.Errorf("%w: it acknowledged, and says that it is on", device.ErrRefused)
	}
	return err
}

// Shining is that of device.Laser.
func (g *Guard) Shining(ctx context.Context) (bool, error) {
	if err := g.take(ctx); err != nil {
		return false, fmt.Errorf("ask whether the laser is on: %w", err)
	}
	defer g.release()
	g.mu.Lock()
	lit, why := g.lit, g.why
	g.mu.Unlock()
	if !lit {
		return false, why
	}
	err := g.protect(ctx, func() error { return g.mustShine(ctx) })
	return err == nil, err
}

// Interlock is that of device.Laser. Any error switches the laser off.
func (g *Guard) Interlock(ctx context.Context) error {
	if !g.Info().Interlock {
		return fmt.Errorf("ask for the laser's interlock: %w: a %s laser does not tell it", device.ErrRefused, g.Info().Type)
	}
	return g.ask(ctx, "ask for the laser's interlock", g.drv.Interlock)
}

// Power is that of device.Laser. Any error but ErrRefused switches the laser off.
func (g *Guard) Power(ctx context.Context) (mW float64, err error) {
	var refused error
	err = g.ask(ctx, "ask for the laser's power", func(ctx context.Context) (err error) {
		if mW, err = g.drv.Power(ctx); errors.Is(err, device.ErrRefused) {
			refused, err = err, nil
		}
		return err
	})
	return mW, errors.Join(err, refused)
}

func (g *Guard) ask(ctx context.Context, doing string, question func(context.Context) error) error {
	if err := g.take(ctx); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	defer g.release()
	if err := g.protect(ctx, func() error { return question(ctx) }); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return nil
}

// Close is that of device.Laser. The port is released even when the laser would not go off.
func (g *Guard) Close() error {
	ctx := context.Background()
	release, err := g.takeForOff(ctx, os.ErrClosed)
	if err != nil {
		return err
	}
	defer release()
	if g.isClosed() {
		return nil
	}
	g.forget()
	if g.isLit() {
		err = g.extinguish(ctx)
	} else {
		g.offAgain()
	}
	g.finish()
	return errors.Join(err, g.drv.Close())
}
