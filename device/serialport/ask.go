package serialport

import (
	"context"
	"fmt"
	"time"

	"fentrace/device"
)

// Ask sends b and hands what comes back to take, piece by piece, until take says that it has the answer or fails. The
// time allowed is what b and reply further bytes take on the line, and margin for the device. Errors wrap
// device.ErrTimeout when nothing came, device.ErrProtocol when something came that take did not take for the answer.
func Ask(ctx context.Context, p Port, b []byte, reply int, margin time.Duration, take func(piece []byte) (done bool, err error)) error {
	limit := time.Duration(len(b)+reply)*10*time.Second/time.Duration(p.Baud()) + margin
	ctx, cancel := context.WithTimeoutCause(ctx, limit, device.ErrTimeout)
	defer cancel()
	if err := p.Write(ctx, b); err != nil {
		return err
	}
	buf := make([]byte, 4096)
	came := 0
	for {
		n, err := p.Read(ctx, buf)
		if err != nil {
			if err == device.ErrTimeout && came > 0 {
				return fmt.Errorf("%w: %d bytes came, which are not the whole answer: is %d baud right?", device.ErrProtocol, came, p.Baud())
			}
			return err
		}
		came += n
		if done, err := take(buf[:n]); done || err != nil {
			return err
		}
	}
}

// Pause waits for d, and not at all when d is not positive; it returns why ctx ended when that comes first.
func Pause(ctx context.Context, d time.Duration) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
