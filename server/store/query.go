package store

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"fentrace/server/tlp"
)

// Filter narrows a list of scans. Zero fields do not narrow; texts compare without regard to case.
type Filter struct {
	Verdict, Technique, Substance, Class, County, State string
	From, To                                            time.Time // acquired: From <= t < To
	Simulated                                           *bool
	Text                                                string // part of file name, case, exhibit, officer, place, headline or finding
	SHA256                                              string // of the file the scans came in, as it is written here: hexadecimal, small letters
	RecordFilter
}

// where is the condition that scans s fit the filter. A text is looked for in the exhibits that who asks may see as well.
func (f Filter) where(ctx context.Context) (string, []any, error) {
	conds, args := []string{"NOT EXISTS (SELECT 1 FROM erasures e WHERE e.scan_id = s.id)"}, []any{}
	add := func(cond string, a ...any) { conds, args = append(conds, cond), append(args, a...) }
	for _, eq := range []struct{ column, value string }{
		{"verdict", f.Verdict}, {"technique", f.Technique}, {"county", f.County}, {"state", f.State},
	} {
		if eq.value != "" {
			add("lower(s."+eq.column+") = ?", asciiLower(eq.value))
		}
	}
	if f.SHA256 != "" {
		add("s.sha256 = ?", f.SHA256)
	}
	for _, eq := range []struct{ column, value string }{{"substance", f.Substance}, {"class", f.Class}} {
		if eq.value != "" {
			add("s.id IN (SELECT scan_id FROM findings WHERE lower("+eq.column+") = ?)", asciiLower(eq.value))
		}
	}
	if !f.From.IsZero() {
		add("s.acquired >= ?", micros(f.From))
	}
	if !f.To.IsZero() {
		add("s.acquired < ?", micros(f.To))
	}
	if f.Simulated != nil {
		add("s.simulated = ?", *f.Simulated)
	}
	if f.Text != "" {
		like := likeText(f.Text)
		var ors []string
		for _, c := range []string{"filename", "case_number", "exhibit", "officer", "county", "state", "headline", "device_serial"} {
			ors, args = append(ors, "lower(s."+c+`) LIKE ? ESCAPE '\'`), append(args, like)
		}
		ors = append(ors, `s.id IN (SELECT scan_id FROM findings WHERE lower(substance) LIKE ? ESCAPE '\')`)
		linked, more, err := ofExhibits(ctx, `lower(x.label) LIKE ? ESCAPE '\' OR lower(z.case_number) LIKE ? ESCAPE '\'`, like, like)
		if err != nil {
			return "", nil, err
		}
		add("("+strings.Join(append(ors, linked), " OR ")+")", append([]any{like}, more...)...)
	}
	said, saidArgs, err := f.RecordFilter.where(ctx)
	return strings.Join(append(conds, said...), " AND "), append(args, saidArgs...), err
}

// likeText is the pattern, for LIKE with the escape character \, of what has text in it.
func likeText(text string) string {
	return "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(asciiLower(text)) + "%"
}

// Page is one part of a list, newest acquired first.
type Page struct {
	Scans []Scan
	Next  string // cursor of the next page; empty on the last
	Total int    // scans that match the filter and may be seen
}

// seen is the condition that scans s fit the filter and may be seen by who asks.
func (f Filter) seen(ctx context.Context) (cond string, args []any, err error) {
	see, seeArgs, err := visible(ctx, "s")
	if err != nil {
		return "", nil, err
	}
	cond, args, err = f.where(ctx)
	return cond + " AND " + see, append(args, seeArgs...), err
}

// List returns up to limit scans after the cursor ("" starts). Pages follow the position (acquired, id) of the
// last scan seen, so scans stored meanwhile never make a later page repeat or skip one. ErrInvalid for a cursor
// that List did not give.
func (s *Store) List(ctx context.Context, f Filter, limit int, cursor string) (Page, error) {
	cond, args, err := f.seen(ctx)
	if err != nil {
		return Page{}, err
	}
	var p Page
	if err := s.r.QueryRowContext(ctx, "SELECT count(*) FROM scans s WHERE "+cond, args...).Scan(&p.Total); err != nil {
		return Page{}, fmt.Errorf("count scans: %w", err)
	}
	if cursor != "" {
		at, id, err := parseCursor(cursor)
		if err != nil {
			return Page{}, err
		}
		cond, args = cond+" AND (s.acquired, s.id) < (?, ?)", append(args, at, id)
	}
	scans, err := s.scans(ctx, "WHERE "+cond+" ORDER BY s.acquired DESC, s.id DESC LIMIT ?", append(args, limit+1)...)
	if err != nil {
		return Page{}, err
	}
	if len(scans) > limit {
		scans = scans[:limit]
		last := scans[limit-1]
		p.Next = formatCursor(micros(last.Acquired), last.ID)
	}
	p.Scans = scans
	return p, errors.Join(s.siblings(ctx, p.Scans), s.recorded(ctx, p.Scans))
}

