package api

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"fentrace/server/auth"
	"fentrace/server/store"
	"fentrace/server/tlp"
)

// PersonName is the path parameter of everything about one account.
type PersonName struct {
	Name string `path:"name" maxLength:"600" doc:"name of the account, percent-encoded"`
}

// name is the name as it is written.
func (n PersonName) name() string {
	if plain, err := url.PathUnescape(n.Name); err == nil {
		return plain
	}
	return n.Name
}

type personInput struct {
	Name      string    `json:"name" minLength:"1" maxLength:"200"`
	Role      string    `json:"role" maxLength:"40"`
	Agency    string    `json:"agency,omitempty" maxLength:"40" doc:"your own without it"`
	Clearance tlp.Level `json:"clearance,omitempty" enum:"clear,green,amber,amber+strict,red" doc:"that of the role without it"`
}

type personChange struct {
	Role      *string    `json:"role,omitempty" maxLength:"40"`
	Agency    *string    `json:"agency,omitempty" maxLength:"40"`
	Clearance *tlp.Level `json:"clearance,omitempty" enum:"clear,green,amber,amber+strict,red"`
	Locked    *bool      `json:"locked,omitempty"`
}

// personOutput is an account with its tag; before the point of that only what can be changed counts.
func personOutput(p store.Person) *record[store.Person] {
	return &record[store.Person]{etagOf(p.State(), p), p}
}

func (a *API) registerAdmin() {
	a.registerAgencies()
	a.registerPeople()
	a.registerShares()
}

func (a *API) registerAgencies() {
	type agencies struct {
		Body struct {
			Agencies []store.Agency `json:"agencies" doc:"by name; a server has up to 1000"`
		}
	}
	register(a, huma.Operation{OperationID: "agencies", Extensions: needs(auth.PeopleManage), Method: http.MethodGet, Path: "/v1/admin/agencies", Summary: "All agencies"},
		func(ctx context.Context, _ *struct{}) (*agencies, error) {
			out := &agencies{}
			var err error
			out.Body.Agencies, err = a.store.Agencies(ctx)
			return out, err
		})
	type agencyWords struct {
		Name    string `json:"name" minLength:"1" maxLength:"200"`
		Contact string `json:"contact,omitempty" maxLength:"200" doc:"whom another agency may ask"`
	}
	type input struct {
		ID   string `path:"id" maxLength:"40"`
		Body agencyWords
	}
	type newInput struct {
		KeyHeader
		ID   string `path:"id" maxLength:"40"`
		Body agencyWords
	}
	put := func(ctx context.Context, id string, b agencyWords, change bool) (*struct{}, error) {
		return nil, a.store.PutAgency(ctx, store.Agency{ID: id, Name: strings.TrimSpace(b.Name), Contact: strings.TrimSpace(b.Contact)}, change, a.auth.Now())
	}
	register(a, huma.Operation{OperationID: "add-agency", Extensions: needs(auth.AgenciesManage), Method: http.MethodPost, Path: "/v1/admin/agencies/{id}", DefaultStatus: http.StatusNoContent,
		Summary: "Add an agency", Errors: []int{http.StatusConflict, http.StatusUnprocessableEntity}},
		func(ctx context.Context, in *newInput) (*struct{}, error) { return put(ctx, in.ID, in.Body, false) })
	register(a, huma.Operation{OperationID: "change-agency", Extensions: needs(auth.AgenciesManage), Method: http.MethodPut, Path: "/v1/admin/agencies/{id}", DefaultStatus: http.StatusNoContent,
		Summary: "Give an agency another name or contact", Errors: []int{http.StatusNotFound, http.StatusUnprocessableEntity}},
		func(ctx context.Context, in *input) (*struct{}, error) { return put(ctx, in.ID, in.Body, true) })
}

