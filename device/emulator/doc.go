// Package emulator plays the device's side of the Ocean Binary Protocol on a real pseudo-terminal: an STS that
// answers live, or a QE Pro that queues spectra. Bytes take the time they take at the line's rate, exposures
// take their time, and faults can be injected. Everything it produces is SIMULATED: its serial number begins
// with "SIM-" and its device string ends in "(SIMULATED)", which is how a driver knows.
//
// It is written from the data sheets with an encoder of its own and shares no code with the driver, so that a
// mistake of one shows against the other.
//
//	em, err := emulator.Start(emulator.Config{Type: "sts"})
//	if err != nil {
//		return err
//	}
//	defer em.Close()
//	err = em.SetSample(recorded) // a spectra.Spectrum travels through the wire from now on
//	dev, err := obp.Open(ctx, em.Path(), obp.Options{Baud: em.Baud()})
package emulator
