package bwtek_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"testing"
	"time"

	"fentrace/device"
	"fentrace/device/bwtek"
	"fentrace/device/emulator"
	"fentrace/device/emulator/bench"
	"fentrace/device/hostcal"
	"fentrace/device/serialport"
)

const (
	// deadline is far beyond anything here: reaching it is a hang.
	deadline = 60 * time.Second
	// quick is a rate no such device has, which keeps the tests short; the emulator takes any.
	quick = 921600
	// shot is an exposure near the shortest.
	shot = 60 * time.Millisecond
)

var calibration = hostcal.Calibration{SerialNumber: "BTC-7", Coefficients: []float64{788.7, 0.1, -2e-6, 0}, LaserNM: 785}

// start emulates a bench without noise.
func start(t testing.TB, c emulator.Config) *emulator.Emulator {
	t.Helper()
	if c.Baud == 0 {
		c.Baud = quick
	}
	c.Type, c.Noiseless, c.Sample = "btc110", true, ramp
	copy(c.Coefficients[:], calibration.Coefficients)
	em, err := emulator.Start(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { em.Close() })
	return em
}

func open(t testing.TB, em *emulator.Emulator, o bwtek.Options) device.Spectrometer {
	t.Helper()
	if o.Baud == 0 {
		o.Baud = em.Baud()
	}
	o.Calibration = calibration
	dev, err := bwtek.Open(within(t), em.Path(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dev.Close() })
	return dev
}

func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	t.Cleanup(cancel)
	return ctx
}

// ramp is a sample whose signal differs at every pixel.
func ramp(shift float64) float64 { return 0.1 + shift/4000 }

// scan takes a frame and checks it by repeating the detector model: 900 counts, dark current, signal, full scale.
func scan(t *testing.T, dev device.Spectrometer, lit bool) device.Frame {
	t.Helper()
	f, err := dev.Scan(within(t))
	if err != nil {
		t.Fatal(err)
	}
	check(t, dev.Info(), f, lit)
	return f
}

func check(t *testing.T, info device.Info, f device.Frame, lit bool) {
	t.Helper()
	if len(f.Counts) != 2048 || len(info.WavelengthsNM) != 2048 {
		t.Fatalf("%d counts, %d wavelengths", len(f.Counts), len(info.WavelengthsNM))
	}
	for p := 1; p < 2047; p++ { // the edge pixels average over half a width
		want := 900 + 200*f.IntegrationTime.Seconds()
		if lit {
			want += 100_000 * f.IntegrationTime.Seconds() * ramp(1e7/info.LaserNM-1e7/info.WavelengthsNM[p])
		}
		if want = min(want, 65535); math.Abs(f.Counts[p]-want) > 1.5 {
			t.Fatalf("pixel %d: %g counts, want %.2f", p, f.Counts[p], want)
		}
	}
}

func TestTheHostSaysWhatTheDeviceCannot(t *testing.T) {
	t.Parallel()
	em := start(t, emulator.Config{})
	info := open(t, em, bwtek.Options{}).Info()
	if info.Type != "bwtek" || info.Model != "B&W Tek BTC100/BTC110 (SIMULATED)" || info.SerialNumber != "BTC-7" || info.LaserNM != 785 || !info.Simulated {
		t.Errorf("info %+v", info)
	}
	if info.Pixels != 2048 || info.MaxCounts != 65535 || info.MinIntegration != 50*time.Millisecond || info.MaxIntegration != 65*time.Second {
		t.Errorf("info %+v", info)
	}
	if nm := info.WavelengthsNM[1000]; math.Abs(nm-(788.7+100-2)) > 1e-9 {
		t.Errorf("pixel 1000 at %g nm", nm)
	}
	link := t.TempDir() + "/spectrometer"
	if err := os.Symlink(start(t, emulator.Config{}).Path(), link); err != nil {
		t.Fatal(err)
	}
	dev, err := bwtek.Open(within(t), link, bwtek.Options{Baud: quick, LaserNM: 532})
	if err != nil {
		t.Fatal(err)
	}
	defer dev.Close()
	if info := dev.Info(); info.LaserNM != 532 || info.WavelengthsNM != nil || info.SerialNumber != "" || !info.Simulated {
		t.Errorf("without a calibration: %+v", info)
	}
}

