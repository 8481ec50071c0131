package server

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"fentrace/device/acquire"
	"fentrace/library/identify"
	"fentrace/server/api"
	"fentrace/server/exchange"
	"fentrace/server/store"
	"fentrace/spectra"
)

// MaxSpectra is how many spectra one file may bring.
const MaxSpectra = 500

// IngestFile reads a file of any known format, or a stored device scan, and does what Ingest does.
func (s *Server) IngestFile(ctx context.Context, name string, raw []byte, f store.Fields) (store.Scan, bool, error) {
	if sc, found, err := s.known(ctx, raw); found || err != nil {
		return sc, false, err
	}
	sp, err := acquire.ReadSpectra(name, raw)
	if err != nil {
		return store.Scan{}, false, fmt.Errorf("%w: %w", api.ErrUnreadable, err)
	}
	return s.Ingest(ctx, name, raw, sp, f)
}

// Ingest is the one way into the store, for uploads, the attached device and seeding alike: it answers each
// spectrum, stores file, scans and findings in one transaction and tells the listeners. raw are the bytes the
// spectra were read from; their SHA-256 makes Ingest idempotent. The scan returned is the first searchable one,
// created tells whether it is new. Errors wrap api.ErrUnreadable or store.ErrInvalid when the spectra or f are to
// blame; nothing is stored then.
func (s *Server) Ingest(ctx context.Context, name string, raw []byte, sp []spectra.Spectrum, f store.Fields) (store.Scan, bool, error) {
	return s.ingest(ctx, name, raw, sp, f, nil)
}

func (s *Server) ingest(ctx context.Context, name string, raw []byte, sp []spectra.Spectrum, f store.Fields, dev *store.Device) (store.Scan, bool, error) {
	if sc, found, err := s.known(ctx, raw); found || err != nil {
		return sc, false, err
	}
	switch {
	case len(sp) == 0:
		return store.Scan{}, false, fmt.Errorf("read %s: %w: it holds no spectrum", name, api.ErrUnreadable)
	case len(sp) > MaxSpectra:
		return store.Scan{}, false, fmt.Errorf("read %s: %w: it holds %d spectra, at most %d; split it", name, api.ErrUnreadable, len(sp), MaxSpectra)
	}
	sum, now := spectra.HashBytes(raw), s.cfg.Clock()
	scans := make([]store.Scan, 0, len(sp))
	for i, one := range spectra.Scans(sp) {
		one.Metadata.SHA256 = sum
		ans, err := s.answer(ctx, one)
		if err != nil {
			return store.Scan{}, false, fmt.Errorf("answer spectrum %d of %s: %w", i+1, name, err)
		}
		ans.File, ans.SHA256 = name, sum
		sc, err := store.NewScan(uuid.NewString(), name, i, one, ans, f, now)
		if err != nil {
			return store.Scan{}, false, fmt.Errorf("store spectrum %d of %s: %w", i+1, name, err)
		}
		if dev != nil {
			sc.Device = dev
		}
		scans = append(scans, sc)
	}
	stored, created, err := s.store.Put(ctx, store.File{Name: name, Raw: raw}, scans)
	if err != nil {
		return store.Scan{}, false, fmt.Errorf("store %s: %w", name, err)
	}
	if created {
		s.announce()
	}
	return firstSearchable(stored), created, nil
}

// known returns the stored scan of these very bytes.
func (s *Server) known(ctx context.Context, raw []byte) (store.Scan, bool, error) {
	stored, err := s.store.ByHash(ctx, spectra.HashBytes(raw))
	if err != nil || len(stored) == 0 {
		return store.Scan{}, false, err
	}
	return firstSearchable(stored), true, nil
}

// answer calls a spectrum that cannot be answered unreadable, unless the caller gave up.
func (s *Server) answer(ctx context.Context, sp spectra.Spectrum) (identify.Identification, error) {
	if err := sp.Validate(); err != nil {
		return identify.Identification{}, fmt.Errorf("%w: %w", api.ErrUnreadable, err)
	}
	ans, err := s.cfg.Identifier.Identify(ctx, sp)
	switch {
	case err == nil:
		return ans, nil
	case ctx.Err() != nil:
		return ans, err
	}
	return ans, fmt.Errorf("%w: %w", api.ErrUnreadable, err)
}

func firstSearchable(scans []store.Scan) store.Scan {
	for _, sc := range scans {
		if sc.Technique == string(spectra.Raman) || sc.Technique == string(spectra.IR) {
			return sc
		}
	}
	return scans[0]
}

// Overlay prepares the plot of a stored scan with today's library.
func (s *Server) Overlay(ctx context.Context, sc store.Scan) (identify.Overlay, error) {
	sp, err := s.store.Spectrum(ctx, sc.ID)
	if err != nil {
		return identify.Overlay{}, err
	}
	ov, err := s.cfg.Identifier.Overlay(sp, sc.Identification)
	if err != nil {
		return identify.Overlay{}, fmt.Errorf("overlay of scan %s: %w", sc.ID, err)
	}
	return ov, nil
}

// STIX says for whom bundles speak. InChIKeys from memory are not exported.
func (s *Server) STIX() exchange.STIXOptions {
	return exchange.STIXOptions{Organisation: s.cfg.Organisation, TLP: s.cfg.TLP, InChIKey: func(name string) string {
		return s.inchikeys[strings.ToLower(name)]
	}}
}

// announce wakes everyone who waits for Stored.
func (s *Server) announce() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.stored)
	s.stored = make(chan struct{})
}

// Stored returns a channel that is closed when the next scan is stored.
func (s *Server) Stored() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stored
}

// Ending is closed when the server ends.
func (s *Server) Ending() <-chan struct{} { return s.ending }
