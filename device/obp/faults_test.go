package obp_test

import (
	"cmp"
	"context"
	"strings"
	"testing"
	"time"

	"fentrace/device"
	"fentrace/device/drivertest"
	"fentrace/device/emulator"
	"fentrace/device/obp"
)

const margin = 1500 * time.Millisecond

// rig is an instrument of that type and its driver.
func rig(typ string, o obp.Options) drivertest.Rig {
	return drivertest.Rig{
		Name:   typ,
		Config: emulator.Config{Type: typ},
		Open: func(ctx context.Context, em *emulator.Emulator) (device.Spectrometer, error) {
			o := o
			o.Baud, o.Margin = cmp.Or(o.Baud, em.Baud()), cmp.Or(o.Margin, drivertest.Margin)
			return obp.Open(ctx, em.Path(), o)
		},
		Check: func(t testing.TB, dev device.Spectrometer, f device.Frame, lit bool) {
			t.Helper()
			checkCounts(t, dev.Info(), f, lit, rates[typ][0], rates[typ][1])
		},
		Times: [2]time.Duration{30 * time.Millisecond, 90 * time.Millisecond},
		Ask:   func(ctx context.Context, dev device.Spectrometer) error { _, err := dev.Temperature(ctx); return err },
	}
}

func TestFaultsInAScan(t *testing.T) {
	for _, typ := range types {
		rig(typ, obp.Options{Margin: margin}).FaultsInAScan(t, drivertest.Faults{
			"garbage":      nil,
			"garbage=5000": nil,
			"garbage=1":    nil,
			"half":         nil,
			"checksum":     nil,
			"wrongtype":    nil,
			"deferred":     nil,
			"late=50":      nil,
			"silent":       device.ErrTimeout,
			"late=3500":    device.ErrTimeout,
			"nack":         device.ErrRefused,
			"nack=6":       device.ErrRange,
			"exception":    device.ErrRefused,
			"half*2":       device.ErrProtocol,
			"checksum*2":   device.ErrProtocol,
			"wrongtype*2":  device.ErrProtocol,
		})
	}
}

func TestFaultsWhileOpening(t *testing.T) {
	rig("sts", obp.Options{Margin: margin}).FaultsWhileOpening(t, drivertest.Faults{
		"garbage@serial":      nil,
		"half@wavelength":     nil,
		"checksum@wavelength": nil,
		"silent@serial":       nil, // asked twice
		"nack=12@serial":      nil,
		"nack=2@pixels":       nil, // the device string tells
		"silent@serial*":      device.ErrTimeout,
		"wrongtype@serial*":   device.ErrProtocol,
		"silent@pixels":       device.ErrTimeout,
		"nack=13@integration": device.ErrRefused,
	})
}

func TestUnpluggedInAScan(t *testing.T) {
	for _, typ := range types {
		size := map[string]int{"sts": 2112, "spark": 2112, "qepro": 64 + 32 + 4*1044, "flamex": 64 + 64 + 2*2136 + 4}[typ]
		rig(typ, obp.Options{}).UnpluggedInAScan(t, 0, 1, 2, 43, 44, 63, 64, 65, 1000, size-21, size-4, size-1)
	}
}

func TestUnpluggedWhileOpening(t *testing.T) {
	var bytes []int
	for at := 0; at < 1200; at += 61 { // opening takes some 1,200 bytes of answers
		bytes = append(bytes, at)
	}
	rig("sts", obp.Options{}).UnpluggedWhileOpening(t, bytes...)
}

func TestUnpluggedWhileExposing(t *testing.T) {
	for _, typ := range types {
		rig(typ, obp.Options{}).UnpluggedWhileExposing(t, 9*time.Second)
	}
}

func TestACancelledScanLeavesTheLinkUsable(t *testing.T) {
	for _, typ := range types {
		rig(typ, obp.Options{}).CancelledScan(t, 2*time.Second, 250*time.Millisecond)
	}
}

func TestAStuckLineEndsInTime(t *testing.T) {
	for _, typ := range types {
		rig(typ, obp.Options{Margin: margin}).StuckLine(t, "spectrum", 1500*time.Millisecond)
	}
}

// What an earlier program left does no harm: a device forgets the beginning of a message after a second.
func TestOpeningAfterAnotherProgram(t *testing.T) {
	message := func(typ obp.MessageType) string {
		b, err := obp.Frame{Type: typ, Regarding: 7, Data: []byte{1, 0, 0, 0}}.Encode()
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	for _, typ := range types {
		spectrum := map[string]obp.MessageType{"qepro": obp.MsgBufferedSpectrum, "flamex": obp.MsgRawSpectra}[typ]
		if spectrum == 0 {
			spectrum = obp.MsgCorrected
		}
		rig(typ, obp.Options{Margin: 2 * time.Second}).AfterAnotherProgram(t, map[string]string{
			"nothing":               "",
			"half a beginning":      message(spectrum)[:1],
			"half a header":         message(spectrum)[:30],
			"half a message":        message(spectrum)[:60],
			"a spectrum on its way": message(spectrum),
			"three spectra":         strings.Repeat(message(spectrum), 3),
			"an exposure begun":     message(obp.MsgAcquire),
			"noise":                 "\xFF\x00\x80qwertz\r\n",
			"noise like a message":  "\xC1\xC0\x00\x11",
		})
	}
}
