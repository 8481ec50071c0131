package demo

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"fentrace/spectra"
	"fentrace/spectra/simulate"
)

const (
	monthDays = 30
	// The new analog appears on this day of the month, counted from 0.
	analogDay = 8.5
	// fentanylShare is the share of counties where fentanyl is sold.
	fentanylShare = 0.75
	// So many scans hold carfentanil, in so many counties.
	carfentanils, carfentanilPlaces = 4, 2
	scatterKM                       = 4.5 // of places around a county's coordinates; every county of the table reaches further
)

// local is the time of the region, for its nights and weekends: Eastern standard time.
var local = time.FixedZone("EST", -5*3600)

// busy are the counties with large towns, and how many more scans are taken there than elsewhere.
var busy = map[string]float64{
	"39061": 4, "39049": 4, "42003": 4, "21111": 4, "39113": 3, "54039": 2.5, "54011": 2.5, "21067": 2.5, "39017": 2, "21117": 2,
}

// Event is one simulated scan of the month, with the truth behind it.
type Event struct {
	Number   int // from 1, in order of time
	Acquired time.Time
	County   County
	// Latitude and Longitude are scattered inside the county; PrecisionM is the radius stated with them.
	Latitude, Longitude, PrecisionM float64
	Mixture                         Mixture
	Trouble                         string // why the scan is poor, empty for a good one
	instrument                      simulate.Instrument
	conditions                      simulate.Conditions
}

// ID is what the scan is called wherever it is seen.
func (e Event) ID() string { return fmt.Sprintf("SIM-%04d", e.Number) }

// Month makes n scans (or as few as the story needs, when n is less) of the month that ends at now: everyday
// business with its nights and weekends, fentanyl in most counties, carfentanil in two, and a new analog that appears in
// one county in the second week and travels on. The same arguments give the same month.
func Month(seed uint64, now time.Time, counties []County, n int) []Event {
	if len(counties) == 0 || n <= 0 {
		return nil
	}
	m := newMonth(seed, 0x6d6f6e7468, now, counties)
	m.prepare()
	m.story()
	for len(m.events) < n {
		m.everyday()
	}
	slices.SortStableFunc(m.events, func(a, b Event) int {
		return cmp.Or(a.Acquired.Compare(b.Acquired), cmp.Compare(a.County.FIPS, b.County.FIPS))
	})
	for i := range m.events {
		m.events[i].Number = i + 1
	}
	return m.events
}

type month struct {
	rng        *rand.Rand
	counties   []County
	start, end time.Time
	fentanyl   []bool    // per county
	arrivals   []Arrival // of the new analog, per county
	shares     []float64 // of the scans, per county, cumulative
	events     []Event
}

// newMonth is an empty month that ends at now; stream tells apart what is drawn with one seed.
func newMonth(seed, stream uint64, now time.Time, counties []County) *month {
	end := now.Truncate(time.Second)
	return &month{rng: rand.New(rand.NewPCG(seed, stream)), counties: counties, start: end.AddDate(0, 0, -monthDays), end: end}
}

func (m *month) prepare() {
	total := 0.0
	for _, c := range m.counties {
		m.fentanyl = append(m.fentanyl, m.rng.Float64() < fentanylShare)
		total += cmp.Or(busy[c.FIPS], 1)
		m.shares = append(m.shares, total)
	}
	source := m.rng.IntN(len(m.counties))
	m.arrivals = spread(m.rng, m.counties, source, m.start.Add(time.Duration(analogDay*24*float64(time.Hour))))
}

// story adds the scans that tell it: the first of the new analog in each county it reaches, and the carfentanil.
func (m *month) story() {
	for i, a := range m.arrivals {
		if m.arrived(i, m.end) {
			m.add(i, a.At, pick(m.rng, analogRecipes), good)
		}
	}
	for i, places := 0, m.rng.Perm(len(m.counties)); i < carfentanils; i++ {
		m.add(places[i%min(carfentanilPlaces, len(places))], m.anyTime(), carfentanilRecipe, good)
	}
}

