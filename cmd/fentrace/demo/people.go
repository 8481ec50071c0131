package demo

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"time"

	"fentrace/server/auth"
	"fentrace/server/client"
	"fentrace/server/client/rest"
	"fentrace/server/store"
	"fentrace/server/tlp"
	"fentrace/spectra/simulate"
)

// neighbour is the second agency of the demo, which shares its records with the first.
const neighbour = "simulated-sheriff"

// agencyNames are what the agencies of the demo are called.
var agencyNames = map[string]string{
	store.LocalAgency: simulate.TitlePrefix + "State Police",
	neighbour:         simulate.TitlePrefix + "Sheriff of Example County",
}

// account is a person of the demo.
type account struct{ name, role, agency string }

var (
	administrator = account{simulate.TitlePrefix + "administrator", auth.RoleAdministrator, store.LocalAgency}
	officer       = account{simulate.TitlePrefix + "officer", auth.RoleTechnician, store.LocalAgency}
	chemist       = account{simulate.TitlePrefix + "chemist", auth.RoleChemist, store.LocalAgency}
	reviewer      = account{simulate.TitlePrefix + "reviewer", auth.RoleReviewer, store.LocalAgency}
	deputy        = account{simulate.TitlePrefix + "deputy", auth.RoleTechnician, neighbour}
)

// staff are all but the administrator, who sets them up.
var staff = []account{officer, chemist, reviewer, deputy}

// tokenLife is how long the demo may take to enter its records; the tokens are revoked before.
const tokenLife = time.Hour

// office is the people of the demo at work: each asks the server over its interface, as real ones do.
type office struct {
	seeder
	clients map[string]*client.Client // by account
}

// as is the interface of the server for an account.
func (o *office) as(a account) *client.Client { return o.clients[a.name] }

// acting is ctx on behalf of an account.
func (a account) acting(ctx context.Context) context.Context {
	return store.As(ctx, store.Principal{User: a.name, Role: a.role, Agency: a.agency, Clearance: auth.Clearance(a.role)})
}

// openOffice sets up agencies and accounts, those that are not there yet, and lets them in. Close ends that.
func openOffice(ctx context.Context, s seeder) (*office, error) {
	o := &office{seeder: s, clients: map[string]*client.Client{}}
	if err := s.srv.SetRole(ctx, administrator.name, administrator.role); err != nil {
		return nil, err
	}
	if err := o.letIn(ctx, administrator); err != nil {
		return nil, err
	}
	root := o.as(administrator)
	if err := putAgencies(ctx, root); err != nil {
		return nil, err
	}
	there, err := root.People(ctx, nil)
	if err != nil {
		return nil, err
	}
	for _, a := range staff {
		if !slices.ContainsFunc(there.People, func(p store.Person) bool { return p.Name == a.name }) {
			if _, err := root.AddPerson(ctx, nil, rest.PersonInput{Name: a.name, Role: a.role, Agency: &a.agency}); err != nil {
				return nil, err
			}
		}
		if err := o.letIn(ctx, a); err != nil {
			return nil, err
		}
	}
	return o, nil
}

// putAgencies names the agencies and has the neighbour share what it marks up to AMBER.
func putAgencies(ctx context.Context, root *client.Client) error {
	there, err := root.Agencies(ctx)
	if err != nil {
		return err
	}
	for id, name := range agencyNames {
		at := slices.IndexFunc(there.Agencies, func(a store.Agency) bool { return a.ID == id })
		switch {
		case at < 0:
			err = root.AddAgency(ctx, id, nil, rest.AgencyWords{Name: name})
		case there.Agencies[at].Name != name:
			err = root.ChangeAgency(ctx, id, rest.AgencyWords{Name: name})
		}
		if err != nil {
			return err
		}
	}
	shared, err := root.Shares(ctx, nil)
	if err != nil || slices.ContainsFunc(shared.Shares, func(s store.Share) bool { return s.From == neighbour }) {
		return err
	}
	_, err = root.AddShare(ctx, nil, rest.AddShareRequest{From: new(neighbour), To: store.LocalAgency, Tlp: new(string(tlp.Amber))})
	return err
}

// letIn makes a client for an account, with an access token of its own.
func (o *office) letIn(ctx context.Context, a account) error {
	token, err := o.srv.NewToken(ctx, a.name, simulate.TitlePrefix+"records", auth.ScopeAll, tokenLife)
	if err != nil {
		return err
	}
	address, err := url.Parse(o.srv.URL())
	if err != nil {
		return fmt.Errorf("address of the server: %w", err)
	}
	o.clients[a.name], err = client.New(client.Config{Server: address, Token: func() (string, error) { return token, nil }})
	return err
}

// close revokes the access tokens, that of the administrator last.
func (o *office) close(ctx context.Context) error {
	for _, a := range append(slices.Clone(staff), administrator) {
		if _, err := o.as(administrator).RevokeTokens(ctx, a.name); err != nil {
			return err
		}
	}
	return nil
}
