package store

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"fentrace/server/audit"
	"fentrace/server/tlp"
)

// Agency is a tenant: its records are its own.
type Agency struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	Contact string    `json:"contact" doc:"whom another agency may ask"`
	Created time.Time `json:"created"`
	People  int       `json:"people"`
}

// Person is an account as those see it who look after people.
type Person struct {
	Name         string     `json:"name"`
	Role         string     `json:"role"`
	Agency       string     `json:"agency"`
	Clearance    tlp.Level  `json:"clearance" enum:"clear,green,amber,amber+strict,red" doc:"the strictest marking the person may see in the own agency"`
	Created      time.Time  `json:"created"`
	Locked       *time.Time `json:"locked" doc:"since when the account opens nothing; null: it does"`
	Sessions     int        `json:"sessions" doc:"browsers that are logged in"`
	Tokens       int        `json:"tokens" doc:"access tokens"`
	SecondFactor bool       `json:"second_factor"`
}

// PersonChange is what is to become of an account; what is nil stays.
type PersonChange struct {
	Role, Agency *string
	Clearance    *tlp.Level
	Locked       *bool
	// Of is the State that is changed; empty: whatever it is.
	Of string
}

// State says how an account is, as far as it can be changed: another one when role, agency, clearance or lock are.
func (p Person) State() string {
	return hashRow(p.Role, p.Agency, p.Clearance.Rank(), p.Locked != nil)[:16]
}

// checkState is ErrStale when an account is not as it is thought to be.
func checkState(ctx context.Context, tx queries, name, state string) error {
	if state == "" {
		return nil
	}
	var p Person
	var rank int
	var locked *int64
	if err := tx.QueryRowContext(ctx, "SELECT role, agency, clearance, locked FROM users WHERE name = ?", name).Scan(&p.Role, &p.Agency, &rank, &locked); err != nil {
		return err
	}
	p.Clearance, p.Locked = tlp.OfRank(rank), timeOf(locked)
	if p.State() != state {
		return fmt.Errorf("the account %w; nothing of yours was stored. Look at it and change it again", ErrStale)
	}
	return nil
}

