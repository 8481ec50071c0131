package client

import (
	"cmp"
	"context"
	"iter"
	"slices"

	"fentrace/server/api"
	"fentrace/server/client/rest"
	"fentrace/server/store"
)

// Scans walks through all scans that match, newest acquired first. Listed scans have no candidates.
func (c *Client) Scans(ctx context.Context, filter rest.ListScansParams) iter.Seq2[store.Scan, error] {
	return Pages(ctx, func(ctx context.Context, cursor string) ([]store.Scan, string, error) {
		filter.Cursor = some(cursor)
		page, err := c.ListScans(ctx, &filter)
		return page.Scans, page.NextCursor, err
	})
}

// Hits walks through the scans that agree with the reference of a look-back, those taken first first.
func (c *Client) Hits(ctx context.Context, rescreen string) iter.Seq2[store.LookBackHit, error] {
	return Pages(ctx, func(ctx context.Context, cursor string) ([]store.LookBackHit, string, error) {
		page, err := c.Rescreen(ctx, rescreen, &rest.RescreenParams{Cursor: some(cursor)})
		return page.Scans, page.NextCursor, err
	})
}

// Queued walks through the files that the server has not sent on, in the order of sending, then those that were refused.
func (c *Client) Queued(ctx context.Context) iter.Seq2[api.QueuedFile, error] {
	return Pages(ctx, func(ctx context.Context, cursor string) ([]api.QueuedFile, string, error) {
		page, err := c.Queue(ctx, &rest.QueueParams{Cursor: some(cursor)})
		return page.Files, page.NextCursor, err
	})
}

// some is a parameter that is left out when it is empty.
func some(v string) *string {
	if v == "" {
		return nil
	}
	return &v
}

func inOrder(scans []store.Scan) []store.Scan {
	slices.SortFunc(scans, func(a, b store.Scan) int { return cmp.Compare(a.SpectrumIndex, b.SpectrumIndex) })
	return scans
}
