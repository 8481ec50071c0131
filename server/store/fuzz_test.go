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
		answers, err := ReadFieldAnswers(append(append([]byte("["), raw...), ']'))
		if err != nil {
			return
		}
		passed, err := json.Marshal(answers)
		if err != nil {
			t.Fatalf("taken but not passed on: %v", err)
		}
		again, err := ReadFieldAnswers(passed)
		if err != nil || len(again) != len(answers) {
			t.Fatalf("%s became %s, %v", raw, passed, err)
		}
		for i, a := range again {
			if b := answers[i]; a.ScanID != b.ScanID || !a.Answered.Equal(b.Answered) || a.Identification.Verdict != b.Identification.Verdict {
				t.Errorf("%s became %s", raw, passed)
			}
		}
	})
}
