package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"testing"

	"fentrace/bench/dataset"
)

func TestPipeline(t *testing.T) {
	root, _ := dataset.Root()
	n, _ := strconv.Atoi(os.Getenv("N"))
	b := bench{root: root, work: t.TempDir(), log: os.Stdout}
	rs, err := b.answering(context.Background(), n, 200)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rs {
		fmt.Println(r.Name, r.Value)
	}
}
