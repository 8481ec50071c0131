package format

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// Compound files ([MS-CFB], also called OLE2) are small file systems: sectors chained by a table (FAT), a directory, and
// a stream of smaller sectors for what is below 4,096 bytes. Only the streams of the root storage are read.
//
// The reader is our own because it has to keep the bounds of this package on damaged files. github.com/richardlehane/mscfb
// v1.0.9 keeps for every entry the path of its storages, which takes memory in the square of their depth: 20,000 nested
// storages, a file of 2.6 MB, took 3.1 GB and 18 s.

const cfbMagic = "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"

const (
	cfbHeader     = 512
	cfbMiniSector = 64
	cfbMiniBelow  = 4096       // size below which a stream lies in the mini stream
	cfbLastSector = 0xfffffff9 // above it stand marks: end of chain, free, and others
	cfbNoEntry    = 0xffffffff
	cfbEntrySize  = 128
)

// cfbEntry is a stream of the directory.
type cfbEntry struct {
	start uint32
	size  int
}

type compoundFile struct {
	numbers
	sector  int // bytes
	sectors int // in the file, the last may be cut
	fat     []uint32
	miniFAT []uint32
	mini    []byte
	streams map[string]cfbEntry
}

func openCompound(raw []byte) (*compoundFile, error) {
	if len(raw) < cfbHeader || string(raw[:8]) != cfbMagic {
		return nil, fmt.Errorf("%w: no header of a compound file in %d bytes (copy it again)", ErrTruncated, len(raw))
	}
	c := &compoundFile{numbers: numbers{raw, binary.LittleEndian}, streams: map[string]cfbEntry{}}
	switch shift := c.u16(0x1e); shift {
	case 9, 12:
		c.sector = 1 << shift
	default:
		return nil, fmt.Errorf("%w: a compound file with sectors of 2^%d bytes (copy it again)", ErrInconsistent, shift)
	}
	c.sectors = (len(raw) - 1) / c.sector // the header takes the place of one
	if err := c.readFAT(); err != nil {
		return nil, err
	}
	directory, err := c.chain(c.u32(0x30), -1)
	if err != nil {
		return nil, err
	}
	table, err := c.chain(c.u32(0x3c), -1)
	if err != nil {
		return nil, err
	}
	c.miniFAT = appendWords(nil, table)
	return c, c.readDirectory(directory)
}

// readFAT gathers the sectors of the table: 109 are named in the header, the others in a chain of their own.
func (c *compoundFile) readFAT() error {
	for at := 0x4c; at < cfbHeader; at += 4 {
		if err := c.addFAT(c.u32(at)); err != nil {
			return err
		}
	}
	next := c.u32(0x44)
	for range c.sectors {
		if next > cfbLastSector {
			return nil
		}
		list, err := c.sectorAt(next)
		if err != nil {
			return err
		}
		words := appendWords(nil, list)
		if len(words) < c.sector/4 {
			return fmt.Errorf("%w: the list of the sector table is cut (copy it again)", ErrTruncated)
		}
		for _, s := range words[:len(words)-1] {
			if err := c.addFAT(s); err != nil {
				return err
			}
		}
		next = words[len(words)-1]
	}
	return fmt.Errorf("%w: the list of the sector table runs in a circle (copy it again)", ErrInconsistent)
}

// addFAT appends sector s of the table. No file needs more entries than it has sectors.
func (c *compoundFile) addFAT(s uint32) error {
	if s > cfbLastSector || len(c.fat) >= c.sectors {
		return nil
	}
	table, err := c.sectorAt(s)
	c.fat = appendWords(c.fat, table)
	return err
}

func (c *compoundFile) sectorAt(s uint32) ([]byte, error) {
	if int64(s) >= int64(c.sectors) {
		return nil, fmt.Errorf("%w: sector %d of %d (copy it again)", ErrTruncated, s, c.sectors)
	}
	at := (int(s) + 1) * c.sector
	return c.raw[at:min(at+c.sector, len(c.raw))], nil
}

