package main

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"

	"fentrace/data"
	"fentrace/library"
	"fentrace/library/identify"
	"fentrace/spectra/format"
)

type versionCommand struct {
	JSON bool `name:"json" help:"Print as JSON."`
}

// versionJSON is everything an answer depends on besides the scan.
type versionJSON struct {
	Name      string   `json:"name"`
	Version   string   `json:"version"`
	Commit    string   `json:"commit,omitempty"`
	Time      string   `json:"time,omitempty"` // of the commit
	Modified  bool     `json:"modified"`       // built from changed sources
	Go        string   `json:"go"`
	Platform  string   `json:"platform"`
	Algorithm string   `json:"algorithm"`
	Library   string   `json:"library"` // version of the embedded core
	Formats   []string `json:"formats"` // that can be read
}

// programVersion is what the program says about itself, without its library.
func programVersion() versionJSON {
	v := versionJSON{Name: "fentrace", Version: "devel", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH, Algorithm: identify.Algorithm}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	v.Version = cmp.Or(info.Main.Version, v.Version)
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Commit = s.Value
		case "vcs.time":
			v.Time = s.Value
		case "vcs.modified":
			v.Modified = s.Value == "true"
		}
	}
	return v
}

func (c *versionCommand) Run(env *environment) error {
	stack, err := library.OpenStack(env.ctx, data.Core)
	if err != nil {
		return err
	}
	v := programVersion()
	v.Library = stack.Version()
	for _, r := range format.Readers() {
		v.Formats = append(v.Formats, r.Name)
	}
	if c.JSON {
		return printJSON(env.stdout, v, false)
	}
	_, err = fmt.Fprintf(env.stdout, "fentrace %s (%s, %s)\nalgorithm %s\ncore library %s\n", v.Version, v.Go, v.Platform, v.Algorithm, v.Library)
	return err
}
