package lookback

import (
	"context"
	"slices"
	"time"

	"fentrace/server/intel"
	"fentrace/server/store"
	"fentrace/server/tlp"
)

// alert tells of every county, and of the scans whose county is not known, where the substance was seen earlier than is known
// without this look-back, also of what it found before it was cut off. A scan stored meanwhile is known by itself: it is no news of the past.
func (l *Looker) alert(ctx context.Context, r store.Rescreen) error {
	with, err := l.Store.Occurrences(ctx, time.Time{})
	if err != nil {
		return err
	}
	without, err := l.Store.OccurrencesWithout(ctx, r.ReferenceID) // read last, so that what is stored in between is in it
	if err != nil {
		return err
	}
	for _, n := range news(without, with, r.Substance) {
		m := n.Move
		_, err := l.Store.RaiseAlert(ctx, store.Alert{Agency: n.agency, TLP: n.level, Created: l.Clock(), Substance: m.Substance, ReferenceID: r.ReferenceID, ScanID: m.ScanID,
			County: m.Region.County, State: m.Region.State, FIPS: m.Region.FIPS, Simulated: m.Simulated, FirstSeen: m.First, SeenBefore: m.Before})
		if err != nil {
			return err
		}
	}
	return nil
}

// item is what is news to who may see all scans of an agency that are marked up to a level.
type item struct {
	agency string
	level  tlp.Level
	intel.Move
}

// news are the moves of first-seen events as each agency sees them by its own scans, level by level: what is known to those who may
// see more must not be told to those who may see less, and must not keep them from hearing what is news to them. What is the same as on
// a level below is left out.
func news(without, with []store.Occurrence, substance string) (out []item) {
	up := func(to tlp.Level, agency string, all []store.Occurrence) []store.Occurrence {
		return slices.DeleteFunc(slices.Clone(all), func(o store.Occurrence) bool { return o.Agency != agency || o.TLP.Rank() > to.Rank() })
	}
	var agencies []string
	for _, o := range with {
		if !slices.Contains(agencies, o.Agency) {
			agencies = append(agencies, o.Agency)
		}
	}
	for _, agency := range agencies {
		var below []intel.Move
		for _, level := range tlp.Levels {
			moves := intel.Moved(firstSeen(up(level, agency, without), substance), firstSeen(up(level, agency, with), substance))
			for _, m := range moves {
				if !slices.ContainsFunc(below, func(b intel.Move) bool { return sameNews(b, m) }) {
					out = append(out, item{agency, level, m})
				}
			}
			below = append(below, moves...)
		}
	}
	return out
}

func sameNews(a, b intel.Move) bool {
	before := a.Before == nil && b.Before == nil || a.Before != nil && b.Before != nil && a.Before.Equal(*b.Before)
	return before && a.ScanID == b.ScanID && a.Region == b.Region && a.Simulated == b.Simulated
}

// firstSeen is where a substance was seen first, in every county and where no county is known: somebody holds that evidence too.
func firstSeen(stored []store.Occurrence, substance string) []intel.FirstSeen {
	return intel.FirstSeenIn(Occurrences(stored), intel.County, intel.Window{Substance: substance, Unplaced: true}).Events
}

// Occurrences are scans as analytics take them.
func Occurrences(stored []store.Occurrence) []intel.Scan {
	scans := make([]intel.Scan, len(stored))
	for i, o := range stored {
		s := intel.Scan{ID: o.ScanID, Agency: o.Agency, Acquired: o.Acquired, Simulated: o.Simulated,
			Region: intel.Region{County: o.County, State: o.State, FIPS: o.FIPS}}
		for _, f := range o.Findings {
			s.Findings = append(s.Findings, intel.Finding(f))
		}
		scans[i] = s
	}
	return scans
}
