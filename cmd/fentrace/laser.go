package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"fentrace/device"
	"fentrace/device/laser"
	"fentrace/device/serialport"
)

// laserPlace says where a laser is that is not the spectrometer's own.
type laserPlace struct {
	LaserType string `placeholder:"TYPE" help:"Laser on a line of its own: ${lasers}."`
	LaserPort string `placeholder:"PATH" help:"Serial port of that laser."`
}

// laserFlags say where it is and how it fires.
type laserFlags struct {
	laserPlace
	LaserPower   float64       `placeholder:"POWER" help:"Its power: mW (cobolt; the laser's own set-point without) or set value 1 to 3000 (modbus)."`
	WarningDelay time.Duration `default:"3s" placeholder:"TIME" help:"Time between announcing that the laser fires and that it does (${default}); 0s for none."`
}

// check refuses, as an error of the command line, what cannot be meant.
func (f laserFlags) check() error {
	if f.WarningDelay < 0 {
		return usagef("--warning-delay %v: 0s or longer", f.WarningDelay)
	}
	return f.laserPlace.check()
}

func (f laserPlace) check() error {
	if (f.LaserType == "") != (f.LaserPort == "") {
		return usagef("--laser-type and --laser-port go together")
	}
	if known := laserTypes(); f.LaserType != "" && !slices.Contains(known, f.LaserType) {
		return usagef("--laser-type %s is not known; there are: %s", f.LaserType, names(known))
	}
	return nil
}

func laserTypes() (types []string) {
	for _, t := range laser.Types() {
		types = append(types, t.Type)
	}
	return types
}

func (f laserFlags) options(env *environment) laser.Options {
	o := laser.Options{Type: f.LaserType, Port: f.LaserPort, Power: f.LaserPower, WarningDelay: f.WarningDelay}
	if o.WarningDelay == 0 {
		o.WarningDelay = laser.None
	}
	o.Warning = func(d time.Duration) { fmt.Fprintf(env.stderr, "THE LASER FIRES IN %v. Keep out of the beam.\n", d) }
	o.Notice = func(text string) { fmt.Fprintln(env.stderr, text) }
	return o
}

// watched opens a device while a sentinel stands by for its laser; closing the device sends it away.
func (f laserPlace) watched(env *environment, open func() (device.Spectrometer, error)) (device.Spectrometer, error) {
	if f.LaserPort == "" {
		return open()
	}
	s, err := f.startSentinel(env)
	if err != nil {
		return nil, fmt.Errorf("start the laser's sentinel: %w", err)
	}
	dev, err := open()
	if err != nil {
		return nil, errors.Join(err, s.end(!errors.Is(err, device.ErrLaserOn)))
	}
	return &watchedDevice{dev, s}, nil
}

// watchedDevice ends its laser's sentinel when it is closed.
type watchedDevice struct {
	device.Spectrometer
	sentinel *sentinel
}

func (d *watchedDevice) Close() error {
	err := d.Spectrometer.Close()
	return errors.Join(err, d.sentinel.end(!errors.Is(err, device.ErrLaserOn)))
}

// program is how this program was called; "" when it runs inside a test, which cannot be started again.
var program string

// sentinel is a second process that switches the laser off should this one be killed. Its input is a pipe that the kernel
// closes when this process ends, however it ends.
type sentinel struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
}

// allWell is what a sentinel reads when it is not needed.
const allWell = "the laser is off\n"

func (f laserPlace) startSentinel(env *environment) (*sentinel, error) {
	if program == "" {
		return nil, nil
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, "laser", "off", "--sentinel", "--laser-type", f.LaserType, "--laser-port", f.LaserPort)
	cmd.Args[0] = program
	if errors, ok := env.stderr.(*os.File); ok {
		cmd.Stderr = errors // a file is handed over; anything else would die with this process
	}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &sentinel{cmd, stdin}, nil
}

// end sends the sentinel away, or to work when the laser is not known to be off, and waits for it.
func (s *sentinel) end(off bool) error {
	if s == nil {
		return nil
	}
	if off {
		_, _ = io.WriteString(s.stdin, allWell) // a sentinel that has ended reads nothing, which Wait tells
	}
	s.stdin.Close()
	if err := s.cmd.Wait(); err != nil {
		return fmt.Errorf("the laser's sentinel: %w", err)
	}
	return nil
}

type laserCommands struct {
	Off laserOffCommand `cmd:"" help:"Switch a laser off, and have it say so."`
}

type laserOffCommand struct {
	laserPlace
	Sentinel bool `hidden:"" help:"Wait for the end of the standard input; do nothing when it says that the laser is off."`
}

func (laserOffCommand) Help() string {
	return `Exit code 0: the laser has said that it is off.

Example:

    fentrace laser off --laser-type cobolt --laser-port /dev/ttyACM0`
}

// portFree is how long the port may stay taken by a program that is being killed.
const portFree = 10 * time.Second

func (c *laserOffCommand) Run(env *environment) error {
	if c.LaserPort == "" {
		return usagef("name the laser with --laser-type and --laser-port")
	}
	if err := c.check(); err != nil {
		return err
	}
	ctx := env.ctx
	if c.Sentinel {
		// What ends the program that the laser belongs to must not end its sentinel: it comes to work then.
		signal.Ignore(os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
		ctx = context.WithoutCancel(ctx)
		said, _ := bufio.NewReader(env.stdin).ReadString('\n')
		if said == allWell {
			return nil
		}
		fmt.Fprintf(env.stderr, "fentrace ended without switching the laser on %s off; this is done now.\n", c.LaserPort)
	}
	l, err := c.openLaser(ctx)
	if err != nil {
		return err
	}
	if err := l.Close(); err != nil {
		return err
	}
	if c.Sentinel {
		fmt.Fprintf(env.stderr, "The laser on %s is off.\n", c.LaserPort)
		return nil
	}
	_, err = fmt.Fprintf(env.stdout, "The laser on %s is off.\n", plain(c.LaserPort))
	return err
}

// openLaser opens the laser, which switches it off. The sentinel waits for a port that is still taken.
func (c *laserOffCommand) openLaser(ctx context.Context) (*laser.Guard, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, portFree, device.ErrTimeout)
	defer cancel()
	for {
		l, err := laser.Open(ctx, laser.Options{Type: c.LaserType, Port: c.LaserPort})
		if !c.Sentinel || !errors.Is(err, device.ErrBusy) || serialport.Pause(ctx, 10*time.Millisecond) != nil {
			return l, err
		}
	}
}
