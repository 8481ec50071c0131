package server

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"golang.org/x/mod/sumdb/note"

	"fentrace/server/evidence"
	"fentrace/server/store"
)

// Evidence makes a pack of scans for somebody, and notes that: who is given what is in the log before a byte of it leaves. Errors are
// those of store.ForExport, store.ErrErased, store.ErrInvalid and evidence.ErrTooLarge.
func (s *Server) Evidence(ctx context.Context, ids []string, to store.Release) (pack []byte, name string, err error) {
	if err := s.checkRelease(to); err != nil {
		return nil, "", err
	}
	select { // a pack is held in memory
	case s.packing <- struct{}{}:
		defer func() { <-s.packing }()
	case <-ctx.Done():
		return nil, "", ctx.Err()
	}
	c, err := s.Checkpoint(ctx)
	if err != nil {
		return nil, "", err
	}
	p, err := evidence.Source{Store: s.store, Sheet: s.Sheet}.Collect(ctx, ids, c.Size, c.Checkpoint, s.logKey.public)
	if err != nil {
		return nil, "", err
	}
	p.Library, p.Organisation, p.Version = s.know().lib, s.cfg.Organisation, s.cfg.Version
	if p.Sign, err = note.NewSigner(s.logKey.private); err != nil {
		return nil, "", fmt.Errorf("the key of the log cannot be used: %w", err)
	}
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		return nil, "", err
	}
	to.Kind = store.ReleaseEvidence
	if err := s.release(ctx, b.Bytes(), to, p.Scans()); err != nil {
		return nil, "", err
	}
	return b.Bytes(), evidence.Name(p.Scans()), nil
}

// Release notes that bytes with these scans leave. What is for reading leaves nothing behind unless somebody is stated who is given
// it, or has to be.
func (s *Server) Release(ctx context.Context, body []byte, to store.Release, scans []store.Scan) error {
	if err := s.checkRelease(to); err != nil {
		return err
	}
	if to.Recipient == "" && to.Reason == "" {
		return nil
	}
	return s.release(ctx, body, to, scans)
}

func (s *Server) checkRelease(to store.Release) error {
	if s.cfg.RequireReason && (to.Recipient == "" || to.Reason == "") {
		return fmt.Errorf("%w: this server hands out nothing without a record: say who is given it (recipient) and why (reason)", store.ErrInvalid)
	}
	return to.Validate()
}

func (s *Server) release(ctx context.Context, body []byte, to store.Release, scans []store.Scan) error {
	sum := sha256.Sum256(body)
	to.SHA256, to.At = hex.EncodeToString(sum[:]), s.cfg.Clock()
	if p, ok := store.Asking(ctx); ok {
		to.By = p.User
	}
	return s.store.Released(ctx, to, scans)
}

// SetHold keeps a scan from being erased. Errors are those of store.SetHold.
func (s *Server) SetHold(ctx context.Context, scanID, reason string) (store.Hold, error) {
	p, _ := store.Asking(ctx)
	return s.store.SetHold(ctx, scanID, reason, p.User, s.cfg.Clock())
}

// ReleaseHold lets a scan be erased again. Errors are those of store.ReleaseHold.
func (s *Server) ReleaseHold(ctx context.Context, scanID, why string) error {
	p, _ := store.Asking(ctx)
	return s.store.ReleaseHold(ctx, scanID, why, p.User, s.cfg.Clock())
}
