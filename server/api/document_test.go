package api

import (
	"net/http"
	"testing"

	"github.com/danielgtaylor/huma/v2"
)

// Every example of the document is one that the operation would take.
func TestExamplesAreValid(t *testing.T) {
	doc := Document()
	examples := 0
	for path, item := range doc.Paths {
		for method, op := range map[string]*huma.Operation{http.MethodGet: item.Get, http.MethodPost: item.Post, http.MethodPut: item.Put, http.MethodDelete: item.Delete} {
			if op == nil {
				continue
			}
			for _, p := range op.Parameters {
				for _, example := range p.Schema.Examples {
					examples++
					r := &huma.ValidateResult{}
					huma.Validate(doc.Components.Schemas, p.Schema, huma.NewPathBuffer([]byte{}, 0), huma.ModeWriteToServer, example, r)
					for _, err := range r.Errors {
						t.Errorf("%s %s, %s: %v", method, path, p.Name, err)
					}
				}
			}
		}
	}
	if examples < 10 {
		t.Errorf("there are %d examples only", examples)
	}
}

func TestAnAnswerThatIsHadAlreadyIsNotSentAgain(t *testing.T) {
	tag := entityTag([]byte("x"))
	for header, want := range map[string]bool{"": false, tag: true, `"a", ` + tag: true, "W/" + tag: true, "*": true, `"a"`: false, tag[1:]: false} {
		if unchanged(header, tag) != want {
			t.Errorf("If-None-Match: %s: want %v", header, want)
		}
	}
	if entityTag([]byte("y")) == tag {
		t.Error("another answer has the same tag")
	}
}