func (a *API) registerPeople() {
	type people struct {
		Body struct {
			People []store.Person `json:"people" doc:"by name; of your own agency, or of all for who looks after all"`
			Roles  []string       `json:"roles" doc:"that you may give"`
			PageEnd
		}
	}
	register(a, huma.Operation{OperationID: "people", Extensions: needs(auth.PeopleManage), Method: http.MethodGet, Path: "/v1/admin/people", Summary: "People with their roles", Errors: []int{http.StatusUnprocessableEntity}},
		func(ctx context.Context, in *PageQuery) (*people, error) {
			c, err := caller(ctx)
			if err != nil {
				return nil, err
			}
			out := &people{}
			out.Body.Roles = mayGive(c)
			out.Body.People, out.Body.NextCursor, err = a.store.PeoplePage(ctx, within(c), in.Cursor, in.Limit)
			return out, err
		})
	type invited struct {
		Body struct {
			Person store.Person `json:"person"`
			Code   string       `json:"code" doc:"one-time log-in code, shown this once"`
		}
	}
	register(a, huma.Operation{OperationID: "add-person", Extensions: needs(auth.PeopleManage), Method: http.MethodPost, Path: "/v1/admin/people", DefaultStatus: http.StatusCreated,
		Summary: "Add an account, and a code that opens it once, within 15 minutes", Description: secretOnce, Errors: []int{http.StatusConflict, http.StatusNotFound, http.StatusUnprocessableEntity}},
		func(ctx context.Context, in *struct {
			KeyHeader
			Body personInput
		}) (*invited, error) {
			p, code, err := a.addPerson(ctx, in.Body)
			out := &invited{}
			out.Body.Person, out.Body.Code = p, code
			return out, err
		})
	about := func(id, method, path, summary string) huma.Operation {
		return huma.Operation{OperationID: id, Extensions: needs(auth.PeopleManage), Method: method, Path: "/v1/admin/people/{name}" + path, Summary: summary,
			Errors: []int{http.StatusNotFound, http.StatusPreconditionFailed, http.StatusUnprocessableEntity}}
	}
	register(a, about("change-person", http.MethodPatch, "", "Change role, agency or clearance of an account, lock or unlock it"),
		func(ctx context.Context, in *struct {
			PersonName
			IfMatch string `header:"If-Match" maxLength:"60" doc:"ETag of the account as you have read it; when it was changed meanwhile the answer is 412 and nothing is stored"`
			Body    personChange
		}) (*record[store.Person], error) {
			return a.changePerson(ctx, in.name(), in.IfMatch, in.Body)
		})
	register(a, about("person", http.MethodGet, "", "One account"), func(ctx context.Context, in *struct {
		PersonName
		HeldHeader
	}) (*record[store.Person], error) {
		p, err := a.person(ctx, in.name())
		return personOutput(p), err
	})
	end := func(do func(context.Context, string) error) func(context.Context, *PersonName) (*record[store.Person], error) {
		return func(ctx context.Context, in *PersonName) (*record[store.Person], error) {
			if _, err := a.person(ctx, in.name()); err != nil {
				return nil, err
			}
			if err := do(ctx, in.name()); err != nil {
				return nil, err
			}
			p, err := a.store.Person(ctx, in.name())
			return personOutput(p), err
		}
	}
	register(a, about("end-sessions", http.MethodPost, "/end-sessions", "Log an account out everywhere"), end(a.store.EndSessions))
	register(a, about("revoke-tokens", http.MethodPost, "/revoke-tokens", "Revoke all access tokens of an account"), end(a.store.RevokeTokens))
}

// within is the agency that the caller looks after, "" for all.
func within(c auth.Caller) string {
	if c.May(auth.AgenciesManage) {
		return ""
	}
	return c.Agency
}

// mayGive are the roles that the caller may give: who looks after one agency makes nobody who looks after all, or reads of all.
func mayGive(c auth.Caller) []string {
	if c.May(auth.AgenciesManage) {
		return auth.Roles
	}
	return slices.DeleteFunc(slices.Clone(auth.Roles), func(r string) bool { return auth.May(r, auth.AgenciesManage) || auth.May(r, auth.AuditRead) })
}

// checkClearance: who looks after one agency clears nobody for more than that person may see.
func checkClearance(c auth.Caller, level tlp.Level) error {
	if within(c) != "" && level.Rank() > c.Clearance.Rank() {
		return huma.Error403Forbidden("clearance: you may give none above your own, " + c.Clearance.String())
	}
	return nil
}

func checkRole(c auth.Caller, role string) error {
	if may := mayGive(c); !slices.Contains(may, role) {
		return huma.Error422UnprocessableEntity("role " + role + ": you may give " + strings.Join(may, ", "))
	}
	return nil
}

// person is an account that the caller looks after; one of another agency is not there.
func (a *API) person(ctx context.Context, name string) (store.Person, error) {
	c, err := caller(ctx)
	if err != nil {
		return store.Person{}, err
	}
	p, err := a.store.Person(ctx, name)
	if err == nil && within(c) != "" && within(c) != p.Agency {
		return store.Person{}, huma.Error404NotFound("user " + name + ": not found")
	}
	return p, err
}

func (a *API) addPerson(ctx context.Context, in personInput) (store.Person, string, error) {
	c, err := caller(ctx)
	if err != nil {
		return store.Person{}, "", err
	}
	if in.Agency == "" {
		in.Agency = c.Agency
	}
	if in.Clearance == "" {
		in.Clearance = auth.Clearance(in.Role)
		if within(c) != "" && in.Clearance.Rank() > c.Clearance.Rank() {
			in.Clearance = c.Clearance
		}
	}
	if err := checkClearance(c, in.Clearance); err != nil {
		return store.Person{}, "", err
	}
	if w := within(c); w != "" && w != in.Agency {
		return store.Person{}, "", huma.Error403Forbidden("you look after the people of your own agency only")
	}
	if err := checkRole(c, in.Role); err != nil {
		return store.Person{}, "", err
	}
	err = a.store.AddPerson(ctx, store.User{Name: in.Name, Role: in.Role, Agency: in.Agency, Clearance: in.Clearance}, a.auth.Now())
	if errors.Is(err, store.ErrRepeated) {
		return store.Person{}, "", huma.Error409Conflict("this request has added the account " + in.Name + " already; its log-in code was shown once and is not kept. " +
			"`fentrace serve --new-login --user " + in.Name + "` on the machine of the server makes a new one")
	}
	if err != nil {
		return store.Person{}, "", err
	}
	code, err := a.auth.NewCode(ctx, in.Name)
	if err != nil {
		return store.Person{}, "", err
	}
	p, err := a.store.Person(ctx, in.Name)
	return p, code, err
}

