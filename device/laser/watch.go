package laser

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"fentrace/device"
)

// take waits for the laser to be free.
func (g *Guard) take(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	select {
	case g.use <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if g.isClosed() {
		g.release()
		return os.ErrClosed
	}
	return nil
}

// takeForOff ends an On under way and waits for the laser to be free as long as switching off may take, whatever ctx
// says. Until the function it returns is called, the laser is the caller's and no On begins.
func (g *Guard) takeForOff(ctx context.Context, why error) (release func(), err error) {
	over := g.endOn(why)
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), g.o.OffLimit, device.ErrTimeout)
	defer cancel()
	select {
	case g.use <- struct{}{}:
		return func() {
			over() // first, so that who takes the laser next is not refused
			g.release()
		}, nil
	case <-ctx.Done():
		over()
		return nil, fmt.Errorf("%w: switch the laser off: its line is in use: %w", device.ErrLaserOn, context.Cause(ctx))
	}
}

func (g *Guard) release() { <-g.use }

// begin notes how the On under way can be ended, and forgets why the laser went off before. It refuses when somebody
// waits to switch the laser off.
func (g *Guard) begin(cancel context.CancelCauseFunc) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ending > 0 {
		return errors.New("it is being switched off")
	}
	g.abort, g.why = cancel, nil
	g.turn()
	return nil
}

func (g *Guard) begun() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.abort = nil
}

// turn begins a new round: the context of the one before counts no more. The caller holds mu.
func (g *Guard) turn() {
	g.round++
	if g.unbind != nil {
		g.unbind()
		g.unbind = nil
	}
}

// endOn ends an On under way, which then leaves the laser off, and lets none begin until the function it returns is
// called.
func (g *Guard) endOn(why error) (over func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ending++
	if g.abort != nil {
		g.abort(why)
	}
	return func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.ending--
	}
}

// bind switches the laser off when ctx ends. It is called after fire, so a ctx that ended meanwhile ends it at once.
func (g *Guard) bind(ctx context.Context) {
	g.mu.Lock()
	defer g.mu.Unlock()
	round := g.round
	g.unbind = context.AfterFunc(ctx, func() { g.trip(round, context.Cause(ctx)) })
}

// forget is for a laser that is switched off on purpose.
func (g *Guard) forget() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.why = nil
	g.turn()
}

// finish makes the guard do nothing more.
func (g *Guard) finish() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
	if g.timer != nil {
		g.timer.Stop()
	}
}

// trip switches off a laser that is on since that round, because of why, and goes on trying when it would not go.
func (g *Guard) trip(round int, why error) {
	if !g.stands(round) {
		return
	}
	ctx := context.Background()
	release, err := g.takeForOff(ctx, why)
	if err != nil {
		g.wind(keepTrying)
		return
	}
	defer release()
	if !g.stands(round) {
		return
	}
	g.mu.Lock()
	if g.why == nil {
		g.why = why
	}
	g.mu.Unlock()
	if g.extinguish(ctx) != nil {
		g.wind(keepTrying)
	}
}

// stands tells whether the laser may still be on as it was in that round.
func (g *Guard) stands(round int) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return !g.closed && g.lit && g.round == round
}

// Keepalive is that of device.Laser.
func (g *Guard) Keepalive(d time.Duration) { g.wind(max(d, 0) + g.o.Watchdog) }

// wind lets the watchdog bite after d. Only a laser that may be on has one.
func (g *Guard) wind(d time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.lit || g.closed {
		return
	}
	g.until = time.Now().Add(d)
	if g.timer == nil {
		g.timer = time.AfterFunc(d, g.bite)
		return
	}
	g.timer.Reset(d)
}

// bite is the watchdog's. A timer that fired just before it was wound again finds its time not come.
func (g *Guard) bite() {
	g.mu.Lock()
	left, round := time.Until(g.until), g.round
	g.mu.Unlock()
	if left > 0 {
		g.wind(left)
		return
	}
	g.trip(round, ErrWatchdog)
}

// setLit notes whether the laser may be on; the watchdog sleeps while it is off.
func (g *Guard) setLit(lit bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.lit = lit
	if !lit && g.timer != nil {
		g.timer.Stop()
		g.timer = nil
	}
}

func (g *Guard) isLit() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.lit
}

func (g *Guard) isClosed() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.closed
}
