package calibration

import (
	"math"
	"slices"
)

// anchor takes one found line for one line of the standard.
type anchor struct{ line, found int }

func (m matcher) anchors() []anchor {
	anchored := 3 // lines of the standard
	if m.std.Lamp {
		anchored = 6
	}
	strong := strongest(len(m.lines), func(i int) float64 { return m.lines[i].Relative })
	strong = strong[:min(anchored, len(strong))]
	peaks := strongest(len(m.found), func(i int) float64 { return m.found[i].Prominence })
	var out []anchor
	for _, l := range strong {
		tried := 0
		for _, f := range peaks {
			if math.Abs(m.lines[l].Position-m.found[f].X) <= m.std.Reach && tried < anchorPeaks {
				out = append(out, anchor{line: l, found: f})
				tried++
			}
		}
	}
	return out
}

// strongest are the indices 0..n-1 by falling value.
func strongest(n int, value func(int) float64) []int {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return compare(value(b), value(a)) })
	return order
}

// likeness is 1 when a found line is as high as expected beside the anchor, and falls with the ratio. Detectors differ
// in response by several times across the range; a lamp's listed strengths say next to nothing.
func (m matcher) likeness(l Line, f Found, unit float64) float64 {
	spread := math.Log(3)
	if f.Clipped {
		spread = math.Log(10)
	}
	if m.std.Lamp {
		spread = math.Log(20)
	}
	g := math.Log(f.Prominence/(unit*l.Relative)) / spread
	return math.Exp(-g * g / 2)
}

// chain is the best ordered match through the anchor.
func (m matcher) chain(a anchor) (pairs []pair, unit float64) {
	unit = m.found[a.found].Prominence / m.lines[a.line].Relative
	type node struct {
		line, found int
		best        float64
		from        int // index of the node before, -1 for none
	}
	var nodes []node
	for i, l := range m.lines {
		for j, f := range m.found {
			d := l.Position - f.X
			if math.Abs(d) > m.std.Reach || (i == a.line) != (j == a.found) {
				continue
			}
			if s := math.Sqrt(l.Relative) * m.likeness(l, f, unit); s > 0.01 {
				nodes = append(nodes, node{line: i, found: j, best: s, from: -1})
			}
		}
	}
	end, through := -1, make([]bool, len(nodes))
	for k := range nodes {
		n := &nodes[k]
		own, best := n.best, n.best
		through[k] = n.line == a.line
		for p := range k {
			b := nodes[p]
			if b.line >= n.line || b.found >= n.found || n.line > a.line && !through[p] && n.line != a.line {
				continue
			}
			d := (m.lines[n.line].Position - m.found[n.found].X) - (m.lines[b.line].Position - m.found[b.found].X)
			cost, ok := bend(d, m.lines[n.line].Position-m.lines[b.line].Position)
			if ok && b.best+own-cost > best {
				best, n.from = b.best+own-cost, p
				through[k] = n.line == a.line || through[p]
			}
		}
		n.best = best
		if through[k] && (end < 0 || n.best > nodes[end].best) {
			end = k
		}
	}
	for k := end; k >= 0; k = nodes[k].from {
		pairs = append(pairs, pair{line: m.lines[nodes[k].line], found: m.found[nodes[k].found]})
	}
	slices.Reverse(pairs)
	return pairs, unit
}

// bend is what it costs that the correction changes by d over a distance (both cm-1), in units of a strong line; false
// when no spectrometer bends so.
func bend(d, distance float64) (cost float64, ok bool) {
	if math.Abs(d) > 6+0.12*distance {
		return 0, false
	}
	z := d / (2 + 0.04*distance)
	return 0.25 * z * z, true
}
