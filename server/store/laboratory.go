package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"fentrace/server/audit"
)

// What a laboratory can say of a presumptive answer.
const (
	// ResultConfirmed: at least one of the substances the answer names is in the sample.
	ResultConfirmed = "confirmed"
	// ResultRefuted: none of them is.
	ResultRefuted = "refuted"
	// ResultCorrected: the sample holds something else, or something more.
	ResultCorrected = "corrected"
)

const (
	// MaxSubstances is how many substances one laboratory result may name.
	MaxSubstances = 50
	// MaxMethods is how many techniques it may name.
	MaxMethods = 20
	// MaxNote is the longest note, in characters.
	MaxNote = 2000
)

// LaboratoryResult is what a laboratory said of the sample of a scan. It is never changed, and changes nothing of the
// presumptive answer: both are kept. Of several results about one scan the last one counts.
type LaboratoryResult struct {
	ID         string                `json:"id" doc:"UUID"`
	ScanID     string                `json:"scan_id"`
	Result     string                `json:"result" enum:"confirmed,refuted,corrected"`
	Substances []LaboratorySubstance `json:"substances" doc:"present according to the laboratory"`
	Pure       bool                  `json:"pure" doc:"the sample is this one substance and nothing else"`
	Technique  string                `json:"technique" doc:"second technique, such as GC-MS"`
	// Methods are all techniques the laboratory used, the one in Technique first.
	Methods    []string `json:"methods" doc:"all techniques the laboratory used, technique first"`
	Laboratory string   `json:"laboratory"`
	Analyst    string   `json:"analyst" doc:"who worked in the laboratory"`
	// ReportNumber is how the laboratory calls its report.
	ReportNumber string            `json:"report_number" doc:"of the laboratory's report"`
	Report       *LaboratoryReport `json:"report" doc:"the laboratory's report as a file, when it was added"`
	Note         string            `json:"note"`
	EnteredBy    string            `json:"entered_by"`
	Entered      time.Time         `json:"entered"`
	Current      bool              `json:"current" doc:"false: a later result about the scan counts instead"`
	// Proposal is the id of the Proposal the result led to; without one NotProposed says why there is none.
	Proposal    string `json:"proposal" doc:"id of the proposal as a reference; empty: none"`
	NotProposed string `json:"not_proposed" doc:"why the scan was not proposed as a reference"`
}

// LaboratorySubstance is one substance of a laboratory result. SubstanceID is its key in the library, empty when no
// library of this server had it.
type LaboratorySubstance struct {
	Name        string `json:"name"`
	CAS         string `json:"cas,omitempty"`
	Form        string `json:"form,omitempty" doc:"salt or hydrate"`
	SubstanceID string `json:"substance_id" doc:"empty: in no library of this server when the result was entered"`
}

// Validate reports what cannot be stored, wrapped around ErrInvalid.
func (r LaboratoryResult) Validate() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: "+format, append([]any{ErrInvalid}, args...)...)
	}
	switch r.Result {
	case ResultConfirmed, ResultCorrected:
		if len(r.Substances) == 0 {
			return bad("name at least one substance that the laboratory found")
		}
	case ResultRefuted:
	default:
		return bad("result %.40q is none of confirmed, refuted, corrected", r.Result)
	}
	switch {
	case len(r.Substances) > MaxSubstances:
		return bad("%d substances, at most %d", len(r.Substances), MaxSubstances)
	case r.Pure && len(r.Substances) != 1:
		return bad("a pure sample holds one substance, %d are named", len(r.Substances))
	case strings.TrimSpace(r.Technique) == "":
		return bad("technique: say with which second technique the laboratory worked, such as GC-MS")
	case strings.TrimSpace(r.Laboratory) == "":
		return bad("laboratory: say which laboratory it was")
	}
	if len(r.Methods) > MaxMethods {
		return badField("methods", "are %d, at most %d", len(r.Methods), MaxMethods)
	}
	texts := []struct{ name, value string }{{"technique", r.Technique}, {"laboratory", r.Laboratory}, {"analyst", r.Analyst}, {"report_number", r.ReportNumber}}
	for _, m := range r.Methods {
		texts = append(texts, struct{ name, value string }{"methods", m})
	}
	for _, t := range texts {
		if err := ValidText(t.name, t.value); err != nil {
			return err
		}
	}
	for i, s := range r.Substances {
		if strings.TrimSpace(s.Name) == "" {
			return bad("substance %d has no name", i+1)
		}
		if err := ValidText("substances", s.Name); err != nil {
			return err
		}
	}
	return ValidNote("note", r.Note)
}

// methods are all techniques, Technique first and each once: results of before name no others.
func (r LaboratoryResult) methods() []string {
	out := []string{r.Technique}
	for _, m := range r.Methods {
		if m = strings.TrimSpace(m); m != "" && !slices.ContainsFunc(out, func(had string) bool { return strings.EqualFold(had, m) }) {
			out = append(out, m)
		}
	}
	return out
}

