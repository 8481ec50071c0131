package obp

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"fentrace/device"
)

// maxUserStrings bounds the search for the laser wavelength on a slow line.
const maxUserStrings = 16

// maxNonlinear is how many coefficients of the detector's response a device has at most.
const maxNonlinear = 8

// identify fills Info from what the device says about itself. What it refuses to say is left out, unless nothing
// can be measured without it.
func (d *Driver) identify(ctx context.Context) error {
	// Answers with a checksum show line noise inside a spectrum. A device that does not know the message is
	// used without.
	if err := optional(d.link.command(ctx, MsgSetChecksum, []byte{1}, 0)); err != nil {
		return err
	}
	name, err := d.text(ctx, MsgDeviceString, nil)
	if optional(err) != nil {
		return err
	}
	pixels, err := d.number(ctx, MsgPixels, nil, 4)
	if optional(err) != nil {
		return err
	}
	if d.model, err = findModel(int(pixels), name); err != nil {
		return err
	}
	firmware, err := d.number(ctx, MsgFirmware, nil, 2)
	if optional(err) != nil {
		return err
	}
	if err == nil {
		d.info.Firmware = fmt.Sprintf("%04x", firmware) // four BCD digits
	}
	d.info.Model = name
	if name == "" {
		d.info.Model = d.model.name
	}
	d.info.Pixels, d.info.MaxCounts, d.info.DarkPixels = d.model.pixels, d.model.maxCounts, d.model.dark
	d.info.Simulated = strings.HasPrefix(d.info.SerialNumber, "SIM-") || strings.Contains(strings.ToUpper(name), "SIMULATED")
	if err := d.readLimits(ctx); err != nil {
		return err
	}
	if err := d.readWavelengths(ctx); err != nil {
		return err
	}
	if err := d.readNonlinearity(ctx); err != nil {
		return err
	}
	if err := d.findLight(ctx); err != nil {
		return err
	}
	if d.info.LaserNM != 0 {
		return nil
	}
	return d.readLaser(ctx)
}

// readLimits asks for the integration-time limits; the model's own stand in for what is refused or makes no sense.
func (d *Driver) readLimits(ctx context.Context) error {
	lo, err := d.number(ctx, MsgIntegrationMin, nil, 4)
	if optional(err) != nil {
		return err
	}
	hi, err := d.number(ctx, MsgIntegrationMax, nil, 4)
	if optional(err) != nil {
		return err
	}
	d.info.MinIntegration, d.info.MaxIntegration = d.model.min, d.model.max
	if 0 < lo && lo < hi {
		d.info.MinIntegration = time.Duration(lo) * time.Microsecond
		d.info.MaxIntegration = min(time.Duration(hi)*time.Microsecond, d.model.max)
	}
	return nil
}

// readWavelengths evaluates lambda(p) = c0 + c1 p + c2 p² + c3 p³ over all pixels. A device without c0 and c1 has
// no calibration: WavelengthsNM stays empty. One whose polynomial does not run one way is refused.
func (d *Driver) readWavelengths(ctx context.Context) error {
	var c [4]float64
	for i := range c {
		v, err := d.float(ctx, MsgWavelength, []byte{byte(i)})
		if optional(err) != nil {
			return err
		}
		if err != nil && i < 2 {
			return nil
		}
		c[i] = v
	}
	axis := make([]float64, d.model.pixels)
	for p := range axis {
		x := float64(p)
		axis[p] = c[0] + x*(c[1]+x*(c[2]+x*c[3]))
	}
	for p, v := range axis {
		turns := p > 1 && (v > axis[p-1]) != (axis[1] > axis[0])
		if math.IsNaN(v) || v <= 0 || v > 1e5 || turns || p > 0 && v == axis[p-1] {
			return fmt.Errorf("wavelength coefficients %g: %w: pixel %d would be at %g nm; the device needs its calibration restored", c, device.ErrProtocol, p, v)
		}
	}
	d.info.WavelengthsNM = axis
	return nil
}

