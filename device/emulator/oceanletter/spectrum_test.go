package oceanletter

import (
	"encoding/hex"
	"strings"
	"testing"

	"fentrace/device/emulator/bench"
)

// The data sheets' examples: forty pixels compressed into 60 bytes with checksum 0x2C13, and ten plain ones with 0x2586.
func TestTheDataSheetsExamples(t *testing.T) {
	forty := []uint32{
		185, 2151, 836, 453, 210, 118, 90, 89, 87, 89, 86, 88, 98, 121, 383, 1162, 634, 356, 211, 132,
		88, 83, 86, 82, 91, 92, 81, 80, 84, 84, 85, 83, 80, 80, 88, 94, 90, 103, 111, 138,
	}
	b, sum := compress(nil, forty)
	if got := strings.ToUpper(hex.EncodeToString(b)); len(b) != 60 || sum != 0x2C13 || !strings.HasPrefix(got, "8000B98008678003448001C58000D2A4E4FFFE02FD020A1780017F") {
		t.Errorf("%d bytes %s, checksum %#04x", len(b), got, sum)
	}
	ten := []uint32{15, 23, 46, 98, 231, 509, 1023, 2432, 3245, 1984}
	e := &firmware{Device: &bench.Device{Kind: Kinds()[1]}, model: model{}, add: 1, checksum: true, pixelMode: []uint16{0}}
	got := e.spectrum(ten)
	if tail := hex.EncodeToString(got[len(got)-4:]); tail != "fffd2586" {
		t.Errorf("end mark and checksum %s", tail)
	}
}
