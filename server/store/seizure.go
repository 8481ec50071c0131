package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/google/uuid"

	"fentrace/server/tlp"
)

// Seizure is one version of the record of what was seized in one place at one time. Versions are never changed: an amendment adds
// the next, and the last one counts.
type Seizure struct {
	ID string `json:"id" doc:"UUID"`
	Marking
	Case      string    `json:"case" doc:"case number"`
	Location  *Location `json:"location"`
	Seized    time.Time `json:"seized" doc:"when"`
	Officer   string    `json:"officer"`
	Note      string    `json:"note"`
	Simulated bool      `json:"simulated" doc:"made up; scans and exhibits of it are too"`
	Change
}

// SeizureChange is what a person says of a seizure. A field that is nil stays as it is; an empty text takes what was there away.
type SeizureChange struct {
	Case     *string    `json:"case,omitempty" maxLength:"200" doc:"case number"`
	Location *Location  `json:"location,omitempty" doc:"where: a point with its radius, a region, or both; replaced as a whole, {} takes it away"`
	Seized   *time.Time `json:"seized,omitempty" doc:"when; needed for a new seizure, at most a day ahead of the server"`
	Officer  *string    `json:"officer,omitempty" maxLength:"200"`
	Note     *string    `json:"note,omitempty" maxLength:"2000"`
	TLP      *tlp.Level `json:"tlp,omitempty" enum:"clear,green,amber,amber+strict,red" doc:"marking, at most your clearance; AMBER for a new one that does not say"`
}

// NewSeizure is what is said of a new one.
type NewSeizure struct {
	SeizureChange
	Simulated bool `json:"simulated,omitempty" doc:"made up, for training; cannot be amended"`
}

func trimmed(into *string, from *string) {
	if from != nil {
		*into = strings.TrimSpace(*from)
	}
}

// instantOf is a time as the store keeps it.
func instantOf(into *time.Time, from *time.Time) {
	if from != nil {
		*into = from.UTC().Truncate(time.Microsecond)
	}
}

func locationOf(into **Location, from *Location) {
	if from == nil {
		return
	}
	*into = nil
	if *from != (Location{}) {
		l := *from
		l.County, l.State, l.FIPS = strings.TrimSpace(l.County), strings.TrimSpace(l.State), strings.TrimSpace(l.FIPS)
		*into = &l
	}
}

func (c SeizureChange) apply(z *Seizure) {
	trimmed(&z.Case, c.Case)
	locationOf(&z.Location, c.Location)
	instantOf(&z.Seized, c.Seized)
	trimmed(&z.Officer, c.Officer)
	trimmed(&z.Note, c.Note)
	if c.TLP != nil {
		z.TLP = *c.TLP
	}
}

// validate checks a version that p wants to store, and fills in the marking.
func (z *Seizure) validate(p Principal, now time.Time) error {
	f := Fields{Case: z.Case, Officer: z.Officer}
	if z.Location != nil {
		f.Location = *z.Location
	}
	if err := f.Validate(); err != nil {
		return err
	}
	if err := ValidNote("note", z.Note); err != nil {
		return err
	}
	if err := validTime("seized", z.Seized, now); err != nil {
		return err
	}
	return validMarking(p, &z.TLP)
}

const seizureColumns = `z.id, z.version, z.agency, z.tlp, z.case_number, z.seized, z.latitude, z.longitude, z.precision_m, z.county, z.state, z.fips,
	z.officer, z.note, z.simulated, z.changed_by, z.changed, z.reason`

