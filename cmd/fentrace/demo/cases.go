package demo

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"fentrace/server/store"
	"fentrace/server/tlp"
	"fentrace/spectra/simulate"
)

// Case is a simulated seizure of the month with what becomes of it.
type Case struct {
	Number   string // made up, and plainly so
	By       account
	Seized   time.Time
	Place    store.Location
	TLP      tlp.Level
	Exhibits []Exhibit
	// Amended: the place was stated too coarsely at first.
	Amended bool
}

// Exhibit is one thing of a seizure, with the event that is the scan of it.
type Exhibit struct {
	Label string
	thing
	Quantity *store.Quantity // nil: not weighed
	Scan     Event
}

// thing is what an exhibit is besides its label and its weight.
type thing struct {
	Form, Packaging, ExpectedAs string
	unit                        string // empty: it is not weighed
	// Laboratory: a result is entered; Review is what the reviewer says of it, or of the presumptive answer when there is none.
	// Empty: it waits.
	Laboratory bool
	Review     string
	// Late: the exhibit is entered after the scan was taken, which is joined to it by an amendment.
	Late bool
}

// story is a case to be made of the first scan of the month that holds a substance, and of others from that county.
type story struct {
	holds   string
	by      account
	tlp     tlp.Level
	amended bool
	things  []thing
}

var stories = []story{
	{holds: analog, by: officer, things: []thing{
		{Form: "powder", Packaging: "knotted plastic bag", ExpectedAs: "heroin", unit: "g", Laboratory: true, Review: store.OpinionAgree},
		{Form: "residue", Packaging: "spoon in a paper envelope"}}},
	{holds: "Carfentanil", by: officer, tlp: tlp.AmberStrict, things: []thing{
		{Form: "powder", Packaging: "folded paper", ExpectedAs: "heroin", unit: "mg", Laboratory: true}}},
	{holds: withheld, by: officer, things: []thing{
		{Form: "tablet", Packaging: "pill bottle without a label", ExpectedAs: "oxycodone", unit: "tablets", Laboratory: true}}},
	{holds: "methamphetamine", by: officer, things: []thing{
		{Form: "powder", Packaging: "zip bag", ExpectedAs: "methamphetamine", unit: "g", Review: store.OpinionAgree, Late: true},
		{Form: "powder", Packaging: "zip bag", unit: "g"},
		{Form: "other", Packaging: "glass pipe in a paper bag"}}},
	{holds: "acetaminophen", by: officer, tlp: tlp.Green, things: []thing{
		{Form: "tablet", Packaging: "blister pack", ExpectedAs: "oxycodone", unit: "tablets", Review: store.OpinionLaboratory}}},
	{holds: "Fentanyl", by: officer, amended: true, things: []thing{
		{Form: "powder", Packaging: "heat-sealed bag", ExpectedAs: "cocaine", unit: "g", Laboratory: true},
		{Form: "liquid", Packaging: "syringe in a sharps tube", unit: "ml"}}},
	{holds: "cocaine", by: deputy, things: []thing{
		{Form: "powder", Packaging: "plastic wrap", ExpectedAs: "cocaine", unit: "g"}}},
}

// firstPlaceM is the radius, in metres, that was stated of a place before it was amended.
const firstPlaceM = 10_000

// Cases makes the seizures of a month of events. The same arguments give the same seizures. A story whose substance is in no good scan
// that is left is not told.
func Cases(seed uint64, events []Event) []Case {
	rng := rand.New(rand.NewPCG(seed, 0x6361736573))
	used := map[int]bool{}
	take := func(fits func(Event) bool) (Event, bool) {
		at := slices.IndexFunc(events, func(e Event) bool { return !used[e.Number] && e.Trouble == "" && fits(e) })
		if at < 0 {
			return Event{}, false
		}
		used[events[at].Number] = true
		return events[at], true
	}
	var out []Case
	for _, s := range stories {
		first, ok := take(func(e Event) bool { return e.Mixture.holds(s.holds) })
		if !ok {
			continue
		}
		c := Case{Number: fmt.Sprintf("%s%04d", simulate.TitlePrefix, len(out)+1), By: s.by, TLP: s.tlp, Amended: s.amended,
			Seized: first.Acquired.Add(-time.Duration(10+rng.IntN(50)) * time.Minute), Place: first.fields().Location}
		for i, t := range s.things {
			scan := first
			if i > 0 {
				if scan, ok = take(func(e Event) bool { return e.County == first.County && e.Acquired.After(first.Acquired) }); !ok {
					break
				}
			}
			c.Exhibits = append(c.Exhibits, Exhibit{Label: fmt.Sprintf("1%c", 'A'+i), thing: t, Quantity: amount(rng, t.unit), Scan: scan})
		}
		out = append(out, c)
	}
	return out
}

// amount draws how much there is: masses and volumes with an interval, pieces counted.
func amount(rng *rand.Rand, unit string) *store.Quantity {
	value := math.Round(10*(1+39*rng.Float64())) / 10
	switch unit {
	case "":
		return nil
	case "tablets":
		return &store.Quantity{Value: new(math.Ceil(value)), Unit: unit}
	}
	return &store.Quantity{Value: &value, Unit: unit, Uncertainty: new(0.1)}
}
