package obp

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"slices"
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

var zeros = strings.Repeat("00", 16)

// The vendor's worked example: integration time 100 ms, acknowledgement requested.
func set100ms(t testing.TB) []byte {
	return fromHex(t, "C1C0 0011 0400 0000 10001100 00000000 000000000000 00 04 A0860100"+strings.Repeat("00", 12)+"14000000"+zeros+"C5C4C3C2")
}

func TestEncodeGivesTheVendorsBytes(t *testing.T) {
	got, err := Frame{Flags: FlagACKRequested, Type: MsgSetIntegration, Data: []byte{0xA0, 0x86, 0x01, 0x00}}.Encode()
	if err != nil || !bytes.Equal(got, set100ms(t)) {
		t.Errorf("set 100 ms: % X, %v", got, err)
	}
	got, err = Frame{Type: MsgCorrected}.Encode()
	want := fromHex(t, "C1C0 0011 0000 0000 00101000 00000000 000000000000 00 00"+zeros+"14000000"+zeros+"C5C4C3C2")
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("get spectrum: % X, %v", got, err)
	}
	if len(want) != 64 {
		t.Fatalf("the vector has %d bytes", len(want))
	}
}

func TestDecodeReadsASpectrumReply(t *testing.T) {
	// Built by offsets, not by Encode: 2048 bytes of pixels make 2112 bytes with 0x0814 remaining.
	b := make([]byte, 2112)
	copy(b, []byte{0xC1, 0xC0, 0x00, 0x11, 0x01, 0x00, 0, 0, 0x00, 0x10, 0x10, 0x00, 0x78, 0x56, 0x34, 0x12})
	binary.LittleEndian.PutUint32(b[40:], 0x814)
	for i := range 1024 {
		binary.LittleEndian.PutUint16(b[44+2*i:], uint16(i))
	}
	copy(b[2108:], []byte{0xC5, 0xC4, 0xC3, 0xC2})
	f, n, err := Decode(b)
	if err != nil || n != 2112 {
		t.Fatalf("%d bytes, %v", n, err)
	}
	if f.Type != MsgCorrected || f.Regarding != 0x12345678 || f.Flags != FlagResponse || len(f.Data) != 2048 || f.Data[2046] != 0xFF || f.Data[2047] != 0x03 {
		t.Errorf("decoded %+v", f)
	}
}

func TestDecodeRefusesWhatIsNoMessage(t *testing.T) {
	for name, change := range map[string]func(b []byte){
		"start":            func(b []byte) { b[1] = 0 },
		"version":          func(b []byte) { b[3] = 0x33 },
		"checksum type":    func(b []byte) { b[22] = 2 },
		"immediate length": func(b []byte) { b[23] = 17 },
		"remaining small":  func(b []byte) { b[40] = 19 },
		"remaining large":  func(b []byte) { b[42] = 2 },
		"both":             func(b []byte) { b[40] = 21 },
		"footer":           func(b []byte) { b[63] = 0 },
	} {
		b := set100ms(t)
		change(b)
		if _, _, err := Decode(b); !errors.Is(err, ErrNotMessage) {
			t.Errorf("%s: %v", name, err)
		}
	}
	whole := set100ms(t)
	for n := range whole {
		if _, _, err := Decode(whole[:n]); !errors.Is(err, ErrIncomplete) {
			t.Errorf("first %d bytes: %v", n, err)
		}
	}
}

func TestChecksumCoversEverythingBeforeIt(t *testing.T) {
	b, err := Frame{Flags: FlagResponse, Type: MsgCorrected, Checksum: true, Data: bytes.Repeat([]byte{7}, 100)}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	for i := 4; i < len(b)-footerSize; i++ {
		if i >= 22 && i < 24 || i >= 40 && i < 44 {
			continue // these make it another message, or none
		}
		damaged := bytes.Clone(b)
		damaged[i] ^= 0x40
		if _, _, err := Decode(damaged); !errors.Is(err, ErrChecksum) {
			t.Fatalf("byte %d changed: %v", i, err)
		}
	}
}

func TestEncodeBoundsItsData(t *testing.T) {
	if _, err := (Frame{Data: make([]byte, maxRemaining-tailSize)}).Encode(); err != nil {
		t.Error(err)
	}
	if _, err := (Frame{Data: make([]byte, maxRemaining-tailSize+1)}).Encode(); !errors.Is(err, ErrTooLong) {
		t.Error(err)
	}
}

func TestWhatIsEncodedIsDecoded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := Frame{
			Version: version, Flags: Flags(rapid.Uint16().Draw(t, "flags")), Error: ErrorNumber(rapid.Uint16().Draw(t, "error")),
			Type: MessageType(rapid.Uint32().Draw(t, "type")), Regarding: rapid.Uint32().Draw(t, "regarding"),
			Checksum: rapid.Bool().Draw(t, "checksum"), Data: rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "data"),
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
		if in.Type != out.Type || in.Flags != out.Flags || in.Error != out.Error || in.Regarding != out.Regarding || in.Checksum != out.Checksum {
			t.Fatalf("%+v -> %+v", in, out)
		}
	})
}

