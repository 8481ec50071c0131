package cobolt

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"fentrace/device"
)

func TestCommandsAsTheManualHasThem(t *testing.T) {
	for text, want := range map[string]string{
		cmdOff: "l0\r", cmdOn: "l1\r", cmdInterlock: "ilk?\r", setPower(50): "p 0.0500\r", setPower(0.1): "p 0.0001\r", cmdAutostartOff: "@cobas 0\r",
	} {
		if got := Command(text); string(got) != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestAnswersAreCutOutOfTheStream(t *testing.T) {
	for stream, want := range map[string][]string{
		"OK\r":             {"OK"},
		"OK\r\n0\r\n":      {"OK", "0"},
		"\r\n\r\n0.0500\r": {"0.0500"},
		"Syntax error: illegal command\r\nOK\rSIM-1\r\n": {"Syntax error: illegal command", "OK", "SIM-1"},
		"half":   nil,
		"  1 \r": {"1"},
	} {
		for _, size := range []int{1, 3, len(stream)} {
			var d Decoder
			var got []string
			for i := 0; i < len(stream); i += size {
				d.Write([]byte(stream[i:min(i+size, len(stream))]))
				for {
					a, ok, err := d.Next()
					if err != nil {
						t.Fatal(err)
					}
					if !ok {
						break
					}
					got = append(got, a)
				}
			}
			if strings.Join(got, "|") != strings.Join(want, "|") {
				t.Errorf("%q in pieces of %d: %q, want %q", stream, size, got, want)
			}
		}
	}
}

func TestWhatIsNoAnswerIsNotTakenForOne(t *testing.T) {
	for _, stream := range []string{"\xff1\r", "1\x00\r", strings.Repeat("1", 300), strings.Repeat("1", 300) + "\r"} {
		var d Decoder
		d.Write([]byte(stream))
		if a, _, err := d.Next(); !errors.Is(err, device.ErrProtocol) {
			t.Errorf("%.20q: %q, %v", stream, a, err)
		}
	}
	// Only 0 and 1 are flags: "00", "0.0" or "-0" come from a damaged line.
	for _, text := range []string{"", "00", "0.0", "-0", "2", "OK", "0 1"} {
		if v, err := flag(text); !errors.Is(err, device.ErrProtocol) {
			t.Errorf("%q is the flag %v", text, v)
		}
	}
	for _, text := range []string{"", "OK", "NaN", "Inf", "0x", "1 2", "1e999"} {
		if v, err := number(text); !errors.Is(err, device.ErrProtocol) {
			t.Errorf("%q is the number %g", text, v)
		}
	}
}

func TestFaultsHaveNames(t *testing.T) {
	for f, want := range map[Fault]string{NoFault: "no fault", Temperature: "temperature", InterlockOpen: "interlock", ConstantPower: "constant power", 9: "fault 9"} {
		if !strings.Contains(f.String(), want) {
			t.Errorf("%d is %q", int(f), f)
		}
	}
}

func FuzzDecoder(f *testing.F) {
	for _, seed := range []string{"OK\r\n", "0\r1\r", "Syntax error: l1\r", "\xff\xfe\r", strings.Repeat("x", 400)} {
		f.Add([]byte(seed), 3)
	}
	f.Fuzz(func(t *testing.T, stream []byte, size int) {
		size = max(size, 1)
		var d Decoder
		for len(stream) > 0 {
			n := min(size, len(stream))
			d.Write(stream[:n])
			stream = stream[n:]
			for {
				a, ok, err := d.Next()
				if ok && (a == "" || len(a) > longestAnswer || bytes.ContainsAny([]byte(a), "\r\n\x00")) {
					t.Fatalf("%q is an answer", a)
				}
				if !ok && err == nil {
					break
				}
			}
			if len(d.buf) > longestAnswer {
				t.Fatalf("%d bytes wait", len(d.buf))
			}
		}
	})
}
