package server

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"fentrace/server/api"
	"fentrace/server/store"
	"fentrace/spectra/format"
)

const (
	// maxMembers is how many files an archive for a batch may hold, unpackedTimes how many times the largest upload they may come to.
	maxMembers, unpackedTimes = 100_000, 64
	// membersAtOnce and bytesAtOnce bound what is stored in one transaction.
	membersAtOnce, bytesAtOnce = 64, 16 << 20
)

// batchOf takes the batch out of what a sender says of an upload. One that is for a batch has the circumstances of that.
func batchOf(said map[string]string) (id, name string, err error) {
	id, found := said[api.BatchKey]
	if !found {
		return "", "", nil
	}
	for k := range said {
		if k != api.BatchKey && k != "filename" && k != "filetype" {
			return "", "", fmt.Errorf("%w: %s is said of the whole batch when it is begun, not of one upload", store.ErrInvalid, k)
		}
	}
	return id, api.PathName(said["filename"], "upload"), nil
}

// openForUpload reports why nothing can be put into a batch.
func (s *Server) openForUpload(ctx context.Context, id string) error {
	b, err := s.store.Batch(ctx, id, s.cfg.Clock())
	if err == nil && b.Cancelled != nil {
		err = fmt.Errorf("batch %s was cancelled; let its files be tried again first: %w", b.Name, store.ErrNotNow)
	}
	return err
}

// receiveForBatch stores an upload in a batch: an archive file by file, anything else as it is. What was stored before stays so, so it may
// be done again. Errors: those of AddToBatch, and api.ErrUnreadable, with nothing stored.
func (s *Server) receiveForBatch(ctx context.Context, id, name string, raw []byte) error {
	if len(raw) == 0 {
		return fmt.Errorf("read %s: %w: it is empty", name, api.ErrUnreadable)
	}
	if !format.IsArchive(name) {
		_, err := s.AddToBatch(ctx, id, store.File{Name: name, Raw: raw})
		return err
	}
	members, err := s.members(name, raw)
	if err != nil {
		return err
	}
	var files []store.File
	size := 0
	flush := func() error {
		_, err := s.AddToBatch(ctx, id, files...)
		files, size = nil, 0
		return err
	}
	for _, m := range members {
		data, err := s.unpack(m)
		if err != nil {
			return fmt.Errorf("read %s in %s: %w: %w", m.Name, name, api.ErrUnreadable, err)
		}
		files, size = append(files, store.File{Name: api.PathName(m.Name, "upload"), Raw: data}), size+len(data)
		if len(files) == membersAtOnce || size >= bytesAtOnce {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

// members are the files of an archive that may be spectra. All of them have been unpacked once: none is broken or too large.
func (s *Server) members(name string, raw []byte) (out []*zip.File, err error) {
	bad := func(format string, args ...any) ([]*zip.File, error) {
		return nil, fmt.Errorf("read %s: %w: %w; nothing of it was stored", name, api.ErrUnreadable, fmt.Errorf(format, args...))
	}
	z, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		return bad("its list of files cannot be read: %w", err)
	}
	if len(z.File) > maxMembers {
		return bad("it holds %d files, at most %d; split it", len(z.File), maxMembers)
	}
	left := s.cfg.MaxUpload * unpackedTimes
	for _, m := range z.File {
		if !api.BatchMember(m) {
			continue
		}
		data, err := s.unpack(m)
		if err != nil {
			return bad("%s in it: %w", m.Name, err)
		}
		if left -= int64(len(data)); left < 0 {
			return bad("unpacked it is larger than %d bytes; split it", s.cfg.MaxUpload*unpackedTimes)
		}
		if len(data) > 0 {
			out = append(out, m)
		}
	}
	if len(out) == 0 {
		return bad("it holds no file whose name ends like that of a spectrum")
	}
	return out, nil
}

func (s *Server) unpack(m *zip.File) ([]byte, error) {
	if m.Flags&1 != 0 {
		return nil, errors.New("it is encrypted")
	}
	f, err := m.Open()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, s.cfg.MaxUpload+1))
	if err == nil && int64(len(data)) > s.cfg.MaxUpload {
		err = fmt.Errorf("it is larger than the %d bytes that a file may have", s.cfg.MaxUpload)
	}
	return data, err
}
