package store

import (
	"context"
	"fmt"
	"time"
)

// Point is one scan on the map: where, when, its verdict and what that rests on (findings in order of rank).
type Point struct {
	ScanID                     string
	Latitude, Longitude        float64
	PrecisionM                 *float64
	County, State, FIPS        string
	Verdict, Headline, Summary string
	Acquired                   time.Time
	Simulated                  bool
	Findings                   []PointFinding
}

// PointFinding is one substance found in a Point.
type PointFinding struct {
	Substance, Class string
	Probability      float64
}

// Points returns up to limit scans with coordinates, newest acquired first, how many there are in all, and how
// many scans match the filter but have no coordinates; of those that may be seen, or with export handed to partners.
func (s *Store) Points(ctx context.Context, f Filter, export bool, limit int) (points []Point, matched, withoutPlace int, err error) {
	p, err := s.PointPage(ctx, f, export, "", limit)
	return p.Points, p.Matched, p.WithoutPlace, err
}

// PointsPage is one part of the points of a map.
type PointsPage struct {
	Points                []Point
	Matched, WithoutPlace int    // in all
	Next                  string // cursor of the next page; empty on the last
}

// PointPage is Points in pages; ErrInvalid for a cursor that it did not give.
func (s *Store) PointPage(ctx context.Context, f Filter, export bool, cursor string, limit int) (page PointsPage, err error) {
	cond, args, err := f.seen(ctx)
	if export {
		var may string
		var more []any
		may, more, err = exportable(ctx, "s")
		cond, args = cond+" AND "+may, append(args, more...)
	}
	if err != nil {
		return page, err
	}
	if err := s.r.QueryRowContext(ctx, `SELECT count(s.latitude), count(*) - count(s.latitude) FROM scans s WHERE `+cond, args...).
		Scan(&page.Matched, &page.WithoutPlace); err != nil {
		return page, fmt.Errorf("count places: %w", err)
	}
	if cond, args, err = after(cond, args, cursor, "s", "acquired"); err != nil {
		return page, err
	}
	rows, err := s.r.QueryContext(ctx, `SELECT p.id, p.latitude, p.longitude, p.precision_m, p.county, p.state, p.fips, p.verdict,
			p.headline, p.summary, p.acquired, p.simulated, coalesce(f.substance, ''), coalesce(f.class, ''), coalesce(f.probability, 0)
		FROM (SELECT s.id, s.latitude, s.longitude, s.precision_m, s.county, s.state, s.fips, s.verdict, s.headline, s.summary,
				s.acquired, s.simulated
			FROM scans s WHERE s.latitude IS NOT NULL AND `+cond+` ORDER BY s.acquired DESC, s.id DESC LIMIT ?) p
		LEFT JOIN findings f ON f.scan_id = p.id ORDER BY p.acquired DESC, p.id DESC, f.rank`, append(args, limit+1)...)
	if err != nil {
		return page, fmt.Errorf("read places: %w", err)
	}
	defer rows.Close()
	var points []Point
	for rows.Next() {
		var p Point
		var fd PointFinding
		var acquired int64
		if err := rows.Scan(&p.ScanID, &p.Latitude, &p.Longitude, &p.PrecisionM, &p.County, &p.State, &p.FIPS, &p.Verdict,
			&p.Headline, &p.Summary, &acquired, &p.Simulated, &fd.Substance, &fd.Class, &fd.Probability); err != nil {
			return page, fmt.Errorf("read places: %w", err)
		}
		p.Acquired = fromMicros(acquired)
		if n := len(points); n == 0 || points[n-1].ScanID != p.ScanID {
			points = append(points, p)
		}
		if fd.Substance != "" {
			last := &points[len(points)-1]
			last.Findings = append(last.Findings, fd)
		}
	}
	page.Points, page.Next = cutPage(points, limit, func(p Point) (int64, string) { return micros(p.Acquired), p.ScanID })
	return page, rows.Err()
}
