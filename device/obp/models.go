package obp

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// readout is how a model gives spectra.
type readout int

const (
	live     readout = iota // on request, 16 bit
	queued32                // from a buffer, one at a time, 32 bit with metadata; the request waits for one
	queued16                // from a buffer, as many as there are, 16 bit with metadata; the answer may hold none
)

// model is what differs between the spectrometers that speak the protocol (data sheets; libseabreeze's table).
type model struct {
	name        string
	pixels      int
	readout     readout
	maxCounts   float64 // 14-bit converter; QE Pro clips its 18 bits at 200,000
	min, max    time.Duration
	dark        []int // pixels that see no light
	temperature byte  // index of the detector's sensor
	// mentions are words of a device string that name the model.
	mentions []string
}

var models = []model{
	{
		name: "STS", pixels: 1024, maxCounts: 16383,
		min: 10 * time.Microsecond, max: 85 * time.Second,
		mentions: []string{"STS"},
	},
	{
		name: "Spark", pixels: 1024, maxCounts: 16383,
		min: 10 * time.Microsecond, max: 85 * time.Second,
		mentions: []string{"SPARK"},
	},
	{
		name: "QE Pro", pixels: 1044, readout: queued32, maxCounts: 200000,
		min: 8 * time.Millisecond, max: 1600 * time.Second,
		dark: []int{0, 1, 2, 3, 1040, 1041, 1042, 1043}, temperature: 3,
		mentions: []string{"QE PRO", "QEPRO", "QE-PRO"},
	},
	{
		name: "Flame-X", pixels: 2136, readout: queued16, maxCounts: 65535,
		min: 10 * time.Microsecond, max: 10 * time.Second,
		dark:     []int{14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29},
		mentions: []string{"FLAME-X", "FLAMEX", "FLAME X", "OCEAN FX", "OCEAN-FX"},
	},
}

// findModel goes by the device string among the models of that pixel count (0: not told), then by the count alone.
func findModel(pixels int, deviceString string) (model, error) {
	upper := strings.ToUpper(deviceString)
	for _, m := range models {
		mentioned := slices.ContainsFunc(m.mentions, func(word string) bool { return strings.Contains(upper, word) })
		if mentioned && (pixels == 0 || pixels == m.pixels) {
			return m, nil
		}
	}
	for _, m := range models {
		if pixels == m.pixels {
			return m, nil
		}
	}
	var known []string
	for _, m := range models {
		known = append(known, m.name)
	}
	return model{}, fmt.Errorf("spectrometer %q with %d pixels is not one this driver knows (%s)", deviceString, pixels, strings.Join(known, ", "))
}
