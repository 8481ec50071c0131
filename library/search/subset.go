package search

// Subset is part of an index, chosen once.
type Subset struct{ rows map[*matrix][]bool }

// Subset is the part of ix whose references keep takes.
func (ix *Index) Subset(keep func(referenceID string) bool) *Subset {
	sub := &Subset{rows: map[*matrix][]bool{}}
	for _, m := range ix.tables {
		rows := make([]bool, m.rows())
		for i := range m.rows() {
			id := m.ids.at(i)
			rows[i] = keep(id)
		}
		sub.rows[m] = rows
	}
	return sub
}

// has reports whether row i of m is in the subset; nil is all.
func (sub *Subset) has(m *matrix, i int) bool {
	return sub == nil || sub.rows[m] != nil && sub.rows[m][i]
}

// Groups are the references of an index by what they are of.
type Groups struct {
	number map[string]int
	rows   map[*matrix][]int
}

// Groups puts every reference into the group that of names.
func (ix *Index) Groups(of func(referenceID string) string) *Groups {
	g := &Groups{number: map[string]int{}, rows: map[*matrix][]int{}}
	for _, m := range ix.tables {
		rows := make([]int, m.rows())
		for i := range m.rows() {
			id := m.ids.at(i)
			name := of(id)
			n, ok := g.number[name]
			if !ok {
				n = len(g.number)
				g.number[name] = n
			}
			rows[i] = n
		}
		g.rows[m] = rows
	}
	return g
}

// Except is a set of groups. It is not safe for concurrent use while groups are added.
type Except struct {
	groups *Groups
	in     []bool // by number
}

// Except is the set of the groups named; names without a reference are left out.
func (g *Groups) Except(names ...string) *Except {
	e := &Except{groups: g, in: make([]bool, len(g.number))}
	for _, name := range names {
		e.Add(name)
	}
	return e
}

// Add takes one more group into the set.
func (e *Except) Add(name string) {
	if n, ok := e.groups.number[name]; ok {
		e.in[n] = true
	}
}

// has reports whether row i of m is in one of the groups; nil is none.
func (e *Except) has(m *matrix, i int) bool { return e != nil && e.in[e.groups.rows[m][i]] }

// of is the group of row i of m; nil is one group of all.
func (g *Groups) of(m *matrix, i int) int {
	if g == nil {
		return 0
	}
	return g.rows[m][i]
}
