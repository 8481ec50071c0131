package bench

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Kinds of fault. Arg is the number that belongs to it, 0 for a sensible one.
const (
	Garbage       = "garbage"       // Arg bytes of noise before the answer (37)
	Half          = "half"          // the first half of the answer and nothing more
	Checksum      = "checksum"      // one byte of the answer is wrong, its checksum is not adjusted
	WrongType     = "wrongtype"     // the answer says it is another message
	Silent        = "silent"        // no answer
	Late          = "late"          // the answer comes Arg milliseconds late (3000)
	Nack          = "nack"          // refused with error number Arg (7)
	Exception     = "exception"     // done, but flagged as spoiled with error number Arg (15)
	Deferred      = "deferred"      // "response deferred" first, the answer Arg milliseconds later (200)
	Busy          = "busy"          // told that the device is busy with another connection
	Unplug        = "unplug"        // the device vanishes after Arg further bytes
	NoFix         = "nofix"         // a GPS receiver has no position
	DeadReckoning = "deadreckoning" // a GPS receiver has lost its satellites and reckons
	Rollover      = "rollover"      // a GPS receiver's date is 1024 weeks early
	Stuck         = "stuck"         // the line takes no more bytes from the host for Arg milliseconds (5000)
	Interlock     = "interlock"     // a laser's interlock opens for Arg milliseconds, for good when 0
	Trip          = "trip"          // a laser goes out with fault number Arg (4)
	KeyOff        = "keyoff"        // a laser's key is turned off
	Syntax        = "syntax"        // the command is not understood, and not done
	Ignored       = "ignored"       // acknowledged, and not done
)

type faultKind struct {
	kind    string
	usual   int  // Arg when it is 0
	line    bool // every device can have it
	meaning string
}

func (k faultKind) describe() string {
	if k.usual == 0 {
		return k.kind + ": " + k.meaning
	}
	return fmt.Sprintf("%s: %s (%d)", k.kind, k.meaning, k.usual)
}

var faultKinds = []faultKind{
	{Garbage, 37, true, "that many bytes of noise before the answer"},
	{Half, 0, true, "half an answer and nothing more"},
	{Checksum, 0, true, "an answer with one wrong byte"},
	{WrongType, 0, false, "the answer to another message"},
	{Silent, 0, true, "no answer"},
	{Late, 3000, true, "an answer that many milliseconds late"},
	{Nack, 7, false, "refused with that error number"},
	{Exception, 15, false, "result flagged as spoiled with that error number"},
	{Deferred, 200, false, "told to wait, answered that many milliseconds later"},
	{Busy, 0, false, "told that it is busy with another connection"},
	{Unplug, 0, true, "unplugged after that many bytes of the answer"},
	{NoFix, 0, false, "no position"},
	{DeadReckoning, 0, false, "a position that is reckoned without satellites"},
	{Rollover, 0, false, "a date 1024 weeks early"},
	{Stuck, 5000, true, "takes nothing more from the host for that many milliseconds"},
	{Interlock, 0, false, "a laser's interlock opens (milliseconds; else for good)"},
	{Trip, 4, false, "a laser goes out with that fault number"},
	{KeyOff, 0, false, "a laser's key is turned off"},
	{Syntax, 0, false, "a command is not understood"},
	{Ignored, 0, false, "a command is acknowledged and not done"},
}

// Fault is one thing that goes wrong when a message is answered.
type Fault struct {
	Kind    string
	Arg     int
	Message string // one of the words of its Kind, a number like 0x00110220, or "" for every message
	After   int    // messages of that kind answered well before it begins
	Times   int    // how often it happens: 0 means once, negative for ever
}

