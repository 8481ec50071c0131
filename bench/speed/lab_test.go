package main

import (
	"context"
	"testing"

	"fentrace/bench/dataset"
	"fentrace/library/search"
)

func BenchmarkLab(b *testing.B) {
	root, _ := dataset.Root()
	of, err := bases(root)
	if err != nil { b.Fatal(err) }
	ids, vs := material(of, 20000, 1)
	_, qs := material(of[len(of)/4:], 64, 2)
	ix := search.FromVectors(ids, vs)
	for _, shift := range []int{0, 8} {
		b.Run(map[int]string{0: "plain", 8: "shift"}[shift], func(b *testing.B) {
			for i := range b.N {
				if _, err := ix.Search(context.Background(), qs[i%64], search.Query{K: 50, MaxShift: shift}); err != nil { b.Fatal(err) }
			}
		})
	}
}
