package emulator

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/creack/pty"
	"golang.org/x/term"

	"fentrace/spectra"
)

// Config is the emulated instrument. Every zero field takes the value in parentheses.
type Config struct {
	Type         string     // "sts" or "qepro" ("sts")
	Baud         int        // rate of the device's side (9600 for an STS, 115200 for a QE Pro)
	SerialNumber string     // must begin with "SIM-" ("SIM-STS-0001")
	LaserNM      float64    // told in a user string (785)
	HideLaser    bool       // tell no laser wavelength, as most devices do
	Coefficients [4]float64 // wavelength in nm of pixel p: sum of c[i] p^i (60 to 3050 cm-1, linear in nm)

	// Sample is the signal at a Raman shift, 0 and up; 1 gives Rate counts per second (invented lines).
	Sample    func(shiftCM1 float64) float64
	Rate      float64 // counts per second (40,000; QE Pro 400,000)
	Noiseless bool    // no read-out and photon noise: the same counts every time
	Seed      uint64  // of the noise

	// LightSource gives the device a laser it can switch, off at first; without it the laser is always on and the
	// light-source message is refused.
	LightSource bool
	// StaleSpectra wait in a QE Pro's buffer from before the host came (0).
	StaleSpectra int
	Faults       []Fault
}

// instrument is what the two models differ in.
type instrument struct {
	name, code       string
	baud, pixels     int
	fifo             bool
	clip             float64
	darkRate, rate   float64
	readout, shot    float64
	blind            int
	minMicros        uint32
	maxMicros        uint32
	temperatureIndex byte
	temperature      float32
}

var instruments = map[string]instrument{
	"sts": {
		name: "STS", code: "STS", baud: 9600, pixels: 1024, clip: 16383, darkRate: 50, rate: 40_000,
		readout: 4, shot: 0.007, minMicros: 10, maxMicros: 85_000_000, temperature: 31.25,
	},
	"qepro": {
		name: "QE Pro", code: "QEP", baud: 115200, pixels: 1044, fifo: true, clip: 200_000, darkRate: 5, rate: 400_000,
		readout: 6, shot: 0.2, blind: 4, minMicros: 8_000, maxMicros: 3_600_000_000, temperatureIndex: 3, temperature: -10.5,
	},
}

// baseline is the electronic offset of both models, in counts.
const baseline = 1500

// Emulator is one emulated spectrometer on its own pseudo-terminal. Its methods may be called while it is in use.
type Emulator struct {
	config Config
	kind   instrument
	path   string

	master *os.File
	slave  *os.File // held so that the terminal outlives one host's visit
	gone   chan struct{}
	once   sync.Once
	done   sync.WaitGroup

	mu      sync.Mutex // guards what follows
	det     detector
	covered bool
	faults  []Fault

	dev state // the firmware's memory, used by the serving goroutine only
}

// Start opens a pseudo-terminal and serves on it until Close, or until a fault unplugs it.
func Start(c Config) (*Emulator, error) {
	if c.Type == "" {
		c.Type = "sts"
	}
	kind, ok := instruments[c.Type]
	if !ok {
		return nil, fmt.Errorf("emulate %q: unknown type; one of %s", c.Type, strings.Join(Types(), ", "))
	}
	fill(&c, kind)
	if !strings.HasPrefix(c.SerialNumber, "SIM-") {
		return nil, fmt.Errorf("emulate: serial number %q must begin with SIM-, so that its scans are known as simulated", c.SerialNumber)
	}
	if c.LaserNM < 200 || c.LaserNM > 2000 || c.Baud <= 0 || c.Rate < 0 || c.StaleSpectra < 0 {
		return nil, fmt.Errorf("emulate: laser %g nm (200 to 2000), %d baud, %g counts per second, %d stale spectra: out of range", c.LaserNM, c.Baud, c.Rate, c.StaleSpectra)
	}
	for _, f := range c.Faults {
		if err := f.check(); err != nil {
			return nil, err
		}
	}
	e := &Emulator{config: c, kind: kind, gone: make(chan struct{}), faults: append([]Fault(nil), c.Faults...)}
	if err := e.build(); err != nil {
		return nil, err
	}
	if err := e.plug(); err != nil {
		return nil, err
	}
	e.dev.start(e)
	incoming := make(chan []byte)
	e.done.Add(2)
	go e.listen(incoming)
	go e.serve(incoming)
	return e, nil
}

