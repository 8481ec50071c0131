package bwtek_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"fentrace/device"
	"fentrace/device/bwtek"
	"fentrace/device/drivertest"
	"fentrace/device/emulator"
	"fentrace/device/emulator/bench"
)

// Every fault ends in a clear error or in a right frame, and the next scan is right again.
func TestFaultsInAScan(t *testing.T) {
	for _, ascii := range []bool{false, true} {
		for _, c := range []struct {
			fault string
			want  error // nil: the driver gets over it by itself
		}{
			{"garbage", nil},
			{"garbage=5000", nil},
			{"garbage=1", nil},
			{"half", nil},
			{"checksum", nil},
			{"late=50", nil},
			{"stuck=2500", nil},
			{"silent", device.ErrTimeout},
			{"late=3500", device.ErrTimeout},
			{"nack", nil}, // a damaged ACK looks the same
			{"nack*2", device.ErrRefused},
			{"half*2", device.ErrProtocol},
		} {
			t.Run(fmt.Sprint(c.fault, ", ascii ", ascii), func(t *testing.T) {
				t.Parallel()
				em := start(t, emulator.Config{})
				dev := open(t, em, bwtek.Options{Margin: 1500 * time.Millisecond, ASCII: ascii})
				scan(t, dev, true)
				drivertest.Inject(t, em, c.fault)
				f, err := dev.Scan(drivertest.Within(t))
				// A spectrum that is late after its acknowledgement is an answer cut short, and is asked for once more.
				again := c.fault[:4] == "late" && (err == nil || errors.Is(err, device.ErrProtocol))
				if !errors.Is(err, c.want) && !again {
					t.Fatalf("error %v, want %v", err, c.want)
				}
				// A wrong byte in a compressed spectrum cannot be found.
				if err == nil && (ascii || c.fault != "checksum") {
					check(t, dev.Info(), f, true)
				}
				for _, d := range []time.Duration{shot, 150 * time.Millisecond} {
					if err := drivertest.Eventually(func() error { return dev.SetIntegrationTime(drivertest.Within(t), d) }); err != nil {
						t.Fatalf("after the fault: %v", err)
					}
					scan(t, dev, true)
				}
			})
		}
	}
}

func TestFaultsWhileOpening(t *testing.T) {
	for _, c := range []struct {
		fault string
		want  error
	}{
		{"garbage@mode", nil},
		{"silent@mode", nil},
		{"half@mode", nil},
		{"checksum@averages", nil},
		{"half@integration", nil},
		{"silent@mode*", device.ErrTimeout},
		{"garbage@mode*", device.ErrProtocol},
		{"silent@integration", device.ErrTimeout},
		{"nack@averages*", device.ErrRefused},
	} {
		t.Run(c.fault, func(t *testing.T) {
			t.Parallel()
			em := start(t, emulator.Config{Faults: drivertest.Fault(t, "btc110", c.fault)})
			dev, err := bwtek.Open(drivertest.Within(t), em.Path(), bwtek.Options{Baud: drivertest.QuickBaud, Calibration: calibration})
			if !errors.Is(err, c.want) {
				t.Fatalf("error %v, want %v", err, c.want)
			}
			if err == nil {
				defer dev.Close()
				scan(t, dev, true)
			}
		})
	}
}

func TestUnpluggedAtAnyByte(t *testing.T) {
	for _, ascii := range []bool{false, true} {
		last := 8 + 2051 // at the least
		if ascii {
			last = 8 + 14336
		}
		for _, at := range []int{0, 1, 2, 3, 7, 8, 9, 10, 11, 12, 1000, last} {
			t.Run(fmt.Sprint(at, ", ascii ", ascii), func(t *testing.T) {
				t.Parallel()
				em := start(t, emulator.Config{})
				dev := open(t, em, bwtek.Options{ASCII: ascii})
				if err := em.Inject(emulator.Fault{Kind: bench.Unplug, Arg: at, Message: "spectrum"}); err != nil {
					t.Fatal(err)
				}
				if _, err := dev.Scan(drivertest.Within(t)); !errors.Is(err, device.ErrGone) {
					t.Errorf("scan: %v", err)
				}
				if err := dev.SetIntegrationTime(drivertest.Within(t), shot); !errors.Is(err, device.ErrGone) {
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
	for at := 0; at < 36; at += 3 { // opening takes four answers of some ten bytes
		t.Run(fmt.Sprint(at), func(t *testing.T) {
			t.Parallel()
			em := start(t, emulator.Config{Faults: []emulator.Fault{{Kind: bench.Unplug, Arg: at}}})
			if _, err := bwtek.Open(drivertest.Within(t), em.Path(), bwtek.Options{Baud: drivertest.QuickBaud}); !errors.Is(err, device.ErrGone) {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestACancelledScanLeavesTheLinkUsable(t *testing.T) {
	t.Parallel()
	dev := open(t, start(t, emulator.Config{}), bwtek.Options{})
	if err := dev.SetIntegrationTime(drivertest.Within(t), 2*time.Second); err != nil {
		t.Fatal(err)
	}
	stop := errors.New("the user pressed stop")
	short, cancel := context.WithTimeoutCause(drivertest.Within(t), 250*time.Millisecond, stop)
	_, err := dev.Scan(short)
	cancel()
	if !errors.Is(err, stop) || errors.Is(err, device.ErrTimeout) {
		t.Errorf("cancelled scan: %v", err)
	}
	if err := dev.SetIntegrationTime(drivertest.Within(t), shot); err != nil {
		t.Fatalf("after the cancelled scan: %v", err)
	}
	scan(t, dev, true)
}

// What an earlier program left behind does not matter.
func TestOpeningAfterAnotherProgram(t *testing.T) {
	for _, left := range []string{"", "I", "I12", "A7\n", "S", "S\n", "b\nS\n", "S\nS\n", "I2000\nS\n", "b", "?I\n", "\xFF\x80noise", "a\r\n", "x\nx\nx\n"} {
		t.Run(fmt.Sprintf("%q", left), func(t *testing.T) {
			t.Parallel()
			em := start(t, emulator.Config{})
			drivertest.Leave(t, em, left)
			scan(t, open(t, em, bwtek.Options{Margin: 3 * time.Second}), true)
		})
	}
}
