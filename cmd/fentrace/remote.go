package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"github.com/google/uuid"

	"fentrace/server/client"
)

// tokenVariable is the environment variable with the access token, for those who have no file of it.
const tokenVariable = "FENTRACE_TOKEN"

// remoteFlags say which server a command is for. A token never stands on the command line, where every program of the machine could
// read it.
type remoteFlags struct {
	Server    string `placeholder:"URL" help:"Do it at this Fentrace server, by https unless it is this machine."`
	TokenFile string `placeholder:"FILE" help:"File with the access token for it, readable by you only (chmod 600); else the token is taken from FENTRACE_TOKEN."`
	TLSCA     string `name:"tls-ca" placeholder:"FILE.pem" help:"Certificate authority of the server, besides those of the system."`
}

// remoteCommands are those that --server makes sense for.
var remoteCommands = []string{"identify", "batch", "show", "convert", "scan", "library list", "library show", "library validate",
	"rescreen", "queue", "send", "doctor", "scans list", "scans get", "result", "export evidence"}

// onlyRemote are those of them that need a server.
var onlyRemote = []string{"scans list", "scans get", "result"}

// localCommands are those that only make sense on this machine.
var localCommands = []string{"interferogram", "calibrate axis", "calibrate intensity", "calibrate check", "calibrate apply", "calibrate show",
	"library import", "library learn", "library export", "library verify", "device list", "device info", "device emulate", "laser off",
	"serve", "worker", "backup", "restore", "verify", "purge", "key new", "key list", "key rotate", "demo", "version"}

// connect prepares the client when the command is for a server. Nothing is asked yet. A server from the environment or a settings file
// is a default that commands of this machine do not heed.
func (env *environment) connect(f remoteFlags, parsed *kong.Context) error {
	command := ""
	if node := parsed.Selected(); node != nil {
		command = commandName(node)
	}
	if !slices.Contains(remoteCommands, command) {
		for _, p := range parsed.Path {
			if p.Flag != nil && !p.Resolved && slices.Contains([]string{"server", "token-file", "tls-ca"}, p.Flag.Name) {
				return usagef("`fentrace %s` is for this machine: leave out --%s", command, p.Flag.Name)
			}
		}
		return nil
	}
	if f.Server == "" {
		switch {
		case slices.Contains(onlyRemote, command):
			return usagef("`fentrace %s` asks a server: name it with --server, or set %sSERVER", command, settingsPrefix)
		case f.TokenFile != "" || f.TLSCA != "":
			return usagef("--token-file and --tls-ca are for a server: name it with --server")
		}
		return nil
	}
	cfg, err := f.config()
	if err != nil {
		return usageError{err}
	}
	if command == "doctor" {
		cfg.Patience = -1 // what it is to say is how the server is now
	}
	cfg.Retrying = func(err error, after time.Duration) {
		fmt.Fprintf(env.stderr, "%s: %s; trying again in %v\n", plain(client.Place(cfg.Server)), plain(err.Error()), after.Round(100*time.Millisecond))
	}
	env.remote, err = client.New(cfg)
	return err
}

func (f remoteFlags) config() (client.Config, error) {
	u, err := client.ParseAddress("--server", f.Server)
	if err != nil {
		return client.Config{}, err
	}
	cfg := client.Config{Server: u}
	switch token := os.Getenv(tokenVariable); {
	case f.TokenFile != "":
		cfg.Token = func() (string, error) { return client.ReadToken(f.TokenFile) }
	case token != "":
		cfg.Token = func() (string, error) { return client.CheckToken(tokenVariable, token) }
	default:
		return cfg, fmt.Errorf("--server %s: name the file with the access token with --token-file, or set %s; `fentrace serve --new-token NAME` on that server makes one", f.Server, tokenVariable)
	}
	if _, err := cfg.Token(); err != nil {
		return cfg, err
	}
	if f.TLSCA != "" {
		authorities, err := client.ReadAuthorities(f.TLSCA)
		if err != nil {
			return cfg, fmt.Errorf("--tls-ca: %w", err)
		}
		cfg.HTTP = client.NewHTTP(authorities)
	}
	return cfg, nil
}

// ownOnly refuses flags that say something about this machine when the command is for a server: given tells which were.
func ownOnly(given map[string]bool) error {
	var wrong []string
	for flag, set := range given {
		if set {
			wrong = append(wrong, "--"+flag)
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	slices.Sort(wrong)
	return usagef("%s with --server: that is for this machine; the server uses its own", strings.Join(wrong, ", "))
}

// flags of the library that are set.
func (f libraryFlags) set() map[string]bool {
	return map[string]bool{"library": len(f.Library) > 0, "no-core": f.NoCore}
}

// scanID checks the id of a stored scan.
func scanID(text string) (string, error) {
	id, err := uuid.Parse(text)
	if err != nil {
		return "", usagef("%s is not the id of a stored scan, such as 8d1f5c1e-0f63-4c41-9d6b-8a4b5c9f0f11; `fentrace scans list` shows them", text)
	}
	return id.String(), nil
}

// hint adds to an error of a server what to do about it.
func hint(err error) error {
	switch {
	case errors.Is(err, client.ErrDenied):
		return fmt.Errorf("%w: the access token is not, or no more, valid; `fentrace serve --new-token NAME` on the server makes one", err)
	}
	return err
}
