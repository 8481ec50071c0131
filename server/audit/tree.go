package audit

import (
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// Edge is what is needed of a tree to add leaves: the hashes of the complete subtrees that it is made of. The zero value is the empty
// tree.
type Edge struct {
	Size   int64 // leaves
	hashes map[int64]tlog.Hash
}

// EdgeIndexes are the numbers of the stored hashes that the edge of a tree of size leaves consists of, by tlog.StoredHashIndex.
func EdgeIndexes(size int64) []int64 {
	var out []int64
	first := int64(0) // leaf that the next subtree begins with
	for level := 62; level >= 0; level-- {
		if size&(1<<level) != 0 {
			out = append(out, tlog.StoredHashIndex(level, first>>level))
			first += 1 << level
		}
	}
	return out
}

// NewEdge is the edge of a tree, given the hashes of EdgeIndexes(size).
func NewEdge(size int64, hashes []tlog.Hash) (Edge, error) {
	indexes := EdgeIndexes(size)
	if len(indexes) != len(hashes) {
		return Edge{}, fmt.Errorf("a tree of %d leaves has an edge of %d hashes, not %d", size, len(indexes), len(hashes))
	}
	e := Edge{Size: size, hashes: map[int64]tlog.Hash{}}
	for i, n := range indexes {
		e.hashes[n] = hashes[i]
	}
	return e, nil
}

// Append adds a leaf by its bytes, and returns the hashes to be stored from number first on; e itself stays as it is.
func (e Edge) Append(leaf []byte) (next Edge, first int64, stored []tlog.Hash, err error) {
	return e.AppendHash(tlog.RecordHash(leaf))
}

// AppendHash is Append for a leaf of which only the hash is known.
func (e Edge) AppendHash(leaf tlog.Hash) (next Edge, first int64, stored []tlog.Hash, err error) {
	first = tlog.StoredHashCount(e.Size)
	if stored, err = tlog.StoredHashesForRecordHash(e.Size, leaf, e); err != nil {
		return e, 0, nil, err
	}
	next = Edge{Size: e.Size + 1, hashes: map[int64]tlog.Hash{}}
	for _, n := range EdgeIndexes(next.Size) {
		if n >= first {
			next.hashes[n] = stored[n-first]
		} else {
			next.hashes[n] = e.hashes[n]
		}
	}
	return next, first, stored, nil
}

// Root is the hash of the tree.
func (e Edge) Root() (tlog.Hash, error) { return tlog.TreeHash(e.Size, e) }

// ReadHashes implements tlog.HashReader for what adding leaves and Root ask for.
func (e Edge) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, n := range indexes {
		h, ok := e.hashes[n]
		if !ok {
			return nil, fmt.Errorf("hash %d is not at the edge of a tree of %d leaves", n, e.Size)
		}
		out[i] = h
	}
	return out, nil
}
