package drivertest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"fentrace/device"
	"fentrace/device/emulator"
	"fentrace/device/emulator/bench"
)

// FaultsInAScan: every fault ends in a clear error or in a right frame, and the next scans are right again.
func (r Rig) FaultsInAScan(t *testing.T, faults Faults) {
	for fault, want := range faults {
		r.run(t, fault, func(t *testing.T) {
			em, dev := r.Start(t)
			r.Scan(t, dev)
			Inject(t, em, fault)
			f, err := dev.Scan(Within(t))
			if !errors.Is(err, want) && (r.Also == nil || !r.Also(fault, err)) {
				t.Fatalf("error %v, want %v", err, want)
			}
			if err == nil && !slices.Contains(r.Unseen, fault) {
				r.Check(t, dev, f, r.lit())
			}
			forget(t, em, fault)
			r.late().goesOn(t, em, dev)
		})
	}
}

// FaultsWhileOpening: every fault ends in a clear error, or the device is open and scans are right.
func (r Rig) FaultsWhileOpening(t *testing.T, faults Faults) {
	for fault, want := range faults {
		r.run(t, fault, func(t *testing.T) {
			em := Start(t, r.Config)
			Inject(t, em, fault)
			dev, err := r.Open(Within(t), em)
			if err == nil {
				defer dev.Close()
			}
			if !errors.Is(err, want) {
				t.Fatalf("error %v, want %v", err, want)
			}
			forget(t, em, fault)
			if err == nil {
				r.justOpened(t, em, dev, slices.Contains(r.Unseen, fault))
			}
		})
	}
}

// justOpened checks a device that was opened against odds, and its first frame.
func (r Rig) justOpened(t testing.TB, em *emulator.Emulator, dev device.Spectrometer, unseen bool) {
	t.Helper()
	if r.Config.LightSource && em.LaserOn() {
		t.Error("the laser is on")
	}
	if r.Opened != nil {
		r.Opened(t, em, dev)
	}
	f, err := dev.Scan(Within(t))
	if err != nil {
		t.Fatal(err)
	}
	if !unseen {
		r.Check(t, dev, f, r.lit())
	}
}

// UnpluggedInAScan: the device vanishes after so many bytes of the spectrum. That is told, then and ever after.
func (r Rig) UnpluggedInAScan(t *testing.T, bytes ...int) {
	for _, at := range bytes {
		r.run(t, fmt.Sprint("byte ", at), func(t *testing.T) {
			em, dev := r.Start(t)
			Inject(t, em, fmt.Sprint("unplug=", at, r.word()))
			for _, when := range []string{"in the scan", "afterwards"} {
				if _, err := dev.Scan(Within(t)); !errors.Is(err, device.ErrGone) {
					t.Errorf("%s: %v", when, err)
				}
			}
			if r.Ask != nil {
				if err := r.Ask(Within(t), dev); !errors.Is(err, device.ErrGone) {
					t.Errorf("asked afterwards: %v", err)
				}
			}
			if err := dev.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		})
	}
}

// UnpluggedWhileOpening: the device vanishes after so many bytes of its answers.
func (r Rig) UnpluggedWhileOpening(t *testing.T, bytes ...int) {
	for _, at := range bytes {
		r.run(t, fmt.Sprint("byte ", at), func(t *testing.T) {
			em := Start(t, r.Config)
			if err := em.Inject(emulator.Fault{Kind: bench.Unplug, Arg: at}); err != nil {
				t.Fatal(err)
			}
			dev, err := r.Open(Within(t), em)
			if err == nil {
				dev.Close()
			}
			if !errors.Is(err, device.ErrGone) {
				t.Errorf("error %v", err)
			}
		})
	}
}

