package nirscan_test

import (
	"cmp"
	"context"
	"fmt"
	"testing"
	"time"

	"fentrace/device"
	"fentrace/device/drivertest"
	"fentrace/device/emulator"
	"fentrace/device/nirscan"
)

const (
	margin = 1500 * time.Millisecond
	// exposure is the shortest integration time.
	exposure = 635 * time.Microsecond
)

func rig(o nirscan.Options) drivertest.Rig {
	return drivertest.Rig{
		Config: emulator.Config{Type: "nirscan", Sample: ramp},
		Open: func(ctx context.Context, em *emulator.Emulator) (device.Spectrometer, error) {
			o := o
			o.Baud, o.Margin = cmp.Or(o.Baud, em.Baud()), cmp.Or(o.Margin, drivertest.Margin)
			return nirscan.Open(ctx, em.Path(), o)
		},
		// The device takes the dark from the counts itself.
		Check: func(t testing.TB, dev device.Spectrometer, f device.Frame, _ bool) {
			t.Helper()
			checkCounts(t, dev.Info(), f, 32, 6)
		},
		Times: [2]time.Duration{2 * exposure, 5 * exposure},
		Word:  "data",
		Ask: func(ctx context.Context, dev device.Spectrometer) error { // it answers while it scans
			c, err := dev.Temperature(ctx)
			if err == nil && c != 28.4 {
				err = fmt.Errorf("temperature %g", c)
			}
			return err
		},
		Unseen: []string{"nack@gain*2"},
	}
}

func TestFaultsInAScan(t *testing.T) {
	rig(nirscan.Options{Config: column64, Margin: margin}).FaultsInAScan(t, drivertest.Faults{
		"garbage@data":      nil,
		"garbage=1@data":    nil,
		"half@data":         nil,
		"checksum@data":     nil,
		"late=50@data":      nil,
		"half@size":         nil,
		"checksum@status":   nil,
		"garbage@start":     nil,
		"half@start":        nil,
		"nack@status":       nil, // refused once: the request may have come damaged
		"busy@status*3":     nil,
		"garbage@interpret": nil,
		"nack@gain*2":       nil, // not every firmware tells it
		"silent@data":       device.ErrTimeout,
		"silent@start":      device.ErrTimeout,
		"late=3500@data":    device.ErrTimeout,
		"late=3500@start":   device.ErrTimeout,
		"nack@start":        device.ErrRefused,
		"nack@time*2":       device.ErrRefused,
		"busy@start":        device.ErrBusy,
		"busy@status*100":   device.ErrBusy,
		"half@data*2":       device.ErrProtocol,
		"checksum@data*2":   device.ErrProtocol,
	})
}

func TestFaultsWhileOpening(t *testing.T) {
	rig(nirscan.Options{Config: column64, Margin: margin}).FaultsWhileOpening(t, drivertest.Faults{
		"garbage@serial":       nil,
		"half@config":          nil,
		"checksum@calibration": nil,
		"nack@serial*2":        nil,
		"nack@versions*2":      nil,
		"nack@calibration*2":   nil, // a scan tells the wavelengths
		"nack@config*2":        device.ErrRefused,
		"silent@status*":       device.ErrTimeout,
		"silent@serial*":       device.ErrTimeout,
		"checksum@serial*":     device.ErrProtocol,
		"busy@serial*":         device.ErrBusy,
	})
}

func TestUnpluggedInAScan(t *testing.T) {
	rig(nirscan.Options{Config: column64}).UnpluggedInAScan(t, 0, 1, 3, 4, 11, 12, 17, 18, 300, 527)
}

func TestUnpluggedWhileOpening(t *testing.T) {
	// Opening takes some 460 bytes of answers.
	rig(nirscan.Options{Margin: time.Second}).UnpluggedWhileOpening(t, 0, 43, 86, 129, 172, 215, 258, 301, 344, 387, 430)
}

func TestUnpluggedWhileScanning(t *testing.T) {
	rig(nirscan.Options{Config: column64}).UnpluggedWhileExposing(t, 200*exposure) // some eight seconds
}

func TestALongScanThatWasCancelledIsWaitedFor(t *testing.T) {
	rig(nirscan.Options{Config: column64, Margin: margin}).CancelledScan(t, 30*exposure, 250*time.Millisecond)
}

func TestACancelledScanLeavesTheLinkUsable(t *testing.T) {
	for name, path := range map[string]nirscan.Path{"interpreted": nirscan.PathInterpreted, "raw": nirscan.PathRaw} {
		r := rig(nirscan.Options{Config: column64, Path: path})
		r.Name, r.Config.Baud = name, 115200
		r.CancelledScan(t, 0, 0, 5*time.Millisecond, 40*time.Millisecond, 90*time.Millisecond, 130*time.Millisecond)
	}
}

func TestAStuckLineEndsInTime(t *testing.T) {
	rig(nirscan.Options{Config: column64, Margin: margin}).StuckLine(t, "status", 1500*time.Millisecond)
}

func TestOpeningAfterAnotherProgram(t *testing.T) {
	b, err := nirscan.Frame{Read: true, Reply: true, Seq: 7, Command: nirscan.CmdSerialNumber}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	request := string(b)
	rig(nirscan.Options{Config: column64}).AfterAnotherProgram(t, map[string]string{
		"nothing": "", "half a frame": request[:11], "noise": "\r\nAABCAT+GMR\x00\xFFABCD\xFF\xFF", "three requests": request + request + request,
	})
}
