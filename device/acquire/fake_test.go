package acquire

import (
	"context"
	"math"
	"math/rand/v2"
	"time"

	"pgregory.net/rapid"

	"fentrace/device"
)

// fake is a spectrometer whose detector a test decides.
type fake struct {
	info     device.Info
	sample   []float64 // light of each pixel, 0..1
	offset   float64   // counts
	darkRate float64   // counts per second
	rate     float64   // counts per second where the sample is 1
	readout  float64   // standard deviation of the read-out noise, counts
	shot     float64   // variance of the photon noise per count
	hot      map[int]float64
	lamp     bool // it can switch its laser
	rng      *rand.Rand

	// drift changes the light of a frame; edit its counts.
	drift func(frame int) float64
	edit  func(frame int, lit bool, counts []float64)

	lit    bool
	t      time.Duration
	now    time.Time
	frames int
	lights int // how often the laser was switched on
}

func newFake(pixels int, seed uint64) *fake {
	b := &fake{
		info: device.Info{Type: "bench", Model: "Bench", Pixels: pixels, MaxCounts: 65535, MinIntegration: time.Millisecond, MaxIntegration: time.Minute, LaserNM: 785, Simulated: true},
		rate: 3e5, offset: 1200, darkRate: 20, readout: 6, shot: 0.3, lamp: true, rng: rand.New(rand.NewPCG(seed, 1)), t: 100 * time.Millisecond,
		now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), sample: make([]float64, pixels),
	}
	for p := range pixels {
		b.info.WavelengthsNM = append(b.info.WavelengthsNM, 790+250*float64(p)/float64(pixels))
	}
	return b
}

// lines puts Lorentzian lines with a half width of w pixels on a background.
func (b *fake) lines(background, w float64, at ...int) {
	for p := range b.sample {
		b.sample[p] = background
		for i, c := range at {
			u := float64(p-c) / w
			b.sample[p] += (1 - background) * float64(i+1) / float64(len(at)) / (1 + u*u)
		}
	}
	top := 0.0
	for _, v := range b.sample {
		top = max(top, v)
	}
	for p := range b.sample {
		b.sample[p] /= top
	}
}

// ideal is what a pixel counts without noise and limits.
func (b *fake) ideal(p int, t time.Duration, lit bool) float64 {
	v := b.offset + (b.darkRate+b.hot[p])*t.Seconds()
	for _, d := range b.info.DarkPixels {
		if d == p {
			return v
		}
	}
	if lit {
		light := b.rate * b.sample[p]
		if b.drift != nil {
			light *= b.drift(b.frames)
		}
		v += light * t.Seconds()
	}
	return v
}

func (b *fake) Info() device.Info { return b.info }

func (b *fake) SetIntegrationTime(_ context.Context, t time.Duration) error {
	if t < b.info.MinIntegration || t > b.info.MaxIntegration {
		return device.ErrRange
	}
	b.t = t
	return nil
}

func (b *fake) Scan(ctx context.Context) (device.Frame, error) {
	if err := ctx.Err(); err != nil {
		return device.Frame{}, err
	}
	lit := b.lit || !b.lamp
	f := device.Frame{Counts: make([]float64, b.info.Pixels), IntegrationTime: b.t, Started: b.now}
	for p := range f.Counts {
		v := b.ideal(p, b.t, lit)
		v += b.rng.NormFloat64() * math.Sqrt(b.readout*b.readout+b.shot*max(v-b.offset, 0))
		f.Counts[p] = v
	}
	if b.edit != nil {
		b.edit(b.frames, lit, f.Counts)
	}
	for p, v := range f.Counts {
		f.Counts[p] = math.Round(min(max(v, 0), b.info.MaxCounts))
	}
	b.frames++
	b.now = b.now.Add(b.t + time.Millisecond)
	return f, nil
}

func (b *fake) Temperature(context.Context) (float64, error) { return 0, device.ErrRefused }

func (b *fake) Lamp(_ context.Context, on bool) error {
	if !b.lamp {
		return device.ErrNoLaser
	}
	if on {
		b.lights++
	}
	b.lit = on
	return nil
}

func (b *fake) Close() error { return nil }

// logUniform draws from low..high, evenly over the decades.
func logUniform(t *rapid.T, name string, low, high float64) float64 {
	return math.Pow(10, rapid.Float64Range(math.Log10(low), math.Log10(high)).Draw(t, name))
}

// anyFake draws a detector and a sample.
func anyFake(t *rapid.T) *fake {
	b := newFake(rapid.IntRange(128, 600).Draw(t, "pixels"), rapid.Uint64().Draw(t, "seed"))
	b.info.MaxCounts = rapid.SampledFrom([]float64{4095, 16383, 65535, 200_000}).Draw(t, "full scale")
	b.offset = b.info.MaxCounts * rapid.Float64Range(0.001, 0.2).Draw(t, "offset")
	b.readout = b.info.MaxCounts * logUniform(t, "read-out noise", 2e-5, 4e-4)
	b.shot = rapid.Float64Range(0.005, 0.5).Draw(t, "shot noise")
	b.info.MinIntegration = time.Duration(logUniform(t, "shortest, µs", 10, 1e4)) * time.Microsecond
	b.info.MaxIntegration = time.Duration(logUniform(t, "longest, s", 1, 60) * float64(time.Second))
	b.rate = logUniform(t, "rate", 1e2, 1e8)
	b.darkRate = min(b.rate*0.2, b.info.MaxCounts*logUniform(t, "dark rate", 1e-5, 1e-2))
	b.lamp = rapid.Bool().Draw(t, "lamp")
	if rapid.Bool().Draw(t, "dark pixels") {
		b.info.DarkPixels = []int{0, 1, 2, 3, b.info.Pixels - 2, b.info.Pixels - 1}
	}
	at := rapid.SliceOfN(rapid.IntRange(10, b.info.Pixels-10), 1, 6).Draw(t, "lines")
	b.lines(rapid.Float64Range(0, 0.8).Draw(t, "background"), rapid.Float64Range(0.8, 8).Draw(t, "width"), at...)
	return b
}
