package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/alecthomas/kong"
)

const (
	// settingsPrefix begins the names of environment variables that stand for flags.
	settingsPrefix = "FENTRACE_"
	// maxSettings is how large a settings file may be, bytes.
	maxSettings = 1 << 20
)

// settings are values of flags from a file and from the environment. What is on the command line counts more than the environment,
// and that more than the file.
type settings struct {
	path   string
	file   map[string]any
	lookup func(string) (string, bool) // in the environment
}

// settingsFlag is the flag that names the file.
type settingsFlag string

// BeforeResolve implements kong's hook: the file is read before the flags it speaks of are looked at.
func (f settingsFlag) BeforeResolve(app *kong.Kong, ctx *kong.Context, trace *kong.Path) error {
	path, _ := ctx.FlagValue(trace.Flag).(settingsFlag)
	if path == "" {
		return nil
	}
	s, err := readSettings(string(path))
	if err != nil {
		return err
	}
	ctx.AddResolver(s)
	return nil
}

// environmentSettings are those without a file.
func environmentSettings() *settings { return &settings{lookup: os.LookupEnv} }

// readSettings reads a TOML file: keys are the names of flags, at the top for every command that has the flag, or in a table that
// is named like the command.
func readSettings(path string) (*settings, error) {
	s := environmentSettings()
	s.path = path
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("--config %s: there is no such file", path)
	}
	if err != nil {
		return nil, fmt.Errorf("--config: %w", err)
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxSettings+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("--config %s: %w", path, err)
	case len(raw) > maxSettings:
		return nil, fmt.Errorf("--config %s: it is larger than %d bytes", path, maxSettings)
	}
	if err := toml.Unmarshal(raw, &s.file); err != nil {
		return nil, fmt.Errorf("--config %s: %w", path, err)
	}
	return s, nil
}

// Validate implements kong.Resolver: a name in the file that no command knows is a mistake that would else go unnoticed.
func (s *settings) Validate(app *kong.Application) error {
	known := map[string]map[string]bool{"": flagsOf(app.Node)}
	_ = kong.Visit(app, func(n kong.Visitable, next kong.Next) error {
		if node, ok := n.(*kong.Node); ok && node.Type == kong.CommandNode {
			of := flagsOf(node)
			known[commandName(node)] = of
			maps.Copy(known[""], of)
		}
		return next(nil)
	})
	for key, value := range s.file {
		table, ok := value.(map[string]any)
		if !ok {
			if !known[""][key] {
				return fmt.Errorf("--config %s: there is no flag --%s", s.path, key)
			}
			continue
		}
		of, ok := known[key]
		if !ok || key == "" {
			return fmt.Errorf("--config %s: there is no command %q for the table [%s]", s.path, key, key)
		}
		for name := range table {
			if !of[name] {
				return fmt.Errorf("--config %s: `fentrace %s` has no flag --%s", s.path, key, name)
			}
		}
	}
	return nil
}

// flagsOf are the names of the flags of a command.
func flagsOf(n *kong.Node) map[string]bool {
	out := map[string]bool{}
	for _, f := range n.Flags {
		out[f.Name] = true
	}
	return out
}

// commandName is what is typed for a command, such as "library list".
func commandName(n *kong.Node) string {
	var words []string
	for ; n != nil && n.Type == kong.CommandNode; n = n.Parent {
		words = append(words, n.Name)
	}
	slices.Reverse(words)
	return strings.Join(words, " ")
}

// Resolve implements kong.Resolver.
func (s *settings) Resolve(ctx *kong.Context, parent *kong.Path, flag *kong.Flag) (any, error) {
	if flag.Name == "help" {
		return nil, nil
	}
	name := settingsPrefix + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_"))
	if v, ok := s.lookup(name); ok {
		return v, nil
	}
	if node := ctx.Selected(); node != nil {
		if table, ok := s.file[commandName(node)].(map[string]any); ok {
			if v, ok := table[flag.Name]; ok {
				return plainSetting(v), nil
			}
		}
	}
	v, ok := s.file[flag.Name]
	if _, table := v.(map[string]any); !ok || table {
		return nil, nil
	}
	return plainSetting(v), nil
}

// plainSetting is a value as it would be typed; lists stay lists.
func plainSetting(v any) any {
	list, ok := v.([]any)
	if !ok {
		return fmt.Sprint(v)
	}
	out := make([]any, len(list))
	for i, x := range list {
		out[i] = fmt.Sprint(x)
	}
	return out
}
