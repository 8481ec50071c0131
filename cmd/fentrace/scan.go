package main

import (
	"bufio"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"fentrace/device/acquire"
	"fentrace/library/identify"
	"fentrace/spectra"
)

type scanCommand struct {
	JSON   bool   `name:"json" help:"Print the spectrum and the answer as JSON."`
	Save   string `placeholder:"FILE" help:"Keep the scan: .json with every raw frame, .jdx (JCAMP-DX) or .csv."`
	Sample string `placeholder:"NAME" help:"Name of the sample, kept with the scan."`
	Live   bool   `help:"First show what the detector sees, for a minute at most; Enter takes the scan."`
	portFlags
	exposureFlags
	libraryFlags
}

func (scanCommand) Help() string {
	return `Exit code 0: the scan was taken and answered, whatever the verdict.

Examples:

    fentrace scan --port /dev/ttyUSB0 --laser-nm 785 --auto
    fentrace scan --port /dev/ttyUSB0 --averages 5 --save exhibit-7.json
    fentrace scan --port /dev/ttyUSB0 --live --auto --target-snr 100`
}

// exposureFlags say how to scan.
type exposureFlags struct {
	Integration time.Duration `placeholder:"TIME" help:"Integration time of one frame (100ms); with --auto where the search begins."`
	Averages    int           `default:"1" help:"How many frames are averaged (${default}); with --target-snr the least number."`
	Auto        bool          `help:"Look for the integration time that uses three quarters of full scale."`
	TargetSNR   float64       `name:"target-snr" placeholder:"RATIO" help:"Add frames until the strongest line stands so many times above its noise."`
	MaxTime     time.Duration `placeholder:"TIME" help:"Add frames for no longer than this (1m with --target-snr)."`
	KeepRays    bool          `help:"Average cosmic rays in, instead of leaving them out where there are two frames or more."`
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
	_, id, err := c.identifier(env.ctx)
	if err != nil {
		return err
	}
	dev, err := c.openDevice(env.ctx)
	if err != nil {
		return err
	}
	defer dev.Close()
	settings := c.settings(c.portFlags)
	settings.SampleName = c.Sample
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
	ans, err := id.Identify(env.ctx, s)
	if err != nil {
		return err
	}
	ans.File = c.Save
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
