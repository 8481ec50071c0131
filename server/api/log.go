package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"golang.org/x/mod/sumdb/tlog"

	"fentrace/server/auth"
	"fentrace/server/store"
)

// MaxFaults is how many faults of a verification are named.
const MaxFaults = 1000

// VerificationState is a verification that runs, or has ended.
type VerificationState struct {
	Running bool                `json:"running"`
	Began   *time.Time          `json:"began" doc:"null: nothing was verified since this server was started"`
	Ended   *time.Time          `json:"ended"`
	Done    int64               `json:"done" doc:"records"`
	Total   int64               `json:"total"`
	Error   string              `json:"error" doc:"why it could not be done"`
	Faults  []store.Fault       `json:"faults" doc:"the first thousand of what is not as it was stored"`
	Result  *store.Verification `json:"result"`
}

// LoggedEntry is one entry of the log.
type LoggedEntry struct {
	Seq     int64           `json:"seq" doc:"number of the leaf"`
	Time    time.Time       `json:"time"`
	Actor   string          `json:"actor" doc:"account, or part of the program"`
	Role    string          `json:"role"`
	Agency  string          `json:"agency"`
	Request string          `json:"request"`
	Action  string          `json:"action"`
	Kind    string          `json:"kind" doc:"of the record"`
	ID      string          `json:"id" doc:"of the record"`
	Detail  json.RawMessage `json:"detail"`
}

