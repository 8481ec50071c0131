package oceanletter

import (
	"context"
	"fmt"
	"time"

	"fentrace/device"
	"fentrace/device/lockstep"
)

// maxStale is how many spectra of an earlier integration time are passed over.
const maxStale = 3

// Scan takes one fresh frame. Raw is the device's whole answer: STX, header, pixels, end mark, checksum.
func (d *Driver) Scan(ctx context.Context) (device.Frame, error) {
	if d.unset {
		if err := d.SetIntegrationTime(ctx, d.integration); err != nil {
			return device.Frame{}, fmt.Errorf("scan: %w", err)
		}
	}
	for range maxStale {
		f, s, err := d.acquire(ctx)
		if err != nil {
			return device.Frame{}, fmt.Errorf("scan with %v: %w", d.integration, err)
		}
		if d.fresh(s) {
			return f, nil
		}
	}
	return device.Frame{}, fmt.Errorf("scan: %w: the device keeps sending spectra of another integration time than %v", device.ErrProtocol, d.integration)
}

// acquire takes what the device sends.
func (d *Driver) acquire(ctx context.Context) (device.Frame, Scan, error) {
	var s Scan
	wide := d.layout.Shape == Baseline && d.add > 1
	f := device.Frame{IntegrationTime: d.integration}
	raw, err := d.link.Query(ctx, lockstep.Request{
		Name: "acquire spectrum (S)", Bytes: d.mode.Encode("S"), Reply: d.layout.expected(wide),
		Work: time.Duration(d.add) * d.integration,
		Head: d.head(8) + 1, // the STX may come before the exposure
		Parse: func(b []byte) (n int, err error) {
			if len(b) == 0 { // just sent, for a repetition too
				f.Started = d.now()
			}
			s, n, err = d.layout.Decode(b)
			return n, refusal(err)
		},
	})
	if err != nil {
		return device.Frame{}, Scan{}, err
	}
	f.Raw = raw
	f.Counts = make([]float64, len(s.Pixels))
	for p, v := range s.Pixels {
		f.Counts[p] = float64(v)
	}
	return f, s, nil
}

// fresh reports whether the header tells the present settings. It counts whole milliseconds; whether those of one
// exposure or of all that were added is not documented.
func (d *Driver) fresh(s Scan) bool {
	about := func(t time.Duration, n int) bool {
		return (s.Integration - t).Abs() <= time.Duration(n)*time.Millisecond
	}
	if d.layout.Shape == Baseline && s.Added != d.add {
		return false
	}
	return about(d.integration, 1) || d.add > 1 && about(time.Duration(d.add)*d.integration, d.add)
}
