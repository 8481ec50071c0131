package main

import (
	"context"
	"fmt"
	"strings"

	"fentrace/bench/report"
	"fentrace/library"
	"fentrace/library/identify"
)

// withheld answers every scan whose substance is in the library again after that substance, by all its names, was taken
// out: whatever is named then is wrong. This is how wrong answers come about, since sums of a few other references
// come near many a scan.
func (b *bench) withheld(ctx context.Context, cross []answered) ([]report.Result, error) {
	without := map[string]*identify.Identifier{}
	wrong, parts, all := 0, 0, 0
	for _, a := range cross {
		if !inLibrary(a) {
			continue
		}
		key := strings.Join(a.Truth, "|")
		if without[key] == nil {
			id, err := identify.New(b.less(a.Right), identify.Options{})
			if err != nil {
				return nil, err
			}
			without[key] = id
		}
		ans, err := without[key].Identify(ctx, a.scan)
		if err != nil {
			return nil, err
		}
		all++
		if len(ans.Findings) > 0 {
			wrong++
			fmt.Printf("named without its reference: %s: %s\n", a.Path, ans.Summary)
		}
		if len(ans.Findings) > 1 {
			parts++
		}
	}
	return []report.Result{
		report.Share("substance taken out of the library: something else stated", wrong, all, "", 0, command),
		report.Share("substance taken out of the library: a sum of others stated", parts, all, "", 0, command),
	}, nil
}

// less is the library without the references of the substances that is names.
func (b *bench) less(is func(string) bool) *library.Stack {
	var refs []library.Reference
	for _, r := range b.stack.References() {
		if sub, ok := b.stack.Substance(r.SubstanceID); !ok || !is(sub.Name) {
			refs = append(refs, r)
		}
	}
	return library.NewStack(b.stack.Substances(), refs)
}
