package nirscan

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sort"
	"time"

	"fentrace/device"
	"fentrace/device/serialport"
)

const (
	slowPoll, fastPoll = 100 * time.Millisecond, 10 * time.Millisecond
	// interpretTime is allowed for an interpretation; a Hadamard one takes the longest.
	interpretTime = 10 * time.Second
	// maxFile bounds what the device can make the driver keep; a slew scan is the largest, with 4 KiB.
	maxFile = 64 << 10
	// axisTolerance is how far in nm the wavelengths of a scan may be from those of Info: a column of mirrors is about
	// 1 nm, and a point that falls between two may be rounded the other way by the device.
	axisTolerance = 1.5
)

// taken is one scan.
type taken struct {
	nm, counts []float64
	gain       int
	raw        []byte
	started    time.Time
}

// Scan takes one fresh scan. Raw is every frame of the file as it came: on the raw path the readings without light are
// in it too.
func (d *Driver) Scan(ctx context.Context) (device.Frame, error) {
	t, err := d.take(ctx)
	if err != nil {
		return device.Frame{}, fmt.Errorf("scan with %v: %w", d.integration(), err)
	}
	if err := d.sameAxis(t.nm); err != nil {
		return device.Frame{}, fmt.Errorf("scan: %w", err)
	}
	return device.Frame{Counts: t.counts, IntegrationTime: d.integration(), Started: t.started, Gain: float64(t.gain), Raw: t.raw}, nil
}

// take scans, twice at most: what the line garbled is not sent again by the device.
func (d *Driver) take(ctx context.Context) (t taken, err error) {
	for range 2 {
		t, err = d.takeOnce(ctx)
		if !errors.Is(err, device.ErrProtocol) {
			break
		}
	}
	return t, err
}

func (d *Driver) takeOnce(ctx context.Context) (t taken, err error) {
	if d.unset {
		if err := d.setRepeats(ctx); err != nil {
			return taken{}, err
		}
	}
	ms, err := d.number(ctx, CmdScanTime, 4)
	if err != nil {
		return taken{}, err
	}
	estimate := time.Duration(ms) * time.Millisecond
	if estimate > time.Hour {
		return taken{}, fmt.Errorf("%v: %w: %v", CmdScanTime, device.ErrProtocol, estimate)
	}
	// One that an earlier call gave up, or somebody started with the button.
	if err := d.idle(ctx, 2*estimate+interpretTime); err != nil {
		return taken{}, err
	}
	if err := optional(d.tell(ctx, CmdClearErrors)); err != nil {
		return taken{}, err
	}
	t.started = d.now()
	if err := d.start(ctx); err != nil {
		return taken{}, err
	}
	if err := d.idle(ctx, 2*estimate); err != nil {
		return taken{}, err
	}
	if err := d.checkTrouble(ctx); err != nil {
		return taken{}, err
	}
	if d.path == PathRaw {
		err = d.fetchRaw(ctx, &t)
	} else {
		err = d.fetchInterpreted(ctx, &t)
	}
	return t, err
}

// start starts a scan without storing it. It is not repeated when its answer is lost: the scan would be another.
func (d *Driver) start(ctx context.Context) error {
	_, _, err := d.exchange(ctx, request{command: CmdStartScan, write: true, data: []byte{0}}, d.link.Ask)
	var no *Refusal
	if errors.As(err, &no) && no.Busy {
		return fmt.Errorf("%v: %w", CmdStartScan, errBusy)
	}
	return err
}

// idle polls until the device neither scans nor interprets, for limit at most.
func (d *Driver) idle(ctx context.Context, limit time.Duration) error {
	timed, cancel := context.WithTimeoutCause(ctx, limit+d.margin, device.ErrTimeout)
	defer cancel()
	for {
		status, err := d.number(ctx, CmdStatus, 4)
		if err != nil {
			return err
		}
		if Status(status)&(StatusScanning|StatusInterpreting) == 0 {
			return nil
		}
		if err := serialport.Pause(timed, min(max(limit/20, fastPoll), slowPoll)); err != nil {
			return fmt.Errorf("wait for the end of a scan: %w (%v)", err, limit+d.margin)
		}
	}
}

func (d *Driver) checkTrouble(ctx context.Context) error {
	trouble, err := d.number(ctx, CmdErrors, 4)
	if err != nil {
		return optional(err)
	}
	if t := Trouble(trouble) & spoilsScan; t != 0 {
		return fmt.Errorf("%w: the device reports trouble with its %v", device.ErrRefused, t)
	}
	return nil
}

func (d *Driver) fetchRaw(ctx context.Context, t *taken) error {
	blob, raw, err := d.file(ctx, fileScanData)
	if err != nil {
		return err
	}
	s, err := ParseScanData(blob)
	if err != nil {
		return fmt.Errorf("%w: %w", device.ErrProtocol, err)
	}
	if s.Config.Repeats != d.repeats {
		return fmt.Errorf("%w: the scan repeated %d times, not %d", device.ErrProtocol, s.Config.Repeats, d.repeats)
	}
	t.nm, t.counts, err = s.Interpret()
	if err != nil {
		return fmt.Errorf("%w: %w", device.ErrProtocol, err)
	}
	t.gain, t.raw = s.Gain, raw
	return nil
}

