package main

import "fentrace/cmd/fentrace/demo"

type demoCommand struct {
	Data   string `placeholder:"DIR" help:"Folder to keep the SIMULATED scans in; by default a temporary one, removed at the end."`
	Listen string `default:"127.0.0.1:8080" placeholder:"HOST:PORT" help:"Address to listen on (${default})."`
	Scans  int    `default:"500" placeholder:"N" help:"Scans in the simulated month (${default}); 0 for none."`
	Seed   uint64 `default:"1" placeholder:"N" help:"Seed of the simulation (${default}); another one makes another month."`
}

func (demoCommand) Help() string {
	return `Shows everything at work with SIMULATED data in one process: an emulated spectrometer on a pseudo-terminal, the
server with its pages, and a month of scans over some forty counties. Prints a link that logs in once, within 15 minutes.
Running it again with the same --data goes on with the same month. Ctrl-C ends it.

Examples:

    fentrace demo
    fentrace demo --data ~/fentrace-demo --listen 127.0.0.1:8081`
}

func (c *demoCommand) Run(env *environment) error {
	if c.Scans < 0 || c.Scans > demo.MaxScans {
		return usagef("--scans %d: 0 to %d", c.Scans, demo.MaxScans)
	}
	return demo.Run(env.ctx, demo.Options{DataDir: c.Data, Listen: c.Listen, Out: env.stdout, Scans: c.Scans, Seed: c.Seed})
}
