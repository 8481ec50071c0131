// Package gps reads position and time from a receiver that speaks NMEA 0183. What satellites did not measure
// (dead reckoning, a simulator, a position entered by hand) is read and shown, but never counts as evidence.
package gps

import (
	"errors"
	"fmt"
	"time"
)

// ErrNotEvidence: the fix must not be used as evidence of a place or a time; the reason follows.
var ErrNotEvidence = errors.New("position is not evidence-grade")

const (
	// rangeError is the usual error of one satellite's distance (one standard deviation) for a civil receiver with
	// open sky, in metres; times HDOP it is the horizontal error.
	rangeError = 5.0
	// leastSatellites are needed for a position in three dimensions.
	leastSatellites = 4
	// largestHDOP is the dilution above which the geometry of the satellites is called poor.
	largestHDOP = 10.0
	// rollover is the period after which week numbers of GPS repeat; receivers past their firmware's period tell dates
	// that many days early.
	rollover = 1024 * 7
)

// Fix is one position of one moment, from the sentences of one epoch.
type Fix struct {
	// Time is UTC as the receiver tells it; zero while it does not know the date.
	Time time.Time `json:"time,omitzero"`
	// Latitude and Longitude are in degrees, WGS 84, north and east positive.
	Latitude   float64  `json:"latitude"`
	Longitude  float64  `json:"longitude"`
	AltitudeM  *float64 `json:"altitude_m,omitempty"` // above mean sea level
	Quality    Quality  `json:"quality"`              // as GGA has it: 0 none, 1 GPS, 2 differential ... 6 dead reckoning, 8 simulator
	Mode       string   `json:"mode,omitempty"`       // as RMC has it: A, D, E, F, R, M, S, N
	Satellites int      `json:"satellites"`
	HDOP       float64  `json:"hdop,omitempty"`
	// PrecisionM is the radius in metres within which the receiver is with about 95 % probability; 0 when the
	// receiver gives no ground for it.
	PrecisionM float64 `json:"precision_m,omitempty"`
	// RolledOver is true when the date was 1024 weeks early and has been put right by the host's clock.
	RolledOver bool `json:"rolled_over,omitempty"`
	// Simulated is true for a simulator, also one that does not say so.
	Simulated bool `json:"simulated,omitempty"`
}

// Evidence returns nil when satellites measured the position well enough to be evidence of a place and a time, else
// ErrNotEvidence with the reason.
func (f Fix) Evidence() error {
	switch {
	case f.Simulated || f.Quality == Simulator || f.Mode == "S":
		return fmt.Errorf("%w: it is SIMULATED", ErrNotEvidence)
	case f.Quality == DeadReckoning || f.Mode == "E":
		return fmt.Errorf("%w: dead reckoning: the receiver has lost its satellites; wait under open sky", ErrNotEvidence)
	case f.Quality == Manual || f.Mode == "M":
		return fmt.Errorf("%w: entered by hand into the receiver", ErrNotEvidence)
	case !f.Quality.measured() || f.Mode == "N":
		return fmt.Errorf("%w: the receiver has no fix (%v)", ErrNotEvidence, f.Quality)
	case f.Time.IsZero():
		return fmt.Errorf("%w: the receiver does not know the date yet", ErrNotEvidence)
	case f.RolledOver:
		return fmt.Errorf("%w: the receiver's date is 1024 weeks early; its firmware needs an update", ErrNotEvidence)
	case f.Satellites < leastSatellites:
		return fmt.Errorf("%w: %d satellites, at least %d are needed", ErrNotEvidence, f.Satellites, leastSatellites)
	case f.HDOP == 0 || f.HDOP > largestHDOP:
		return fmt.Errorf("%w: the satellites stand badly (HDOP %g, at most %g)", ErrNotEvidence, f.HDOP, largestHDOP)
	}
	return nil
}

// String is the fix in words: position with its precision, how it was come by, and when.
func (f Fix) String() string {
	if f.Quality == NoFix {
		return "no position"
	}
	text := fmt.Sprintf("%.5f, %.5f", f.Latitude, f.Longitude)
	if f.PrecisionM > 0 {
		text += fmt.Sprintf(" within %.0f m", f.PrecisionM)
	}
	how := f.Quality.String()
	if f.Simulated {
		how = Simulator.String()
	}
	text += fmt.Sprintf(" (%s, %d satellites", how, f.Satellites)
	if !f.Time.IsZero() {
		text += ", " + f.Time.UTC().Format(time.RFC3339)
	}
	return text + ")"
}

// Assembler puts the sentences of an epoch together: position and quality stand in GGA, date and status in RMC. The
// zero value is ready. It does no I/O.
type Assembler struct {
	gga, rmc Sentence
}

// Add takes the next sentence and returns the fix that it completes. now is the host's clock, by which a date from
// before a roll-over of the week number is recognised; zero for none.
func (a *Assembler) Add(s Sentence, now time.Time) (Fix, bool) {
	switch s.Type {
	case "GGA":
		a.gga = s
	case "RMC":
		a.rmc = s
	}
	if a.gga.Type == "" || a.rmc.Type == "" || a.gga.TimeOfDay < 0 || a.gga.TimeOfDay != a.rmc.TimeOfDay {
		return Fix{}, false
	}
	f := a.fix(now)
	a.gga, a.rmc = Sentence{}, Sentence{}
	return f, true
}

func (a *Assembler) fix(now time.Time) Fix {
	g, r := a.gga, a.rmc
	f := Fix{
		Latitude: g.Latitude, Longitude: g.Longitude, Quality: g.Quality, Satellites: g.Satellites, HDOP: g.HDOP,
		Simulated: g.Quality == Simulator || r.Mode == 'S',
	}
	if r.Mode != 0 {
		f.Mode = string(r.Mode)
	}
	if !g.HasPosition || !r.HasPosition || !r.Valid && g.Quality.measured() {
		f.Quality = NoFix // the two sentences have to agree that there is a position
	}
	if g.HasAlt {
		f.AltitudeM = &g.AltitudeM
	}
	if g.HDOP > 0 && f.Quality.measured() {
		f.PrecisionM = 2 * rangeError * g.HDOP
	}
	if !r.Date.IsZero() {
		f.Time = r.Date.Add(g.TimeOfDay)
		// Clocks of laptops are wrong, but not by ten years.
		if later := f.Time.AddDate(0, 0, rollover); !now.IsZero() && later.Sub(now).Abs() < now.Sub(f.Time).Abs() {
			f.Time, f.RolledOver = later, true
		}
	}
	return f
}
