package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humaecho"
)

const (
	eventsPath = "/v1/events"
	// eventBatch is how many events are read from the store at once.
	eventBatch = 100
	// heartbeat keeps proxies from closing a quiet stream and finds out that a reader has gone.
	heartbeat = 20 * time.Second
	// eventWrite is how long a reader may take to accept an event.
	eventWrite = 10 * time.Second
)

// registerEvents streams server-sent events (WHATWG HTML, section 9.2). The store is the queue: an event's id is
// the scan's number there, so a reader that reconnects with Last-Event-ID misses nothing, also across restarts.
func (a *API) registerEvents() {
	op := huma.Operation{OperationID: "events", Method: http.MethodGet, Path: eventsPath, Summary: "Live events: one per stored scan, and frames while the spectrometer works",
		Description: "Each event of a scan has an increasing id, the name scan and the data {\"id\",\"verdict\"}. Events named queue have no id; " +
			"their data is the state of the queue of unsent scans, without its files: first as it is, then whenever it has changed. " +
			"Events named alerts, without id, say in the same way how many alerts nobody has read: {\"unread\"}. " +
			"Events named rescreen, without id, are looks through the past, each as GET /v1/rescreens lists it: first those that run, then whenever one has begun, " +
			"got further or ended; one of another program on the same database is told a little later. " +
			"Events named batch, without id, are batches as GET /v1/batches lists them: first those that are worked on, then whenever one has changed, twice a second at " +
			"most. Events named jobs, without id, say how many jobs there are: {\"waiting\",\"running\",\"failing\",\"dead\"}. " +
			"Events named frame, without id and not kept, are what the detector sees, thinned out.",
		Responses: map[string]*huma.Response{"200": {Description: "OK", Content: map[string]*huma.MediaType{
			"text/event-stream": {Schema: &huma.Schema{Type: huma.TypeString}}}}}}
	register(a, op, func(ctx context.Context, in *struct {
		LastEventID int64 `header:"Last-Event-ID" minimum:"0" maximum:"9007199254740991" doc:"resume after this event"`
	}) (*huma.StreamResponse, error) {
		last := in.LastEventID
		if last == 0 {
			var err error
			if last, err = a.store.LastEvent(ctx); err != nil {
				return nil, err
			}
		}
		return &huma.StreamResponse{Body: func(hc huma.Context) { a.stream(hc, last) }}, nil
	})
}

func (a *API) stream(hc huma.Context, last int64) {
	ctx, w := hc.Context(), humaecho.Unwrap(hc).Response()
	control := http.NewResponseController(w)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no")
	w.WriteHeader(http.StatusOK)
	send := func(format string, args ...any) bool {
		// A writer without deadlines is a test's; a dead connection shows in the write itself.
		_ = control.SetWriteDeadline(time.Now().Add(eventWrite))
		_, err := fmt.Fprintf(w, format, args...)
		return err == nil && control.Flush() == nil
	}
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	seen, _ := a.backend.Live() // what is past is not shown
	ok := send(": listening\n\n")
	queue, unread, rescreens, batches := "", 0, followed{}, toldBatches{}
	for ok {
		stored := a.backend.Stored() // before reading, so that nothing falls between
		frame, next := a.backend.Live()
		events, upTo, err := a.store.EventsAfter(ctx, last, eventBatch)
		if err != nil {
			return
		}
		for _, e := range events {
			data, err := json.Marshal(map[string]string{"id": e.ScanID, "verdict": e.Verdict})
			if err != nil || !send("id: %d\nevent: scan\ndata: %s\n\n", e.Seq, data) {
				return
			}
		}
		last = upTo
		if frame.Sequence > seen.Sequence {
			data, err := json.Marshal(frame)
			if err != nil || !send("event: frame\ndata: %s\n\n", data) {
				return
			}
			seen = frame
			continue
		}
		if len(events) > 0 {
			continue
		}
		if !a.sendQueue(ctx, &queue, send) || !a.sendAlerts(ctx, &unread, send) || !a.sendRescreens(ctx, &rescreens, send) ||
			!a.sendBatches(ctx, &batches, send) || !a.sendJobs(ctx, &batches, send) {
			return
		}
		select {
		case <-stored:
		case <-next:
		case <-rescreens.again():
		case <-batches.again():
		case <-beat.C:
			ok = send(": still here\n\n")
		case <-a.backend.Ending():
			return
		case <-ctx.Done():
			return
		}
	}
}
