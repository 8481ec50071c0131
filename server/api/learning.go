package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"fentrace/library/identify"
	"fentrace/server/auth"
	"fentrace/server/store"
)

// ProposedReference is a proposal with what the person who asks may do about it.
type ProposedReference struct {
	store.Proposal
	// MayReject and MayAccept hold for the person who asks. MustBeAlone: only with alone, because there is no other person.
	MayReject   bool   `json:"may_reject"`
	MayAccept   bool   `json:"may_accept"`
	MustBeAlone bool   `json:"must_be_alone" doc:"accepting needs alone: you entered the laboratory result and nobody else may review"`
	WhyNot      string `json:"why_not" doc:"why you may not accept it"`
}

// SubstanceName is one substance of the library, for choosing.
type SubstanceName struct {
	Name       string `json:"name"`
	CAS        string `json:"cas,omitempty"`
	Class      string `json:"class,omitempty"`
	Controlled bool   `json:"controlled"`
}

// ItemID is the path parameter of everything about one proposal or one change.
type ItemID struct {
	ID string `path:"id" format:"uuid" example:"3f2a9c50-5a0e-4a53-9b3c-6f1d2e8b7a90"`
}

type proposalOutput struct{ Body ProposedReference }

type decisionInput struct {
	ItemID
	Body struct {
		Decision string `json:"decision" enum:"accept,reject"`
		Reason   string `json:"reason,omitempty" maxLength:"200" doc:"needed to reject, and to accept alone"`
		Alone    bool   `json:"alone,omitempty" doc:"accept although you entered the laboratory result, because no other person may review; recorded as such"`
	}
}

func (a *API) registerLearning() {
	type substances struct {
		Body struct {
			Substances []SubstanceName `json:"substances" doc:"by name"`
		}
	}
	register(a, huma.Operation{OperationID: "library-substances", Extensions: needs(auth.LibraryRead), Method: http.MethodGet, Path: "/v1/library/substances", Summary: "Substances the library knows"},
		func(context.Context, *struct{}) (*substances, error) {
			out := &substances{}
			out.Body.Substances = []SubstanceName{}
			for _, s := range a.backend.Substances() {
				out.Body.Substances = append(out.Body.Substances, SubstanceName{Name: s.Name, CAS: s.CAS, Class: s.Class, Controlled: s.Controlled})
			}
			return out, nil
		})
	a.registerProposals()
	a.registerChanges()
}

func (a *API) registerProposals() {
	type proposals struct {
		Body struct {
			Proposals []ProposedReference `json:"proposals" doc:"open ones first, then the newest first; scans without candidates"`
			PageEnd
		}
	}
	register(a, huma.Operation{OperationID: "library-proposals", Extensions: needs(auth.RecordsRead), Method: http.MethodGet, Path: "/v1/library/proposals",
		Summary: "Scans proposed as references by laboratory results"},
		func(ctx context.Context, in *struct {
			Status string `query:"status" enum:"open,accepted,rejected,withdrawn" doc:"all when left out"`
			PageQuery
		}) (*proposals, error) {
			ps, next, err := a.store.ProposalPage(ctx, in.Status, in.Cursor, in.Limit)
			if err != nil {
				return nil, err
			}
			out := &proposals{}
			out.Body.NextCursor = next
			out.Body.Proposals = []ProposedReference{}
			for _, p := range ps {
				one, err := a.proposed(ctx, p)
				if err != nil {
					return nil, err
				}
				out.Body.Proposals = append(out.Body.Proposals, one)
			}
			return out, nil
		})
	type overlay struct{ Body identify.Overlay }
	register(a, huma.Operation{OperationID: "proposal-overlay", Extensions: needs(auth.RecordsRead), Method: http.MethodGet, Path: "/v1/library/proposals/{id}/overlay",
		Summary: "A proposed scan and the references of the same substance, prepared for plotting", Errors: []int{http.StatusNotFound}},
		func(ctx context.Context, in *ItemID) (*overlay, error) {
			ov, err := a.backend.ProposalOverlay(ctx, in.ID)
			return &overlay{ov}, err
		})
	register(a, huma.Operation{OperationID: "decide-proposal", Extensions: needs(auth.ReferencesDecide), Method: http.MethodPost, Path: "/v1/library/proposals/{id}/decision",
		Summary: "Accept or reject a proposed reference",
		Description: "Once for each proposal. Whoever entered the laboratory result may reject it; to accept it takes " +
			"a second person. Where no other account may review, the same person may accept with alone and a reason, which is recorded. An accepted " +
			"scan answers from then on as a reference; answers given before stay as they are, with the version of their library.",
		Errors: []int{http.StatusForbidden, http.StatusNotFound, http.StatusConflict, http.StatusUnprocessableEntity, http.StatusInsufficientStorage, http.StatusServiceUnavailable}},
		a.decide)
}

