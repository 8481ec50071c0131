package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"fentrace/server/client"
	"fentrace/server/exchange/rows"
	"fentrace/spectra"
	"fentrace/spectra/format"
)

const (
	// sendersAtOnce is how many files are under way to a server at a time: what takes long is the way there, not the work here.
	sendersAtOnce = 8
	// batchAskEvery is how often a server is asked how far a batch is. Unlike its stream of events an answer cannot be missed.
	batchAskEvery = time.Second
)

// remoteBatch is a batch at a server.
type remoteBatch struct {
	env *environment
	id  string
	has map[string]bool // SHA-256 sums of what was there before
}

// sentFile is a file, or one of an archive, that the server has; or err is why it has not.
type sentFile struct {
	path, sum string
	err       *answer
}

func (c *batchCommand) runRemote(env *environment) error {
	if err := ownOnly(c.set()); err != nil {
		return err
	}
	if _, err := os.Lstat(c.Out); err == nil && !c.Overwrite {
		return usagef("%s exists: choose another name with --out, or replace it with --overwrite", c.Out)
	}
	walked, err := c.walk()
	if err != nil {
		return err
	}
	kept, err := c.keptBatch(env)
	if err != nil {
		return err
	}
	b := &remoteBatch{env: env, id: kept.Batch}
	if b.has, err = env.remote.InBatch(env.ctx, b.id); err != nil {
		return fmt.Errorf("go on with the batch that %s tells of: %w (without that file a new batch is begun)", kept.path, err)
	}
	sent, err := b.send(walked.files)
	if err == nil {
		err = b.wait(len(sent))
	}
	sum := walked.summary(c.Out)
	sum.files = len(walked.files)
	if err == nil {
		err = writeWhole(c.Out, c.Overwrite, func(w io.Writer) error { return b.table(w, walked.unread(), sent, sum) })
	}
	if err != nil {
		return fmt.Errorf("%w; what the server has it keeps and goes on answering: the same command run again goes on from there and writes %s", err, c.Out)
	}
	if err := kept.forget(); err != nil {
		return err
	}
	return sum.print(env)
}

// send hands over all files that the server has not got yet.
func (b *remoteBatch) send(paths []string) (sent []sentFile, err error) {
	progress := b.env.newProgress("sending", "files", len(paths))
	defer progress.end()
	base := common(paths)
	err = orderedBy(b.env.ctx, sendersAtOnce, paths, func(path string) []sentFile { return b.file(path, base) }, func(some []sentFile) error {
		for _, s := range some {
			if s.err != nil && s.err.fatal {
				return s.err.err
			}
		}
		sent = append(sent, some...)
		progress.step()
		return nil
	})
	return sent, err
}

// file hands over one file.
func (b *remoteBatch) file(path, base string) []sentFile {
	raw, err := b.env.readRaw(path)
	if err != nil {
		a := unread(path, "", err)
		return []sentFile{{path, "", &a}}
	}
	sum := spectra.HashBytes(raw)
	put, parts := b.env.remote.AddToBatch, []sentFile{{path, sum, nil}}
	if format.IsArchive(path) {
		if parts, err = archiveParts(path, raw); err != nil {
			a := unread(path, sum, err)
			return []sentFile{{path, sum, &a}}
		}
	}
	if format.IsArchive(path) || len(raw) >= piecesFrom {
		put = b.env.remote.AddToBatchInPieces
	}
	there := true
	for _, p := range parts {
		there = there && b.has[p.sum]
	}
	if there {
		return parts
	}
	name := filepath.ToSlash(strings.TrimPrefix(path, base))
	if err := put(b.env.ctx, b.id, client.File{Name: name, Raw: raw}); err != nil {
		a := failed(path, sum, err)
		return []sentFile{{path, sum, &a}}
	}
	return parts
}

// common is the folder that all paths are in, with the slash after it; what is sent is called after what follows.
func common(paths []string) string {
	if len(paths) == 0 {
		return ""
	}
	base := filepath.Dir(paths[0]) + string(filepath.Separator)
	for _, p := range paths {
		for !strings.HasPrefix(p, base) {
			up := filepath.Dir(filepath.Clean(base)) + string(filepath.Separator)
			if up == base || len(up) > len(base) {
				return ""
			}
			base = up
		}
	}
	return base
}

// wait tells how far the batch is until nothing of it waits.
func (b *remoteBatch) wait(files int) error {
	progress := b.env.newProgress("answering", "files", files)
	defer progress.end()
	for {
		now, err := b.env.remote.Batch(b.env.ctx, b.id)
		switch {
		case err != nil:
			return err
		case now.Cancelled != nil:
			return fmt.Errorf("the batch %s was cancelled at the server with %d of %d files answered", now.Name, now.Done, now.Files)
		case now.Waiting == 0:
			return nil
		}
		progress.at(now.Done + now.Failed)
		select {
		case <-time.After(batchAskEvery):
		case <-b.env.ctx.Done():
			return b.env.ctx.Err()
		}
	}
}

// table writes what became of the files, in their order.
func (b *remoteBatch) table(w io.Writer, first []answer, sent []sentFile, sum *batchSummary) error {
	why, err := b.env.remote.FailedInBatch(b.env.ctx, b.id)
	if err != nil {
		return err
	}
	t := rows.NewCSV(w)
	add := func(answers []answer) error {
		for _, a := range answers {
			if a.fatal {
				return a.err
			}
			sum.count(a)
			if err := t.Add(a.row()); err != nil {
				return err
			}
		}
		return nil
	}
	if err := add(first); err != nil {
		return err
	}
	progress := b.env.newProgress("fetching", "answers", len(sent))
	defer progress.end()
	err = orderedBy(b.env.ctx, sendersAtOnce, sent, func(s sentFile) []answer { return b.answers(s, why) }, func(answers []answer) error {
		progress.step()
		return add(answers)
	})
	return errors.Join(err, t.Flush())
}

// answers are those to the scans of a file.
func (b *remoteBatch) answers(s sentFile, why map[string]string) []answer {
	if s.err != nil {
		return []answer{*s.err}
	}
	if text, found := why[s.sum]; found {
		return []answer{unread(s.path, s.sum, errors.New(client.Printable(text)))}
	}
	scans, err := b.env.remote.ScansOf(context.WithoutCancel(b.env.ctx), s.sum)
	switch {
	case err != nil:
		return []answer{failed(s.path, s.sum, err)}
	case len(scans) == 0:
		return []answer{unread(s.path, s.sum, errors.New("the server shows no scan of it: it was erased there, or is not for you to see"))}
	}
	return answersOf(s.path, scans)
}
