package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"fentrace/device/emulator"
	"fentrace/server/client"
	"fentrace/server/store"
	"fentrace/spectra/calibration"
	"fentrace/spectra/interferogram"
)

// The exit codes of every command.
const (
	exitOK     = 0 // everything asked for was done
	exitFailed = 1 // some of it was not; the message says what
	exitUsage  = 2 // nothing was tried: the command line, or a library it names, cannot be used
)

// commands is the command line. Each field is one command; its type holds the flags and Run.
type commands struct {
	Config settingsFlag `placeholder:"FILE.toml" help:"Read flags from a file: one line for each, such as server = \"https://fentrace.example.org\", at the top or in a table named like the command."`
	remoteFlags
	Identify      identifyCommand      `cmd:"" help:"Answer scans: ALARM, NO ANSWER or NOTHING CONTROLLED SEEN, with the reasons."`
	Batch         batchCommand         `cmd:"" help:"Answer every scan of folders and files into one table (CSV)."`
	Show          showCommand          `cmd:"" help:"Draw the spectra of a file, or print them as JSON."`
	Convert       convertCommand       `cmd:"" help:"Write spectra as JCAMP-DX, CSV, SPC or Parquet."`
	Interferogram interferogramCommand `cmd:"" help:"Compute absorbance from the interferograms of a file."`
	Scan          scanCommand          `cmd:"" help:"Take a scan with a spectrometer and answer it."`
	Calibrate     calibrateCommands    `cmd:"" help:"Calibrate a spectrometer with standards; check it; show how it drifts."`
	Library       libraryCommands      `cmd:"" help:"Say what is known; add your own reference spectra."`
	Device        deviceCommands       `cmd:"" help:"Find, question or emulate a spectrometer."`
	Laser         laserCommands        `cmd:"" help:"Switch a laser off."`
	Serve         serveCommand         `cmd:"" help:"Serve the pages and the programming interface to browsers."`
	Worker        workerCommand        `cmd:"" help:"Answer batches that were handed to a server, on another machine."`
	Rescreen      rescreenCommand      `cmd:"" help:"Look through all stored scans: with a new reference, or for what looked like one of them."`
	Queue         queueCommand         `cmd:"" help:"List the scans that wait to be sent to another server."`
	Send          sendCommand          `cmd:"" help:"Send the scans that wait to another server."`
	Scans         scansCommands        `cmd:"" help:"List the scans stored at a server, or get one."`
	Result        resultCommand        `cmd:"" help:"Enter at a server what a laboratory found."`
	Backup        backupCommand        `cmd:"" help:"Copy all that a server has stored into one file, while it runs."`
	Restore       restoreCommand       `cmd:"" help:"Make a data folder from a backup."`
	Export        exportCommands       `cmd:"" help:"Write what is stored for somebody else: evidence packs."`
	Verify        verifyCommand        `cmd:"" help:"Check an evidence pack without a server, or that everything a server has stored is as it was stored."`
	Purge         purgeCommand         `cmd:"" help:"Erase scans that are past the term of a retention policy."`
	Key           keyCommands          `cmd:"" help:"Encrypt what is stored: make keys, change them."`
	Doctor        doctorCommand        `cmd:"" help:"Say what is wrong with this installation, and what to do about it."`
	Demo          demoCommand          `cmd:"" help:"Show everything at work with SIMULATED data."`
	Version       versionCommand       `cmd:"" help:"Say which version this is."`
}

const description = `Fentrace matches handheld Raman and infrared scans of unknown powders against a
library of spectra. Every answer is presumptive: a laboratory has to confirm it.

  fentrace identify scan.csv                      answer one scan
  fentrace batch scans/ --out results.csv         answer a folder
  fentrace library list --missing                 what cannot be named yet
  fentrace library import --into lab.db FOLDER    add your reference spectra
  fentrace identify --library lab.db scan.csv     use them
  fentrace scan --port /dev/ttyUSB0               take a scan and answer it
  fentrace calibrate axis --standard polystyrene --port /dev/ttyUSB0
  fentrace help COMMAND                           all about one command`

