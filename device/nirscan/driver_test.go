package nirscan_test

import (
	"errors"
	"math"
	"testing"
	"time"

	"fentrace/device"
	"fentrace/device/drivertest"
	"fentrace/device/emulator"
	"fentrace/device/nirscan"
	"fentrace/spectra"
)

// The emulator's stored configurations, numbered from 1.
const (
	column228, hadamard228, slew128, column64, narrow48 = 1, 2, 3, 4, 5
)

func start(t testing.TB, c emulator.Config) *emulator.Emulator {
	t.Helper()
	c.Type, c.Sample = "nirscan", ramp
	return drivertest.Start(t, c)
}

func open(t testing.TB, em *emulator.Emulator, o nirscan.Options) *nirscan.Driver {
	t.Helper()
	return rig(o).OpenOn(t, em).(*nirscan.Driver)
}

// ramp reflects differently at every wavenumber of the range: 0.1 to 0.9.
func ramp(cm1 float64) float64 { return 0.1 + 0.8*(cm1-5800)/5400 }

// white is what the emulator's lamp gives at gain 1 through six columns of mirrors.
func white(nm float64) float64 {
	u := (nm - 1330) / 300
	return 400_000 * (0.15 + 0.85*math.Exp(-u*u))
}

func checkCounts(t testing.TB, info device.Info, f device.Frame, gain, width float64) {
	t.Helper()
	if len(f.Counts) != info.Pixels || f.Gain != gain || f.Started.IsZero() || len(f.Raw) < 12*info.Pixels {
		t.Fatalf("%d counts of %d, gain %g, %v, %d bytes", len(f.Counts), info.Pixels, f.Gain, f.Started, len(f.Raw))
	}
	for i, nm := range info.WavelengthsNM {
		want := math.Trunc(12_000+gain*white(nm)*ramp(1e7/nm)*width/6) - 12_000
		if math.Abs(f.Counts[i]-want) > 1e-6 {
			t.Fatalf("point %d at %.2f nm: %g, want %g", i, nm, f.Counts[i], want)
		}
	}
}

func TestTheDeviceTellsWhatItIs(t *testing.T) {
	t.Parallel()
	em := start(t, emulator.Config{SerialNumber: "SIM-12345"})
	dev := open(t, em, nirscan.Options{})
	info := dev.Info()
	if info.Type != "nirscan" || info.Model != "NANO SIMULATED" || info.SerialNumber != "SIM-345" || info.Firmware != "2.1.1" || info.Port != em.Path() ||
		!info.Simulated || info.Technique != spectra.IR || info.LaserNM != 0 || info.Pixels != 228 || len(info.WavelengthsNM) != 228 || info.MaxCounts != 8388607 {
		t.Errorf("info %+v", info)
	}
	if info.MinIntegration != 635*time.Microsecond || info.MaxIntegration != 255*635*time.Microsecond || info.UsualIntegration != 6*635*time.Microsecond {
		t.Errorf("integration %v to %v, usually %v", info.MinIntegration, info.MaxIntegration, info.UsualIntegration)
	}
	if lo, hi := info.WavelengthsNM[0], info.WavelengthsNM[227]; math.Abs(lo-900) > 2 || math.Abs(hi-1700) > 2 {
		t.Errorf("%g to %g nm", lo, hi)
	}
	if c := dev.Config(); c.Name != "Column 1" || c.Type != nirscan.Column {
		t.Errorf("configuration %+v", c)
	}
	if temperature, err := dev.Temperature(drivertest.Within(t)); err != nil || temperature != 28.40 {
		t.Errorf("temperature %g, %v", temperature, err)
	}
	h, err := dev.Health(drivertest.Within(t))
	if err != nil || h != (nirscan.Health{AmbientC: 25.75, DetectorC: 28.4, BoardC: 31.1, HumidityPercent: 41.5, BatteryVolts: 3.95, Status: nirscan.StatusReady}) {
		t.Errorf("health %+v, %v", h, err)
	}
	if err := dev.Lamp(drivertest.Within(t), true); !errors.Is(err, device.ErrNoLaser) {
		t.Errorf("lamp: %v", err)
	}
}