func TestScansBringTheCountsOfTheDetector(t *testing.T) {
	for _, ascii := range []bool{false, true} {
		t.Run(fmt.Sprint("ascii ", ascii), func(t *testing.T) {
			t.Parallel()
			em := start(t, emulator.Config{})
			dev := open(t, em, bwtek.Options{ASCII: ascii})
			for _, d := range []time.Duration{shot, 900 * time.Millisecond, 75*time.Millisecond + 300*time.Microsecond} {
				if err := dev.SetIntegrationTime(within(t), d); err != nil {
					t.Fatal(err)
				}
				before := time.Now()
				f := scan(t, dev, true)
				if f.IntegrationTime != d.Round(time.Millisecond) || f.Started.Before(before) || time.Since(f.Started) < f.IntegrationTime {
					t.Errorf("frame of %v started %v, asked for %v at %v", f.IntegrationTime, f.Started, d, before)
				}
				if !bytes.HasPrefix(f.Raw, []byte("S\r\nACK\r\n")) {
					t.Errorf("raw bytes begin with %q", f.Raw[:8])
				}
			}
			em.Cover(true)
			scan(t, dev, false)
		})
	}
}

func TestWhatTheBenchDoesNotHave(t *testing.T) {
	t.Parallel()
	dev := open(t, start(t, emulator.Config{}), bwtek.Options{})
	if err := dev.Lamp(within(t), true); !errors.Is(err, device.ErrRefused) {
		t.Errorf("laser: %v", err)
	}
	if _, err := dev.Temperature(within(t)); !errors.Is(err, device.ErrRefused) {
		t.Errorf("temperature: %v", err)
	}
	for _, d := range []time.Duration{-1, 0, 49 * time.Millisecond, 65001 * time.Millisecond} {
		if err := dev.SetIntegrationTime(within(t), d); !errors.Is(err, device.ErrRange) {
			t.Errorf("%v: %v", d, err)
		}
	}
}

func TestOptionsThatCannotBe(t *testing.T) {
	t.Parallel()
	em := start(t, emulator.Config{})
	if _, err := bwtek.Open(within(t), em.Path(), bwtek.Options{LaserNM: 5}); !errors.Is(err, device.ErrRange) {
		t.Errorf("laser: %v", err)
	}
	falling := hostcal.Calibration{Coefficients: []float64{785, 0.1, -1e-4}}
	if _, err := bwtek.Open(within(t), em.Path(), bwtek.Options{Calibration: falling}); !errors.Is(err, hostcal.ErrCalibration) {
		t.Errorf("calibration: %v", err)
	}
	if _, err := bwtek.Open(within(t), "/dev/ttyUSB999", bwtek.Options{}); !errors.Is(err, device.ErrNotFound) {
		t.Errorf("missing port: %v", err)
	}
}

func inject(t *testing.T, em *emulator.Emulator, text string) {
	t.Helper()
	fault, err := emulator.ParseFault("btc110", text)
	if err != nil {
		t.Fatal(err)
	}
	if err := em.Inject(fault); err != nil {
		t.Fatal(err)
	}
}

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
			{"stuck=1200", nil},
			{"silent", device.ErrTimeout},
			{"late=3000", device.ErrTimeout},
			{"nack", nil}, // a damaged ACK looks the same
			{"nack*2", device.ErrRefused},
			{"half*2", device.ErrProtocol},
		} {
			t.Run(fmt.Sprint(c.fault, ", ascii ", ascii), func(t *testing.T) {
				t.Parallel()
				em := start(t, emulator.Config{})
				dev := open(t, em, bwtek.Options{Margin: 800 * time.Millisecond, ASCII: ascii})
				scan(t, dev, true)
				inject(t, em, c.fault)
				f, err := dev.Scan(within(t))
				if want := c.want; !errors.Is(err, want) && !(c.fault[:4] == "late" && errors.Is(err, device.ErrProtocol)) {
					t.Fatalf("error %v, want %v", err, want)
				}
				// A wrong byte in a compressed spectrum cannot be found.
				if err == nil && (ascii || c.fault != "checksum") {
					check(t, dev.Info(), f, true)
				}
				for _, d := range []time.Duration{shot, 150 * time.Millisecond} {
					if err := eventually(func() error { return dev.SetIntegrationTime(within(t), d) }); err != nil {
						t.Fatalf("after the fault: %v", err)
					}
					scan(t, dev, true)
				}
			})
		}
	}
}