// LaboratoryReport is the laboratory's report on a result as a file. It is never changed.
type LaboratoryReport struct {
	SHA256  string    `json:"sha256"`
	Name    string    `json:"name"`
	Size    int64     `json:"size" doc:"bytes"`
	AddedBy string    `json:"added_by"`
	Added   time.Time `json:"added"`
}

// says reports whether a and b say the same by the same person.
func (r LaboratoryResult) says(b LaboratoryResult) bool {
	return r.Result == b.Result && slices.Equal(r.Substances, b.Substances) && r.Pure == b.Pure && r.Technique == b.Technique &&
		slices.Equal(r.Methods, b.Methods) && r.Analyst == b.Analyst && r.ReportNumber == b.ReportNumber && r.Laboratory == b.Laboratory && r.Note == b.Note && r.EnteredBy == b.EnteredBy
}

// AddLaboratoryResult stores r and, when p is not nil, the proposal it leads to, both or none; p needs a pure result of a
// substance of the library. ID, Current and Proposal are filled in, NotProposed when the scan was proposed before. Told
// the same twice in a row by the same person, it returns the stored one and created is false. withdrew: r contradicts a
// proposal that was accepted, whose reference must go. Errors wrap ErrInvalid, ErrNotFound,
// ErrElsewhere or ErrFull.
func (s *Store) AddLaboratoryResult(ctx context.Context, r LaboratoryResult, p *NewProposal) (stored LaboratoryResult, created, withdrew bool, err error) {
	if err := r.Validate(); err != nil {
		return LaboratoryResult{}, false, false, err
	}
	r.Methods = r.methods()
	substances, err := json.Marshal(r.Substances)
	if err != nil {
		return LaboratoryResult{}, false, false, fmt.Errorf("%w: substances: %w", ErrInvalid, err)
	}
	only := ""
	if r.Pure {
		only = r.Substances[0].SubstanceID
	}
	r.ID, r.Current, r.Entered = uuid.NewString(), true, r.Entered.UTC().Truncate(time.Microsecond)
	err = s.write(ctx, func(tx queries) error {
		last, err := lastResult(ctx, tx, r.ScanID)
		if err != nil {
			return err
		}
		err = once(ctx, tx, r.ID, r.Entered)
		if again := asRepeated(err); again != nil {
			had, err := laboratoryResults(ctx, tx, "r.id = ? AND r.scan_id = ?", again.ID, r.ScanID)
			if err == nil && len(had) == 0 {
				err = fmt.Errorf("laboratory result %s: %w", again.ID, ErrNotFound)
			}
			if err == nil {
				r, created = had[0], again.New
			}
			return err
		}
		if err != nil {
			return err
		}
		if last != nil && last.says(r) {
			r = *last
			return wasThere(ctx, tx, keyOf(ctx), r.ID)
		}
		created = true
		withdrew, err = r.contradicts(ctx, tx, only)
		if err != nil {
			return err
		}
		if p != nil {
			var standing bool
			if err := tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM proposals WHERE scan_id = ? AND substance_id = ? AND status IN ('open', 'accepted'))`,
				r.ScanID, only).Scan(&standing); err != nil {
				return err
			}
			if standing {
				p, r.NotProposed = nil, "an earlier result of the same substance has proposed this scan already"
			}
		}
		return insertResult(ctx, tx, &r, string(substances), only, p)
	})
	if err != nil {
		return LaboratoryResult{}, false, false, fmt.Errorf("store laboratory result: %w", err)
	}
	return r, created, withdrew, nil
}

// lastResult returns the result that counts for a scan, nil without any; ErrNotFound when there is no such scan, ErrElsewhere when it
// is another agency's.
func lastResult(ctx context.Context, tx queries, scanID string) (*LaboratoryResult, error) {
	see, args, err := visible(ctx, "s")
	if err != nil {
		return nil, err
	}
	var last, agency string
	err = tx.QueryRowContext(ctx, `SELECT coalesce((SELECT id FROM laboratory_results WHERE scan_id = s.id ORDER BY seq DESC LIMIT 1), ''), s.agency
		FROM scans s WHERE s.id = ? AND `+see, append([]any{scanID}, args...)...).Scan(&last, &agency)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("scan %s: %w", scanID, ErrNotFound)
	}
	if err == nil {
		err = mine(ctx, agency)
	}
	if err != nil || last == "" {
		return nil, err
	}
	had, err := laboratoryResults(ctx, tx, "r.id = ?", last)
	if err != nil {
		return nil, err
	}
	return &had[0], nil
}

// contradicts: a proposal of the scan was accepted that does not stand beside r.
func (r LaboratoryResult) contradicts(ctx context.Context, tx queries, only string) (is bool, err error) {
	err = tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM proposals WHERE scan_id = ? AND status = 'accepted' AND NOT (? AND substance_id = ?))`,
		r.ScanID, r.Pure, only).Scan(&is)
	return is, err
}

// insertResult stores r, with the id of its substance when it is pure, and its proposal when p is not nil.
func insertResult(ctx context.Context, tx queries, r *LaboratoryResult, substances, only string, p *NewProposal) error {
	if _, err := tx.ExecContext(ctx, `INSERT INTO laboratory_results (id, scan_id, result, substances, pure, substance_id, technique, laboratory,
			note, entered_by, entered, not_proposed) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)`, r.ID, r.ScanID, r.Result, substances, r.Pure, only,
		r.Technique, r.Laboratory, r.Note, r.EnteredBy, micros(r.Entered), r.NotProposed); err != nil {
		return err
	}
	about := map[string]any{"scan": r.ScanID}
	if err := tx.logBound(ctx, audit.Collect, "laboratory-result", r.ID, about); err != nil {
		return err
	}
	if err := insertWork(ctx, tx, r); err != nil || p == nil {
		return err
	}
	r.Proposal = uuid.NewString()
	if _, err := tx.ExecContext(ctx, `INSERT INTO reference_proposals (id, result_id, substance_id, substance, tier, reference_id) VALUES (?,?,?,?,?,?)`,
		r.Proposal, r.ID, only, r.Substances[0].Name, string(p.Tier), p.ReferenceID); err != nil {
		return err
	}
	return tx.logBound(ctx, audit.Collect, "proposal", r.Proposal, about)
}

// insertWork stores how the laboratory worked. It is beside the result, whose columns are bound to the log as they were before.
func insertWork(ctx context.Context, tx queries, r *LaboratoryResult) error {
	methods, err := json.Marshal(r.Methods)
	if err != nil {
		return fmt.Errorf("%w: methods: %w", ErrInvalid, err)
	}
	if _, err := tx.ExecContext(ctx, "INSERT INTO laboratory_work (result_id, methods, analyst, report_number) VALUES (?,?,?,?)",
		r.ID, string(methods), r.Analyst, r.ReportNumber); err != nil {
		return err
	}
	return tx.logBound(ctx, audit.Collect, "laboratory-work", r.ID, map[string]any{"scan": r.ScanID})
}

// laboratoryResults reads the results that fit cond, in the order of entering. Whoever asks has been found to see their scans.
func laboratoryResults(ctx context.Context, q queries, cond string, args ...any) ([]LaboratoryResult, error) {
	rows, err := q.QueryContext(ctx, `SELECT r.id, r.scan_id, r.result, r.substances, r.pure, r.technique, r.laboratory, r.note, r.entered_by, r.entered,
			r.not_proposed, coalesce(p.id, ''), NOT EXISTS (SELECT 1 FROM laboratory_results l WHERE l.scan_id = r.scan_id AND l.seq > r.seq),
			coalesce(w.methods, '[]'), coalesce(w.analyst, ''), coalesce(w.report_number, ''), coalesce(f.sha256, ''), coalesce(f.name, ''), coalesce(f.size, 0), coalesce(f.added_by, ''), coalesce(f.added, 0)
		FROM laboratory_results r LEFT JOIN reference_proposals p ON p.result_id = r.id LEFT JOIN laboratory_reports f ON f.result_id = r.id
		LEFT JOIN laboratory_work w ON w.result_id = r.id WHERE `+cond+` ORDER BY r.seq`, args...)
	if err != nil {
		return nil, fmt.Errorf("read laboratory results: %w", err)
	}
	defer rows.Close()
	out := []LaboratoryResult{}
	for rows.Next() {
		var r LaboratoryResult
		var substances, methods []byte
		var entered, added int64
		var f LaboratoryReport
		if err := rows.Scan(&r.ID, &r.ScanID, &r.Result, &substances, &r.Pure, &r.Technique, &r.Laboratory, &r.Note, &r.EnteredBy, &entered,
			&r.NotProposed, &r.Proposal, &r.Current, &methods, &r.Analyst, &r.ReportNumber, &f.SHA256, &f.Name, &f.Size, &f.AddedBy, &added); err != nil {
			return nil, fmt.Errorf("read laboratory results: %w", err)
		}
		if err := errors.Join(json.Unmarshal(substances, &r.Substances), json.Unmarshal(methods, &r.Methods)); err != nil {
			return nil, fmt.Errorf("stored laboratory result %s: %w", r.ID, err)
		}
		r.Methods, r.Entered = r.methods(), fromMicros(entered)
		if f.SHA256 != "" {
			f.Added = fromMicros(added)
			r.Report = &f
		}
		out = append(out, r)
	}
	return out, rows.Err()
}

// LaboratoryResults are those of a scan, first one first; ErrNotFound when there is no such scan that whoever asks may see.
func (s *Store) LaboratoryResults(ctx context.Context, scanID string) ([]LaboratoryResult, error) {
	if _, err := circumstancesOf(ctx, s.r, scanID); err != nil {
		return nil, err
	}
	return laboratoryResults(ctx, s.r, "r.scan_id = ?", scanID)
}

// laboratory fills in what laboratories said of the scans, first one first.
func (s *Store) laboratory(ctx context.Context, scans []Scan) error {
	for i := range scans {
		var err error
		if scans[i].LaboratoryResults, err = laboratoryResults(ctx, s.r, "r.scan_id = ?", scans[i].ID); err != nil {
			return err
		}
	}
	return nil
}
