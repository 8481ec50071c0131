package bench

import (
	"sync"
	"sync/atomic"
	"time"

	"fentrace/spectra"
)

// Light is a laser that can be switched. It is safe for concurrent use.
type Light struct {
	on    atomic.Bool
	times atomic.Int64
}

// Set switches the laser.
func (l *Light) Set(on bool) {
	if !l.on.Swap(on) && on {
		l.times.Add(1)
	}
}

// On reports whether laser light comes out.
func (l *Light) On() bool { return l.on.Load() }

// Fired is how often the laser was switched on.
func (l *Light) Fired() int { return int(l.times.Load()) }

// Optics is a detector with a sample before it. It is safe for concurrent use.
type Optics struct {
	light *Light // nil when the laser cannot be switched: it is always on

	mu      sync.Mutex
	det     detector
	covered bool
}

// Lit reports whether laser light falls on the sample.
func (o *Optics) Lit() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return !o.covered && (o.light == nil || o.light.On())
}

// Switchable reports whether the laser can be switched.
func (o *Optics) Switchable() bool { return o.light != nil }

// Expose returns the counts of every pixel after t, with or without laser light on the sample, from 0 to the
// detector's Clip.
func (o *Optics) Expose(t time.Duration, lit bool) []uint32 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.det.expose(t, lit)
}

// Cover takes the sample away from the laser light, or gives it back: covered, only dark frames come.
func (o *Optics) Cover(on bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.covered = on
}

func (o *Optics) setSample(s spectra.Spectrum) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	sample, err := recorded(s, o.det.shifts[o.det.Blind], o.det.shifts[o.det.Pixels-1-o.det.Blind])
	if err != nil {
		return err
	}
	return o.det.setSample(sample)
}
