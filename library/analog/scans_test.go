package analog

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

func TestTheScansOfALibraryOfAnySizeAreBoundedAndShowEveryFentanyl(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		fentanyls, others := rapid.IntRange(1, 100).Draw(t, "fentanyls"), rapid.IntRange(1, 1500).Draw(t, "others")
		m := &Model{options: Options{ScansPerSubstance: rapid.IntRange(leastScans, 60).Draw(t, "scans"), Seed: 1}}
		var samples []sample
		for i := range fentanyls + others {
			// Every second substance has two references.
			for range 1 + i%2 {
				samples = append(samples, sample{substance: fmt.Sprint(i)})
				m.bank.fentanyl = append(m.bank.fentanyl, i >= others)
			}
		}
		scans := m.plan(samples)
		if len(scans) > mostScans {
			t.Fatalf("%d scans", len(scans))
		}
		count, group := map[string]int{}, map[string]int{}
		for i, s := range scans {
			id := samples[s.sample].substance
			if (s.class > 0) != m.bank.fentanyl[s.sample] || s.checked && s.class > 0 {
				t.Fatalf("%+v of a fentanyl: %v", s, m.bank.fentanyl[s.sample])
			}
			if at, seen := group[id]; seen && at != s.group || i > 0 && scans[i-1].group > s.group {
				t.Fatalf("the scans of substance %s are not together", id)
			}
			count[id]++
			group[id] = s.group
		}
		for i := others; i < fentanyls+others; i++ {
			if count[fmt.Sprint(i)] < leastScans {
				t.Fatalf("fentanyl %d has %d scans", i, count[fmt.Sprint(i)])
			}
		}
	})
}
