package demo

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"fentrace/server/client/rest"
	"fentrace/server/store"
	"fentrace/spectra/simulate"
)

// keyed is the Idempotency-Key of a record: running again enters nothing twice.
func keyed(format string, args ...any) *string {
	return new(strconv.Quote("simulated-" + fmt.Sprintf(format, args...)))
}

// firstVersion is the If-Match of what was never amended.
var firstVersion = new(`"1"`)

// enterCase enters a seizure with its exhibits, then hands in the scans of these.
func (o *office) enterCase(ctx context.Context, at int, c Case) error {
	entered := store.NewSeizure{Simulated: true, SeizureChange: store.SeizureChange{Case: &c.Number, Location: new(c.Place), Seized: &c.Seized,
		Officer: &c.By.name, Note: new(simulate.TitlePrefix + "seizure of the demo.")}}
	if c.TLP != "" {
		entered.TLP = &c.TLP
	}
	if c.Amended {
		entered.Location.PrecisionM = new(float64(firstPlaceM))
	}
	z, err := o.as(c.By).CreateSeizure(ctx, &rest.CreateSeizureParams{IdempotencyKey: keyed("seizure-%d", at)}, entered)
	if err != nil {
		return err
	}
	if c.Amended && z.Version == 1 {
		if _, err := o.as(c.By).AmendSeizure(ctx, z.ID, &rest.AmendSeizureParams{IfMatch: firstVersion}, rest.AmendSeizureBody{Location: &c.Place,
			Reason: simulate.TitlePrefix + "reason: the first entry gave the township, the report gives the address."}); err != nil {
			return err
		}
	}
	for i, x := range c.Exhibits {
		if err := o.enterExhibit(ctx, c, z, x, keyed("exhibit-%d-%d", at, i)); err != nil {
			return err
		}
	}
	return nil
}

func (o *office) enterExhibit(ctx context.Context, c Case, z store.Seizure, x Exhibit, key *string) error {
	made, err := o.as(c.By).CreateExhibit(ctx, z.ID, &rest.CreateExhibitParams{IdempotencyKey: key}, store.ExhibitChange{
		Label: &x.Label, Form: &x.Form, Quantity: x.Quantity, Packaging: &x.Packaging, ExpectedAs: &x.ExpectedAs})
	if err != nil {
		return err
	}
	f := x.Scan.fields()
	f.Case = c.Number
	if !x.Late {
		f.ExhibitID = made.ID
	}
	sc, _, err := o.ingest(c.By.acting(ctx), x.Scan, f)
	if err != nil {
		return err
	}
	o.entered[x.Scan.Number] = sc
	if sc.Linked != nil || sc.Version > 1 {
		return nil
	}
	_, err = o.as(c.By).AmendScan(ctx, sc.ID, &rest.AmendScanParams{IfMatch: firstVersion}, rest.AmendScanBody{ExhibitId: &made.ID, Case: &c.Number,
		Reason: simulate.TitlePrefix + "reason: the exhibit was entered after the scan."})
	return err
}

// examine has the laboratory and the reviewer say what they have to say of an exhibit.
func (o *office) examine(ctx context.Context, x Exhibit) error {
	sc := o.entered[x.Scan.Number]
	about := ""
	if x.Laboratory {
		result, err := o.as(chemist).EnterLaboratoryResult(ctx, sc.ID, nil, found(sc, x))
		if err != nil {
			return err
		}
		about = result.ID
	}
	if x.Review == "" {
		return nil
	}
	_, err := o.as(reviewer).ReviewScan(ctx, sc.ID, &rest.ReviewScanParams{IdempotencyKey: keyed("review-%d", x.Scan.Number)},
		store.NewReview{ResultID: about, Opinion: x.Review, Reason: simulate.TitlePrefix + "review of the demo."})
	return err
}

// found is what a laboratory finds: the truth behind the scan.
func found(sc store.Scan, x Exhibit) rest.ResultInput {
	named := map[string]bool{}
	for _, f := range sc.Identification.Findings {
		named[strings.ToLower(f.Substance)] = true
	}
	out := rest.ResultInput{Result: store.ResultConfirmed, Pure: len(x.Scan.Mixture) == 1, Technique: "GC-MS", Laboratory: simulate.TitlePrefix + "State Laboratory",
		Analyst: simulate.TitlePrefix + "analyst", ReportNumber: fmt.Sprintf("SIM-R-%04d", x.Scan.Number), Note: simulate.TitlePrefix + "result of the demo."}
	for _, p := range x.Scan.Mixture {
		out.Substances = append(out.Substances, p.Substance)
		if !named[strings.ToLower(p.Substance)] {
			out.Result = store.ResultCorrected
		}
	}
	return out
}

// enterCases enters all seizures with their scans, laboratory results and reviews.
func (o *office) enterCases(ctx context.Context, cases []Case) error {
	for i, c := range cases {
		if err := o.enterCase(ctx, i+1, c); err != nil {
			return fmt.Errorf("enter %s: %w", c.Number, err)
		}
		for _, x := range c.Exhibits {
			if err := o.examine(ctx, x); err != nil {
				return fmt.Errorf("examine exhibit %s of %s: %w", x.Label, c.Number, err)
			}
		}
	}
	return nil
}
