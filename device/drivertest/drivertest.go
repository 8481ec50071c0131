// Package drivertest is what the tests of drivers against emulated devices share. No program imports it.
package drivertest

import (
	"context"
	"os"
	"runtime"
	"testing"
	"time"

	"fentrace/device/emulator"
	"fentrace/device/serialport"
)

const (
	// QuickBaud is a rate few devices have, which keeps tests short; an emulator takes any.
	QuickBaud = 921600
	// Margin is for a driver in a test that is not about time: a busy machine is no fault of the device.
	Margin = 5 * time.Second
	// deadline is far beyond anything in a test: reaching it is a hang.
	deadline = 60 * time.Second
)

// Within is the context of a test that must not hang.
func Within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	t.Cleanup(cancel)
	return ctx
}

// Start emulates a device without noise, at QuickBaud unless c says otherwise, with a signal that differs at every pixel.
func Start(t testing.TB, c emulator.Config) *emulator.Emulator {
	t.Helper()
	if c.Baud == 0 {
		c.Baud = QuickBaud
	}
	if c.Sample == nil {
		c.Sample = Ramp
	}
	c.Noiseless = true
	em, err := emulator.Start(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { em.Close() })
	return em
}

// Ramp is a sample whose signal differs at every Raman shift.
func Ramp(shiftCM1 float64) float64 { return 0.1 + shiftCM1/4000 }

// Fault reads a fault of a device of type typ, "" for none.
func Fault(t testing.TB, typ, text string) []emulator.Fault {
	t.Helper()
	if text == "" {
		return nil
	}
	f, err := emulator.ParseFault(typ, text)
	if err != nil {
		t.Fatal(err)
	}
	return []emulator.Fault{f}
}

// Inject adds a fault to those that wait.
func Inject(t testing.TB, em *emulator.Emulator, text string) {
	t.Helper()
	for _, f := range Fault(t, em.Kind.Type, text) {
		if err := em.Inject(f); err != nil {
			t.Fatal(err)
		}
	}
}

// Leave sends what an earlier program might have, and closes the port without waiting for answers.
func Leave(t testing.TB, em *emulator.Emulator, bytes string) {
	t.Helper()
	port, err := serialport.Open(Within(t), em.Path(), serialport.Options{Baud: em.Baud()})
	if err != nil {
		t.Fatal(err)
	}
	port.Close() // the line keeps its rate; a plain file, unlike the port, loses nothing when it is closed at once
	f, err := os.OpenFile(em.Path(), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(bytes); err != nil {
		t.Fatal(err)
	}
}

// NeedsRates skips a test where an emulator cannot see which rate the host uses.
func NeedsRates(t testing.TB) {
	t.Helper()
	if runtime.GOOS != "linux" || runtime.GOARCH == "ppc64le" {
		t.Skip("this system does not tell an emulator the host's rate")
	}
}
