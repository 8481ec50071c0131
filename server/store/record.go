package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"fentrace/server/audit"
	"fentrace/server/tlp"
)

// ErrStale: somebody has amended a record since the version that was to be amended. The error is a *StaleError.
var ErrStale = errors.New("was amended meanwhile")

// StaleError says which version of a record counts now, who made it and when.
type StaleError struct {
	What string // seizure, exhibit, scan
	Now  Change
}

func (e *StaleError) Error() string {
	return fmt.Sprintf("the %s %s: version %d by %s at %s counts now; nothing of yours was stored. Look at that version and amend it",
		e.What, ErrStale, e.Now.Version, e.Now.By, e.Now.At.UTC().Format(time.RFC3339))
}

// Is makes errors.Is(err, ErrStale) true.
func (e *StaleError) Is(target error) bool { return target == ErrStale }

// FieldError says what is wrong with one field of a record, by its JSON name. It is an ErrInvalid, or an ErrExists.
type FieldError struct {
	Field, Problem string
	exists         bool // another record has it
}

func (e *FieldError) Error() string { return e.Unwrap().Error() + ": " + e.Problem }

// Unwrap is ErrInvalid or ErrExists.
func (e *FieldError) Unwrap() error {
	if e.exists {
		return ErrExists
	}
	return ErrInvalid
}

// badField is a FieldError whose text begins with the name of the field.
func badField(name, format string, args ...any) error {
	return &FieldError{Field: name, Problem: name + " " + fmt.Sprintf(format, args...)}
}

// Change is who made a version of a record, when and why.
type Change struct {
	Version int       `json:"version" doc:"counts from 1, the original"`
	By      string    `json:"changed_by" doc:"the account, or the part of the program, that made this version"`
	At      time.Time `json:"changed"`
	Reason  string    `json:"reason" doc:"why it was amended; empty for the original"`
}

// Marking is whose a record is and who may see it.
type Marking struct {
	Agency string    `json:"agency" doc:"id of the agency it belongs to"`
	TLP    tlp.Level `json:"tlp" enum:"clear,green,amber,amber+strict,red" doc:"marking by the Traffic Light Protocol 2.0"`
}

// MaxLead is how far ahead of the clock of this server a time may lie that a person states.
const MaxLead = 24 * time.Hour

// ValidNote reports a note that is too long, not UTF-8 or holds control characters other than ends of lines and tabs.
func ValidNote(name, value string) error {
	switch {
	case !utf8.ValidString(value):
		return badField(name, "is not UTF-8 text")
	case utf8.RuneCountInString(value) > MaxNote:
		return badField(name, "is longer than %d characters", MaxNote)
	case strings.ContainsFunc(value, func(c rune) bool { return c < ' ' && c != '\n' && c != '\t' || c == 0x7f }):
		return badField(name, "holds control characters")
	}
	return nil
}

func validReason(reason string) error {
	if reason == "" {
		return badField("reason", "is needed: say why it is amended; the original is kept beside it")
	}
	return ValidNote("reason", reason)
}

// validTime checks a time that a person states; now is that of this server.
func validTime(name string, t, now time.Time) error {
	switch {
	case t.IsZero():
		return badField(name, "is needed: an RFC 3339 time with zone")
	case t.Year() < 1900:
		return badField(name, "%s is before 1900", t.Format(time.RFC3339))
	case t.After(now.Add(MaxLead)):
		return badField(name, "%s lies in the future; it is %s now", t.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	}
	return nil
}

// validMarking checks how a record is to be marked by whoever asks; an empty marking is AMBER.
func validMarking(p Principal, level *tlp.Level) error {
	if *level == "" {
		*level = tlp.Amber
	}
	if !slices.Contains(tlp.Levels, *level) {
		return badField("tlp", "%.40q is none of clear, green, amber, amber+strict, red", string(*level))
	}
	if !p.Program && level.Rank() > p.Clearance.Rank() {
		return badField("tlp", "%s is above your clearance, %s: you could not see the record", *level, p.Clearance)
	}
	return nil
}

// actor is who writes with ctx and for which agency.
func actor(ctx context.Context) (p Principal, agency string, err error) {
	agency, err = holder(ctx)
	p, _ = Asking(ctx)
	return p, agency, err
}

// logVersion notes in the log that a version of a record was made.
func (q queries) logVersion(ctx context.Context, kind, id string, c Change, about map[string]any) error {
	action := audit.Alter
	if c.Version == 1 {
		action = audit.Collect
	}
	return q.logBound(ctx, action, kind, id+"/"+strconv.Itoa(c.Version), about)
}

// afterVersion is the version that a page of versions follows.
func afterVersion(cursor string) (int64, error) {
	if cursor == "" {
		return 0, nil
	}
	version, _, err := parseCursor(cursor)
	return version, err
}

// after adds the condition of a page that begins after cursor, of a list ordered by column and id of alias, newest first.
func after(cond string, args []any, cursor, alias, column string) (string, []any, error) {
	if cursor == "" {
		return cond, args, nil
	}
	at, id, err := parseCursor(cursor)
	return cond + " AND (" + alias + "." + column + ", " + alias + ".id) < (?, ?)", append(slices.Clone(args), at, id), err
}
