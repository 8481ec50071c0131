package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"fentrace/server/auth"
	"fentrace/server/store"
)

// Queue is what has not been sent on to the other server. The numbers count scans.
type Queue struct {
	Upstream  string     `json:"upstream" doc:"address of the server that scans are sent to; empty: none is set"`
	Waiting   int        `json:"waiting" doc:"scans that wait to be sent"`
	Parked    int        `json:"parked" doc:"scans the other server refused for good"`
	Oldest    *time.Time `json:"oldest" doc:"when the first waiting scan was stored"`
	LastError string     `json:"last_error" doc:"why the last attempt failed; empty when it did not"`
	LastTried *time.Time `json:"last_tried" doc:"when the first waiting scan was last tried"`
	LastSent  *time.Time `json:"last_sent"`
}

// NewQueue is a backlog with the address it is for.
func NewQueue(upstream string, b store.Backlog) Queue {
	return Queue{Upstream: upstream, Waiting: b.Waiting, Parked: b.Parked, Oldest: b.Oldest, LastError: b.Error, LastTried: b.Tried, LastSent: b.LastSent}
}

// QueuedFile is one file of the queue.
type QueuedFile struct {
	ScanID    string     `json:"scan_id" doc:"its first scan"`
	Filename  string     `json:"filename"`
	Headline  string     `json:"headline" doc:"of its first scan; presumptive"`
	Scans     int        `json:"scans"`
	Simulated bool       `json:"simulated"`
	Stored    time.Time  `json:"stored"`
	Attempts  int        `json:"attempts"`
	Error     string     `json:"error" doc:"why the last attempt failed"`
	Parked    *time.Time `json:"parked" doc:"when it was refused for good"`
}

// QueuedFiles are files of the queue for people and programs.
func QueuedFiles(unsent []store.Unsent) []QueuedFile {
	out := make([]QueuedFile, len(unsent))
	for i, u := range unsent {
		out[i] = QueuedFile{ScanID: u.ScanID, Filename: u.Filename, Headline: u.Headline, Scans: u.Scans, Simulated: u.Simulated, Stored: u.Stored,
			Attempts: u.Attempts, Error: u.Error, Parked: u.Parked}
	}
	return out
}

// QueuePage is the queue with some of its files.
type QueuePage struct {
	Queue
	Files []QueuedFile `json:"files" doc:"those that wait in the order of sending, then parked ones"`
	PageEnd
}

type queueOutput struct{ Body QueuePage }

func (a *API) registerQueue() {
	register(a, huma.Operation{OperationID: "queue", Extensions: needs(auth.ScansTake), Method: http.MethodGet, Path: "/v1/queue", Summary: "Scans that wait to be sent to another server"},
		func(ctx context.Context, in *PageQuery) (*queueOutput, error) {
			out := &queueOutput{}
			var err error
			if out.Body.Queue, err = a.backend.Queue(ctx); err != nil {
				return nil, err
			}
			unsent, next, err := a.store.UnsentPage(ctx, in.Cursor, in.Limit)
			out.Body.NextCursor = next
			out.Body.Files = QueuedFiles(unsent)
			return out, err
		})
	register(a, huma.Operation{OperationID: "retry-refused", Extensions: needs(auth.ScansTake), Method: http.MethodPost, Path: "/v1/queue/retry", DefaultStatus: http.StatusNoContent,
		Summary: "Try again to send what the other server refused"},
		func(ctx context.Context, _ *struct{}) (*struct{}, error) { return nil, a.backend.RetryRefused(ctx) })
}

// sendQueue tells the state of the queue unless it is the one told last; false ends the stream.
func (a *API) sendQueue(ctx context.Context, told *string, send func(format string, args ...any) bool) bool {
	q, err := a.backend.Queue(ctx)
	if err != nil {
		return false
	}
	data, err := json.Marshal(q)
	if err != nil || *told == string(data) || *told == "" && q == (Queue{}) { // a server that sends nowhere has nothing to tell
		return err == nil
	}
	*told = string(data)
	return send("event: queue\ndata: %s\n\n", data)
}