func formatCursor(at int64, id string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(at, 10) + "|" + id))
}

var errCursor = fmt.Errorf("%w: cursor was not given by this server", ErrInvalid)

func parseCursor(c string) (at int64, id string, err error) {
	b, err := base64.RawURLEncoding.DecodeString(c)
	if err != nil {
		return 0, "", errCursor
	}
	num, id, ok := strings.Cut(string(b), "|")
	if !ok {
		return 0, "", errCursor
	}
	if at, err = strconv.ParseInt(num, 10, 64); err != nil {
		return 0, "", errCursor
	}
	return at, id, nil
}

// Scan returns one scan without its spectrum; ErrNotFound when there is none.
func (s *Store) Scan(ctx context.Context, id string) (Scan, error) {
	see, args, err := visible(ctx, "s")
	if err != nil {
		return Scan{}, err
	}
	scans, err := s.scans(ctx, "WHERE s.id = ? AND "+see, append([]any{id}, args...)...)
	if err != nil {
		return Scan{}, err
	}
	if len(scans) == 0 {
		return Scan{}, fmt.Errorf("scan %s: %w", id, ErrNotFound)
	}
	return scans[0], s.complete(ctx, scans)
}

// OwnScan is Scan for who is about to change it: ErrElsewhere when it belongs to another agency.
func (s *Store) OwnScan(ctx context.Context, id string) (Scan, error) {
	sc, err := s.Scan(ctx, id)
	if err == nil {
		err = mine(ctx, sc.Agency)
	}
	if err != nil {
		return Scan{}, err
	}
	return sc, nil
}

// mine is ErrElsewhere when what may be seen is not of the agency of who asks.
func mine(ctx context.Context, agency string) error {
	if p, _ := Asking(ctx); !p.Program && p.Agency != agency {
		return fmt.Errorf("this record: %w", ErrElsewhere)
	}
	return nil
}

// ForExport is Scan for who is about to hand it to partners outside: ErrElsewhere, or ErrMarked, when that may not be. What it was, or is
// linked to, under a marking that never leaves is not in it.
func (s *Store) ForExport(ctx context.Context, id string) (Scan, error) {
	sc, err := s.Scan(ctx, id)
	if err != nil {
		return Scan{}, err
	}
	may, args, err := exportable(ctx, "s")
	if err != nil {
		return Scan{}, err
	}
	var ok bool
	err = s.r.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM scans s WHERE s.id = ? AND "+may+")", append([]any{id}, args...)...).Scan(&ok)
	if err == nil && !ok {
		if err = mine(ctx, sc.Agency); err == nil {
			err = fmt.Errorf("it is marked %s: %w", sc.TLP, ErrMarked)
		}
	}
	if err != nil {
		return sc, err
	}
	return sc, s.withoutMarked(ctx, &sc)
}

// withoutMarked takes away what of a scan may not be handed out.
func (s *Store) withoutMarked(ctx context.Context, sc *Scan) error {
	p, _ := Asking(ctx)
	sc.Versions = slices.DeleteFunc(sc.Versions, func(v ScanChange) bool { return !mayLeave(p, Marking{sc.Agency, v.TLP}) })
	if sc.Linked == nil {
		return nil
	}
	x, err := s.Exhibit(ctx, sc.Linked.ExhibitID)
	if err != nil {
		return err
	}
	z, err := s.Seizure(ctx, x.SeizureID)
	if err == nil && !(mayLeave(p, x.Marking) && mayLeave(p, z.Marking)) {
		sc.Linked = nil
	}
	return err
}

// ByHash returns the scans that the agency of who asks has of the file with this SHA-256 and that may be seen, in index order.
func (s *Store) ByHash(ctx context.Context, sha256 string) ([]Scan, error) {
	agency, err := holder(ctx)
	if err != nil {
		return nil, err
	}
	see, args, err := visible(ctx, "s")
	if err != nil {
		return nil, err
	}
	scans, err := s.scans(ctx, "WHERE s.agency = ? AND s.sha256 = ? AND "+see+" ORDER BY s.spectrum_index", append([]any{agency, sha256}, args...)...)
	if err != nil {
		return nil, err
	}
	return scans, s.complete(ctx, scans)
}

// complete fills in what lists leave out of scans of one file that may be seen.
func (s *Store) complete(ctx context.Context, scans []Scan) error {
	return errors.Join(s.siblings(ctx, scans), s.fieldAnswers(ctx, scans), s.laboratory(ctx, scans), s.keeping(ctx, scans), s.warnings(ctx, scans), s.recorded(ctx, scans), s.said(ctx, scans))
}

