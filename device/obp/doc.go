// Package obp speaks the Ocean Binary Protocol of Ocean Optics / Ocean Insight spectrometers: STS and Spark
// (1024 pixels) and QE Pro (1044 pixels, 18 bit) over a serial line.
//
// codec.go, decoder.go and messages.go know bytes and do no I/O, so that they serve any transport; link.go sends
// one message and waits for its answer; driver.go is the device.Spectrometer.
//
// Source: QE Pro Data Sheet 891-00000-000-05-201604, chapter "OBP"; STS Data Sheet 030-00000-003-05.
//
// The protocol has no field for the laser wavelength. It is taken from Options.LaserNM or, when that is zero,
// from a user string of the device that reads "laser=785.0" (nanometres in vacuum).
//
// A device is simulated (Info.Simulated) when its serial number begins with "SIM-" or its device string
// contains "SIMULATED"; the emulator does both.
//
//	dev, err := obp.Open(ctx, "/dev/ttyUSB0", obp.Options{LaserNM: 785})
//	if err != nil {
//		return err
//	}
//	defer dev.Close()
//	if err := dev.SetIntegrationTime(ctx, 500*time.Millisecond); err != nil {
//		return err
//	}
//	frame, err := dev.Scan(ctx) // frame.Counts has one value per pixel, as sent
package obp
