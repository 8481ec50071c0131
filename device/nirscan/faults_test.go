package nirscan_test

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
	"fentrace/device/nirscan"
)

const margin = 700 * time.Millisecond

// Every fault ends in a clear error or in a right frame, and the next scan is right again.
func TestFaultsInAScan(t *testing.T) {
	for _, c := range []struct {
		fault string
		want  error // nil: the driver gets over it by itself
	}{
		{"garbage@data", nil},
		{"garbage=1@data", nil},
		{"half@data", nil},
		{"checksum@data", nil},
		{"late=50@data", nil},
		{"half@size", nil},
		{"checksum@status", nil},
		{"garbage@start", nil},
		{"half@start", nil},
		{"nack@status", nil}, // refused once: the request may have come damaged
		{"busy@status*3", nil},
		{"garbage@interpret", nil},
		{"nack@gain*2", nil}, // not every firmware tells it
		{"silent@data", device.ErrTimeout},
		{"silent@start", device.ErrTimeout},
		{"late=1500@data", device.ErrTimeout},
		{"late=1500@start", device.ErrTimeout},
		{"nack@start", device.ErrRefused},
		{"nack@time*2", device.ErrRefused},
		{"busy@start", device.ErrBusy},
		{"busy@status*100", device.ErrBusy},
		{"half@data*2", device.ErrProtocol},
		{"checksum@data*2", device.ErrProtocol},
	} {
		t.Run(c.fault, func(t *testing.T) {
			t.Parallel()
			em := start(t, emulator.Config{})
			dev := open(t, em, nirscan.Options{Config: column64, Margin: margin})
			drivertest.Inject(t, em, c.fault)
			f, err := dev.Scan(drivertest.Within(t))
			if !errors.Is(err, c.want) {
				t.Fatalf("error %v, want %v", err, c.want)
			}
			if err == nil && c.fault != "nack@gain*2" {
				checkCounts(t, dev.Info(), f, 32, 6)
			}
			for range 100 { // what is left of a fault that lasts
				em.Line.Take("status")
			}
			if err := drivertest.Eventually(func() (err error) { f, err = dev.Scan(drivertest.Within(t)); return err }); err != nil {
				t.Fatalf("after the fault: %v", err)
			}
			checkCounts(t, dev.Info(), f, 32, 6)
		})
	}
}

func TestFaultsWhileOpening(t *testing.T) {
	for _, c := range []struct {
		fault string
		want  error
	}{
		{"garbage@serial", nil},
		{"half@config", nil},
		{"checksum@calibration", nil},
		{"nack@serial*2", nil},
		{"nack@versions*2", nil},
		{"nack@calibration*2", nil}, // a scan tells the wavelengths
		{"nack@config*2", device.ErrRefused},
		{"silent@status*", device.ErrTimeout},
		{"silent@serial*", device.ErrTimeout},
		{"checksum@serial*", device.ErrProtocol},
		{"busy@serial*", device.ErrBusy},
	} {
		t.Run(c.fault, func(t *testing.T) {
			t.Parallel()
			em := start(t, emulator.Config{})
			drivertest.Inject(t, em, c.fault)
			dev, err := nirscan.Open(drivertest.Within(t), em.Path(), nirscan.Options{Baud: em.Baud(), Config: column64, Margin: margin})
			if !errors.Is(err, c.want) {
				t.Fatalf("error %v, want %v", err, c.want)
			}
			if err != nil {
				return
			}
			defer dev.Close()
			f, err := dev.Scan(drivertest.Within(t))
			if err != nil {
				t.Fatal(err)
			}
			checkCounts(t, dev.Info(), f, 32, 6)
		})
	}
}

func TestUnpluggedAtAnyByte(t *testing.T) {
	for _, at := range []int{0, 1, 3, 4, 11, 12, 17, 18, 300, 527} {
		t.Run(fmt.Sprint(at), func(t *testing.T) {
			t.Parallel()
			em := start(t, emulator.Config{})
			dev := open(t, em, nirscan.Options{Config: column64})
			if err := em.Inject(emulator.Fault{Kind: bench.Unplug, Arg: at, Message: "data"}); err != nil {
				t.Fatal(err)
			}
			if _, err := dev.Scan(drivertest.Within(t)); !errors.Is(err, device.ErrGone) {
				t.Errorf("scan: %v", err)
			}
			if _, err := dev.Temperature(drivertest.Within(t)); !errors.Is(err, device.ErrGone) {
				t.Errorf("afterwards: %v", err)
			}
			if err := dev.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		})
	}
}

func TestUnpluggedWhileOpening(t *testing.T) {
	for at := 0; at < 450; at += 43 { // opening takes some 460 bytes of answers
		t.Run(fmt.Sprint(at), func(t *testing.T) {
			t.Parallel()
			em := start(t, emulator.Config{Faults: []emulator.Fault{{Kind: bench.Unplug, Arg: at}}})
			if _, err := nirscan.Open(drivertest.Within(t), em.Path(), nirscan.Options{Baud: em.Baud()}); !errors.Is(err, device.ErrGone) {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestUnpluggedWhileScanning(t *testing.T) {
	t.Parallel()
	em := start(t, emulator.Config{})
	dev := open(t, em, nirscan.Options{Config: column64})
	if err := dev.SetIntegrationTime(drivertest.Within(t), 200*635*time.Microsecond); err != nil { // some eight seconds
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

func TestALongScanThatWasCancelledIsWaitedFor(t *testing.T) {
	t.Parallel()
	em := start(t, emulator.Config{})
	dev := open(t, em, nirscan.Options{Config: column64, Margin: margin})
	if err := dev.SetIntegrationTime(drivertest.Within(t), 30*635*time.Microsecond); err != nil {
		t.Fatal(err)
	}
	stop := errors.New("the user pressed stop")
	short, cancel := context.WithTimeoutCause(drivertest.Within(t), 250*time.Millisecond, stop)
	_, err := dev.Scan(short)
	cancel()
	if !errors.Is(err, stop) || errors.Is(err, device.ErrTimeout) {
		t.Errorf("cancelled scan: %v", err)
	}
	if c, err := dev.Temperature(drivertest.Within(t)); err != nil || c != 28.4 { // the device answers while it scans
		t.Errorf("temperature %g, %v", c, err)
	}
	f, err := dev.Scan(drivertest.Within(t))
	if err != nil {
		t.Fatal(err)
	}
	checkCounts(t, dev.Info(), f, 32, 6)
}

func TestAStuckLineEndsInTime(t *testing.T) {
	t.Parallel()
	em := start(t, emulator.Config{})
	dev := open(t, em, nirscan.Options{Config: column64, Margin: margin})
	drivertest.Inject(t, em, "stuck=1500@status")
	if _, err := dev.Scan(drivertest.Within(t)); err != nil && !errors.Is(err, device.ErrTimeout) {
		t.Errorf("stuck: %v", err)
	}
	var f device.Frame
	if err := drivertest.Eventually(func() (err error) { f, err = dev.Scan(drivertest.Within(t)); return err }); err != nil {
		t.Fatal(err)
	}
	checkCounts(t, dev.Info(), f, 32, 6)
}
