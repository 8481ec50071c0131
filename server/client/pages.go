package client

import (
	"context"
	"iter"
)

// Pages walks through a list that is given in pages: fetch returns what follows a cursor ("" at the beginning), and the cursor of the
// page after it, "" on the last. The walk ends with the first error.
func Pages[T any](ctx context.Context, fetch func(ctx context.Context, cursor string) (items []T, next string, err error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		for cursor := ""; ; {
			items, next, err := fetch(ctx, cursor)
			if err != nil {
				yield(none, err)
				return
			}
			for _, item := range items {
				if !yield(item, nil) {
					return
				}
			}
			if next == "" || next == cursor {
				return
			}
			cursor = next
		}
	}
}
