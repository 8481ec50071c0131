// Package laser keeps a laser safe, whatever its protocol: Guard is the only way to one.
//
// The laser is switched off when it is opened, when it is closed, on any error, when the context it was switched on with
// ends, when a panic passes through, and by a watchdog when nobody says that it is still wanted. Before it fires there
// is a warning time, and its fault and interlock are read as the last messages before the one that fires. Switching off
// is repeated until the laser has said that it is off; where it cannot be made to, the error wraps device.ErrLaserOn and
// says THE LASER MAY STILL BE ON.
//
// What no program can do: a laser that has a supply of its own, no watchdog of its own (neither Cobolt nor the Modbus
// laser documents one), and a cut data line, stays on until someone opens its interlock or turns its key. The same holds
// for a program that is killed: the kernel closes its port, which says nothing to the laser. `fentrace` therefore starts
// a Sentinel beside itself, a second process that switches the laser off when the first has ended without having done so.
//
//	l, err := laser.Open(ctx, laser.Options{Type: "cobolt", Port: "/dev/ttyACM0"})
//	if err != nil {
//		return err
//	}
//	dev := laser.Attach(spectrometer, l) // its Lamp is the laser; closing it closes both, the laser first
//	defer dev.Close()
package laser
