package nirscan

import (
	"time"

	"fentrace/device/emulator/bench"
)

// between is the silence inside a frame after which the firmware gives it up. On the wire it is a millisecond; the
// pieces of one write come through a pseudo-terminal as the scheduler lets them.
const between = 30 * time.Millisecond

func serve(d *bench.Device) {
	f := &firmware{Device: d, noise: newNoise(d.Config), gain: 1}
	f.repeats = f.setup().repeats
	var in []byte
	for {
		p, rest, whole := receive(in)
		in = append([]byte(nil), rest...)
		if whole {
			if !f.serveOne(p) {
				return
			}
			continue
		}
		var tooSlow <-chan time.Time
		if len(in) > 0 {
			tooSlow = time.After(between)
		}
		select {
		case b, open := <-f.In():
			if !open {
				return
			}
			in = append(in, b...)
		case <-tooSlow:
			in = nil
			f.trouble |= 0x800
			if !f.Send(notReceived) {
				return
			}
		}
	}
}

// serveOne carries out one packet and answers it, with the fault that waits for it.
func (f *firmware) serveOne(p packet) bool {
	if p.damaged {
		f.trouble |= 0x800
		return f.Send(answer(p, resultFail, nil))
	}
	fault := f.Take(wordsOf(p.command)...)
	switch fault.Kind {
	case bench.Nack:
		return f.Send(answer(p, resultFail, nil))
	case bench.Busy:
		return f.Send(answer(p, resultBusy, nil))
	}
	data, ok := f.do(p)
	if p.flags&bitReply == 0 {
		return true
	}
	if !ok {
		return f.Answer(answer(p, resultFail, nil), fault)
	}
	return f.Answer(answer(p, resultOK, data), fault)
}

func wordsOf(command uint16) []string {
	list := []string{bench.Number(uint32(command))}
	if word, ok := words[command]; ok {
		list = append(list, word)
	}
	return list
}
