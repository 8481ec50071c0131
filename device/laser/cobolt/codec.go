// Package cobolt speaks the text protocol of Cobolt lasers of the 04, 06 and 08 series (785 nm 08-NLD among them) over
// a serial line or its USB port. It has no safety of its own: use it through package laser.
//
// Commands are lower case, arguments follow after one space, a CR ends them. Every command has exactly one answer, ended
// by CR or CR LF: a number, a text, "OK", or "Syntax error" with more behind it. The laser never speaks first.
//
// Source: Cobolt manual 0401-D0105-A. Firmware in the field answers "Syntax error: illegal command" where the manual has
// the offending command, as several published clients show; both are read.
package cobolt

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"

	"fentrace/device"
)

// Commands the driver sends.
const (
	cmdOn            = "l1"
	cmdOff           = "l0"
	cmdState         = "l?"      // 0 off, 1 on
	cmdSetPower      = "p"       // watts
	cmdPower         = "p?"      // watts, as set
	cmdMeasured      = "pa?"     // watts, as measured
	cmdInterlock     = "ilk?"    // 0 closed, 1 open
	cmdFault         = "f?"      // see Fault
	cmdClearFault    = "cf"      //
	cmdAutostart     = "@cobas?" // 1 when the laser fires by itself as power comes
	cmdAutostartOff  = "@cobas 0"
	cmdSerialNumber  = "sn?"
	answerOK         = "OK"
	answerSyntax     = "Syntax error"
	longestAnswer    = 256
	decimalsOfWatts  = 4 // a tenth of a milliwatt
	largestPowerMW   = 10_000
	smallestPowerMW  = 0.1
	syncWord         = "sync"
	reservedForReply = 48 // bytes of an answer, for the deadline
)

// Fault is what f? tells.
type Fault int

// Faults of the manual.
const (
	NoFault       Fault = 0
	Temperature   Fault = 1
	InterlockOpen Fault = 3
	ConstantPower Fault = 4
)

func (f Fault) String() string {
	switch f {
	case NoFault:
		return "no fault"
	case Temperature:
		return "fault 1, temperature"
	case InterlockOpen:
		return "fault 3, interlock"
	case ConstantPower:
		return "fault 4, constant power cannot be held"
	}
	return fmt.Sprintf("fault %d", int(f))
}

// Command encodes one message.
func Command(text string) []byte { return append([]byte(text), '\r') }

// setPower is the command for a power in milliwatts.
func setPower(mW float64) string {
	return cmdSetPower + " " + strconv.FormatFloat(mW/1000, 'f', decimalsOfWatts, 64)
}

// Decoder cuts answers out of a stream. It does no I/O, and holds at most one answer and what one Write brings. The zero
// value is ready.
type Decoder struct{ buf []byte }

// Write takes bytes as they came.
func (d *Decoder) Write(p []byte) { d.buf = append(d.buf, p...) }

// Next returns the next answer without its end; ok is false when none is complete. An answer longer than any there is,
// or with bytes that are no printable ASCII, is an error that wraps device.ErrProtocol, and is passed over.
func (d *Decoder) Next() (answer string, ok bool, err error) {
	for {
		d.buf = bytes.TrimLeft(d.buf, "\r\n")
		end := bytes.IndexAny(d.buf, "\r\n")
		if end < 0 && len(d.buf) > longestAnswer {
			d.buf = nil
			return "", false, fmt.Errorf("%w: more than %d bytes without an end", device.ErrProtocol, longestAnswer)
		}
		if end < 0 {
			return "", false, nil
		}
		line := d.buf[:end]
		d.buf = d.buf[end:]
		text, err := check(line)
		if err != nil {
			return "", false, err
		}
		if text == "" {
			continue
		}
		return text, true, nil
	}
}

// Rest is how many bytes wait that are no more than line ends.
func (d *Decoder) Rest() int { return len(bytes.TrimLeft(d.buf, "\r\n")) }

func check(line []byte) (string, error) {
	if len(line) > longestAnswer {
		return "", fmt.Errorf("%w: an answer of %d bytes", device.ErrProtocol, len(line))
	}
	for _, b := range line {
		if b < ' ' || b > '~' {
			return "", fmt.Errorf("%w: %q is no answer", device.ErrProtocol, line)
		}
	}
	return strings.TrimSpace(string(line)), nil
}

// number reads an answer that has to be a finite number.
func number(answer string) (float64, error) {
	v, err := strconv.ParseFloat(answer, 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, fmt.Errorf("%w: answered %q, expected a number", device.ErrProtocol, answer)
	}
	return v, nil
}

// flag reads an answer that has to be 0 or 1, and nothing else.
func flag(answer string) (bool, error) {
	switch answer {
	case "0":
		return false, nil
	case "1":
		return true, nil
	}
	return false, fmt.Errorf("%w: answered %q, expected 0 or 1", device.ErrProtocol, answer)
}
