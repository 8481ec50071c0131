package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"fentrace/server/client"
	"fentrace/server/observe"
)

// clockApart is how far the clock of a server may be from that of this machine before it is said.
const clockApart = 5 * time.Second

// maxHealth bounds what a server says of its health, bytes.
const maxHealth = 64 << 10

// remoteChecks look at a server from outside.
func (c *doctorCommand) remoteChecks(env *environment) []healthCheck {
	return []healthCheck{
		{"server", func() healthFinding { return env.checkHealth() }},
		{"readiness", func() healthFinding { return env.checkReady() }},
		{"access", func() healthFinding { return env.checkAccess() }},
		{"version", func() healthFinding { return env.checkVersion() }},
		{"clock", func() healthFinding { return env.checkRemoteClock(time.Now) }},
		{"library", func() healthFinding { return env.checkRemoteLibrary() }},
		{"queue", func() healthFinding { return env.checkRemoteQueue() }},
	}
}

// health asks a path of a server that is not part of its interface.
func (env *environment) health(path string) ([]byte, error) {
	res, err := env.remote.Get(env.ctx, path)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	return io.ReadAll(io.LimitReader(res.Body, maxHealth))
}

func (env *environment) checkHealth() healthFinding {
	if _, err := env.health("/healthz"); err != nil {
		return wrong("%v", err)
	}
	return ok("%s answers", env.remote.Address())
}

func (env *environment) checkReady() healthFinding {
	raw, err := env.health("/readyz")
	var said *client.Error
	if errors.As(err, &said) {
		raw = said.Body
	} else if err != nil {
		return wrong("%v", err)
	}
	var h observe.Health
	if json.Unmarshal(raw, &h) != nil || len(h.Checks) == 0 {
		return wrong("%s says something else than a Fentrace server about itself", env.remote.Address())
	}
	var failed []string
	for name, result := range h.Checks {
		if result != "ok" {
			failed = append(failed, name)
		}
	}
	if slices.Sort(failed); err != nil || len(failed) > 0 {
		return wrong("it is not ready to be used: %s; its log says why", strings.Join(failed, ", "))
	}
	return ok("ready: %s", strings.Join(slices.Sorted(maps.Keys(h.Checks)), ", "))
}

func (env *environment) checkAccess() healthFinding {
	me, err := env.remote.Me(env.ctx)
	if err != nil {
		return wrong("%v", hint(err))
	}
	return ok("as %s, whose role is %s", me.User, me.Role)
}

func (env *environment) checkVersion() healthFinding {
	about, err := env.remote.About(env.ctx)
	if err != nil {
		return wrong("%v", err)
	}
	own := programVersion()
	if about.Algorithm != own.Algorithm {
		return advice("the server answers by %s (version %s), this program by %s (version %s): their answers may differ", about.Algorithm, about.Version, own.Algorithm, own.Version)
	}
	return ok("version %s, %s, library %.12s", about.Version, about.Algorithm, about.Library)
}

func (env *environment) checkRemoteClock(now func() time.Time) healthFinding {
	before := now()
	about, err := env.remote.About(env.ctx)
	after := now()
	if err != nil {
		return wrong("%v", err)
	}
	apart := about.Time.Sub(before.Add(after.Sub(before) / 2)).Round(100 * time.Millisecond)
	switch {
	case apart.Abs() <= clockApart+after.Sub(before):
		return ok("%s UTC there, no more than %v from the clock of this machine", about.Time.Format(time.DateTime), max(apart.Abs(), time.Second))
	case apart > 0:
		return wrong("the clock of the server is %v ahead of that of this machine: set the one that is wrong", apart)
	}
	return wrong("the clock of the server is %v behind that of this machine: set the one that is wrong", -apart)
}

func (env *environment) checkRemoteLibrary() healthFinding {
	l, err := env.remote.Library(env.ctx)
	if err != nil {
		return notSeen(err)
	}
	text := fmt.Sprintf("%d substances, %d references, %d of %d controlled ones without a measured one", l.Substances, l.References, len(l.ControlledWithoutMeasured), l.Controlled)
	if l.Controlled > 0 && len(l.ControlledWithoutMeasured) == l.Controlled {
		return advice("%s: no named alarm is possible (`fentrace library list --missing`)", text)
	}
	return ok("%s", text)
}

func (env *environment) checkRemoteQueue() healthFinding {
	q, err := env.remote.Queue(env.ctx, nil)
	switch {
	case err != nil:
		return notSeen(err)
	case q.Parked > 0:
		return wrong("%d scans were refused by the other server: `fentrace queue` says why", q.Parked)
	case q.Waiting > 0:
		return advice("%d scans wait to be sent on", q.Waiting)
	}
	return ok("nothing waits to be sent on")
}

// notSeen is what is said of something that could not be looked at.
func notSeen(err error) healthFinding {
	if errors.Is(err, client.ErrForbidden) {
		return ok("not looked at: %v", err)
	}
	return wrong("%v", err)
}
