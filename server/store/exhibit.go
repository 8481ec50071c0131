package store

import (
	"context"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"fentrace/server/tlp"
)

// The forms of an exhibit.
var Forms = []string{"powder", "tablet", "liquid", "paper", "plant", "residue", "other"}

// Units of quantities.
var Units = []string{"kg", "g", "mg", "l", "ml", "tablets", "pieces", "packages"}

// maxQuantity is the largest one, in any unit.
const maxQuantity = 1e9

// Quantity is how much there is.
type Quantity struct {
	Value       *float64 `json:"value,omitempty" minimum:"0" maximum:"1000000000"`
	Unit        string   `json:"unit,omitempty" enum:"kg,g,mg,l,ml,tablets,pieces,packages"`
	Uncertainty *float64 `json:"uncertainty,omitempty" minimum:"0" maximum:"1000000000" doc:"half width of the 95 % interval, in the unit of the value"`
}

// Exhibit is one version of the record of one thing that was seized; see Seizure.
type Exhibit struct {
	ID        string `json:"id" doc:"UUID"`
	SeizureID string `json:"seizure_id"`
	Marking
	Label      string    `json:"label" doc:"what is written on it; one seizure has it once"`
	Form       string    `json:"form" enum:"powder,tablet,liquid,paper,plant,residue,other"`
	Quantity   *Quantity `json:"quantity"`
	Packaging  string    `json:"packaging"`
	ExpectedAs string    `json:"expected_as" doc:"what it was sold or declared as"`
	Taken      time.Time `json:"taken" doc:"when it was taken into custody"`
	Note       string    `json:"note"`
	Simulated  bool      `json:"simulated" doc:"as its seizure is"`
	Case       string    `json:"case" doc:"case number of its seizure now"`
	Change
}

// ExhibitChange is what a person says of an exhibit; see SeizureChange.
type ExhibitChange struct {
	Label      *string    `json:"label,omitempty" maxLength:"200" doc:"what is written on it; needed for a new one; one seizure has it once"`
	Form       *string    `json:"form,omitempty" enum:"powder,tablet,liquid,paper,plant,residue,other" doc:"needed for a new one"`
	Quantity   *Quantity  `json:"quantity,omitempty" doc:"replaced as a whole; {} takes it away"`
	Packaging  *string    `json:"packaging,omitempty" maxLength:"200"`
	ExpectedAs *string    `json:"expected_as,omitempty" maxLength:"200" doc:"what it was sold or declared as"`
	Taken      *time.Time `json:"taken,omitempty" doc:"when it was taken into custody; the time of the seizure for a new one that does not say"`
	Note       *string    `json:"note,omitempty" maxLength:"2000"`
	TLP        *tlp.Level `json:"tlp,omitempty" enum:"clear,green,amber,amber+strict,red" doc:"marking, at most your clearance; that of the seizure for a new one that does not say"`
}

func (c ExhibitChange) apply(x *Exhibit) {
	trimmed(&x.Label, c.Label)
	trimmed(&x.Form, c.Form)
	if c.Quantity != nil {
		x.Quantity = nil
		if *c.Quantity != (Quantity{}) {
			q := *c.Quantity
			x.Quantity = &q
		}
	}
	trimmed(&x.Packaging, c.Packaging)
	trimmed(&x.ExpectedAs, c.ExpectedAs)
	instantOf(&x.Taken, c.Taken)
	trimmed(&x.Note, c.Note)
	if c.TLP != nil {
		x.TLP = *c.TLP
	}
}

func (q *Quantity) validate() error {
	if q == nil {
		return nil
	}
	inside := func(v *float64) bool { return v == nil || *v >= 0 && *v <= maxQuantity && !math.IsNaN(*v) }
	switch {
	case q.Value == nil:
		return badField("quantity", "has no value")
	case !slices.Contains(Units, q.Unit):
		return badField("quantity", "has the unit %.40q, which is none of %s", q.Unit, strings.Join(Units, ", "))
	case !inside(q.Value):
		return badField("quantity", "%g is outside 0 to %g", *q.Value, float64(maxQuantity))
	case !inside(q.Uncertainty):
		return badField("quantity", "has the uncertainty %g, which is outside 0 to %g", *q.Uncertainty, float64(maxQuantity))
	}
	return nil
}