func (a *API) decide(ctx context.Context, in *decisionInput) (*proposalOutput, error) {
	c, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	p, err := a.backend.Decide(ctx, in.ID, store.Decision{Accepted: in.Body.Decision == "accept", Reason: in.Body.Reason, Alone: in.Body.Alone, DecidedBy: c.User})
	if err != nil {
		return nil, err
	}
	out := &proposalOutput{}
	out.Body, err = a.proposed(ctx, p)
	return out, err
}

// proposed adds what the caller may do with p.
func (a *API) proposed(ctx context.Context, p store.Proposal) (ProposedReference, error) {
	p.Scan.Identification.Candidates = []identify.Finding{}
	out := ProposedReference{Proposal: p}
	c, err := caller(ctx)
	if err != nil || p.Status != store.ProposalOpen {
		return out, err
	}
	if !c.May(auth.ReferencesDecide) {
		out.WhyNot = "Proposals are decided by a reviewer or the operator; your role is " + c.Role + "."
		return out, nil
	}
	if p.Scan.Agency != c.Agency {
		out.WhyNot = "It belongs to another agency, whose reviewers decide."
		return out, nil
	}
	out.MayReject, out.MayAccept = true, true
	if p.Result.EnteredBy != c.User {
		return out, nil
	}
	others, err := a.store.OtherReviewers(ctx, c.User, auth.Reviewers, p.Scan)
	if err != nil {
		return out, err
	}
	out.MayAccept, out.MustBeAlone = len(others) == 0, len(others) == 0
	out.WhyNot = "You entered this laboratory result: a second person must accept it."
	return out, nil
}

func (a *API) registerChanges() {
	type changes struct {
		Body struct {
			Changes []store.LibraryChange `json:"changes" doc:"newest first"`
			PageEnd
		}
	}
	register(a, huma.Operation{OperationID: "library-changes", Extensions: needs(auth.LibraryRead), Method: http.MethodGet, Path: "/v1/library/changes",
		Summary: "What changed with each version of the library this server has answered with"},
		func(ctx context.Context, in *PageQuery) (*changes, error) {
			out := &changes{}
			var err error
			out.Body.Changes, out.Body.NextCursor, err = a.store.LibraryChangePage(ctx, in.Cursor, in.Limit)
			return out, err
		})
	type change struct {
		Body struct {
			store.LibraryChange
			Scans []store.TruthAnswer `json:"scans" doc:"those whose answer is another, worst first"`
			PageEnd
		}
	}
	register(a, huma.Operation{OperationID: "library-change", Extensions: needs(auth.LibraryRead), Method: http.MethodGet, Path: "/v1/library/changes/{id}",
		Summary: "One change of the library and what it does to scans with a laboratory result",
		Description: "Every scan whose content a laboratory has stated is answered again and compared with the answer of the library before (the first time, " +
			"with the one stored). Scans that are references themselves are left out: they would agree with themselves. Stored answers are not changed.",
		Errors: []int{http.StatusNotFound}},
		func(ctx context.Context, in *struct {
			ItemID
			PageQuery
		}) (*change, error) {
			out := &change{}
			var err error
			if out.Body.LibraryChange, _, err = a.store.LibraryChange(ctx, in.ID, 0); err != nil {
				return nil, err
			}
			out.Body.Scans, out.Body.NextCursor, err = a.store.ChangedScans(ctx, out.Body.LibraryChange, in.Cursor, in.Limit)
			return out, err
		})
	register(a, huma.Operation{OperationID: "cancel-comparison", Extensions: needs(auth.ReferencesDecide), Method: http.MethodPost, Path: "/v1/library/changes/{id}/cancel",
		Summary: "End the comparison of a change; what it has found is kept", DefaultStatus: http.StatusNoContent,
		Errors: []int{http.StatusForbidden, http.StatusNotFound, http.StatusConflict}},
		func(ctx context.Context, in *ItemID) (*struct{}, error) {
			return nil, a.backend.CancelComparison(ctx, in.ID)
		})
}