// agencyIDs are short, so that they can be typed: letters, digits and hyphens.
var agencyIDs = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,39}$`)

// Agencies are all of them, by name. That they are there is no secret to accounts.
func (s *Store) Agencies(ctx context.Context) ([]Agency, error) {
	rows, err := s.r.QueryContext(ctx, `SELECT a.id, a.name, a.contact, a.created, (SELECT count(*) FROM users u WHERE u.agency = a.id) FROM agencies a ORDER BY a.name, a.id`)
	if err != nil {
		return nil, fmt.Errorf("read agencies: %w", err)
	}
	defer rows.Close()
	out := []Agency{}
	for rows.Next() {
		var a Agency
		var created int64
		if err := rows.Scan(&a.ID, &a.Name, &a.Contact, &created, &a.People); err != nil {
			return nil, fmt.Errorf("read agencies: %w", err)
		}
		a.Created = fromMicros(created)
		out = append(out, a)
	}
	return out, rows.Err()
}

// MaxAgencies is how many agencies there may be: they are listed all at once.
const MaxAgencies = 1000

// PutAgency adds an agency, or with change set gives one another name and contact. Errors wrap ErrInvalid, ErrExists or ErrNotFound.
func (s *Store) PutAgency(ctx context.Context, a Agency, change bool, now time.Time) error {
	if !agencyIDs.MatchString(a.ID) {
		return fmt.Errorf("%w: id %.60q: up to 40 small letters, digits and hyphens are needed", ErrInvalid, a.ID)
	}
	if strings.TrimSpace(a.Name) == "" {
		return fmt.Errorf("%w: name: say what the agency is called", ErrInvalid)
	}
	if err := errors.Join(ValidText("name", a.Name), ValidText("contact", a.Contact)); err != nil {
		return err
	}
	err := s.write(ctx, func(tx queries) error {
		if change {
			if err := one(tx.ExecContext(ctx, "UPDATE agencies SET name = ?, contact = ? WHERE id = ?", a.Name, a.Contact, a.ID)); err != nil {
				return err
			}
			return tx.log(ctx, Entry{Action: audit.Alter, Kind: "agency", ID: a.ID})
		}
		if err := once(ctx, tx, a.ID, now); err != nil {
			return err
		}
		var n int
		if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM agencies").Scan(&n); err != nil {
			return err
		}
		if n >= MaxAgencies {
			return fmt.Errorf("%w: this server has %d agencies, and takes no more", ErrInvalid, n)
		}
		n, err := changed(tx.ExecContext(ctx, "INSERT INTO agencies (id, name, contact, created) VALUES (?,?,?,?) ON CONFLICT DO NOTHING", a.ID, a.Name, a.Contact, micros(now)))
		if err == nil && n == 0 {
			err = ErrExists
		}
		if err != nil {
			return err
		}
		return tx.log(ctx, Entry{Action: audit.Grant, Kind: "agency", ID: a.ID, Detail: map[string]any{"new": true}})
	})
	if asRepeated(err) != nil {
		return nil
	}
	if err != nil {
		return fmt.Errorf("agency %s: %w", a.ID, err)
	}
	return nil
}

// People are the accounts of an agency ("": of all), by name.
func (s *Store) People(ctx context.Context, agency string) ([]Person, error) {
	return s.people(ctx, "(? = '' OR u.agency = ?)", "", agency, agency)
}

// PeoplePage is the same in pages; ErrInvalid for a cursor that it did not give.
func (s *Store) PeoplePage(ctx context.Context, agency, cursor string, limit int) ([]Person, string, error) {
	name := ""
	if cursor != "" {
		var err error
		if _, name, err = parseCursor(cursor); err != nil {
			return nil, "", err
		}
	}
	people, err := s.people(ctx, "(? = '' OR u.agency = ?) AND u.name > ?", "LIMIT ?", agency, agency, name, limit+1)
	people, next := cutPage(people, limit, func(p Person) (int64, string) { return 0, p.Name })
	return people, next, err
}

// Person is one account; ErrNotFound when there is none of that name.
func (s *Store) Person(ctx context.Context, name string) (Person, error) {
	ps, err := s.people(ctx, "u.name = ?", "", name)
	if err == nil && len(ps) == 0 {
		err = fmt.Errorf("user %s: %w", name, ErrNotFound)
	}
	if err != nil {
		return Person{}, err
	}
	return ps[0], nil
}

func (s *Store) people(ctx context.Context, cond, tail string, args ...any) ([]Person, error) {
	rows, err := s.r.QueryContext(ctx, `SELECT u.name, u.role, u.agency, u.clearance, u.created, u.locked, u.totp_on,
			(SELECT count(*) FROM sessions s WHERE s."user" = u.name), (SELECT count(*) FROM tokens t WHERE t."user" = u.name)
		FROM users u WHERE `+cond+" ORDER BY u.name "+tail, args...)
	if err != nil {
		return nil, fmt.Errorf("read people: %w", err)
	}
	defer rows.Close()
	out := []Person{}
	for rows.Next() {
		var p Person
		var rank int
		var created int64
		var locked *int64
		if err := rows.Scan(&p.Name, &p.Role, &p.Agency, &rank, &created, &locked, &p.SecondFactor, &p.Sessions, &p.Tokens); err != nil {
			return nil, fmt.Errorf("read people: %w", err)
		}
		p.Clearance, p.Created, p.Locked = tlp.OfRank(rank), fromMicros(created), timeOf(locked)
		out = append(out, p)
	}
	return out, rows.Err()
}

// AddPerson adds an account. Errors are a *Repeated, or wrap ErrInvalid, ErrKeyUsed, ErrExists, or ErrNotFound when there is no such agency.
func (s *Store) AddPerson(ctx context.Context, u User, now time.Time) error {
	if strings.TrimSpace(u.Name) == "" {
		return fmt.Errorf("%w: name: say what the account is called", ErrInvalid)
	}
	if err := ValidText("name", u.Name); err != nil {
		return err
	}
	err := s.write(ctx, func(tx queries) error {
		if err := thereIs(ctx, tx, u.Agency); err != nil {
			return err
		}
		if err := once(ctx, tx, "the account "+u.Name, now); err != nil {
			return err
		}
		added, err := addUser(ctx, tx, u, now)
		if err == nil && !added {
			err = ErrExists
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("user %s: %w", u.Name, err)
	}
	return nil
}

// thereIs is ErrNotFound when there is no such agency.
func thereIs(ctx context.Context, tx queries, agency string) error {
	var there bool
	err := tx.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM agencies WHERE id = ?)", agency).Scan(&there)
	if err == nil && !there {
		err = fmt.Errorf("agency %.60q: %w; an administrator adds it first", agency, ErrNotFound)
	}
	return err
}

// ChangePerson changes an account. ErrStale when it is not in the state that is to be changed. One that is locked, and one that comes to another agency, is logged out everywhere. Errors wrap
// ErrNotFound.
func (s *Store) ChangePerson(ctx context.Context, name string, c PersonChange, now time.Time) error {
	err := s.write(ctx, func(tx queries) error {
		if err := one(tx.ExecContext(ctx, "UPDATE users SET name = name WHERE name = ?", name)); err != nil {
			return err
		}
		if err := checkState(ctx, tx, name, c.Of); err != nil {
			return err
		}
		set := func(what string, args ...any) error {
			_, err := tx.ExecContext(ctx, "UPDATE users SET "+what+" WHERE name = ?", append(args, name)...)
			return err
		}
		var err error
		if c.Role != nil {
			err = set("role = ?", *c.Role)
		}
		if err == nil && c.Clearance != nil {
			err = set("clearance = ?", c.Clearance.Rank())
		}
		if err == nil && c.Agency != nil {
			if err = thereIs(ctx, tx, *c.Agency); err == nil {
				err = errors.Join(logOut(ctx, tx, name, *c.Agency), set("agency = ?", *c.Agency))
			}
		}
		if err == nil && c.Locked != nil && *c.Locked {
			err = errors.Join(logOut(ctx, tx, name, ""), set("locked = coalesce(locked, ?)", micros(now)))
		}
		if err == nil && c.Locked != nil && !*c.Locked {
			err = set("locked = NULL")
		}
		if err != nil {
			return err
		}
		return tx.logUser(ctx, audit.Grant, name, c.said())
	})
	if err != nil {
		return fmt.Errorf("user %s: %w", name, err)
	}
	return nil
}

// said is the change as the log has it.
func (c PersonChange) said() map[string]any {
	out := map[string]any{}
	if c.Role != nil {
		out["role"] = *c.Role
	}
	if c.Agency != nil {
		out["agency"] = *c.Agency
	}
	if c.Clearance != nil {
		out["clearance"] = *c.Clearance
	}
	if c.Locked != nil {
		out["locked"] = *c.Locked
	}
	return out
}

// logOut ends the sessions and the log-in codes of a user, unless of that agency.
func logOut(ctx context.Context, tx queries, name, agency string) error {
	for _, table := range []string{"sessions", "login_codes"} {
		if _, err := tx.ExecContext(ctx, "DELETE FROM "+table+` WHERE "user" IN (SELECT name FROM users WHERE name = ? AND agency <> ?)`, name, agency); err != nil {
			return err
		}
	}
	return nil
}

// EndSessions logs a user out everywhere.
func (s *Store) EndSessions(ctx context.Context, name string) error {
	return s.write(ctx, func(tx queries) error {
		if err := logOut(ctx, tx, name, ""); err != nil {
			return err
		}
		return tx.logUser(ctx, audit.Revoke, name, map[string]any{"sessions": "all"})
	})
}

// RevokeTokens revokes all access tokens of a user.
func (s *Store) RevokeTokens(ctx context.Context, name string) error {
	return s.write(ctx, func(tx queries) error {
		n, err := changed(tx.ExecContext(ctx, `DELETE FROM tokens WHERE "user" = ?`, name))
		if err != nil {
			return err
		}
		return tx.logUser(ctx, audit.Revoke, name, map[string]any{"tokens": n})
	})
}

// Share is what one agency lets another see.
type Share struct {
	ID         string     `json:"id" doc:"UUID"`
	From       string     `json:"from" doc:"agency whose records they are"`
	To         string     `json:"to" doc:"agency that sees them"`
	TLP        tlp.Level  `json:"tlp" enum:"clear,green,amber" doc:"up to this marking; amber+strict and red never leave their agency, and what is clear or green every account sees without a share"`
	Aggregates bool       `json:"aggregates" doc:"counts only, never records"`
	GrantedBy  string     `json:"granted_by"`
	Granted    time.Time  `json:"granted"`
	RevokedBy  string     `json:"revoked_by"`
	Revoked    *time.Time `json:"revoked" doc:"null: it holds"`
}

// Shares are all shares from or to an agency ("": all), those that hold first, then the newest first.
func (s *Store) Shares(ctx context.Context, agency string) ([]Share, error) {
	return s.shares(ctx, "(? = '' OR from_agency = ? OR to_agency = ?)", "", agency, agency, agency)
}

// SharePage is the same in pages; ErrInvalid for a cursor that it did not give.
func (s *Store) SharePage(ctx context.Context, agency, cursor string, limit int) ([]Share, string, error) {
	cond, args, err := list{table: "shares", id: "id", alias: "shares", part: "CASE WHEN revoked IS NULL THEN 0 ELSE 1 END"}.after(cursor)
	if err != nil {
		return nil, "", err
	}
	shares, err := s.shares(ctx, "(? = '' OR from_agency = ? OR to_agency = ?) AND "+cond, "LIMIT ?", append(append([]any{agency, agency, agency}, args...), limit+1)...)
	shares, next := page(shares, limit, func(sh Share) (string, bool) { return sh.ID, sh.Revoked != nil })
	return shares, next, err
}

// Share is one; ErrNotFound when there is none.
func (s *Store) Share(ctx context.Context, id string) (Share, error) {
	all, err := s.shares(ctx, "id = ?", "", id)
	if err == nil && len(all) == 0 {
		err = fmt.Errorf("share %s: %w", id, ErrNotFound)
	}
	if err != nil {
		return Share{}, err
	}
	return all[0], nil
}

func (s *Store) shares(ctx context.Context, cond, tail string, args ...any) ([]Share, error) {
	rows, err := s.r.QueryContext(ctx, `SELECT id, from_agency, to_agency, tlp, aggregates, granted_by, granted, coalesce(revoked_by, ''), revoked FROM shares
		WHERE `+cond+" ORDER BY revoked IS NOT NULL, seq DESC "+tail, args...)
	if err != nil {
		return nil, fmt.Errorf("read shares: %w", err)
	}
	defer rows.Close()
	out := []Share{}
	for rows.Next() {
		var sh Share
		var rank int
		var granted int64
		var revoked *int64
		if err := rows.Scan(&sh.ID, &sh.From, &sh.To, &rank, &sh.Aggregates, &sh.GrantedBy, &granted, &sh.RevokedBy, &revoked); err != nil {
			return nil, fmt.Errorf("read shares: %w", err)
		}
		sh.TLP, sh.Granted, sh.Revoked = tlp.OfRank(rank), fromMicros(granted), timeOf(revoked)
		out = append(out, sh)
	}
	return out, rows.Err()
}

// AddShare stores what one agency lets another see from now on. Errors are a *Repeated, or wrap ErrInvalid, ErrKeyUsed, or ErrNotFound when there is no such agency.
func (s *Store) AddShare(ctx context.Context, sh Share) error {
	if sh.From == sh.To {
		return fmt.Errorf("%w: to: an agency sees its own records anyway", ErrInvalid)
	}
	if !slices.Contains([]tlp.Level{tlp.Clear, tlp.Green, tlp.Amber}, sh.TLP) {
		return fmt.Errorf("%w: tlp %.40q: share up to clear, green or amber; what is marked amber+strict or red never leaves its agency", ErrInvalid, string(sh.TLP))
	}
	err := s.write(ctx, func(tx queries) error {
		if err := errors.Join(thereIs(ctx, tx, sh.From), thereIs(ctx, tx, sh.To)); err != nil {
			return err
		}
		if err := once(ctx, tx, sh.ID, sh.Granted); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "INSERT INTO shares (id, from_agency, to_agency, tlp, aggregates, granted_by, granted) VALUES (?,?,?,?,?,?,?)",
			sh.ID, sh.From, sh.To, sh.TLP.Rank(), sh.Aggregates, sh.GrantedBy, micros(sh.Granted))
		if err != nil {
			return err
		}
		return tx.log(ctx, Entry{Action: audit.Grant, Kind: "share", ID: sh.ID, Detail: map[string]any{"from": sh.From, "to": sh.To, "tlp": sh.TLP, "aggregates": sh.Aggregates}})
	})
	if err != nil {
		return fmt.Errorf("share: %w", err)
	}
	return nil
}

// RevokeShare ends a share; the row is kept. Errors wrap ErrNotFound, or ErrClosed when it was revoked before.
func (s *Store) RevokeShare(ctx context.Context, id, by string, now time.Time) error {
	err := s.write(ctx, func(tx queries) error {
		if err := one(tx.ExecContext(ctx, "UPDATE shares SET revoked_by = ?, revoked = ? WHERE id = ? AND revoked IS NULL", by, micros(now), id)); err != nil {
			return err
		}
		return tx.log(ctx, Entry{Action: audit.Revoke, Kind: "share", ID: id})
	})
	if errors.Is(err, ErrNotFound) {
		if _, err := s.Share(ctx, id); err != nil {
			return err
		}
		return fmt.Errorf("share %s was revoked before and %w", id, ErrClosed)
	}
	return err
}
