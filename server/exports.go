package server

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"log/slog"
	"path"
	"strings"
	"time"

	"fentrace/library/identify"
	"fentrace/server/api"
	"fentrace/server/auth"
	"fentrace/server/exchange"
	"fentrace/server/store"
	"fentrace/spectra/format"
)

const (
	// exportPartBytes is about how much of an export is stored at once, and held in memory besides one file.
	exportPartBytes = 1 << 20
	// exportPage is how many scans are read at once.
	exportPage = 200
	// maxExportScans and maxExportBytes bound one export.
	maxExportScans, maxExportBytes = 50_000, 1 << 30
	// expireEvery is how often exports are looked for whose time is over. One is not handed out after that whenever it is deleted.
	expireEvery = 10 * time.Minute
)

// errExport: the export cannot be made, now or later.
var errExport = errors.New("the export is not made")

// NewExport asks for a file of the scans that fit a filter. Errors: store.ErrNotNow when who asks has too many.
func (s *Server) NewExport(ctx context.Context, format string, f store.Filter) (store.Export, error) {
	defer s.announce()
	return s.store.NewExport(ctx, format, f, s.jobs.ExportQueue(), s.cfg.Clock())
}

// exportJob makes an export of what who asked for it may see now.
func (s *Server) exportJob(ctx context.Context, j store.ExportJob, last bool) error {
	defer s.announce()
	err := s.makeExport(ctx, j.Export)
	switch {
	case err == nil, errors.Is(err, store.ErrNotNow): // it is made already, or by somebody else, or something in it was erased
		return nil
	case errors.Is(err, errExport):
		return s.store.FailExport(ctx, j.Export, firstLine(err.Error()), s.cfg.Clock())
	case last && s.background.Err() == nil:
		return errors.Join(err, s.store.FailExport(context.WithoutCancel(ctx), j.Export, "it failed again and again; the page Jobs has the error", s.cfg.Clock()))
	}
	return err
}

// exportGivenUp notes why an export is not made.
func (s *Server) exportGivenUp(ctx context.Context, j store.ExportJob, why string) error {
	defer s.announce()
	return s.store.FailExport(ctx, j.Export, why, s.cfg.Clock())
}

func (s *Server) makeExport(ctx context.Context, id string) error {
	t, err := s.store.ExportToMake(ctx, id)
	if err != nil {
		return err
	}
	who, err := s.store.User(ctx, t.CreatedBy)
	switch {
	case errors.Is(err, store.ErrNotFound), err == nil && who.Locked:
		return fmt.Errorf("%w: the account that asked for it may not ask any more", errExport)
	case err != nil:
		return err
	case who.Agency != t.Agency || !auth.May(who.Role, auth.RecordsRead):
		return fmt.Errorf("%w: the account that asked for it may not see these scans any more", errExport)
	}
	e := &exporting{s: s, ctx: ctx, task: t, as: store.As(ctx, auth.Principal(who, "")), sum: sha256.New()}
	if e.run, err = s.store.BeginExport(ctx, id); err != nil {
		return err
	}
	if t.Format == store.ExportZIP {
		err = e.zip()
	} else {
		err = e.csv()
	}
	if err == nil && (len(e.held) > 0 || len(e.scans) > 0 || e.parts == 0) {
		err = e.flush()
	}
	if err != nil {
		return err
	}
	return s.store.EndExport(ctx, id, e.run, hex.EncodeToString(e.sum.Sum(nil)), e.simulated, s.cfg.Clock())
}

// exporting is an export that is being made. What is written to it is stored part by part.
type exporting struct {
	s         *Server
	ctx       context.Context // of the program, which stores the export
	as        context.Context // of who asked for it, who sees what is in it
	task      store.ExportTask
	run       int
	parts     int
	held      []byte
	size      int64
	count     int
	scans     []string // written since the last part
	sum       hash.Hash
	simulated bool
}

// Write implements io.Writer.
func (e *exporting) Write(b []byte) (int, error) {
	if e.size += int64(len(b)); e.size > maxExportBytes {
		return 0, fmt.Errorf("%w: it would be larger than %d bytes; narrow the filter", errExport, int64(maxExportBytes))
	}
	e.sum.Write(b)
	e.held = append(e.held, b...)
	if len(e.held) < exportPartBytes {
		return len(b), nil
	}
	return len(b), e.flush()
}

