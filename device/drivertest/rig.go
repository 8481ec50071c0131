package drivertest

import (
	"context"
	"errors"
	"path"
	"slices"
	"testing"
	"time"

	"fentrace/device"
	"fentrace/device/emulator"
)

// Rig is a driver under test and the device that is emulated for it. Its other methods are the scenarios that every
// driver has to pass; each runs its cases in parallel, as subtests.
type Rig struct {
	// Name begins the names of the subtests where a driver has several rigs.
	Name   string
	Config emulator.Config
	Open   func(ctx context.Context, em *emulator.Emulator) (device.Spectrometer, error)
	// Check fails the test unless f holds the counts of its integration time, with laser light or without.
	Check func(t testing.TB, dev device.Spectrometer, f device.Frame, lit bool)
	// Opened checks what else holds of a device that was just opened; nil for nothing.
	Opened func(t testing.TB, em *emulator.Emulator, dev device.Spectrometer)
	// Times are two integration times that frames tell apart, and apart from that of a device just opened.
	Times [2]time.Duration
	// HostTimed is true where the host ends the exposure, whose length is then not known beforehand: what tells one frame
	// from the next is a covered sample.
	HostTimed bool
	// Word names the answer that carries the spectrum, in faults; "" for the first of the device's words.
	Word string
	// Ask talks to the device in another way than by a scan; nil where there is none.
	Ask func(ctx context.Context, dev device.Spectrometer) error
	// Unseen are faults that change a frame without a trace: its counts are not checked.
	Unseen []string
	// Also says what else a fault in a scan may end in; nil for nothing else.
	Also func(fault string, err error) bool
	// Late are the errors that a scan may end in while the device is still late with an earlier answer, where setting the
	// integration time does not wait for it.
	Late []error

	lateSetting, lateScan []error // what may be repeated now
}

// Faults are faults, as emulator.ParseFault reads them, with the error each ends in: nil where the driver gets over it.
type Faults map[string]error

// Start emulates the device and opens it.
func (r Rig) Start(t testing.TB) (*emulator.Emulator, device.Spectrometer) {
	t.Helper()
	em := Start(t, r.Config)
	return em, r.OpenOn(t, em)
}

// OpenOn opens a device that is being emulated.
func (r Rig) OpenOn(t testing.TB, em *emulator.Emulator) device.Spectrometer {
	t.Helper()
	dev, err := r.Open(Within(t), em)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dev.Close() })
	return dev
}

// Scan takes a frame, which has to be right.
func (r Rig) Scan(t testing.TB, dev device.Spectrometer) {
	t.Helper()
	f, err := dev.Scan(Within(t))
	if err != nil {
		t.Fatal(err)
	}
	r.Check(t, dev, f, r.lit())
}

// lit reports whether the sample is lit while nobody switches the laser.
func (r Rig) lit() bool { return !r.Config.LightSource }

func (r Rig) word() string {
	if r.Word == "" {
		return ""
	}
	return "@" + r.Word
}

// run is a subtest that runs beside the others.
func (r Rig) run(t *testing.T, name string, test func(t *testing.T)) {
	t.Run(path.Join(r.Name, name), func(t *testing.T) {
		t.Parallel()
		test(t)
	})
}

// goesOn takes frames with other integration times: an answer to an earlier request taken for a new one would show.
func (r Rig) goesOn(t testing.TB, em *emulator.Emulator, dev device.Spectrometer) {
	t.Helper()
	for i, d := range r.Times {
		if err := retry(func() error { return dev.SetIntegrationTime(Within(t), d) }, r.lateSetting); err != nil {
			t.Fatalf("setting %v afterwards: %v", d, err)
		}
		if f := r.next(t, em, dev, r.HostTimed && i == 0); f.IntegrationTime != d {
			t.Errorf("frame of %v, asked for %v", f.IntegrationTime, d)
		}
	}
}

// goesOnAlike takes a frame with the same integration time, of a covered sample so that it can be told from an earlier one,
// and then goes on.
func (r Rig) goesOnAlike(t testing.TB, em *emulator.Emulator, dev device.Spectrometer) {
	t.Helper()
	r.next(t, em, dev, true)
	em.Cover(false)
	r.goesOn(t, em, dev)
}

// asks asks before it goes on.
func (r Rig) asks(t testing.TB, em *emulator.Emulator, dev device.Spectrometer) {
	t.Helper()
	if r.Ask == nil {
		t.Skip("nothing to ask")
	}
	if err := r.Ask(Within(t), dev); err != nil {
		t.Errorf("asked afterwards: %v", err)
	}
	r.goesOn(t, em, dev)
}

// next takes one right frame, with or without the sample covered.
func (r Rig) next(t testing.TB, em *emulator.Emulator, dev device.Spectrometer, covered bool) (f device.Frame) {
	t.Helper()
	em.Cover(covered)
	err := retry(func() (err error) { f, err = dev.Scan(Within(t)); return err }, r.lateScan)
	if err != nil {
		t.Fatalf("afterwards: %v", err)
	}
	r.Check(t, dev, f, r.lit() && !covered)
	return f
}

// late is r while the device may still be late with an earlier answer.
func (r Rig) late() Rig {
	r.lateSetting, r.lateScan = []error{device.ErrTimeout}, r.Late
	return r
}

// retry repeats what ends in one of these errors.
func retry(do func() error, while []error) error {
	var err error
	for range 8 {
		if err = do(); !slices.ContainsFunc(while, func(e error) bool { return errors.Is(err, e) }) {
			return err
		}
	}
	return err
}

// Eventually repeats what may time out while the device is still late.
func Eventually(do func() error) error { return retry(do, []error{device.ErrTimeout}) }

// forget takes back what is left of a fault that lasts. One that has not happened at all proves nothing.
func forget(t testing.TB, em *emulator.Emulator, fault string) {
	t.Helper()
	for _, f := range Fault(t, em.Kind.Type, fault) {
		if f.Times < 0 {
			continue
		}
		times, left := max(f.Times, 1), 0
		for range times {
			if em.Take(f.Message).Kind != "" {
				left++
			}
		}
		if left == times {
			t.Errorf("%s did not happen", fault)
		}
	}
}