// ParseFault reads KIND[=ARG][@MESSAGE][*TIMES], for example "garbage", "nack=7@lamp", "silent@spectrum*2" or
// "late=500*" (for ever). Without a message the fault hits the first of the kind's words.
func (k Kind) ParseFault(s string) (Fault, error) {
	f := Fault{Message: k.Words[0]}
	rest := strings.TrimSpace(s)
	var err error
	if head, times, found := strings.Cut(rest, "*"); found {
		rest, f.Times = head, -1
		if times != "" {
			if f.Times, err = strconv.Atoi(times); err != nil || f.Times < 1 {
				return Fault{}, fmt.Errorf("fault %q: %q is not a number of times", s, times)
			}
		}
	}
	if head, word, found := strings.Cut(rest, "@"); found {
		rest, f.Message = head, word
	}
	if head, arg, found := strings.Cut(rest, "="); found {
		rest = head
		if f.Arg, err = strconv.Atoi(arg); err != nil || f.Arg < 0 {
			return Fault{}, fmt.Errorf("fault %q: %q is not a number", s, arg)
		}
	}
	f.Kind = rest
	if err := k.CheckFault(f); err != nil {
		return Fault{}, err
	}
	return f, nil
}

func (f Fault) check() error {
	if _, ok := f.kind(); !ok {
		var known []string
		for _, k := range faultKinds {
			known = append(known, k.kind)
		}
		return fmt.Errorf("unknown fault %q; one of %s", f.Kind, strings.Join(known, ", "))
	}
	if f.Arg < 0 || f.Arg > 1<<20 {
		return fmt.Errorf("fault %s: %d is outside 0 to %d", f.Kind, f.Arg, 1<<20)
	}
	return nil
}

func (f Fault) kind() (faultKind, bool) {
	for _, k := range faultKinds {
		if k.kind == f.Kind {
			return k, true
		}
	}
	return faultKind{}, false
}

// lineFault reports whether every device can have f.
func (f Fault) lineFault() bool {
	k, ok := f.kind()
	return ok && k.line
}

// hits reports whether f is meant for an answer that goes by these words.
func (f Fault) hits(words []string) bool {
	if f.Message == "" || slices.Contains(words, f.Message) {
		return true
	}
	n, err := strconv.ParseUint(f.Message, 0, 32)
	return err == nil && slices.Contains(words, Number(uint32(n)))
}

// Number is the word of an answer that has a number.
func Number(n uint32) string { return fmt.Sprintf("0x%08X", n) }

// Take returns the fault that hits an answer of these words and counts it; the zero Fault for none.
func (l *Line) Take(words ...string) Fault {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.faults {
		f := &l.faults[i]
		if !f.hits(words) {
			continue
		}
		if f.After > 0 {
			f.After--
			continue
		}
		hit := *f
		if f.Times == 0 || f.Times == 1 {
			l.faults = slices.Delete(l.faults, i, i+1)
		} else if f.Times > 0 {
			f.Times--
		}
		if k, _ := hit.kind(); hit.Arg == 0 {
			hit.Arg = k.usual
		}
		return hit
	}
	return Fault{}
}

// Inject adds a fault to those that wait. The device's Kind has checked it.
func (l *Line) Inject(f Fault) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.faults = append(l.faults, f)
}

// Answer sends b with the fault f, which may be the zero Fault. Faults that only a firmware can act on leave b as
// it is. It returns false when the device was unplugged meanwhile.
func (l *Line) Answer(b []byte, f Fault) bool {
	switch f.Kind {
	case Garbage:
		b = append(l.noise(f.Arg), b...)
	case Half:
		b = b[:len(b)/2]
	case Checksum:
		b = slices.Clone(b)
		if len(b) > 0 {
			b[len(b)/2] ^= 0x10
		}
	case Silent:
		return true
	case Late:
		if !l.Wait(time.Duration(f.Arg) * time.Millisecond) {
			return false
		}
	case Unplug:
		l.pulling, l.pullAfter = true, f.Arg
	case Stuck:
		l.stick(time.Duration(f.Arg) * time.Millisecond)
	}
	return l.Send(b)
}

func (l *Line) noise(n int) []byte {
	noise := make([]byte, n)
	source := rand.New(rand.NewPCG(l.seed, uint64(n)))
	for i := range noise {
		noise[i] = byte(source.Uint32())
	}
	return noise
}
