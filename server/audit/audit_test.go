package audit

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"
)

// The leaves and roots of the tests of Certificate Transparency (RFC 6962).
func TestTheTreeIsThatOfRFC6962(t *testing.T) {
	leaves := []string{"", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"}
	roots := map[int64]string{
		0: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
		2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
		3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
		8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
	}
	var e Edge
	for i := 0; ; i++ {
		if want, ok := roots[e.Size]; ok {
			if root, err := e.Root(); err != nil || hex.EncodeToString(root[:]) != want {
				t.Errorf("%d leaves: root %x, %v, want %s", e.Size, root, err, want)
			}
		}
		if i == len(leaves) {
			break
		}
		raw, err := hex.DecodeString(leaves[i])
		if err != nil {
			t.Fatal(err)
		}
		if e, _, _, err = e.Append(raw); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAnEdgeReadAgainGrowsLikeTheTreeItself(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var e Edge
		stored := []tlog.Hash{}
		for i := range rapid.IntRange(0, 200).Draw(t, "leaves") {
			next, first, hashes, err := e.Append([]byte(fmt.Sprint(i)))
			if err != nil || first != int64(len(stored)) {
				t.Fatalf("leaf %d: hashes from %d on, %d are stored, %v", i, first, len(stored), err)
			}
			e, stored = next, append(stored, hashes...)
		}
		all := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
			out := []tlog.Hash{}
			for _, n := range indexes {
				out = append(out, stored[n])
			}
			return out, nil
		})
		edge, _ := all(EdgeIndexes(e.Size))
		again, err := NewEdge(e.Size, edge)
		if err != nil {
			t.Fatal(err)
		}
		want, err := tlog.TreeHash(e.Size, all)
		if err != nil {
			t.Fatal(err)
		}
		for _, edge := range []Edge{e, again} {
			if got, err := edge.Root(); err != nil || got != want {
				t.Fatalf("%d leaves: root %v, %v, want %v", e.Size, got, err, want)
			}
		}
	})
}

func TestALeafIsReadAsItWasWrittenAndNotOtherwise(t *testing.T) {
	l := Leaf{Seq: 7, Time: time.Date(2026, 11, 1, 12, 0, 0, 123456789, time.FixedZone("", 3600)), Actor: "ada", Action: Collect, Kind: "scan", ID: "1",
		Detail: []byte(`{"b": 1.50, "a": "<>"}`)}
	raw, err := l.Encode()
	if err != nil {
		t.Fatal(err)
	}
	back, err := Decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := back.Encode(); string(again) != string(raw) {
		t.Errorf("%s was read as %s", raw, again)
	}
	for _, bad := range []string{"", "{}x", strings.Replace(string(raw), `"ada"`, `"ada","x":1`, 1), strings.Replace(string(raw), ":7", ": 7", 1), string(raw) + "\n",
		strings.Repeat(" ", MaxLeaf+1)} {
		if _, err := Decode([]byte(bad)); !errors.Is(err, ErrLeaf) {
			t.Errorf("%.40q: %v", bad, err)
		}
	}
	l.Detail = []byte(`"` + strings.Repeat("x", MaxLeaf) + `"`)
	if _, err := l.Encode(); !errors.Is(err, ErrLeaf) {
		t.Errorf("a leaf that is too long: %v", err)
	}
}

func TestACheckpointIsOpenedByItsKeyOnly(t *testing.T) {
	private, public, err := NewKey("fentrace/test")
	if err != nil {
		t.Fatal(err)
	}
	_, other, err := NewKey("fentrace/test")
	if err != nil {
		t.Fatal(err)
	}
	root := tlog.RecordHash([]byte("x"))
	signed, err := Sign(private, 12, root)
	if err != nil {
		t.Fatal(err)
	}
	if c, err := Open(public, signed); err != nil || c != (Checkpoint{"fentrace/test", 12, root}) {
		t.Errorf("%+v, %v", c, err)
	}
	for name, bad := range map[string][2]string{
		"another key": {other, signed}, "another size": {public, strings.Replace(signed, "12", "13", 1)}, "no signature": {public, strings.Split(signed, "\n\n")[0]},
		"nothing": {public, ""}, "no key": {"", signed}, "too long": {public, signed + strings.Repeat("x", MaxCheckpoint)},
	} {
		if _, err := Open(bad[0], bad[1]); !errors.Is(err, ErrCheckpoint) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	raw, err := Leaf{Actor: "ada", Action: Collect, Kind: "scan", ID: "1", Detail: []byte(`{"a":1}`)}.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Fuzz(func(t *testing.T, raw []byte) {
		l, err := Decode(raw)
		if err != nil {
			return
		}
		if again, err := l.Encode(); err != nil || string(again) != string(raw) {
			t.Errorf("%q was read as %q, %v", raw, again, err)
		}
	})
}

func FuzzOpen(f *testing.F) {
	private, public, err := NewKey("fentrace/fuzz")
	if err != nil {
		f.Fatal(err)
	}
	signed, err := Sign(private, 1, tlog.Hash{})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(public, signed)
	f.Fuzz(func(t *testing.T, public, signed string) {
		if c, err := Open(public, signed); err == nil && c.Size < 0 {
			t.Errorf("size %d", c.Size)
		}
		if c, err := parse(signed); err == nil && !strings.HasPrefix(signed, c.text()) {
			t.Errorf("%q was read as %q", signed, c.text())
		}
	})
}