func (e *exporting) flush() error {
	if err := e.s.store.AddToExport(e.ctx, e.task, e.run, e.parts, e.held, e.scans); err != nil {
		return err
	}
	e.parts, e.held, e.scans = e.parts+1, nil, nil
	return nil
}

// each walks through the scans that fit the filter and that who asked may see.
func (e *exporting) each(do func(store.Scan) error) error {
	for cursor := ""; ; {
		page, err := e.s.store.List(e.as, e.task.Filter, exportPage, cursor)
		if errors.Is(err, store.ErrInvalid) {
			return fmt.Errorf("%w: %w", errExport, err)
		}
		if err != nil {
			return err
		}
		if page.Total > maxExportScans {
			return fmt.Errorf("%w: %d scans fit, at most %d go into one; narrow the filter", errExport, page.Total, maxExportScans)
		}
		for _, sc := range page.Scans {
			if e.count++; e.count > maxExportScans {
				return fmt.Errorf("%w: more than %d scans fit; narrow the filter", errExport, maxExportScans)
			}
			e.scans, e.simulated = append(e.scans, sc.ID), e.simulated || sc.Simulated
			if err := do(sc); err != nil {
				return err
			}
		}
		if cursor = page.Next; cursor == "" {
			return nil
		}
	}
}

func (e *exporting) csv() error {
	table, err := exchange.NewScanRows(e)
	if err != nil {
		return err
	}
	if err := e.each(table.Add); err != nil {
		return err
	}
	return table.Flush()
}

// exportedScan is a line of an export with files.
type exportedScan struct {
	RawFile string `json:"raw_file"` // its place in the archive
	Note    string `json:"note"`
	store.Scan
}

// zip writes the scans as lines of JSON, and then each of their files once.
func (e *exporting) zip() error {
	z := zip.NewWriter(e)
	lines, err := z.Create("scans.jsonl")
	if err != nil {
		return err
	}
	type file struct{ scan, name string }
	var files []file
	names := map[string]string{} // by SHA-256: two agencies may hold the same bytes, and a file may hold several scans
	err = e.each(func(listed store.Scan) error {
		sc, err := e.s.store.Scan(e.as, listed.ID) // with what lists leave out
		if err != nil {
			return err
		}
		name, found := names[sc.SHA256]
		if !found {
			name = rawName(sc)
			names[sc.SHA256], files = name, append(files, file{sc.ID, name})
		}
		line, err := json.Marshal(exportedScan{name, identify.Presumptive, sc})
		if err != nil {
			return err
		}
		_, err = lines.Write(append(line, '\n'))
		return err
	})
	if err != nil {
		return err
	}
	for _, f := range files {
		raw, _, err := e.s.store.Raw(e.as, f.scan)
		if err != nil {
			return err
		}
		w, err := z.Create(f.name)
		if err == nil {
			_, err = w.Write(raw)
		}
		if err != nil {
			return err
		}
	}
	return z.Close()
}

// rawName is the place of the file of a scan in an archive.
func rawName(sc store.Scan) string {
	name, _ := format.Member(sc.Filename)
	return "files/" + sc.SHA256 + "-" + path.Base(strings.ReplaceAll(api.CleanName(name), `\`, "/"))
}

// OpenExport is an export of who asks, and what writes it. Errors: those of store.OpenExport.
func (s *Server) OpenExport(ctx context.Context, id string) (store.Export, func(w io.Writer) error, error) {
	e, err := s.store.OpenExport(ctx, id, s.cfg.Clock())
	if err != nil {
		return store.Export{}, nil, err
	}
	return e, func(w io.Writer) error {
		written := int64(0)
		for n := 0; written < e.Size; n++ {
			part, err := s.store.ExportPart(ctx, id, n)
			if err != nil {
				return err
			}
			if _, err := w.Write(part); err != nil {
				return err
			}
			written += int64(len(part))
		}
		return nil
	}, nil
}

// startExports deletes exports whose time is over, now and from time to time.
func (s *Server) startExports() {
	expire := func() {
		if _, err := s.store.ExpireExports(store.ByProgram(s.background, "exports"), s.cfg.Clock()); err != nil && s.background.Err() == nil {
			s.cfg.Logger.Error("exports whose time is over are not deleted; it is tried again", slog.Any("error", err))
		}
	}
	expire()
	s.works.Go(func() {
		tick := time.NewTicker(expireEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				expire()
			case <-s.background.Done():
				return
			}
		}
	})
}
