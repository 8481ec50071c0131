package obp

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strconv"
	"time"

	"fentrace/device/emulator/bench"
)

// quickExposure is the integration time below which the data sheet warns of one stale spectrum after a change.
const quickExposure = 20 * time.Millisecond

// halfMessage is the silence after which a device forgets the beginning of a message.
const halfMessage = time.Second

// serve answers the host's messages one after the other.
func (m model) serve(d *bench.Device) {
	e := &firmware{Device: d, model: m}
	e.dev.start(e)
	for {
		m, ok := e.nextMessage()
		if !ok {
			b, open := <-e.In()
			if !open {
				return
			}
			e.receive(b)
			continue
		}
		if !e.answer(m) {
			return
		}
	}
}

func (e *firmware) receive(b []byte) {
	s := &e.dev
	if now := time.Now(); now.Sub(s.heard) > halfMessage {
		s.in, s.heard = nil, now
	} else {
		s.heard = now
	}
	s.in = append(s.in, b...)
}

func (e *firmware) nextMessage() (message, bool) {
	m, rest, ok := takeMessage(e.dev.in)
	e.dev.in = append([]byte(nil), rest...)
	return m, ok
}

// answer carries out m and sends what it comes to, with the fault that waits for it.
func (e *firmware) answer(m message) bool {
	fault := e.Take(wordsOf(m.kind)...)
	var r result
	if fault.Kind == bench.Nack {
		r = fail(uint16(fault.Arg))
	} else {
		var plugged bool
		if r, plugged = e.perform(m); !plugged {
			return false
		}
	}
	if r.code == 0 && r.data == nil && !m.wantsAck {
		return true // a command done that asked for no acknowledgement is silent
	}
	flags := byte(bitResponse)
	switch {
	case r.code != 0:
		flags |= bitNack
	case m.wantsAck:
		flags |= bitAck
	}
	return e.sendFaulty(m, r, flags, fault)
}

// wordsOf are the names a fault may call the answer to a message by.
func wordsOf(kind uint32) []string {
	words := []string{bench.Number(kind)}
	for word, kinds := range messageWords {
		if slices.Contains(kinds, kind) {
			words = append(words, word)
		}
	}
	return words
}

func (e *firmware) sendFaulty(m message, r result, flags byte, f bench.Fault) bool {
	b := reply(m, flags, r.code, r.data, e.dev.withSum)
	switch f.Kind {
	case bench.Garbage:
		if f.Arg > 2 && !e.Send([]byte{0xC1, 0xC0}) { // noise that looks like a beginning is the worst
			return false
		}
	case bench.Checksum:
		b[len(b)-25] ^= 0x10 // inside the data
		return e.Send(b)
	case bench.WrongType:
		m.kind ^= 0x00010000
		b = reply(m, flags, r.code, r.data, e.dev.withSum)
	case bench.Exception:
		b = reply(m, flags|bitException, uint16(f.Arg), r.data, e.dev.withSum)
	case bench.Deferred:
		if !e.Send(reply(m, bitResponse|bitNack, errDeferredCode, nil, e.dev.withSum)) || !e.Wait(time.Duration(f.Arg)*time.Millisecond) {
			return false
		}
	}
	return e.Answer(b, f)
}

// perform is do, with the time an exposure takes.
func (e *firmware) perform(m message) (result, bool) {
	s := &e.dev
	switch {
	case m.kind == msgLive && !e.model.fifo && s.integration != 0:
		t := s.integration
		if s.previous != 0 {
			t = s.previous
		}
		if !e.Wait(t) {
			return result{}, false
		}
	case m.kind == msgBuffered && e.model.fifo && !e.model.raw:
		return e.waitForSpectrum(m)
	}
	return e.do(m), true
}

// waitForSpectrum blocks, as a QE Pro does, until a spectrum is stored; an abort that comes meanwhile ends it.
func (e *firmware) waitForSpectrum(m message) (result, bool) {
	s := &e.dev
	for {
		e.advance(time.Now())
		if len(s.buffer) > 0 || !s.running {
			return e.do(m), true
		}
		timer := time.NewTimer(time.Until(s.next))
		select {
		case <-timer.C:
		case <-e.Gone():
			timer.Stop()
			return result{}, false
		case b, open := <-e.In():
			timer.Stop()
			if !open {
				return result{}, false
			}
			e.receive(b)
			if next, _, ok := takeMessage(s.in); ok && next.kind == msgAbort {
				s.running = false
			}
		}
	}
}

// live is the spectrum an STS takes on request: none before an integration time was set, and the first after a
// change still with the old one.
func (e *firmware) live() result {
	s := &e.dev
	if s.integration == 0 {
		return fail(errNotReady)
	}
	t := s.integration
	if s.previous != 0 {
		t, s.previous = s.previous, 0
	}
	var data []byte
	for _, v := range e.expose(exposure{time: t, lit: e.Optics.Lit()}) {
		data = binary.LittleEndian.AppendUint16(data, uint16(v))
	}
	return result{data: data}
}

// queue is everything about a QE Pro's buffer.
func (e *firmware) queue(kind uint32) result {
	s := &e.dev
	now := time.Now()
	e.advance(now)
	switch kind {
	case msgAbort:
		s.running = false
	case msgClear:
		s.buffer = nil
	case msgAcquire:
		if s.previous != 0 && s.integration < quickExposure {
			s.store(exposure{tick: now.Sub(s.power), time: s.previous, lit: e.Optics.Lit()})
		}
		s.previous = 0
		s.running, s.next = true, now.Add(s.integration)
	case msgBufferedCount:
		return word(uint32(len(s.buffer)))
	case msgIdle:
		if s.running {
			return result{data: []byte{0}}
		}
		return result{data: []byte{1}}
	case msgBuffered:
		if len(s.buffer) == 0 {
			return fail(errNotReady)
		}
		oldest := s.buffer[0]
		s.buffer = s.buffer[1:]
		return result{data: e.bufferedData(oldest)}
	}
	return result{}
}

// rawSpectra takes up to n spectra out of a Flame-X's buffer, at once and none when there are none: 64 bytes of
// metadata, 16 bits per pixel, and a number. What stands in the last two is not documented and is filled with a
// pattern that no host may read anything into.
func (e *firmware) rawSpectra(n uint32) result {
	s := &e.dev
	e.advance(time.Now())
	data := []byte{}
	for range min(int(n), len(s.buffer), 8) {
		data = append(data, bytes.Repeat([]byte{0xA5}, 64)...)
		for _, v := range e.expose(s.buffer[0]) {
			data = binary.LittleEndian.AppendUint16(data, uint16(v))
		}
		data = append(data, 0xDE, 0xAD, 0xBE, 0xEF)
		s.buffer = s.buffer[1:]
	}
	return result{data: data}
}

// bufferedData is 32 bytes of metadata and 18 valid bits per pixel; the bits above are set to show that a host
// must mask them.
func (e *firmware) bufferedData(x exposure) []byte {
	le := binary.LittleEndian
	data := le.AppendUint32(nil, x.number)
	data = le.AppendUint64(data, uint64(x.tick.Microseconds()))
	data = le.AppendUint32(data, uint32(x.time.Microseconds()))
	data = append(data, make([]byte, 16)...)
	for _, v := range e.expose(x) {
		data = le.AppendUint32(data, v|0xA5<<24)
	}
	return data
}

func formatNM(nm float64) string { return strconv.FormatFloat(nm, 'f', -1, 64) }
