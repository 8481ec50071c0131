package gps

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"fentrace/device"
	"fentrace/device/emulator"
	"fentrace/device/emulator/bench"
)

// The sentences every receiver's manual prints.
const (
	goldenGGA   = "$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*47"
	goldenRMC   = "$GPRMC,123519,A,4807.038,N,01131.000,E,022.4,084.4,230394,003.1,W*6A"
	goldenSouth = "$GPGGA,092204.999,4250.5589,S,14718.5084,E,1,04,24.4,19.7,M,,,,0000*1F"
)

func parse(t *testing.T, line string) Sentence {
	t.Helper()
	s, err := Parse(line)
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return s
}

func TestGoldenSentencesAreRead(t *testing.T) {
	s := parse(t, goldenGGA+"\r\n")
	if math.Abs(s.Latitude-48.1173) > 1e-9 || math.Abs(s.Longitude-(11+31.0/60)) > 1e-9 || s.Quality != Autonomous || s.Satellites != 8 || s.HDOP != 0.9 ||
		s.AltitudeM != 545.4 || s.TimeOfDay != 12*time.Hour+35*time.Minute+19*time.Second {
		t.Errorf("GGA: %+v", s)
	}
	if s = parse(t, goldenRMC); !s.Valid || !s.Date.Equal(time.Date(1994, 3, 23, 0, 0, 0, 0, time.UTC)) || s.Mode != 0 || math.Abs(s.Latitude-48.1173) > 1e-9 {
		t.Errorf("RMC: %+v", s)
	}
	if s = parse(t, goldenSouth); math.Abs(s.Latitude+(42+50.5589/60)) > 1e-9 || math.Abs(s.Longitude-(147+18.5084/60)) > 1e-9 || s.HDOP != 24.4 ||
		s.TimeOfDay != 9*time.Hour+22*time.Minute+4*time.Second+999*time.Millisecond {
		t.Errorf("southern GGA: %+v", s)
	}
}

// checked adds the checksum to a sentence's body.
func checked(body string) string {
	const hex = "0123456789ABCDEF"
	sum := xor(body)
	return "$" + body + "*" + string(hex[sum>>4]) + string(hex[sum&15])
}

func TestBadSentencesAreRefused(t *testing.T) {
	for name, line := range map[string]string{
		"cut":             goldenGGA[10:],
		"no checksum":     strings.TrimSuffix(goldenGGA, "*47"),
		"wrong checksum":  strings.TrimSuffix(goldenGGA, "47") + "48",
		"too long":        checked("GPGGA,123519," + strings.Repeat("0", 80)),
		"no dollar":       goldenGGA[1:],
		"60 minutes":      checked("GPGGA,123519,4860.000,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,"),
		"91 degrees":      checked("GPGGA,123519,9100.000,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,"),
		"no side":         checked("GPGGA,123519,4807.038,,01131.000,E,1,08,0.9,545.4,M,46.9,M,,"),
		"decimal degrees": checked("GPGGA,123519,48.117,N,11.516,E,1,08,0.9,545.4,M,46.9,M,,"),
		"quality 12":      checked("GPGGA,123519,4807.038,N,01131.000,E,12,08,0.9,545.4,M,46.9,M,,"),
		"NaN":             checked("GPGGA,123519,4807.038,N,01131.000,E,1,08,NaN,545.4,M,46.9,M,,"),
		"25 o'clock":      checked("GPGGA,253519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,"),
		"the 32nd":        checked("GPRMC,123519,A,4807.038,N,01131.000,E,022.4,084.4,320394,003.1,W"),
		"few fields":      checked("GPGGA,123519"),
	} {
		if s, err := Parse(line); !errors.Is(err, ErrSentence) {
			t.Errorf("%s: %+v, %v", name, s, err)
		}
	}
	if _, err := Parse(checked("GPGSV,1,1,00")); !errors.Is(err, ErrUnused) {
		t.Errorf("another type: %v", err)
	}
	if s, err := Parse(checked("GPGGA,,,,,,0,00,,,M,,M,,")); err != nil || s.HasPosition || s.TimeOfDay != -1 {
		t.Errorf("before the first fix: %+v, %v", s, err)
	}
}

// epoch is a fix from a GGA and an RMC sentence.
func epoch(t *testing.T, gga, rmc string, now time.Time) Fix {
	t.Helper()
	var a Assembler
	if f, ok := a.Add(parse(t, gga), now); ok {
		t.Fatalf("a fix from one sentence: %+v", f)
	}
	f, ok := a.Add(parse(t, rmc), now)
	if !ok {
		t.Fatal("no fix")
	}
	return f
}

