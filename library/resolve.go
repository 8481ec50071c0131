package library

import "slices"

// resolver finds substances by registry number, InChIKey, or name. One substance may be reached by many keys;
// a key that reaches several substances reaches none, because a wrong name is worse than none.
type resolver struct {
	substances map[string]Substance
	cas        map[string][]string // registry number -> ids
	inchikey   map[string][]string
	name       map[string][]string // NormaliseName of name and synonyms -> ids
}

func newResolver() *resolver {
	return &resolver{
		substances: map[string]Substance{},
		cas:        map[string][]string{},
		inchikey:   map[string][]string{},
		name:       map[string][]string{},
	}
}

// add makes s findable; a substance of the same id must not have been added before.
func (r *resolver) add(s Substance) {
	r.substances[s.ID] = s
	put := func(m map[string][]string, key string) {
		if key != "" && !slices.Contains(m[key], s.ID) {
			m[key] = append(m[key], s.ID)
		}
	}
	put(r.cas, s.CAS)
	put(r.inchikey, s.InChIKey)
	put(r.name, NormaliseName(s.Name))
	for _, synonym := range s.Synonyms {
		put(r.name, NormaliseName(synonym))
	}
}

// match is the substance that was found and how.
type match struct {
	substance Substance
	form      string // salt or hydrate that the name added
	by        string // "CAS", "InChIKey" or "name"
	// contradicts is set when the registry number or InChIKey names substance but the name belongs to this other.
	contradicts string
}

// find looks for the registry number, then the InChIKey, then the name, then the name without its salt.
func (r *resolver) find(cas, inchikey, name string) (match, bool) {
	named, formText := r.findName(name)
	for _, key := range []struct {
		by  string
		ids []string
	}{{"CAS", r.cas[cas]}, {"InChIKey", r.inchikey[inchikey]}} {
		ids := key.ids
		if len(ids) > 1 && named != "" && slices.Contains(ids, named) {
			ids = []string{named}
		}
		switch {
		case len(ids) > 1:
			return match{}, false
		case len(ids) == 1:
			m := match{substance: r.substances[ids[0]], form: formText, by: key.by}
			if named != "" && named != ids[0] {
				m.form, m.contradicts = "", r.substances[named].Name
			}
			return m, true
		}
	}
	if named == "" {
		return match{}, false
	}
	return match{substance: r.substances[named], form: formText, by: "name"}, true
}

// findName returns the id of the only substance with this name, and the salt when only the parent has it.
func (r *resolver) findName(name string) (id, formText string) {
	parent, formText, ester := splitForm(name)
	if ids := r.name[NormaliseName(name)]; len(ids) > 0 {
		if len(ids) > 1 {
			return "", ""
		}
		return ids[0], ""
	}
	if formText == "" {
		return "", ""
	}
	ids := r.name[NormaliseName(parent)]
	if len(ids) != 1 || ester && !r.substances[ids[0]].Controlled {
		return "", ""
	}
	return ids[0], formText
}
