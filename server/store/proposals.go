package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"fentrace/library"
	"fentrace/server/audit"
	"fentrace/server/tlp"
)

// Errors of Decide; test with errors.Is.
var (
	// ErrClosed: the proposal was decided, or a later laboratory result has taken its ground away.
	ErrClosed = errors.New("is not open for a decision")
	// ErrSecondPerson: another person may decide, so whoever entered the result, or brought the scan, may not accept or review it.
	ErrSecondPerson = errors.New("it takes a second person: whoever entered it cannot accept or review it")
	// ErrAlone: there is no other person, and the decision does not say that it is made without one.
	ErrAlone = errors.New("no second person may review here")
)

// The states of a Proposal.
const (
	ProposalOpen      = "open"
	ProposalAccepted  = "accepted"
	ProposalRejected  = "rejected"
	ProposalWithdrawn = "withdrawn" // a later laboratory result says otherwise
)

// NewProposal is what a laboratory result says of the reference it could become.
type NewProposal struct {
	Tier        library.Tier
	ReferenceID string // see library.Reference.ContentID
}

// Proposal is a scan that may become a reference, because a laboratory says that its sample is one pure substance.
type Proposal struct {
	ID          string           `json:"id" doc:"UUID"`
	Status      string           `json:"status" enum:"open,accepted,rejected,withdrawn" doc:"withdrawn: a later laboratory result of the scan says otherwise"`
	SubstanceID string           `json:"substance_id"`
	Substance   string           `json:"substance"`
	Tier        library.Tier     `json:"tier" doc:"measured; simulated when the scan is"`
	ReferenceID string           `json:"reference_id" doc:"id of the reference in every library"`
	Result      LaboratoryResult `json:"laboratory_result"`
	Decision    *Decision        `json:"decision"`
	Scan        Scan             `json:"scan"`
}

// Decision is what a reviewer said of a Proposal. It is never changed.
type Decision struct {
	Accepted  bool      `json:"accepted"`
	Reason    string    `json:"reason"`
	Alone     bool      `json:"alone" doc:"made by the person who entered the result, because no other person could"`
	DecidedBy string    `json:"decided_by"`
	Decided   time.Time `json:"decided"`
}

// Decide stores the decision on a proposal. Whoever entered the laboratory result may reject the proposal, but accept it
// only with Alone set and when no other user has one of the roles reviewers. What is stored in Alone is what was the case.
// Errors wrap ErrNotFound, ErrInvalid, ErrClosed, ErrSecondPerson, ErrAlone, ErrElsewhere, ErrMarked or ErrFull.
func (s *Store) Decide(ctx context.Context, id string, d Decision, reviewers []string) error {
	if err := ValidText("reason", d.Reason); err != nil {
		return err
	}
	see, args, err := visible(ctx, "s")
	if err != nil {
		return err
	}
	err = s.write(ctx, func(tx queries) error {
		var status, enteredBy, agency string
		var level int
		err := tx.QueryRowContext(ctx, "SELECT v.status, v.entered_by, s.agency, s.tlp FROM proposals v JOIN scans s ON s.id = v.scan_id WHERE v.id = ? AND "+see,
			append([]any{id}, args...)...).Scan(&status, &enteredBy, &agency, &level)
		if errors.Is(err, sql.ErrNoRows) {
			return ErrNotFound
		}
		if err == nil {
			err = mine(ctx, agency)
		}
		if err != nil {
			return err
		}
		if status != ProposalOpen {
			return fmt.Errorf("it %w: it is %s", ErrClosed, status)
		}
		if d.Accepted && level > tlp.Amber.Rank() { // it was marked anew since
			return fmt.Errorf("the library is seen by every agency, and its scan is marked %s: %w", tlp.OfRank(level), ErrMarked)
		}
		asked := d.Alone
		if d.Alone = false; d.Accepted {
			if d.Alone, err = secondPerson(ctx, tx, enteredBy, d.DecidedBy, asked, reviewers, Bucket{agency, level}); err != nil {
				return err
			}
		}
		if strings.TrimSpace(d.Reason) == "" && (!d.Accepted || d.Alone) {
			return fmt.Errorf("%w: a reason is needed to reject a proposal, and to accept one alone", ErrInvalid)
		}
		if _, err = tx.ExecContext(ctx, `INSERT INTO proposal_decisions (proposal_id, accepted, reason, alone, decided_by, decided) VALUES (?,?,?,?,?,?)`,
			id, d.Accepted, d.Reason, d.Alone, d.DecidedBy, micros(d.Decided)); err != nil {
			return err
		}
		return tx.logBound(ctx, audit.Alter, "decision", id, map[string]any{"accepted": d.Accepted, "alone": d.Alone})
	})
	if err != nil {
		return fmt.Errorf("decide on proposal %s: %w", id, err)
	}
	return nil
}

