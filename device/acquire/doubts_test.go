package acquire

import (
	"math"
	"strings"
	"testing"
	"time"

	"fentrace/device"
	"fentrace/device/gps"
)

// plain is a scan of a band on a slope; dark says what the dark frames hold.
func plain(response []float64, dark func(p int) float64) Scan {
	const pixels = 400
	info := device.Info{Model: "test", Pixels: pixels, MaxCounts: 60000, Nonlinearity: response}
	light := device.Frame{IntegrationTime: time.Second, Counts: make([]float64, pixels)}
	darkness := light
	darkness.Counts = make([]float64, pixels)
	for p := range pixels {
		info.WavelengthsNM = append(info.WavelengthsNM, 800+0.3*float64(p))
		darkness.Counts[p] = dark(p)
		light.Counts[p] = 1000 + trueSignal(p)
		if len(response) > 0 { // what such a detector gives for true counts, by iteration
			r := trueSignal(p)
			for range 100 {
				r = trueSignal(p) * (response[0] + response[1]*r)
			}
			light.Counts[p] = 1000 + r
		}
	}
	return Scan{Info: info, Settings: Settings{IntegrationTime: time.Second, Averages: 1, LaserNM: 785}, Frames: []device.Frame{light}, Dark: []device.Frame{darkness}}
}

func trueSignal(p int) float64 {
	u := float64(p-200) / 8
	return 500 + 2*float64(p) + 20000/(1+u*u)
}

func warned(t *testing.T, s Scan, words string) bool {
	t.Helper()
	out, err := s.Spectrum()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Contains(strings.Join(out.Metadata.Warnings, " "), words)
}

func TestTheResponseOfTheDetectorIsCorrected(t *testing.T) {
	quiet := func(int) float64 { return 1000 }
	bent := plain([]float64{0.93, 4e-6}, quiet)
	out, err := bent.Spectrum()
	if err != nil {
		t.Fatal(err)
	}
	raw := 0.0
	for i := range out.Y {
		if want := trueSignal(i); math.Abs(out.Y[i]-want) > 1e-6*want {
			t.Fatalf("pixel %d: %g true counts, want %g", i, out.Y[i], want)
		}
		raw = max(raw, math.Abs(bent.Frames[0].Counts[i]-1000-trueSignal(i)))
	}
	if raw < 100 {
		t.Errorf("the counts were bent by %g at most: the test shows nothing", raw)
	}
	bent.Dark = nil
	if !warned(t, bent, "response of the detector was not corrected") {
		t.Error("without dark frames nothing is said of the response")
	}
	straight, err := plain(nil, quiet).Spectrum()
	if err != nil || straight.Y[7] != trueSignal(7) {
		t.Errorf("%g, %v", straight.Y[7], err)
	}
}

func TestDarkFramesThatAreLitAreDoubted(t *testing.T) {
	for name, c := range map[string]struct {
		dark func(int) float64
		want bool
	}{
		"dark":                  {func(int) float64 { return 1000 }, false},
		"warm pixels":           {func(p int) float64 { return 1000 + float64(p*7919%300) }, false},
		"stray light of a lamp": {func(p int) float64 { return 1000 + 3*float64(p) }, false},
		"lit":                   {func(p int) float64 { return 1000 + trueSignal(p) }, true},
		"lit by a weaker laser": {func(p int) float64 { return 1000 + 0.7*trueSignal(p) }, true},
	} {
		if got := warned(t, plain(nil, c.dark), "the laser did not go off"); got != c.want {
			t.Errorf("%s: doubted %v", name, got)
		}
	}
}

func TestAPositionThatIsNoEvidenceIsSaidToBeNone(t *testing.T) {
	s := plain(nil, func(int) float64 { return 1000 })
	good := gps.Fix{Time: time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC), Latitude: 41.9, Longitude: -87.6, Quality: gps.Autonomous, Satellites: 8, HDOP: 0.9, PrecisionM: 9}
	s.Settings.Position = &good
	if warned(t, s, "not on record") {
		t.Error("a measured position is doubted")
	}
	out, err := s.Spectrum()
	if err != nil || !strings.Contains(out.Metadata.Fields["position"], "41.9") {
		t.Errorf("%q, %v", out.Metadata.Fields, err)
	}
	reckoned := good
	reckoned.Quality = gps.DeadReckoning
	s.Settings.Position = &reckoned
	if !warned(t, s, "not on record: position is not evidence-grade: dead reckoning") {
		t.Error("a reckoned position is not doubted")
	}
	raw, err := s.Raw()
	if err != nil {
		t.Fatal(err)
	}
	again, err := Decode(raw)
	if err != nil || again.Settings.Position == nil || *again.Settings.Position != reckoned {
		t.Errorf("the position came back as %+v, %v", again.Settings.Position, err)
	}
}
