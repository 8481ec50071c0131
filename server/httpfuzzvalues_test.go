package server

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"

	"github.com/google/uuid"
)

// How far requests are from what the OpenAPI document allows.
const (
	asDocumented = iota
	nearlyValid  // one thing is wrong
	hostile
)

// hostileTexts are what parsers, databases, logs and pages stumble over.
var hostileTexts = []string{
	"", " ", "\x00", "a\x00b", "\xff\xfe", "\u202eevil", "\ufeff", "e\u0301", "\U0001F9EA", "𝒳", "ß", "İ", "null", "undefined", "NaN", "-0", "1e400", "0x10",
	"' OR 1=1 --", "\"; DROP TABLE scans; --", "%", "_", "%25", "%00", "../../../../etc/passwd", "..%2f..%2f", "C:\\", "<script>alert(1)</script>",
	"{{7*7}}", "${jndi:ldap://x}", "\r\nSet-Cookie: a=b", "\t", "9223372036854775807", "9223372036854775808", "-9223372036854775809",
	"2026-13-45T99:99:99Z", "0000-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999+14:00", "-1", "0", strings.Repeat("A", 300), strings.Repeat("é", 5000),
	strings.Repeat("[", 2000), "*", "W/\"x\"", "\"unterminated", "==", "=?utf-8?B?AA==?=", "00000000-0000-0000-0000-000000000000",
}

var hostileNumbers = []any{0, -1, 1, 1 << 31, -1 << 31, 1 << 53, json.Number("9223372036854775807"), json.Number("9223372036854775808"),
	json.Number("-9223372036854775809"), json.Number("1e308"), json.Number("1e309"), json.Number("-1e-400"), 0.1, json.Number("1" + strings.Repeat("0", 400))}

// harvest is what answers were seen to hold, by the name of the member: ids that exist lead further than made up ones.
type harvest struct {
	mu  sync.Mutex
	of  map[string][]string
	rng *rand.Rand
}

func (h *harvest) collect(v any, of, name string) {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			h.collect(x, of, k)
		}
	case []any:
		for _, x := range v {
			h.collect(x, of, name)
		}
	case string:
		if v == "" || len(v) > 200 {
			return
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		if name == "id" {
			name = of + ".id" // one of scans is of no use where tokens are asked for
		}
		if kept := h.of[name]; len(kept) < 50 {
			h.of[name] = append(kept, v)
		} else {
			kept[h.rng.IntN(len(kept))] = v
		}
	}
}

// like is a value seen under that name; ids are those of what of names, and at times of scans.
func (h *harvest) like(of, name string, r *rand.Rand) (string, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	kept := h.of[name]
	if name == "id" {
		kept = h.of[of+".id"]
	}
	if len(kept) == 0 || r.IntN(8) == 0 {
		kept = h.of["scans.id"]
	}
	if len(kept) == 0 {
		return "", false
	}
	return kept[r.IntN(len(kept))], true
}

// generator makes values for schemas of an OpenAPI document.
type generator struct {
	doc  map[string]any
	seen *harvest
	of   string // what the operation is about, such as scans
	*rand.Rand
}

// at follows a reference within the document.
func (g *generator) at(ref string) map[string]any {
	var v any = g.doc
	for _, p := range strings.Split(strings.TrimPrefix(ref, "#/"), "/") {
		m, _ := v.(map[string]any)
		v = m[strings.NewReplacer("~1", "/", "~0", "~").Replace(p)]
	}
	m, _ := v.(map[string]any)
	return m
}

func pick[T any](g *generator, of []T) T { return of[g.IntN(len(of))] }

