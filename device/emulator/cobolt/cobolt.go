// Package cobolt is the firmware of an emulated Cobolt laser of the 04, 06 or 08 series, written from the manual. It
// comes as it leaves the factory: autostart is enabled, so that it shines as soon as it has power.
//
// It has no watchdog, as the real one documents none: when the host falls silent it shines on. Pulling its cable puts it
// out, because power and data come over one (USB); a laser with a supply of its own on an RS-232 line would shine on.
package cobolt

import (
	"bytes"
	"strconv"
	"strings"
	"time"

	"fentrace/device/emulator/bench"
)

const (
	// longestCommand is what the input buffer holds; what is longer is lost.
	longestCommand = 128
	maxWatts       = 0.5
	faultInterlock = 3
	notUnderstood  = "Syntax error: illegal command"
	ok             = "OK"
)

// words name the commands a fault can hit.
var words = map[string]string{
	"on": "l1", "off": "l0", "state": "l?", "setpower": "p", "power": "p?", "measured": "pa?", "interlock": "ilk?", "fault": "f?",
	"clear": "cf", "autostart": "@cobas?", "setautostart": "@cobas", "serial": "sn?", "unknown": "",
}

// Kinds returns the laser.
func Kinds() []bench.Kind {
	return []bench.Kind{{
		Type: "cobolt", Title: "Cobolt laser", Code: "COB", Baud: 115200, Emits: true,
		Words:  []string{"on", "off", "state", "interlock", "fault", "clear", "measured", "power", "setpower", "serial", "autostart", "setautostart", "unknown"},
		Faults: []string{bench.Interlock, bench.Trip, bench.KeyOff, bench.Syntax, bench.Ignored},
		Serve:  serve,
	}}
}

// controller is the running laser.
type controller struct {
	*bench.Device
	in        []byte
	watts     float64
	on        bool
	fault     int
	keyOff    bool
	autostart bool
	openUntil time.Time // of the interlock
	openEver  bool
}

func serve(d *bench.Device) {
	c := &controller{Device: d, watts: 0.1, autostart: true, on: true}
	c.shine()
	for b := range c.In() {
		c.in = append(c.in, b...)
		for {
			end := bytes.IndexByte(c.in, '\r')
			if end < 0 {
				break
			}
			command := string(c.in[:end])
			c.in = append([]byte(nil), c.in[end+1:]...)
			if !c.handle(strings.TrimLeft(command, "\n")) {
				return
			}
		}
		if len(c.in) > longestCommand {
			c.in = nil
		}
	}
}

// shine lets light out when everything allows it.
func (c *controller) shine() { c.Light.Set(c.on && c.fault == 0 && !c.keyOff) }

func (c *controller) interlockOpen() bool { return c.openEver || time.Now().Before(c.openUntil) }

// handle carries out one command and answers it, with the fault that waits for it.
func (c *controller) handle(command string) bool {
	verb, argument, _ := strings.Cut(command, " ")
	word := "unknown"
	for w, v := range words {
		if v == verb && v != "" {
			word = w
		}
	}
	f := c.Take(word)
	switch f.Kind {
	case bench.Interlock:
		c.openUntil, c.openEver = time.Now().Add(time.Duration(f.Arg)*time.Millisecond), f.Arg == 0
		c.on, c.fault = false, faultInterlock
	case bench.Trip:
		c.on, c.fault = false, f.Arg
	case bench.KeyOff:
		c.on, c.keyOff = false, true
	}
	c.shine()
	before := *c
	answer := c.do(verb, argument)
	switch f.Kind {
	case bench.Syntax:
		*c, answer = before, notUnderstood
	case bench.Ignored:
		*c = before
	}
	c.shine()
	return c.Answer([]byte(answer+"\r\n"), f)
}

// do carries out one command.
func (c *controller) do(verb, argument string) string {
	switch verb + "|" + argument {
	case "l1|":
		// The manual asks for autostart to be disabled. What keeps a laser dark shows in its state, not in this answer.
		c.on = !c.autostart && c.fault == 0 && !c.keyOff && !c.interlockOpen()
		return ok
	case "l0|":
		c.on = false
		return ok
	case "l?|":
		return bit(c.on)
	case "ilk?|":
		return bit(c.interlockOpen())
	case "f?|":
		return strconv.Itoa(c.fault)
	case "cf|":
		if !c.interlockOpen() {
			c.fault = 0
		}
		return ok
	case "@cob1|":
		c.on = !c.interlockOpen() && !c.keyOff && c.fault == 0
		return ok
	case "@cobas?|":
		return bit(c.autostart)
	case "@cobas|0", "@cobas|1":
		c.autostart = argument == "1"
		return ok
	case "sn?|":
		return c.Config.SerialNumber
	case "hrs?|":
		return "12.50"
	}
	return c.power(verb, argument)
}

func (c *controller) power(verb, argument string) string {
	switch {
	case verb == "p?" && argument == "":
		return watts(c.watts)
	case verb == "pa?" && argument == "":
		if c.on {
			return watts(c.watts)
		}
		return watts(0)
	case verb == "leds?" && argument == "":
		leds := 1
		if c.on {
			leds |= 2
		}
		if c.fault != 0 {
			leds |= 8
		}
		return strconv.Itoa(leds)
	case verb == "p":
		w, err := strconv.ParseFloat(argument, 64)
		if err != nil || !(w >= 0 && w <= maxWatts) {
			return notUnderstood
		}
		c.watts = w
		return ok
	}
	return notUnderstood
}

func watts(w float64) string { return strconv.FormatFloat(w, 'f', 4, 64) }

func bit(set bool) string {
	if set {
		return "1"
	}
	return "0"
}
