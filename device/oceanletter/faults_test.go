package oceanletter_test

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
	"fentrace/device/oceanletter"
)

// scanFault is a fault and the error it ends in, nil for one that the driver gets over by itself.
type scanFault struct {
	fault string
	want  error
}

// Every fault ends in a clear error or in a right frame, and the next scan is right again.
func TestFaultsInAScan(t *testing.T) {
	for typ, faults := range map[string][]scanFault{
		"usb2000": {
			{"garbage", nil},
			{"garbage=5000", nil},
			{"garbage=1", nil},
			{"half", nil},
			{"checksum", nil},
			{"late=50", nil},
			{"stuck=2500", nil},
			{"silent", device.ErrTimeout},
			{"late=3500", device.ErrTimeout},
			{"nack", device.ErrRefused},
			{"half*2", device.ErrProtocol},
			{"checksum*2", device.ErrProtocol},
		},
		"usb4000": {{"half", nil}, {"late=3500", device.ErrTimeout}},
	} {
		for _, c := range faults {
			t.Run(typ+"/"+c.fault, func(t *testing.T) {
				t.Parallel()
				em := drivertest.Start(t, emulator.Config{Type: typ, Sample: drivertest.Ramp})
				dev := open(t, em, oceanletter.Options{Margin: 1500 * time.Millisecond})
				ctx := drivertest.Within(t)
				if _, err := dev.Scan(ctx); err != nil {
					t.Fatal(err)
				}
				drivertest.Inject(t, em, c.fault)
				f, err := dev.Scan(ctx)
				if !errors.Is(err, c.want) {
					t.Fatalf("error %v, want %v", err, c.want)
				}
				if err == nil {
					checkCounts(t, instruments[typ], dev.Info(), f, true, 1, itself)
				}
				// Another integration time: a late answer taken for the new one would show.
				for _, d := range []time.Duration{30 * time.Millisecond, 90 * time.Millisecond} {
					if err := drivertest.Eventually(func() error { return dev.SetIntegrationTime(ctx, d) }); err != nil {
						t.Fatalf("after the fault: %v", err)
					}
					if f, err = dev.Scan(ctx); err != nil {
						t.Fatalf("after the fault: %v", err)
					}
					checkCounts(t, instruments[typ], dev.Info(), f, true, 1, itself)
				}
			})
		}
	}
}

// The laser is off at the end, whatever happened to the command that switches it.
func TestFaultsOfTheLamp(t *testing.T) {
	for _, fault := range []string{"silent@lamp", "late=3000@lamp", "garbage@lamp", "half@lamp", "checksum@lamp", "stuck=2500@lamp", "nack@lamp"} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			em := drivertest.Start(t, emulator.Config{Type: "usb2000plus", LightSource: true, Sample: drivertest.Ramp})
			dev := open(t, em, oceanletter.Options{Margin: 1500 * time.Millisecond})
			ctx := drivertest.Within(t)
			drivertest.Inject(t, em, fault)
			_ = dev.Lamp(ctx, true)
			if err := drivertest.Eventually(func() error { return dev.Lamp(ctx, false) }); err != nil {
				t.Fatal(err)
			}
			if em.LaserOn() {
				t.Fatal("the laser is on after it was switched off")
			}
			f, err := dev.Scan(ctx)
			if err != nil {
				t.Fatal(err)
			}
			checkCounts(t, instruments["usb2000plus"], dev.Info(), f, false, 1, itself)
		})
	}
}

func TestFaultsWhileOpening(t *testing.T) {
	for _, c := range []struct {
		fault string
		want  error
	}{
		{"garbage@spectrum", nil},
		{"half@spectrum", nil},
		{"checksum@slot", nil},
		{"half@slot", nil},
		{"garbage@slot", nil},
		{"garbage@mode", nil},
		{"silent@idle", nil},
		{"nack@slot*", nil}, // no calibration
		{"nack@checksum", nil},
		{"nack@compression", nil},
		{"checksum@slot*", device.ErrProtocol},
		{"silent@idle*", device.ErrTimeout},
		{"silent@version", device.ErrTimeout},
		{"nack@mode", device.ErrRefused},
		{"nack@spectrum", device.ErrRefused},
		{"nack@integration", device.ErrRefused},
	} {
		t.Run(c.fault, func(t *testing.T) {
			t.Parallel()
			em := drivertest.Start(t, emulator.Config{Type: "usb2000plus", Sample: drivertest.Ramp, Faults: drivertest.Fault(t, "usb2000plus", c.fault)})
			dev, err := oceanletter.Open(drivertest.Within(t), em.Path(), oceanletter.Options{Baud: drivertest.QuickBaud, LaserNM: 785, Compress: true})
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
			if info := dev.Info(); len(info.WavelengthsNM) > 0 {
				checkCounts(t, instruments["usb2000plus"], info, f, true, 1, itself)
			} else if c.fault != "nack@slot*" {
				t.Error("the calibration is lost")
			}
		})
	}
}

