package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	"fentrace/server/audit"
	"fentrace/server/tlp"
)

// History is what is on record of where a scan is from, beside the scan itself: the exhibits it is or was linked to and their seizures,
// each in all versions that may be handed out, first one first.
type History struct {
	Exhibits []Exhibit `json:"exhibits"`
	Seizures []Seizure `json:"seizures"`
}

// mayLeave tells, as exportable does in SQL, whether what is marked so may be handed to partners outside by p.
func mayLeave(p Principal, m Marking) bool {
	return p.Program || m.TLP.Rank() <= tlp.Green.Rank() || m.Agency == p.Agency && m.TLP.Rank() <= tlp.Amber.Rank()
}

// History is that of a scan which whoever asks was found to be allowed to hand out.
func (s *Store) History(ctx context.Context, sc Scan) (h History, err error) {
	p, ok := Asking(ctx)
	if !ok {
		return h, ErrNobody
	}
	h = History{Exhibits: []Exhibit{}, Seizures: []Seizure{}}
	for _, id := range sc.exhibitIDs() {
		exhibits, err := s.ExhibitVersions(ctx, id)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return h, err
		}
		seizures, err := s.SeizureVersions(ctx, exhibits[0].SeizureID)
		if err != nil {
			return h, err
		}
		xs, zs := leaving(p, exhibits, Exhibit.marking), leaving(p, seizures, Seizure.marking)
		if len(xs) == 0 || len(zs) == 0 { // an exhibit has the case of its seizure
			continue
		}
		h.Exhibits = append(h.Exhibits, xs...)
		if !slices.ContainsFunc(h.Seizures, func(z Seizure) bool { return z.ID == zs[0].ID }) {
			h.Seizures = append(h.Seizures, zs...)
		}
	}
	return h, nil
}

func (x Exhibit) marking() Marking { return x.Marking }

func (z Seizure) marking() Marking { return z.Marking }

// leaving are those versions of a record that p may hand out; none when the one that counts may not be.
func leaving[T any](p Principal, versions []T, of func(T) Marking) []T {
	if len(versions) == 0 || !mayLeave(p, of(versions[len(versions)-1])) {
		return nil
	}
	return slices.DeleteFunc(versions, func(v T) bool { return !mayLeave(p, of(v)) })
}

