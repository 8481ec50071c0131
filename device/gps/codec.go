package gps

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// maxSentence is the longest sentence of NMEA 0183, with "$" and CR LF.
const maxSentence = 82

// ErrSentence: the line is not a sentence of NMEA 0183 that can be used.
var ErrSentence = errors.New("not a usable NMEA 0183 sentence")

// Quality is field 6 of GGA.
type Quality int

// The values of Quality.
const (
	NoFix         Quality = 0
	Autonomous    Quality = 1
	Differential  Quality = 2
	Precise       Quality = 3
	RTKFixed      Quality = 4
	RTKFloat      Quality = 5
	DeadReckoning Quality = 6
	Manual        Quality = 7
	Simulator     Quality = 8
)

var qualityNames = [...]string{"no fix", "GPS", "differential GPS", "PPS", "RTK", "RTK (float)", "dead reckoning", "entered by hand", "SIMULATED"}

func (q Quality) String() string {
	if q >= 0 && int(q) < len(qualityNames) {
		return qualityNames[q]
	}
	return fmt.Sprintf("quality %d", int(q))
}

// measured reports whether satellites gave the position.
func (q Quality) measured() bool { return q >= Autonomous && q <= RTKFloat }

// Sentence is what a GGA or RMC sentence says. Empty fields leave the zero value, and Valid false.
type Sentence struct {
	Talker string // two letters: GP GPS, GN several systems, GL, GA, BD, GB, GQ
	Type   string // "GGA" or "RMC"
	// TimeOfDay is UTC, -1 when not told.
	TimeOfDay time.Duration
	// HasPosition tells whether Latitude and Longitude (degrees, WGS 84, north and east positive) are set.
	HasPosition         bool
	Latitude, Longitude float64

	Quality    Quality // GGA
	Satellites int     // GGA
	HDOP       float64 // GGA; 0 when not told
	AltitudeM  float64 // GGA, above mean sea level
	HasAlt     bool

	Date  time.Time // RMC: midnight UTC; zero when not told
	Valid bool      // RMC: status A
	Mode  byte      // RMC from NMEA 2.3: A, D, E, F, R, M, S, N; 0 when not told
}

// Parse reads one line with or without its CR LF. ErrUnused is returned for a whole sentence of another type;
// ErrSentence, with the reason, for everything else, also for a sentence without checksum.
func Parse(line string) (Sentence, error) {
	line = strings.TrimRight(line, "\r\n")
	if len(line) > maxSentence {
		return Sentence{}, fmt.Errorf("%w: %d characters", ErrSentence, len(line))
	}
	body, ok := strings.CutPrefix(line, "$")
	if !ok {
		return Sentence{}, fmt.Errorf("%w: it does not begin with $", ErrSentence)
	}
	body, sum, ok := strings.Cut(body, "*")
	if !ok {
		return Sentence{}, fmt.Errorf("%w: it has no checksum", ErrSentence)
	}
	if want := fmt.Sprintf("%02X", xor(body)); !strings.EqualFold(sum, want) {
		return Sentence{}, fmt.Errorf("%w: checksum %q, computed %s", ErrSentence, sum, want)
	}
	f := strings.Split(body, ",")
	if len(f[0]) != 5 {
		return Sentence{}, ErrUnused
	}
	s := Sentence{Talker: f[0][:2], Type: f[0][2:], TimeOfDay: -1}
	var err error
	switch {
	case s.Type == "GGA" && len(f) >= 15:
		err = s.readGGA(f)
	case s.Type == "RMC" && len(f) >= 12:
		err = s.readRMC(f)
	case s.Type == "GGA" || s.Type == "RMC":
		err = fmt.Errorf("%d fields", len(f))
	default:
		return Sentence{}, ErrUnused
	}
	if err != nil {
		return Sentence{}, fmt.Errorf("%w: %s: %w", ErrSentence, s.Type, err)
	}
	return s, nil
}

// ErrUnused: a sentence in order, of a type that is not read.
var ErrUnused = errors.New("sentence of another type")

func xor(body string) (sum byte) {
	for i := range len(body) {
		sum ^= body[i]
	}
	return sum
}

