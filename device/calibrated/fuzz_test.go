package calibrated

import (
	"encoding/json"
	"testing"
)

func mustEncode(t testing.TB, in Instrument) []byte {
	t.Helper()
	raw, err := json.Marshal(file{Format: formatName, Version: formatVersion, Instrument: in})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// FuzzDecode: whatever is read is an error or can be applied to a scan without harm.
func FuzzDecode(f *testing.F) {
	f.Add(mustEncode(f, Instrument{Model: "STS", SerialNumber: "S1", Records: []Record{axisRecord(f, 0, 3, true), intensityRecord(1), axisRecord(f, 2, 5, false)}}))
	f.Add([]byte(`{"format":"fentrace-calibration","version":1,"model":"a","serial_number":"b","records":[]}`))
	f.Add([]byte(`{"format":"fentrace-calibration","version":1,"serial_number":"b","records":[{"kind":"axis","at":"2026-01-02T00:00:00Z","until":"2026-01-03T00:00:00Z","axis":{"axis":{"reversed":true}}}]}`))
	scan := polystyrene(0)
	f.Fuzz(func(t *testing.T, raw []byte) {
		in, err := decode(raw)
		if err != nil {
			return
		}
		for _, r := range in.Records {
			if c := in.At(r.At, true); c != nil {
				if err := c.Validate(); err != nil {
					t.Fatalf("decoded but not valid: %v", err)
				}
				if out := c.Apply(scan); out.Validate() != nil {
					t.Fatalf("applied to a good scan it gives %v", out.Validate())
				}
			}
		}
	})
}
