package nirscan

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func fromHex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Frames worked out by hand from the rules of the vendor's header files.
var golden = []struct {
	frame Frame
	wire  string
}{
	{Frame{Read: true, Reply: true, Seq: 0, Command: CmdVersions}, "41424344 DA000000 C0 00 0200 1602 44434241"},
	{Frame{Reply: true, Seq: 1, Command: CmdStartScan, Data: []byte{0}}, "41424344 5E000000 40 01 0300 1802 00 44434241"},
	{Frame{Read: true, Reply: true, Seq: 2, Command: CmdStatus}, "41424344 CB000000 C0 02 0200 0304 44434241"},
	{Frame{Read: true, Reply: true, Seq: 3, Command: CmdFileSize, Data: []byte{0}}, "41424344 F3000000 C0 03 0300 2D00 00 44434241"},
}

func TestFramesHaveTheVendorsBytes(t *testing.T) {
	for _, g := range golden {
		want := fromHex(t, g.wire)
		if got, err := g.frame.Encode(); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%v: % X, %v; want % X", g.frame.Command, got, err, want)
		}
		f, n, err := Decode(want)
		if err != nil || n != len(want) || f.Command != g.frame.Command || f.Read != g.frame.Read || f.Seq != g.frame.Seq || !bytes.Equal(f.Data, g.frame.Data) {
			t.Errorf("% X: %+v, %d, %v", want, f, n, err)
		}
	}
}

func TestTheAnswerToAFrameThatDidNotArriveWholeIsRead(t *testing.T) {
	f, n, err := Decode(fromHex(t, "41424344 10000000 10 00 0000 44434241"))
	if err != nil || n != 16 || f.Result != Error || f.Command != 0 || f.Data != nil {
		t.Errorf("%+v, %d, %v", f, n, err)
	}
}

func TestTheEndMarkInsideDataEndsNothing(t *testing.T) {
	b, err := Frame{Reply: true, Seq: 9, Command: CmdFileData, Data: []byte("xDCBADCBAABCDy")}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if f, n, err := Decode(append(b, "next"...)); err != nil || n != len(b) || string(f.Data) != "xDCBADCBAABCDy" {
		t.Errorf("%+v, %d of %d, %v", f, n, len(b), err)
	}
}

func TestDecodeRefusesWhatIsNoFrame(t *testing.T) {
	whole := fromHex(t, golden[3].wire)
	for n := range whole {
		if _, _, err := Decode(whole[:n]); !errors.Is(err, ErrIncomplete) {
			t.Errorf("first %d bytes: %v", n, err)
		}
	}
	for i := range whole {
		b := bytes.Clone(whole)
		b[i] ^= 0x04
		_, _, err := Decode(b)
		want := ErrNotFrame
		switch {
		case i >= 4 && i < 10 || i >= 12 && i < len(b)-4:
			want = ErrChecksum
		case i == 10: // 7 bytes of payload
			want = ErrIncomplete
		}
		if !errors.Is(err, want) {
			t.Errorf("byte %d changed: %v, want %v", i, err, want)
		}
	}
}

func TestEncodeBoundsItsData(t *testing.T) {
	if b, err := (Frame{Data: make([]byte, MaxData)}).Encode(); err != nil || len(b) != 528 {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	if _, err := (Frame{Data: make([]byte, MaxData+1)}).Encode(); !errors.Is(err, ErrTooLong) {
		t.Error(err)
	}
}

func TestWhatIsEncodedIsDecoded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := Frame{
			Read: rapid.Bool().Draw(t, "read"), Reply: rapid.Bool().Draw(t, "reply"), Log: rapid.Bool().Draw(t, "log"),
			Result: Result(rapid.IntRange(0, 2).Draw(t, "result")), Seq: rapid.Byte().Draw(t, "seq"),
			Command: Command(rapid.Uint16().Draw(t, "command")), Data: rapid.SliceOfN(rapid.Byte(), 0, MaxData).Draw(t, "data"),
		}
		b, err := in.Encode()
		if err != nil {
			t.Fatal(err)
		}
		out, n, err := Decode(b)
		if err != nil || n != len(b) || !bytes.Equal(in.Data, out.Data) {
			t.Fatalf("%+v -> %+v, %d, %v", in, out, n, err)
		}
		in.Data, out.Data = nil, nil
		if in.Read != out.Read || in.Reply != out.Reply || in.Log != out.Log || in.Result != out.Result || in.Seq != out.Seq || in.Command != out.Command {
			t.Fatalf("%+v -> %+v", in, out)
		}
	})
}

func FuzzDecode(f *testing.F) {
	for _, g := range golden {
		f.Add(fromHex(f, g.wire))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		frame, n, err := Decode(b)
		if err != nil {
			return
		}
		if n < overhead || n > longest || n > len(b) || len(frame.Data) > MaxData {
			t.Fatalf("%d of %d bytes, %d of data", n, len(b), len(frame.Data))
		}
	})
}
