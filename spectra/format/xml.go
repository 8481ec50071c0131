package format

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Bounds on XML. Entities are never expanded: encoding/xml knows the five of XML alone and refuses others.
const (
	maxXMLDepth    = 64
	maxXMLElements = 2 << 20
)

// xmlElement is one element while it is open.
type xmlElement struct {
	name  string // without its namespace
	attrs []xml.Attr
	text  []byte // what stands directly in it, until its end
}

func (e *xmlElement) attr(name string) string {
	for _, a := range e.attrs {
		if a.Name.Local == name {
			return strings.TrimSpace(a.Value)
		}
	}
	return ""
}

// xmlPath are the open elements from the root on; the last is the one that begins or ends.
type xmlPath []*xmlElement

func (p xmlPath) last() *xmlElement { return p[len(p)-1] }

// within reports whether an element of that name is open above the last.
func (p xmlPath) within(name string) bool { return p.above(name) != nil }

// above returns the nearest open element of that name above the last, nil without one.
func (p xmlPath) above(name string) *xmlElement {
	for i := len(p) - 2; i >= 0; i-- {
		if p[i].name == name {
			return p[i]
		}
	}
	return nil
}

// parent is the name of the element round the last, "" at the root.
func (p xmlPath) parent() string {
	if len(p) < 2 {
		return ""
	}
	return p[len(p)-2].name
}

// walkXML calls start and end for every element of text, which is UTF-8 whatever it declares. Either may be nil; an error
// of theirs ends the walk. Errors carry the line, depth and number of elements are bounded, and nothing is kept of an
// element after its end.
func walkXML(text string, start, end func(xmlPath) error) error {
	d := xml.NewDecoder(strings.NewReader(text))
	d.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
	call := func(f func(xmlPath) error, p xmlPath) error {
		if f == nil {
			return nil
		}
		err := f(p)
		var e *Error
		if err == nil || errors.As(err, &e) {
			return err
		}
		line, _ := d.InputPos()
		return &Error{Line: line, Cause: err}
	}
	var path, free xmlPath // elements are used again: a value to an element must not cost one
	elements := 0
	for {
		token, err := d.Token()
		line, _ := d.InputPos()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return xmlError(line, err)
		}
		switch t := token.(type) {
		case xml.StartElement:
			if elements++; elements > maxXMLElements || len(path) >= maxXMLDepth {
				return at(line, "%w: XML of more than %d elements or %d levels (export it as JCAMP-DX or text)", ErrTooLarge, maxXMLElements, maxXMLDepth)
			}
			e := &xmlElement{}
			if n := len(free); n > 0 {
				e, free = free[n-1], free[:n-1]
			}
			e.name, e.attrs, e.text = t.Name.Local, t.Attr, e.text[:0]
			path = append(path, e)
			err = call(start, path)
		case xml.CharData:
			if len(path) > 0 {
				path.last().text = append(path.last().text, t...)
			}
		case xml.EndElement:
			err = call(end, path)
			free = append(free, path.last())
			path = path[:len(path)-1]
		}
		if err != nil {
			return err
		}
	}
}

// xmlError says what is wrong with the text; the line stands in Error.
func xmlError(line int, err error) error {
	var syntax *xml.SyntaxError
	if !errors.As(err, &syntax) {
		return at(line, "%w: XML that cannot be read: %v (export it again)", ErrInconsistent, err)
	}
	if strings.Contains(syntax.Msg, "unexpected EOF") {
		return at(line, "%w: the XML ends before its last element (copy or export it again)", ErrTruncated)
	}
	return at(line, "%w: broken XML: %s (export it again)", ErrInconsistent, syntax.Msg)
}

// xmlNumbers reads the numbers of a list separated by commas or blanks.
func xmlNumbers(text string) ([]float64, error) {
	var out []float64
	for part := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\r' || r == '\t' }) {
		v, ok := parseNumber(part)
		if !ok {
			return nil, fmt.Errorf("%w: %q in a list of numbers", ErrNotNumber, clip(part))
		}
		out = append(out, v)
	}
	return out, nil
}