// readNonlinearity asks for the coefficients of the detector's response. A polynomial that is not near 1 without
// light, or not positive up to full scale, cannot be one: the device's memory is unprogrammed and it is left out.
func (d *Driver) readNonlinearity(ctx context.Context) error {
	count, err := d.number(ctx, MsgNonlinearCount, nil, 1)
	if err != nil {
		return optional(err)
	}
	var c []float64
	for i := range min(count, maxNonlinear) {
		v, err := d.float(ctx, MsgNonlinear, []byte{byte(i)})
		if errors.Is(err, device.ErrRefused) {
			break
		}
		if err != nil {
			return err
		}
		c = append(c, v)
	}
	if plausibleResponse(c, d.info.MaxCounts) {
		d.info.Nonlinearity = c
	}
	return nil
}

// plausibleResponse checks sum c[i] v^i from 0 to full scale: detectors of this class bend by some percent.
func plausibleResponse(c []float64, full float64) bool {
	if len(c) < 2 || math.Abs(c[0]-1) > 0.3 {
		return false
	}
	for step := range 101 {
		v, p := full*float64(step)/100, 0.0
		for i := len(c) - 1; i >= 0; i-- {
			p = p*v + c[i]
		}
		if !(p > 0.5 && p < 1.5) {
			return false
		}
	}
	return true
}

// readLaser looks for a user string "laser=<nm>".
func (d *Driver) readLaser(ctx context.Context) error {
	count, err := d.number(ctx, MsgUserStringCount, nil, 1)
	if err != nil {
		return optional(err)
	}
	for i := range min(count, maxUserStrings) {
		s, err := d.text(ctx, MsgUserString, []byte{byte(i)})
		if optional(err) != nil {
			return err
		}
		key, value, _ := strings.Cut(s, "=")
		if !strings.EqualFold(strings.TrimSpace(key), "laser") {
			continue
		}
		nm, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
		if err == nil && laserRange(nm) {
			d.info.LaserNM = nm
		}
		return nil
	}
	return nil
}

// prepare puts the device into the state the driver counts on: one plain read-out per spectrum.
func (d *Driver) prepare(ctx context.Context) error {
	if d.model.readout != live {
		// Stops whatever an earlier program left running.
		if err := optional(d.link.command(ctx, MsgAbort, nil, 0)); err != nil {
			return err
		}
	}
	for _, m := range []struct {
		typ  MessageType
		data []byte
	}{
		{MsgSetTrigger, []byte{0}},     // free running
		{MsgSetBinning, []byte{0}},     // all pixels
		{MsgSetAverages, []byte{1, 0}}, // averaging is the host's, so that every raw frame is kept
		{MsgSetBoxcar, []byte{0}},
	} {
		if err := optional(d.link.command(ctx, m.typ, m.data, 0)); err != nil {
			return err
		}
	}
	start := min(max(startIntegration, d.info.MinIntegration), d.info.MaxIntegration)
	return d.SetIntegrationTime(ctx, start)
}

// optional is nil for a refusal: not every model knows every message.
func optional(err error) error {
	if errors.Is(err, device.ErrRefused) {
		return nil
	}
	return err
}

// text asks for ASCII. Devices may send the programmed length, so it ends at the first NUL.
func (d *Driver) text(ctx context.Context, typ MessageType, data []byte) (string, error) {
	b, _, err := d.link.query(ctx, request{typ: typ, data: data, reply: 64})
	if err != nil {
		return "", err
	}
	return device.Text(b), nil
}

// number asks for an unsigned integer of the given width in bytes.
func (d *Driver) number(ctx context.Context, typ MessageType, data []byte, width int) (uint32, error) {
	b, _, err := d.link.query(ctx, request{typ: typ, data: data})
	if err != nil {
		return 0, err
	}
	if len(b) != width {
		return 0, fmt.Errorf("%v: %w: %d bytes of data, expected %d", typ, device.ErrProtocol, len(b), width)
	}
	var wide [4]byte
	copy(wide[:], b)
	return binary.LittleEndian.Uint32(wide[:]), nil
}

func (d *Driver) float(ctx context.Context, typ MessageType, data []byte) (float64, error) {
	bits, err := d.number(ctx, typ, data, 4)
	return float64(math.Float32frombits(bits)), err
}