// eventually repeats what may time out while the device is still late.
func eventually(do func() error) error {
	var err error
	for range 8 {
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
			fault, err := emulator.ParseFault("btc110", c.fault)
			if err != nil {
				t.Fatal(err)
			}
			em := start(t, emulator.Config{Faults: []emulator.Fault{fault}})
			dev, err := bwtek.Open(within(t), em.Path(), bwtek.Options{Baud: quick, Calibration: calibration})
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
				if _, err := dev.Scan(within(t)); !errors.Is(err, device.ErrGone) {
					t.Errorf("scan: %v", err)
				}
				if err := dev.SetIntegrationTime(within(t), shot); !errors.Is(err, device.ErrGone) {
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
			if _, err := bwtek.Open(within(t), em.Path(), bwtek.Options{Baud: quick}); !errors.Is(err, device.ErrGone) {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestACancelledScanLeavesTheLinkUsable(t *testing.T) {
	t.Parallel()
	dev := open(t, start(t, emulator.Config{}), bwtek.Options{})
	if err := dev.SetIntegrationTime(within(t), 2*time.Second); err != nil {
		t.Fatal(err)
	}
	stop := errors.New("the user pressed stop")
	short, cancel := context.WithTimeoutCause(within(t), 250*time.Millisecond, stop)
	_, err := dev.Scan(short)
	cancel()
	if !errors.Is(err, stop) || errors.Is(err, device.ErrTimeout) {
		t.Errorf("cancelled scan: %v", err)
	}
	if err := dev.SetIntegrationTime(within(t), shot); err != nil {
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
			leave(t, em, left)
			scan(t, open(t, em, bwtek.Options{Margin: 3 * time.Second}), true)
		})
	}
}

func TestTheRateIsFoundAndRaised(t *testing.T) {
	if _, err := os.Stat("/proc/self"); err != nil {
		t.Skip("this system does not tell the emulator the host's rate")
	}
	for name, c := range map[string]struct {
		baud, fastest int
		fault         string
		raised, home  int
	}{
		"just switched on":            {9600, 0, "", 115200, 9600},
		"no faster than asked":        {9600, 19200, "", 19200, 9600},
		"not at all":                  {9600, 9600, "", 9600, 9600},
		"left by a program that died": {38400, 0, "", 115200, 9600},
		"fast already":                {115200, 0, "", 115200, 115200},
		"acknowledgement lost":        {9600, 0, "silent@baud", 115200, 9600},
		"acknowledgement garbled":     {9600, 0, "garbage@baud", 115200, 9600},
		"acknowledgement damaged":     {9600, 0, "checksum@baud", 115200, 9600},
		"refused":                     {9600, 0, "nack@baud*", 9600, 9600},
		"refused once":                {9600, 0, "nack@baud", 38400, 9600},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := emulator.Config{Baud: c.baud}
			if c.fault != "" {
				f, err := emulator.ParseFault("btc110", c.fault)
				if err != nil {
					t.Fatal(err)
				}
				config.Faults = []emulator.Fault{f}
			}
			em := start(t, config)
			dev, err := bwtek.Open(within(t), em.Path(), bwtek.Options{Fastest: c.fastest, Calibration: calibration})
			if err != nil {
				t.Fatal(err)
			}
			if em.Baud() != c.raised {
				t.Errorf("raised to %d, want %d", em.Baud(), c.raised)
			}
			scan(t, dev, true)
			if err := dev.Close(); err != nil || em.Baud() != c.home {
				t.Errorf("left at %d, want %d; %v", em.Baud(), c.home, err)
			}
		})
	}
}

func TestTheWrongRateIsAClearError(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/proc/self"); err != nil {
		t.Skip("this system does not tell the emulator the host's rate")
	}
	em := start(t, emulator.Config{Baud: 115200})
	_, err := bwtek.Open(within(t), em.Path(), bwtek.Options{Baud: 19200, Margin: 300 * time.Millisecond})
	if !errors.Is(err, device.ErrProtocol) && !errors.Is(err, device.ErrTimeout) {
		t.Errorf("error %v", err)
	}
}

// leave sends what an earlier program might have, and closes the port without waiting for answers.
func leave(t *testing.T, em *emulator.Emulator, bytes string) {
	t.Helper()
	port, err := serialport.Open(within(t), em.Path(), serialport.Options{Baud: quick})
	if err != nil {
		t.Fatal(err)
	}
	port.Close() // the line keeps its rate; a plain file, unlike the port, loses nothing when it is closed at once
	f, err := os.OpenFile(em.Path(), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(bytes); err != nil {
		t.Fatal(err)
	}
}
