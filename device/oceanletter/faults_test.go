package oceanletter_test

import (
	"cmp"
	"context"
	"errors"
	"testing"
	"time"

	"fentrace/device"
	"fentrace/device/drivertest"
	"fentrace/device/emulator"
	"fentrace/device/oceanletter"
)

const margin = 1500 * time.Millisecond

// rig is an instrument of that type and its driver.
func rig(typ string, o oceanletter.Options) drivertest.Rig {
	return drivertest.Rig{
		Name:   typ,
		Config: emulator.Config{Type: typ},
		Open: func(ctx context.Context, em *emulator.Emulator) (device.Spectrometer, error) {
			o := o
			o.Baud, o.Margin = cmp.Or(o.Baud, em.Baud()), cmp.Or(o.Margin, drivertest.Margin)
			o.LaserNM = cmp.Or(o.LaserNM, 785)
			return oceanletter.Open(ctx, em.Path(), o)
		},
		Check: func(t testing.TB, dev device.Spectrometer, f device.Frame, lit bool) {
			t.Helper()
			checkCounts(t, instruments[typ], dev.Info(), f, lit, 1, itself)
		},
		Times: [2]time.Duration{30 * time.Millisecond, 90 * time.Millisecond},
		Ask: func(ctx context.Context, dev device.Spectrometer) error {
			_, err := dev.Temperature(ctx)
			if typ != "usb2000plus" && errors.Is(err, device.ErrRefused) { // it has no sensor, and says so
				return nil
			}
			return err
		},
	}
}

func TestFaultsInAScan(t *testing.T) {
	rig("usb2000", oceanletter.Options{Margin: margin}).FaultsInAScan(t, drivertest.Faults{
		"garbage":      nil,
		"garbage=5000": nil,
		"garbage=1":    nil,
		"half":         nil,
		"checksum":     nil,
		"late=50":      nil,
		"stuck=2500":   nil,
		"silent":       device.ErrTimeout,
		"late=3500":    device.ErrTimeout,
		"nack":         device.ErrRefused,
		"half*2":       device.ErrProtocol,
		"checksum*2":   device.ErrProtocol,
	})
	rig("usb4000", oceanletter.Options{Margin: margin}).FaultsInAScan(t, drivertest.Faults{"half": nil, "late=3500": device.ErrTimeout})
}

// The laser is off at the end, whatever happened to the command that switches it.
func TestFaultsOfTheLamp(t *testing.T) {
	for _, fault := range []string{"silent@lamp", "late=3000@lamp", "garbage@lamp", "half@lamp", "checksum@lamp", "stuck=2500@lamp", "nack@lamp"} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			em := drivertest.Start(t, emulator.Config{Type: "usb2000plus", LightSource: true})
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
	r := rig("usb2000plus", oceanletter.Options{Margin: time.Second, Compress: true})
	r.Unseen = []string{"nack@slot*"} // counts without wavelengths cannot be checked
	r.FaultsWhileOpening(t, drivertest.Faults{
		"garbage@spectrum": nil,
		"half@spectrum":    nil,
		"checksum@slot":    nil,
		"half@slot":        nil,
		"garbage@slot":     nil,
		"garbage@mode":     nil,
		"silent@idle":      nil,
		"nack@slot*":       nil, // no calibration
		"nack@checksum":    nil,
		"nack@compression": nil,
		"checksum@slot*":   device.ErrProtocol,
		"silent@idle*":     device.ErrTimeout,
		"silent@version":   device.ErrTimeout,
		"nack@mode":        device.ErrRefused,
		"nack@spectrum":    device.ErrRefused,
		"nack@integration": device.ErrRefused,
	})
}

func TestUnpluggedInAScan(t *testing.T) {
	const size = 1 + 14 + 2*2048 + 4
	rig("usb2000plus", oceanletter.Options{}).UnpluggedInAScan(t, 0, 1, 2, 3, 14, 15, 16, 17, 1000, size-5, size-4, size-1)
}

func TestUnpluggedWhileOpening(t *testing.T) {
	// Opening takes some 20 bytes of commands, a spectrum of 4113 bytes and 20 texts of some 15 bytes.
	rig("usb2000plus", oceanletter.Options{Margin: time.Second}).UnpluggedWhileOpening(t,
		0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 500, 4000, 4130, 4150, 4200, 4300)
}

func TestUnpluggedWhileExposing(t *testing.T) {
	rig("usb4000", oceanletter.Options{}).UnpluggedWhileExposing(t, 50*time.Second)
}

func TestACancelledScanLeavesTheLinkUsable(t *testing.T) {
	for _, typ := range []string{"usb2000", "usb4000"} {
		for name, o := range map[string]oceanletter.Options{"binary": {}, "ascii": {ASCII: true}} {
			r := rig(typ, o)
			r.Name += "/" + name
			r.CancelledScan(t, 1200*time.Millisecond, 250*time.Millisecond)
		}
	}
}

func TestAStuckLineEndsInTime(t *testing.T) {
	for _, typ := range types {
		rig(typ, oceanletter.Options{Margin: margin}).StuckLine(t, "spectrum", 2500*time.Millisecond)
	}
}

// What an earlier program left behind does not matter: a command half sent, the other mode, a spectrum on its way.
func TestOpeningAfterAnotherProgram(t *testing.T) {
	r := rig("usb2000plus", oceanletter.Options{Margin: 2 * time.Second})
	r.Config.LightSource = true
	r.Opened = func(t testing.TB, _ *emulator.Emulator, dev device.Spectrometer) {
		if n := dev.Info().SerialNumber; n != "SIM-U2P-0001" {
			t.Errorf("serial number %q", n)
		}
	}
	r.AfterAnotherProgram(t, map[string]string{
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
	})
}
