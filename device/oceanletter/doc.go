// Package oceanletter speaks the one-letter commands of Ocean Optics spectrometers on RS-232: USB2000, USB2000+,
// HR2000+ and Flame-S (2048 pixels), USB4000, HR4000 and Flame-T (3840 pixels). These benches sit inside many
// portable Raman instruments of other makers, with the lamp line gating the laser.
//
// codec.go, scan.go and pixels.go know bytes and do no I/O; driver.go and the files beside it are the
// device.Spectrometer. Answers carry no numbers and commands no frame, so package lockstep keeps both ends in step.
//
// Source: OEM data sheets USB2000 (170-00000-000-05-201102), USB2000+ (270-00000-000-05-201502) and USB4000
// (211-00000-000-05-201210), Flame-S manual 225-00000-000-11-201604, chapter 8.
//
// The device is at 9600 baud after power-on, unless its calibration slot 18 says otherwise. Without Options.Baud,
// Open finds the rate, raises it to the fastest that device and cable take, and Close puts the power-on rate back;
// a program that dies leaves the faster rate, which the next Open finds.
//
// While it integrates the device does not listen: a scan given up keeps it busy until its integration time is over,
// and the next call waits for that.
//
// The protocol knows no laser wavelength: it comes from Options.LaserNM. A device is simulated (Info.Simulated) when
// its serial number begins with "SIM-".
//
//	dev, err := oceanletter.Open(ctx, "/dev/ttyUSB0", oceanletter.Options{LaserNM: 785})
//	if err != nil {
//		return err
//	}
//	defer dev.Close()
//	frame, err := dev.Scan(ctx) // frame.Counts has one value per pixel, as sent
package oceanletter
