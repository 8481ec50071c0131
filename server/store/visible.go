package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"fentrace/server/tlp"
)

// LocalAgency is the id of the agency that exists from the start.
const LocalAgency = "local"

// Errors of reading and changing records; test with errors.Is.
var (
	// ErrNobody: the store was asked about records without saying on whose behalf; see As.
	ErrNobody = errors.New("nobody is named on whose behalf records are asked for")
	// ErrElsewhere: the record may be seen, but is another agency's, which alone may change it or pass it on.
	ErrElsewhere = errors.New("it belongs to another agency; only that one may change it or pass it on")
	// ErrMarked: what is marked AMBER+STRICT or RED never leaves its agency.
	ErrMarked = errors.New("what is marked so never leaves its agency; whoever marked it may mark it anew")
	// ErrWithheld: what was sent is stored already, marked above the clearance of who sent it.
	ErrWithheld = errors.New("your agency holds this file already, marked above your clearance; nothing was stored. Ask somebody of your agency with a higher clearance")
)

// sight is what an account may see by its role.
type sight int

const (
	blind   sight = iota // no record at all
	public               // what is marked CLEAR
	cleared              // what its agency and its clearance allow
)

// sights are those of all roles. A role that is not here sees nothing. (What roles may do is in package auth.)
var sights = map[string]sight{
	"technician": cleared, "chemist": cleared, "reviewer": cleared, "analyst": cleared, "disseminator": cleared, "operator": cleared,
	"public":        public,
	"administrator": blind, "auditor": blind,
}

// visible is the condition, in SQL, that whoever asks with ctx may see the row alias, which has the columns agency and tlp. It can be
// put into any query with its args in its place. ErrNobody when ctx names nobody.
//
// By the Traffic Light Protocol 2.0 an account sees
//
//   - of its own agency what is marked up to its clearance;
//   - of every other agency what is CLEAR, and what is GREEN: "recipients may share TLP:GREEN with peers and partner organizations
//     within their community", and the agencies of one server are one. A clearance below GREEN takes that away.
//   - what is AMBER of agencies that share records with its own up to AMBER, if it is cleared for that.
//
// AMBER+STRICT ("restricts sharing to the organization only") and RED never leave their agency. The role public sees what is CLEAR, the
// roles administrator and auditor see no record. The program itself sees everything.
func visible(ctx context.Context, alias string) (cond string, args []any, err error) {
	p, ok := Asking(ctx)
	if !ok {
		return "", nil, ErrNobody
	}
	if p.Program {
		return "TRUE", nil, nil
	}
	clearance := p.Clearance.Rank()
	switch sights[p.Role] {
	case blind:
		return "FALSE", nil, nil
	case public:
		clearance = tlp.Clear.Rank()
		return rank(alias, "=", clearance), nil, nil
	}
	cond = "(" + rank(alias, "<=", min(clearance, tlp.Green.Rank())) + " OR " + alias + ".agency = ? AND " + rank(alias, "<=", clearance)
	args = []any{p.Agency}
	if clearance >= tlp.Amber.Rank() {
		cond += " OR " + rank(alias, "=", tlp.Amber.Rank()) + " AND " + alias + ".agency IN (" + sharing(false) + ")"
		args = append(args, p.Agency)
	}
	return cond + ")", args, nil
}

// rank compares the marking of a row, as a number in the text: so that the planner knows it.
func rank(alias, how string, n int) string { return alias + ".tlp " + how + " " + strconv.Itoa(n) }

// sharing selects the agencies that share what is AMBER with the one agency that it has a place for, counts only or records as well.
// What is marked less is seen without that.
func sharing(aggregates bool) string {
	not := "NOT "
	if aggregates {
		not = ""
	}
	return "SELECT from_agency FROM shares WHERE to_agency = ? AND revoked IS NULL AND tlp >= " + strconv.Itoa(tlp.Amber.Rank()) + " AND " + not + "aggregates"
}

// counted is the condition that whoever asks may know that the row alias is there, as one of a number, but may not see it: what is AMBER
// of agencies that share counts only.
func counted(ctx context.Context, alias string) (cond string, args []any, err error) {
	p, ok := Asking(ctx)
	if !ok {
		return "", nil, ErrNobody
	}
	if p.Program || sights[p.Role] != cleared || p.Clearance.Rank() < tlp.Amber.Rank() {
		return "FALSE", nil, nil
	}
	return "(" + rank(alias, "=", tlp.Amber.Rank()) + " AND " + alias + ".agency <> ? AND " + alias + ".agency IN (" + sharing(true) + ") AND " +
		alias + ".agency NOT IN (" + sharing(false) + "))", []any{p.Agency, p.Agency, p.Agency}, nil
}

// own is the condition that the row alias belongs to the agency of who asks, and may be seen.
func own(ctx context.Context, alias string) (cond string, args []any, err error) {
	cond, args, err = visible(ctx, alias)
	if p, _ := Asking(ctx); err == nil && !p.Program {
		cond, args = cond+" AND "+alias+".agency = ?", append(args, p.Agency)
	}
	return cond, args, err
}

// exportable is the condition that whoever asks may hand the row alias to partners outside: of the own agency what is marked up to AMBER,
// of another one what is marked up to GREEN, which it may be handed on within the community.
func exportable(ctx context.Context, alias string) (cond string, args []any, err error) {
	cond, args, err = visible(ctx, alias)
	if p, _ := Asking(ctx); err == nil && !p.Program {
		cond += " AND (" + rank(alias, "<=", tlp.Green.Rank()) + " OR " + alias + ".agency = ? AND " + rank(alias, "<=", tlp.Amber.Rank()) + ")"
		args = append(args, p.Agency)
	}
	return cond, args, err
}

// onlyProgram is ErrNobody unless the program itself asks: for what is read of records without regard to who may see them.
func onlyProgram(ctx context.Context) error {
	if p, _ := Asking(ctx); !p.Program {
		return fmt.Errorf("only the program itself may ask for this: %w", ErrNobody)
	}
	return nil
}

// holder is the agency for which whoever asks stores and looks up files: its own, and LocalAgency for the program itself.
func holder(ctx context.Context) (string, error) {
	switch p, ok := Asking(ctx); {
	case !ok:
		return "", ErrNobody
	case p.Agency != "":
		return p.Agency, nil
	case p.Program:
		return LocalAgency, nil
	}
	return "", fmt.Errorf("%w: the account has no agency", ErrNobody)
}