// All messages between any noise come out, however the bytes are cut into pieces.
func TestDecoderFindsMessagesBetweenNoise(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		noise := rapid.SliceOfN(rapid.SampledFrom([]byte{0xC1, 0xC0, 0x00, 0x11, 0xFF}), 0, 30)
		count := rapid.IntRange(1, 4).Draw(t, "messages")
		var stream []byte
		for i := range count {
			b, _ := Frame{Type: MsgCorrected, Regarding: uint32(i), Checksum: true, Data: make([]byte, 20*i)}.Encode()
			stream = append(append(stream, noise.Draw(t, "noise")...), b...)
		}
		var d Decoder
		var got []uint32
		next := func() {
			for {
				f, _, err := d.Next()
				if errors.Is(err, ErrIncomplete) {
					return
				}
				if err == nil {
					got = append(got, f.Regarding)
				}
			}
		}
		for len(stream) > 0 {
			n := rapid.IntRange(1, len(stream)).Draw(t, "piece")
			d.Write(stream[:n])
			stream = stream[n:]
			next()
		}
		for d.Partial() { // noise that began like a message hides the rest until it is given up
			d.GiveUp()
			next()
		}
		for i := range count {
			if !slices.Contains(got, uint32(i)) {
				t.Fatalf("message %d of %d is lost: %v", i, count, got)
			}
		}
	})
}

func TestDecoderMemoryIsBounded(t *testing.T) {
	var d Decoder
	source := rand.New(rand.NewPCG(1, 2))
	piece := make([]byte, 1000)
	for range 1000 {
		for i := range piece {
			piece[i] = []byte{0xC1, 0xC0, 0x00, 0x11, byte(source.Uint32())}[source.IntN(5)]
		}
		d.Write(piece)
		for {
			if _, _, err := d.Next(); errors.Is(err, ErrIncomplete) {
				break
			}
		}
		if len(d.buf) > headerSize+maxRemaining+len(piece) {
			t.Fatalf("%d bytes held", len(d.buf))
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(set100ms(f))
	f.Add([]byte{0xC1})
	withPayload, _ := Frame{Type: 1, Checksum: true, Data: make([]byte, 40)}.Encode()
	f.Add(withPayload)
	f.Fuzz(func(t *testing.T, b []byte) {
		frame, n, err := Decode(b)
		if err != nil {
			return
		}
		if n < emptySize || n > len(b) || n > headerSize+maxRemaining {
			t.Fatalf("%d bytes of %d", n, len(b))
		}
		again, err := frame.Encode()
		if err != nil {
			t.Fatal(err)
		}
		twice, _, err := Decode(again)
		if err != nil || !bytes.Equal(twice.Data, frame.Data) || twice.Type != frame.Type || twice.Regarding != frame.Regarding {
			t.Fatalf("%+v became %+v, %v", frame, twice, err)
		}
	})
}

func FuzzDecoder(f *testing.F) {
	f.Add(set100ms(f), 3)
	f.Add(append([]byte{0xC1, 0xC0, 0x00, 0x11}, set100ms(f)...), 10)
	good, _ := Frame{Type: MsgSerialNumber, Regarding: 0xFEEDFACE, Checksum: true, Data: []byte("the one that must be found")}.Encode()
	f.Fuzz(func(t *testing.T, noise []byte, cut int) {
		if len(noise) > 1<<17 {
			return
		}
		stream := append(bytes.Clone(noise), good...)
		cut = min(max(cut, 0), len(stream))
		var d Decoder
		found := false
		next := func() {
			for range len(stream) + 2 { // every step drops at least one byte
				frame, raw, err := d.Next()
				if errors.Is(err, ErrIncomplete) {
					return
				}
				found = found || err == nil && frame.Regarding == 0xFEEDFACE && bytes.Equal(raw, good)
			}
			t.Fatal("Next does not come to an end")
		}
		d.Write(stream[:cut])
		next()
		d.Write(stream[cut:])
		next()
		for range len(stream) {
			if !d.Partial() {
				break
			}
			d.GiveUp()
			next()
		}
		if d.Partial() {
			t.Fatal("bytes remain after giving up")
		}
		// A whole message in the noise may rightly contain the good one's beginning; otherwise it is found.
		if !found && !bytes.Contains(noise, endBytes) && !containsFrame(stream, len(noise)) {
			t.Fatal("the message is lost")
		}
	})
}

// containsFrame reports whether a valid message that begins before limit reaches over it.
func containsFrame(stream []byte, limit int) bool {
	for i := range limit {
		if _, n, err := Decode(stream[i:]); err == nil && i+n > limit {
			return true
		}
	}
	return false
}
