package laser_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"fentrace/device"
	"fentrace/device/emulator"
	"fentrace/device/emulator/bench"
	"fentrace/device/laser"
)

// deadline is far beyond anything here: reaching it is a hang.
const deadline = 60 * time.Second

func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	t.Cleanup(cancel)
	return ctx
}

// lasers are the emulated lasers and how they are opened.
var lasers = []struct {
	emulated string
	options  laser.Options
}{
	{"cobolt", laser.Options{Type: "cobolt", Power: 50}},
	{"modbuslaser", laser.Options{Type: "modbus", Power: 500, Baud: 115200}},
}

func start(t testing.TB, typ string, faults ...emulator.Fault) *emulator.Emulator {
	t.Helper()
	em, err := emulator.Start(emulator.Config{Type: typ, Baud: 115200, Faults: faults})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { em.Close() })
	return em
}

// quick are options that keep a test short: no warning, no warm-up.
func quick(o laser.Options, em *emulator.Emulator) laser.Options {
	o.Port, o.WarningDelay, o.WarmUp = em.Path(), laser.None, laser.None
	o.Margin, o.OffLimit, o.Watchdog = 400*time.Millisecond, 6*time.Second, 20*time.Second
	return o
}

// dark waits for the laser to be off.
func dark(t *testing.T, em *emulator.Emulator) {
	t.Helper()
	for end := time.Now().Add(deadline); em.LaserOn(); {
		if time.Now().After(end) {
			t.Fatal("THE LASER IS STILL ON")
		}
		runtime.Gosched()
		em.Wait(time.Millisecond)
	}
}

// use is one visit of a careful caller: every phase, and the laser closed however it went. It calls before ahead of each phase.
func use(ctx context.Context, o laser.Options, before func(phase string)) (err error) {
	before("open")
	l, err := laser.Open(ctx, o)
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	defer func() {
		before("close")
		err = errors.Join(err, l.Close())
	}()
	before("on")
	if err := l.On(ctx); err != nil {
		return err
	}
	before("exposure")
	for _, ask := range []func(context.Context) error{
		l.Interlock,
		func(ctx context.Context) error { _, err := l.Power(ctx); return err },
	} {
		if err := ask(ctx); err != nil && !errors.Is(err, device.ErrRefused) {
			return err
		}
	}
	if shines, err := l.Shining(ctx); err != nil || !shines {
		return fmt.Errorf("shining %v: %w", shines, err)
	}
	before("off")
	return l.Off(ctx)
}

// said lists the words that a laser hears in each phase; what is said in none is said after a fault only.
var said = map[string]map[string][]string{
	"cobolt": {
		"open":     {"off", "unknown", "state", "serial", "autostart", "setautostart", "setpower", "power"},
		"on":       {"fault", "interlock", "on", "state"},
		"exposure": {"interlock", "measured", "state"},
		"off":      {"off", "state"},
		"close":    {"off"},
		"":         {"clear"},
	},
	"modbuslaser": {
		"open": {"off", "read"}, "on": {"read", "on"}, "exposure": {"read"}, "off": {"off", "read"}, "close": {"off"}, "": {"unknown"},
	},
}

// Every fault the emulator can inject, into the answer to every message, in every phase: the laser ends off. An unplugged
// one loses its power with its line. A stuck line flows again after a while, and the command waits for that: the lasers
// have no watchdog of their own.
func TestWhateverHappensTheLaserEndsOff(t *testing.T) {
	t.Parallel()
	for _, l := range lasers {
		kind, err := emulator.Find(l.emulated)
		if err != nil {
			t.Fatal(err)
		}
		heard := map[string]bool{}
		for _, words := range said[l.emulated] {
			for _, word := range words {
				heard[word] = true
			}
		}
		if len(heard) != len(kind.Words) {
			t.Errorf("%s: %d words are listed, it has %q", l.emulated, len(heard), kind.Words)
		}
		for _, text := range kind.FaultKinds() {
			fault, _, _ := strings.Cut(text, ":")
			for phase, words := range said[l.emulated] {
				for _, word := range words {
					f := emulator.Fault{Kind: fault, Message: word}
					switch fault {
					case bench.Late, bench.Stuck:
						f.Arg = 700
					case bench.Unplug:
						f.Arg = 1
					}
					t.Run(strings.Join([]string{l.emulated, fault, word, phase}, "/"), func(t *testing.T) {
						t.Parallel()
						endsOff(t, l.emulated, l.options, phase, f)
					})
				}
			}
		}
	}
}

func endsOff(t *testing.T, emulated string, o laser.Options, phase string, f emulator.Fault) {
	em := start(t, emulated)
	if phase == "" { // what is said after a fault only: after an interlock that was open
		phase = "on"
		if em.Kind.Type == "cobolt" {
			em.Device.Inject(emulator.Fault{Kind: bench.Interlock, Message: "autostart", Arg: 1})
		}
	}
	err := use(within(t), quick(o, em), func(now string) {
		if now == phase {
			if err := em.Inject(f); err != nil {
				t.Fatal(err)
			}
		}
	})
	if f.Kind == bench.Unplug {
		dark(t, em) // its light goes out with its power, a moment after the line
		return
	}
	if em.LaserOn() {
		t.Fatalf("the laser is on after %v", err)
	}
	// The line is usable afterwards: a second visit finds a laser that can be used, unless it is told not to fire.
	var again error
	for range 3 { // a late answer, an interlock fault to be cleared
		if again = use(within(t), quick(o, em), func(string) {}); again == nil {
			break
		}
	}
	lasting := f.Kind == bench.Interlock || f.Kind == bench.Trip || f.Kind == bench.KeyOff
	if again != nil && !lasting {
		t.Errorf("afterwards (first %v): %v", err, again)
	}
	dark(t, em)
}