// exhibitIDs are those a scan is or was linked to, each once, the one of now first.
func (sc Scan) exhibitIDs() []string {
	var ids []string
	add := func(id string) {
		if id != "" && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	if sc.Linked != nil {
		add(sc.Linked.ExhibitID)
	}
	for _, v := range sc.Versions {
		add(v.ExhibitID)
	}
	return ids
}

// ToldHash is a record with the hash that the log has of it.
type ToldHash struct {
	Kind, ID, Hash string
	// Words name it to people.
	Words string
	// Early: records of before have no leaf, and this one looks like one of them.
	Early bool
}

// asTold is a record with the hash of these values, which are those of the columns of its bound in their order.
func asTold(kind, id string, values ...any) ToldHash {
	return ToldHash{Kind: kind, ID: id, Hash: hashRow(values...), Words: boundOf(kind).words}
}

// Recorded are the records about a scan that the log has hashes of: versions of its circumstances, reviews, laboratory results and what
// it was answered in the field.
func (sc Scan) Recorded() []ToldHash {
	var out []ToldHash
	for _, v := range sc.Versions {
		l := locatedAt(v.Location)
		out = append(out, asTold("scan-version", sc.ID+"/"+strconv.Itoa(v.Version), sc.ID, v.Version, v.TLP.Rank(), l.Latitude, l.Longitude, l.PrecisionM, l.County,
			l.State, l.FIPS, v.Case, v.Exhibit, v.ExhibitID, v.Officer, v.By, micros(v.At), v.Reason))
	}
	for _, r := range sc.Reviews {
		out = append(out, asTold("review", r.ID, r.ID, r.ScanID, r.ResultID, r.Opinion, r.Reason, r.Alone, r.ReviewedBy, micros(r.Reviewed)))
	}
	for _, r := range sc.LaboratoryResults {
		out = append(out, r.recorded()...)
	}
	for _, a := range sc.FieldAnswers {
		raw, err := json.Marshal(a)
		if err != nil {
			raw = []byte(err.Error()) // which no leaf has the hash of
		}
		out = append(out, asTold(kindFieldAnswer, fmt.Sprintf("%s/%d/%s/%s", sc.SHA256, a.SpectrumIndex, a.ScanID, sc.Agency), sc.Agency, sc.SHA256, a.SpectrumIndex, a.ScanID, raw))
	}
	return out
}

func (r LaboratoryResult) recorded() []ToldHash {
	substances, err := json.Marshal(r.Substances)
	methods, err2 := json.Marshal(r.Methods)
	if err := errors.Join(err, err2); err != nil {
		substances = []byte(err.Error())
	}
	only := ""
	if r.Pure && len(r.Substances) > 0 {
		only = r.Substances[0].SubstanceID
	}
	work := asTold("laboratory-work", r.ID, r.ID, methods, r.Analyst, r.ReportNumber)
	work.Early = len(r.Methods) <= 1 && r.Analyst == "" && r.ReportNumber == ""
	out := []ToldHash{asTold("laboratory-result", r.ID, r.ID, r.ScanID, r.Result, substances, r.Pure, only, r.Technique, r.Laboratory, r.Note, r.EnteredBy, micros(r.Entered), r.NotProposed), work}
	if f := r.Report; f != nil {
		out = append(out, asTold("laboratory-report", r.ID, r.ID, f.SHA256, f.Name, f.Size, f.AddedBy, micros(f.Added)))
	}
	return out
}

// Recorded are the versions of exhibits and seizures, as Scan.Recorded.
func (h History) Recorded() []ToldHash {
	var out []ToldHash
	for _, x := range h.Exhibits {
		var q Quantity
		if x.Quantity != nil {
			q = *x.Quantity
		}
		out = append(out, asTold("exhibit", x.ID+"/"+strconv.Itoa(x.Version), x.ID, x.Version, x.SeizureID, x.Agency, x.TLP.Rank(), x.Label, x.Form, q.Value, q.Unit,
			q.Uncertainty, x.Packaging, x.ExpectedAs, micros(x.Taken), x.Note, x.By, micros(x.At), x.Reason))
	}
	for _, z := range h.Seizures {
		l := locatedAt(z.Location)
		out = append(out, asTold("seizure", z.ID+"/"+strconv.Itoa(z.Version), z.ID, z.Version, z.Agency, z.TLP.Rank(), z.Case, micros(z.Seized), l.Latitude, l.Longitude,
			l.PrecisionM, l.County, l.State, l.FIPS, z.Officer, z.Note, z.Simulated, z.By, micros(z.At), z.Reason))
	}
	return out
}

// locatedAt is a place, as it is stored.
func locatedAt(l *Location) Location {
	if l == nil {
		return Location{}
	}
	return *l
}

// RecordedKinds are the kinds of the records that Recorded gives.
var RecordedKinds = []string{"scan-version", "review", "laboratory-result", "laboratory-work", "laboratory-report", kindFieldAnswer, "exhibit", "seizure"}

// Custody is what the log says of a scan which whoever asks was found to be allowed to hand out, and of its history, in the order in
// which it happened: how it came, amendments of its circumstances, exhibits and seizures, holds, reviews, laboratory results, proposals
// as a reference, alerts, who looked at it and who was given it. Who is of another agency than the scan is told neither of its holds nor
// of who of other agencies looked at it; nobody is told of what was handed out under a marking above what he may hand out now.
func (s *Store) Custody(ctx context.Context, sc Scan, h History) ([]LogEntry, error) {
	p, ok := Asking(ctx)
	if !ok {
		return nil, ErrNobody
	}
	about := [][2]string{{KindScan, sc.ID}, {KindFile, sc.SHA256}}
	for _, r := range append(sc.Recorded(), h.Recorded()...) {
		about = append(about, [2]string{r.Kind, r.ID})
	}
	for _, r := range sc.LaboratoryResults {
		if r.Proposal != "" {
			about = append(about, [2]string{"proposal", r.Proposal}, [2]string{"decision", r.Proposal})
		}
	}
	alerts, err := s.alertsOf(ctx, sc.ID)
	if err != nil {
		return nil, err
	}
	for _, id := range alerts {
		about = append(about, [2]string{"alert", id})
	}
	hidden, err := s.markedMore(ctx, sc)
	if err != nil {
		return nil, err
	}
	var out []LogEntry
	for _, of := range about {
		found, err := s.LogAbout(ctx, of[0], of[1])
		if err != nil {
			return nil, err
		}
		for _, e := range found {
			gone := e.Action == audit.Disclose && slices.ContainsFunc(hidden, func(s span) bool { return s.from <= e.stored && e.stored < s.to })
			if !gone && tellable(p, Marking{sc.Agency, sc.TLP}, e) {
				out = append(out, e)
			}
		}
	}
	slices.SortFunc(out, func(a, b LogEntry) int { return int(a.stored - b.stored) })
	return out, nil
}

// span is a part of the log, by numbers: from <= n < to.
type span struct{ from, to int64 }

// markedMore is where in the log a scan was marked as what is left out of its versions.
func (s *Store) markedMore(ctx context.Context, sc Scan) ([]span, error) {
	if sc.Version == 1 {
		return nil, nil
	}
	begins := make([]int64, sc.Version+2)
	begins[sc.Version+1] = math.MaxInt64
	for v := 2; v <= sc.Version; v++ { // the first one counted from the beginning
		found, err := s.LogAbout(ctx, "scan-version", sc.ID+"/"+strconv.Itoa(v))
		if err != nil {
			return nil, err
		}
		if len(found) > 0 {
			begins[v] = found[0].stored
		}
	}
	var out []span
	for v := 1; v <= sc.Version; v++ {
		if !slices.ContainsFunc(sc.Versions, func(c ScanChange) bool { return c.Version == v }) {
			out = append(out, span{begins[v], begins[v+1]})
		}
	}
	return out, nil
}

// tellable: p may be told of a leaf about a scan marked m, about its file or one of its records.
func tellable(p Principal, m Marking, e LogEntry) bool {
	var detail struct {
		Hold string    `json:"legal_hold"`
		TLP  tlp.Level `json:"tlp"` // when it left
	}
	_ = json.Unmarshal(e.Detail, &detail) // of other leaves it is something else
	holder := p.Program || p.Agency == m.Agency
	switch {
	case e.Kind == KindFile: // other agencies may hold the same file
		return e.Agency == m.Agency || e.Agency == "" && m.Agency == LocalAgency
	case e.Action == audit.Disclose && detail.TLP != "":
		return mayLeave(p, Marking{m.Agency, detail.TLP}) && (p.Program || detail.TLP.Rank() <= p.Clearance.Rank())
	case e.Action == audit.Consult || e.Action == audit.Disclose:
		return holder || e.Agency == p.Agency
	}
	return holder || detail.Hold == ""
}

// alertsOf are the ids of the alerts about a scan that whoever asks may see.
func (s *Store) alertsOf(ctx context.Context, scanID string) ([]string, error) {
	from, args, err := seenAlerts(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := s.r.QueryContext(ctx, "SELECT a.id FROM "+from+" AND a.scan_id = ? ORDER BY a.seq", append(args, scanID)...)
	if err != nil {
		return nil, fmt.Errorf("read the alerts about scan %s: %w", scanID, err)
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, fmt.Errorf("read the alerts about scan %s: %w", scanID, err)
		}
		out = append(out, id)
	}
	return out, rows.Err()
}
