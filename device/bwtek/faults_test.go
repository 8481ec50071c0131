package bwtek_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"fentrace/device"
	"fentrace/device/bwtek"
	"fentrace/device/drivertest"
	"fentrace/device/emulator"
)

const margin = 1500 * time.Millisecond

// rig is a bench that the calibration fits, and its driver.
func rig(o bwtek.Options) drivertest.Rig {
	o.Calibration = calibration
	r := drivertest.Rig{
		Name:   fmt.Sprint("ascii ", o.ASCII),
		Config: emulator.Config{Type: "btc110"},
		Open: func(ctx context.Context, em *emulator.Emulator) (device.Spectrometer, error) {
			o := o
			o.Baud, o.Margin = cmp.Or(o.Baud, em.Baud()), cmp.Or(o.Margin, drivertest.Margin)
			return bwtek.Open(ctx, em.Path(), o)
		},
		Check: func(t testing.TB, dev device.Spectrometer, f device.Frame, lit bool) {
			t.Helper()
			check(t, dev.Info(), f, lit)
		},
		Times: [2]time.Duration{shot, 150 * time.Millisecond},
		Ask:   func(ctx context.Context, dev device.Spectrometer) error { return dev.SetIntegrationTime(ctx, shot) },
		// A spectrum that is late after its acknowledgement is an answer cut short, and is asked for once more.
		Also: func(fault string, err error) bool {
			return strings.HasPrefix(fault, "late") && (err == nil || errors.Is(err, device.ErrProtocol))
		},
	}
	copy(r.Config.Coefficients[:], calibration.Coefficients)
	if !o.ASCII {
		r.Unseen = []string{"checksum"} // a wrong byte in a compressed spectrum cannot be found
	}
	return r
}

// both forms of spectra.
var both = []bool{false, true}

func TestFaultsInAScan(t *testing.T) {
	for _, ascii := range both {
		rig(bwtek.Options{Margin: margin, ASCII: ascii}).FaultsInAScan(t, drivertest.Faults{
			"garbage":      nil,
			"garbage=5000": nil,
			"garbage=1":    nil,
			"half":         nil,
			"checksum":     nil,
			"late=50":      nil,
			"stuck=2500":   nil,
			"silent":       device.ErrTimeout,
			"late=3500":    device.ErrTimeout,
			"nack":         nil, // a damaged ACK looks the same
			"nack*2":       device.ErrRefused,
			"half*2":       device.ErrProtocol,
		})
	}
}

func TestFaultsWhileOpening(t *testing.T) {
	rig(bwtek.Options{Margin: time.Second}).FaultsWhileOpening(t, drivertest.Faults{
		"garbage@mode":       nil,
		"silent@mode":        nil,
		"half@mode":          nil,
		"checksum@averages":  nil,
		"half@integration":   nil,
		"silent@mode*":       device.ErrTimeout,
		"garbage@mode*":      device.ErrProtocol,
		"silent@integration": device.ErrTimeout,
		"nack@averages*":     device.ErrRefused,
	})
}

func TestUnpluggedInAScan(t *testing.T) {
	for _, ascii := range both {
		last := 8 + 2051 // at the least
		if ascii {
			last = 8 + 14336
		}
		rig(bwtek.Options{ASCII: ascii}).UnpluggedInAScan(t, 0, 1, 2, 3, 7, 8, 9, 10, 11, 12, 1000, last)
	}
}

func TestUnpluggedWhileOpening(t *testing.T) {
	// Opening takes four answers of some ten bytes.
	rig(bwtek.Options{Margin: time.Second}).UnpluggedWhileOpening(t, 0, 3, 6, 9, 12, 15, 18, 21, 24, 27, 30, 33)
}

func TestUnpluggedWhileExposing(t *testing.T) {
	for _, ascii := range both {
		rig(bwtek.Options{ASCII: ascii}).UnpluggedWhileExposing(t, 9*time.Second)
	}
}

func TestACancelledScanLeavesTheLinkUsable(t *testing.T) {
	for _, ascii := range both {
		rig(bwtek.Options{ASCII: ascii}).CancelledScan(t, 2*time.Second, 250*time.Millisecond)
	}
}

func TestAStuckLineEndsInTime(t *testing.T) {
	for _, ascii := range both {
		rig(bwtek.Options{Margin: margin, ASCII: ascii}).StuckLine(t, "spectrum", 2500*time.Millisecond)
	}
}

// What an earlier program left behind does not matter.
func TestOpeningAfterAnotherProgram(t *testing.T) {
	left := map[string]string{}
	for _, s := range []string{"", "I", "I12", "A7\n", "S", "S\n", "b\nS\n", "S\nS\n", "I2000\nS\n", "b", "?I\n", "\xFF\x80noise", "a\r\n", "x\nx\nx\n"} {
		left[fmt.Sprintf("%q", s)] = s
	}
	rig(bwtek.Options{Margin: 3 * time.Second}).AfterAnotherProgram(t, left)
}
