// Package emulator plays the device's side of the protocols that the drivers speak, each on a real pseudo-terminal.
// Bytes take the time they take at the line's rate, exposures take their time, and faults can be injected.
// Everything it produces is SIMULATED: serial numbers begin with "SIM-" and names end in "(SIMULATED)" where the
// protocol has room for it, which is how a driver knows.
//
// What all devices stand on is package bench; each protocol is a package beside it and one line in the table here.
//
//	em, err := emulator.Start(emulator.Config{Type: "sts"})
//	if err != nil {
//		return err
//	}
//	defer em.Close()
//	err = em.SetSample(recorded) // a spectra.Spectrum travels through the wire from now on
//	dev, err := obp.Open(ctx, em.Path(), obp.Options{Baud: em.Baud()})
package emulator
