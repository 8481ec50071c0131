package emulator

import (
	"bytes"
	"strings"
	"testing"
)

func TestTheLinesOfABTC110OnTheWire(t *testing.T) {
	t.Parallel()
	em, err := Start(Config{Type: "btc110", Baud: defaultRate, Noiseless: true, Sample: func(float64) float64 { return 0 }})
	if err != nil {
		t.Fatal(err)
	}
	defer em.Close()
	talk := host(t, em)
	for _, c := range []struct{ send, want string }{
		{"a\n", "\x61\x0D\x0A\x41\x43\x4B\x0D\x0A"}, // as a client shows it
		{"I50\r\n", "I50\r\nACK\r\n"},
		{"?I\n", "?I\r\nACK\r\n50\r\n"},
		{"A3\n", "A3\r\nACK\r\n"},
		{"A1\n", "A1\r\nACK\r\n"},
		{"I49\n", "I49\r\nNAK\r\n"},
		{"K8\n", "K8\r\nNAK\r\n"},
		{"x\n", "x\r\nNAK\r\n"},
		{"\n\nb\n", "b\r\nACK\r\n"},
	} {
		if got := talk([]byte(c.send), len(c.want)); string(got) != c.want {
			t.Errorf("%q: %q, want %q", c.send, got, c.want)
		}
	}
	// 2049 values: one of no pixel, 900 counts and 10 of dark current in full, and no difference from there on.
	want := append([]byte("S\r\nACK\r\n\x80\x00\x00\x80\x03\x8E"), make([]byte, 2047)...)
	if got := talk([]byte("S\n"), len(want)); !bytes.Equal(got, want) {
		t.Errorf("%d bytes % X", len(got), got[:16])
	}
	talk([]byte("a\n"), 8)
	lines := "S\r\nACK\r\n" + strings.Repeat("00910\r\n", 2048) + "\x00"
	if got := talk([]byte("S\n"), 8+14337); string(got) != lines {
		t.Errorf("%d bytes %q", len(got), got[:24])
	}
}

// The last byte of the answer to K comes at the new rate, and there is no way back for a host that does not follow.
func TestABTC110ChangesItsRateAtOnce(t *testing.T) {
	t.Parallel()
	em, err := Start(Config{Type: "btc110", Baud: defaultRate})
	if err != nil {
		t.Fatal(err)
	}
	defer em.Close()
	talk := host(t, em)
	if got := talk([]byte("K0\n"), 8); string(got) != "K0\r\nACK\r" {
		t.Errorf("%q", got)
	}
	until(func() bool { return em.Baud() == 115200 })
	if got := talk([]byte("a\na\na\n"), 1); strings.Contains(string(got), "ACK") {
		t.Errorf("a host at the old rate is answered %q", got)
	}
}
