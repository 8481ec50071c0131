package api

import (
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// allowNull says in the document that members which are null at times may be: huma does not where a member is a structure of its own.
func allowNull(schemas huma.Registry) {
	for name, schema := range schemas.Map() {
		t := schemas.TypeFromRef("#/components/schemas/" + name)
		for t != nil && t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		if t == nil || t.Kind() != reflect.Struct {
			continue
		}
		for _, f := range reflect.VisibleFields(t) {
			member, options, _ := strings.Cut(f.Tag.Get("json"), ",")
			p := schema.Properties[member]
			if f.Type.Kind() != reflect.Pointer || strings.Contains(options, "omit") || p == nil || p.Ref == "" {
				continue
			}
			either := &huma.Schema{AnyOf: []*huma.Schema{{Ref: p.Ref}, {Type: "null"}}, Description: p.Description}
			either.PrecomputeMessages()
			schema.Properties[member] = either
			schema.PrecomputeMessages()
		}
	}
}