// OtherReviewers returns the users with one of the roles, but not name, who may see a scan of their agency, in order.
func (s *Store) OtherReviewers(ctx context.Context, name string, roles []string, sc Scan) ([]string, error) {
	return otherReviewers(ctx, s.r, name, roles, Bucket{sc.Agency, sc.TLP.Rank()})
}

func otherReviewers(ctx context.Context, q queries, name string, roles []string, of Bucket) ([]string, error) {
	if len(roles) == 0 {
		return nil, nil
	}
	args := []any{name, of.Agency, of.Rank}
	for _, r := range roles {
		args = append(args, r)
	}
	rows, err := q.QueryContext(ctx, "SELECT name FROM users WHERE name <> ? AND agency = ? AND clearance >= ? AND locked IS NULL AND role IN ("+marks(len(roles))+") ORDER BY name", args...)
	if err != nil {
		return nil, fmt.Errorf("read reviewers: %w", err)
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var n string
		if err := rows.Scan(&n); err != nil {
			return nil, fmt.Errorf("read reviewers: %w", err)
		}
		out = append(out, n)
	}
	return out, rows.Err()
}

// marks is n placeholders.
func marks(n int) string { return strings.TrimSuffix(strings.Repeat("?,", n), ",") }

// Proposal returns one proposal; ErrNotFound when there is none.
func (s *Store) Proposal(ctx context.Context, id string) (Proposal, error) {
	ps, err := s.proposals(ctx, "v.id = ?", []any{id}, 1)
	if err == nil && len(ps) == 0 {
		err = fmt.Errorf("proposal %s: %w", id, ErrNotFound)
	}
	if err != nil {
		return Proposal{}, err
	}
	return ps[0], nil
}

// Proposals returns up to limit proposals of a status ("": all), open ones first, of each the newest first.
func (s *Store) Proposals(ctx context.Context, status string, limit int) ([]Proposal, error) {
	if status == "" {
		return s.proposals(ctx, "TRUE", nil, limit)
	}
	return s.proposals(ctx, "v.status = ?", []any{status}, limit)
}

// ProposalPage is the same in pages; ErrInvalid for a cursor that it did not give.
func (s *Store) ProposalPage(ctx context.Context, status, cursor string, limit int) ([]Proposal, string, error) {
	cond, args, err := list{table: "proposals", id: "id", alias: "v", part: "CASE WHEN v.status = 'open' THEN 0 ELSE 1 END"}.after(cursor)
	if err != nil {
		return nil, "", err
	}
	if status != "" {
		cond, args = cond+" AND v.status = ?", append(args, status)
	}
	ps, err := s.proposals(ctx, cond, args, limit+1)
	ps, next := page(ps, limit, func(p Proposal) (string, bool) { return p.ID, p.Status != ProposalOpen })
	return ps, next, err
}

