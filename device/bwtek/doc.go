// Package bwtek speaks to the B&W Tek benches BTC100 and BTC110 on RS-232 (2048 pixels, 16 bit), which many
// self-built and OEM 532 nm Raman instruments contain.
//
// The maker published no manual. Source: three independent working clients, among them T. Trebisky's and the
// WebSerial client spectrotoy; what they do not show is marked as an assumption where it is made.
//
// A command is a letter, a number and a line feed; the device echoes the line and says ACK. It is at 9600 baud after
// power-on. A change of rate cannot be taken back by silence: a device whose new rate does not get through the cable
// answers nothing until its power is cycled, so Options.Fastest should not be more than the cable carries. Close puts
// 9600 baud back.
//
// A compressed spectrum has no checksum. A wrong byte in it that keeps its length shifts the pixels up to the next
// whole value, unnoticed; on a poor line Options.ASCII finds most damage, at seven times the bytes.
//
// The bench stores no calibration, does not switch the laser and has no thermometer: wavelengths, serial number and
// laser come from Options.Calibration, and Lamp and Temperature return device.ErrRefused. It has no name either, so that
// a device on a pseudo-terminal counts as simulated.
//
//	cal, err := hostcal.Read("btc110.json")
//	...
//	dev, err := bwtek.Open(ctx, "/dev/ttyUSB0", bwtek.Options{Calibration: cal})
package bwtek
