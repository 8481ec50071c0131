package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"fentrace/device/acquire"
	"fentrace/library/identify"
	"fentrace/server/api"
	"fentrace/server/exchange"
	"fentrace/server/report"
	"fentrace/server/store"
	"fentrace/server/tlp"
	"fentrace/spectra"
	"fentrace/spectra/format"
)

// MaxSpectra is how many spectra one file may bring.
const MaxSpectra = 500

// toldUnread is how many files of an archive that could not be read are named.
const toldUnread = 20

// Ingest is Receive for spectra that were read already from raw.
func (s *Server) Ingest(ctx context.Context, name string, raw []byte, sp []spectra.Spectrum, f store.Fields) (store.Scan, bool, error) {
	return s.Receive(ctx, api.Upload{Name: name, Raw: raw, Spectra: sp, Fields: f})
}

// Receive is the one way into the store, for uploads, the attached device and seeding alike: it answers each spectrum,
// stores file, scans, findings and their place in the queue in one transaction and tells the listeners. When it returns,
// all of that is on the disk. The SHA-256 of the bytes makes it idempotent. The scan returned is the first searchable
// one, created tells whether it is new, or was so to the first request with the same key. Errors wrap api.ErrUnreadable,
// store.ErrInvalid or store.ErrKeyUsed when the upload is to blame, store.ErrFull when the disk is; nothing is stored then.
func (s *Server) Receive(ctx context.Context, u api.Upload) (store.Scan, bool, error) {
	return s.receive(ctx, u, nil)
}

func (s *Server) receive(ctx context.Context, u api.Upload, dev *store.Device) (store.Scan, bool, error) {
	now := s.cfg.Clock()
	if u.Fields.TLP == "" {
		u.Fields.TLP = s.cfg.UploadTLP
	}
	arrival := store.Arrival{Key: u.Key, Answers: u.Answers, Batch: u.Batch, Queue: s.sendsOn(ctx)}
	if sc, created, found, err := s.known(ctx, u.Raw, arrival, now); found || err != nil {
		return sc, created, err
	}
	scans, err := s.answerAll(ctx, u, now)
	if err != nil {
		return store.Scan{}, false, err
	}
	if dev != nil {
		for i := range scans {
			scans[i].Device = dev
		}
	}
	stored, created, err := s.store.Put(ctx, store.File{Name: u.Name, Raw: u.Raw}, scans, arrival)
	if err != nil {
		return store.Scan{}, false, fmt.Errorf("store %s: %w", u.Name, err)
	}
	if created {
		s.announce()
	}
	return firstSearchable(stored), created, nil
}

// OwnMachine reports whether whoever asks is of the agency whose machine this is.
func (s *Server) OwnMachine(ctx context.Context) bool {
	p, _ := store.Asking(ctx)
	return p.Agency == s.cfg.Agency || p.Agency == "" && p.Program
}

// sendsOn reports whether what whoever asks stores is sent on to another server: what the agency stores whose machine this is, as all of it
// becomes one agency's there.
func (s *Server) sendsOn(ctx context.Context) bool {
	return (s.cfg.Queue || s.cfg.Upstream != nil) && s.OwnMachine(ctx)
}

// answerAll reads an upload, unless that is done, and answers each of its spectra.
func (s *Server) answerAll(ctx context.Context, u api.Upload, now time.Time) ([]store.Scan, error) {
	sp := u.Spectra
	if sp == nil {
		read, unread, err := acquire.ReadAll(u.Name, u.Raw)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", api.ErrUnreadable, err)
		}
		sp = read
		warnUnread(sp, unread)
	}
	switch {
	case len(sp) == 0:
		return nil, fmt.Errorf("read %s: %w: it holds no spectrum", u.Name, api.ErrUnreadable)
	case len(sp) > MaxSpectra:
		return nil, fmt.Errorf("read %s: %w: it holds %d spectra, at most %d; split it", u.Name, api.ErrUnreadable, len(sp), MaxSpectra)
	}
	sum := spectra.HashBytes(u.Raw)
	scans := make([]store.Scan, 0, len(sp))
	for i, one := range spectra.Scans(sp) {
		one.Metadata.SHA256 = sum
		ans, err := s.answer(ctx, one)
		if err != nil {
			return nil, fmt.Errorf("answer spectrum %d of %s: %w", i+1, u.Name, err)
		}
		name := api.CleanName(format.SourceName(u.Name, one))
		ans.File, ans.SHA256 = name, sum
		sc, err := store.NewScan(uuid.NewString(), name, i, one, ans, u.Fields, now)
		if err != nil {
			return nil, fmt.Errorf("store spectrum %d of %s: %w", i+1, u.Name, err)
		}
		for _, a := range u.Answers {
			// What was simulated where it was taken is so everywhere.
			sc.Simulated = sc.Simulated || a.SpectrumIndex == i && a.Identification.Simulated
		}
		scans = append(scans, sc)
	}
	return scans, nil
}

