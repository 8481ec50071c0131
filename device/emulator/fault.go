package emulator

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Kinds of fault. Arg is the number that belongs to it, 0 for a sensible one.
const (
	Garbage   = "garbage"   // Arg bytes of noise before the answer (37)
	Half      = "half"      // the first half of the answer and nothing more
	Checksum  = "checksum"  // one byte of the answer is wrong, its checksum is not adjusted
	WrongType = "wrongtype" // the answer says it is another message
	Silent    = "silent"    // no answer
	Late      = "late"      // the answer comes Arg milliseconds late (3000)
	Nack      = "nack"      // refused with error number Arg (7)
	Exception = "exception" // done, but flagged as spoiled with error number Arg (15)
	Deferred  = "deferred"  // "response deferred" first, the answer Arg milliseconds later (200)
	Unplug    = "unplug"    // the device vanishes after Arg further bytes
)

type faultKind struct {
	kind    string
	usual   int // Arg when it is 0
	meaning string
}

var faultKinds = []faultKind{
	{Garbage, 37, "that many bytes of noise before the answer"},
	{Half, 0, "half an answer and nothing more"},
	{Checksum, 0, "an answer with one wrong byte"},
	{WrongType, 0, "the answer to another message"},
	{Silent, 0, "no answer"},
	{Late, 3000, "an answer that many milliseconds late"},
	{Nack, 7, "refused with that error number"},
	{Exception, 15, "result flagged as spoiled with that error number"},
	{Deferred, 200, "told to wait, answered that many milliseconds later"},
	{Unplug, 0, "unplugged after that many bytes of the answer"},
}

// messageWords are the messages a fault can name.
var messageWords = map[string][]uint32{
	"spectrum":    {msgLive, msgBuffered},
	"serial":      {msgSerial},
	"integration": {msgSetIntegration},
	"temperature": {msgTemperature},
	"lamp":        {msgLight},
	"pixels":      {msgPixels},
	"wavelength":  {msgWavelength},
}

// Fault is one thing that goes wrong when a message is answered.
type Fault struct {
	Kind    string
	Arg     int
	Message string // a word of messageWords, a number like 0x00110220, or "" for every message
	After   int    // messages of that kind answered well before it begins
	Times   int    // how often it happens: 0 means once, negative for ever
}

// ParseFault reads KIND[=ARG][@MESSAGE][*TIMES], for example "garbage", "nack=7@lamp", "silent@spectrum*2" or
// "late=500*" (for ever). Without a message the fault hits spectra.
func ParseFault(s string) (Fault, error) {
	f := Fault{Message: "spectrum"}
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
	if err := f.check(); err != nil {
		return Fault{}, err
	}
	return f, nil
}

// Faults describes the kinds of fault, one line each, for a help text.
func Faults() []string {
	lines := make([]string, len(faultKinds))
	for i, k := range faultKinds {
		lines[i] = k.kind + ": " + k.meaning
		if k.usual != 0 {
			lines[i] += fmt.Sprintf(" (%d)", k.usual)
		}
	}
	return lines
}

func (f Fault) check() error {
	if !slices.ContainsFunc(faultKinds, func(k faultKind) bool { return k.kind == f.Kind }) {
		return fmt.Errorf("unknown fault %q; one of: %s", f.Kind, strings.Join(Faults(), "; "))
	}
	if f.Arg < 0 || f.Arg > 1<<20 {
		return fmt.Errorf("fault %s: %d is outside 0 to %d", f.Kind, f.Arg, 1<<20)
	}
	_, err := f.messages()
	return err
}

// messages returns the message numbers f hits, nil for all.
func (f Fault) messages() ([]uint32, error) {
	if f.Message == "" {
		return nil, nil
	}
	if m, ok := messageWords[f.Message]; ok {
		return m, nil
	}
	n, err := strconv.ParseUint(f.Message, 0, 32)
	if err != nil {
		words := make([]string, 0, len(messageWords))
		for w := range messageWords {
			words = append(words, w)
		}
		slices.Sort(words)
		return nil, fmt.Errorf("fault %s: unknown message %q; a number or one of %s", f.Kind, f.Message, strings.Join(words, ", "))
	}
	return []uint32{uint32(n)}, nil
}

// takeFault returns the fault that hits this answer, if any, and counts it.
func takeFault(faults *[]Fault, kind uint32) (Fault, bool) {
	for i := range *faults {
		f := &(*faults)[i]
		if m, _ := f.messages(); m != nil && !slices.Contains(m, kind) {
			continue
		}
		if f.After > 0 {
			f.After--
			continue
		}
		hit := *f
		if f.Times == 0 || f.Times == 1 {
			*faults = slices.Delete(*faults, i, i+1)
		} else if f.Times > 0 {
			f.Times--
		}
		for _, k := range faultKinds {
			if k.kind == hit.Kind && hit.Arg == 0 {
				hit.Arg = k.usual
			}
		}
		return hit, true
	}
	return Fault{}, false
}
