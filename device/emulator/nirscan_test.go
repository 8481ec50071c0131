package emulator

import (
	"bytes"
	"encoding/binary"
	"math"
	"testing"
	"time"
)

// The bytes of an emulated NIRscan Nano, by hand: the host's frames are those of the vendor's rules.
func TestTheBytesOfANIRscan(t *testing.T) {
	t.Parallel()
	em, err := Start(Config{Type: "nirscan", Baud: defaultRate, Noiseless: true, Sample: func(float64) float64 { return 0.5 }})
	if err != nil {
		t.Fatal(err)
	}
	defer em.Close()
	talk := host(t, em)
	le := binary.LittleEndian

	versions := talk(fromHex(t, "41424344 DA000000 C0 00 0200 1602 44434241"), 46)
	if !bytes.Equal(versions[:4], []byte("ABCD")) || !bytes.Equal(versions[8:18], fromHex(t, "C0 00 1E00 1602 01010200")) || !bytes.Equal(versions[42:], []byte("DCBA")) {
		t.Errorf("versions % X", versions)
	}
	var sum uint32
	for _, v := range versions[8:42] {
		sum += uint32(v)
	}
	if le.Uint32(versions[4:]) != sum {
		t.Errorf("checksum %#x, the bytes add up to %#x", le.Uint32(versions[4:]), sum)
	}
	ready := fromHex(t, "41424344 D0000000 C0 02 0600 0304 01000000 44434241")
	if got := talk(fromHex(t, "41424344 CB000000 C0 02 0200 0304 44434241"), 22); !bytes.Equal(got, ready) {
		t.Errorf("status % X", got)
	}
	// Nothing was scanned yet, so there is no file: result 1, and the command alone.
	if got, want := talk(fromHex(t, "41424344 F3000000 C0 03 0300 2D00 00 44434241"), 18), fromHex(t, "41424344 02010000 D0 03 0200 2D00 44434241"); !bytes.Equal(got, want) {
		t.Errorf("size without a scan\n% X, want\n% X", got, want)
	}
	// A wrong checksum, and half a frame.
	if got := talk(fromHex(t, "41424344 DB000000 C0 00 0200 1602 44434241"), 18); got[8] != 0xD0 {
		t.Errorf("wrong checksum: % X", got)
	}
	if got, want := talk(fromHex(t, "41424344 DA000000 C0 00"), 16), fromHex(t, "41424344 10000000 10 00 0000 44434241"); !bytes.Equal(got, want) {
		t.Errorf("half a frame: % X", got)
	}
	if got, want := talk(fromHex(t, "41424344 5E000000 40 01 0300 1802 00 44434241"), 18), fromHex(t, "41424344 5D000000 40 01 0200 1802 44434241"); !bytes.Equal(got, want) {
		t.Errorf("start of a scan: % X", got)
	}
	if got := talk(fromHex(t, "41424344 CB000000 C0 02 0200 0304 44434241"), 22); got[14] != 3 {
		t.Errorf("status while scanning % X", got)
	}
	if got := talk(fromHex(t, "41424344 5E000000 40 01 0300 1802 00 44434241"), 18); got[8] != 0x50 {
		t.Errorf("a second scan: % X", got)
	}
	for end := time.Now().Add(20 * time.Second); ; {
		got := talk(fromHex(t, "41424344 CB000000 C0 02 0200 0304 44434241"), 22)
		if bytes.Equal(got, ready) {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("the scan does not end: % X", got)
		}
	}
	size := talk(fromHex(t, "41424344 F3000000 C0 03 0300 2D00 00 44434241"), 22)
	part := talk(fromHex(t, "41424344 F0000000 C0 00 0200 2E00 44434241"), 528)
	image := part[14:524]
	if whole := le.Uint32(image[4:]); string(image[:3]) != "tpl" || le.Uint32(size[14:]) != whole+120 || whole != 3701 {
		t.Errorf("%d bytes, % X", le.Uint32(size[14:]), image[:16])
	}
	// Behind 8 bytes, the format with its 0 and seven lengths stand version, name, date, temperatures and so on: 47 bytes
	// further the calibration, whose fourth number is the wavelength of column 0.
	at := 8 + bytes.IndexByte(image[8:], 0) + 1 + 7*4
	if nm := math.Float64frombits(le.Uint64(image[at+43+24:])); nm != 1784.902664 {
		t.Errorf("column 0 at %g nm", nm)
	}
	first := int32(le.Uint32(image[at+43+48+8+5+60:]))
	if first < 12_000+1_000_000 || first > 8_388_607 {
		t.Errorf("first reading %d", first)
	}
}
