package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"fentrace/server/audit"
)

// Fault is something that is not as it was stored, or not there.
type Fault struct {
	Kind string `json:"kind" enum:"leaf,hash,checkpoint,file,scan,record" doc:"of what"`
	ID   string `json:"id" doc:"number of the leaf or hash, SHA-256 of the file, id of the record, name of the checkpoint"`
	What string `json:"what" doc:"in words"`
}

// Witness is a checkpoint that was kept somewhere else.
type Witness struct {
	Name, Checkpoint string
}

// VerifyOptions say against what is verified besides what is in the database.
type VerifyOptions struct {
	Witnesses []Witness
	// Keys are public keys of checkpoints that are known from elsewhere, by origin. They count more than those that the log tells of.
	Keys map[string]string
	// Each hears of every fault, Progress of every step; either may be nil.
	Each     func(Fault)
	Progress func(done, total int64)
}

// Verification is what was verified.
type Verification struct {
	Leaves      int64  `json:"leaves"`
	Root        string `json:"root" doc:"hash of the tree of these leaves"`
	Checkpoints int    `json:"checkpoints"`
	Witnesses   int    `json:"witnesses" doc:"checkpoints kept elsewhere"`
	Files       int    `json:"files"`
	Scans       int    `json:"scans"`
	Records     int    `json:"records" doc:"laboratory results, proposals, decisions, field answers, changes of the library"`
	Faults      int    `json:"faults"`
}

// verifier goes through everything once.
type verifier struct {
	*Store
	options     VerifyOptions
	v           Verification
	done, total int64
	checks      []check
	last        int64 // of the checks that fit, the size of the largest
	forked      bool  // a check did not fit
}

// check is a checkpoint that the tree is compared with when it has that size.
type check struct {
	audit.Checkpoint
	name string
}

// verifyAtOnce is how many leaves, or rows, are read in one go.
const verifyAtOnce = 500

// Verify computes the log anew from its leaves, compares it with every stored hash and checkpoint and with those kept elsewhere, and
// everything that is stored with what its leaf says of it. Faults are told to options.Each and counted; the error is only that it could
// not be done. What is stored meanwhile does not disturb it.
func (s *Store) Verify(ctx context.Context, options VerifyOptions) (Verification, error) {
	ctx = ByProgram(ctx, "verify")
	v := &verifier{Store: s, options: options}
	size, err := s.LogSize(ctx)
	if err != nil {
		return v.v, fmt.Errorf("ask how large the log is: %w", err)
	}
	var files, scans, records int64
	if err := s.r.QueryRowContext(ctx, "SELECT (SELECT count(*) FROM files), (SELECT count(*) FROM scans)").Scan(&files, &scans); err != nil {
		return v.v, fmt.Errorf("count what is stored: %w", err)
	}
	for _, b := range bounds {
		var n int64
		if err := s.r.QueryRowContext(ctx, "SELECT count(*) FROM "+b.table).Scan(&n); err != nil {
			return v.v, fmt.Errorf("count what is stored: %w", err)
		}
		records += n
	}
	v.total = size + files + scans + records
	for _, part := range []func(context.Context) error{v.checkpoints, func(ctx context.Context) error { return v.log(ctx, size) }, v.files, v.scans, v.records} {
		if err := part(ctx); err != nil {
			return v.v, err
		}
	}
	return v.v, nil
}

func (v *verifier) fault(kind, id, format string, args ...any) {
	v.v.Faults++
	if v.options.Each != nil {
		v.options.Each(Fault{Kind: kind, ID: id, What: fmt.Sprintf(format, args...)})
	}
}

func (v *verifier) step() {
	if v.done++; v.options.Progress != nil {
		v.options.Progress(v.done, max(v.total, v.done))
	}
}

// checkpoints opens all checkpoints, those stored and those kept elsewhere.
func (v *verifier) checkpoints(ctx context.Context) error {
	keys, err := v.LogKeys(ctx)
	if err != nil {
		return err
	}
	for origin, key := range v.options.Keys {
		if had, ok := keys[origin]; ok && had != key {
			v.fault("checkpoint", origin, "the log says that its checkpoints are signed with another key than the one known from elsewhere")
		}
		keys[origin] = key
	}
	stored, err := v.Checkpoints(ctx)
	if err != nil {
		return err
	}
	for _, c := range stored {
		name := fmt.Sprintf("%d leaves by %s", c.Size, c.Origin)
		if v.open(keys, name, c.Checkpoint) {
			v.v.Checkpoints++
			if last := v.checks[len(v.checks)-1]; last.Size != c.Size || last.Origin != c.Origin {
				v.fault("checkpoint", name, "what is signed is about %d leaves by %s", last.Size, last.Origin)
			}
		}
	}
	for _, w := range v.options.Witnesses {
		if v.open(keys, w.Name, w.Checkpoint) {
			v.v.Witnesses++
		}
	}
	slices.SortStableFunc(v.checks, func(a, b check) int { return int(a.Size - b.Size) })
	return nil
}

