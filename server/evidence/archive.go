package evidence

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"regexp"
	"slices"
)

// ErrPack: a file is no evidence pack, or not as one is written. What is wrong is in the text.
var ErrPack = errors.New("not a whole evidence pack")

// Bounds of what is read, all checked before memory is taken for it.
const (
	// MaxPack is how large a pack may be, bytes.
	MaxPack = 1 << 30
	// maxMembers and maxName bound what is in it; maxDirectory follows from them.
	maxMembers, maxName = 20000, 200
	maxDirectory        = maxMembers * (46 + maxName)
	// maxHeld is how large the members may be that are looked into, all together; files as they came are among them.
	maxHeld = 512 << 20
	endSize = 22 // of the record at the end of a ZIP file
)

// names of members are relative, of few characters, and none begins with a dot.
var names = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$`)

// member is one file of a pack.
type member struct {
	name string
	data []byte
}

// writeArchive writes members as a ZIP file without compression: the same members give the same bytes, on every machine, and
// nothing in it can grow when it is read.
func writeArchive(w io.Writer, members []member) error {
	z := zip.NewWriter(w)
	for _, m := range members {
		f, err := z.CreateRaw(&zip.FileHeader{Name: m.name, Method: zip.Store, CRC32: crc32.ChecksumIEEE(m.data),
			CompressedSize64: uint64(len(m.data)), UncompressedSize64: uint64(len(m.data))})
		if err == nil {
			_, err = f.Write(m.data)
		}
		if err != nil {
			return err
		}
	}
	return z.Close()
}

// readArchive reads the members of a pack of size bytes. Members whose bytes do not have the sum that the archive states are read all
// the same: the manifest says which they are. Errors wrap ErrPack.
func readArchive(r io.ReaderAt, size int64) ([]member, error) {
	bad := func(format string, args ...any) ([]member, error) {
		return nil, fmt.Errorf("%w: %w", ErrPack, fmt.Errorf(format, args...))
	}
	if size > MaxPack {
		return bad("it has %d bytes, packs have up to %d", size, MaxPack)
	}
	if err := boundedDirectory(r, size); err != nil {
		return bad("%w", err)
	}
	z, err := zip.NewReader(r, size)
	if err != nil {
		return bad("%w", err)
	}
	var out []member
	seen, held := map[string]bool{}, uint64(0)
	for _, f := range z.File {
		switch {
		case len(f.Name) > maxName || !names.MatchString(f.Name):
			return bad("a member has the name %.60q, which no pack has", f.Name)
		case seen[f.Name]:
			return bad("the member %s is there twice", f.Name)
		case f.Method != zip.Store || f.CompressedSize64 != f.UncompressedSize64 || f.Flags != 0:
			return bad("the member %s is compressed or encrypted, in packs none is: was it packed again?", f.Name)
		case f.UncompressedSize64 > maxHeld-held:
			return bad("its members have more than %d bytes together", maxHeld)
		case f.UncompressedSize64 > uint64(size):
			return bad("the member %s is larger than the file it is in", f.Name)
		}
		seen[f.Name], held = true, held+f.UncompressedSize64
		raw, err := f.OpenRaw()
		if err != nil {
			return bad("member %s: %w", f.Name, err)
		}
		data := make([]byte, f.UncompressedSize64)
		if _, err := io.ReadFull(raw, data); err != nil {
			return bad("member %s is cut off: %w", f.Name, err)
		}
		out = append(out, member{f.Name, data})
	}
	return out, nil
}

// boundedDirectory looks at the end of a ZIP file before anything takes memory for what it announces.
func boundedDirectory(r io.ReaderAt, size int64) error {
	if size < endSize {
		return errors.New("it is too short for a ZIP file: was it cut off?")
	}
	end := make([]byte, endSize)
	if _, err := r.ReadAt(end, size-endSize); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if !bytes.HasPrefix(end, []byte("PK\x05\x06")) || end[20] != 0 || end[21] != 0 {
		return errors.New("it does not end as a pack does: was it cut off, or packed again?")
	}
	here, all := binary.LittleEndian.Uint16(end[8:]), binary.LittleEndian.Uint16(end[10:])
	if here != all || all > maxMembers {
		return fmt.Errorf("it announces %d members, packs have up to %d", all, maxMembers)
	}
	if n := binary.LittleEndian.Uint32(end[12:]); int64(n) > min(maxDirectory, size) {
		return fmt.Errorf("it announces a list of %d bytes", n)
	}
	return nil
}

// differs compares what is read with what is written, and tells where it first differs.
type differs struct {
	r     io.ReaderAt
	size  int64
	at    int64
	first int64 // -1: nowhere so far
}

// Write implements io.Writer.
func (d *differs) Write(b []byte) (int, error) {
	if d.first < 0 {
		have := make([]byte, len(b))
		n, _ := d.r.ReadAt(have, d.at)
		for i := range b {
			if i >= n || have[i] != b[i] {
				d.first = d.at + int64(i)
				break
			}
		}
	}
	d.at += int64(len(b))
	return len(b), nil
}

// asWritten reports the first byte in which a pack differs from what writeArchive makes of its members: one that belongs to no member.
func asWritten(r io.ReaderAt, size int64, members []member) error {
	d := &differs{r: r, size: size, first: -1}
	if err := writeArchive(d, members); err != nil {
		return err
	}
	if d.first < 0 && d.at != size {
		d.first = min(d.at, size)
	}
	if d.first >= 0 {
		return fmt.Errorf("the file was changed at byte %d, outside of its members", d.first)
	}
	return nil
}

func find(members []member, name string) ([]byte, bool) {
	i := slices.IndexFunc(members, func(m member) bool { return m.name == name })
	if i < 0 {
		return nil, false
	}
	return members[i].data, true
}