func TestUnpluggedAtAnyByte(t *testing.T) {
	const size = 1 + 14 + 2*2048 + 4
	for _, at := range []int{0, 1, 2, 3, 14, 15, 16, 17, 1000, size - 5, size - 4, size - 1} {
		t.Run(fmt.Sprint(at), func(t *testing.T) {
			t.Parallel()
			em := drivertest.Start(t, emulator.Config{Type: "usb2000plus"})
			dev := open(t, em, oceanletter.Options{})
			ctx := drivertest.Within(t)
			if err := em.Inject(emulator.Fault{Kind: bench.Unplug, Arg: at, Message: "spectrum"}); err != nil {
				t.Fatal(err)
			}
			if _, err := dev.Scan(ctx); !errors.Is(err, device.ErrGone) {
				t.Errorf("scan: %v", err)
			}
			if _, err := dev.Temperature(ctx); !errors.Is(err, device.ErrGone) {
				t.Errorf("afterwards: %v", err)
			}
			if err := dev.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		})
	}
}

func TestUnpluggedWhileOpening(t *testing.T) {
	// Opening takes some 20 bytes of commands, a spectrum of 4113 bytes and 20 texts of some 15 bytes.
	for _, at := range []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 500, 4000, 4130, 4150, 4200, 4300} {
		t.Run(fmt.Sprint(at), func(t *testing.T) {
			t.Parallel()
			em := drivertest.Start(t, emulator.Config{Type: "usb2000plus", Faults: []emulator.Fault{{Kind: bench.Unplug, Arg: at}}})
			if _, err := oceanletter.Open(drivertest.Within(t), em.Path(), oceanletter.Options{Baud: drivertest.QuickBaud}); !errors.Is(err, device.ErrGone) {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestUnpluggedWhileExposing(t *testing.T) {
	t.Parallel()
	em := drivertest.Start(t, emulator.Config{Type: "usb4000"})
	dev := open(t, em, oceanletter.Options{})
	ctx := drivertest.Within(t)
	if err := dev.SetIntegrationTime(ctx, 50*time.Second); err != nil {
		t.Fatal(err)
	}
	result := make(chan error)
	go func() {
		_, err := dev.Scan(ctx)
		result <- err
	}()
	em.Close()
	if err := <-result; !errors.Is(err, device.ErrGone) {
		t.Error(err)
	}
}

func TestACancelledScanLeavesTheLinkUsable(t *testing.T) {
	for _, typ := range []string{"usb2000", "usb4000"} {
		for name, o := range map[string]oceanletter.Options{"binary": {}, "ascii": {ASCII: true}} {
			t.Run(typ+"/"+name, func(t *testing.T) {
				t.Parallel()
				em := drivertest.Start(t, emulator.Config{Type: typ, Sample: drivertest.Ramp})
				dev := open(t, em, o)
				ctx := drivertest.Within(t)
				if err := dev.SetIntegrationTime(ctx, 1200*time.Millisecond); err != nil {
					t.Fatal(err)
				}
				stop := errors.New("the user pressed stop")
				short, cancel := context.WithTimeoutCause(ctx, 250*time.Millisecond, stop)
				_, err := dev.Scan(short)
				cancel()
				if !errors.Is(err, stop) || errors.Is(err, device.ErrTimeout) {
					t.Errorf("cancelled scan: %v", err)
				}
				if err := dev.SetIntegrationTime(ctx, 40*time.Millisecond); err != nil {
					t.Fatalf("after the cancelled scan: %v", err)
				}
				f, err := dev.Scan(ctx)
				if err != nil {
					t.Fatalf("after the cancelled scan: %v", err)
				}
				checkCounts(t, instruments[typ], dev.Info(), f, true, 1, itself)
			})
		}
	}
}

// What an earlier program left behind does not matter: a command half sent, the other mode, a spectrum on its way.
func TestOpeningAfterAnotherProgram(t *testing.T) {
	for name, left := range map[string]string{
		"nothing":              "",
		"half a time":          "I\x01",
		"half a long time":     "i\x00\x00",
		"a letter":             "K",
		"half a lamp":          "J\x00",
		"a lamp":               "J",
		"lamp on":              "J\x00\x01",
		"half a list":          "P\x00\x04\x00\x0A\x00\x01",
		"half a register":      "W\x00\x01\x00",
		"half a query":         "?",
		"half a slot query":    "?x\x00",
		"half a written text":  "x\x00\x10ABC",
		"half a mode":          "a",
		"ASCII":                "aA",
		"ASCII, half a time":   "aAI12",
		"ASCII, half a text":   "aAx16\rab",
		"ASCII, some settings": "aAP1\r7\rA3\rB2\rk1\rG1\rJ1\r",
		"some settings":        "P\x00\x01\x00\x07A\x00\x03B\x00\x02k\x00\x01G\x00\x01T\x00\x03",
		"a spectrum":           "S",
		"a long exposure":      "I\x08\x00S",
		"three spectra":        "SSS",
		"noise":                "\xFF\x00\x80qwertz\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			em := drivertest.Start(t, emulator.Config{Type: "usb2000plus", LightSource: true, Sample: drivertest.Ramp})
			drivertest.Leave(t, em, left)
			dev := open(t, em, oceanletter.Options{Margin: 2 * time.Second})
			if em.LaserOn() {
				t.Error("the laser is on")
			}
			if info := dev.Info(); info.SerialNumber != "SIM-U2P-0001" {
				t.Errorf("serial number %q", info.SerialNumber)
			}
			frame, err := dev.Scan(drivertest.Within(t))
			if err != nil {
				t.Fatal(err)
			}
			checkCounts(t, instruments["usb2000plus"], dev.Info(), frame, false, 1, itself)
		})
	}
}
