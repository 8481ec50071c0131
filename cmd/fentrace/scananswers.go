package main

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"fentrace/device/acquire"
	"fentrace/library/identify"
	"fentrace/server"
	"fentrace/server/client"
	"fentrace/server/store"
	"fentrace/spectra"
)

// scanAnswers says where a scan is answered, and where it is kept.
type scanAnswers struct {
	env  *environment
	id   *identify.Identifier
	keep *server.Server // does not listen; nil: the scan is not kept
	save string         // file that the scan was written to; empty: none
}

// answers finds out, before the laser is on, who will answer.
func (c *scanCommand) answers(env *environment) (scanAnswers, error) {
	a := scanAnswers{env: env, save: c.Save}
	if env.remote != nil {
		given := c.libraryFlags.set()
		given["data"], given["db"], given["upstream"], given["upstream-token-file"] = c.Data != "", c.DB != "", c.Upstream != "", c.UpstreamTokenFile != ""
		if err := ownOnly(given); err != nil {
			return a, err
		}
		_, err := env.remote.Me(env.ctx)
		return a, err
	}
	stack, id, err := c.identifier(env)
	if err == nil {
		a.id = id
		a.keep, err = c.keeper(env, stack, id)
	}
	return a, err
}

// Close releases the database.
func (a scanAnswers) Close() error {
	if a.keep == nil {
		return nil
	}
	return a.keep.Close()
}

// answer answers a scan; what keeps it has it on the disk before.
func (a scanAnswers) answer(scan acquire.Scan, s spectra.Spectrum) (identify.Identification, error) {
	switch {
	case a.env.remote != nil:
		return a.remote(scan)
	case a.keep == nil:
		return a.id.Identify(a.env.ctx, s)
	}
	stored, err := a.keep.KeepScan(a.env.ctx, scan, store.Fields{})
	return stored.Identification, err
}

// remote has a server answer and store the scan. What it cannot be told of is kept in a file: the sample may be gone.
func (a scanAnswers) remote(scan acquire.Scan) (identify.Identification, error) {
	raw, err := scan.Raw()
	if err != nil {
		return identify.Identification{}, err
	}
	name := a.save
	if name == "" {
		name = "fentrace-scan-" + time.Now().UTC().Format("20060102T150405Z") + scanExtension
	}
	scans, err := a.env.upload(a.env.ctx, client.File{Name: strings.TrimSuffix(filepath.Base(name), filepath.Ext(name)) + scanExtension, Raw: raw})
	if err == nil {
		return scans[0].Identification, nil
	}
	if a.save != "" {
		return identify.Identification{}, fmt.Errorf("%w; the scan is in %s", err, a.save)
	}
	if keepErr := writeWhole(name, false, func(w io.Writer) error { _, err := w.Write(raw); return err }); keepErr != nil {
		return identify.Identification{}, errors.Join(err, fmt.Errorf("the scan could not be kept: %w", keepErr))
	}
	return identify.Identification{}, fmt.Errorf("%w; the scan was not stored there and is kept in %s: send it with `fentrace batch` when the server answers", err, name)
}

// sent tries to send on what waits.
func (a scanAnswers) sent() error {
	if a.keep == nil {
		return nil
	}
	return a.env.sendNow(a.keep)
}
