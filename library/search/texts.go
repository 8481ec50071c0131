package search

// texts are strings one after the other, in a form that is read from a file as it is.
type texts struct {
	ends []uint32
	text []byte
}

func (t *texts) add(s string) {
	t.text = append(t.text, s...)
	t.ends = append(t.ends, uint32(len(t.text)))
}

func (t *texts) at(i int) string {
	from := uint32(0)
	if i > 0 {
		from = t.ends[i-1]
	}
	return string(t.text[from:t.ends[i]])
}
