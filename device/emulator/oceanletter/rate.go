package oceanletter

import (
	"time"

	"fentrace/device/emulator/bench"
)

// setRate acknowledges at the old rate, is deaf for a moment, and keeps the new one only when the host repeats the
// command at it.
func (e *firmware) setRate(k uint32) bool {
	if k >= uint32(len(e.model.bauds)) || e.model.bauds[k] == 0 {
		return e.answer("K", no())
	}
	fault := e.Take("K", "baud")
	if fault.Kind == bench.Nack {
		return e.Answer(e.encode(no()), fault)
	}
	if !e.Answer(e.encode(yes()), fault) {
		return false
	}
	old := e.Baud()
	e.SetBaud(e.model.bauds[k])
	if !e.deaf(rateSettles) {
		return false
	}
	e.until = time.Now().Add(rateWaits)
	repeated := e.repeats(k)
	e.until = time.Time{}
	if !repeated {
		e.SetBaud(old)
		return true // a line that is gone ends the next reading
	}
	e.rate = uint16(k)
	return e.answer("K", yes())
}

func (e *firmware) repeats(k uint32) bool {
	c, ok := e.next()
	if !ok || c != 'K' || !e.echo(c) {
		return false
	}
	v, valid, ok := e.argument(2)
	return ok && valid && v == k
}

// deaf loses what comes in the meantime.
func (e *firmware) deaf(t time.Duration) bool {
	over := time.NewTimer(t)
	defer over.Stop()
	e.in = nil
	for {
		select {
		case <-over.C:
			return true
		case _, open := <-e.In():
			if !open {
				return false
			}
		}
	}
}
