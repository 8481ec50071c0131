package wisp_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"fentrace/device"
	"fentrace/device/drivertest"
	"fentrace/device/emulator"
	"fentrace/device/emulator/bench"
	"fentrace/device/wisp"
)

// Every fault ends in a clear error or in a right frame, and the next scan is right again.
func TestFaultsInAScan(t *testing.T) {
	for _, c := range []struct {
		fault string
		want  error // nil: the driver gets over it by itself
	}{
		{"garbage=37", nil},
		{"garbage=5000", nil},
		{"half", nil},
		{"late=50", nil},
		{"silent", device.ErrTimeout},
		{"late=2000", device.ErrTimeout},
		{"nack", device.ErrRefused},
		{"half*4", device.ErrProtocol},
	} {
		t.Run(c.fault, func(t *testing.T) {
			t.Parallel()
			em := start(t, emulator.Config{})
			dev := open(t, em, wisp.Options{Margin: margin})
			drivertest.Inject(t, em, c.fault)
			f, err := dev.Scan(drivertest.Within(t))
			if !errors.Is(err, c.want) {
				t.Fatalf("error %v, want %v", err, c.want)
			}
			if err == nil {
				checkCounts(t, dev.Info(), f, true)
			}
			for range 4 { // what is left of a fault that lasts
				em.Line.Take("spectrum")
			}
			// Another integration time: a late answer taken for the new one would show.
			for _, d := range []time.Duration{30 * time.Millisecond, 90 * time.Millisecond} {
				if err := drivertest.Eventually(func() error { return dev.SetIntegrationTime(drivertest.Within(t), d) }); err != nil {
					t.Fatalf("after the fault: %v", err)
				}
				if f, err = dev.Scan(drivertest.Within(t)); err != nil {
					t.Fatalf("after the fault: %v", err)
				}
				checkCounts(t, dev.Info(), f, true)
			}
		})
	}
}

func TestFaultsWhileOpening(t *testing.T) {
	for _, c := range []struct {
		fault string
		want  error
	}{
		{"garbage@serial", nil},
		{"half@model", nil},
		{"half@wavelength", nil},
		{"garbage@pixels", nil},
		{"silent@pixels*", device.ErrProtocol}, // it answers, but not what it is asked,
		{"silent@serial", device.ErrTimeout},
		{"nack@integration", device.ErrRange},
		{"half@serial*", device.ErrProtocol},
	} {
		t.Run(c.fault, func(t *testing.T) {
			t.Parallel()
			em := start(t, emulator.Config{})
			drivertest.Inject(t, em, c.fault)
			dev, err := wisp.Open(drivertest.Within(t), em.Path(), wisp.Options{Baud: em.Baud(), Margin: margin})
			if !errors.Is(err, c.want) {
				t.Fatalf("error %v, want %v", err, c.want)
			}
			if err == nil {
				dev.Close()
			}
		})
	}
}

func TestUnpluggedAtAnyByte(t *testing.T) {
	for _, at := range []int{0, 1, 2, 31, 32, 1000, 2048} {
		t.Run(fmt.Sprint(at), func(t *testing.T) {
			t.Parallel()
			em := start(t, emulator.Config{})
			dev := open(t, em, wisp.Options{})
			if err := em.Inject(emulator.Fault{Kind: bench.Unplug, Arg: at, Message: "spectrum"}); err != nil {
				t.Fatal(err)
			}
			if _, err := dev.Scan(drivertest.Within(t)); !errors.Is(err, device.ErrGone) {
				t.Errorf("scan: %v", err)
			}
			if err := dev.SetIntegrationTime(drivertest.Within(t), time.Second); !errors.Is(err, device.ErrGone) {
				t.Errorf("afterwards: %v", err)
			}
			if err := dev.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		})
	}
}

func TestUnpluggedWhileExposing(t *testing.T) {
	t.Parallel()
	em := start(t, emulator.Config{})
	dev := open(t, em, wisp.Options{})
	if err := dev.SetIntegrationTime(drivertest.Within(t), 9*time.Second); err != nil {
		t.Fatal(err)
	}
	result := make(chan error)
	go func() {
		_, err := dev.Scan(drivertest.Within(t))
		result <- err
	}()
	em.Close()
	if err := <-result; !errors.Is(err, device.ErrGone) {
		t.Error(err)
	}
}

func TestACancelledScanLeavesTheLinkUsable(t *testing.T) {
	t.Parallel()
	em := start(t, emulator.Config{})
	dev := open(t, em, wisp.Options{Margin: margin})
	if err := dev.SetIntegrationTime(drivertest.Within(t), 2*time.Second); err != nil {
		t.Fatal(err)
	}
	stop := errors.New("the user pressed stop")
	short, cancel := context.WithTimeoutCause(drivertest.Within(t), 250*time.Millisecond, stop)
	_, err := dev.Scan(short)
	cancel()
	if !errors.Is(err, stop) || errors.Is(err, device.ErrTimeout) {
		t.Errorf("cancelled scan: %v", err)
	}
	if err := dev.SetIntegrationTime(drivertest.Within(t), 40*time.Millisecond); err != nil {
		t.Fatalf("after the cancelled scan: %v", err)
	}
	f, err := dev.Scan(drivertest.Within(t))
	if err != nil {
		t.Fatalf("after the cancelled scan: %v", err)
	}
	checkCounts(t, dev.Info(), f, true)
}

func TestAStuckLineEndsInTime(t *testing.T) {
	t.Parallel()
	em := start(t, emulator.Config{})
	dev := open(t, em, wisp.Options{Margin: margin})
	drivertest.Inject(t, em, "stuck=1500@spectrum")
	_, _ = dev.Scan(drivertest.Within(t)) // from here on it is stuck
	if _, err := dev.Scan(drivertest.Within(t)); err != nil && !errors.Is(err, device.ErrTimeout) {
		t.Errorf("stuck: %v", err)
	}
	var f device.Frame
	if err := drivertest.Eventually(func() (err error) { f, err = dev.Scan(drivertest.Within(t)); return err }); err != nil {
		t.Fatal(err)
	}
	checkCounts(t, dev.Info(), f, true)
}
