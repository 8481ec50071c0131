package main

import (
	"context"
	"fmt"
	"time"

	"fentrace/device/gps"
)

// gpsFlags say where the GPS receiver is.
type gpsFlags struct {
	GPSPort string `name:"gps-port" placeholder:"PATH" help:"Serial port of a GPS receiver (NMEA 0183), which tells place and time of a scan."`
	GPSBaud int    `name:"gps-baud" placeholder:"RATE" help:"Rate of its line; without it the usual ones are tried."`
}

// gpsPatience is how long a scan waits for a position that satellites have measured.
const gpsPatience = 15 * time.Second

// watch begins to listen to the receiver; nil without one.
func (f gpsFlags) watch(ctx context.Context) *gps.Watcher {
	if f.GPSPort == "" {
		return nil
	}
	return gps.Watch(ctx, f.GPSPort, gps.Options{Baud: f.GPSBaud})
}

// position waits for a fix and says on stderr what it is worth; nil when there is none. The scan is taken all the same.
func (f gpsFlags) position(env *environment) *gps.Fix {
	if f.GPSPort == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(env.ctx, gpsPatience)
	defer cancel()
	w := f.watch(ctx)
	fix, err := w.Await(ctx)
	cancel()
	<-w.Done()
	if err != nil {
		fmt.Fprintf(env.stderr, "%s: %v\n", plain(f.GPSPort), err)
		return nil
	}
	fmt.Fprintf(env.stderr, "position: %v\n", fix)
	if err := fix.Evidence(); err != nil {
		fmt.Fprintf(env.stderr, "%v: the scan is kept without a place\n", err)
	}
	return &fix
}
