package identify

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strings"

	"fentrace/library"
	"fentrace/library/mixture"
	"fentrace/library/search"
	"fentrace/spectra"
)

// evidence is everything the decision weighs.
type evidence struct {
	scan        spectra.Spectrum
	calibration Calibration   // for its technique
	recorded    search.Vector // as it came
	vector      search.Vector // as it is compared, see resolution
	asked       *search.Asked // the references that it is compared with
	features    features
	quality     Quality
	width       float64                  // by which references are widened to match the scan, cm-1
	shown       map[string]search.Vector // references so widened, by id, as they were asked for
	hits        []search.Hit
	candidates  []Finding // one per substance, best first
	parts       []part
	fit         mixture.Fit
	proof       mixture.Fit // of the parts with their shapes free, by which they were taken
	look        [2]float64  // of references in this scan, see measureLook
	fitLow      int         // first wavenumber of the fitted range
	explained   float64
	foreign     []float64 // cm-1, lines that no part has
	barred      []string  // substances that take no part in the explanation
	fault       *axisFault
}

// hitsKept is how many substances a scan is compared with closely, at most.
const hitsKept = 10

// gather computes the evidence for s; the quality is filled as far as it got even when an error is returned.
func (id *Identifier) gather(ctx context.Context, s spectra.Spectrum) (evidence, error) {
	ev, err := id.judge(ctx, s)
	if err != nil {
		return ev, err
	}
	defer id.stage("wrong axes")()
	if ev.fault, err = id.findAxisFault(ctx, &ev); err != nil || ev.fault == nil || ev.fault.known == nil {
		return ev, err
	}
	return id.recalibrated(ctx, ev)
}

// judge is the evidence of s on the axis it has.
func (id *Identifier) judge(ctx context.Context, s spectra.Spectrum) (evidence, error) {
	ev, err := id.compare(ctx, s)
	if err != nil {
		return ev, err
	}
	ev.candidates = id.rank(ev, id.weakHits(ev))
	end := id.stage("mixture")
	if err := id.explain(ctx, &ev); err != nil {
		return ev, err
	}
	end()
	defer id.stage("probabilities")()
	if err := id.justify(ctx, &ev); err != nil {
		return ev, err
	}
	id.weigh(&ev)
	return ev, nil
}

// compare looks at s by itself and at every reference by itself.
func (id *Identifier) compare(ctx context.Context, s spectra.Spectrum) (evidence, error) {
	ev := evidence{quality: Quality{Axis: axisUnknown}, calibration: id.calibrations[s.Technique], shown: map[string]search.Vector{}}
	end := id.stage("preparation and quality")
	var rays int
	var err error
	if ev.scan, rays, err = withoutRays(s.Ascending()); err != nil {
		return ev, err
	}
	if ev.recorded, err = search.Prepare(ev.scan); err != nil {
		return ev, err
	}
	ev.vector = ev.recorded
	if ev.features, err = extract(ev.scan); err != nil {
		return ev, err
	}
	ev.features.saturated = saturatedPoints(ev.scan, rays)
	f := ev.features
	ev.quality = Quality{
		SNR: round(math.Min(f.snr, 1e6), 1), Saturated: f.saturated, Fluorescence: round(f.fluorescence, 3),
		Axis: axisUnknown, LowCM1: f.low, HighCM1: f.high,
	}
	end()
	return ev, id.likest(ctx, &ev)
}

// likest finds the references most like the scan, one of each substance, at the resolution at which the best agree best.
func (id *Identifier) likest(ctx context.Context, ev *evidence) error {
	end := id.stage("search")
	err := id.ask(ctx, ev, widthHits)
	if err != nil || len(ev.hits) == 0 {
		return err
	}
	end()
	end = id.stage("resolution")
	width := id.resolution(ev)
	end()
	defer id.stage("search")()
	if width < 0 {
		ev.vector, ev.asked = ev.vector.Broadened(-width), nil
	} else if width > 0 {
		ev.width = width
		clear(ev.shown)
	}
	if err := id.ask(ctx, ev, hitsKept); err != nil {
		return err
	}
	ev.hits = id.atResolution(ev, ev.vector, ev.hits)
	return nil
}

// ask finds the best k references, one of each substance: in a library with many of each, others have to be there to compare the
// best with.
func (id *Identifier) ask(ctx context.Context, ev *evidence, k int) (err error) {
	if ev.asked == nil {
		if ev.asked, err = id.index.Ask(ctx, ev.vector, id.maxShift); err != nil {
			return err
		}
	}
	query := id.query(ev, k)
	query.Groups, query.Each = id.groups, 1
	ev.hits, err = ev.asked.Search(ctx, query)
	return err
}

// query asks for k references, of none of the substances.
func (id *Identifier) query(ev *evidence, k int, without ...string) search.Query {
	return search.Query{K: k, MaxShift: id.maxShift, Of: id.subset(ev.scan), Except: id.groups.Except(without...)}
}

