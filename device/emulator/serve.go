package emulator

import (
	"encoding/binary"
	"math/rand/v2"
	"strconv"
	"time"
)

// quickExposure is the integration time below which the data sheet warns of one stale spectrum after a change.
const quickExposure = 20 * time.Millisecond

// serve answers the host's messages one after the other.
func (e *Emulator) serve(in <-chan []byte) {
	defer e.done.Done()
	for {
		m, ok := e.nextMessage()
		if !ok {
			b, open := <-in
			if !open {
				return
			}
			e.receive(b)
			continue
		}
		if !e.answer(m, in) {
			return
		}
	}
}

func (e *Emulator) receive(b []byte) {
	s := &e.dev
	if now := time.Now(); now.Sub(s.heard) > halfMessage {
		s.in, s.heard = nil, now
	} else {
		s.heard = now
	}
	s.in = append(s.in, b...)
}

func (e *Emulator) nextMessage() (message, bool) {
	m, rest, ok := takeMessage(e.dev.in)
	e.dev.in = append([]byte(nil), rest...)
	return m, ok
}

// answer carries out m and sends what it comes to, with the fault that waits for it.
func (e *Emulator) answer(m message, in <-chan []byte) bool {
	e.mu.Lock()
	fault, faulty := takeFault(&e.faults, m.kind)
	e.mu.Unlock()
	var r result
	if faulty && fault.Kind == Nack {
		r = fail(uint16(fault.Arg))
	} else {
		var plugged bool
		if r, plugged = e.perform(m, in); !plugged {
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
	if faulty && fault.Kind != Nack {
		return e.sendFaulty(m, r, flags, fault)
	}
	return e.send(reply(m, flags, r.code, r.data, e.dev.withSum))
}

func (e *Emulator) sendFaulty(m message, r result, flags byte, f Fault) bool {
	b := reply(m, flags, r.code, r.data, e.dev.withSum)
	switch f.Kind {
	case Garbage:
		noise := make([]byte, f.Arg)
		source := rand.New(rand.NewPCG(e.config.Seed, uint64(f.Arg)))
		for i := range noise {
			noise[i] = byte(source.Uint32())
		}
		if f.Arg > 2 {
			copy(noise, []byte{0xC1, 0xC0}) // noise that looks like a beginning is the worst
		}
		b = append(noise, b...)
	case Half:
		b = b[:len(b)/2]
	case Checksum:
		b[len(b)-25] ^= 0x10 // inside the data
	case WrongType:
		m.kind ^= 0x00010000
		b = reply(m, flags, r.code, r.data, e.dev.withSum)
	case Silent:
		return true
	case Late:
		if !e.wait(time.Duration(f.Arg) * time.Millisecond) {
			return false
		}
	case Exception:
		b = reply(m, flags|bitException, uint16(f.Arg), r.data, e.dev.withSum)
	case Deferred:
		if !e.send(reply(m, bitResponse|bitNack, errDeferredCode, nil, e.dev.withSum)) || !e.wait(time.Duration(f.Arg)*time.Millisecond) {
			return false
		}
	case Unplug:
		e.dev.pulling, e.dev.pullAfter = true, f.Arg
	}
	return e.send(b)
}

// perform is do, with the time an exposure takes.
func (e *Emulator) perform(m message, in <-chan []byte) (result, bool) {
	s := &e.dev
	switch {
	case m.kind == msgLive && !e.kind.fifo && s.integration != 0:
		t := s.integration
		if s.previous != 0 {
			t = s.previous
		}
		if !e.wait(t) {
			return result{}, false
		}
	case m.kind == msgBuffered && e.kind.fifo:
		return e.waitForSpectrum(m, in)
	}
	return e.do(m), true
}

// waitForSpectrum blocks, as a QE Pro does, until a spectrum is stored; an abort that comes meanwhile ends it.
func (e *Emulator) waitForSpectrum(m message, in <-chan []byte) (result, bool) {
	s := &e.dev
	for {
		e.advance(time.Now())
		if len(s.buffer) > 0 || !s.running {
			return e.do(m), true
		}
		timer := time.NewTimer(time.Until(s.next))
		select {
		case <-timer.C:
		case <-e.gone:
			timer.Stop()
			return result{}, false
		case b, open := <-in:
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
func (e *Emulator) live() result {
	s := &e.dev
	if s.integration == 0 {
		return fail(errNotReady)
	}
	t := s.integration
	if s.previous != 0 {
		t, s.previous = s.previous, 0
	}
	var data []byte
	for _, v := range e.expose(exposure{time: t, lit: e.lit()}) {
		data = binary.LittleEndian.AppendUint16(data, uint16(v))
	}
	return result{data: data}
}

// queue is everything about a QE Pro's buffer.
func (e *Emulator) queue(kind uint32) result {
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
			s.store(exposure{tick: now.Sub(s.power), time: s.previous, lit: e.lit()})
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

// bufferedData is 32 bytes of metadata and 18 valid bits per pixel; the bits above are set to show that a host
// must mask them.
func (e *Emulator) bufferedData(x exposure) []byte {
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