// Unplugged after any number of bytes, counted from the first message on.
func TestUnpluggedAtAnyByteTheLaserEndsOff(t *testing.T) {
	t.Parallel()
	for _, l := range lasers {
		for at := 0; at < 160; at += 3 {
			t.Run(fmt.Sprint(l.emulated, at), func(t *testing.T) {
				t.Parallel()
				em := start(t, l.emulated, emulator.Fault{Kind: bench.Unplug, Arg: at})
				err := use(within(t), quick(l.options, em), func(string) {})
				if err != nil && !errors.Is(err, device.ErrGone) {
					t.Errorf("error %v", err)
				}
				dark(t, em)
			})
		}
	}
}

// Refused, ignored and unanswered three times over, switching off is tried a fourth time.
func TestSwitchingOffIsRepeatedUntilTheLaserSaysSo(t *testing.T) {
	t.Parallel()
	for _, l := range lasers {
		kind, err := emulator.Find(l.emulated)
		if err != nil {
			t.Fatal(err)
		}
		for _, fault := range []string{bench.Ignored, bench.Syntax, bench.Nack, bench.Silent, bench.Half, bench.Garbage} {
			f := emulator.Fault{Kind: fault, Message: "off", Times: 3}
			if kind.CheckFault(f) != nil {
				continue
			}
			t.Run(l.emulated+"/"+fault, func(t *testing.T) {
				t.Parallel()
				em := start(t, l.emulated)
				err := use(within(t), quick(l.options, em), func(now string) {
					if now == "off" {
						em.Inject(f)
					}
				})
				if err != nil {
					t.Errorf("error %v", err)
				}
				dark(t, em)
			})
		}
	}
}

// A laser that cannot be made to say that it is off: somebody has to be told, and the port is released.
func TestALaserThatDoesNotGoOffIsShoutedAbout(t *testing.T) {
	t.Parallel()
	for _, l := range lasers {
		for _, fault := range []string{bench.Ignored, bench.Silent, bench.Unplug, bench.Stuck} {
			t.Run(l.emulated+"/"+fault, func(t *testing.T) {
				t.Parallel()
				em := start(t, l.emulated)
				o := quick(l.options, em)
				o.OffLimit = time.Second
				g, err := laser.Open(within(t), o)
				if err != nil {
					t.Fatal(err)
				}
				if err := g.On(within(t)); err != nil {
					t.Fatal(err)
				}
				f := emulator.Fault{Kind: fault, Message: "off", Times: -1}
				if fault == bench.Stuck {
					f.Arg, f.Message, f.Times = 2000, "", 1
				}
				if err := em.Inject(f); err != nil {
					t.Fatal(err)
				}
				if fault == bench.Stuck { // the line is stuck after one more answer
					g.Shining(within(t))
				}
				err = g.Close()
				if !errors.Is(err, device.ErrLaserOn) || !strings.Contains(err.Error(), "THE LASER MAY STILL BE ON") {
					t.Errorf("closing: %v", err)
				}
				if lit := em.LaserOn(); lit != (fault == bench.Ignored || fault == bench.Stuck) {
					t.Errorf("the laser is on: %v", lit)
				}
				if fault == bench.Unplug {
					return
				}
				// The next visit puts it out, once it listens: as the sentinel does.
				if fault == bench.Stuck {
					em.Wait(2 * time.Second)
				} else {
					again := start(t, l.emulated)
					o.Port = again.Path()
					em = again
				}
				o.OffLimit = 5 * time.Second
				next, err := laser.Open(within(t), o)
				if err != nil {
					t.Fatal(err)
				}
				next.Close()
				dark(t, em)
			})
		}
	}
}

func TestCancelledAtAnyMomentTheLaserEndsOff(t *testing.T) {
	t.Parallel()
	for _, l := range lasers {
		for ms := 0; ms < 400; ms += 13 {
			t.Run(fmt.Sprint(l.emulated, ms), func(t *testing.T) {
				t.Parallel()
				em := start(t, l.emulated)
				o := quick(l.options, em)
				o.WarningDelay, o.WarmUp = 100*time.Millisecond, 100*time.Millisecond
				stop := errors.New("the user pressed stop")
				ctx, cancel := context.WithTimeoutCause(within(t), time.Duration(ms)*time.Millisecond, stop)
				defer cancel()
				g, err := laser.Open(ctx, o)
				if err != nil {
					if !errors.Is(err, stop) {
						t.Errorf("opening: %v", err)
					}
					dark(t, em)
					return
				}
				defer g.Close()
				if err := g.On(ctx); err != nil && !errors.Is(err, stop) {
					t.Errorf("switching on: %v", err)
				}
				<-ctx.Done()
				dark(t, em) // nobody switched it off: the context did
				if shines, _ := g.Shining(within(t)); shines {
					t.Error("it says that it shines")
				}
				if err := g.On(within(t)); err != nil || !em.LaserOn() {
					t.Errorf("again: %v, on: %v", err, em.LaserOn())
				}
			})
		}
	}
}

func TestMain(m *testing.M) {
	if port := os.Getenv("FENTRACE_TEST_LASER"); port != "" {
		shineUntilKilled(port)
	}
	// These tests wait more than they work: for answers that do not come, and for silence. More at once would need more
	// than 1,024 descriptors, beyond which no serial port can be read.
	flag.Parse()
	if err := flag.Set("test.parallel", "64"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}
