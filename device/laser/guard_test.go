package laser_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/term"

	"fentrace/device"
	"fentrace/device/emulator"
	"fentrace/device/emulator/bench"
	"fentrace/device/laser"
)

func open(t *testing.T, em *emulator.Emulator, i int, change func(*laser.Options)) *laser.Guard {
	t.Helper()
	o := quick(lasers[i].options, em)
	if change != nil {
		change(&o)
	}
	g, err := laser.Open(within(t), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close() })
	return g
}

func on(t *testing.T, g *laser.Guard, em *emulator.Emulator) {
	t.Helper()
	if err := g.On(within(t)); err != nil {
		t.Fatal(err)
	}
	if !em.LaserOn() {
		t.Fatal("the laser is not on")
	}
}

func TestOpeningSwitchesOffWhatWasLeftOn(t *testing.T) {
	t.Parallel()
	em := start(t, "cobolt")
	for end := time.Now().Add(deadline); !em.LaserOn() && time.Now().Before(end); {
		em.Wait(time.Millisecond) // autostart
	}
	g := open(t, em, 0, nil)
	if em.LaserOn() {
		t.Error("it is on")
	}
	if i := g.Info(); i.Type != "cobolt" || i.SerialNumber != "SIM-COB-0001" || !i.Simulated || !i.ReadBack || !i.Interlock || i.Port != em.Path() {
		t.Errorf("info %+v", i)
	}
	if i := open(t, start(t, "modbuslaser"), 1, nil).Info(); i.Type != "modbus" || !i.Simulated || !i.ReadBack || i.Interlock {
		t.Errorf("info %+v", i)
	}
}

func TestTheWarningComesBeforeTheLight(t *testing.T) {
	t.Parallel()
	for i, l := range lasers {
		em := start(t, l.emulated)
		fired := em.Light.Fired()
		warned := make(chan time.Duration, 1)
		g := open(t, em, i, func(o *laser.Options) {
			o.WarningDelay = 150 * time.Millisecond
			o.Warning = func(d time.Duration) { warned <- d }
		})
		begun := time.Now()
		done := make(chan error, 1)
		go func() { done <- g.On(within(t)) }()
		if d := <-warned; d != 150*time.Millisecond {
			t.Errorf("warned of %v", d)
		}
		if em.LaserOn() {
			t.Error("on before its time")
		}
		if err := <-done; err != nil || !em.LaserOn() || time.Since(begun) < 150*time.Millisecond {
			t.Errorf("%v, on %v after %v", err, em.LaserOn(), time.Since(begun))
		}
		// Off ends a warning under way; the laser does not fire.
		if err := g.Off(within(t)); err != nil || em.LaserOn() {
			t.Errorf("%v, on: %v", err, em.LaserOn())
		}
		before := em.Light.Fired()
		go func() { done <- g.On(within(t)) }()
		<-warned
		if err := g.Off(within(t)); err != nil {
			t.Error(err)
		}
		if err := <-done; err == nil {
			t.Error("a warning that was ended let the laser fire")
		}
		if em.Light.Fired() != before || before == fired {
			t.Errorf("it fired %d times, before %d, at first %d", em.Light.Fired(), before, fired)
		}
	}
}

func TestNoWarningHasToBeAskedFor(t *testing.T) {
	t.Parallel()
	em := start(t, "cobolt")
	warned := make(chan time.Duration, 1)
	g := open(t, em, 0, func(o *laser.Options) { o.WarningDelay = 0; o.Warning = func(d time.Duration) { warned <- d } })
	ctx, cancel := context.WithCancel(within(t))
	done := make(chan error, 1)
	go func() { done <- g.On(ctx) }()
	if d := <-warned; d != 3*time.Second {
		t.Errorf("warned of %v", d)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) || em.LaserOn() {
		t.Errorf("%v, on: %v", err, em.LaserOn())
	}
	for _, o := range []laser.Options{{WarningDelay: -2}, {WarmUp: time.Hour}, {Watchdog: -1}, {Type: "modbus", Power: 4000}, {Type: "cobolt", Power: -3}} {
		o.Port = em.Path()
		if o.Type == "" {
			o.Type = "cobolt"
		}
		if _, err := laser.Open(within(t), o); !errors.Is(err, device.ErrRange) {
			t.Errorf("%+v: %v", o, err)
		}
	}
	if _, err := laser.Open(within(t), laser.Options{Type: "torch", Port: em.Path()}); !errors.Is(err, laser.ErrType) || !strings.Contains(err.Error(), "cobolt, modbus") {
		t.Error(err)
	}
}