func (v *verifier) open(keys map[string]string, name, signed string) bool {
	key, ok := keys[audit.Origin(signed)]
	if !ok {
		v.fault("checkpoint", name, "it is of %.100q, whose key this log does not know: it is of another log, or this log was made up anew", audit.Origin(signed))
		return false
	}
	c, err := audit.Open(key, signed)
	if err != nil {
		v.fault("checkpoint", name, "%v", err)
		return false
	}
	v.checks = append(v.checks, check{c, name})
	return true
}

// compare compares the checkpoints of this size with the tree as its leaves have it, and as its hashes have it.
func (v *verifier) compare(leaves, stored audit.Edge) error {
	for len(v.checks) > 0 && v.checks[0].Size == leaves.Size {
		c := v.checks[0]
		v.checks = v.checks[1:]
		root, err := leaves.Root()
		if err != nil {
			return err
		}
		byHashes, err := stored.Root()
		if err != nil {
			return err
		}
		switch {
		case root == c.Root:
			v.last = c.Size
		case byHashes == c.Root: // a leaf was damaged, which has been told
		case !v.forked:
			v.forked = true
			v.fault("checkpoint", c.name, "the log is another one than when this was signed: something among the leaves %d to %d was changed, and the hashes made anew", v.last, c.Size-1)
		default:
			v.fault("checkpoint", c.name, "the first %d leaves are not those that were signed", c.Size)
		}
	}
	return nil
}

// log goes through the first size leaves and their hashes.
func (v *verifier) log(ctx context.Context, size int64) error {
	var leaves, stored audit.Edge // as the leaves have the tree, and as the hashes have it
	if err := v.compare(leaves, stored); err != nil {
		return err
	}
	for leaves.Size < size {
		from := leaves.Size
		batch, err := v.LogFrom(ctx, from, int(min(verifyAtOnce, size-from)))
		if err != nil {
			return err
		}
		to := min(from+verifyAtOnce, size)
		hashes, err := v.hashes(ctx, tlog.StoredHashCount(from), tlog.StoredHashCount(to))
		if err != nil {
			return err
		}
		var told []audit.Leaf
		for n := from; n < to; n++ {
			var e *LogEntry
			if len(batch) > 0 && batch[0].stored == n {
				e, batch = &batch[0], batch[1:]
			}
			if leaves, stored, err = v.leaf(ctx, n, e, hashes, leaves, stored); err != nil {
				return err
			}
			if e != nil {
				told = append(told, e.Leaf)
			}
			if err := v.compare(leaves, stored); err != nil {
				return err
			}
			v.step()
		}
		if err := v.stillThere(ctx, told); err != nil {
			return err
		}
	}
	v.v.Leaves = size
	if root, err := leaves.Root(); err == nil {
		v.v.Root = root.String()
	}
	for _, c := range v.checks {
		now, err := v.LogSize(ctx)
		if err != nil {
			return err
		}
		if c.Size > now {
			v.fault("checkpoint", c.name, "the log was cut back: it had %d leaves when this was signed, it has %d", c.Size, now)
		}
	}
	return nil
}

// leaf checks leaf n, nil when it is missing, and adds it to the tree as leaves and as hashes have it.
func (v *verifier) leaf(ctx context.Context, n int64, e *LogEntry, hashes map[int64]tlog.Hash, leaves, stored audit.Edge) (audit.Edge, audit.Edge, error) {
	at := tlog.StoredHashIndex(0, n)
	kept, there := hashes[at]
	real, believed := kept, kept
	switch {
	case e == nil:
		v.fault("leaf", fmt.Sprint(n), "it is missing")
	default:
		real = tlog.RecordHash(e.Raw)
		if !there || real == kept {
			believed = real
		} else if v.hashIsWrong(ctx, n, real, kept) {
			believed = real
			v.fault("hash", fmt.Sprint(at), "it is not the hash of leaf %d", n)
		} else {
			v.fault("leaf", fmt.Sprint(n), "its bytes were changed: they do not have the hash that is stored for it")
		}
		v.readable(e, n, real == believed)
	}
	leaves, _, _, err := leaves.AppendHash(real)
	if err != nil {
		return leaves, stored, err
	}
	stored, first, made, err := stored.AppendHash(believed)
	if err != nil {
		return leaves, stored, err
	}
	for i, h := range made {
		number := first + int64(i)
		switch kept, there := hashes[number]; {
		case !there:
			v.fault("hash", fmt.Sprint(number), "it is missing (of the subtree of %d leaves that ends with leaf %d)", int64(1)<<i, n)
		case i > 0 && kept != h:
			v.fault("hash", fmt.Sprint(number), "it is not that of the subtree of %d leaves that ends with leaf %d", int64(1)<<i, n)
		}
	}
	return leaves, stored, nil
}