// Types lists the instruments that can be emulated.
func Types() []string { return []string{"sts", "qepro"} }

func fill(c *Config, kind instrument) {
	if c.Baud == 0 {
		c.Baud = kind.baud
	}
	if c.SerialNumber == "" {
		c.SerialNumber = "SIM-" + kind.code + "-0001"
	}
	if c.LaserNM == 0 {
		c.LaserNM = 785
	}
	if c.Coefficients == [4]float64{} && c.LaserNM > 0 {
		first, last := 1e7/(1e7/c.LaserNM-60), 1e7/(1e7/c.LaserNM-3050)
		c.Coefficients = [4]float64{first, (last - first) / float64(kind.pixels-1)}
	}
	if c.Sample == nil {
		c.Sample = trainingSample
	}
	if c.Rate == 0 {
		c.Rate = kind.rate
	}
}

// build makes the detector.
func (e *Emulator) build() error {
	k := e.kind
	shifts, err := shiftAxis(k.pixels, e.config.LaserNM, e.config.Coefficients)
	if err != nil {
		return fmt.Errorf("emulate: %w", err)
	}
	e.det = detector{
		pixels: k.pixels, clip: k.clip, offset: baseline, darkRate: k.darkRate, rate: e.config.Rate, blind: k.blind, shifts: shifts,
	}
	if !e.config.Noiseless {
		e.det.readout, e.det.shot = k.readout, k.shot
		e.det.noise = rand.New(rand.NewPCG(e.config.Seed, 0x5eed))
	}
	if err := e.det.setSample(e.config.Sample); err != nil {
		return fmt.Errorf("emulate: %w", err)
	}
	return nil
}

// plug opens the pseudo-terminal in raw mode, with a master whose reads end when it is closed.
func (e *Emulator) plug() error {
	master, slave, err := pty.Open()
	if err != nil {
		return fmt.Errorf("emulate: open a pseudo-terminal: %w", err)
	}
	if _, err = term.MakeRaw(int(slave.Fd())); err == nil {
		e.master, err = pollable(master)
	}
	if err != nil {
		master.Close()
		slave.Close()
		return fmt.Errorf("emulate: prepare a pseudo-terminal: %w", err)
	}
	e.slave, e.path = slave, slave.Name()
	return nil
}

// Path is the device file a host opens.
func (e *Emulator) Path() string { return e.path }

// Baud is the rate a host must use.
func (e *Emulator) Baud() int { return e.config.Baud }

// Gone is closed when the emulator was unplugged by a fault or closed.
func (e *Emulator) Gone() <-chan struct{} { return e.gone }

// SetSample puts a recorded Raman spectrum (cm-1, continuous) under the probe: its lowest value within the
// device's range becomes no signal, its highest Config.Rate counts per second. Beyond the recorded range the
// value at its end goes on.
func (e *Emulator) SetSample(s spectra.Spectrum) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	sample, err := recorded(s, e.det.shifts[e.det.blind], e.det.shifts[e.det.pixels-1-e.det.blind])
	if err == nil {
		err = e.det.setSample(sample)
	}
	if err != nil {
		return fmt.Errorf("present %q to the emulator: %w", s.Title, err)
	}
	return nil
}

// Cover takes the sample away from the laser light, or gives it back: covered, only dark frames come.
func (e *Emulator) Cover(on bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.covered = on
}

// Inject adds a fault to those that wait.
func (e *Emulator) Inject(f Fault) error {
	if err := f.check(); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.faults = append(e.faults, f)
	return nil
}

// Close ends the emulator and waits for it; its path ceases to exist.
func (e *Emulator) Close() error {
	e.unplug()
	e.done.Wait()
	return nil
}

// unplug pulls the cable: the host's reads and writes fail from now on.
func (e *Emulator) unplug() {
	e.once.Do(func() {
		close(e.gone)
		e.master.Close()
		e.slave.Close()
	})
}

// wait lets d pass; false when the device was unplugged meanwhile.
func (e *Emulator) wait(d time.Duration) bool {
	if d <= 0 {
		select {
		case <-e.gone:
			return false
		default:
			return true
		}
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-e.gone:
		return false
	}
}
