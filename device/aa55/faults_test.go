package aa55_test

import (
	"context"
	"testing"
	"time"

	"fentrace/device"
	"fentrace/device/aa55"
	"fentrace/device/drivertest"
	"fentrace/device/emulator"
)

const margin = 1500 * time.Millisecond

// rate is counts per second where the signal is 1; low, so that an exposure that ends late does not saturate.
const rate = 20_000

func rig(margin time.Duration) drivertest.Rig {
	return drivertest.Rig{
		Config: emulator.Config{Type: "aa55", Rate: rate},
		Open: func(ctx context.Context, em *emulator.Emulator) (device.Spectrometer, error) {
			return aa55.Open(ctx, em.Path(), aa55.Options{Margin: margin, Calibration: calibration(em)})
		},
		Check: func(t testing.TB, dev device.Spectrometer, f device.Frame, lit bool) {
			t.Helper()
			checkCounts(t, dev.Info(), f, lit)
		},
		Times:     [2]time.Duration{60 * time.Millisecond, 40 * time.Millisecond},
		HostTimed: true,
		Late:      []error{device.ErrTimeout, device.ErrProtocol},
	}
}

// A changed byte cannot be seen: the protocol has no checksum. Everything else is found, or does no harm.
func TestFaultsInAScan(t *testing.T) {
	rig(margin).FaultsInAScan(t, drivertest.Faults{
		"garbage":          nil, // found by its length, and taken again
		"half":             nil,
		"half*8":           device.ErrProtocol,
		"garbage=1*6":      device.ErrProtocol,
		"silent":           device.ErrTimeout,
		"late=200":         nil,
		"late=5000":        device.ErrTimeout,
		"stuck=300@start":  nil,
		"stuck=8000@start": device.ErrTimeout,
	})
}

func TestFaultsWhileOpening(t *testing.T) {
	rig(margin).FaultsWhileOpening(t, drivertest.Faults{
		"garbage":    nil,
		"half":       nil,
		"late=300":   nil,
		"silent*":    device.ErrTimeout,
		"half*":      device.ErrProtocol,
		"unplug=100": device.ErrGone,
	})
}

func TestUnpluggedInAScan(t *testing.T) {
	rig(margin).UnpluggedInAScan(t, 0, 1, 2, 63, 1000, 2068, 4134, 4135)
}

func TestUnpluggedWhileOpening(t *testing.T) {
	// Opening takes a read-out of 4,136 bytes.
	rig(margin).UnpluggedWhileOpening(t, 0, 1, 2, 1000, 2068, 4134, 4135)
}

func TestUnpluggedWhileExposing(t *testing.T) {
	rig(margin).UnpluggedWhileExposing(t, 9*time.Second)
}

func TestACancelledScanLeavesTheLinkUsable(t *testing.T) {
	const ms = time.Millisecond
	rig(margin).CancelledScan(t, 500*ms, 0, 20*ms, 150*ms, 480*ms, 510*ms, 540*ms)
}

func TestAStuckLineEndsInTime(t *testing.T) {
	rig(margin).StuckLine(t, "spectrum", 1500*time.Millisecond)
}

func TestOpeningAfterAnotherProgram(t *testing.T) {
	begin, read := string(aa55.Encode(aa55.Start, 1)), string(aa55.Encode(aa55.Read, 0))
	rig(margin).AfterAnotherProgram(t, map[string]string{
		"nothing": "", "half a command": begin[:4], "an exposure": begin, "a read-out on its way": begin + read, "three read-outs": read + read + read,
		"half a read-out's command": begin + read[:7], "noise": "\xAA\x00\x55qwertz\r\n", "half a command of another": "\xAA\x55\xAA",
	})
}
