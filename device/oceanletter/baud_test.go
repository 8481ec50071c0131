package oceanletter_test

import (
	"errors"
	"testing"
	"time"

	"fentrace/device"
	"fentrace/device/emulator"
	"fentrace/device/oceanletter"
)

func TestTheRateIsFoundAndRaised(t *testing.T) {
	if hostBaudUnknown() {
		t.Skip("this system does not tell the emulator the host's rate")
	}
	for name, c := range map[string]struct {
		config       emulator.Config
		fault        string
		fastest      int
		raised, home int
		ascii        bool
	}{
		"USB2000":                     {config: emulator.Config{Type: "usb2000"}, raised: 115200, home: 9600},
		"USB2000+":                    {config: emulator.Config{Type: "usb2000plus"}, raised: 115200, home: 9600},
		"USB4000":                     {config: emulator.Config{Type: "usb4000"}, raised: 230400, home: 9600},
		"in ASCII mode":               {config: emulator.Config{Type: "usb2000plus"}, raised: 115200, home: 9600, ascii: true},
		"no faster than asked":        {config: emulator.Config{Type: "usb2000plus"}, fastest: 57600, raised: 38400, home: 9600},
		"not at all":                  {config: emulator.Config{Type: "usb2000plus"}, fastest: 9600, raised: 9600, home: 9600},
		"a start-up rate of its own":  {config: emulator.Config{Type: "usb4000", Baud: 19200}, raised: 230400, home: 19200},
		"left by a program that died": {config: emulator.Config{Type: "usb2000", Baud: 57600}, raised: 115200, home: 9600},
		"fast already":                {config: emulator.Config{Type: "usb2000", Baud: 115200}, raised: 115200, home: 115200},
		"refused":                     {config: emulator.Config{Type: "usb2000"}, fault: "nack@baud*", raised: 9600, home: 9600},
		"refused once":                {config: emulator.Config{Type: "usb2000"}, fault: "nack@baud", fastest: 115200, raised: 57600, home: 9600},
		"acknowledgement lost":        {config: emulator.Config{Type: "usb2000"}, fault: "silent@baud", fastest: 115200, raised: 57600, home: 9600},
		"acknowledgement garbled":     {config: emulator.Config{Type: "usb2000"}, fault: "checksum@baud", fastest: 115200, raised: 57600, home: 9600},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.config.Sample = ramp
			if c.fault != "" {
				f, err := emulator.ParseFault("usb2000", c.fault)
				if err != nil {
					t.Fatal(err)
				}
				c.config.Faults = []emulator.Fault{f}
			}
			c.config.Noiseless = true
			em, err := emulator.Start(c.config)
			if err != nil {
				t.Fatal(err)
			}
			defer em.Close()
			for range 2 { // the second time after a proper close
				dev, err := oceanletter.Open(within(t), em.Path(), oceanletter.Options{Fastest: c.fastest, LaserNM: 785, ASCII: c.ascii, Compress: true})
				if err != nil {
					t.Fatal(err)
				}
				if em.Baud() != c.raised {
					t.Errorf("raised to %d, want %d", em.Baud(), c.raised)
				}
				f, err := dev.Scan(within(t))
				if err != nil {
					t.Fatal(err)
				}
				checkCounts(t, instruments[c.config.Type], dev.Info(), f, true, 1, itself)
				if err := dev.Close(); err != nil {
					t.Fatal(err)
				}
				if em.Baud() != c.home {
					t.Errorf("left at %d, want %d", em.Baud(), c.home)
				}
				if c.fault != "" || em.Baud() != 9600 {
					break
				}
			}
		})
	}
}

func TestTheWrongRateIsAClearError(t *testing.T) {
	t.Parallel()
	if hostBaudUnknown() {
		t.Skip("this system does not tell the emulator the host's rate")
	}
	em := start(t, emulator.Config{Type: "usb2000", Baud: 115200})
	_, err := oceanletter.Open(within(t), em.Path(), oceanletter.Options{Baud: 9600, Margin: 300 * time.Millisecond})
	if !errors.Is(err, device.ErrProtocol) && !errors.Is(err, device.ErrTimeout) {
		t.Errorf("error %v", err)
	}
}
