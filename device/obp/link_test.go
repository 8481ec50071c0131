package obp

import (
	"context"
	"encoding/binary"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/term"

	"fentrace/device/serialport"
)

// The answer to a request given up earlier differs from the present one by its transaction id only.
func TestAnAnswerToAnEarlierRequestIsNotTaken(t *testing.T) {
	t.Parallel()
	dev, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dev.Close(); slave.Close() })
	if _, err := term.MakeRaw(int(slave.Fd())); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	port, err := serialport.Open(ctx, slave.Name(), serialport.Options{Baud: 115200})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { port.Close() })
	go func() {
		buf := make([]byte, 64)
		if n, err := dev.Read(buf); err != nil || n < 16 {
			return // the request then times out
		}
		id := binary.LittleEndian.Uint32(buf[12:])
		for _, a := range []Frame{
			{Type: MsgTemperature, Flags: FlagResponse, Regarding: id - 1, Data: []byte("old!")},
			{Type: MsgTemperature, Regarding: id, Data: []byte("echo")}, // of the line: it says of itself that it answers nothing
			{Type: MsgTemperature, Flags: FlagResponse, Regarding: id, Data: []byte("new!")},
		} {
			b, _ := a.Encode()
			dev.Write(b)
		}
	}()
	l := link{port: port, margin: 20 * time.Second, id: 41}
	if got, _, err := l.query(ctx, request{typ: MsgTemperature, reply: 4}); string(got) != "new!" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}