func TestALaserWhosePowerIsUnknownDoesNotFire(t *testing.T) {
	t.Parallel()
	em := start(t, "modbuslaser")
	g := open(t, em, 1, func(o *laser.Options) { o.Power = 0 })
	if err := g.On(within(t)); !errors.Is(err, device.ErrRange) || em.Light.Fired() != 0 {
		t.Errorf("%v, fired %d times", err, em.Light.Fired())
	}
}

// An open interlock is found before the warning, after it, and while the laser is on.
func TestAnOpenInterlockKeepsTheLaserDark(t *testing.T) {
	t.Parallel()
	for after := range 3 {
		em := start(t, "cobolt")
		g := open(t, em, 0, nil)
		fired := em.Light.Fired()
		if err := em.Inject(emulator.Fault{Kind: bench.Interlock, Message: "interlock", After: after, Arg: 300}); err != nil {
			t.Fatal(err)
		}
		err := g.On(within(t))
		if after == 2 { // asked twice before it fired
			if err != nil || !em.LaserOn() {
				t.Fatalf("%v, on: %v", err, em.LaserOn())
			}
			err = g.Interlock(within(t))
		} else if em.Light.Fired() != fired {
			t.Error("it fired")
		}
		if !errors.Is(err, device.ErrInterlock) || em.LaserOn() {
			t.Errorf("after %d: %v, on: %v", after, err, em.LaserOn())
		}
		// Closed again, it takes a second request of the operator.
		em.Wait(300 * time.Millisecond)
		if err := g.On(within(t)); !errors.Is(err, device.ErrInterlock) || em.LaserOn() {
			t.Errorf("at once again: %v, on: %v", err, em.LaserOn())
		}
		on(t, g, em)
	}
}

func TestFaultsAndTheKeyKeepTheLaserDark(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		fault emulator.Fault
		want  error
	}{
		{emulator.Fault{Kind: bench.Trip, Arg: 1, Message: "fault"}, device.ErrFault},
		{emulator.Fault{Kind: bench.Trip, Arg: 4, Message: "on"}, device.ErrFault},
		{emulator.Fault{Kind: bench.KeyOff, Message: "on"}, device.ErrDark},
		{emulator.Fault{Kind: bench.Interlock, Message: "on"}, device.ErrInterlock},
		{emulator.Fault{Kind: bench.Ignored, Message: "on"}, device.ErrDark},
	} {
		em := start(t, "cobolt")
		g := open(t, em, 0, nil)
		fired := em.Light.Fired()
		if err := em.Inject(c.fault); err != nil {
			t.Fatal(err)
		}
		if err := g.On(within(t)); !errors.Is(err, c.want) || em.Light.Fired() != fired {
			t.Errorf("%+v: %v, fired %d times", c.fault, err, em.Light.Fired()-fired)
		}
	}
	em := start(t, "modbuslaser", emulator.Fault{Kind: bench.Interlock, Message: "on"})
	if err := open(t, em, 1, nil).On(within(t)); !errors.Is(err, device.ErrRefused) || em.Light.Fired() != 0 {
		t.Errorf("%v, fired %d times", err, em.Light.Fired())
	}
}

func TestTheWatchdogBites(t *testing.T) {
	t.Parallel()
	for i, l := range lasers {
		em := start(t, l.emulated)
		g := open(t, em, i, func(o *laser.Options) { o.Watchdog = 100 * time.Millisecond })
		on(t, g, em)
		g.Keepalive(400 * time.Millisecond)
		em.Wait(250 * time.Millisecond)
		if !em.LaserOn() {
			t.Error("it bit too early")
		}
		dark(t, em)
		if shines, err := g.Shining(within(t)); shines || !errors.Is(err, laser.ErrWatchdog) {
			t.Errorf("shining %v, %v", shines, err)
		}
		on(t, g, em) // and can be switched on again
	}
}

// The watchdog goes on when the laser would not go off at once.
func TestTheWatchdogDoesNotLetGo(t *testing.T) {
	t.Parallel()
	em := start(t, "cobolt")
	g := open(t, em, 0, func(o *laser.Options) { o.Watchdog, o.OffLimit = 50*time.Millisecond, time.Second })
	on(t, g, em)
	if err := em.Inject(emulator.Fault{Kind: bench.Ignored, Message: "off", Times: 60}); err != nil {
		t.Fatal(err)
	}
	dark(t, em)
}