func (x *Exhibit) validate(p Principal, now time.Time) error {
	if x.Label == "" {
		return badField("label", "is needed: what is written on the exhibit, such as 1A")
	}
	for _, t := range []struct{ name, value string }{{"label", x.Label}, {"packaging", x.Packaging}, {"expected_as", x.ExpectedAs}} {
		if err := ValidText(t.name, t.value); err != nil {
			return err
		}
	}
	if !slices.Contains(Forms, x.Form) {
		return badField("form", "%.40q is none of %s", x.Form, strings.Join(Forms, ", "))
	}
	if err := x.Quantity.validate(); err != nil {
		return err
	}
	if err := ValidNote("note", x.Note); err != nil {
		return err
	}
	if err := validTime("taken", x.Taken, now); err != nil {
		return err
	}
	return validMarking(p, &x.TLP)
}

// AddExhibit stores a new exhibit of a seizure; see AddSeizure. Errors also wrap ErrNotFound, ErrElsewhere, and ErrExists when the seizure
// has an exhibit with that label.
func (s *Store) AddExhibit(ctx context.Context, seizureID string, c ExhibitChange, key Key, now time.Time) (x Exhibit, created bool, err error) {
	p, _, err := actor(ctx)
	if err != nil {
		return Exhibit{}, false, err
	}
	err = s.write(ctx, func(tx queries) error {
		z, err := seizure(ctx, tx, seizureID)
		if err != nil {
			return err
		}
		if err := mine(ctx, z.Agency); err != nil {
			return err
		}
		x = Exhibit{ID: uuid.NewString(), SeizureID: z.ID, Marking: z.Marking, Taken: z.Seized, Simulated: z.Simulated, Case: z.Case,
			Change: Change{Version: 1, By: p.User, At: now.UTC().Truncate(time.Microsecond)}}
		c.apply(&x)
		if err := x.validate(p, now); err != nil {
			return err
		}
		made, _, err := madeBefore(ctx, tx, key, x.ID, struct {
			Seizure string
			Exhibit ExhibitChange
		}{seizureID, c}, now)
		if err != nil {
			return err
		}
		if created = made == ""; !created {
			x, err = exhibit(ctx, tx, made)
			return err
		}
		return insertExhibit(ctx, tx, x)
	})
	if err != nil {
		return Exhibit{}, false, fmt.Errorf("store exhibit: %w", err)
	}
	return x, created, nil
}