// AddSeizure stores a new seizure for the agency of who asks. With a key, a request that comes again is given what the first one made;
// created is false then. Errors wrap ErrInvalid, ErrKeyUsed, ErrNobody or ErrFull.
func (s *Store) AddSeizure(ctx context.Context, n NewSeizure, key Key, now time.Time) (z Seizure, created bool, err error) {
	p, agency, err := actor(ctx)
	if err != nil {
		return Seizure{}, false, err
	}
	z = Seizure{ID: uuid.NewString(), Marking: Marking{Agency: agency}, Simulated: n.Simulated,
		Change: Change{Version: 1, By: p.User, At: now.UTC().Truncate(time.Microsecond)}}
	n.apply(&z)
	if err := z.validate(p, now); err != nil {
		return Seizure{}, false, err
	}
	err = s.write(ctx, func(tx queries) error {
		made, _, err := madeBefore(ctx, tx, key, z.ID, struct{ Seizure NewSeizure }{n}, now)
		if err != nil {
			return err
		}
		if created = made == ""; !created {
			z, err = seizure(ctx, tx, made)
			return err
		}
		return insertSeizure(ctx, tx, z)
	})
	if err != nil {
		return Seizure{}, false, fmt.Errorf("store seizure: %w", err)
	}
	return z, created, nil
}

