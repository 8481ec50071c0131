package drivers

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"fentrace/device"
	"fentrace/device/gps"
	"fentrace/device/serialport"
)

// find tries the drivers on a port whose device is not known. It ends at the first that answers, and at any error that
// would be the same for all: no such port, in use, unplugged, ctx's end. Where something speaks that none understands,
// all are tried once more: it may still have been sending what an earlier question or program had asked for. When none
// answers the error wraps device.ErrTimeout (nothing came at all) or device.ErrProtocol.
func find(ctx context.Context, port string, o Options) (device.Spectrometer, error) {
	cause := device.ErrTimeout
	for range 2 {
		dev, err := tryAll(ctx, port, o)
		if err == nil || !errors.Is(err, errNone) {
			return dev, err
		}
		if errors.Is(err, device.ErrTimeout) {
			break
		}
		cause = device.ErrProtocol
	}
	var tried []string
	for _, d := range table {
		tried = append(tried, d.Type)
	}
	return nil, fmt.Errorf("open %s: no spectrometer answered (tried %s): %w: is it switched on, and is the rate right? State --type and --baud to be asked for nothing else",
		port, strings.Join(tried, ", "), cause)
}

// errNone is for a port on which no driver found its device.
var errNone = errors.New("no driver found its device")

// tryAll tries each driver once; errNone comes with device.ErrTimeout when nothing came at all, else with
// device.ErrProtocol.
func tryAll(ctx context.Context, port string, o Options) (device.Spectrometer, error) {
	silent := true
	for _, d := range table {
		if o.Trying != nil {
			o.Trying(d.Title)
		}
		dev, err := d.open(ctx, port, o)
		switch {
		case err == nil:
			return dev, nil
		case ctx.Err() != nil:
			return nil, err
		case errors.Is(err, device.ErrProtocol), errors.Is(err, device.ErrRefused):
			if silent && speaksUnasked(ctx, port) && isGPS(ctx, port) {
				return nil, fmt.Errorf("open %s: %w: a GPS receiver speaks on this port; name it with --gps-port", port, device.ErrProtocol)
			}
			silent = false
		case !errors.Is(err, device.ErrTimeout):
			return nil, err
		}
	}
	if silent {
		return nil, errors.Join(errNone, device.ErrTimeout)
	}
	return nil, errors.Join(errNone, device.ErrProtocol)
}

// patience is how long a device is given to speak unasked: GPS receivers do so once a second.
const patience = 1200 * time.Millisecond

// speaksUnasked reports whether bytes come from a port that nothing was sent to.
func speaksUnasked(ctx context.Context, port string) bool {
	p, err := serialport.Open(ctx, port, serialport.Options{})
	if err != nil {
		return false
	}
	defer p.Close()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_, err = p.Read(ctx, make([]byte, 1))
	return err == nil
}

func isGPS(ctx context.Context, port string) bool {
	r, err := gps.Open(ctx, port, gps.Options{})
	if err != nil {
		return false
	}
	r.Close()
	return true
}
