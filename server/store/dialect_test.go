package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"fentrace/server/tlp"
	"fentrace/spectra"
)

func TestPlaceholdersAreNumberedButForThoseInQuotesAndComments(t *testing.T) {
	for query, want := range map[string]string{
		"SELECT 1":                     "SELECT 1",
		"a = ? AND b IN (?,?)":         "a = $1 AND b IN ($2,$3)",
		`a = '?' AND "b?" = ?`:         `a = '?' AND "b?" = $1`,
		"a = 'it''s ?' AND b = ?":      "a = 'it''s ?' AND b = $1",
		`a LIKE ? ESCAPE '\' OR b = ?`: `a LIKE $1 ESCAPE '\' OR b = $2`,
		"a = ? -- why?\nAND b = ?":     "a = $1 -- why?\nAND b = $2",
		`a = '"' AND b = ? AND c="'"`:  `a = '"' AND b = $1 AND c="'"`,
		strings.Repeat("?", 12):        "$1$2$3$4$5$6$7$8$9$10$11$12",
	} {
		for range 2 { // also as it is kept
			if got := postgres.text(query); got != want {
				t.Errorf("%q became %q", query, got)
			}
		}
		if got := sqlite.text(query); got != query {
			t.Errorf("%q became %q for SQLite", query, got)
		}
	}
}

// An event never appears below one that was seen, whoever stores it: else live pages and cursors would miss it.
func TestEventsAppearInTheOrderOfTheirNumbersWithSeveralPrograms(t *testing.T) {
	onEachTogether(t, func(t *testing.T, open func() *Store) {
		const programs, each = 4, 25
		reader := open()
		var writers sync.WaitGroup
		defer writers.Wait()
		for p := range programs {
			s := open()
			writers.Go(func() {
				for i := range each {
					raw := fmt.Appendf(nil, "%d of %d", i, p)
					if _, _, err := s.Put(asProgram(t), File{"f", raw}, []Scan{scan(t, string(raw), 0, raw), scan(t, string(raw)+"b", 1, raw)}, Arrival{}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		var seen []Event
		for len(seen) < 2*programs*each && !t.Failed() {
			last := int64(0)
			if len(seen) > 0 {
				last = seen[len(seen)-1].Seq
			}
			more, _, err := reader.EventsAfter(asProgram(t), last, 1000)
			if err != nil {
				t.Fatal(err)
			}
			seen = append(seen, more...)
			if all, _, err := reader.EventsAfter(asProgram(t), 0, len(seen)); err != nil || !slices.Equal(all, seen) {
				t.Fatalf("after %d events one has appeared below them, %v", len(seen), err)
			}
		}
	})
}

func TestTextsCompareInBothDatabasesAlike(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		for i, county := range []string{"Škofja Loka", "50% Creek", "under_score"} {
			raw := []byte(county)
			sc := scan(t, fmt.Sprint(i), 0, raw)
			sc.Location = &Location{County: county}
			if _, _, err := s.Put(asProgram(t), File{"f", raw}, []Scan{sc}, Arrival{}); err != nil {
				t.Fatal(err)
			}
		}
		for f, want := range map[Filter]int{{County: "Škofja LOKA"}: 1, {County: "škofja loka"}: 0, {Text: "ŠKOFJA"}: 1, {Text: "šKOFJA"}: 0, {Text: "0% c"}: 1,
			{Text: "r_S"}: 1, {Text: "_"}: 1, {Substance: "FENTANYL"}: 3, {Class: "Fentanyl", Text: "fentan"}: 3, {Verdict: "ALARM"}: 3, {Text: "'"}: 0} {
			if p, err := s.List(asProgram(t), f, 10, ""); err != nil || p.Total != want || len(p.Scans) != want {
				t.Errorf("%+v: %d scans, %v; want %d", f, p.Total, err, want)
			}
		}
		for _, name := range []string{"b", "A", "a", "B", "ä"} {
			if err := s.SetRole(asProgram(t), name, "reviewer", tlp.Red, noon); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := s.OtherReviewers(asProgram(t), "", reviewers, Scan{Agency: LocalAgency, TLP: tlp.Amber}); err != nil || !slices.Equal(got, []string{"A", "B", "a", "b", "ä"}) {
			t.Errorf("in the order %q, %v", got, err)
		}
		if got, err := s.OtherReviewers(asProgram(t), "", nil, Scan{Agency: LocalAgency, TLP: tlp.Amber}); err != nil || len(got) != 0 {
			t.Errorf("without roles %q, %v", got, err)
		}
	})
}

func TestTextsThatAreNoTextDoNoHarm(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		for i, odd := range []string{"a\x00b", "a\xffb"} {
			raw := []byte(odd)
			sc := scan(t, fmt.Sprint(i), 0, raw, func(sp *spectra.Spectrum) { sp.Metadata.SerialNumber, sp.Metadata.Warnings = odd, []string{odd} })
			if _, _, err := s.Put(asProgram(t), File{odd, raw}, []Scan{sc}, Arrival{}); err != nil {
				t.Fatal(err)
			}
			got, err := s.Scan(asProgram(t), fmt.Sprint(i))
			if err != nil || len(got.Device.SerialNumber) < 3 || len(got.Warnings) != 1 {
				t.Errorf("%q: %+v, %v", odd, got.Device, err)
			}
			if _, err := json.Marshal(got); err != nil {
				t.Error(err)
			}
			if _, err := s.Scan(asProgram(t), odd); !errors.Is(err, ErrNotFound) {
				t.Errorf("%q: %v", odd, err)
			}
			if _, err := s.List(asProgram(t), Filter{Text: odd, County: odd}, 10, ""); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestFindingsAreFoundByTheirIndex(t *testing.T) {
	s := opened(t, t.TempDir(), "")
	for _, column := range []string{"substance", "class"} {
		var id, parent, unused int
		var plan string
		if err := s.r.QueryRowContext(asProgram(t), "EXPLAIN QUERY PLAN SELECT scan_id FROM findings WHERE lower("+column+") = ?", "x").
			Scan(&id, &parent, &unused, &plan); err != nil || !strings.Contains(plan, "findings_"+column) {
			t.Errorf("by %s: %q, %v", column, plan, err)
		}
	}
}