func TestScansAreExactOnBothPaths(t *testing.T) {
	for name, c := range map[string]struct {
		o     nirscan.Options
		gain  float64
		width float64
	}{
		"interpreted":          {nirscan.Options{Config: column64}, 32, 6},
		"raw":                  {nirscan.Options{Config: column64, Path: nirscan.PathRaw}, 32, 6},
		"raw, 228 points":      {nirscan.Options{Config: column228, Path: nirscan.PathRaw}, 32, 6},
		"Hadamard interpreted": {nirscan.Options{Config: hadamard228}, 32, 6},
		"gain fixed":           {nirscan.Options{Config: column64, Gain: 4}, 4, 6},
		"gain fixed, raw":      {nirscan.Options{Config: column64, Gain: 4, Path: nirscan.PathRaw}, 4, 6},
		"narrow columns":       {nirscan.Options{Config: narrow48}, 32, 5},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dev := open(t, start(t, emulator.Config{}), c.o)
			for range 2 { // the interpretation begins anew
				f, err := dev.Scan(drivertest.Within(t))
				if err != nil {
					t.Fatal(err)
				}
				checkCounts(t, dev.Info(), f, c.gain, c.width)
			}
		})
	}
}

func TestASlewScanBringsItsOwnWavelengths(t *testing.T) {
	t.Parallel()
	dev := open(t, start(t, emulator.Config{}), nirscan.Options{Config: slew128})
	info := dev.Info()
	if info.Pixels != 128 || math.Abs(info.WavelengthsNM[0]-950) > 2 || math.Abs(info.WavelengthsNM[127]-1650) > 2 {
		t.Fatalf("%d points, %v", info.Pixels, info.WavelengthsNM)
	}
	f, err := dev.Scan(drivertest.Within(t))
	if err != nil {
		t.Fatal(err)
	}
	if nm := info.WavelengthsNM[100]; math.Abs(f.Counts[100]/f.Gain/(white(nm)*ramp(1e7/nm)*7/6)-1) > 1e-5 {
		t.Errorf("%g counts at %g nm", f.Counts[100], nm)
	}
}