// AmendSeizure adds the next version of a seizure of which version counts. When the same person has done the very same before, the version
// made then is returned. Errors wrap ErrNotFound, ErrElsewhere, ErrInvalid, ErrStale or ErrFull.
func (s *Store) AmendSeizure(ctx context.Context, id string, version int, c SeizureChange, reason string, now time.Time) (z Seizure, err error) {
	p, _, err := actor(ctx)
	if err != nil {
		return Seizure{}, err
	}
	reason = strings.TrimSpace(reason)
	if err := validReason(reason); err != nil {
		return Seizure{}, err
	}
	err = s.write(ctx, func(tx queries) error {
		last, err := seizure(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := mine(ctx, last.Agency); err != nil {
			return err
		}
		z = last
		if last.Version != version {
			if again, err := seizureVersion(ctx, tx, id, version); err == nil && last.follows(version, p, reason) {
				c.apply(&again)
				if again.Change = last.Change; reflect.DeepEqual(again, last) {
					return nil
				}
			}
			return &StaleError{What: "seizure", Now: last.Change}
		}
		c.apply(&z)
		if reflect.DeepEqual(z, last) {
			return fmt.Errorf("%w: nothing is different from version %d", ErrInvalid, version)
		}
		if err := z.validate(p, now); err != nil {
			return err
		}
		z.Change = last.next(p, reason, now)
		return insertSeizure(ctx, tx, z)
	})
	if err != nil {
		return Seizure{}, fmt.Errorf("amend seizure: %w", err)
	}
	return z, nil
}

// follows: this is the amendment of version that p made for that reason.
func (c Change) follows(version int, p Principal, reason string) bool {
	return c.Version == version+1 && c.By == p.User && c.Reason == reason
}

// next is the amendment of this version that p makes now.
func (c Change) next(p Principal, reason string, now time.Time) Change {
	return Change{Version: c.Version + 1, By: p.User, At: now.UTC().Truncate(time.Microsecond), Reason: reason}
}

func insertSeizure(ctx context.Context, tx queries, z Seizure) error {
	var l Location
	if z.Location != nil {
		l = *z.Location
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO seizures (id, version, agency, tlp, case_number, seized, latitude, longitude, precision_m, county, state, fips,
			officer, note, simulated, changed_by, changed, reason) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)`,
		z.ID, z.Version, z.Agency, z.TLP.Rank(), z.Case, micros(z.Seized), l.Latitude, l.Longitude, l.PrecisionM, l.County, l.State, l.FIPS,
		z.Officer, z.Note, z.Simulated, z.By, micros(z.At), z.Reason); err != nil {
		return err
	}
	return tx.logVersion(ctx, "seizure", z.ID, z.Change, nil)
}

// seizure is the version of a seizure that counts, if whoever asks may see it.
func seizure(ctx context.Context, q queries, id string) (Seizure, error) {
	all, err := seizures(ctx, q, "current_seizures", "z.id = ?", []any{id}, "")
	if err == nil && len(all) == 0 {
		err = fmt.Errorf("seizure %s: %w", id, ErrNotFound)
	}
	if err != nil {
		return Seizure{}, err
	}
	return all[0], nil
}

func seizureVersion(ctx context.Context, q queries, id string, version int) (Seizure, error) {
	all, err := seizures(ctx, q, "seizures", "z.id = ? AND z.version = ?", []any{id, version}, "")
	if err == nil && len(all) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return Seizure{}, err
	}
	return all[0], nil
}

// seizures reads versions from table, those that whoever asks may see.
func seizures(ctx context.Context, q queries, table, cond string, args []any, tail string, more ...any) ([]Seizure, error) {
	see, seeing, err := visible(ctx, "z")
	if err != nil {
		return nil, err
	}
	all := append(append(append([]any{}, args...), seeing...), more...)
	rows, err := q.QueryContext(ctx, "SELECT "+seizureColumns+" FROM "+table+" z WHERE ("+cond+") AND "+see+" "+tail, all...)
	if err != nil {
		return nil, fmt.Errorf("read seizures: %w", err)
	}
	defer rows.Close()
	out := []Seizure{}
	for rows.Next() {
		var z Seizure
		var l Location
		var rank int
		var seized, at int64
		if err := rows.Scan(&z.ID, &z.Version, &z.Agency, &rank, &z.Case, &seized, &l.Latitude, &l.Longitude, &l.PrecisionM, &l.County, &l.State, &l.FIPS,
			&z.Officer, &z.Note, &z.Simulated, &z.By, &at, &z.Reason); err != nil {
			return nil, fmt.Errorf("read seizures: %w", err)
		}
		z.TLP, z.Seized, z.At = tlp.OfRank(rank), fromMicros(seized), fromMicros(at)
		locationOf(&z.Location, &l)
		out = append(out, z)
	}
	return out, rows.Err()
}

// Seizure returns the version of a seizure that counts; ErrNotFound when there is none that whoever asks may see.
func (s *Store) Seizure(ctx context.Context, id string) (Seizure, error) {
	return seizure(ctx, s.r, id)
}

// SeizureVersions returns the versions of a seizure that whoever asks may see, the original first; ErrNotFound as with Seizure.
func (s *Store) SeizureVersions(ctx context.Context, id string) ([]Seizure, error) {
	if _, err := s.Seizure(ctx, id); err != nil {
		return nil, err
	}
	return seizures(ctx, s.r, "seizures", "z.id = ?", []any{id}, "ORDER BY z.version")
}

// SeizureVersionPage is the same in pages; ErrInvalid for a cursor that it did not give.
func (s *Store) SeizureVersionPage(ctx context.Context, id, cursor string, limit int) ([]Seizure, string, error) {
	if _, err := s.Seizure(ctx, id); err != nil {
		return nil, "", err
	}
	after, err := afterVersion(cursor)
	if err != nil {
		return nil, "", err
	}
	versions, err := seizures(ctx, s.r, "seizures", "z.id = ? AND z.version > ?", []any{id, after}, "ORDER BY z.version LIMIT ?", limit+1)
	versions, next := cutPage(versions, limit, func(z Seizure) (int64, string) { return int64(z.Version), "" })
	return versions, next, err
}

// SeizureFilter narrows a list of seizures. Zero fields do not narrow; texts compare without regard to case.
type SeizureFilter struct {
	Case, County, State, Officer string
	From, To                     time.Time // seized: From <= t < To
	Simulated                    *bool
	Text                         string // part of case, officer, place or note
}

func (f SeizureFilter) where() (string, []any) {
	conds, args := []string{"TRUE"}, []any{}
	add := func(cond string, a ...any) { conds, args = append(conds, cond), append(args, a...) }
	for _, eq := range []struct{ column, value string }{{"case_number", f.Case}, {"county", f.County}, {"state", f.State}, {"officer", f.Officer}} {
		if eq.value != "" {
			add("lower(z."+eq.column+") = ?", asciiLower(eq.value))
		}
	}
	if !f.From.IsZero() {
		add("z.seized >= ?", micros(f.From))
	}
	if !f.To.IsZero() {
		add("z.seized < ?", micros(f.To))
	}
	if f.Simulated != nil {
		add("z.simulated = ?", *f.Simulated)
	}
	if f.Text != "" {
		like := likeText(f.Text)
		var ors []string
		for _, c := range []string{"case_number", "officer", "county", "state", "note"} {
			ors, args = append(ors, "lower(z."+c+`) LIKE ? ESCAPE '\'`), append(args, like)
		}
		add("(" + strings.Join(ors, " OR ") + ")")
	}
	return strings.Join(conds, " AND "), args
}