func TestOnlyMeasuredFixesAreEvidence(t *testing.T) {
	now := time.Date(2026, 11, 25, 12, 36, 0, 0, time.UTC)
	for _, c := range []struct {
		name, quality, satellites, hdop, status, date, mode, says string
	}{
		{"GPS", "1", "08", "0.9", "A", "251126", "A", ""},
		{"differential", "2", "08", "0.9", "A", "251126", "D", ""},
		{"no mode told", "1", "08", "0.9", "A", "251126", "", ""},
		{"dead reckoning", "6", "00", "0.9", "A", "251126", "E", "dead reckoning"},
		{"dead reckoning by mode", "1", "08", "0.9", "A", "251126", "E", "dead reckoning"},
		{"by hand", "7", "08", "0.9", "A", "251126", "M", "by hand"},
		{"simulator", "8", "08", "0.9", "A", "251126", "S", "SIMULATED"},
		{"simulator by mode", "1", "08", "0.9", "A", "251126", "S", "SIMULATED"},
		{"no fix", "0", "00", "", "V", "251126", "N", "no fix"},
		{"the sentences disagree", "1", "08", "0.9", "V", "251126", "A", "no fix"},
		{"no date", "1", "08", "0.9", "A", "", "A", "date"},
		{"rolled over", "1", "08", "0.9", "A", "110407", "A", "1024 weeks"},
		{"three satellites", "1", "03", "0.9", "A", "251126", "A", "3 satellites"},
		{"bad geometry", "1", "08", "24.4", "A", "251126", "A", "HDOP"},
	} {
		f := epoch(t, checked("GPGGA,123519,4807.038,N,01131.000,E,"+c.quality+","+c.satellites+","+c.hdop+",545.4,M,46.9,M,,"),
			checked("GPRMC,123519,"+c.status+",4807.038,N,01131.000,E,022.4,084.4,"+c.date+",003.1,W,"+c.mode), now)
		err := f.Evidence()
		if c.says == "" && err != nil || c.says != "" && (!errors.Is(err, ErrNotEvidence) || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s: %v", c.name, err)
		}
		if c.says == "" && math.Abs(f.PrecisionM-9) > 1e-9 { // 2 * 5 m * 0.9
			t.Errorf("%s: within %g m", c.name, f.PrecisionM)
		}
		if c.date != "" && f.Time.Format(time.DateTime) != "2026-11-25 12:35:19" {
			t.Errorf("%s: %v", c.name, f.Time)
		}
	}
}

func TestSentencesOfTwoEpochsMakeNoFix(t *testing.T) {
	var a Assembler
	for _, line := range []string{goldenGGA, checked("GPRMC,123520,A,4807.038,N,01131.000,E,022.4,084.4,230394,003.1,W"), checked("GPGGA,123521,,,,,0,00,,,M,,M,,")} {
		if f, ok := a.Add(parse(t, line), time.Time{}); ok {
			t.Errorf("%s completes %+v", line, f)
		}
	}
}

// Degrees written as whole degrees and minutes come back to the last digit of the sentence.
func TestDegreesSurviveTheirNotation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.Float64Range(-179.9, 179.9).Draw(t, "longitude")
		whole, rest := math.Modf(math.Abs(want))
		side := "E"
		if want < 0 {
			side = "W"
		}
		text := fmt.Sprintf("%03.0f%08.5f", whole, math.Min(rest*60, 59.99999))
		got, err := degrees(text, 3, 180, side, "E", "W")
		if err != nil || math.Abs(got-want) > 1e-6 {
			t.Fatalf("%.7f was written %s and read %.7f, %v", want, text, got, err)
		}
	})
}

func open(t *testing.T, c emulator.Config, o Options) (*emulator.Emulator, *Receiver, error) {
	t.Helper()
	c.Type = "gps"
	em, err := emulator.Start(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { em.Close() })
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	r, err := Open(ctx, em.Path(), o)
	if err == nil {
		t.Cleanup(func() { r.Close() })
	}
	return em, r, err
}

func fix(t *testing.T, r *Receiver) (Fix, error) {
	ctx, cancel := context.WithTimeoutCause(context.Background(), 10*time.Second, device.ErrTimeout)
	t.Cleanup(cancel)
	return r.Fix(ctx)
}

