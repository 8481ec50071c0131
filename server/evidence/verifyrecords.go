package evidence

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"fentrace/server/audit"
	"fentrace/server/store"
)

// leaves are the entries of the log in the pack that can be read.
func (c *checking) leaves() []audit.Leaf {
	var out []audit.Leaf
	for _, l := range c.manifest.Leaves {
		text, _ := find(c.members, l.File)
		if leaf, err := audit.Decode(text); err == nil {
			out = append(out, leaf)
		}
	}
	return out
}

// named says what an entry is about, as far as it can be read.
func named(text []byte) string {
	l, err := audit.Decode(text)
	if err != nil {
		return ""
	}
	return fmt.Sprintf(" (%s %s %s, by %s)", l.Action, l.Kind, l.ID, l.Actor)
}

// kinds counts the entries by what they are.
func (c *checking) kinds() string {
	n := map[string]int{}
	for _, l := range c.leaves() {
		n[l.Action+" "+l.Kind]++
	}
	var out []string
	for _, k := range sortedKeys(n) {
		out = append(out, fmt.Sprintf("%d %s", n[k], k))
	}
	return strings.Join(out, ", ")
}

// record says which one an entry of the log is about.
type record struct{ kind, id string }

// told are the entries that say what records were when they were made or amended.
func (c *checking) told() map[record]audit.Leaf {
	out := map[record]audit.Leaf{}
	for _, l := range c.leaves() {
		if slices.Contains(store.RecordedKinds, l.Kind) && (l.Action == audit.Collect || l.Action == audit.Alter) {
			out[record{l.Kind, l.ID}] = l
		}
	}
	return out
}

// checkRecords compares the records about a scan with the log.
func (c *checking) checkRecords(s manifestScan, sc store.Scan) {
	var h store.History
	name := recordsName(s.ID)
	if _, there := find(c.members, name); there { // packs of before have none
		h, _ = read[store.History](c, name)
	}
	told, right := c.told(), 0
	compare := func(member string, records []store.ToldHash) {
		for _, r := range records {
			c.recorded[record{r.Kind, r.ID}] = true
			l, ok := told[record{r.Kind, r.ID}]
			switch {
			case !ok && r.Early:
			case !ok:
				c.say(member, NotChecked, "no entry of the log in this pack says what the %s %s was: its custody is not proven", r.Words, r.ID)
			case hashIn(l) != r.Hash:
				c.say(member, Wrong, "the %s %s is not what entry %d of the log, by %s, says of it", r.Words, r.ID, l.Seq, l.Actor)
			default:
				right++
			}
		}
	}
	compare(s.Scan, sc.Recorded())
	compare(name, h.Recorded())
	if right > 0 {
		c.say(s.ID, OK, "%d records about it (amendments, reviews, laboratory results, field answers, exhibits, seizures) are what the log says of them", right)
	}
}

// checkLeftOut finds records that the log in the pack tells of and that no scan in it has.
func (c *checking) checkLeftOut() {
	told := c.told()
	for _, l := range c.leaves() {
		r := record{l.Kind, l.ID}
		if t, ok := told[r]; ok && t.Seq == l.Seq && !c.recorded[r] {
			c.say("log", Wrong, "the %s %s that entry %d of the log tells of, by %s, was left out of the pack", r.kind, r.id, l.Seq, l.Actor)
		}
	}
}

// hashIn is the hash of a record that an entry of the log has.
func hashIn(l audit.Leaf) string {
	var d struct {
		Hash string `json:"hash"`
	}
	_ = json.Unmarshal(l.Detail, &d) // without one nothing agrees with it
	return d.Hash
}