// known returns the stored scan of these very bytes and notes how they came this time.
func (s *Server) known(ctx context.Context, raw []byte, a store.Arrival, now time.Time) (sc store.Scan, created, found bool, err error) {
	sum := spectra.HashBytes(raw)
	stored, err := s.store.ByHash(ctx, sum)
	if err != nil || len(stored) == 0 {
		return store.Scan{}, false, false, err
	}
	if created, err = s.store.Arrive(ctx, sum, a, now); err != nil {
		return store.Scan{}, false, false, fmt.Errorf("note that %.12s came again: %w", sum, err)
	}
	if len(a.Answers) > 0 {
		if stored, err = s.store.ByHash(ctx, sum); err != nil {
			return store.Scan{}, false, false, err
		}
	}
	if a.Queue {
		s.announce()
	}
	return firstSearchable(stored), created, true, nil
}

// answer calls a spectrum that cannot be answered unreadable, unless the caller gave up.
func (s *Server) answer(ctx context.Context, sp spectra.Spectrum) (identify.Identification, error) {
	if err := sp.Validate(); err != nil {
		return identify.Identification{}, fmt.Errorf("%w: %w", api.ErrUnreadable, err)
	}
	start := time.Now()
	ans, err := s.know().id.Identify(ctx, sp)
	switch {
	case err == nil:
		s.metrics.Answered(string(ans.Verdict), time.Since(start))
		return ans, nil
	case ctx.Err() != nil:
		return ans, err
	}
	return ans, fmt.Errorf("%w: %w", api.ErrUnreadable, err)
}

// warnUnread says in the warnings of the spectrum whose scan answers the upload which files of an archive could not be
// read, so that who sent it learns of them.
func warnUnread(sp []spectra.Spectrum, unread []error) {
	if len(unread) == 0 {
		return
	}
	first := -1
	for i, s := range spectra.Scans(sp) {
		found := searchable(string(s.Technique))
		if found || first < 0 {
			first = i
		}
		if found {
			break
		}
	}
	if first < 0 {
		return
	}
	m := &sp[first].Metadata
	m.Warnings = append(m.Warnings, fmt.Sprintf("Files in the archive that could not be read and have no answer: %d. The archive is kept whole.", len(unread)))
	for _, err := range unread[:min(len(unread), toldUnread)] {
		m.Warnings = append(m.Warnings, "No answer: "+err.Error()+".")
	}
	if more := len(unread) - toldUnread; more > 0 {
		m.Warnings = append(m.Warnings, fmt.Sprintf("%d more could not be read.", more))
	}
}

// firstSearchable is the scan that answers an upload; see warnUnread.
func firstSearchable(scans []store.Scan) store.Scan {
	for _, sc := range scans {
		if searchable(sc.Technique) {
			return sc
		}
	}
	return scans[0]
}

func searchable(technique string) bool {
	return technique == string(spectra.Raman) || technique == string(spectra.IR)
}

// Overlay prepares the plot of a stored scan with today's library.
func (s *Server) Overlay(ctx context.Context, sc store.Scan) (identify.Overlay, error) {
	sp, err := s.store.Spectrum(ctx, sc.ID)
	if err != nil {
		return identify.Overlay{}, err
	}
	ov, err := s.know().id.Overlay(sp, sc.Identification)
	if err != nil {
		return identify.Overlay{}, fmt.Errorf("overlay of scan %s: %w", sc.ID, err)
	}
	return ov, nil
}

// Sheet is the report of a stored scan. A scan that cannot be drawn has one as well, which says so.
func (s *Server) Sheet(ctx context.Context, sc store.Scan) (report.Sheet, error) {
	sheet := report.Sheet{Scan: sc, Made: s.cfg.Clock(), Version: s.cfg.Version}
	ov, err := s.Overlay(ctx, sc)
	if ctx.Err() != nil || errors.Is(err, store.ErrNotFound) {
		return sheet, err
	}
	if err != nil {
		sheet.NotDrawn = err.Error()
	}
	sheet.Overlay = ov
	return sheet, nil
}

// STIX says for whom a bundle of a scan speaks: it is marked as the scan, or as all bundles when that is stricter. InChIKeys from memory
// are not exported.
func (s *Server) STIX(sc store.Scan) exchange.STIXOptions {
	return exchange.STIXOptions{Organisation: s.cfg.Organisation, TLP: tlp.Strictest(cmp.Or(s.cfg.TLP, tlp.Amber), sc.TLP), InChIKey: func(name string) string {
		return s.know().inchikeys[strings.ToLower(name)]
	}}
}

// announce wakes everyone who waits for Stored: a scan was stored, or the queue has changed.
func (s *Server) announce() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.stored)
	s.stored = make(chan struct{})
}

// Stored returns a channel that is closed when the next scan is stored or sent on.
func (s *Server) Stored() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stored
}

// Ending is closed when the server ends.
func (s *Server) Ending() <-chan struct{} { return s.ending }
