package main

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"

	"fentrace/server/api"
	"fentrace/spectra/format"
)

// maxUnpacked bounds what an archive may unpack to while it is looked through, bytes.
const maxUnpacked = 64 * format.MaxFileBytes

// archiveParts are the files of an archive that a server makes files of a batch. Nothing is held of them but their sums.
func archiveParts(path string, raw []byte) (parts []sentFile, err error) {
	bad := func(err error) ([]sentFile, error) { return nil, fmt.Errorf("read %s: %w", path, err) }
	z, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		return bad(err)
	}
	left := int64(maxUnpacked)
	for _, m := range z.File {
		if !api.BatchMember(m) || m.UncompressedSize64 == 0 {
			continue
		}
		h := sha256.New()
		f, err := m.Open()
		if err != nil {
			return bad(fmt.Errorf("%s in it: %w", m.Name, err))
		}
		n, err := io.Copy(h, io.LimitReader(f, left+1))
		f.Close()
		if err != nil {
			return bad(fmt.Errorf("%s in it: %w", m.Name, err))
		}
		if left -= n; left < 0 {
			return bad(fmt.Errorf("unpacked it is larger than %d bytes; split it", int64(maxUnpacked)))
		}
		parts = append(parts, sentFile{path + "/" + m.Name, hex.EncodeToString(h.Sum(nil)), nil})
	}
	if len(parts) == 0 {
		return bad(fmt.Errorf("it holds no file whose name ends like that of a spectrum"))
	}
	return parts, nil
}
