package client

import (
	"bytes"
	"context"
	"errors"
	"strconv"

	"fentrace/server/client/rest"
	"fentrace/server/store"
)

// AddToBatch puts a file into a batch. When it returns without error the server has it on the disk. Doing it again adds nothing.
func (c *Client) AddToBatch(ctx context.Context, batch string, f File) error {
	res, err := c.Client.AddBatchFileWithBody(ctx, batch, &rest.AddBatchFileParams{Filename: some(f.Name)}, "application/octet-stream", bytes.NewReader(f.Raw), Repeatable)
	if err != nil {
		return err
	}
	_, err = rest.Decode[rest.BatchFileAddedBody](res)
	return err
}

// AddToBatchInPieces does what AddToBatch does by the tus protocol, see UploadInPieces. An archive is unpacked there: each of its files
// that api.BatchMember tells of becomes one of the batch.
func (c *Client) AddToBatchInPieces(ctx context.Context, batch string, f File) error {
	for try := 1; ; try++ {
		at, err := c.beginUpload(ctx, f, batch)
		if err != nil {
			return err
		}
		_, err = c.sendPieces(ctx, at, f.Raw, func(int) {})
		if err == nil || errors.Is(err, errUnnamed) { // a batch has no scan to be named yet
			return nil
		}
		if !errors.Is(err, ErrNotFound) || try == restarts {
			return err
		}
		// The server has lost it, or has it and the answer was lost.
	}
}

// InBatch are the SHA-256 sums of the files that are in a batch.
func (c *Client) InBatch(ctx context.Context, batch string) (map[string]bool, error) {
	out := map[string]bool{}
	for sum, err := range Pages(ctx, func(ctx context.Context, after string) ([]string, string, error) {
		page, err := c.BatchSums(ctx, batch, &rest.BatchSumsParams{After: some(after)})
		return page.Sha256, page.Next, err
	}) {
		if err != nil {
			return nil, err
		}
		out[sum] = true
	}
	return out, nil
}

// FailedInBatch are the files of a batch that could not be answered, and why, by SHA-256.
func (c *Client) FailedInBatch(ctx context.Context, batch string) (map[string]string, error) {
	out, failed := map[string]string{}, store.FileFailed
	for f, err := range Pages(ctx, func(ctx context.Context, cursor string) ([]store.BatchFile, string, error) {
		params := rest.BatchFilesParams{State: &failed}
		if after, err := strconv.ParseInt(cursor, 10, 64); err == nil {
			params.After = &after
		}
		page, err := c.BatchFiles(ctx, batch, &params)
		next := ""
		if page.Next > 0 {
			next = strconv.FormatInt(page.Next, 10)
		}
		return page.Files, next, err
	}) {
		if err != nil {
			return nil, err
		}
		out[f.SHA256] = f.Error
	}
	return out, nil
}
