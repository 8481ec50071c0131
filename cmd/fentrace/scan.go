package main

import (
	"bufio"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"fentrace/device"
	"fentrace/device/acquire"
	"fentrace/library"
	"fentrace/library/identify"
	"fentrace/server"
	"fentrace/spectra"
)

type scanCommand struct {
	JSON   bool   `name:"json" help:"Print the spectrum and the answer as JSON."`
	Save   string `placeholder:"FILE" help:"Keep the scan: .json with every raw frame, .jdx (JCAMP-DX) or .csv."`
	Sample string `placeholder:"NAME" help:"Name of the sample, kept with the scan."`
	Data   string `placeholder:"DIR" help:"Keep scan and answer in the database of this folder, in the queue of what waits to be sent."`
	databaseFlags
	upstreamFlags
	Live bool `help:"First show what the detector sees, for a minute at most; Enter takes the scan."`

	Reference string `placeholder:"FILE" help:"Scan of a white surface (kept with --save, .json) by which an infrared scan is divided; without it, the one stored in the device."`
	portFlags
	gpsFlags
	exposureFlags
	libraryFlags
}

func (scanCommand) Help() string {
	return `Exit code 0: the scan was taken and answered, whatever the verdict. With --data both are on the disk before the answer
is printed. With --server the scan is answered and stored there; when that fails it is kept in a file.
With --upstream what waits is then tried to be sent for a few seconds; what could not be stays in the queue,
for ` + "`fentrace send`" + ` or a server on the same folder.

Examples:

    fentrace scan --port /dev/ttyUSB0 --laser-nm 785 --auto
    fentrace scan --port /dev/ttyUSB0 --averages 5 --save exhibit-7.json
    fentrace scan --port /dev/ttyUSB0 --live --auto --target-snr 100
    fentrace scan --type nirscan --port /dev/ttyUSB0 --reference white.json
    fentrace scan --port /dev/ttyUSB0 --type aa55 --calibration-file head.json \
        --laser-type modbus --laser-port /dev/ttyUSB1 --laser-power 800
    fentrace scan --port /dev/ttyUSB0 --data ~/fentrace-data \
        --upstream https://fentrace.example.org --upstream-token-file token`
}

// exposureFlags say how to scan.
type exposureFlags struct {
	Integration time.Duration `placeholder:"TIME" help:"Integration time of one frame (100ms); with --auto where the search begins."`
	Averages    int           `default:"1" help:"How many frames are averaged (${default}); with --target-snr the least number."`
	Auto        bool          `help:"Look for the integration time that uses three quarters of full scale."`
	TargetSNR   float64       `name:"target-snr" placeholder:"RATIO" help:"Add frames until the strongest line stands so many times above its noise."`
	MaxTime     time.Duration `placeholder:"TIME" help:"Add frames for no longer than this (1m with --target-snr)."`
	KeepRays    bool          `help:"Average cosmic rays in, instead of leaving them out where there are two frames or more."`
	Relative    bool          `name:"correct-intensity" help:"Correct intensities with the response of the instrument (fentrace calibrate intensity)."`
}

func (f exposureFlags) settings(p portFlags) acquire.Settings {
	return acquire.Settings{IntegrationTime: f.Integration, Averages: f.Averages, AutoExposure: f.Auto, LaserNM: p.LaserNM,
		TargetSNR: f.TargetSNR, MaxTime: f.MaxTime, KeepRays: f.KeepRays}
}

// scanJSON is a scan for programs.
type scanJSON struct {
	Spectra        []spectra.Spectrum      `json:"spectra"`
	Identification identify.Identification `json:"identification"`
	Settings       acquire.Settings        `json:"settings"`           // as used, times in nanoseconds
	Exposure       acquire.ExposureEnd     `json:"exposure,omitempty"` // how the search for the integration time ended
	Rays           []acquire.Ray           `json:"rays"`               // counts that were left out
}

func (c *scanCommand) Run(env *environment) error {
	if err := c.check(); err != nil {
		return err
	}
	keep, err := c.answers(env)
	if err != nil {
		return err
	}
	defer keep.Close()
	dev, err := c.openDevice(env.ctx, env)
	if err != nil {
		return err
	}
	defer dev.Close()
	settings := c.settings(c.portFlags)
	settings.SampleName, settings.Position = c.Sample, c.position(env)
	if c.Reference != "" {
		if settings.Reference, err = env.readReference(c.Reference, dev.Info()); err != nil {
			return err
		}
	}
	if settings.Calibration, err = c.calibration(dev.Info(), c.Relative); err != nil {
		return err
	}
	if c.Live {
		if err := env.preview(dev, settings); err != nil {
			return err
		}
	}
	scan, err := acquire.Acquire(env.ctx, dev, settings, env.scanProgress())
	if err != nil {
		return err
	}
	s, err := scan.Spectrum()
	if err != nil {
		return err
	}
	if c.Save != "" {
		if err := saveScan(c.Save, scan, s); err != nil {
			return err
		}
	}
	ans, err := keep.answer(scan, s)
	if err != nil {
		return err
	}
	ans.File = c.Save
	if err := c.print(env, scan, s, ans); err != nil {
		return err
	}
	return keep.sent()
}

