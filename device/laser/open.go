package laser

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"fentrace/device"
	"fentrace/device/laser/cobolt"
	"fentrace/device/laser/modbus"
)

// None is a warning time or warm-up of no length, which has to be asked for.
const None time.Duration = -1

const (
	// defaultWarning is the usual delay of handheld Raman instruments. 21 CFR 1040.10(f)(5)(ii) and IEC 60825-1 want the
	// emission indicator of a class 3B or 4 laser "sufficiently prior" to emission, and give no number.
	defaultWarning = 3 * time.Second
	// defaultWarmUp is what OEM Raman lasers get between switching on and the first exposure.
	defaultWarmUp   = 200 * time.Millisecond
	defaultWatchdog = 10 * time.Second
	defaultOffLimit = 10 * time.Second
	defaultMargin   = 500 * time.Millisecond
	longestSetting  = 10 * time.Minute
)

// Options say where the laser is and how it is used.
type Options struct {
	Type string // one of Types
	Port string // path of its serial port
	Baud int    // rate of its line; the protocol's own when zero
	// Power is milliwatts for cobolt, where zero leaves the laser's own set-point; for modbus it is the set value of 1 to
	// 3000, whose unit the maker does not tell, and has to be stated.
	Power float64
	// WarningDelay is the time between the announcement that the laser fires and that it does; 3 s when zero, None for none.
	WarningDelay time.Duration
	// Warning is told when a warning time begins; may be nil. The laser's own emission indicator is not replaced by it.
	Warning func(time.Duration)
	// Notice is told what a person has to see to because the laser does not tell; may be nil.
	Notice func(string)
	// WarmUp is waited after switching on; 200 ms when zero, None for none.
	WarmUp time.Duration
	// Watchdog is how much longer than announced by Keepalive the laser may stay on; 10 s when zero.
	Watchdog time.Duration
	// OffLimit bounds how long switching off is tried; 10 s when zero.
	OffLimit time.Duration
	// Margin is what the laser may take for an answer, beyond sending it; 500 ms when zero.
	Margin time.Duration
}

func (o Options) filled() Options {
	fill := func(d *time.Duration, usual time.Duration) {
		if *d == 0 {
			*d = usual
		}
	}
	fill(&o.WarningDelay, defaultWarning)
	fill(&o.WarmUp, defaultWarmUp)
	fill(&o.Watchdog, defaultWatchdog)
	fill(&o.OffLimit, defaultOffLimit)
	fill(&o.Margin, defaultMargin)
	return o
}

func (o Options) notice(i device.LaserInfo) {
	if o.Notice == nil {
		return
	}
	if !i.Interlock {
		o.Notice("This laser does not tell whether its interlock is closed: look at the cover before every scan.")
	}
	if !i.ReadBack {
		o.Notice("This laser acknowledges commands but does not tell whether it is on: watch its emission light.")
	}
}

func (o Options) check() error {
	for _, d := range []time.Duration{o.WarningDelay, o.WarmUp} {
		if d < 0 && d != None || d > longestSetting {
			return fmt.Errorf("laser: warning or warm-up of %v: %w: at most %v", d, device.ErrRange, longestSetting)
		}
	}
	for _, d := range []time.Duration{o.Watchdog, o.OffLimit, o.Margin} {
		if d < 0 || d > longestSetting {
			return fmt.Errorf("laser: watchdog, limit or margin of %v: %w: at most %v", d, device.ErrRange, longestSetting)
		}
	}
	return nil
}

// Type is one protocol.
type Type struct {
	Type  string // as given on the command line and in device.LaserInfo
	Title string
	open  func(ctx context.Context, o Options) (Driver, error)
}

// table holds every protocol; a new one is one more line.
var table = []Type{
	{"cobolt", "Cobolt 04, 06 and 08 series", func(ctx context.Context, o Options) (Driver, error) {
		return cobolt.Open(ctx, o.Port, cobolt.Options{Baud: o.Baud, PowerMW: o.Power, Margin: o.Margin})
	}},
	{"modbus", "Modbus RTU laser of OEM Raman sets", func(ctx context.Context, o Options) (Driver, error) {
		return modbus.Open(ctx, o.Port, modbus.Options{Baud: o.Baud, Power: o.Power, Margin: o.Margin})
	}},
}

// Types lists the protocols.
func Types() []Type { return append([]Type(nil), table...) }

// ErrType is returned for a type of laser that is none.
var ErrType = errors.New("unknown type of laser")

// Open opens the laser and switches it off. The errors are those of package device; device.ErrLaserOn is among them
// when it did not say that it is off, device.ErrRange for options that cannot be.
func Open(ctx context.Context, o Options) (*Guard, error) {
	o = o.filled()
	if err := o.check(); err != nil {
		return nil, err
	}
	var known []string
	for _, t := range table {
		if t.Type != o.Type {
			known = append(known, t.Type)
			continue
		}
		// What was left on is switched off even when ctx ends meanwhile.
		drv, err := t.open(context.WithoutCancel(ctx), o)
		if err != nil {
			return nil, fmt.Errorf("open laser: %w", err)
		}
		g, err := NewGuard(ctx, drv, o)
		if err != nil {
			return nil, fmt.Errorf("open %s laser on %s: %w", o.Type, o.Port, err)
		}
		o.notice(g.Info())
		return g, nil
	}
	return nil, fmt.Errorf("open laser on %s: %w %q; one of: %s", o.Port, ErrType, o.Type, strings.Join(known, ", "))
}