type logInput struct {
	Actor  string `query:"actor" maxLength:"200"`
	Action string `query:"action" maxLength:"40"`
	Kind   string `query:"kind" maxLength:"40"`
	Record string `query:"record" maxLength:"200" doc:"id of what it is about"`
	From   string `query:"from" format:"date-time" doc:"from this time on"`
	To     string `query:"to" format:"date-time" doc:"before this time"`
	Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"100"`
	Cursor string `query:"cursor" maxLength:"40" doc:"next_cursor of the page before"`
}

type logOutput struct {
	Body struct {
		Entries    []LoggedEntry `json:"entries" doc:"newest first"`
		NextCursor string        `json:"next_cursor" doc:"empty on the last page"`
		Size       int64         `json:"size" doc:"entries of the whole log"`
	}
}

type checkpointOutput struct {
	ContentType string `header:"Content-Type"`
	Disposition string `header:"Content-Disposition"`
	Body        []byte
}

// InclusionProof shows that an entry is in the log that a checkpoint is about (RFC 9162, 2.1.3).
type InclusionProof struct {
	Index      int64       `json:"index" doc:"number of the leaf"`
	Size       int64       `json:"size" doc:"leaves of the tree"`
	Leaf       []byte      `json:"leaf" doc:"its bytes, base64"`
	Hashes     []tlog.Hash `json:"hashes" doc:"base64"`
	Checkpoint string      `json:"checkpoint" doc:"signed note (C2SP tlog-checkpoint)"`
}

func (a *API) registerLog() {
	op := func(id, path, summary, description string, errors ...int) huma.Operation {
		return huma.Operation{OperationID: id, Extensions: needs(auth.AuditRead), Method: http.MethodGet, Path: path, Summary: summary, Description: description, Errors: errors}
	}
	register(a, op("log", "/v1/log", "What was done, by whom", "Every entry is a leaf of a Merkle tree (RFC 6962) that is never changed. An account sees what its agency "+
		"did; an auditor of the agency that runs the server sees everything.", http.StatusUnprocessableEntity), a.logged)
	a.registerCheckpoints(op)
	type verification struct{ Body VerificationState }
	register(a, op("verification", "/v1/log/verification", "How far the verification is, or what the last one found", ""), func(context.Context, *struct{}) (*verification, error) {
		return &verification{a.backend.Verification()}, nil
	})
	begin := op("begin-verification", "/v1/log/verification", "Verify everything that is stored against the log", "In the background, one at a time. fentrace verify does the same without the server.")
	begin.Method, begin.DefaultStatus = http.MethodPost, http.StatusAccepted
	register(a, begin, func(context.Context, *struct{}) (*verification, error) {
		a.backend.StartVerification()
		return &verification{a.backend.Verification()}, nil
	})
}

func (a *API) registerCheckpoints(op func(id, path, summary, description string, errors ...int) huma.Operation) {
	plainText := map[string]*huma.Response{"200": {Description: "OK", Content: map[string]*huma.MediaType{"text/plain": {}}}}
	checkpoint := op("log-checkpoint", "/v1/log/checkpoint", "Sign what the log is now",
		"A signed note (C2SP tlog-checkpoint). Kept where nobody who has the database can reach it, it shows later that the log was not made anew or cut back: fentrace verify --checkpoint.")
	checkpoint.Responses = plainText
	register(a, checkpoint, func(ctx context.Context, _ *struct{}) (*checkpointOutput, error) {
		c, err := a.backend.Checkpoint(ctx)
		name := fmt.Sprintf("fentrace-checkpoint-%d.txt", c.Size)
		return &checkpointOutput{ContentType: "text/plain; charset=utf-8", Disposition: attachment(name), Body: []byte(c.Checkpoint)}, err
	})
	key := op("log-key", "/v1/log/key", "Public key of the checkpoints", "In the form of golang.org/x/mod/sumdb/note.")
	key.Responses = plainText
	register(a, key, func(context.Context, *struct{}) (*checkpointOutput, error) {
		return &checkpointOutput{ContentType: "text/plain; charset=utf-8", Disposition: attachment("fentrace-log-key.txt"), Body: []byte(a.backend.LogKey() + "\n")}, nil
	})
	type proof struct{ Body InclusionProof }
	register(a, op("log-inclusion", "/v1/log/proof/inclusion", "Show that an entry is in the log", "", http.StatusNotFound, http.StatusUnprocessableEntity),
		func(ctx context.Context, in *struct {
			Leaf int64 `query:"leaf" minimum:"0" required:"true"`
		}) (*proof, error) {
			p, err := a.inclusion(ctx, in.Leaf)
			return &proof{p}, err
		})
	type consistency struct {
		Body struct {
			From   int64       `json:"from"`
			To     int64       `json:"to"`
			Hashes []tlog.Hash `json:"hashes" doc:"base64"`
		}
	}
	register(a, op("log-consistency", "/v1/log/proof/consistency", "Show that the log has only grown between two sizes", "", http.StatusUnprocessableEntity),
		func(ctx context.Context, in *struct {
			From int64 `query:"from" minimum:"1" required:"true"`
			To   int64 `query:"to" minimum:"1" required:"true"`
		}) (*consistency, error) {
			size, err := a.store.LogSize(ctx)
			if err != nil {
				return nil, err
			}
			if in.From > in.To || in.To > size {
				return nil, fmt.Errorf("%w: from %d to %d: the log has %d entries", store.ErrInvalid, in.From, in.To, size)
			}
			out := &consistency{}
			out.Body.From, out.Body.To = in.From, in.To
			out.Body.Hashes, err = tlog.ProveTree(in.To, in.From, a.store.LogTree(ctx))
			return out, err
		})
}

func (a *API) logged(ctx context.Context, in *logInput) (*logOutput, error) {
	f := store.LogFilter{Actor: in.Actor, Action: in.Action, Kind: in.Kind, Record: in.Record}
	for _, t := range []struct {
		text string
		into *time.Time
	}{{in.From, &f.From}, {in.To, &f.To}} {
		if t.text == "" {
			continue
		}
		at, err := time.Parse(time.RFC3339, t.text)
		if err != nil {
			return nil, fmt.Errorf("%w: %.60q is no time such as 2026-11-01T12:00:00Z", store.ErrInvalid, t.text)
		}
		*t.into = at
	}
	entries, next, err := a.store.Log(ctx, f, in.Limit, in.Cursor)
	if err != nil {
		return nil, err
	}
	out := &logOutput{}
	out.Body.Entries, out.Body.NextCursor = []LoggedEntry{}, next
	for _, e := range entries {
		detail := e.Detail
		if len(detail) == 0 {
			detail = json.RawMessage("{}")
		}
		out.Body.Entries = append(out.Body.Entries, LoggedEntry{Seq: e.Seq, Time: e.Time, Actor: e.Actor, Role: e.Role, Agency: e.Agency, Request: e.Request,
			Action: e.Action, Kind: e.Kind, ID: e.ID, Detail: detail})
	}
	out.Body.Size, err = a.store.LogSize(ctx)
	return out, err
}

// inclusion proves a leaf to be in the log as it is now.
func (a *API) inclusion(ctx context.Context, leaf int64) (InclusionProof, error) {
	e, err := a.store.LogLeaf(ctx, leaf)
	if err != nil {
		return InclusionProof{}, err
	}
	c, err := a.backend.Checkpoint(ctx)
	if err != nil {
		return InclusionProof{}, err
	}
	hashes, err := tlog.ProveRecord(c.Size, leaf, a.store.LogTree(ctx))
	return InclusionProof{Index: leaf, Size: c.Size, Leaf: e.Raw, Hashes: hashes, Checkpoint: c.Checkpoint}, err
}
