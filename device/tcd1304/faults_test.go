package tcd1304

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"fentrace/device"
	"fentrace/device/drivertest"
	"fentrace/device/emulator"
	"fentrace/device/hostcal"
)

var calibration = hostcal.Calibration{SerialNumber: "TCD-7", Coefficients: []float64{790, 0.06}, LaserNM: 785}

func rig() drivertest.Rig {
	return drivertest.Rig{
		Config: emulator.Config{Type: "tcd1304"},
		Open: func(ctx context.Context, em *emulator.Emulator) (device.Spectrometer, error) {
			return Open(ctx, em.Path(), Options{Baud: em.Baud(), Calibration: calibration, Margin: 1500 * time.Millisecond})
		},
		Check: func(t testing.TB, _ device.Spectrometer, f device.Frame, lit bool) {
			t.Helper()
			check(t, f, lit)
		},
		Times:  [2]time.Duration{40 * time.Millisecond, 20 * time.Millisecond},
		Unseen: []string{"checksum"}, // a wrong bit in a frame without checksum cannot be seen
		Late:   []error{device.ErrTimeout},
	}
}

func TestFaultsInAScan(t *testing.T) {
	rig().FaultsInAScan(t, drivertest.Faults{
		"garbage":      nil,
		"garbage=1":    nil,
		"garbage=9000": nil,
		"half":         nil,
		"checksum":     nil,
		"late=200":     nil,
		"stuck=200":    nil,
		"silent":       device.ErrTimeout,
		"late=4000":    device.ErrTimeout,
		"half*3":       device.ErrProtocol,
	})
}

func TestFaultsWhileOpening(t *testing.T) {
	rig().FaultsWhileOpening(t, drivertest.Faults{
		"garbage": nil,
		"half":    nil,
		"silent":  nil, // the first frame is only there to bring the board into step
		"late=50": nil,
		"silent*": device.ErrTimeout,
		"half*":   device.ErrProtocol,
	})
}

func TestUnpluggedInAScan(t *testing.T) {
	rig().UnpluggedInAScan(t, 0, 1, 2, 999, 7386, 7387)
}

func TestUnpluggedWhileOpening(t *testing.T) {
	rig().UnpluggedWhileOpening(t, 0, 1, 7387, 7388, 7389, 10_000, 2*7388-1) // opening takes two frames
}

func TestUnpluggedWhileExposing(t *testing.T) {
	rig().UnpluggedWhileExposing(t, 9*time.Second)
}

func TestACancelledScanLeavesTheLinkUsable(t *testing.T) {
	rig().CancelledScan(t, time.Second, 200*time.Millisecond)
}

func TestAStuckLineEndsInTime(t *testing.T) {
	rig().StuckLine(t, "spectrum", 1500*time.Millisecond)
}

// An earlier program, or a probe for another protocol, may have left any number of bytes in the board's ring.
func TestOpeningAfterAnotherProgram(t *testing.T) {
	sh, icg := periods(200 * time.Millisecond)
	command := string(EncodeCommand(sh, icg))
	left := map[string]string{"nothing": "", "a frame on its way": command, "half a command": command[:7], "noise": "\xFFER\x80qwertz\r\n"}
	for n := 1; n < 12; n++ {
		left[fmt.Sprint(n, " bytes")] = strings.Repeat("E", n)
	}
	rig().AfterAnotherProgram(t, left)
}