func (s *Sentence) readGGA(f []string) (err error) {
	if s.TimeOfDay, err = timeOfDay(f[1]); err != nil {
		return err
	}
	if err := s.readPosition(f[2], f[3], f[4], f[5]); err != nil {
		return err
	}
	q, err := whole(f[6], 0, 8)
	if err != nil {
		return fmt.Errorf("quality: %w", err)
	}
	s.Quality = Quality(q)
	if s.Satellites, err = whole(f[7], 0, 99); err != nil {
		return fmt.Errorf("satellites: %w", err)
	}
	if s.HDOP, _, err = number(f[8], 0, 1000); err != nil {
		return fmt.Errorf("HDOP: %w", err)
	}
	if s.AltitudeM, s.HasAlt, err = number(f[9], -12000, 100000); err != nil {
		return fmt.Errorf("altitude: %w", err)
	}
	return nil
}

func (s *Sentence) readRMC(f []string) (err error) {
	if s.TimeOfDay, err = timeOfDay(f[1]); err != nil {
		return err
	}
	s.Valid = f[2] == "A"
	if err := s.readPosition(f[3], f[4], f[5], f[6]); err != nil {
		return err
	}
	if f[9] != "" {
		if s.Date, err = date(f[9]); err != nil {
			return err
		}
	}
	if len(f) > 12 && len(f[12]) == 1 {
		s.Mode = f[12][0]
	}
	return nil
}

func (s *Sentence) readPosition(lat, ns, lon, ew string) (err error) {
	if lat == "" && lon == "" {
		return nil
	}
	if s.Latitude, err = degrees(lat, 2, 90, ns, "N", "S"); err != nil {
		return fmt.Errorf("latitude: %w", err)
	}
	if s.Longitude, err = degrees(lon, 3, 180, ew, "E", "W"); err != nil {
		return fmt.Errorf("longitude: %w", err)
	}
	s.HasPosition = true
	return nil
}

// degrees reads ddmm.mmmm: whole degrees, then minutes. It is not a decimal number of degrees.
func degrees(text string, digits int, limit float64, side, plus, minus string) (float64, error) {
	whole, fraction, _ := strings.Cut(text, ".")
	if len(whole) != digits+2 || !allDigits(whole) || !allDigits(fraction) {
		return 0, fmt.Errorf("%q is not %s", text, strings.Repeat("d", digits)+"mm.mmmm")
	}
	d, _ := strconv.ParseFloat(whole[:digits], 64)
	m, err := strconv.ParseFloat(whole[digits:]+"."+fraction+"0", 64)
	if err != nil || m >= 60 || d+m/60 > limit {
		return 0, fmt.Errorf("%q is out of range", text)
	}
	switch side {
	case plus:
		return d + m/60, nil
	case minus:
		return -(d + m/60), nil
	}
	return 0, fmt.Errorf("side %q is neither %s nor %s", side, plus, minus)
}

// timeOfDay reads hhmmss.ss; -1 for an empty field.
func timeOfDay(text string) (time.Duration, error) {
	if text == "" {
		return -1, nil
	}
	whole, fraction, _ := strings.Cut(text, ".")
	if len(whole) != 6 || !allDigits(whole) || !allDigits(fraction) || len(fraction) > 9 {
		return 0, fmt.Errorf("time %q is not hhmmss.ss", text)
	}
	h, _ := strconv.Atoi(whole[:2])
	m, _ := strconv.Atoi(whole[2:4])
	s, _ := strconv.Atoi(whole[4:])
	if h > 23 || m > 59 || s > 60 { // 60 in a leap second
		return 0, fmt.Errorf("time %q does not exist", text)
	}
	nanos, _ := strconv.Atoi((fraction + "000000000")[:9])
	return time.Duration(h)*time.Hour + time.Duration(m)*time.Minute + time.Duration(s)*time.Second + time.Duration(nanos), nil
}

// date reads ddmmyy; years from 80 belong to the last century.
func date(text string) (time.Time, error) {
	t, err := time.Parse("020106", text)
	if err != nil {
		return time.Time{}, fmt.Errorf("date %q is not ddmmyy", text)
	}
	if t.Year() >= 2080 {
		t = t.AddDate(-100, 0, 0)
	} else if t.Year() < 1980 {
		t = t.AddDate(100, 0, 0)
	}
	return t, nil
}

// whole reads an integer, 0 for an empty field.
func whole(text string, lo, hi int) (int, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < lo || n > hi {
		return 0, fmt.Errorf("%q is not a number from %d to %d", text, lo, hi)
	}
	return n, nil
}

func number(text string, lo, hi float64) (v float64, told bool, err error) {
	if text == "" {
		return 0, false, nil
	}
	v, err = strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(v) || v < lo || v > hi {
		return 0, false, fmt.Errorf("%q is not a number from %g to %g", text, lo, hi)
	}
	return v, true, nil
}

func allDigits(s string) bool { return strings.Trim(s, "0123456789") == "" }
