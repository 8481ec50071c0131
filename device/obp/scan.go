package obp

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"fentrace/device"
	"fentrace/device/serialport"
)

const (
	// metadataSize stands in front of the pixels of a buffered spectrum: count u32, tick u64, integration time
	// u32 µs at 12, trigger mode; the rest is reserved.
	metadataSize = 32
	// pixelMask holds the 18 valid bits of a QE Pro pixel.
	pixelMask = 0x3FFFF
	// rawMetadataSize stands in front of the pixels of a raw buffered spectrum.
	rawMetadataSize = 64
	// rawPoll is the pause before a device that had no spectrum yet is asked again.
	rawPoll = 5 * time.Millisecond
	// maxStale is how many spectra of an earlier integration time are passed over.
	maxStale = 3
)

// Scan takes one fresh frame. Raw is the device's whole message: header, pixels, checksum, footer.
func (d *Driver) Scan(ctx context.Context) (device.Frame, error) {
	if d.unset {
		if err := d.SetIntegrationTime(ctx, d.integration); err != nil {
			return device.Frame{}, fmt.Errorf("scan: %w", err)
		}
	}
	scan := d.scanLive
	if d.model.readout != live {
		scan = d.scanBuffered
	}
	f, err := scan(ctx)
	if err != nil {
		return device.Frame{}, fmt.Errorf("scan with %v: %w", d.integration, err)
	}
	return f, nil
}

// scanLive reads the spectrum an STS or Spark takes on request. The first after a change of settings may belong
// to the old ones and is thrown away.
func (d *Driver) scanLive(ctx context.Context) (device.Frame, error) {
	r := request{typ: MsgCorrected, reply: 2 * d.model.pixels, work: d.integration}
	if d.stale {
		old := r
		old.work = max(d.integration, d.staleTime)
		if _, _, err := d.link.query(ctx, old); err != nil {
			return device.Frame{}, err
		}
		d.stale, d.staleTime = false, 0
	}
	started := d.now()
	data, raw, err := d.link.query(ctx, r)
	if err != nil {
		return device.Frame{}, err
	}
	if len(data) != 2*d.model.pixels {
		return device.Frame{}, wrongLength(r.typ, len(data), 2*d.model.pixels)
	}
	counts := make([]float64, d.model.pixels)
	for i := range counts {
		counts[i] = float64(binary.LittleEndian.Uint16(data[2*i:]))
	}
	return device.Frame{Counts: counts, IntegrationTime: d.integration, Started: started, Raw: raw}, nil
}

// scanBuffered follows the data sheet's recipe for a fresh spectrum. A QE Pro is a queue: without it, the oldest
// stored spectrum would come, possibly hours old. Once started, a garbled answer repeats the whole recipe,
// because the spectrum it carried has left the queue.
func (d *Driver) scanBuffered(ctx context.Context) (f device.Frame, err error) {
	for range 2 {
		f, err = d.runRecipe(ctx)
		if !errors.Is(err, device.ErrProtocol) {
			break
		}
		if rerr := d.link.resync(ctx); rerr != nil {
			return device.Frame{}, rerr
		}
	}
	if err != nil && !errors.Is(err, device.ErrGone) && !errors.Is(err, device.ErrRefused) {
		d.stop()
	}
	return f, err
}

func (d *Driver) runRecipe(ctx context.Context) (device.Frame, error) {
	if err := d.link.command(ctx, MsgAbort, nil, 0); err != nil {
		return device.Frame{}, err
	}
	if err := d.link.command(ctx, MsgClearBuffer, nil, 0); err != nil {
		return device.Frame{}, err
	}
	started := d.now()
	if err := d.link.command(ctx, MsgAcquire, nil, 0); err != nil {
		return device.Frame{}, err
	}
	if d.model.readout == queued16 {
		return d.takeRaw(ctx, started)
	}
	size := metadataSize + 4*d.model.pixels
	for range maxStale {
		f, raw, err := d.link.exchange(ctx, request{typ: MsgBufferedSpectrum, reply: size, work: d.integration})
		if err != nil {
			return device.Frame{}, err
		}
		if len(f.Data) != size {
			return device.Frame{}, wrongLength(MsgBufferedSpectrum, len(f.Data), size)
		}
		taken := time.Duration(binary.LittleEndian.Uint32(f.Data[12:])) * time.Microsecond
		if taken != d.integration {
			started = d.now()
			continue
		}
		counts := make([]float64, d.model.pixels)
		for i := range counts {
			counts[i] = float64(binary.LittleEndian.Uint32(f.Data[metadataSize+4*i:]) & pixelMask)
		}
		return device.Frame{Counts: counts, IntegrationTime: taken, Started: started, Raw: raw}, nil
	}
	return device.Frame{}, fmt.Errorf("%w: the device keeps sending spectra of another integration time than %v", device.ErrProtocol, d.integration)
}

// takeRaw takes one raw spectrum. What stands in its metadata of 64 bytes and in the number behind its pixels is not
// documented, so it cannot be told from one of an earlier integration time: the first after a change is thrown away.
func (d *Driver) takeRaw(ctx context.Context, started time.Time) (device.Frame, error) {
	if d.stale {
		if _, _, err := d.nextRaw(ctx, started); err != nil {
			return device.Frame{}, err
		}
		started = d.now()
	}
	data, raw, err := d.nextRaw(ctx, started)
	if err != nil {
		return device.Frame{}, err
	}
	d.stale, d.staleTime = false, 0
	counts := make([]float64, d.model.pixels)
	for i := range counts {
		counts[i] = float64(binary.LittleEndian.Uint16(data[rawMetadataSize+2*i:]))
	}
	return device.Frame{Counts: counts, IntegrationTime: d.integration, Started: started, Raw: raw}, nil
}

// nextRaw asks for one raw spectrum until there is one: the device answers at once, with none while it still exposes.
func (d *Driver) nextRaw(ctx context.Context, started time.Time) (data, raw []byte, err error) {
	size := rawMetadataSize + 2*d.model.pixels + 4
	if err := serialport.Pause(ctx, d.integration-d.now().Sub(started)); err != nil { // there cannot be one sooner
		return nil, nil, err
	}
	limit, cancel := context.WithTimeoutCause(ctx, max(d.integration, d.staleTime)+d.link.margin, device.ErrTimeout)
	defer cancel()
	for {
		f, raw, err := d.link.exchange(ctx, request{typ: MsgRawSpectra, data: []byte{1, 0, 0, 0}, reply: size})
		switch {
		case err != nil:
			return nil, nil, err
		case len(f.Data) == size:
			return f.Data, raw, nil
		case len(f.Data) != 0:
			return nil, nil, wrongLength(MsgRawSpectra, len(f.Data), size)
		}
		if err := serialport.Pause(limit, rawPoll); err != nil {
			return nil, nil, fmt.Errorf("%v: no spectrum came: %w", MsgRawSpectra, err)
		}
	}
}

// stop tells a device that is waiting for a spectrum to give up, without waiting for its answers; they carry old
// transaction ids and are discarded when they come.
func (d *Driver) stop() {
	d.link.id++
	b, err := Frame{Type: MsgAbort, Regarding: d.link.id}.Encode()
	if err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), d.link.margin)
	defer cancel()
	_ = d.link.port.Write(ctx, b)
}

func wrongLength(typ MessageType, got, want int) error {
	return fmt.Errorf("%v: %w: %d bytes of pixels, expected %d (is partial spectrum mode on?)", typ, device.ErrProtocol, got, want)
}
