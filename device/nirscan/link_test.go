package nirscan

import (
	"errors"
	"testing"

	"fentrace/device"
	"fentrace/device/lockstep"
)

func frames(t *testing.T, list ...Frame) (b []byte) {
	t.Helper()
	for _, f := range list {
		one, err := f.Encode()
		if err != nil {
			t.Fatal(err)
		}
		b = append(b, one...)
	}
	return b
}

func TestAnAnswerIsTheOneToTheRequest(t *testing.T) {
	log := Frame{Log: true, Seq: 3, Command: 0x5555, Data: []byte("scan started")}
	good := Frame{Read: true, Reply: true, Seq: 9, Command: CmdStatus, Data: []byte{1, 0, 0, 0}}
	r := request{command: CmdStatus, reply: 4}
	if data, n, err := parseAnswer(frames(t, log, log, good), r, 9); err != nil || len(data) != 4 || n != len(frames(t, log, log, good)) {
		t.Errorf("behind lines of a log: % X, %d, %v", data, n, err)
	}
	if _, _, err := parseAnswer(frames(t, log), r, 9); !errors.Is(err, lockstep.ErrIncomplete) {
		t.Errorf("a line of a log alone: %v", err)
	}
	late, other, short := good, good, good
	late.Seq, other.Command, short.Data = 8, CmdErrors, []byte{1, 0, 0}
	for name, b := range map[string][]byte{
		"a late answer": frames(t, late), "another command": frames(t, other), "too little data": frames(t, short), "not received": fromHex(t, "41424344 10000000 10 00 0000 44434241"),
	} {
		if data, _, err := parseAnswer(b, r, 9); err == nil || errors.Is(err, lockstep.ErrIncomplete) || errors.Is(err, device.ErrRefused) {
			t.Errorf("%s: % X, %v", name, data, err)
		}
	}
	// A request that came damaged is refused with whatever stood in the device's buffer behind it.
	refused := good
	refused.Result, refused.Data = Error, make([]byte, 300)
	var no *Refusal
	if _, n, err := parseAnswer(frames(t, refused), r, 9); !errors.As(err, &no) || no.Busy || n != 318 {
		t.Errorf("refused: %d, %v", n, err)
	}
	busy := good
	busy.Result, busy.Data = Busy, nil
	if _, _, err := parseAnswer(frames(t, busy), r, 9); !errors.As(err, &no) || !no.Busy || !errors.Is(err, device.ErrRefused) {
		t.Errorf("busy: %v", err)
	}
}

func TestTroubleIsNamed(t *testing.T) {
	if got := (TroubleADC | TroubleBattery).String(); got != "detector, battery empty" {
		t.Error(got)
	}
	if got := Trouble(1 << 20).String(); got != "0x100000" {
		t.Error(got)
	}
}
