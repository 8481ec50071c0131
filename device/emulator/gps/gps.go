// Package gps is the firmware of an emulated GPS receiver: once a second it speaks a GGA, an RMC and a GSV sentence of
// NMEA 0183 and listens to nothing. It says of itself that it is a simulator.
package gps

import (
	"fmt"
	"math"
	"time"

	"fentrace/device/emulator/bench"
)

// Kinds of fault of a receiver.
var faults = []string{bench.NoFix, bench.DeadReckoning, bench.Rollover}

// Kinds returns the receiver.
func Kinds() []bench.Kind {
	return []bench.Kind{{
		Type: "gps", Title: "GPS receiver", Code: "GPS", Baud: 4800, Words: []string{"fix"}, Faults: faults, Serve: serve,
	}}
}

// period is the time between two epochs.
const period = time.Second

func serve(d *bench.Device) {
	// It may be opened in the middle of a sentence.
	if !d.Send([]byte("031.000,E,8,07*00\r\n")) {
		return
	}
	next := time.Now().Truncate(period)
	for {
		next = next.Add(period)
		for waiting := true; waiting; {
			timer := time.NewTimer(time.Until(next))
			select {
			case <-timer.C:
				waiting = false
			case _, open := <-d.In(): // a receiver ignores what it is sent
				if !open {
					timer.Stop()
					return
				}
			}
			timer.Stop()
		}
		f := d.Take("fix")
		if !d.Answer([]byte(epoch(d.Config, next.UTC(), f.Kind)), f) {
			return
		}
	}
}

// epoch is the sentences of one moment.
func epoch(c bench.Config, at time.Time, fault string) string {
	quality, status, mode, satellites := 8, "A", "S", 7
	lat, ns := angle(c.Latitude, 2, "N", "S")
	lon, ew := angle(c.Longitude, 3, "E", "W")
	switch fault {
	case bench.NoFix:
		quality, status, mode, satellites, lat, ns, lon, ew = 0, "V", "N", 0, "", "", "", ""
	case bench.DeadReckoning:
		quality, mode, satellites = 6, "E", 0
	case bench.Rollover:
		at = at.AddDate(0, 0, -1024*7)
	}
	clock := at.Format("150405.00")
	return sentence("GPGSV,1,1,00") +
		sentence(fmt.Sprintf("GPGGA,%s,%s,%s,%s,%s,%d,%02d,1.2,180.0,M,-33.0,M,,", clock, lat, ns, lon, ew, quality, satellites)) +
		sentence(fmt.Sprintf("GPRMC,%s,%s,%s,%s,%s,%s,0.0,0.0,%s,,,%s", clock, status, lat, ns, lon, ew, at.Format("020106"), mode))
}

// angle writes degrees as ddmm.mmmm and the side.
func angle(deg float64, digits int, plus, minus string) (text, side string) {
	side = plus
	if deg < 0 {
		side, deg = minus, -deg
	}
	minutes := math.Round(deg*60*1e4) / 1e4
	whole := math.Floor(minutes / 60)
	return fmt.Sprintf("%0*.0f%07.4f", digits, whole, minutes-60*whole), side
}

// sentence adds $, checksum and line end.
func sentence(body string) string {
	sum := byte(0)
	for _, b := range []byte(body) {
		sum ^= b
	}
	return fmt.Sprintf("$%s*%02X\r\n", body, sum)
}
