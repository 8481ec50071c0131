package server

import (
	"testing"
	"time"

	"fentrace/device"
	"fentrace/device/acquire"
	"fentrace/device/gps"
	"fentrace/server/store"
)

// deviceScan is a scan with a fix, of a device that is not simulated.
func deviceScan(fix *gps.Fix) acquire.Scan {
	info := device.Info{Type: "obp", Model: "STS", SerialNumber: "S1", Pixels: 64, MaxCounts: 16383}
	f := device.Frame{IntegrationTime: time.Second, Started: time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)}
	for p := range info.Pixels {
		info.WavelengthsNM = append(info.WavelengthsNM, 800+2*float64(p))
		f.Counts = append(f.Counts, 1000+float64(p*p))
	}
	return acquire.Scan{Info: info, Settings: acquire.Settings{IntegrationTime: time.Second, Averages: 1, LaserNM: 785, Position: fix}, Frames: []device.Frame{f}}
}

// The place of a scan is where satellites say it was taken; what they did not measure is no place.
func TestOnlyAMeasuredPositionBecomesThePlaceOfAScan(t *testing.T) {
	r := start(t)
	measured := gps.Fix{Time: time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC), Latitude: 41.9, Longitude: -87.6, Quality: gps.Autonomous, Satellites: 8, HDOP: 1.2, PrecisionM: 12}
	simulated, reckoned := measured, measured
	simulated.Simulated, simulated.Satellites = true, 9
	reckoned.Quality = gps.DeadReckoning
	for name, c := range map[string]struct {
		fix    *gps.Fix
		stated store.Location
		want   float64 // latitude, 0 for no place
	}{
		"measured":                  {&measured, store.Location{}, 41.9},
		"simulated":                 {&simulated, store.Location{}, 0},
		"dead reckoning":            {&reckoned, store.Location{}, 0},
		"no receiver":               {nil, store.Location{}, 0},
		"a stated place goes first": {&measured, store.Location{County: "Cook", State: "Illinois", FIPS: "17031"}, 0},
	} {
		scan := deviceScan(c.fix)
		scan.Settings.SampleName = name // each is another scan
		sc, err := r.KeepScan(asProgram(t), scan, store.Fields{Location: c.stated})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got := 0.0
		if sc.Location.HasPoint() {
			got = *sc.Location.Latitude
		}
		if got != c.want {
			t.Errorf("%s: latitude %g, want %g", name, got, c.want)
		}
	}
}