// environment is what a command may touch: its streams, and the context that ends with an interrupt.
type environment struct {
	ctx    context.Context
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
	remote *client.Client // what --server names; nil: everything is done on this machine
}

// usageError is an error of the command line itself.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// errIncomplete ends a command that has already said what it could not do.
var errIncomplete = errors.New("incomplete")

// exited carries an exit code out of kong, which expects its Exit not to return.
type exited int

// Run is the whole program: it parses args (without the program's name), does what they say until ctx ends, and
// returns the exit code. Answers go to stdout; errors, warnings and progress to stderr.
func Run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) (code int) {
	env := &environment{ctx: store.ByProgram(ctx, "fentrace"), stdin: stdin, stdout: stdout, stderr: stderr}
	defer func() {
		if r := recover(); r != nil {
			e, ok := r.(exited)
			if !ok {
				panic(r)
			}
			code = int(e)
		}
	}()
	var c commands
	parser, err := newParser(&c, stdout, stderr)
	if err != nil {
		return env.fail(err)
	}
	parsed, err := parser.Parse(helpArgs(args))
	if err != nil {
		fmt.Fprintf(stderr, "fentrace: %s\nRun `%s --help` to see how it is used.\n", plain(err.Error()), helpPath(err))
		return exitUsage
	}
	if err := env.connect(c.remoteFlags, parsed); err != nil {
		return env.fail(err)
	}
	return env.fail(hint(parsed.Run(env)))
}

// newParser reads command lines into c.
func newParser(c *commands, stdout, stderr io.Writer) (*kong.Kong, error) {
	return kong.New(c, kong.Name("fentrace"), kong.Description(description), kong.Writers(stdout, stderr),
		kong.Exit(func(code int) { panic(exited(code)) }), kong.Resolvers(environmentSettings()),
		kong.Vars{
			"emulated": names(emulator.Types()), "drivers": names(driverTypes()), "lasers": names(laserTypes()),
			"apodisations": names(interferogram.Apodisations()), "phases": names(interferogram.Phases()),
			"standards": names(calibration.Names()),
		},
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true, WrapUpperBound: columns, FlagsLast: true, NoAppDescFormat: true}))
}

// names joins the values of a flag for its enum and help.
func names[T ~string](values []T) string {
	var b strings.Builder
	for i, v := range values {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(string(v))
	}
	return b.String()
}

// helpArgs turns "help COMMAND", and nothing at all, into the help flag.
func helpArgs(args []string) []string {
	switch {
	case len(args) == 0:
		return []string{"--help"}
	case args[0] == "help":
		return append(append([]string{}, args[1:]...), "--help")
	}
	return args
}

// helpPath is the command whose help explains a parse error.
func helpPath(err error) string {
	var p *kong.ParseError
	if errors.As(err, &p) && p.Context != nil && p.Context.Selected() != nil {
		return "fentrace " + p.Context.Selected().Path()
	}
	return "fentrace"
}

// fail says err on stderr, once, and returns the exit code that belongs to it.
func (env *environment) fail(err error) int {
	var usage usageError
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errIncomplete):
		return exitFailed
	case errors.Is(err, syscall.EPIPE) || errors.Is(err, io.ErrClosedPipe):
		return exitFailed // whoever read the output has left
	}
	// An interrupt is the user's wish, not "context canceled".
	message := "fentrace: " + strings.ReplaceAll(plain(err.Error()), context.Canceled.Error(), "interrupted")
	if isTerminal(env.stderr) {
		message = strings.Join(wrap(message, 0), "\n")
	}
	fmt.Fprintln(env.stderr, message)
	if errors.As(err, &usage) || errors.Is(err, store.ErrKeyNeeded) {
		return exitUsage
	}
	return exitFailed
}

// file returns the stream as a file when it is one, nil otherwise.
func file(stream any) *os.File {
	f, _ := stream.(*os.File)
	return f
}
