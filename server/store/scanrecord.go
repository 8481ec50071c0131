package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"fentrace/server/audit"
	"fentrace/server/tlp"
)

// ScanRecord is what people have said of a scan since it came: which exhibit it is of, amendments of its circumstances, reviews.
type ScanRecord struct {
	EnteredBy string       `json:"entered_by" doc:"account that brought it; empty when that was not noted"`
	Linked    *LinkedTo    `json:"linked" doc:"the exhibit it is a scan of, as that is now"`
	Version   int          `json:"version" doc:"of its circumstances (place, case, exhibit, officer, marking); 1: never amended"`
	Amended   *Change      `json:"amended" doc:"the amendment that counts"`
	Review    string       `json:"review" enum:",agree,disagree,needs_laboratory" doc:"what a second person said last of the laboratory result that counts, without one of the presumptive answer; empty: it waits"`
	Versions  []ScanChange `json:"versions" doc:"its circumstances, the original first, when they were amended; left out in lists"`
	Reviews   []Review     `json:"reviews" doc:"first one first; left out in lists"`
}

// LinkedTo is the exhibit of a scan, in short.
type LinkedTo struct {
	ExhibitID string `json:"exhibit_id"`
	Label     string `json:"label"`
	Form      string `json:"form"`
	SeizureID string `json:"seizure_id"`
	Case      string `json:"case"`
}

// ScanChange is one version of the circumstances of a scan.
type ScanChange struct {
	TLP       tlp.Level `json:"tlp"`
	Location  *Location `json:"location"`
	Case      string    `json:"case"`
	Exhibit   string    `json:"exhibit"`
	ExhibitID string    `json:"exhibit_id" doc:"of the exhibit it is linked to; empty: none"`
	Officer   string    `json:"officer"`
	Change
}

// ScanAmendment is what a person says of the circumstances of a scan; see SeizureChange. Its bytes, its spectrum and its answer are never
// amended.
type ScanAmendment struct {
	Location  *Location  `json:"location,omitempty" doc:"replaced as a whole; {} takes it away"`
	Case      *string    `json:"case,omitempty" maxLength:"200"`
	Exhibit   *string    `json:"exhibit,omitempty" maxLength:"200"`
	ExhibitID *string    `json:"exhibit_id,omitempty" maxLength:"36" doc:"links it to this exhibit; an empty text ends the link"`
	Officer   *string    `json:"officer,omitempty" maxLength:"200"`
	TLP       *tlp.Level `json:"tlp,omitempty" enum:"clear,green,amber,amber+strict,red" doc:"marking, at most your clearance"`
}

func (a ScanAmendment) apply(c *ScanChange) {
	locationOf(&c.Location, a.Location)
	trimmed(&c.Case, a.Case)
	trimmed(&c.Exhibit, a.Exhibit)
	trimmed(&c.ExhibitID, a.ExhibitID)
	trimmed(&c.Officer, a.Officer)
	if a.TLP != nil {
		c.TLP = *a.TLP
	}
}

// circumstances are those of a scan now, with what else an amendment must know.
type circumstances struct {
	ScanChange
	scan      Marking
	simulated bool
	entered   Change // who brought it, and when it was stored
}

