package api

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
)

// bounded are the operations that answer with a list as a whole, and why it cannot grow without bound.
var bounded = map[string]string{
	"agencies":           "a server takes up to store.MaxAgencies",
	"list-tokens":        "an account holds up to store.MaxTokens",
	"exports":            "an account has up to store.MaxExports that are not over, and is told of up to maxExports",
	"webhooks":           "an account has up to store.MaxWebhooks",
	"first-seen":         "up to maxFirstSeen; what is left out is counted",
	"workers":            "the programs that run on this database now",
	"indexes":            "one for each layer of the library",
	"library":            "classes and layers of the library",
	"library-contents":   "the library, which is in memory",
	"library-substances": "the same",
	"library-substance":  "references of one substance of it",
	"library-validation": "the same tables and sentences whatever is stored",
	"verification":       "up to MaxFaults; they are counted beside that",
	"me":                 "permissions of a role",
	"log-inclusion":      "hashes of a proof: the logarithm of the size of the log",
	"log-consistency":    "the same",
	"job":                "errors of its attempts, of which there is a greatest number",
	"get-scan":           "one record with what belongs to it; what people said of it is also there in pages",
	"get-overlay":        "one plot",
	"proposal-overlay":   "one plot",
	"get-spectrum":       "one spectrum",
}

// otherPages are in pages by another parameter than a cursor: the number, or hash, of the last one seen.
var otherPages = map[string][]string{
	"jobs": {"before", "limit"}, "dead-jobs": {"before", "limit"}, "batch-files": {"after", "limit"}, "batch-sums": {"after"},
}

// every calls f for each operation of the document.
func every(doc *huma.OpenAPI, f func(method, path string, op *huma.Operation)) {
	for path, item := range doc.Paths {
		for method, op := range map[string]*huma.Operation{http.MethodGet: item.Get, http.MethodPost: item.Post, http.MethodPut: item.Put, http.MethodPatch: item.Patch, http.MethodDelete: item.Delete} {
			if op != nil {
				f(method, path, op)
			}
		}
	}
}

// parametersOf are the names of the parameters of an operation, in the query or in headers.
func parametersOf(op *huma.Operation, in string) (names []string) {
	for _, p := range op.Parameters {
		if p.In == in {
			names = append(names, p.Name)
		}
	}
	return names
}

// lists tells whether what an operation answers has an array, and whether it says where that goes on.
func lists(doc *huma.OpenAPI, op *huma.Operation) (array, next bool) {
	resolve := func(s *huma.Schema) *huma.Schema {
		for s != nil && s.Ref != "" {
			s = doc.Components.Schemas.SchemaFromRef(s.Ref)
		}
		return s
	}
	for status, r := range op.Responses {
		for _, m := range r.Content {
			s := resolve(m.Schema)
			if s == nil || !strings.HasPrefix(status, "2") {
				continue
			}
			array, next = array || s.Type == huma.TypeArray, next || s.Properties["next_cursor"] != nil
			for _, member := range s.Properties {
				array = array || resolve(member).Type == huma.TypeArray
			}
		}
	}
	return array, next
}

func TestEveryListIsInPagesOrCannotGrow(t *testing.T) {
	doc := Document()
	found, used := 0, map[string]bool{}
	every(doc, func(method, path string, op *huma.Operation) {
		query, id := parametersOf(op, "query"), op.OperationID
		array, next := lists(doc, op)
		paged := slices.Contains(query, "cursor")
		if method != http.MethodGet || !array && !paged {
			return
		}
		found++
		if why := bounded[id]; why != "" {
			used[id] = true
			if paged {
				t.Errorf("GET %s is in pages: it does not belong into bounded", path)
			}
			return
		}
		if other := otherPages[id]; other != nil {
			used[id] = true
			for _, name := range other {
				if !slices.Contains(query, name) {
					t.Errorf("GET %s has no parameter %s", path, name)
				}
			}
			return
		}
		// The two of GeoJSON say their media type in a header, and so have no schema in the document.
		if geo := strings.HasSuffix(path, ".geojson") || path == "/v1/map"; !paged || !slices.Contains(query, "limit") || !next && !geo {
			t.Errorf("GET %s (%s) answers with a list: it needs cursor, limit and next_cursor, or a place in bounded with the reason", path, id)
		}
	})
	for id := range bounded {
		if !used[id] {
			t.Errorf("bounded names %s, which answers with no list", id)
		}
	}
	for id := range otherPages {
		if !used[id] {
			t.Errorf("otherPages names %s, which answers with no list", id)
		}
	}
	if found < 35 {
		t.Errorf("only %d lists were found: the test looks in the wrong place", found)
	}
}