// hashIsWrong tells which of a leaf and its stored hash was changed: the hash above them was made of the right one.
func (v *verifier) hashIsWrong(ctx context.Context, n int64, real, kept tlog.Hash) bool {
	around, err := readHashes(ctx, v.r, []int64{tlog.StoredHashIndex(0, n^1), tlog.StoredHashIndex(1, n/2)})
	if err != nil {
		return false // the last leaf has none above it yet
	}
	with := func(h tlog.Hash) tlog.Hash {
		if n%2 == 0 {
			return tlog.NodeHash(h, around[0])
		}
		return tlog.NodeHash(around[0], h)
	}
	return with(real) == around[1] && with(kept) != around[1]
}

// readable checks that a leaf can be read, unless its bytes were found to be changed, and that what it is found by says the same.
func (v *verifier) readable(e *LogEntry, n int64, intact bool) {
	l, err := audit.Decode(e.Raw)
	switch {
	case err != nil && intact:
		v.fault("leaf", fmt.Sprint(n), "%v", err)
	case err != nil:
	case l.Seq != n:
		v.fault("leaf", fmt.Sprint(n), "it says that it is leaf %d", l.Seq)
	case e.found != foundBy(l):
		v.fault("leaf", fmt.Sprint(n), "what it is found by in the database was changed")
	}
}

// hashes reads the stored hashes from one number up to before another.
func (v *verifier) hashes(ctx context.Context, from, to int64) (map[int64]tlog.Hash, error) {
	rows, err := v.r.QueryContext(ctx, "SELECT n, hash FROM log_hashes WHERE n >= ? AND n < ?", from, to)
	if err != nil {
		return nil, fmt.Errorf("read the hashes of the log: %w", err)
	}
	defer rows.Close()
	out := map[int64]tlog.Hash{}
	for rows.Next() {
		var n int64
		var raw []byte
		if err := rows.Scan(&n, &raw); err != nil {
			return nil, fmt.Errorf("read the hashes of the log: %w", err)
		}
		var h tlog.Hash
		if copy(h[:], raw); len(raw) != len(h) {
			v.fault("hash", fmt.Sprint(n), "it has %d bytes", len(raw))
		}
		out[n] = h
	}
	return out, rows.Err()
}

// stillThere checks that the records are there that leaves say were made.
func (v *verifier) stillThere(ctx context.Context, leaves []audit.Leaf) error {
	made := map[string]int64{}
	ids := []any{}
	for _, l := range leaves {
		var says struct {
			ScanHashes
			Hash string `json:"hash"`
		}
		_ = json.Unmarshal(l.Detail, &says) // of other leaves the detail is something else
		if l.Kind == KindScan && says.Answer != "" {
			made[l.ID] = l.Seq
			ids = append(ids, l.ID)
		}
		if says.Hash != "" {
			if err := v.boundThere(ctx, l); err != nil {
				return err
			}
		}
	}
	if len(ids) == 0 {
		return nil
	}
	rows, err := v.r.QueryContext(ctx, "SELECT id FROM scans WHERE id IN ("+marks(len(ids))+")", ids...)
	if err != nil {
		return fmt.Errorf("look for scans: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return fmt.Errorf("look for scans: %w", err)
		}
		delete(made, id)
	}
	for id, seq := range made {
		v.fault("scan", id, "it is gone; leaf %d says that it was stored", seq)
	}
	return rows.Err()
}

func (v *verifier) boundThere(ctx context.Context, l audit.Leaf) error {
	for _, b := range bounds {
		if b.kind != l.Kind {
			continue
		}
		var there bool
		if err := v.r.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM "+b.table+" WHERE "+b.where+") OR EXISTS (SELECT 1 FROM log_leaves WHERE kind = ? AND record = ? AND action = ?)",
			append(b.parts(l.ID), l.Kind, l.ID, audit.Erase)...).Scan(&there); err != nil {
			return fmt.Errorf("look for the %s %s: %w", b.words, l.ID, err)
		}
		if !there && b.kind == kindFieldAnswer { // they go with the scans that they came with
			sum, _, _ := strings.Cut(l.ID, "/")
			var err error
			if _, there, err = v.scansOf(ctx, sum); err != nil {
				return err
			}
		}
		if !there {
			v.fault("record", l.ID, "this %s is gone; leaf %d says that it was stored", b.words, l.Seq)
		}
	}
	return nil
}