// keeper is the server whose database the scan is to be kept in; it does not listen. Nil without --data.
func (c *scanCommand) keeper(env *environment, stack *library.Stack, id *identify.Identifier) (*server.Server, error) {
	upstream, err := c.upstreamFlags.config()
	if err != nil {
		return nil, err
	}
	database, err := c.address()
	if err != nil {
		return nil, err
	}
	if c.Data == "" {
		if database != "" {
			return nil, usagef("--db needs --data: what is made from the database has to be kept somewhere")
		}
		if upstream != nil {
			return nil, usagef("--upstream needs --data: what cannot be sent at once has to be kept somewhere")
		}
		return nil, nil
	}
	prepared := func(lib *library.Stack) (server.Identifier, error) {
		if lib == stack {
			return id, nil
		}
		// The folder holds references that were learnt. What is damaged was said of the others, and the server logs it.
		return env.prepared(lib, filepath.Join(c.Data, server.IndexFolder))
	}
	return server.New(env.ctx, server.Config{DataDir: c.Data, Database: database, Library: stack, NewIdentifier: prepared, Upstream: upstream, Queue: true, Logger: logger(env.stderr)})
}

// print prints spectrum and answer.
func (c *scanCommand) print(env *environment, scan acquire.Scan, s spectra.Spectrum, ans identify.Identification) error {
	if c.JSON {
		return printJSON(env.stdout, scanJSON{[]spectra.Spectrum{s}, ans, scan.Settings, scan.Exposed(), append([]acquire.Ray{}, scan.Rays()...)}, false)
	}
	sheet := env.newSheet()
	sheet.spectrum(s)
	sheet.line("")
	if ans.File == "" {
		ans.File = s.Title
	}
	sheet.answer(answer{Identification: ans})
	return sheet.err
}

// readReference reads a kept scan of a white surface for the device that info describes.
func (env *environment) readReference(path string, info device.Info) ([]device.Frame, error) {
	raw, err := env.readRaw(path)
	if err != nil {
		return nil, err
	}
	white, err := acquire.Decode(raw)
	var frames []device.Frame
	if err == nil {
		frames, err = white.ReferenceFor(info)
	}
	if err != nil {
		return nil, fmt.Errorf("--reference %s: %w", path, err)
	}
	return frames, nil
}

// check refuses, before the laser is on, what could not be done after the scan.
func (c *scanCommand) check() error {
	if c.Averages < 1 {
		return usagef("--averages %d: at least 1", c.Averages)
	}
	if c.Save == "" {
		return nil
	}
	return checkNew("--save", c.Save, scanExtension, ".jdx", ".dx", ".csv")
}

// saveScan writes the scan in the format that the name of the file asks for.
func saveScan(path string, scan acquire.Scan, s spectra.Spectrum) error {
	if strings.ToLower(filepath.Ext(path)) != scanExtension {
		return saveSpectrum(path, s)
	}
	raw, err := scan.Raw()
	if err != nil {
		return fmt.Errorf("save %s: %w", path, err)
	}
	return writeWhole(path, false, func(w io.Writer) error {
		_, err := w.Write(raw)
		return err
	})
}

// scanProgress says on stderr what the instrument does: in place on a terminal, once per stage elsewhere.
func (env *environment) scanProgress() func(acquire.Progress) {
	inPlace := isTerminal(env.stderr)
	var stage acquire.Stage
	return func(p acquire.Progress) {
		if !inPlace && p.Stage == stage {
			return
		}
		stage = p.Stage
		line := fmt.Sprintf("%s frame %d of %d, %v", p.Stage, p.Frame, p.Frames, p.IntegrationTime)
		if p.Stage == acquire.StageExposure {
			line = fmt.Sprintf("exposure try %d of at most %d, %v", p.Frame, p.Frames, p.IntegrationTime)
		}
		if p.SNR > 0 {
			line += fmt.Sprintf(", signal to noise %.0f", p.SNR)
		}
		if p.Left >= time.Second {
			line += fmt.Sprintf(", about %v left", p.Left.Round(time.Second))
		}
		if p.Peak > 0 {
			line += fmt.Sprintf(", frame before at %.0f %% of full scale", 100*p.Peak)
		}
		if inPlace {
			fmt.Fprintf(env.stderr, "\r\x1b[K%s", line)
			if p.Frame == p.Frames && p.Stage != acquire.StageExposure {
				fmt.Fprint(env.stderr, "\r\x1b[K")
			}
			return
		}
		fmt.Fprintln(env.stderr, line)
	}
}

// pressEnter waits for a line on the standard input. The end of the input counts as one, so that a script can go on
// without a person.
func (env *environment) pressEnter(prompt string) error {
	fmt.Fprint(env.stderr, prompt)
	line := make(chan error, 1)
	go func() {
		_, err := bufio.NewReaderSize(env.stdin, 16).ReadString('\n')
		line <- err
	}()
	select {
	case <-env.ctx.Done():
		fmt.Fprintln(env.stderr)
		return env.ctx.Err()
	case <-line:
		return nil
	}
}