// UnpluggedWhileExposing: the device vanishes when a scan has just begun, or soon after, long before its end.
func (r Rig) UnpluggedWhileExposing(t *testing.T, exposure time.Duration) {
	for _, after := range []time.Duration{0, 300 * time.Millisecond} {
		r.run(t, fmt.Sprint("after ", after), func(t *testing.T) {
			em, dev := r.Start(t)
			if err := dev.SetIntegrationTime(Within(t), exposure); err != nil {
				t.Fatal(err)
			}
			result := make(chan error)
			ctx := Within(t)
			go func() {
				_, err := dev.Scan(ctx)
				result <- err
			}()
			unplug := time.AfterFunc(after, func() { em.Close() })
			defer unplug.Stop()
			if err := <-result; !errors.Is(err, device.ErrGone) {
				t.Error(err)
			}
		})
	}
}

// CancelledScan: a scan that is given up ends for that reason, and the link can be used at once, whatever comes next.
// Without an exposure the integration time stays as it is, and the scan may be over before it is cancelled.
func (r Rig) CancelledScan(t *testing.T, exposure time.Duration, after ...time.Duration) {
	for _, d := range after {
		for next, use := range map[string]func(testing.TB, *emulator.Emulator, device.Spectrometer){
			"another time": r.goesOn, "the same": r.goesOnAlike, "a question": r.asks,
		} {
			r.run(t, fmt.Sprint("after ", d, ", then ", next), func(t *testing.T) {
				em, dev := r.Start(t)
				if exposure > 0 {
					if err := dev.SetIntegrationTime(Within(t), exposure); err != nil {
						t.Fatal(err)
					}
				}
				if err := cancel(t, dev, d); (err != nil || exposure > 0) && !errors.Is(err, errStop) || errors.Is(err, device.ErrTimeout) {
					t.Errorf("cancelled scan: %v", err)
				}
				use(t, em, dev)
			})
		}
	}
}

var errStop = errors.New("the user pressed stop")

// cancel starts a scan, gives it up after d, and returns how it ended.
func cancel(t testing.TB, dev device.Spectrometer, d time.Duration) error {
	ctx, stop := context.WithTimeoutCause(Within(t), d, errStop)
	defer stop()
	_, err := dev.Scan(ctx)
	return err
}

// StuckLine: a line that takes nothing more after the answer of that word ends a scan in time. When it flows again after
// that time all is right again; when it never does, closing ends as well.
func (r Rig) StuckLine(t *testing.T, word string, stuck time.Duration) {
	r.run(t, "for a while", func(t *testing.T) {
		em, dev := r.Start(t)
		if err := r.stick(t, em, dev, word, stuck); err != nil && !errors.Is(err, device.ErrTimeout) {
			t.Errorf("stuck: %v", err)
		}
		r.late().goesOn(t, em, dev)
	})
	r.run(t, "for good", func(t *testing.T) {
		em, dev := r.Start(t)
		err := r.stick(t, em, dev, word, 10*deadline)
		if err == nil && runtime.GOOS != "linux" {
			t.Skip("this system does not let an emulator stop the line")
		}
		if !errors.Is(err, device.ErrTimeout) {
			t.Errorf("stuck: %v", err)
		}
		closed := make(chan error, 1)
		go func() { closed <- dev.Close() }()
		select {
		case <-closed: // whether it could put everything back is not asked
		case <-Within(t).Done():
			t.Error("closing hangs")
		}
	})
}

// stick scans until the line is stuck, and returns the error of the scan that suffers: the one that the fault hits may be
// over before it asks for more.
func (r Rig) stick(t testing.TB, em *emulator.Emulator, dev device.Spectrometer, word string, d time.Duration) error {
	fault := fmt.Sprintf("stuck=%d@%s", d.Milliseconds(), word)
	Inject(t, em, fault)
	_, err := dev.Scan(Within(t))
	forget(t, em, fault)
	if err == nil {
		_, err = dev.Scan(Within(t))
	}
	return err
}

// AfterAnotherProgram: what an earlier program sent, and may have left half sent, does no harm.
func (r Rig) AfterAnotherProgram(t *testing.T, left map[string]string) {
	for name, bytes := range left {
		r.run(t, name, func(t *testing.T) {
			em := Start(t, r.Config)
			Leave(t, em, bytes)
			r.justOpened(t, em, r.OpenOn(t, em), false)
		})
	}
}
