package store

import (
	"encoding/json"
	"testing"

	"github.com/google/uuid"
)

// An answer that is taken reads back as it was, also after it was passed on.
func FuzzFieldAnswer(f *testing.F) {
	own, err := json.Marshal(Scan{ID: uuid.NewString(), Created: noon, Filename: "f.jdx", Identification: answered}.Answers()[0])
	if err != nil {
		f.Fatal(err)
	}
	f.Add(own)
	f.Add([]byte(`{"scan_id":"` + uuid.NewString() + `","answered":"2026-11-01T10:00:00Z","new":{},"identification":{"verdict":"alarm"}}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var a, again FieldAnswer
		if json.Unmarshal(raw, &a) != nil || a.Validate() != nil {
			return
		}
		passed, err := json.Marshal(a)
		if err != nil {
			t.Fatalf("taken but not passed on: %v", err)
		}
		if err := json.Unmarshal(passed, &again); err != nil || again.Validate() != nil || again.ScanID != a.ScanID || !again.Answered.Equal(a.Answered) ||
			again.Identification.Verdict != a.Identification.Verdict {
			t.Errorf("%s became %s, %v", raw, passed, err)
		}
	})
}