// SeizureItem is a seizure in a list, with what there is of it that whoever asks may see.
type SeizureItem struct {
	Seizure
	Exhibits int `json:"exhibits"`
	Scans    int `json:"scans" doc:"of its exhibits"`
	Alarms   int `json:"alarms" doc:"of these, those with a presumptive alarm"`
}

// SeizurePage is one part of a list, newest seized first.
type SeizurePage struct {
	Seizures []SeizureItem
	Next     string // cursor of the next page; empty on the last
	Total    int    // seizures that match the filter
}

// Seizures returns up to limit seizures after the cursor ("" starts). Pages follow the position (seized, id) of the last one seen, so
// those entered meanwhile never make a later page repeat or skip one. ErrInvalid for a cursor that was not given by it.
func (s *Store) Seizures(ctx context.Context, f SeizureFilter, limit int, cursor string) (SeizurePage, error) {
	cond, args := f.where()
	see, seeing, err := visible(ctx, "z")
	if err != nil {
		return SeizurePage{}, err
	}
	var p SeizurePage
	if err := s.r.QueryRowContext(ctx, "SELECT count(*) FROM current_seizures z WHERE "+cond+" AND "+see, append(append([]any{}, args...), seeing...)...).Scan(&p.Total); err != nil {
		return SeizurePage{}, fmt.Errorf("count seizures: %w", err)
	}
	if cond, args, err = after(cond, args, cursor, "z", "seized"); err != nil {
		return SeizurePage{}, err
	}
	found, err := seizures(ctx, s.r, "current_seizures", cond, args, "ORDER BY z.seized DESC, z.id DESC LIMIT ?", limit+1)
	if err != nil {
		return SeizurePage{}, err
	}
	if len(found) > limit {
		found = found[:limit]
		p.Next = formatCursor(micros(found[limit-1].Seized), found[limit-1].ID)
	}
	p.Seizures = make([]SeizureItem, len(found))
	for i, z := range found {
		p.Seizures[i].Seizure = z
		if err := s.countOf(ctx, &p.Seizures[i]); err != nil {
			return SeizurePage{}, fmt.Errorf("count what is of seizure %s: %w", z.ID, err)
		}
	}
	return p, nil
}

// countOf fills in how many exhibits and scans of a seizure whoever asks may see.
func (s *Store) countOf(ctx context.Context, z *SeizureItem) error {
	see, seeing, err := visible(ctx, "x")
	if err != nil {
		return err
	}
	if err := s.r.QueryRowContext(ctx, "SELECT count(*) FROM current_exhibits x WHERE x.seizure_id = ? AND "+see, append([]any{z.ID}, seeing...)...).Scan(&z.Exhibits); err != nil {
		return err
	}
	if z.Exhibits == 0 {
		return nil
	}
	seeScan, seeingScan, err := visible(ctx, "s")
	if err != nil {
		return err
	}
	args := append(append([]any{z.ID}, seeing...), seeingScan...)
	var alarms sql.NullInt64
	err = s.r.QueryRowContext(ctx, `SELECT count(*), sum(CASE s.verdict WHEN 'alarm' THEN 1 ELSE 0 END) FROM current_exhibits x
		JOIN scan_entries e ON e.exhibit_id = x.id JOIN scans s ON s.id = e.scan_id WHERE x.seizure_id = ? AND `+see+" AND "+seeScan, args...).Scan(&z.Scans, &alarms)
	z.Alarms = int(alarms.Int64)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	return err
}
