package oceanletter_test

import (
	"errors"
	"testing"
	"time"

	"fentrace/device"
	"fentrace/device/drivertest"
	"fentrace/device/emulator"
	"fentrace/device/oceanletter"
)

func TestTheRateIsFoundAndRaised(t *testing.T) {
	drivertest.NeedsRates(t)
	for name, c := range map[string]struct {
		config       emulator.Config
		fault        string
		stated       int
		fastest      int
		raised, home int
		ascii        bool
	}{
		"USB2000":                      {config: emulator.Config{Type: "usb2000", Baud: 9600}, raised: 115200, home: 9600},
		"USB2000+":                     {config: emulator.Config{Type: "usb2000plus", Baud: 9600}, raised: 115200, home: 9600},
		"USB4000":                      {config: emulator.Config{Type: "usb4000", Baud: 9600}, raised: 230400, home: 9600},
		"in ASCII mode":                {config: emulator.Config{Type: "usb2000plus", Baud: 9600}, raised: 115200, home: 9600, ascii: true},
		"no faster than asked":         {config: emulator.Config{Type: "usb2000plus", Baud: 9600}, fastest: 57600, raised: 38400, home: 9600},
		"a start-up rate of its own":   {config: emulator.Config{Type: "usb4000", Baud: 19200}, raised: 230400, home: 19200},
		"left by a program that died":  {config: emulator.Config{Type: "usb2000", Baud: 57600}, raised: 115200, home: 9600},
		"fast already":                 {config: emulator.Config{Type: "usb2000", Baud: 115200}, raised: 115200, home: 115200},
		"stated, and not to be raised": {config: emulator.Config{Type: "usb2000", Baud: 57600}, stated: 57600, raised: 57600, home: 57600},
		"refused":                      {config: emulator.Config{Type: "usb2000", Baud: 57600}, fault: "nack@baud*", stated: 57600, fastest: 115200, raised: 57600, home: 57600},
		"refused once":                 {config: emulator.Config{Type: "usb2000", Baud: 38400}, fault: "nack@baud", stated: 38400, fastest: 115200, raised: 57600, home: 9600},
		"acknowledgement lost":         {config: emulator.Config{Type: "usb2000", Baud: 38400}, fault: "silent@baud", stated: 38400, fastest: 115200, raised: 57600, home: 9600},
		"acknowledgement garbled":      {config: emulator.Config{Type: "usb2000", Baud: 38400}, fault: "checksum@baud", stated: 38400, fastest: 115200, raised: 57600, home: 9600},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.config.Faults = drivertest.Fault(t, c.config.Type, c.fault)
			em := drivertest.Start(t, c.config)
			for range 2 { // one of them twice, after a proper close
				dev, err := oceanletter.Open(drivertest.Within(t), em.Path(), oceanletter.Options{Baud: c.stated, Fastest: c.fastest, LaserNM: 785, Margin: 2 * time.Second, ASCII: c.ascii, Compress: true})
				if err != nil {
					t.Fatal(err)
				}
				if em.Baud() != c.raised {
					t.Errorf("raised to %d, want %d", em.Baud(), c.raised)
				}
				f, err := dev.Scan(drivertest.Within(t))
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
				if name != "USB2000" {
					break
				}
			}
		})
	}
}

func TestTheWrongRateIsAClearError(t *testing.T) {
	t.Parallel()
	drivertest.NeedsRates(t)
	em := drivertest.Start(t, emulator.Config{Type: "usb2000", Baud: 115200})
	_, err := oceanletter.Open(drivertest.Within(t), em.Path(), oceanletter.Options{Baud: 9600, Margin: 300 * time.Millisecond})
	if !errors.Is(err, device.ErrProtocol) && !errors.Is(err, device.ErrTimeout) {
		t.Errorf("error %v", err)
	}
}
