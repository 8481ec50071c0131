package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"

	"golang.org/x/sync/errgroup"

	"fentrace/server/client"
	"fentrace/server/client/rest"
	"fentrace/server/store"
)

// outcome is what became of a batch.
type outcome struct {
	answers map[string]string // by file and place in it, as JSON with every value; or why there is none
	table   []byte            // of the client
	seconds float64           // until the last file was answered
	told    int
}

// ask is a client of the server that keeps on asking while it starts again.
func (s *serving) ask() (*client.Client, error) {
	u, err := url.Parse(s.URL)
	if err != nil {
		return nil, err
	}
	return client.New(client.Config{Server: u, Token: func() (string, error) { return s.Token, nil }})
}

// results are the answers to all files of a batch that is done. Each has to be there exactly once, and nothing besides.
func results(ctx context.Context, s *serving, done store.Batch) (*outcome, error) {
	c, err := s.ask()
	if err != nil {
		return nil, err
	}
	files, err := filesOf(ctx, c, done.ID)
	if err != nil {
		return nil, err
	}
	if len(files) != done.Files || done.Done+done.Failed != done.Files {
		return nil, fmt.Errorf("the batch tells of %d files, %d answered and %d failed, and lists %d", done.Files, done.Done, done.Failed, len(files))
	}
	all := make([]map[string]string, len(files))
	g, group := errgroup.WithContext(ctx)
	g.SetLimit(8)
	for i, f := range files {
		g.Go(func() (err error) {
			all[i], err = answersTo(group, c, f)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	out := &outcome{answers: map[string]string{}}
	answered := 0
	for i, of := range all {
		for name, ans := range of {
			if _, twice := out.answers[name]; twice {
				return nil, fmt.Errorf("%s is in the batch twice", name)
			}
			out.answers[name] = ans
		}
		answered += files[i].Scans
	}
	stored := 0
	for _, err := range c.Scans(ctx, rest.ListScansParams{}) {
		if err != nil {
			return nil, err
		}
		stored++
	}
	if stored != answered || done.Scans != answered {
		return nil, fmt.Errorf("%d scans are stored; the files of the batch have %d, and it tells of %d", stored, answered, done.Scans)
	}
	return out, nil
}

func filesOf(ctx context.Context, c *client.Client, batch string) (out []store.BatchFile, err error) {
	limit := int64(1000)
	for after := int64(0); ; {
		page, err := c.BatchFiles(ctx, batch, &rest.BatchFilesParams{After: &after, Limit: &limit})
		if err != nil {
			return nil, err
		}
		out = append(out, page.Files...)
		if after = page.Next; after == 0 {
			return out, nil
		}
	}
}

// answersTo are the answers to a file, by its name and their place in it.
func answersTo(ctx context.Context, c *client.Client, f store.BatchFile) (map[string]string, error) {
	if f.State != store.FileDone {
		return map[string]string{f.Name: f.State + ": " + f.Error}, nil
	}
	scans, err := c.ScansOf(ctx, f.SHA256)
	if err != nil {
		return nil, err
	}
	if len(scans) != f.Scans || len(scans) == 0 {
		return nil, fmt.Errorf("%s has %d scans, and the batch tells of %d", f.Name, len(scans), f.Scans)
	}
	out := map[string]string{}
	for _, sc := range scans {
		raw, err := json.Marshal(sc.Identification)
		if err != nil {
			return nil, err
		}
		name := f.Name + "#" + strconv.Itoa(sc.SpectrumIndex)
		if _, twice := out[name]; twice {
			return nil, fmt.Errorf("%s is stored twice", name)
		}
		out[name] = string(raw)
	}
	return out, nil
}