// value is one for a schema, of a member or parameter called name.
func (g *generator) value(schema map[string]any, name string, how, depth int) any {
	if ref, ok := schema["$ref"].(string); ok {
		schema = g.at(ref)
	}
	if how == hostile && g.IntN(3) == 0 {
		return g.wrong(depth)
	}
	if of, ok := schema["enum"].([]any); ok && len(of) > 0 {
		return pick(g, of)
	}
	for _, key := range []string{"oneOf", "anyOf", "allOf"} {
		if of, ok := schema[key].([]any); ok && len(of) > 0 {
			m, _ := pick(g, of).(map[string]any)
			return g.value(m, name, how, depth)
		}
	}
	kind, _ := schema["type"].(string)
	if kinds, ok := schema["type"].([]any); ok && len(kinds) > 0 {
		kind, _ = pick(g, kinds).(string)
	}
	switch kind {
	case "object":
		return g.object(schema, how, depth)
	case "array":
		items, _ := schema["items"].(map[string]any)
		out := []any{}
		for range g.IntN(4) {
			if depth > 0 {
				out = append(out, g.value(items, name, how, depth-1))
			}
		}
		return out
	case "boolean":
		return g.IntN(2) == 0
	case "integer", "number":
		if how == asDocumented || g.IntN(2) == 0 {
			return g.number(schema, kind)
		}
		return pick(g, hostileNumbers)
	case "null":
		return nil
	}
	return g.text(schema, name, how)
}

func (g *generator) object(schema map[string]any, how, depth int) any {
	out := map[string]any{}
	properties, _ := schema["properties"].(map[string]any)
	required, _ := schema["required"].([]any)
	needed := map[string]bool{}
	for _, r := range required {
		needed[fmt.Sprint(r)] = true
	}
	for k, p := range properties {
		m, _ := p.(map[string]any)
		if needed[k] || depth > 0 && g.IntN(2) == 0 {
			out[k] = g.value(m, k, how, depth-1)
		}
	}
	if how != asDocumented && g.IntN(4) == 0 {
		out[pick(g, hostileTexts)] = g.wrong(1)
	}
	if how != asDocumented && len(required) > 0 && g.IntN(4) == 0 {
		delete(out, fmt.Sprint(pick(g, required)))
	}
	return out
}

func (g *generator) number(schema map[string]any, kind string) any {
	low, high := 0.0, 100.0
	if v, ok := schema["minimum"].(float64); ok {
		low, high = v, v+100
	}
	if v, ok := schema["maximum"].(float64); ok {
		high = v
		low = min(low, high)
	}
	x := low + g.Float64()*(high-low)
	if g.IntN(4) == 0 {
		x = pick(g, []float64{low, high})
	}
	if kind == "integer" {
		return int64(x)
	}
	return x
}

func (g *generator) text(schema map[string]any, name string, how int) any {
	if v, ok := g.seen.like(g.of, name, g.Rand); ok && g.IntN(2) == 0 {
		return v
	}
	if how != asDocumented && g.IntN(2) == 0 {
		return pick(g, hostileTexts)
	}
	switch schema["format"] {
	case "uuid":
		return uuid.NewString()
	case "date-time":
		return fmt.Sprintf("20%02d-%02d-%02dT12:00:00Z", g.IntN(40), 1+g.IntN(12), 1+g.IntN(28))
	}
	words := []string{"caffeine", "fentanyl", "case 7", "lab", "x", "Ångström 7", "raman"}
	out := pick(g, words)
	if least, ok := schema["minLength"].(float64); ok && len(out) < int(least) {
		out += strings.Repeat("x", int(least)-len(out))
	}
	return out
}

// wrong is a value of no schema.
func (g *generator) wrong(depth int) any {
	switch g.IntN(6) {
	case 0:
		return nil
	case 1:
		return g.IntN(2) == 0
	case 2:
		return pick(g, hostileNumbers)
	case 3:
		if depth > 0 {
			return []any{g.wrong(depth - 1), g.wrong(depth - 1)}
		}
	case 4:
		if depth > 0 {
			return map[string]any{pick(g, hostileTexts): g.wrong(depth - 1)}
		}
	}
	return pick(g, hostileTexts)
}
