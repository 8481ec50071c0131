package emulator

import (
	"time"
)

const (
	// chunk is how many bytes are put on the line at once; fewer would only cost system calls.
	chunk = 32
	// halfMessage is the silence after which a device forgets the beginning of a message.
	halfMessage = time.Second
	// writeLimit drops bytes nobody reads, as a line without a listener does.
	writeLimit = 2 * time.Second
)

// listen passes on what the host sends, at the rate the host sends it.
func (e *Emulator) listen(out chan<- []byte) {
	defer e.done.Done()
	defer close(out)
	buf := make([]byte, 4096)
	for {
		n, err := e.master.Read(buf)
		if err != nil {
			e.unplug()
			return
		}
		b := append([]byte(nil), buf[:n]...)
		if e.wrongRate() {
			b = garble(b)
		}
		select {
		case out <- b:
		case <-e.gone:
			return
		}
	}
}

// send puts b on the line, paced by its rate. It returns false when the device was unplugged meanwhile.
func (e *Emulator) send(b []byte) bool {
	perByte := 10 * time.Second / time.Duration(e.config.Baud)
	begun := time.Now()
	for sent := 0; sent < len(b); {
		n := min(chunk, len(b)-sent)
		if e.dev.pulling {
			n = min(n, e.dev.pullAfter)
		}
		if n > 0 {
			part := b[sent : sent+n]
			if e.wrongRate() {
				part = garble(part)
			}
			_ = e.master.SetWriteDeadline(time.Now().Add(writeLimit))
			_, _ = e.master.Write(part)
		}
		sent += n
		if e.dev.pulling {
			if e.dev.pullAfter -= n; e.dev.pullAfter == 0 {
				e.unplug()
				return false
			}
		}
		if !e.wait(time.Duration(sent)*perByte - time.Since(begun)) {
			return false
		}
	}
	return true
}

// wrongRate reports whether the host listens and talks at another rate than the device.
func (e *Emulator) wrongRate() bool {
	host := hostBaud(e.master)
	return host != 0 && host != e.config.Baud
}

// garble is what bits sampled at the wrong moments look like: other bytes, and fewer of them.
func garble(b []byte) []byte {
	var out []byte
	for i, v := range b {
		if i%3 != 2 {
			out = append(out, v*167^0x5A)
		}
	}
	return out
}