func (a *API) changePerson(ctx context.Context, name, ifMatch string, in personChange) (*record[store.Person], error) {
	c, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	p, err := a.person(ctx, name)
	if err != nil {
		return nil, err
	}
	switch {
	case name == c.User:
		return nil, huma.Error403Forbidden("nobody changes the own account; another administrator does, or fentrace serve --user on the machine")
	case !slices.Contains(mayGive(c), p.Role):
		return nil, huma.Error403Forbidden("the account of a " + p.Role + " is changed by an administrator")
	case in.Agency != nil && within(c) != "" && *in.Agency != p.Agency:
		return nil, huma.Error403Forbidden("people come to another agency by an administrator")
	}
	if in.Clearance != nil {
		if err := checkClearance(c, *in.Clearance); err != nil {
			return nil, err
		}
	}
	if in.Role != nil {
		if err := checkRole(c, *in.Role); err != nil {
			return nil, err
		}
	}
	change := store.PersonChange{Role: in.Role, Agency: in.Agency, Clearance: in.Clearance, Locked: in.Locked}
	if ifMatch != "" && ifMatch != "*" {
		change.Of = stateIn(ifMatch)
	}
	if err := a.store.ChangePerson(ctx, name, change, a.auth.Now()); err != nil {
		return nil, err
	}
	p, err = a.store.Person(ctx, name)
	return personOutput(p), err
}

func (a *API) registerShares() {
	type shares struct {
		Body struct {
			Shares []store.Share `json:"shares" doc:"those that hold first, then the newest first"`
			PageEnd
		}
	}
	register(a, huma.Operation{OperationID: "shares", Extensions: needs(auth.SharesManage), Method: http.MethodGet, Path: "/v1/admin/shares",
		Summary: "What agencies share, now and before", Errors: []int{http.StatusUnprocessableEntity}},
		func(ctx context.Context, in *PageQuery) (*shares, error) {
			c, err := caller(ctx)
			if err != nil {
				return nil, err
			}
			out := &shares{}
			out.Body.Shares, out.Body.NextCursor, err = a.store.SharePage(ctx, within(c), in.Cursor, in.Limit)
			return out, err
		})
	type share struct{ Body store.Share }
	register(a, huma.Operation{OperationID: "add-share", Extensions: needs(auth.SharesManage), Method: http.MethodPost, Path: "/v1/admin/shares", DefaultStatus: http.StatusCreated,
		Summary:     "Let another agency see records, or only counts",
		Description: "Records marked AMBER+STRICT or RED never leave their agency. With aggregates the other agency is told counts in first-seen, and no record.",
		Errors:      []int{http.StatusNotFound, http.StatusUnprocessableEntity}},
		func(ctx context.Context, in *struct {
			KeyHeader
			Body struct {
				From       string    `json:"from,omitempty" maxLength:"40" doc:"your own agency without it"`
				To         string    `json:"to" maxLength:"40"`
				TLP        tlp.Level `json:"tlp,omitempty" enum:"clear,green,amber" default:"amber"`
				Aggregates bool      `json:"aggregates,omitempty" doc:"counts only"`
			}
		}) (*share, error) {
			c, err := caller(ctx)
			if err != nil {
				return nil, err
			}
			b := in.Body
			if b.From == "" {
				b.From = c.Agency
			}
			if w := within(c); w != "" && w != b.From {
				return nil, huma.Error403Forbidden("what an agency shares is for its own people, or an administrator, to say")
			}
			id, err := a.auth.Share(ctx, store.Share{From: b.From, To: b.To, TLP: b.TLP, Aggregates: b.Aggregates, GrantedBy: c.User})
			if err != nil {
				return nil, err
			}
			sh, err := a.store.Share(ctx, id)
			return &share{sh}, err
		})
	register(a, huma.Operation{OperationID: "revoke-share", Extensions: needs(auth.SharesManage), Method: http.MethodPost, Path: "/v1/admin/shares/{id}/revoke", DefaultStatus: http.StatusNoContent,
		Summary: "End a share; it stays on record", Errors: []int{http.StatusNotFound, http.StatusConflict}},
		func(ctx context.Context, in *ItemID) (*struct{}, error) {
			c, err := caller(ctx)
			if err != nil {
				return nil, err
			}
			sh, err := a.store.Share(ctx, in.ID)
			if err != nil {
				return nil, err
			}
			switch w := within(c); {
			case w != "" && w != sh.From && w != sh.To:
				return nil, huma.Error404NotFound("share " + in.ID + ": not found")
			case w != "" && w != sh.From:
				return nil, huma.Error403Forbidden("what an agency shares is for its own people, or an administrator, to say")
			}
			return nil, a.store.RevokeShare(ctx, in.ID, c.User, a.auth.Now())
		})
}