func (s *Store) proposals(ctx context.Context, cond string, args []any, limit int) ([]Proposal, error) {
	see, seeArgs, err := visible(ctx, "s")
	if err != nil {
		return nil, err
	}
	rows, err := s.r.QueryContext(ctx, `SELECT v.id, v.status, v.substance_id, v.substance, v.tier, v.reference_id, v.result_id, v.scan_id,
			d.accepted, d.reason, d.alone, d.decided_by, d.decided
		FROM proposals v JOIN scans s ON s.id = v.scan_id LEFT JOIN proposal_decisions d ON d.proposal_id = v.id
		WHERE `+see+" AND "+cond+` ORDER BY v.status <> 'open', v.seq DESC LIMIT ?`, slices.Concat(seeArgs, args, []any{limit})...)
	if err != nil {
		return nil, fmt.Errorf("read proposals: %w", err)
	}
	defer rows.Close()
	out := []Proposal{}
	for rows.Next() {
		var p Proposal
		var accepted, alone sql.NullBool
		var reason, by sql.NullString
		var decided sql.NullInt64
		if err := rows.Scan(&p.ID, &p.Status, &p.SubstanceID, &p.Substance, &p.Tier, &p.ReferenceID, &p.Result.ID, &p.Scan.ID,
			&accepted, &reason, &alone, &by, &decided); err != nil {
			return nil, fmt.Errorf("read proposals: %w", err)
		}
		if by.Valid {
			p.Decision = &Decision{Accepted: accepted.Bool, Reason: reason.String, Alone: alone.Bool, DecidedBy: by.String, Decided: fromMicros(decided.Int64)}
		}
		out = append(out, p)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return nil, fmt.Errorf("read proposals: %w", err)
	}
	return out, s.completeProposals(ctx, out)
}

// completeProposals fills in scans and results of proposals that may be seen.
func (s *Store) completeProposals(ctx context.Context, ps []Proposal) error {
	for i := range ps {
		scans, err := s.scans(ctx, "WHERE s.id = ?", ps[i].Scan.ID)
		if err != nil {
			return err
		}
		results, err := laboratoryResults(ctx, s.r, "r.id = ?", ps[i].Result.ID)
		if err != nil {
			return err
		}
		ps[i].Scan, ps[i].Result = scans[0], results[0]
	}
	return nil
}

// Accepted is what a learned library must hold: the accepted proposals whose ground still stands, without their scans.
type Accepted struct {
	ProposalID, ScanID, SubstanceID, ReferenceID string
}

// Accepted returns the references the learned library must hold, in the order they were proposed; to the program itself only.
func (s *Store) Accepted(ctx context.Context) ([]Accepted, error) {
	if err := onlyProgram(ctx); err != nil {
		return nil, err
	}
	rows, err := s.r.QueryContext(ctx, `SELECT id, scan_id, substance_id, reference_id FROM proposals WHERE status = 'accepted' ORDER BY seq`)
	if err != nil {
		return nil, fmt.Errorf("read accepted references: %w", err)
	}
	defer rows.Close()
	var out []Accepted
	for rows.Next() {
		var a Accepted
		if err := rows.Scan(&a.ProposalID, &a.ScanID, &a.SubstanceID, &a.ReferenceID); err != nil {
			return nil, fmt.Errorf("read accepted references: %w", err)
		}
		out = append(out, a)
	}
	return out, rows.Err()
}

// LearntElsewhere are the references of a substance that were learnt from scans which whoever asks may not see.
func (s *Store) LearntElsewhere(ctx context.Context, substanceID string) ([]string, error) {
	see, args, err := visible(ctx, "s")
	if err != nil {
		return nil, err
	}
	rows, err := s.r.QueryContext(ctx, "SELECT v.reference_id FROM proposals v JOIN scans s ON s.id = v.scan_id WHERE v.substance_id = ? AND v.status = 'accepted' AND NOT ("+see+")",
		append([]any{substanceID}, args...)...)
	if err != nil {
		return nil, fmt.Errorf("read accepted references: %w", err)
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, fmt.Errorf("read accepted references: %w", err)
		}
		out = append(out, id)
	}
	return out, rows.Err()
}
