package gps

import (
	"testing"
	"time"

	"fentrace/device/emulator/bench"
)

func TestTheSentencesOfAMoment(t *testing.T) {
	// The example of the many descriptions of NMEA 0183.
	if got, want := sentence("GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,"), "$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*47\r\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	at := time.Date(2026, 11, 25, 9, 8, 7, 0, time.UTC)
	south, west := -33.75, -70.00004 // 33° 45', 70° 0.0024'
	want := "$GPGSV,1,1,00*79\r\n" +
		"$GPGGA,090807.00,3345.0000,S,07000.0024,W,8,07,1.2,180.0,M,-33.0,M,,*4C\r\n" +
		"$GPRMC,090807.00,A,3345.0000,S,07000.0024,W,0.0,0.0,251126,,,S*46\r\n"
	if got := epoch(bench.Config{Latitude: south, Longitude: west}, at, ""); got != want {
		t.Errorf("\n%s, want\n%s", got, want)
	}
}
