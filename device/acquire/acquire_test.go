package acquire

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"slices"
	"testing"
	"time"

	"fentrace/device"
	"fentrace/device/drivertest"
	"fentrace/device/emulator"
	"fentrace/device/emulator/bench"
	"fentrace/device/obp"
	"fentrace/spectra"
)

const deadline = 30 * time.Second

func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	t.Cleanup(cancel)
	return ctx
}

func emulate(t testing.TB, c emulator.Config) (*emulator.Emulator, device.Spectrometer) {
	t.Helper()
	c.Baud = 460800
	em, err := emulator.Start(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { em.Close() })
	dev, err := obp.Open(within(t), em.Path(), obp.Options{Baud: c.Baud, Margin: drivertest.Margin})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dev.Close() })
	return em, dev
}

var types = []string{"sts", "qepro"}

// A recorded spectrum goes through the wire and comes out: same bands, dark subtracted, on the device's axis.
func TestASpectrumGoesThroughTheWire(t *testing.T) {
	t.Parallel()
	bands := []float64{500, 1001.5, 1602, 2100}
	recorded := spectra.Spectrum{Title: "made up", Technique: spectra.Raman, XUnit: spectra.PerCM, YUnit: spectra.Intensity}
	for x := 100.0; x <= 3000; x += 0.5 {
		y := 20.0
		for i, b := range bands {
			y += float64(100*(i+1)) / (1 + math.Pow((x-b)/12, 2))
		}
		recorded.X, recorded.Y = append(recorded.X, x), append(recorded.Y, y)
	}
	for _, typ := range types {
		t.Run(typ, func(t *testing.T) {
			em, dev := emulate(t, emulator.Config{Type: typ, LightSource: true, Noiseless: true})
			if err := em.SetSample(recorded); err != nil {
				t.Fatal(err)
			}
			var stages []Stage
			scan, err := Acquire(within(t), dev, Settings{AutoExposure: true, Averages: 2, SampleName: "S-1"}, func(p Progress) { stages = append(stages, p.Stage) })
			if err != nil {
				t.Fatal(err)
			}
			s, err := scan.Spectrum()
			if err != nil {
				t.Fatal(err)
			}
			m := s.Metadata
			if !m.DarkSubtracted || !m.Simulated || m.Averages != 2 || m.LaserNM != 785 || m.SampleName != "S-1" || m.SaturatedPoints != 0 || m.FullScale != dev.Info().MaxCounts || m.TemperatureC == nil {
				t.Errorf("metadata %+v", m)
			}
			if len(scan.Frames) != 2 || len(scan.Dark) != 2 || len(stages) < 5 || stages[0] != StageExposure || stages[len(stages)-1] != StageDark {
				t.Errorf("%d frames, %d dark, stages %v", len(scan.Frames), len(scan.Dark), stages)
			}
			// Every point is the recorded value, brought to 0..1 and scaled by rate and time; a pixel is 3 cm-1 wide.
			at := func(x float64) float64 { return recorded.Y[int(math.Round((x-100)/0.5))] }
			lo, hi := math.Inf(1), math.Inf(-1)
			for i, x := range s.X {
				if x > 100 && x < 2999 {
					lo, hi = min(lo, at(x)), max(hi, at(x))
				}
				if i > 0 && x <= s.X[i-1] {
					t.Fatal("the axis does not ascend")
				}
			}
			top := 0.0
			for _, y := range s.Y {
				top = max(top, y)
			}
			for i, x := range s.X {
				if x < 110 || x > 2990 {
					continue
				}
				want := (at(x) - lo) / (hi - lo)
				if got := s.Y[i] / top; math.Abs(got-want) > 0.015 {
					t.Fatalf("at %.1f cm-1: %.4f of the highest, recorded %.4f", x, got, want)
				}
			}
			raw, err := scan.Raw()
			if err != nil {
				t.Fatal(err)
			}
			if m.SHA256 != spectra.HashBytes(raw) {
				t.Error("the hash is not that of the stored bytes")
			}
			if f, err := dev.Scan(within(t)); err != nil || f.Counts[300] > 1600 {
				t.Errorf("the laser is still on: %v counts, %v", f.Counts[300], err)
			}
		})
	}
}

func TestAutoExposureThatCannotSaysSo(t *testing.T) {
	t.Parallel()
	for _, typ := range types {
		_, dev := emulate(t, emulator.Config{Type: typ, Rate: 1e11, LightSource: true})
		_, err := Acquire(within(t), dev, Settings{AutoExposure: true}, nil)
		if !errors.Is(err, device.ErrSaturated) {
			t.Errorf("%s: %v", typ, err)
		}
		if f, err := dev.Scan(within(t)); err != nil || f.Counts[300] > 2000 {
			t.Errorf("%s: the laser is still on: %v, %v", typ, f.Counts[300], err)
		}
	}
}

