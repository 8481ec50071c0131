package tcd1304

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math"
	"os"
	"testing"
	"time"

	"golang.org/x/term"
	"pgregory.net/rapid"

	"fentrace/device"
	"fentrace/device/drivertest"
	"fentrace/device/emulator"
	"fentrace/device/hostcal"
)

// The example of the firmware's description: 10 ms.
func TestTheCommandIsTheOneOfTheDescription(t *testing.T) {
	sh, icg := periods(10 * time.Millisecond)
	want, _ := hex.DecodeString("455200004E2000004E200001")
	if got := EncodeCommand(sh, icg); !bytes.Equal(got, want) {
		t.Errorf("% X, want % X", got, want)
	}
}

func TestTheReadOutPeriodIsAMultipleOfTheIntegrationTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := time.Duration(rapid.Int64Range(int64(minIntegration), int64(maxIntegration)).Draw(t, "integration time"))
		sh, icg := periods(d)
		if sh < minSH || icg < minICG || icg%sh != 0 || (exposure(sh)-d).Abs() >= time.Microsecond {
			t.Fatalf("%v: SH %d, ICG %d", d, sh, icg)
		}
	})
}

func TestOnlyAWholeFrameIsAFrame(t *testing.T) {
	b := bytes.Repeat([]byte{0xFF, 0x0F}, Pixels)
	b[2], b[3] = 0x34, 0x02
	counts, err := DecodeFrame(b)
	if err != nil || len(counts) != Pixels || counts[0] != 0 || counts[1] != 4095-0x234 {
		t.Fatalf("%d counts, %v", len(counts), err)
	}
	for name, bad := range map[string][]byte{"short": b[1:], "long": append([]byte{0}, b...), "shifted": append(b[1:len(b):len(b)], 0xFF), "empty": nil} {
		if _, err := DecodeFrame(bad); !errors.Is(err, ErrFrame) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzDecodeFrame(f *testing.F) {
	f.Add([]byte("\xFF\x0F"), 3694)
	f.Add([]byte("\xFF\x10\x00"), 2463)
	f.Fuzz(func(t *testing.T, part []byte, times int) {
		if len(part) == 0 || len(part) > 16 || times < 0 || times > 8000 {
			return
		}
		counts, err := DecodeFrame(bytes.Repeat(part, times))
		for _, v := range counts {
			if err != nil || v < 0 || v > fullScale {
				t.Fatalf("%g counts, %v", v, err)
			}
		}
	})
}

// What the board sends, byte by byte, without the driver.
func TestTheBytesOfTheBoard(t *testing.T) {
	em := start(t, emulator.Config{Baud: 38400, Sample: func(float64) float64 { return 0 }}) // the rate of a plain file
	f, err := os.OpenFile(em.Path(), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := term.MakeRaw(int(f.Fd())); err != nil {
		t.Fatal(err)
	}
	cmd, _ := hex.DecodeString("455200004E2000004E200001")
	for _, send := range [][]byte{cmd, append(append([]byte{1, 2, 3, 4}, cmd...), cmd...)[:28]} { // the second is rotated in the board's ring
		if _, err := f.Write(send); err != nil {
			t.Fatal(err)
		}
		var got []byte
		buf := make([]byte, 4096)
		for len(got) < 7388 {
			n, err := f.Read(buf)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, buf[:n]...)
		}
		// 180 counts of offset and 120/s for 10 ms below 4,095: 3914 or 0x0F4A.
		if len(got) != 7388 || got[0] != 0x4A || got[1] != 0x0F {
			t.Errorf("%d bytes, first % X", len(got), got[:2])
		}
	}
}

func start(t testing.TB, c emulator.Config) *emulator.Emulator {
	t.Helper()
	c.Type = "tcd1304"
	return drivertest.Start(t, c)
}

func open(t testing.TB, em *emulator.Emulator) device.Spectrometer {
	t.Helper()
	return rig().OpenOn(t, em)
}

// check repeats the detector model: 180 counts of offset, dark current, signal, 12 bits.
func check(t testing.TB, f device.Frame, lit bool) {
	t.Helper()
	first, last := 1e7/(1e7/785.0-60), 1e7/(1e7/785.0-3050) // where the emulator's pixels lie
	for p := 1; p < Pixels-1; p++ {
		want := 180 + 120*f.IntegrationTime.Seconds()
		if lit && p >= 32 && p < 3680 {
			nm := first + (last-first)*float64(p)/(Pixels-1)
			want += 12_000 * f.IntegrationTime.Seconds() * drivertest.Ramp(1e7/785.0-1e7/nm)
		}
		if want = min(want, 4095); math.Abs(f.Counts[p]-want) > 1.2 {
			t.Fatalf("pixel %d: %g counts, want %.2f", p, f.Counts[p], want)
		}
	}
}

func TestScansBringTheCountsOfTheDetector(t *testing.T) {
	em := start(t, emulator.Config{})
	dev := open(t, em)
	info := dev.Info()
	if info.SerialNumber != "TCD-7" || !info.Simulated || info.LaserNM != 785 || len(info.WavelengthsNM) != Pixels || info.WavelengthsNM[100] != 796 || len(info.DarkPixels) != 46 {
		t.Errorf("%s %v, laser %g, %d wavelengths, %d dark", info.SerialNumber, info.Simulated, info.LaserNM, len(info.WavelengthsNM), len(info.DarkPixels))
	}
	for _, d := range []time.Duration{50 * time.Microsecond, 7 * time.Millisecond, 150 * time.Millisecond, time.Second} {
		if err := dev.SetIntegrationTime(drivertest.Within(t), d); err != nil {
			t.Fatal(err)
		}
		f, err := dev.Scan(drivertest.Within(t))
		if err != nil || f.IntegrationTime != d || len(f.Raw) != 7388 {
			t.Fatalf("%v: %v with %d bytes, %v", d, f.IntegrationTime, len(f.Raw), err)
		}
		check(t, f, true)
	}
	em.Cover(true)
	f, err := dev.Scan(drivertest.Within(t))
	if err != nil {
		t.Fatal(err)
	}
	check(t, f, false)
}

func TestWhatTheBoardCannotDo(t *testing.T) {
	dev := open(t, start(t, emulator.Config{}))
	if err := dev.Lamp(drivertest.Within(t), true); !errors.Is(err, device.ErrRefused) {
		t.Errorf("laser: %v", err)
	}
	if _, err := dev.Temperature(drivertest.Within(t)); !errors.Is(err, device.ErrRefused) {
		t.Errorf("temperature: %v", err)
	}
	for _, d := range []time.Duration{0, 9 * time.Microsecond, time.Hour} {
		if err := dev.SetIntegrationTime(drivertest.Within(t), d); !errors.Is(err, device.ErrRange) {
			t.Errorf("%v: %v", d, err)
		}
	}
}

func TestSomethingElseIsNoBoard(t *testing.T) {
	em := start(t, emulator.Config{})
	if _, err := Open(drivertest.Within(t), em.Path(), Options{Baud: 9600}); !errors.Is(err, device.ErrTimeout) && !errors.Is(err, device.ErrProtocol) {
		t.Errorf("at the wrong rate: %v", err)
	}
	if _, err := Open(drivertest.Within(t), "/dev/ttyUSB999", Options{}); !errors.Is(err, device.ErrNotFound) {
		t.Errorf("missing port: %v", err)
	}
	if _, err := Open(drivertest.Within(t), em.Path(), Options{Calibration: hostcal.Calibration{Coefficients: []float64{800, 0.1, -0.1}}}); !errors.Is(err, hostcal.ErrCalibration) {
		t.Errorf("an axis that turns round: %v", err)
	}
}