// fetchInterpreted has the device interpret before each reading of the file: it would go on behind what it has sent.
func (d *Driver) fetchInterpreted(ctx context.Context, t *taken) error {
	if err := d.tell(ctx, CmdInterpret); err != nil {
		return err
	}
	if err := d.idle(ctx, interpretTime); err != nil {
		return err
	}
	if err := d.checkTrouble(ctx); err != nil {
		return err
	}
	blob, raw, err := d.file(ctx, fileInterpreted)
	if err != nil {
		return err
	}
	if t.nm, t.counts, err = ParseInterpreted(blob); err != nil {
		return fmt.Errorf("%w: %w", device.ErrProtocol, err)
	}
	gain, err := d.number(ctx, CmdGain, 1)
	if optional(err) != nil {
		return err
	}
	t.gain, t.raw = int(gain), raw
	return nil
}

// file reads a whole file of the device, and returns the answers it came in as well. A part is not asked for twice: the
// device would send the next.
func (d *Driver) file(ctx context.Context, typ byte) (blob, raw []byte, err error) {
	size, err := d.number(ctx, CmdFileSize, 4, typ)
	if err != nil {
		return nil, nil, err
	}
	if size == 0 || size > maxFile {
		return nil, nil, fmt.Errorf("%v: %w: %d bytes", CmdFileSize, device.ErrProtocol, size)
	}
	for len(blob) < int(size) {
		part, answer, err := d.exchange(ctx, request{command: CmdFileData, reply: min(int(size)-len(blob), MaxData)}, d.link.Ask)
		if err != nil {
			return nil, nil, err
		}
		blob, raw = append(blob, part...), append(raw, answer...)
	}
	return blob, raw, nil
}

func (d *Driver) sameAxis(nm []float64) error {
	if len(nm) != d.info.Pixels {
		return fmt.Errorf("%w: %d points, the configuration has %d: was it changed? open the device again", device.ErrProtocol, len(nm), d.info.Pixels)
	}
	for i, v := range d.info.WavelengthsNM {
		if math.Abs(nm[i]-v) > axisTolerance {
			return fmt.Errorf("%w: point %d is at %.3f nm, the configuration has it at %.3f: was it changed? open the device again", device.ErrProtocol, i+1, nm[i], v)
		}
	}
	return nil
}

// beyondReference is how many nanometres the stored reference is extended at its ends.
const beyondReference = 10

// Reference returns the scan of a white reference that the maker stored in the device, interpolated to the wavelengths
// of Info. It is device.ErrRefused unless it was taken with columns as wide as the active configuration's, because the
// light of other widths does not compare. It is as old as the device: lamps and windows have aged since.
func (d *Driver) Reference(ctx context.Context) (device.Frame, error) {
	f, err := d.reference(ctx)
	if err != nil {
		return device.Frame{}, fmt.Errorf("stored reference: %w", err)
	}
	return f, nil
}

func (d *Driver) reference(ctx context.Context) (device.Frame, error) {
	blob, raw, err := d.file(ctx, fileReference)
	if err != nil {
		return device.Frame{}, err
	}
	s, err := ParseScanData(blob)
	if err != nil {
		return device.Frame{}, fmt.Errorf("%w: %w", device.ErrRefused, err)
	}
	if s.Config.WidthPX != d.config.WidthPX || d.config.Type == Slew {
		return device.Frame{}, fmt.Errorf("%w: it has columns of %d mirrors, the %v configuration %q has %d: scan a white reference instead",
			device.ErrRefused, s.Config.WidthPX, d.config.Type, d.config.Name, d.config.WidthPX)
	}
	nm, white, err := s.Interpret()
	if err != nil {
		return device.Frame{}, fmt.Errorf("%w: %w", device.ErrRefused, err)
	}
	axis := d.info.WavelengthsNM
	if axis[0] < nm[0]-beyondReference || axis[len(axis)-1] > nm[len(nm)-1]+beyondReference {
		return device.Frame{}, fmt.Errorf("%w: it covers %.0f to %.0f nm, the configuration %.0f to %.0f: scan a white reference instead",
			device.ErrRefused, nm[0], nm[len(nm)-1], axis[0], axis[len(axis)-1])
	}
	counts := make([]float64, len(axis))
	for i, x := range axis {
		j := min(max(sort.SearchFloat64s(nm, x), 1), len(nm)-1)
		f := (x - nm[j-1]) / (nm[j] - nm[j-1])
		counts[i] = white[j-1] + f*(white[j]-white[j-1])
	}
	return device.Frame{Counts: counts, IntegrationTime: time.Duration(s.Config.Repeats) * s.Config.Exposure, Gain: float64(s.Gain), Raw: raw}, nil
}