// best is the most similar reference of none of the barred substances, looked for in the library when it is not among the
// hits; ok is false when there is none.
func (id *Identifier) best(ctx context.Context, ev *evidence) (h search.Hit, ok bool, err error) {
	for _, h := range ev.hits {
		if !id.barredReference(ev, h.ReferenceID) {
			return h, true, nil
		}
	}
	if len(ev.hits) < hitsKept {
		return h, false, nil // they are of all substances that there are
	}
	found, err := ev.asked.Search(ctx, id.query(ev, 1, ev.barred...))
	if err != nil || len(found) == 0 {
		return h, false, err
	}
	return id.atResolution(ev, ev.vector, found)[0], true, nil
}

// weakHits are the hits as they rank: in a weak scan by the correlation of the derivatives themselves, of which noise hides
// less than of their square roots. Such a scan is hardly ever answered, but its candidates are looked at.
func (id *Identifier) weakHits(ev evidence) []search.Hit {
	if ev.features.snr >= weakSNR {
		return ev.hits
	}
	scan := ev.vector.Linear()
	var out []search.Hit
	for _, h := range ev.hits {
		v, ok := id.reference(&ev, h.ReferenceID)
		if !ok {
			continue
		}
		if h.Alignment, ok = search.Align(scan, v.Linear(), 0, id.maxShift); ok {
			out = append(out, h)
		}
	}
	slices.SortStableFunc(out, func(a, b search.Hit) int { return cmp.Compare(b.Score, a.Score) })
	return out
}

// rank merges hits and peak tables into one candidate per substance, best first.
func (id *Identifier) rank(ev evidence, hits []search.Hit) []Finding {
	best := map[string]Finding{}
	for _, h := range hits {
		f := id.spectrumFinding(h)
		if had, ok := best[f.Substance]; ok {
			had.References = append(had.References, f.References...)
			best[f.Substance] = had
			continue
		}
		best[f.Substance] = f
	}
	for _, f := range id.tableFindings(ev) {
		if had, ok := best[f.Substance]; ok {
			if had.Tier == library.Published && f.rank() > had.rank() {
				f.References = append(f.References, had.References...)
				best[f.Substance] = f
				continue
			}
			had.References = append(had.References, f.References...)
			best[f.Substance] = had
			continue
		}
		best[f.Substance] = f
	}
	ranked := make([]Finding, 0, len(best))
	for _, f := range best {
		ranked = append(ranked, f)
	}
	slices.SortFunc(ranked, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(b.rank(), a.rank()), strings.Compare(a.Substance, b.Substance))
	})
	return ranked
}

// rank orders candidates of all tiers on one scale. A table, even in full agreement, ranks below a spectrum that
// matches: it says nothing about what lies between its lines.
func (f Finding) rank() float64 {
	if f.Tier == library.Published {
		return tableWeight * max(f.Probability, poorWeight*f.Score*(1-*f.ChanceAgreement))
	}
	return max(1/(1+math.Exp(-(f.Score-rankMid)/rankScale)), poorWeight*f.Score)
}

const (
	tableWeight = 0.6
	poorWeight  = 0.5 // orders candidates that hardly agree
	// rankMid and rankScale put scores on the scale of tables; they are no probability.
	rankMid, rankScale = 0.584, 0.088
	// tableLeast: a table with fewer lines within the scan is a marker, which alone says nothing.
	tableLeast = 3
)

func (id *Identifier) spectrumFinding(h search.Hit) Finding {
	f := id.finding(id.refs[h.ReferenceID])
	f.Score, f.ShiftCM1 = round(h.Score, 4), round(h.ShiftCM1, 2)
	return f
}

// finding is a Finding of reference r without its evidence.
func (id *Identifier) finding(r library.Reference) Finding {
	sub, _ := id.lib.Substance(r.SubstanceID)
	return Finding{
		Substance: cmp.Or(sub.Name, r.SubstanceID), CAS: sub.CAS, Class: sub.Class, Schedule: sub.Schedule,
		Controlled: sub.Controlled, Unverified: sub.Unverified, Container: sub.Container(), Tier: r.Tier, References: []string{r.ID},
	}
}

// tableFindings scores every published table in the scan's technique.
func (id *Identifier) tableFindings(ev evidence) []Finding {
	var out []Finding
	f := ev.features
	for _, r := range id.tables {
		if !eligible(r, ev.scan) {
			continue
		}
		m := search.ScorePeaks(f.peaks, f.low, f.high, r.Peaks, float64(id.maxShift))
		if m.Lines < tableLeast || m.Matched < 2 {
			continue
		}
		chance := math.Min(1, m.Chance*float64(len(id.tables)))
		finding := id.finding(r)
		finding.Score, finding.ShiftCM1, finding.ChanceAgreement = round(m.F, 4), m.ShiftCM1, &chance
		finding.Probability = round(tableProbability(m, chance), 3)
		out = append(out, finding)
	}
	return out
}

// isSERS: surface-enhanced spectra have other intensities and shifted lines; they are no reference for a normal scan.
func isSERS(r library.Reference) bool { return strings.Contains(strings.ToUpper(r.Form), "SERS") }

// round keeps an answer to the digits its evidence supports.
func round(v float64, digits int) float64 {
	scale := math.Pow(10, float64(digits))
	return math.Round(v*scale) / scale
}