func TestAPanicLeavesTheLaserOff(t *testing.T) {
	t.Parallel()
	for i, l := range lasers {
		em := start(t, l.emulated)
		func() {
			defer func() { recover() }()
			g := open(t, em, i, nil)
			defer g.Close()
			on(t, g, em)
			panic("in the caller")
		}()
		if em.LaserOn() {
			t.Error("on after a panic")
		}
		// Where the caller forgot to close it, the end of its context does.
		g := open(t, em, i, nil)
		func() {
			ctx, cancel := context.WithCancel(within(t))
			defer func() { recover() }()
			defer cancel()
			if err := g.On(ctx); err != nil {
				t.Fatal(err)
			}
			panic("in the caller")
		}()
		dark(t, em)
	}
}

// cable is a laser between whose words and ours this test reads: a pseudo-terminal with a Cobolt at its end that does
// what it is told. It panics in the driver's place where asked to.
func cable(t *testing.T) (path string, said func() []string) {
	t.Helper()
	master, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { master.Close(); slave.Close() })
	if _, err := term.MakeRaw(int(slave.Fd())); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var heard []string
	go func() {
		lit := false
		for r := bufio.NewReader(master); ; {
			line, err := r.ReadString('\r')
			if err != nil {
				return
			}
			line = strings.TrimSuffix(line, "\r")
			mu.Lock()
			heard = append(heard, line)
			mu.Unlock()
			answer := "OK"
			switch line {
			case "l1":
				lit = true
			case "l0":
				lit = false
			case "l?":
				answer = fmt.Sprint(map[bool]int{true: 1}[lit])
			case "ilk?", "f?", "@cobas?":
				answer = "0"
			case "sn?":
				answer = "12345"
			default:
				answer = "Syntax error: " + line // as the manual has it
			}
			fmt.Fprintf(master, "%s\r\n", answer)
		}
	}()
	return slave.Name(), func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(heard)
	}
}

func TestTheInterlockIsTheLastThingReadBeforeFiring(t *testing.T) {
	t.Parallel()
	path, said := cable(t)
	g, err := laser.Open(within(t), laser.Options{Type: "cobolt", Port: path, WarningDelay: 30 * time.Millisecond, WarmUp: laser.None})
	if err != nil {
		t.Fatal(err)
	}
	if first := said()[0]; first != "l0" {
		t.Errorf("the first message is %q", first)
	}
	if err := g.On(within(t)); err != nil {
		t.Fatal(err)
	}
	log := said()
	at := slices.Index(log, "l1")
	if at < 2 || log[at-1] != "ilk?" || log[at-2] != "f?" || slices.Contains(log[at+1:], "l1") {
		t.Errorf("said %q", log)
	}
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	if log = said(); log[len(log)-2] != "l0" || log[len(log)-1] != "l?" {
		t.Errorf("at the end %q", log[len(log)-3:])
	}
}

// A program that is killed cannot say anything more, and the kernel's closing of its port tells the laser nothing: it
// stays on, as a real one would, until another program opens it. That is what `fentrace laser off` and the sentinel do.
func TestAKilledProgramLeavesTheLaserToTheNext(t *testing.T) {
	t.Parallel()
	for i, l := range lasers {
		em := start(t, l.emulated)
		cmd := exec.Command(os.Args[0], "-test.run=^$")
		cmd.Env = append(os.Environ(), "FENTRACE_TEST_LASER="+fmt.Sprint(i)+","+em.Path())
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if line, err := bufio.NewReader(out).ReadString('\n'); line != "on\n" || !em.LaserOn() {
			t.Fatalf("the program said %q, %v; on: %v", line, err, em.LaserOn())
		}
		cmd.Process.Kill()
		cmd.Wait()
		if !em.LaserOn() {
			t.Errorf("%s has a watchdog after all: say so in its package", l.emulated)
		}
		g := open(t, em, i, nil)
		if em.LaserOn() {
			t.Error("opened again, it is on")
		}
		g.Close()
	}
}

// shineUntilKilled is the program of TestAKilledProgramLeavesTheLaserToTheNext.
func shineUntilKilled(which string) {
	var i int
	var o laser.Options
	_, err := fmt.Sscanf(which, "%d,%s", &i, &o.Port)
	if err == nil {
		port := o.Port
		o = lasers[i].options
		o.Port, o.WarningDelay = port, laser.None
		var g *laser.Guard
		if g, err = laser.Open(context.Background(), o); err == nil {
			err = g.On(context.Background())
		}
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("on")
	select {}
}
