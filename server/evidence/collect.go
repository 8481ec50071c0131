package evidence

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"fentrace/server/report"
	"fentrace/server/store"
)

// maxEarlier is how many earlier states of the log a pack proves.
const maxEarlier = 200

// Source is where packs are made from.
type Source struct {
	Store *store.Store
	// Sheet prepares the report of a scan.
	Sheet func(context.Context, store.Scan) (report.Sheet, error)
}

// Collect puts together what is known of scans that may be handed out, and what the log says of them up to a signed checkpoint of size
// entries. Errors are those of store.ForExport, store.ErrErased and ErrTooLarge.
func (s Source) Collect(ctx context.Context, ids []string, size int64, checkpoint, publicKey string) (Pack, error) {
	if len(ids) > MaxScans {
		return Pack{}, fmt.Errorf("%d scans, at most %d: %w", len(ids), MaxScans, ErrTooLarge)
	}
	p := Pack{Custody: Custody{Checkpoint: []byte(checkpoint), PublicKey: publicKey}}
	held := 0
	for i, id := range ids {
		if slices.Contains(ids[:i], id) {
			continue
		}
		it, err := s.item(ctx, id)
		if err != nil {
			return Pack{}, err
		}
		if held += len(it.Raw); held > maxHeld/2 {
			return Pack{}, fmt.Errorf("scan %s and those before it: %w", id, ErrTooLarge)
		}
		p.Items = append(p.Items, it)
	}
	var err error
	var newest time.Time
	if p.Custody.Leaves, newest, err = s.leaves(ctx, p.Items, size); err != nil {
		return Pack{}, err
	}
	if p.Custody.Earlier, err = s.earlier(ctx, size); err != nil {
		return Pack{}, err
	}
	p.Made = p.newest(newest)
	return p, s.reports(ctx, &p)
}

func (s Source) item(ctx context.Context, id string) (it Item, err error) {
	if it.Scan, err = s.Store.ForExport(ctx, id); err != nil {
		return it, err
	}
	if it.History, err = s.Store.History(ctx, it.Scan); err != nil {
		return it, err
	}
	if it.Answer, it.Spectrum, err = s.Store.AsStored(ctx, id); err != nil {
		return it, err
	}
	it.Raw, it.FileName, err = s.Store.Raw(ctx, id)
	return it, err
}

// newest is when the newest thing in the pack came about.
func (p Pack) newest(leaf time.Time) time.Time {
	t := leaf
	later := func(u time.Time) {
		if u.After(t) {
			t = u
		}
	}
	for _, it := range p.Items {
		later(it.Scan.Created)
		for _, r := range it.Scan.LaboratoryResults {
			later(r.Entered)
		}
		for _, r := range it.Scan.Reviews {
			later(r.Reviewed)
		}
	}
	return t
}

// reports are made as of when the pack is, so that the same content gives the same bytes.
func (s Source) reports(ctx context.Context, p *Pack) error {
	for i := range p.Items {
		sheet, err := s.Sheet(ctx, p.Items[i].Scan)
		if err != nil {
			return fmt.Errorf("report of scan %s: %w", p.Items[i].Scan.ID, err)
		}
		sheet.Made = p.Made
		var b bytes.Buffer
		if err := report.PDF(&b, sheet); err != nil {
			return err
		}
		p.Items[i].Report = b.Bytes()
	}
	return nil
}

// leaves are the entries about scans, their files and their records below number size, in their order, with proofs, and the time of the
// last one.
func (s Source) leaves(ctx context.Context, items []Item, size int64) (out []Leaf, newest time.Time, err error) {
	entries := map[int64]store.LogEntry{}
	for _, it := range items {
		found, err := s.Store.Custody(ctx, it.Scan, it.History)
		if err != nil {
			return nil, newest, err
		}
		for _, e := range found {
			if e.Seq < size {
				entries[e.Seq] = e
			}
		}
	}
	if len(entries) > maxMembers/2 {
		return nil, newest, fmt.Errorf("%d entries of the log: %w", len(entries), ErrTooLarge)
	}
	tree := s.Store.LogTree(ctx)
	for seq, e := range entries {
		proof, err := tlog.ProveRecord(size, seq, tree)
		if err != nil {
			return nil, newest, fmt.Errorf("prove entry %d of the log: %w", seq, err)
		}
		out = append(out, Leaf{Index: seq, Text: e.Raw, Proof: proof})
		if e.Time.After(newest) {
			newest = e.Time
		}
	}
	slices.SortFunc(out, func(a, b Leaf) int { return int(a.Index - b.Index) })
	return out, newest, nil
}

// earlier are the states of the log that checkpoints were signed of, the newest of them, with proofs that they lead to the one of size.
func (s Source) earlier(ctx context.Context, size int64) ([]Earlier, error) {
	kept, err := s.Store.Checkpoints(ctx)
	if err != nil {
		return nil, err
	}
	tree := s.Store.LogTree(ctx)
	var out []Earlier
	for i := len(kept) - 1; i >= 0 && len(out) < maxEarlier; i-- {
		n := kept[i].Size
		if n < 1 || n >= size || len(out) > 0 && out[len(out)-1].Size == n {
			continue
		}
		root, err := tlog.TreeHash(n, tree)
		if err != nil {
			return nil, fmt.Errorf("hash of the first %d entries of the log: %w", n, err)
		}
		proof, err := tlog.ProveTree(size, n, tree)
		if err != nil {
			return nil, fmt.Errorf("prove that the log of %d entries was added to: %w", n, err)
		}
		out = append(out, Earlier{Size: n, Root: root, Proof: proof})
	}
	return out, nil
}