func TestTheRawPathRefusesWhatOnlyTheDeviceCanInterpret(t *testing.T) {
	for _, config := range []int{hadamard228, slew128} {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			em := start(t, emulator.Config{})
			if _, err := nirscan.Open(drivertest.Within(t), em.Path(), nirscan.Options{Baud: em.Baud(), Config: config, Path: nirscan.PathRaw}); !errors.Is(err, device.ErrRefused) {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestTheRawPathKeepsTheReadingsWithoutLight(t *testing.T) {
	t.Parallel()
	dev := open(t, start(t, emulator.Config{}), nirscan.Options{Config: column64, Path: nirscan.PathRaw})
	f, err := dev.Scan(drivertest.Within(t))
	if err != nil {
		t.Fatal(err)
	}
	var file []byte
	for raw := f.Raw; len(raw) > 0; {
		part, n, err := nirscan.Decode(raw)
		if err != nil {
			t.Fatal(err)
		}
		file, raw = append(file, part.Data...), raw[n:]
	}
	s, err := nirscan.ParseScanData(file)
	if err != nil || len(s.Readings) != 66 || s.Readings[24] != 12_000 || s.Readings[49] != 12_000 || s.DetectorC != 28.4 {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestTheIntegrationTimeIsAWholeNumberOfRepeats(t *testing.T) {
	t.Parallel()
	dev := open(t, start(t, emulator.Config{}), nirscan.Options{Config: column64, Path: nirscan.PathRaw})
	for ask, want := range map[time.Duration]time.Duration{exposure: exposure, 2 * time.Millisecond: 3 * exposure, 1500 * time.Microsecond: 2 * exposure} {
		if err := dev.SetIntegrationTime(drivertest.Within(t), ask); err != nil {
			t.Fatal(err)
		}
		f, err := dev.Scan(drivertest.Within(t)) // on the raw path the scan itself says how often it was repeated
		if err != nil || f.IntegrationTime != want {
			t.Errorf("%v asked, %v taken, %v", ask, f.IntegrationTime, err)
		}
		checkCounts(t, dev.Info(), f, 32, 6)
	}
	for _, d := range []time.Duration{0, exposure - 1, 256 * exposure, -1} {
		if err := dev.SetIntegrationTime(drivertest.Within(t), d); !errors.Is(err, device.ErrRange) {
			t.Errorf("%v: %v", d, err)
		}
	}
}

func TestTheStoredReferenceGivesReflectance(t *testing.T) {
	t.Parallel()
	for _, config := range []int{column64, hadamard228} {
		dev := open(t, start(t, emulator.Config{}), nirscan.Options{Config: config})
		f, err := dev.Scan(drivertest.Within(t))
		if err != nil {
			t.Fatal(err)
		}
		ref, err := dev.Reference(drivertest.Within(t))
		if err != nil || ref.Gain != 16 {
			t.Fatalf("gain %g, %v", ref.Gain, err)
		}
		for i, nm := range dev.Info().WavelengthsNM {
			got, want := f.Counts[i]/f.Gain/(ref.Counts[i]/ref.Gain), ramp(1e7/nm)
			if math.Abs(got/want-1) > 2e-4 { // straight lines between the reference's own points
				t.Fatalf("at %g nm: %g, want %g", nm, got, want)
			}
		}
	}
	dev := open(t, start(t, emulator.Config{}), nirscan.Options{Config: narrow48})
	if _, err := dev.Reference(drivertest.Within(t)); !errors.Is(err, device.ErrRefused) {
		t.Errorf("a reference of wider columns: %v", err)
	}
}

func TestOptionsThatCannotBe(t *testing.T) {
	t.Parallel()
	em := start(t, emulator.Config{})
	for name, o := range map[string]nirscan.Options{
		"gain": {Gain: 3}, "high gain": {Gain: 128}, "configuration": {Config: -1}, "configuration that is not stored": {Config: 6}, "path": {Path: 2},
	} {
		o.Baud = em.Baud()
		if dev, err := nirscan.Open(drivertest.Within(t), em.Path(), o); !errors.Is(err, device.ErrRange) {
			t.Errorf("%s: %v, %v", name, dev, err)
		}
	}
}

func TestAPortThatIsNotThere(t *testing.T) {
	if _, err := nirscan.Open(drivertest.Within(t), "/dev/ttyNOSUCH", nirscan.Options{}); !errors.Is(err, device.ErrNotFound) {
		t.Error(err)
	}
}

func TestTheWrongBaud(t *testing.T) {
	t.Parallel()
	em := start(t, emulator.Config{Baud: 115200})
	_, err := nirscan.Open(drivertest.Within(t), em.Path(), nirscan.Options{Baud: 57600, Margin: 300 * time.Millisecond})
	if !errors.Is(err, device.ErrTimeout) && !errors.Is(err, device.ErrProtocol) {
		t.Error(err)
	}
	open(t, em, nirscan.Options{}) // and afterwards the right one works
}

func TestAConfigurationChangedBehindTheDriversBackIsNoticed(t *testing.T) {
	t.Parallel()
	em := start(t, emulator.Config{})
	dev := open(t, em, nirscan.Options{Config: column64})
	if err := dev.Activate(drivertest.Within(t), narrow48); err != nil {
		t.Fatal(err)
	}
	if _, err := dev.Scan(drivertest.Within(t)); !errors.Is(err, device.ErrProtocol) {
		t.Error(err)
	}
}