// arrived tells whether the new analog is in county i at a time.
func (m *month) arrived(i int, at time.Time) bool {
	return !m.arrivals[i].At.IsZero() && !at.Before(m.arrivals[i].At)
}

// everyday adds one scan of the usual business.
func (m *month) everyday() {
	i, _ := slices.BinarySearch(m.shares, m.rng.Float64()*m.shares[len(m.shares)-1])
	i = min(i, len(m.counties)-1)
	at := m.anyTime()
	lists := [][]recipe{recipes}
	if m.fentanyl[i] {
		lists = append(lists, fentanylRecipes)
	}
	if m.arrived(i, at) {
		lists = append(lists, analogRecipes)
	}
	m.add(i, at, pick(m.rng, lists...), pickQuality(m.rng))
}

// anyTime draws a time of the month; most scans are taken in the evening and at night, more so at the weekend.
func (m *month) anyTime() time.Time {
	for {
		at := m.start.Add(time.Duration(m.rng.Float64() * float64(m.end.Sub(m.start)))).Truncate(time.Second)
		// One wave a day with its top at 22:00.
		here := at.In(local)
		hour := float64(here.Hour()) + float64(here.Minute())/60
		rate := 0.55 + 0.45*math.Cos((hour-22)/24*2*math.Pi)
		if night := here.Add(-6 * time.Hour).Weekday(); night == time.Friday || night == time.Saturday {
			rate *= 1.6
		}
		if m.rng.Float64()*1.6 < rate {
			return at
		}
	}
}

func (m *month) add(county int, at time.Time, r recipe, q quality) {
	c := m.counties[county]
	e := Event{Acquired: at.UTC().Truncate(time.Second), County: c, Mixture: r.make(m.rng), Trouble: q.trouble}
	radius, angle := scatterKM*math.Sqrt(m.rng.Float64()), 2*math.Pi*m.rng.Float64()
	e.Latitude = round4(c.Latitude + radius*math.Sin(angle)/kmPerDegree)
	e.Longitude = round4(c.Longitude + radius*math.Cos(angle)/kmPerDegree/math.Cos(c.Latitude*math.Pi/180))
	e.PrecisionM = []float64{500, 1000, 2000, 5000}[m.rng.IntN(4)]
	e.instrument = handheld(c)
	e.conditions = q.conditions(m.rng)
	m.events = append(m.events, e)
}

func round4(v float64) float64 { return math.Round(v*1e4) / 1e4 }

// handheld is the instrument of a county; each has its own small axis error and resolution, the same all month.
func handheld(c County) simulate.Instrument {
	own := rand.New(rand.NewPCG(uint64(len(c.FIPS)), fipsNumber(c.FIPS)))
	in := simulate.Handheld785()
	in.ShiftCM1 = 4*own.Float64() - 2
	in.ResolutionCM1 = 8 + 3*own.Float64()
	return in
}

func fipsNumber(fips string) (n uint64) {
	for _, r := range fips {
		n = 10*n + uint64(r-'0')
	}
	return n
}

// spectrum simulates the scan.
func (e Event) spectrum(table lineTable) (spectra.Spectrum, error) {
	lines, err := table.mix(e.Mixture)
	if err != nil {
		return spectra.Spectrum{}, err
	}
	s, err := simulate.Spectrum("scan "+e.ID(), lines, e.instrument, e.conditions)
	if err != nil {
		return spectra.Spectrum{}, fmt.Errorf("simulate scan %s: %w", e.ID(), err)
	}
	truth := e.Mixture.String()
	if e.Trouble != "" {
		truth += " (" + e.Trouble + ")"
	}
	s.Metadata.Acquired = e.Acquired
	s.Metadata.SerialNumber = "SIM-HH-" + e.County.FIPS
	s.Metadata.Averages = 1
	s.Metadata.Fields = map[string]string{"simulated_sample": truth}
	return s, nil
}
