// Command fentrace matches handheld Raman and infrared scans against a library of spectra. `fentrace help` says how.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	program = os.Args[0]
	context.AfterFunc(ctx, stop) // a second interrupt ends the program at once
	code := Run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