func appendWords(list []uint32, raw []byte) []uint32 {
	for ; len(raw) >= 4; raw = raw[4:] {
		list = append(list, binary.LittleEndian.Uint32(raw))
	}
	return list
}

// chain returns the bytes of the sectors from start on: size of them, or all when size is negative.
func (c *compoundFile) chain(start uint32, size int) ([]byte, error) {
	var out []byte
	if size > len(c.raw) {
		return nil, fmt.Errorf("%w: a stream of %d bytes in a file of %d (copy it again)", ErrTruncated, size, len(c.raw))
	}
	for s, hops := start, 0; s <= cfbLastSector && (size < 0 || len(out) < size); hops++ {
		part, err := c.sectorAt(s)
		if err != nil {
			return nil, err
		}
		if hops >= c.sectors {
			return nil, fmt.Errorf("%w: its sectors are chained in a circle (copy it again)", ErrInconsistent)
		}
		if int(s) >= len(c.fat) {
			return nil, fmt.Errorf("%w: the table ends before sector %d (copy it again)", ErrTruncated, s)
		}
		out = append(out, part...)
		s = c.fat[s]
	}
	return cutTo(out, size)
}

func (c *compoundFile) miniChain(start uint32, size int) ([]byte, error) {
	out := make([]byte, 0, size)
	for s := start; s <= cfbLastSector && len(out) < size; {
		at := int64(s) * cfbMiniSector
		if int64(s) >= int64(len(c.miniFAT)) || at >= int64(len(c.mini)) {
			return nil, fmt.Errorf("%w: small sector %d of %d (copy it again)", ErrTruncated, s, len(c.miniFAT))
		}
		out = append(out, c.mini[at:min(at+cfbMiniSector, int64(len(c.mini)))]...)
		s = c.miniFAT[s]
	}
	return cutTo(out, size)
}

func cutTo(out []byte, size int) ([]byte, error) {
	if len(out) < size {
		return nil, fmt.Errorf("%w: a stream of %d bytes ends after %d (copy it again)", ErrTruncated, size, len(out))
	}
	if size >= 0 {
		out = out[:size]
	}
	return out, nil
}

// readDirectory walks the tree of the entries of the root storage.
func (c *compoundFile) readDirectory(directory []byte) error {
	d := numbers{directory, binary.LittleEndian}
	count := len(directory) / cfbEntrySize
	if count == 0 || directory[0x42] != 5 {
		return fmt.Errorf("%w: the directory has no root (copy it again)", ErrInconsistent)
	}
	var err error
	if size := d.u32(0x78); size > 0 && len(c.miniFAT) > 0 {
		if c.mini, err = c.chain(d.u32(0x74), int(size)); err != nil {
			return err
		}
	}
	seen := make([]bool, count)
	open := []uint32{d.u32(0x4c)}
	for len(open) > 0 {
		id := open[len(open)-1]
		open = open[:len(open)-1]
		if id == cfbNoEntry || int64(id) >= int64(count) || seen[id] {
			continue
		}
		seen[id] = true
		at := int(id) * cfbEntrySize
		open = append(open, d.u32(at+0x44), d.u32(at+0x48))
		if directory[at+0x42] == 2 {
			c.streams[entryName(directory[at:], int(d.u16(at+0x40)))] = cfbEntry{start: d.u32(at + 0x74), size: int(d.u32(at + 0x78))}
		}
	}
	return nil
}

// entryName reads a name of at most 64 bytes, its ending zero among them.
func entryName(entry []byte, size int) string {
	return strings.TrimRight(decodeUTF16(entry[:min(size, 64)], binary.LittleEndian), "\x00")
}

// stream returns the bytes of a stream of the root storage, nil when there is none.
func (c *compoundFile) stream(name string) ([]byte, error) {
	e, ok := c.streams[name]
	if !ok {
		return nil, nil
	}
	read := c.chain
	if e.size < cfbMiniBelow {
		read = c.miniChain
	}
	out, err := read(e.start, e.size)
	if err != nil {
		return nil, fmt.Errorf("stream %s: %w", name, err)
	}
	return out, nil
}
