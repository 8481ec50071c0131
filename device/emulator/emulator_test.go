package emulator

import (
	"bytes"
	"encoding/hex"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/term"

	"fentrace/device/emulator/bench"
	"fentrace/spectra"
)

func fromHex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var sixteen = strings.Repeat("00", 16)

// host opens the emulator's path as a plain file and returns a function that sends bytes and reads n back.
func host(t *testing.T, em *Emulator) func(send []byte, n int) []byte {
	t.Helper()
	f, err := os.OpenFile(em.Path(), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	if _, err := term.MakeRaw(int(f.Fd())); err != nil {
		t.Fatal(err)
	}
	return func(send []byte, n int) []byte {
		t.Helper()
		if _, err := f.Write(send); err != nil {
			t.Fatal(err)
		}
		var got []byte
		buf := make([]byte, 4096)
		for len(got) < n {
			k, err := f.Read(buf)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, buf[:k]...)
		}
		return got
	}
}

// A plain file leaves the line at the system's default rate, which the device then has to share.
const defaultRate = 38400

func TestTheBytesOnTheWire(t *testing.T) {
	em, err := Start(Config{Baud: defaultRate, Noiseless: true, Sample: func(float64) float64 { return 0 }})
	if err != nil {
		t.Fatal(err)
	}
	defer em.Close()
	talk := host(t, em)

	// Before an integration time was set, an STS has no spectrum: NACK, error 7.
	spectrum := fromHex(t, "C1C0 0011 0000 0000 00101000 01020304 000000000000 00 00"+sixteen+"14000000"+sixteen+"C5C4C3C2")
	if got, want := talk(spectrum, 64), fromHex(t, "C1C0 0011 0900 0700 00101000 01020304 000000000000 00 00"+sixteen+"14000000"+sixteen+"C5C4C3C2"); !bytes.Equal(got, want) {
		t.Errorf("refusal\n% X, want\n% X", got, want)
	}
	// The vendor's worked example, 100 ms with acknowledgement.
	set := fromHex(t, "C1C0 0011 0400 0000 10001100 00000000 000000000000 00 04 A0860100"+strings.Repeat("00", 12)+"14000000"+sixteen+"C5C4C3C2")
	if got, want := talk(append([]byte("v\r\nnoise"), set...), 64), fromHex(t, "C1C0 0011 0300 0000 10001100 00000000 000000000000 00 00"+sixteen+"14000000"+sixteen+"C5C4C3C2"); !bytes.Equal(got, want) {
		t.Errorf("acknowledgement\n% X, want\n% X", got, want)
	}
	got := talk(spectrum, 2112)
	if len(got) != 2112 || !bytes.Equal(got[40:44], []byte{0x14, 0x08, 0, 0}) {
		t.Fatalf("%d bytes, remaining % X", len(got), got[40:44])
	}
	if want := []byte{0xE1, 0x05}; !bytes.Equal(got[44:46], want) { // 1500 + 50/s * 0.1 s = 1505
		t.Errorf("first pixel % X, want % X", got[44:46], want)
	}
	old := bytes.Clone(set)
	old[2], old[3] = 0x00, 0x10 // version 0x1000 is served, and called deprecated
	if got := talk(old, 64); got[4] != 0x23 {
		t.Errorf("flags %#x", got[4])
	}
}

func TestFaultsAreRead(t *testing.T) {
	for text, want := range map[string]Fault{
		"garbage":         {Kind: bench.Garbage, Message: "spectrum"},
		"nack=7@lamp":     {Kind: bench.Nack, Arg: 7, Message: "lamp"},
		"silent@0x100*2":  {Kind: bench.Silent, Message: "0x100", Times: 2},
		"late=500*":       {Kind: bench.Late, Arg: 500, Message: "spectrum", Times: -1},
		" unplug=1200 ":   {Kind: bench.Unplug, Arg: 1200, Message: "spectrum"},
		"half@wavelength": {Kind: bench.Half, Message: "wavelength"},
	} {
		if got, err := ParseFault("sts", text); err != nil || got != want {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "fire", "nack=x", "nack=-1", "late*0", "late*x", "half@moon", "garbage=99999999", "nack=7@integration@lamp"} {
		if f, err := ParseFault("sts", text); err == nil {
			t.Errorf("%q was read as %+v", text, f)
		}
	}
}

func TestAConfigThatCannotBe(t *testing.T) {
	for name, c := range map[string]Config{
		"type":         {Type: "abacus"},
		"real serial":  {SerialNumber: "S01234"},
		"laser":        {LaserNM: 5},
		"baud":         {Baud: -9600},
		"coefficients": {Coefficients: [4]float64{900, -1}},
		"fault":        {Faults: []Fault{{Kind: "fire"}}},
		"sample":       {Sample: func(float64) float64 { return -1 }},
	} {
		if em, err := Start(c); err == nil {
			em.Close()
			t.Errorf("%s: started", name)
		}
	}
}

func TestOnlyARamanSpectrumCanBePresented(t *testing.T) {
	em, err := Start(Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer em.Close()
	good := spectra.Spectrum{Technique: spectra.Raman, XUnit: spectra.PerCM, X: []float64{100, 1000, 3000}, Y: []float64{1, 5, 2}}
	if err := em.SetSample(good); err != nil {
		t.Error(err)
	}
	infrared, flat, peaks, empty := good, good, good, good
	infrared.Technique, flat.Y, peaks.Peaks, empty.X, empty.Y = spectra.IR, []float64{1, 1, 1}, true, nil, nil
	for _, s := range []spectra.Spectrum{infrared, flat, peaks, empty} {
		if err := em.SetSample(s); err == nil {
			t.Errorf("presented %+v", s)
		}
	}
}

func TestTheSameSeedGivesTheSameNoise(t *testing.T) {
	counts := func(seed uint64) []uint32 {
		em, err := Start(Config{Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		defer em.Close()
		return em.Optics.Expose(1e8, true)
	}
	a, b, c := counts(1), counts(1), counts(2)
	same, other := true, true
	for i := range a {
		same = same && a[i] == b[i]
		other = other && a[i] == c[i]
	}
	if !same || other {
		t.Errorf("same seed equal: %v; other seed equal: %v", same, other)
	}
}

func TestAFaultTheDeviceCannotHaveIsRefused(t *testing.T) {
	em, err := Start(Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer em.Close()
	if err := em.Inject(Fault{Kind: "fire"}); err == nil {
		t.Error("a fault nobody knows was taken")
	}
	if err := em.Inject(Fault{Kind: bench.Silent, Message: "moon"}); err == nil {
		t.Error("a fault of an answer nobody gives was taken")
	}
}

// A stuck line blocks the host's write until it flows again.
func TestAStuckLineBlocksTheHostUntilItFlowsAgain(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the flow of a terminal is stopped from outside on Linux only")
	}
	em, err := Start(Config{Baud: defaultRate, Faults: []Fault{{Kind: bench.Stuck, Arg: 300}}})
	if err != nil {
		t.Fatal(err)
	}
	defer em.Close()
	talk := host(t, em)
	serial := fromHex(t, "C1C0 0011 0000 0000 00010000 01020304 000000000000 00 00"+sixteen+"14000000"+sixteen+"C5C4C3C2")
	talk(serial, 64) // from here on it is stuck
	begun := time.Now()
	talk(serial, 64)
	if took := time.Since(begun); took < 250*time.Millisecond {
		t.Errorf("a message went through a stuck line in %v", took)
	}
}