// AmendScan adds the next version of the circumstances of a scan of which version counts; lists, filters, maps and reports follow it. Errors
// as of AmendSeizure.
func (s *Store) AmendScan(ctx context.Context, id string, version int, a ScanAmendment, reason string, now time.Time) (c ScanChange, err error) {
	p, _, err := actor(ctx)
	if err != nil {
		return ScanChange{}, err
	}
	reason = strings.TrimSpace(reason)
	if err := validReason(reason); err != nil {
		return ScanChange{}, err
	}
	err = s.write(ctx, func(tx queries) error {
		last, err := circumstancesOf(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := mine(ctx, last.scan.Agency); err != nil {
			return err
		}
		if c = last.ScanChange; c.Version != version {
			had, err := scanVersions(ctx, tx, id, 0, allVersions)
			if err == nil && last.follows(version, p, reason) && len(had) >= 2 && had[len(had)-2].Version == version {
				base := had[len(had)-2]
				a.apply(&base)
				if base.Change = c.Change; reflect.DeepEqual(base, c) {
					return nil
				}
			}
			return &StaleError{What: "scan", Now: c.Change}
		}
		a.apply(&c)
		if reflect.DeepEqual(c, last.ScanChange) {
			return fmt.Errorf("%w: nothing is different from version %d", ErrInvalid, version)
		}
		if err := c.validate(p); err != nil {
			return err
		}
		if c.ExhibitID != last.ExhibitID {
			if err := linkable(ctx, tx, c.ExhibitID, last.scan.Agency, last.simulated); err != nil {
				return err
			}
		}
		c.Change = last.next(p, reason, now)
		return amendScan(ctx, tx, id, last, c)
	})
	if err != nil {
		return ScanChange{}, fmt.Errorf("amend scan: %w", err)
	}
	return c, nil
}

func (c *ScanChange) validate(p Principal) error {
	f := Fields{Case: c.Case, Exhibit: c.Exhibit, Officer: c.Officer}
	if c.Location != nil {
		f.Location = *c.Location
	}
	if err := f.Validate(); err != nil {
		return err
	}
	return validMarking(p, &c.TLP)
}

// linkable: a scan of that agency may be of the exhibit, which whoever asks sees. An empty id is no exhibit.
func linkable(ctx context.Context, tx queries, exhibitID, agency string, simulated bool) error {
	if exhibitID == "" {
		return nil
	}
	x, err := exhibit(ctx, tx, exhibitID)
	switch {
	case errors.Is(err, ErrNotFound):
		return badField("exhibit_id", "%.40q is no exhibit here", exhibitID)
	case err != nil:
		return err
	case x.Agency != agency:
		return badField("exhibit_id", "is of an exhibit of another agency")
	case x.Simulated && !simulated:
		return badField("exhibit_id", "is of a SIMULATED seizure, and the scan is a real one")
	case simulated && !x.Simulated:
		return badField("exhibit_id", "is of a real seizure, and the scan is SIMULATED")
	}
	return nil
}

// enteredBy is the account on whose behalf a scan is stored; empty for the program itself.
func enteredBy(ctx context.Context) string {
	if p, _ := Asking(ctx); !p.Program {
		return p.User
	}
	return ""
}

// newRecord is that of a scan of which nobody has said anything yet.
func newRecord(enteredBy string) ScanRecord {
	return ScanRecord{EnteredBy: enteredBy, Version: 1, Versions: []ScanChange{}, Reviews: []Review{}}
}

// enterScan notes who brought a scan that was stored just now, and links it.
func enterScan(ctx context.Context, tx queries, sc Scan) error {
	exhibit := ""
	if sc.Linked != nil {
		exhibit = sc.Linked.ExhibitID
		if err := linkable(ctx, tx, exhibit, sc.Agency, sc.Simulated); err != nil {
			return err
		}
	}
	_, err := tx.ExecContext(ctx, "INSERT INTO scan_entries (scan_id, entered_by, exhibit_id) VALUES (?,?,?)", sc.ID, enteredBy(ctx), exhibit)
	return err
}

// circumstancesOf reads those of now; ErrNotFound when there is no such scan that whoever asks may see.
func circumstancesOf(ctx context.Context, q queries, id string) (c circumstances, err error) {
	see, seeing, err := visible(ctx, "s")
	if err != nil {
		return circumstances{}, err
	}
	var l Location
	var rank int
	var created int64
	var version, changed sql.NullInt64
	var by, reason sql.NullString
	err = q.QueryRowContext(ctx, `SELECT s.agency, s.tlp, s.latitude, s.longitude, s.precision_m, s.county, s.state, s.fips, s.case_number, s.exhibit, s.officer,
			s.simulated, s.created, coalesce(e.exhibit_id, ''), coalesce(e.entered_by, ''), v.version, v.changed_by, v.changed, v.reason
		FROM scans s LEFT JOIN scan_entries e ON e.scan_id = s.id
		LEFT JOIN scan_versions v ON v.scan_id = s.id AND v.version = (SELECT max(version) FROM scan_versions WHERE scan_id = s.id)
		WHERE s.id = ? AND `+see, append([]any{id}, seeing...)...).Scan(&c.scan.Agency, &rank, &l.Latitude, &l.Longitude, &l.PrecisionM, &l.County, &l.State, &l.FIPS,
		&c.Case, &c.Exhibit, &c.Officer, &c.simulated, &created, &c.ExhibitID, &c.entered.By, &version, &by, &changed, &reason)
	if errors.Is(err, sql.ErrNoRows) {
		return circumstances{}, fmt.Errorf("scan %s: %w", id, ErrNotFound)
	}
	if err != nil {
		return circumstances{}, err
	}
	c.TLP, c.scan.TLP = tlp.OfRank(rank), tlp.OfRank(rank)
	locationOf(&c.Location, &l)
	c.entered.Version, c.entered.At = 1, fromMicros(created)
	if c.Change = c.entered; version.Valid {
		c.Change = Change{Version: int(version.Int64), By: by.String, At: fromMicros(changed.Int64), Reason: reason.String}
	}
	return c, nil
}

// amendScan stores the version c after last, which is kept as well when it is the first, and makes lists follow it.
func amendScan(ctx context.Context, tx queries, id string, last circumstances, c ScanChange) error {
	kept := []ScanChange{c}
	if last.Version == 1 {
		kept = []ScanChange{last.ScanChange, c}
	}
	var l Location
	for _, v := range kept {
		if l = (Location{}); v.Location != nil {
			l = *v.Location
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO scan_versions (scan_id, version, tlp, latitude, longitude, precision_m, county, state, fips, case_number, exhibit,
				exhibit_id, officer, changed_by, changed, reason) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)`, id, v.Version, v.TLP.Rank(), l.Latitude, l.Longitude,
			l.PrecisionM, l.County, l.State, l.FIPS, v.Case, v.Exhibit, v.ExhibitID, v.Officer, v.By, micros(v.At), v.Reason); err != nil {
			return err
		}
		if err := tx.logBound(ctx, audit.Alter, "scan-version", id+"/"+strconv.Itoa(v.Version), nil); err != nil {
			return err
		}
	}
	if _, err := tx.ExecContext(ctx, `UPDATE scans SET tlp = ?, latitude = ?, longitude = ?, precision_m = ?, county = ?, state = ?, fips = ?, case_number = ?,
			exhibit = ?, officer = ? WHERE id = ?`, c.TLP.Rank(), l.Latitude, l.Longitude, l.PrecisionM, l.County, l.State, l.FIPS, c.Case, c.Exhibit, c.Officer, id); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO scan_entries (scan_id, entered_by, exhibit_id) VALUES (?,?,?)
		ON CONFLICT (scan_id) DO UPDATE SET exhibit_id = excluded.exhibit_id`, id, last.entered.By, c.ExhibitID); err != nil {
		return err
	}
	return tx.logSaid(ctx, id)
}

// ScanVersions returns up to limit versions of the circumstances of a scan after the cursor ("" starts), the original first, those that
// whoever asks may see, and the version that counts; only one when they were never amended. Errors wrap ErrNotFound when there is no such
// scan, and ErrInvalid for a cursor that it did not give.
func (s *Store) ScanVersions(ctx context.Context, id, cursor string, limit int) (versions []ScanChange, now ScanChange, next string, err error) {
	c, err := circumstancesOf(ctx, s.r, id)
	if err != nil {
		return nil, ScanChange{}, "", err
	}
	after, err := afterVersion(cursor)
	if err != nil {
		return nil, ScanChange{}, "", err
	}
	if c.Version == 1 {
		return []ScanChange{c.ScanChange}[min(after, 1):], c.ScanChange, "", nil
	}
	versions, err = scanVersions(ctx, s.r, id, after, limit+1)
	versions, next = cutPage(versions, limit, func(c ScanChange) (int64, string) { return int64(c.Version), "" })
	return versions, c.ScanChange, next, err
}

// allVersions is more than anybody amends.
const allVersions = math.MaxInt32

// scanVersions are up to limit of them behind number after.
func scanVersions(ctx context.Context, q queries, id string, after int64, limit int) ([]ScanChange, error) {
	see, seeing, err := visible(ctx, "v")
	if err != nil {
		return nil, err
	}
	rows, err := q.QueryContext(ctx, `SELECT v.version, v.tlp, v.latitude, v.longitude, v.precision_m, v.county, v.state, v.fips, v.case_number, v.exhibit,
			v.exhibit_id, v.officer, v.changed_by, v.changed, v.reason
		FROM (SELECT w.*, s.agency FROM scan_versions w JOIN scans s ON s.id = w.scan_id WHERE w.scan_id = ?) v WHERE `+see+` AND v.version > ? ORDER BY v.version LIMIT ?`,
		append(append([]any{id}, seeing...), after, limit)...)
	if err != nil {
		return nil, fmt.Errorf("read versions of scan %s: %w", id, err)
	}
	defer rows.Close()
	out := []ScanChange{}
	for rows.Next() {
		var c ScanChange
		var l Location
		var rank int
		var at int64
		if err := rows.Scan(&c.Version, &rank, &l.Latitude, &l.Longitude, &l.PrecisionM, &l.County, &l.State, &l.FIPS, &c.Case, &c.Exhibit,
			&c.ExhibitID, &c.Officer, &c.By, &at, &c.Reason); err != nil {
			return nil, fmt.Errorf("read versions of scan %s: %w", id, err)
		}
		c.TLP, c.At = tlp.OfRank(rank), fromMicros(at)
		locationOf(&c.Location, &l)
		out = append(out, c)
	}
	return out, rows.Err()
}

// recorded fills in, with a few queries for all of them, what people have said of the scans.
func (s *Store) recorded(ctx context.Context, scans []Scan) error {
	if len(scans) == 0 {
		return nil
	}
	ids, at := make([]any, len(scans)), map[string]*Scan{}
	for i := range scans {
		ids[i], at[scans[i].ID] = scans[i].ID, &scans[i]
		scans[i].ScanRecord = newRecord("")
	}
	rows, err := s.r.QueryContext(ctx, `SELECT s.id, coalesce(e.entered_by, ''), coalesce(`+reviewOf+`, ''), v.version, v.changed_by, v.changed, v.reason
		FROM scans s LEFT JOIN scan_entries e ON e.scan_id = s.id
		LEFT JOIN scan_versions v ON v.scan_id = s.id AND v.version = (SELECT max(version) FROM scan_versions WHERE scan_id = s.id)
		WHERE s.id IN (`+marks(len(ids))+")", ids...)
	if err != nil {
		return fmt.Errorf("read what was said of scans: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var id, by, review string
		var version, changed sql.NullInt64
		var changer, reason sql.NullString
		if err := rows.Scan(&id, &by, &review, &version, &changer, &changed, &reason); err != nil {
			return fmt.Errorf("read what was said of scans: %w", err)
		}
		sc := at[id]
		if sc.EnteredBy, sc.Review = by, review; version.Valid {
			sc.Version = int(version.Int64)
			sc.Amended = &Change{Version: sc.Version, By: changer.String, At: fromMicros(changed.Int64), Reason: reason.String}
		}
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return fmt.Errorf("read what was said of scans: %w", err)
	}
	return s.linked(ctx, ids, at)
}

// linked fills in the exhibits of scans, those that whoever asks may see.
func (s *Store) linked(ctx context.Context, ids []any, at map[string]*Scan) error {
	from, seeing, err := seenExhibits(ctx, "scan_entries e CROSS JOIN current_exhibits", "e.scan_id IN ("+marks(len(ids))+") AND x.id = e.exhibit_id", ids)
	if err != nil {
		return err
	}
	rows, err := s.r.QueryContext(ctx, "SELECT e.scan_id, x.id, x.label, x.form, z.id, z.case_number FROM "+from, seeing...)
	if err != nil {
		return fmt.Errorf("read the exhibits of scans: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		var x LinkedTo
		if err := rows.Scan(&id, &x.ExhibitID, &x.Label, &x.Form, &x.SeizureID, &x.Case); err != nil {
			return fmt.Errorf("read the exhibits of scans: %w", err)
		}
		at[id].Linked = &x
	}
	return rows.Err()
}

// RecordFilter narrows a list of scans by what people have said of them.
type RecordFilter struct {
	Seizure, Exhibit string // ids
	Reviewed         string // yes, no, disagreed or needs_laboratory
}

// where are the conditions on scans s, and their args.
func (f RecordFilter) where(ctx context.Context) (conds []string, args []any, err error) {
	for _, of := range []struct{ cond, id string }{{"z.id = ?", f.Seizure}, {"x.id = ?", f.Exhibit}} {
		if of.id == "" {
			continue
		}
		cond, seeing, err := ofExhibits(ctx, of.cond, of.id)
		if err != nil {
			return nil, nil, err
		}
		conds, args = append(conds, cond), append(args, seeing...)
	}
	if how := map[string]string{"yes": " IS NOT NULL", "no": " IS NULL", "disagreed": " = '" + OpinionDisagree + "'", "needs_laboratory": " = '" + OpinionLaboratory + "'"}[f.Reviewed]; how != "" {
		conds = append(conds, reviewOf+how)
	}
	return conds, args, nil
}

// ofExhibits is the condition that scan s is of an exhibit x, of seizure z, that fits cond and that whoever asks may see.
func ofExhibits(ctx context.Context, cond string, args ...any) (string, []any, error) {
	from, seeing, err := seenExhibits(ctx, "current_exhibits", cond, args)
	return "s.id IN (SELECT e.scan_id FROM scan_entries e WHERE e.exhibit_id <> '' AND e.exhibit_id IN (SELECT x.id FROM " + from + "))", slices.Clone(seeing), err
}