// warnings fills in what the spectra say is wrong with them.
func (s *Store) warnings(ctx context.Context, scans []Scan) error {
	for i := range scans {
		var said struct{ Metadata struct{ Warnings []string } }
		stored, err := s.spectrum(ctx, scans[i].ID)
		if errors.Is(err, ErrErased) {
			continue
		}
		if err == nil {
			err = json.Unmarshal(stored, &said)
		}
		scans[i].Warnings = append(scans[i].Warnings, said.Metadata.Warnings...)
		if err != nil {
			return fmt.Errorf("read the warnings of scan %s: %w", scans[i].ID, err)
		}
	}
	return nil
}

// Count returns how many scans are stored that may be seen.
func (s *Store) Count(ctx context.Context) (n int, err error) {
	see, args, err := visible(ctx, "s")
	if err == nil {
		err = s.r.QueryRowContext(ctx, "SELECT count(*) FROM scans s WHERE "+see, args...).Scan(&n)
	}
	return n, err
}

// scans runs one query over the scan columns; tail is everything after FROM scans s, and holds what visible says.
func (s *Store) scans(ctx context.Context, tail string, args ...any) ([]Scan, error) {
	rows, err := s.r.QueryContext(ctx, `SELECT s.id, s.sha256, s.spectrum_index, s.filename, s.created, s.acquired, s.technique,
		s.simulated, s.device_type, s.device_model, s.device_serial, s.latitude, s.longitude, s.precision_m, s.county, s.state,
		s.fips, s.case_number, s.exhibit, s.officer, s.verdict, s.headline, s.summary, s.agency, s.tlp, s.identification FROM scans s `+tail, args...)
	if err != nil {
		return nil, fmt.Errorf("read scans: %w", err)
	}
	defer rows.Close()
	scans := []Scan{}
	for rows.Next() {
		sc, err := readScan(rows)
		if err != nil {
			return nil, err
		}
		scans = append(scans, sc)
	}
	return scans, rows.Err()
}

func readScan(rows *rows) (Scan, error) {
	var (
		sc                Scan
		dev               Device
		loc               Location
		created, acquired int64
		level             int
		ans               []byte
	)
	if err := rows.Scan(&sc.ID, &sc.SHA256, &sc.SpectrumIndex, &sc.Filename, &created, &acquired, &sc.Technique,
		&sc.Simulated, &dev.Type, &dev.Model, &dev.SerialNumber, &loc.Latitude, &loc.Longitude, &loc.PrecisionM, &loc.County,
		&loc.State, &loc.FIPS, &sc.Case, &sc.Exhibit, &sc.Officer, &sc.Verdict, &sc.Headline, &sc.Summary, &sc.Agency, &level, &ans); err != nil {
		return Scan{}, fmt.Errorf("read scan: %w", err)
	}
	if err := json.Unmarshal(ans, &sc.Identification); err != nil {
		return Scan{}, fmt.Errorf("stored answer of scan %s: %w", sc.ID, err)
	}
	sc.Created, sc.Acquired, sc.Siblings, sc.Warnings = fromMicros(created), fromMicros(acquired), []string{}, []string{}
	sc.FieldAnswers, sc.LaboratoryResults, sc.TLP = []FieldAnswer{}, []LaboratoryResult{}, tlp.OfRank(level)
	if dev != (Device{}) {
		sc.Device = &dev
	}
	if loc != (Location{}) {
		sc.Location = &loc
	}
	return sc, nil
}

// siblings fills in the scans of the same files of the same agencies that may be seen, with one query for each agency.
func (s *Store) siblings(ctx context.Context, scans []Scan) error {
	files := map[string][]any{} // by agency
	for _, sc := range scans {
		files[sc.Agency] = append(files[sc.Agency], sc.SHA256)
	}
	for agency, sums := range files {
		if err := s.siblingsIn(ctx, agency, sums, scans); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) siblingsIn(ctx context.Context, agency string, sums []any, scans []Scan) error {
	see, args, err := visible(ctx, "s")
	if err != nil {
		return err
	}
	rows, err := s.r.QueryContext(ctx, `SELECT s.sha256, s.id FROM scans s WHERE s.agency = ? AND s.sha256 IN (`+marks(len(sums))+`) AND `+see+
		` ORDER BY s.sha256, s.spectrum_index`, slices.Concat([]any{agency}, sums, args)...)
	if err != nil {
		return fmt.Errorf("read siblings: %w", err)
	}
	defer rows.Close()
	of := map[string][]string{}
	for rows.Next() {
		var sum, id string
		if err := rows.Scan(&sum, &id); err != nil {
			return fmt.Errorf("read siblings: %w", err)
		}
		of[sum] = append(of[sum], id)
	}
	for i := range scans {
		if scans[i].Agency != agency {
			continue
		}
		for _, id := range of[scans[i].SHA256] {
			if id != scans[i].ID {
				scans[i].Siblings = append(scans[i].Siblings, id)
			}
		}
	}
	return rows.Err()
}
