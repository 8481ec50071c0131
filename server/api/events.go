package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"fentrace/server/auth"
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
// Numbers of scans that a reader may not see are passed over. A stream ends when its reader is logged out, locked, or may see other things than
// when it began.
func (a *API) registerEvents() {
	op := huma.Operation{OperationID: "events", Extensions: needs(auth.RecordsRead), Method: http.MethodGet, Path: eventsPath, Summary: "Live events: one per stored scan, and frames while the spectrometer works",
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
		LastEventID eventNumber `header:"Last-Event-ID" minimum:"0" maximum:"9007199254740991" doc:"resume after this event"`
	}) (*huma.StreamResponse, error) {
		last := in.LastEventID.Value
		if !in.LastEventID.Set {
			var err error
			if last, err = a.store.LastEvent(ctx); err != nil {
				return nil, err
			}
		}
		return &huma.StreamResponse{Body: func(hc huma.Context) { a.stream(hc, last) }}, nil
	})
}

// eventNumber is a header whose absence is not zero: an empty store has had no event yet.
type eventNumber struct {
	Value int64
	Set   bool
}

// Schema implements huma.SchemaProvider.
func (eventNumber) Schema(r huma.Registry) *huma.Schema {
	return huma.SchemaFromType(r, reflect.TypeFor[int64]())
}

// Receiver implements huma.ParamWrapper.
func (o *eventNumber) Receiver() reflect.Value { return reflect.ValueOf(o).Elem().Field(0) }

// OnParamSet implements huma.ParamReactor.
func (o *eventNumber) OnParamSet(isSet bool, _ any) { o.Set = isSet }

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
	// An id without data is no event, but where a reader goes on that is cut off before the first one.
	ok := send(": listening\nid: %d\n\n", last)
	queue, unread, rescreens, batches := "", 0, followed{}, toldBatches{}
	who, _ := auth.From(ctx)
	machine := who.May(auth.ScansTake) && a.backend.OwnMachine(ctx)
	for ok && a.auth.Same(ctx, who) { // else it begins anew, as what it is now
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
		if frame.Sequence > seen.Sequence && !machine {
			seen = frame // what another agency's sample looks like
		}
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
		if machine && !a.sendQueue(ctx, &queue, send) {
			return
		}
		if who.May(auth.IntelligenceRead) && (!a.sendAlerts(ctx, &unread, send) || !a.sendRescreens(ctx, &rescreens, send)) {
			return
		}
		if who.May(auth.RecordsRead) && !a.sendBatches(ctx, &batches, send) || who.May(auth.JobsManage) && !a.sendJobs(ctx, &batches, send) {
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
