package wisp_test

import (
	"cmp"
	"context"
	"testing"
	"time"

	"fentrace/device"
	"fentrace/device/drivertest"
	"fentrace/device/emulator"
	"fentrace/device/wisp"
)

const margin = 1500 * time.Millisecond

func rig(o wisp.Options) drivertest.Rig {
	return drivertest.Rig{
		Config: emulator.Config{Type: "wisp"},
		Open: func(ctx context.Context, em *emulator.Emulator) (device.Spectrometer, error) {
			o := o
			o.Baud, o.Margin = cmp.Or(o.Baud, em.Baud()), cmp.Or(o.Margin, drivertest.Margin)
			return wisp.Open(ctx, em.Path(), o)
		},
		Check: func(t testing.TB, dev device.Spectrometer, f device.Frame, lit bool) {
			checkCounts(t, dev.Info(), f, lit)
		},
		Times: [2]time.Duration{30 * time.Millisecond, 90 * time.Millisecond},
		Ask: func(ctx context.Context, dev device.Spectrometer) error {
			return dev.SetIntegrationTime(ctx, time.Second)
		},
	}
}

func TestFaultsInAScan(t *testing.T) {
	rig(wisp.Options{Margin: margin}).FaultsInAScan(t, drivertest.Faults{
		"garbage=37":   nil,
		"garbage=5000": nil,
		"half":         nil,
		"late=50":      nil,
		"silent":       device.ErrTimeout,
		"late=3500":    device.ErrTimeout,
		"nack":         device.ErrRefused,
		"half*4":       device.ErrProtocol,
	})
}

func TestFaultsWhileOpening(t *testing.T) {
	rig(wisp.Options{Margin: margin}).FaultsWhileOpening(t, drivertest.Faults{
		"garbage@serial":   nil,
		"half@model":       nil,
		"half@wavelength":  nil,
		"garbage@pixels":   nil,
		"silent@pixels*":   device.ErrProtocol, // it answers, but not what it is asked
		"silent@serial":    device.ErrTimeout,
		"nack@integration": device.ErrRange,
		"half@serial*":     device.ErrProtocol,
	})
}

func TestUnpluggedInAScan(t *testing.T) {
	rig(wisp.Options{}).UnpluggedInAScan(t, 0, 1, 2, 31, 32, 1000, 2048)
}

func TestUnpluggedWhileOpening(t *testing.T) {
	// Opening takes 79 bytes of answers beyond the greeting.
	rig(wisp.Options{Margin: margin}).UnpluggedWhileOpening(t, 0, 1, 2, 3, 10, 17, 18, 19, 49, 50, 53, 54, 60, 73, 74, 77, 78)
}

func TestUnpluggedWhileExposing(t *testing.T) {
	rig(wisp.Options{}).UnpluggedWhileExposing(t, 9*time.Second)
}

func TestACancelledScanLeavesTheLinkUsable(t *testing.T) {
	rig(wisp.Options{Margin: margin}).CancelledScan(t, 2*time.Second, 250*time.Millisecond)
}

func TestAStuckLineEndsInTime(t *testing.T) {
	rig(wisp.Options{Margin: margin}).StuckLine(t, "spectrum", 1500*time.Millisecond)
}

func TestOpeningAfterAnotherProgram(t *testing.T) {
	r := rig(wisp.Options{})
	r.Config.LightSource = true
	r.Opened = func(t testing.TB, em *emulator.Emulator, _ device.Spectrometer) {
		if em.Light.Fired() > 0 {
			t.Error("the laser was switched on")
		}
	}
	binary := func(b ...byte) string { return "BIN\n" + string(b) }
	r.AfterAnotherProgram(t, map[string]string{
		"nothing": "", "half a line": "BI", "binary mode": binary(), "half a request": binary(0xAD, 0, 0),
		"half a laser": binary(0xBE), "the most payload": binary(0xB2, 0, 1, 0, 0, 255, 1, 2, 3), "five bytes": binary(0x03, 0, 0, 0, 0),
		"four bytes": binary(0x03, 0, 0, 0), "a spectrum on its way": binary(0xAD, 0, 0, 0, 0, 0), "noise": "\x00\xFFAT\r\n",
	})
}
