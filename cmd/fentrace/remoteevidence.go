package main

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"os"
	"slices"
	"strings"

	"fentrace/server/client"
	"fentrace/server/client/rest"
	"fentrace/server/evidence"
	"fentrace/spectra/durable"
)

// remote has a server make the pack, and keeps it when nothing is wrong with it.
func (c *exportEvidenceCommand) remote(env *environment) error {
	err := ownOnly(map[string]bool{"data": c.Data != "", "db": c.DB != "", "encryption-key-file": len(c.EncryptionKeyFile) > 0})
	if err != nil {
		return err
	}
	with := packFlags{Key: c.Key, libraryFlags: c.libraryFlags}
	checks, err := with.checks(env) // before the server notes that something was handed out
	if err == nil && checks.Key == "" {
		checks.Key, err = serverKey(env)
	}
	if err != nil {
		return err
	}
	res, err := env.remote.Client.GetEvidence(env.ctx, c.Scans[0], &rest.GetEvidenceParams{With: c.Scans[1:], Recipient: some(c.Recipient), Reason: some(c.Reason)})
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if kind, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type")); kind != "application/zip" {
		return fmt.Errorf("%w (%d, %q)", rest.ErrNotFentrace, res.StatusCode, client.Printable(kind))
	}
	_, given, _ := mime.ParseMediaType(res.Header.Get("Content-Disposition"))
	name := c.name(given["filename"] == c.name(true))
	var key string
	err = durable.WriteFile(name, 0o600, func(f *os.File) error {
		size, err := io.Copy(f, io.LimitReader(res.Body, evidence.MaxPack+1))
		if err != nil {
			return fmt.Errorf("the pack did not come whole from %s: %w", env.remote.Address(), err)
		}
		report, err := evidence.Verify(env.ctx, f, size, checks)
		if err != nil {
			return fmt.Errorf("what came from %s: %w", env.remote.Address(), err)
		}
		key = report.Key
		return c.accept(env, name, report)
	})
	if err != nil {
		return fmt.Errorf("%w; nothing was written", err)
	}
	return c.written(env, name, key)
}

// accept is an error when something is wrong with a pack, or when it is not what was asked for.
func (c *exportEvidenceCommand) accept(env *environment, name string, r evidence.Report) error {
	for _, id := range c.Scans {
		if !slices.Contains(r.Scans, id) {
			return fmt.Errorf("the pack that %s made does not hold scan %s", env.remote.Address(), id)
		}
	}
	if c.Out == "" && name != c.name(r.Simulated) {
		return fmt.Errorf("%s called the pack %s, which does not agree on whether it is SIMULATED", env.remote.Address(), name)
	}
	var wrong []string
	for _, f := range r.Findings {
		if f.Result == evidence.Wrong {
			wrong = append(wrong, client.Printable(f.What+": "+f.Text))
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	return fmt.Errorf("%s wrong with the pack that %s made (`fentrace verify` there tells whether its database is damaged): %s",
		counted(len(wrong), "thing is", "things are"), env.remote.Address(), strings.Join(wrong, "; "))
}

// serverKey asks the server for the public key of its log. Who may not read the log checks with the key inside the pack.
func serverKey(env *environment) (string, error) {
	res, err := env.remote.Client.LogKey(env.ctx)
	if errors.Is(err, client.ErrForbidden) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxNote))
	return strings.TrimSpace(string(raw)), err
}
