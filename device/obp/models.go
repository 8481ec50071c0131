package obp

import (
	"fmt"
	"strings"
	"time"
)

// model is what differs between the spectrometers that speak the protocol (data sheets; libseabreeze's table).
type model struct {
	name        string
	pixels      int
	fifo        bool    // spectra come from a buffer, 32 bit with metadata; otherwise live, 16 bit
	maxCounts   float64 // 14-bit converter; QE Pro clips its 18 bits at 200,000
	min, max    time.Duration
	dark        []int // pixels that see no light
	temperature byte  // index of the detector's sensor
	// mentions are words of a device string that name the model when it does not tell its pixel count.
	mentions []string
}

var models = []model{
	{
		name: "STS", pixels: 1024, maxCounts: 16383,
		min: 10 * time.Microsecond, max: 85 * time.Second,
		mentions: []string{"STS", "SPARK"},
	},
	{
		name: "QE Pro", pixels: 1044, fifo: true, maxCounts: 200000,
		min: 8 * time.Millisecond, max: 1600 * time.Second,
		dark: []int{0, 1, 2, 3, 1040, 1041, 1042, 1043}, temperature: 3,
		mentions: []string{"QE PRO", "QEPRO", "QE-PRO"},
	},
}

// findModel goes by the pixel count, or by the device string when the count is 0 (not told).
func findModel(pixels int, deviceString string) (model, error) {
	upper := strings.ToUpper(deviceString)
	for _, m := range models {
		if pixels == m.pixels {
			return m, nil
		}
		for _, word := range m.mentions {
			if pixels == 0 && strings.Contains(upper, word) {
				return m, nil
			}
		}
	}
	return model{}, fmt.Errorf("spectrometer %q with %d pixels is not one this driver knows (STS, Spark, QE Pro)", deviceString, pixels)
}
