package api

import (
	"net/http"
	"slices"
	"testing"

	"github.com/danielgtaylor/huma/v2"
)

// withoutKey are the POST operations that take no Idempotency-Key, and why a request that comes twice does no harm.
var withoutKey = map[string]string{
	"amend-seizure": "If-Match names the version; the same amendment again is given the version it made", "amend-exhibit": "the same", "amend-scan": "the same",
	"add-laboratory-report": "the same bytes again are the same report, others are refused",
	"add-batch-file":        "the same bytes again are the same file",
	"decide-proposal":       "a proposal is decided once",
	"read-alert":            "the first reading counts",
	"identify":              "nothing is stored",
	"login":                 "a code opens once, a session is of the one who has its cookie", "logout": "a session ends once",
	"new-second-factor": "the secret before, which was not confirmed, is replaced", "remove-second-factor": "what is removed is removed",
	"end-sessions": "what has ended has ended", "revoke-tokens": "the same", "revoke-share": "the same",
	"begin-rescreen":    "a look-back that runs or has ended is not begun again",
	"cancel-rescreen":   "what has ended has ended",
	"cancel-comparison": "the same", "cancel-batch": "the same", "cancel-job": "the same",
	"retry-batch": "what waits already waits", "retry-job": "the same", "retry-refused": "the same",
	"replay-delivery":    "the receiver knows by its webhook-id that it has it; what waits to be sent is not sent besides",
	"discard-job":        "a job is taken away once",
	"begin-verification": "one runs at a time",
	"device-preview":     "one runs at a time",
	"device-scan":        "a measurement is another one every time; while one is made a second is refused",
}

func TestEveryPOSTTakesAnIdempotencyKeyOrNeedsNone(t *testing.T) {
	found, used := 0, map[string]bool{}
	every(Document(), func(method, path string, op *huma.Operation) {
		takes := slices.Contains(parametersOf(op, "header"), "Idempotency-Key")
		if method != http.MethodPost {
			if takes {
				t.Errorf("%s %s takes an Idempotency-Key: only what makes something does", method, path)
			}
			return
		}
		found++
		_, excused := withoutKey[op.OperationID]
		used[op.OperationID] = excused
		if takes == excused {
			t.Errorf("POST %s (%s): takes an Idempotency-Key %t, has a place in withoutKey %t: one of the two, with the reason", path, op.OperationID, takes, excused)
		}
	})
	for id := range withoutKey {
		if !used[id] {
			t.Errorf("withoutKey names %s, which is no POST", id)
		}
	}
	if found < 35 {
		t.Errorf("only %d POST operations were found: the test looks in the wrong place", found)
	}
}
