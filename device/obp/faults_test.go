package obp_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"fentrace/device"
	"fentrace/device/emulator"
	"fentrace/device/emulator/bench"
	"fentrace/device/obp"
)

// Every fault ends in a clear error or in a right frame, and the next scan is right again.
func TestFaultsInAScan(t *testing.T) {
	for _, typ := range types {
		for _, c := range []struct {
			fault string
			want  error // nil: the driver gets over it by itself
		}{
			{"garbage", nil},
			{"garbage=5000", nil},
			{"garbage=1", nil},
			{"half", nil},
			{"checksum", nil},
			{"wrongtype", nil},
			{"deferred", nil},
			{"late=50", nil},
			{"silent", device.ErrTimeout},
			{"late=2500", device.ErrTimeout},
			{"nack", device.ErrRefused},
			{"nack=6", device.ErrRange},
			{"exception", device.ErrRefused},
			{"half*2", device.ErrProtocol},
			{"checksum*2", device.ErrProtocol},
			{"wrongtype*2", device.ErrProtocol},
		} {
			t.Run(typ+"/"+c.fault, func(t *testing.T) {
				t.Parallel()
				em := start(t, emulator.Config{Type: typ, Sample: ramp})
				dev := open(t, em, obp.Options{Margin: 700 * time.Millisecond})
				ctx := within(t)
				if _, err := dev.Scan(ctx); err != nil {
					t.Fatal(err)
				}
				fault, err := emulator.ParseFault("sts", c.fault)
				if err != nil {
					t.Fatal(err)
				}
				if err := em.Inject(fault); err != nil {
					t.Fatal(err)
				}
				f, err := dev.Scan(ctx)
				if !errors.Is(err, c.want) {
					t.Fatalf("error %v, want %v", err, c.want)
				}
				if err == nil {
					checkCounts(t, dev.Info(), f, true, rates[typ][0], rates[typ][1])
				}
				// Another integration time: a late answer taken for the new one would show.
				for _, d := range []time.Duration{30 * time.Millisecond, 90 * time.Millisecond} {
					if err := eventually(func() error { return dev.SetIntegrationTime(ctx, d) }); err != nil {
						t.Fatalf("after the fault: %v", err)
					}
					if f, err = dev.Scan(ctx); err != nil {
						t.Fatalf("after the fault: %v", err)
					}
					checkCounts(t, dev.Info(), f, true, rates[typ][0], rates[typ][1])
				}
			})
		}
	}
}

// eventually repeats what may time out while the device is still late.
func eventually(do func() error) error {
	var err error
	for range 5 {
		if err = do(); !errors.Is(err, device.ErrTimeout) {
			return err
		}
	}
	return err
}

func TestFaultsWhileOpening(t *testing.T) {
	for _, c := range []struct {
		fault string
		want  error
	}{
		{"garbage@serial", nil},
		{"half@wavelength", nil},
		{"checksum@wavelength", nil},
		{"silent@serial", nil}, // asked twice
		{"nack=12@serial", nil},
		{"nack=2@pixels", nil}, // the device string tells
		{"silent@serial*", device.ErrTimeout},
		{"wrongtype@serial*", device.ErrProtocol},
		{"silent@pixels", device.ErrTimeout},
		{"nack=13@integration", device.ErrRefused},
	} {
		t.Run(c.fault, func(t *testing.T) {
			t.Parallel()
			fault, err := emulator.ParseFault("sts", c.fault)
			if err != nil {
				t.Fatal(err)
			}
			em := start(t, emulator.Config{Faults: []emulator.Fault{fault}})
			dev, err := obp.Open(within(t), em.Path(), obp.Options{Baud: em.Baud(), Margin: 700 * time.Millisecond})
			if !errors.Is(err, c.want) {
				t.Fatalf("error %v, want %v", err, c.want)
			}
			if err == nil {
				dev.Close()
			}
		})
	}
}

func TestUnpluggedAtAnyByte(t *testing.T) {
	for _, typ := range types {
		size := map[string]int{"sts": 2112, "spark": 2112, "qepro": 64 + 32 + 4*1044, "flamex": 64 + 64 + 2*2136 + 4}[typ]
		for _, at := range []int{0, 1, 2, 43, 44, 63, 64, 65, 1000, size - 21, size - 4, size - 1} {
			t.Run(fmt.Sprint(typ, at), func(t *testing.T) {
				t.Parallel()
				em := start(t, emulator.Config{Type: typ})
				dev := open(t, em, obp.Options{})
				ctx := within(t)
				if err := em.Inject(emulator.Fault{Kind: bench.Unplug, Arg: at, Message: "spectrum"}); err != nil {
					t.Fatal(err)
				}
				if _, err := dev.Scan(ctx); !errors.Is(err, device.ErrGone) {
					t.Errorf("scan: %v", err)
				}
				if _, err := dev.Temperature(ctx); !errors.Is(err, device.ErrGone) {
					t.Errorf("afterwards: %v", err)
				}
				if err := dev.Close(); err != nil {
					t.Errorf("close: %v", err)
				}
			})
		}
	}
}

func TestUnpluggedWhileOpening(t *testing.T) {
	for at := 0; at < 1200; at += 61 { // opening takes some 1,200 bytes of answers
		t.Run(fmt.Sprint(at), func(t *testing.T) {
			t.Parallel()
			em := start(t, emulator.Config{Faults: []emulator.Fault{{Kind: bench.Unplug, Arg: at}}})
			if _, err := obp.Open(within(t), em.Path(), obp.Options{Baud: em.Baud()}); !errors.Is(err, device.ErrGone) {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestUnpluggedWhileExposing(t *testing.T) {
	for _, typ := range types {
		em := start(t, emulator.Config{Type: typ})
		dev := open(t, em, obp.Options{})
		ctx := within(t)
		if err := dev.SetIntegrationTime(ctx, 9*time.Second); err != nil {
			t.Fatal(err)
		}
		result := make(chan error)
		go func() {
			_, err := dev.Scan(ctx)
			result <- err
		}()
		em.Close()
		if err := <-result; !errors.Is(err, device.ErrGone) {
			t.Errorf("%s: %v", typ, err)
		}
	}
}

func TestACancelledScanLeavesTheLinkUsable(t *testing.T) {
	for _, typ := range types {
		em := start(t, emulator.Config{Type: typ, Sample: ramp})
		dev := open(t, em, obp.Options{Margin: 700 * time.Millisecond})
		ctx := within(t)
		if err := dev.SetIntegrationTime(ctx, 2*time.Second); err != nil {
			t.Fatal(err)
		}
		stop := errors.New("the user pressed stop")
		short, cancel := context.WithTimeoutCause(ctx, 250*time.Millisecond, stop)
		_, err := dev.Scan(short)
		cancel()
		if !errors.Is(err, stop) || errors.Is(err, device.ErrTimeout) {
			t.Errorf("%s: cancelled scan: %v", typ, err)
		}
		if err := dev.SetIntegrationTime(ctx, 40*time.Millisecond); err != nil {
			t.Fatalf("%s: after the cancelled scan: %v", typ, err)
		}
		f, err := dev.Scan(ctx)
		if err != nil {
			t.Fatalf("%s: after the cancelled scan: %v", typ, err)
		}
		checkCounts(t, dev.Info(), f, true, rates[typ][0], rates[typ][1])
	}
}