func TestAnEmulatedReceiverIsReadAtAnyRateAndNeverEvidence(t *testing.T) {
	for _, baud := range []int{4800, 38400} {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			_, r, err := open(t, emulator.Config{Baud: baud, Latitude: -33.8568, Longitude: 151.2153}, Options{})
			if err != nil || r.Baud() != baud {
				t.Fatalf("%d baud: %v", baud, err)
			}
			f, err := fix(t, r)
			if err != nil {
				t.Fatal(err)
			}
			if math.Abs(f.Latitude+33.8568) > 1e-6 || math.Abs(f.Longitude-151.2153) > 1e-6 || time.Since(f.Time).Abs() > time.Minute || *f.AltitudeM != 180 {
				t.Errorf("fix %+v", f)
			}
			if err := f.Evidence(); !errors.Is(err, ErrNotEvidence) || !f.Simulated {
				t.Errorf("a simulator counts as evidence: %v", err)
			}
		})
	}
}

func TestFaultsOfAReceiver(t *testing.T) {
	for fault, check := range map[string]func(Fix, error) bool{
		"garbage=300":   good,
		"half":          good,
		"checksum":      good,
		"silent":        good,
		"nofix":         func(f Fix, err error) bool { return err == nil && f.Quality == NoFix },
		"deadreckoning": func(f Fix, err error) bool { return err == nil && f.Quality == DeadReckoning && f.PrecisionM == 0 },
		"rollover": func(f Fix, err error) bool {
			return err == nil && f.RolledOver && time.Since(f.Time).Abs() < time.Minute
		},
		"unplug=40": func(_ Fix, err error) bool { return errors.Is(err, device.ErrGone) },
		"silent*":   func(_ Fix, err error) bool { return errors.Is(err, device.ErrTimeout) },
	} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			em, r, err := open(t, emulator.Config{Baud: 38400}, Options{Baud: 38400})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := fix(t, r); err != nil {
				t.Fatal(err)
			}
			f, err := emulator.ParseFault("gps", fault)
			if err != nil {
				t.Fatal(err)
			}
			if err := em.Inject(f); err != nil {
				t.Fatal(err)
			}
			if got, err := fix(t, r); !check(got, err) {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

func good(f Fix, err error) bool { return err == nil && f.Quality == Simulator }

func TestASilentOrWrongDeviceIsNoReceiver(t *testing.T) {
	t.Parallel()
	if _, _, err := open(t, emulator.Config{Faults: []emulator.Fault{{Kind: bench.Unplug}}}, Options{}); !errors.Is(err, device.ErrGone) {
		t.Errorf("unplugged: %v", err)
	}
	if _, _, err := open(t, emulator.Config{Baud: 9600}, Options{Baud: 115200}); !errors.Is(err, device.ErrProtocol) {
		t.Errorf("wrong rate: %v", err)
	}
	if _, _, err := open(t, emulator.Config{Faults: []emulator.Fault{{Kind: bench.Silent, Times: -1}}}, Options{Baud: 4800}); err == nil {
		t.Error("a silent device was opened")
	}
}

func TestAWatchedReceiverTellsItsNewestFixAndWhatFails(t *testing.T) {
	t.Parallel()
	em, err := emulator.Start(emulator.Config{Type: "gps", Baud: 38400, Latitude: 41.9, Longitude: -87.6})
	if err != nil {
		t.Fatal(err)
	}
	defer em.Close()
	ctx, cancel := context.WithCancel(context.Background())
	w := Watch(ctx, em.Path(), Options{Baud: 38400})
	if _, err := w.Last(); !errors.Is(err, ErrNoFix) {
		t.Errorf("before it has spoken: %v", err)
	}
	short, stop := context.WithTimeout(ctx, 6*time.Second)
	defer stop()
	f, err := w.Await(short) // a simulator never is evidence: the newest is returned in the end
	if err != nil || !f.Simulated || math.Abs(f.Latitude-41.9) > 1e-6 || !strings.Contains(f.String(), "SIMULATED") {
		t.Errorf("%v, %v", f, err)
	}
	em.Close()
	for err = nil; !errors.Is(err, device.ErrGone); _, err = w.Last() {
		if ctx.Err() != nil {
			t.Fatal("the unplugged receiver still tells where it is")
		}
	}
	cancel()
	<-w.Done()
}

func FuzzParse(f *testing.F) {
	for _, line := range []string{goldenGGA, goldenRMC, goldenSouth, checked("GNGGA,,,,,,0,00,,,M,,M,,"), "$*00"} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		s, err := Parse(line)
		if err != nil {
			return
		}
		if math.Abs(s.Latitude) > 90 || math.Abs(s.Longitude) > 180 || s.TimeOfDay < -1 || s.TimeOfDay > 24*time.Hour+time.Second || !strings.HasPrefix(line, "$") {
			t.Fatalf("%q: %+v", line, s)
		}
		var a Assembler
		a.Add(s, time.Unix(1e9, 0))
	})
}
