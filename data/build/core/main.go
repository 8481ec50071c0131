// Command core builds the embedded core library data/core.db from the committed facts data/substances.csv and
// data/peaks.csv. The same facts give a library of the same version.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"fentrace/library"
)

func main() {
	log.SetFlags(0)
	substances := flag.String("substances", filepath.Join("data", "substances.csv"), "table of substances")
	peaks := flag.String("peaks", filepath.Join("data", "peaks.csv"), "table of published peaks")
	out := flag.String("out", filepath.Join("data", "core.db"), "library to write; replaced when it exists")
	flag.Parse()
	version, err := build(context.Background(), *substances, *peaks, *out)
	if err != nil {
		log.Fatalf("core: %v", err)
	}
	fmt.Printf("%s: version %s\n", *out, version)
}

// build writes the library beside out and then puts it in its place, so that a failure leaves the old one.
func build(ctx context.Context, substancesPath, peaksPath, out string) (version string, err error) {
	substances, err := readTable(substancesPath, substanceColumns, parseSubstance)
	if err != nil {
		return "", err
	}
	lines, err := readTable(peaksPath, peakColumns, parseLine)
	if err != nil {
		return "", err
	}
	references, err := peakTables(substances, lines)
	if err != nil {
		return "", fmt.Errorf("%s: %w", peaksPath, err)
	}
	draft := out + ".new"
	if err := os.Remove(draft); err != nil && !os.IsNotExist(err) {
		return "", err
	}
	defer os.Remove(draft)
	if version, err = write(ctx, draft, substances, references); err != nil {
		return "", err
	}
	return version, os.Rename(draft, out)
}

func write(ctx context.Context, path string, substances []library.Substance, references []library.Reference) (version string, err error) {
	file, err := library.Create(path)
	if err != nil {
		return "", err
	}
	defer func() {
		if closed := file.Close(); err == nil {
			err = closed
		}
	}()
	if err := file.SetTitle(ctx, "core"); err != nil {
		return "", err
	}
	if err := file.PutSubstance(ctx, substances...); err != nil {
		return "", err
	}
	if _, err := file.PutReference(ctx, references...); err != nil {
		return "", err
	}
	if err := file.Compact(ctx); err != nil {
		return "", err
	}
	return file.Version(ctx)
}