func TestSaturationIsCountedAndKept(t *testing.T) {
	t.Parallel()
	_, dev := emulate(t, emulator.Config{Rate: 3e5, Noiseless: true})
	scan, err := Acquire(within(t), dev, Settings{IntegrationTime: 100 * time.Millisecond}, nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := scan.Spectrum()
	if err != nil {
		t.Fatal(err)
	}
	want := 0
	for _, v := range scan.Frames[0].Counts {
		if v == 16383 {
			want++
		}
	}
	if want == 0 || s.Metadata.SaturatedPoints != want {
		t.Errorf("%d saturated points, %d pixels at full scale", s.Metadata.SaturatedPoints, want)
	}
	// The ranges hold exactly the saturated points.
	for i, x := range s.X {
		inside := slices.ContainsFunc(s.Metadata.SaturatedRanges, func(r spectra.Range) bool { return x >= r.Low && x <= r.High })
		if full := scan.Frames[0].Counts[i] == 16383; inside != full {
			t.Errorf("%.1f cm-1 with %g counts: in a saturated range is %v", x, scan.Frames[0].Counts[i], inside)
		}
	}
	if s.Metadata.DarkSubtracted || len(s.Metadata.Warnings) != 1 {
		t.Errorf("no dark frame was possible: %+v", s.Metadata)
	}
}

func TestDarkFramesTakenEarlier(t *testing.T) {
	t.Parallel()
	em, dev := emulate(t, emulator.Config{Noiseless: true})
	ctx := within(t)
	em.Cover(true)
	dark, err := Acquire(ctx, dev, Settings{IntegrationTime: 50 * time.Millisecond}, nil)
	if err != nil {
		t.Fatal(err)
	}
	em.Cover(false)
	scan, err := Acquire(ctx, dev, Settings{IntegrationTime: 50 * time.Millisecond, DarkFrames: dark.Frames}, nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := scan.Spectrum()
	if err != nil || !s.Metadata.DarkSubtracted {
		t.Fatalf("%+v, %v", s.Metadata, err)
	}
	lowest := s.Y[0]
	for _, y := range s.Y {
		lowest = min(lowest, y)
	}
	if lowest > 200 || lowest < 0 {
		t.Errorf("the offset of 1500 counts is still there: %g", lowest)
	}
	if _, err := Acquire(ctx, dev, Settings{IntegrationTime: 60 * time.Millisecond, DarkFrames: dark.Frames}, nil); !errors.Is(err, device.ErrRange) {
		t.Errorf("dark frames of another integration time: %v", err)
	}
}

func TestSettingsThatCannotBe(t *testing.T) {
	t.Parallel()
	_, dev := emulate(t, emulator.Config{HideLaser: true})
	for name, c := range map[string]struct {
		s    Settings
		want error
	}{
		"no laser":         {Settings{}, ErrNoAxis},
		"laser too long":   {Settings{LaserNM: 1064}, ErrNoAxis},
		"laser negative":   {Settings{LaserNM: -785}, device.ErrRange},
		"time":             {Settings{LaserNM: 785, IntegrationTime: time.Hour}, device.ErrRange},
		"averages":         {Settings{LaserNM: 785, Averages: MaxAverages + 1}, device.ErrRange},
		"target":           {Settings{LaserNM: 785, AutoExposure: true, TargetFraction: 0.99}, device.ErrRange},
		"negative average": {Settings{LaserNM: 785, Averages: -1}, device.ErrRange},
	} {
		if _, err := Acquire(within(t), dev, c.s, nil); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// watched records the lamp and fails or panics at a chosen frame.
type watched struct {
	device.Spectrometer
	lit    bool
	frames int
	fail   func(frame int) error
}

func (w *watched) Lamp(ctx context.Context, on bool) error {
	err := w.Spectrometer.Lamp(ctx, on)
	if err == nil {
		w.lit = on
	}
	return err
}

func (w *watched) Scan(ctx context.Context) (device.Frame, error) {
	w.frames++
	if err := w.fail(w.frames); err != nil {
		return device.Frame{}, err
	}
	return w.Spectrometer.Scan(ctx)
}

func TestTheLaserIsOffWhateverHappens(t *testing.T) {
	t.Parallel()
	_, dev := emulate(t, emulator.Config{LightSource: true})
	broken := errors.New("broken")
	for name, fail := range map[string]func(int, context.CancelFunc) error{
		"error":  func(int, context.CancelFunc) error { return broken },
		"cancel": func(_ int, cancel context.CancelFunc) error { cancel(); return nil },
		"panic":  func(int, context.CancelFunc) error { panic("broken") },
	} {
		for at := 1; at <= 3; at++ {
			ctx, cancel := context.WithCancel(within(t))
			w := &watched{Spectrometer: dev}
			w.fail = func(frame int) error {
				if frame < at {
					return nil
				}
				return fail(frame, cancel)
			}
			func() {
				defer func() { _ = recover() }()
				if _, err := Acquire(ctx, w, Settings{Averages: 4}, nil); err == nil {
					t.Errorf("%s at frame %d: no error", name, at)
				}
			}()
			cancel()
			if w.lit {
				t.Errorf("%s at frame %d: the laser is on", name, at)
			}
		}
	}
}

func TestUnpluggedWhileAcquiring(t *testing.T) {
	t.Parallel()
	em, dev := emulate(t, emulator.Config{LightSource: true})
	if err := em.Inject(emulator.Fault{Kind: bench.Unplug, Arg: 700, Message: "spectrum", After: 2}); err != nil {
		t.Fatal(err)
	}
	if _, err := Acquire(within(t), dev, Settings{Averages: 5}, nil); !errors.Is(err, device.ErrGone) {
		t.Errorf("error %v", err)
	}
}

func TestAStoredScanGivesTheSameSpectrum(t *testing.T) {
	t.Parallel()
	_, dev := emulate(t, emulator.Config{Type: "qepro", LightSource: true})
	scan, err := Acquire(within(t), dev, Settings{IntegrationTime: 10 * time.Millisecond, Operator: "A \"quoted\" <name>"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := scan.Raw()
	if err != nil {
		t.Fatal(err)
	}
	again, err := Decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	twice, err := again.Raw()
	if err != nil || !bytes.Equal(raw, twice) {
		t.Fatalf("stored again it differs: %v", err)
	}
	a, errA := scan.Spectrum()
	b, errB := again.Spectrum()
	if errA != nil || errB != nil || a.Metadata.SHA256 != b.Metadata.SHA256 || len(a.Y) != len(b.Y) {
		t.Fatalf("%v, %v", errA, errB)
	}
	for i := range a.Y {
		if a.X[i] != b.X[i] || a.Y[i] != b.Y[i] {
			t.Fatalf("point %d: %g, %g and %g, %g", i, a.X[i], a.Y[i], b.X[i], b.Y[i])
		}
	}
	if !bytes.Equal(scan.Frames[0].Raw, again.Frames[0].Raw) {
		t.Error("the bytes of the wire are lost")
	}
	for _, change := range []struct{ from, to string }{
		{`"format":"fentrace-scan"`, `"format":"other"`},
		{`"version":2`, `"version":3`},
		{`"pixels":1044`, `"pixels":1043`},
		{`"counts":[`, `"counts":[1,`},
		{`"frames":[`, `"frames":["`},
	} {
		if _, err := Decode(bytes.Replace(raw, []byte(change.from), []byte(change.to), 1)); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v", change.to, err)
		}
	}
	if _, err := Decode(raw[:len(raw)/2]); !errors.Is(err, ErrFormat) {
		t.Errorf("half of it: %v", err)
	}
	if _, err := Decode(append(raw, raw...)); !errors.Is(err, ErrFormat) {
		t.Errorf("two of it: %v", err)
	}
}

func TestAScanOfTheFirstStoredFormKeepsItsBytesAndItsSpectrum(t *testing.T) {
	raw, err := os.ReadFile("testdata/version1.json")
	if err != nil {
		t.Fatal(err)
	}
	scan, err := Decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := scan.Raw(); err != nil || !bytes.Equal(raw, again) {
		t.Errorf("stored again it differs: %v\n%s", err, again)
	}
	s, err := scan.Spectrum()
	if err != nil {
		t.Fatal(err)
	}
	// The middle frame has a ray of 16,383 counts at pixel 7, which the plain mean keeps.
	if got := s.Y[7]; math.Abs(got-5190) > 1e-9 || s.Metadata.SaturatedPoints != 1 || s.Metadata.CosmicRays != 0 || s.Metadata.SHA256 != spectra.HashBytes(raw) {
		t.Errorf("pixel 7 is %g, metadata %+v", got, s.Metadata)
	}
}

func FuzzDecode(f *testing.F) {
	tiny := Scan{Info: device.Info{Pixels: 20, MaxCounts: 10}, Settings: Settings{LaserNM: 785}}
	for p := range 20 {
		tiny.Info.WavelengthsNM = append(tiny.Info.WavelengthsNM, 800+float64(p))
	}
	tiny.Frames = []device.Frame{{Counts: make([]float64, 20)}}
	raw, err := tiny.Raw()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	for range 3 { // enough frames for rays and noise, and exposures
		tiny.Frames = append(tiny.Frames, tiny.Frames[0])
	}
	tiny.Dark, tiny.Exposures = tiny.Frames[:2], []Exposure{{Frame: tiny.Frames[0], Dark: true}}
	tiny.Settings.TargetSNR, tiny.Settings.AutoExposure = 5, true
	if raw, err = tiny.Raw(); err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	if raw, err = os.ReadFile("testdata/version1.json"); err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Fuzz(func(t *testing.T, raw []byte) {
		scan, err := Decode(raw)
		if err != nil {
			return
		}
		scan.Rays()
		if s, err := scan.Spectrum(); err == nil {
			if err := s.Validate(); err != nil {
				t.Fatal(err)
			}
			if _, err := json.Marshal(s); err != nil {
				t.Fatal(err)
			}
		}
	})
}