// AmendExhibit adds the next version of an exhibit; see AmendSeizure.
func (s *Store) AmendExhibit(ctx context.Context, id string, version int, c ExhibitChange, reason string, now time.Time) (x Exhibit, err error) {
	p, _, err := actor(ctx)
	if err != nil {
		return Exhibit{}, err
	}
	reason = strings.TrimSpace(reason)
	if err := validReason(reason); err != nil {
		return Exhibit{}, err
	}
	err = s.write(ctx, func(tx queries) error {
		last, err := exhibit(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := mine(ctx, last.Agency); err != nil {
			return err
		}
		x = last
		if last.Version != version {
			base, err := exhibits(ctx, tx, "exhibits", "x.id = ? AND x.version = ?", []any{id, version}, "")
			if err == nil && len(base) == 1 && last.follows(version, p, reason) {
				c.apply(&base[0])
				if base[0].Change = last.Change; reflect.DeepEqual(base[0], last) {
					return nil
				}
			}
			return &StaleError{What: "exhibit", Now: last.Change}
		}
		c.apply(&x)
		if reflect.DeepEqual(x, last) {
			return fmt.Errorf("%w: nothing is different from version %d", ErrInvalid, version)
		}
		if err := x.validate(p, now); err != nil {
			return err
		}
		x.Change = last.next(p, reason, now)
		return insertExhibit(ctx, tx, x)
	})
	if err != nil {
		return Exhibit{}, fmt.Errorf("amend exhibit: %w", err)
	}
	return x, nil
}

// insertExhibit stores a version; ErrExists when another exhibit of the seizure has its label.
func insertExhibit(ctx context.Context, tx queries, x Exhibit) error {
	var taken bool
	if err := tx.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM current_exhibits WHERE seizure_id = ? AND id <> ? AND lower(label) = ?)",
		x.SeizureID, x.ID, asciiLower(x.Label)).Scan(&taken); err != nil {
		return err
	}
	if taken {
		return &FieldError{Field: "label", exists: true,
			Problem: "an exhibit of this seizure has this label; choose another one, or amend that exhibit"}
	}
	var q Quantity
	if x.Quantity != nil {
		q = *x.Quantity
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO exhibits (id, version, seizure_id, agency, tlp, label, form, quantity, unit, uncertainty, packaging, expected_as,
			taken, note, changed_by, changed, reason) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)`,
		x.ID, x.Version, x.SeizureID, x.Agency, x.TLP.Rank(), x.Label, x.Form, q.Value, q.Unit, q.Uncertainty, x.Packaging, x.ExpectedAs,
		micros(x.Taken), x.Note, x.By, micros(x.At), x.Reason); err != nil {
		return err
	}
	return tx.logVersion(ctx, "exhibit", x.ID, x.Change, map[string]any{"seizure": x.SeizureID})
}

// exhibit is the version of an exhibit that counts, if whoever asks may see it and its seizure.
func exhibit(ctx context.Context, q queries, id string) (Exhibit, error) {
	all, err := exhibits(ctx, q, "current_exhibits", "x.id = ?", []any{id}, "")
	if err == nil && len(all) == 0 {
		err = fmt.Errorf("exhibit %s: %w", id, ErrNotFound)
	}
	if err != nil {
		return Exhibit{}, err
	}
	return all[0], nil
}

// seenExhibits is what exhibits are read from: table as x, with their seizure z as it is now, those that whoever asks may see.
func seenExhibits(ctx context.Context, table, cond string, args []any) (string, []any, error) {
	see, seeing, err := visible(ctx, "x")
	if err != nil {
		return "", nil, err
	}
	seeSeizure, seeingSeizure, err := visible(ctx, "z")
	if err != nil {
		return "", nil, err
	}
	return table + " x JOIN current_seizures z ON z.id = x.seizure_id WHERE (" + cond + ") AND " + see + " AND " + seeSeizure,
		slices.Concat(args, seeing, seeingSeizure), nil
}

// exhibits reads versions from table.
func exhibits(ctx context.Context, q queries, table, cond string, args []any, tail string, more ...any) ([]Exhibit, error) {
	from, args, err := seenExhibits(ctx, table, cond, args)
	if err != nil {
		return nil, err
	}
	rows, err := q.QueryContext(ctx, `SELECT x.id, x.version, x.seizure_id, x.agency, x.tlp, x.label, x.form, x.quantity, x.unit, x.uncertainty, x.packaging,
		x.expected_as, x.taken, x.note, x.changed_by, x.changed, x.reason, z.simulated, z.case_number FROM `+from+" "+tail, append(args, more...)...)
	if err != nil {
		return nil, fmt.Errorf("read exhibits: %w", err)
	}
	defer rows.Close()
	out := []Exhibit{}
	for rows.Next() {
		var x Exhibit
		var amount Quantity
		var rank int
		var taken, at int64
		if err := rows.Scan(&x.ID, &x.Version, &x.SeizureID, &x.Agency, &rank, &x.Label, &x.Form, &amount.Value, &amount.Unit, &amount.Uncertainty, &x.Packaging,
			&x.ExpectedAs, &taken, &x.Note, &x.By, &at, &x.Reason, &x.Simulated, &x.Case); err != nil {
			return nil, fmt.Errorf("read exhibits: %w", err)
		}
		x.TLP, x.Taken, x.At = tlp.OfRank(rank), fromMicros(taken), fromMicros(at)
		if amount.Value != nil {
			x.Quantity = &amount
		}
		out = append(out, x)
	}
	return out, rows.Err()
}

// Exhibit returns the version of an exhibit that counts; ErrNotFound when there is none that whoever asks may see.
func (s *Store) Exhibit(ctx context.Context, id string) (Exhibit, error) {
	return exhibit(ctx, s.r, id)
}

// ExhibitVersions returns the versions of an exhibit that whoever asks may see, the original first; ErrNotFound as with Exhibit.
func (s *Store) ExhibitVersions(ctx context.Context, id string) ([]Exhibit, error) {
	if _, err := s.Exhibit(ctx, id); err != nil {
		return nil, err
	}
	return exhibits(ctx, s.r, "exhibits", "x.id = ?", []any{id}, "ORDER BY x.version")
}

// ExhibitVersionPage is the same in pages; ErrInvalid for a cursor that it did not give.
func (s *Store) ExhibitVersionPage(ctx context.Context, id, cursor string, limit int) ([]Exhibit, string, error) {
	if _, err := s.Exhibit(ctx, id); err != nil {
		return nil, "", err
	}
	after, err := afterVersion(cursor)
	if err != nil {
		return nil, "", err
	}
	versions, err := exhibits(ctx, s.r, "exhibits", "x.id = ? AND x.version > ?", []any{id, after}, "ORDER BY x.version LIMIT ?", limit+1)
	versions, next := cutPage(versions, limit, func(x Exhibit) (int64, string) { return int64(x.Version), "" })
	return versions, next, err
}

// ExhibitFilter narrows a list of exhibits. Zero fields do not narrow.
type ExhibitFilter struct {
	Seizure, Form string
	Simulated     *bool
	Text          string // part of label, what it was expected as, packaging, note or case
}

// ExhibitPage is one part of a list, taken last first.
type ExhibitPage struct {
	Exhibits []Exhibit
	Next     string
	Total    int
}

// Exhibits lists exhibits as Seizures lists seizures, by the time they were taken.
func (s *Store) Exhibits(ctx context.Context, f ExhibitFilter, limit int, cursor string) (ExhibitPage, error) {
	conds, args := []string{"TRUE"}, []any{}
	add := func(cond string, a ...any) { conds, args = append(conds, cond), append(args, a...) }
	if f.Seizure != "" {
		add("x.seizure_id = ?", f.Seizure)
	}
	if f.Form != "" {
		add("x.form = ?", f.Form)
	}
	if f.Simulated != nil {
		add("z.simulated = ?", *f.Simulated)
	}
	if f.Text != "" {
		like := likeText(f.Text)
		var ors []string
		for _, c := range []string{"x.label", "x.expected_as", "x.packaging", "x.note", "z.case_number"} {
			ors, args = append(ors, "lower("+c+`) LIKE ? ESCAPE '\'`), append(args, like)
		}
		add("(" + strings.Join(ors, " OR ") + ")")
	}
	cond := strings.Join(conds, " AND ")
	from, counting, err := seenExhibits(ctx, "current_exhibits", cond, args)
	if err != nil {
		return ExhibitPage{}, err
	}
	var p ExhibitPage
	if err := s.r.QueryRowContext(ctx, "SELECT count(*) FROM "+from, counting...).Scan(&p.Total); err != nil {
		return ExhibitPage{}, fmt.Errorf("count exhibits: %w", err)
	}
	if cond, args, err = after(cond, args, cursor, "x", "taken"); err != nil {
		return ExhibitPage{}, err
	}
	if p.Exhibits, err = exhibits(ctx, s.r, "current_exhibits", cond, args, "ORDER BY x.taken DESC, x.id DESC LIMIT ?", limit+1); err != nil {
		return ExhibitPage{}, err
	}
	if len(p.Exhibits) > limit {
		p.Exhibits = p.Exhibits[:limit]
		p.Next = formatCursor(micros(p.Exhibits[limit-1].Taken), p.Exhibits[limit-1].ID)
	}
	return p, nil
}
