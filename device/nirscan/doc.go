// Package nirscan drives the Texas Instruments DLP NIRscan Nano and its descendants, near-infrared spectrometers of
// 900 to 1700 nm that switch columns of light onto one detector with a mirror array, over their UART.
//
// A spectrum comes on one of two paths. On the interpreted path the device turns its readings into wavelength and
// intensity; that works with every scan configuration. On the raw path the readings come as they were taken, so that
// the arithmetic can be redone; that works with column scans only (see PathRaw).
//
// The lamps are the device's own: it lights them for each scan and takes readings with all mirrors off in between,
// which are subtracted. So there is no laser, no dark frame, and Lamp is refused.
//
// Integration time. Each pattern is exposed for a time that belongs to the scan configuration (635 µs to 60.96 ms) and
// read as a mean; the whole scan is repeated and averaged. So the integration time of a point is exposure times
// repeats, in steps of the exposure; the counts do not grow with it, only the noise falls. What keeps the detector
// below full scale is the gain, which the device chooses itself for each scan unless Options.Gain fixes it; Frame.Gain
// tells it.
//
// Sources: the firmware and spectrum library published by Texas Instruments (NNOUARTDefs.h, NNOCommandDefs.h,
// NNOStatusDefs.h, uartCmdHandler.c, cmdProc.c, scan.c, dlpspec_scan.h, dlpspec_scan_col.c, dlpspec_util.c) and the TPL
// file format of T. D. Hanson. The command interface has to be compiled into the firmware
// (ENABLE_UART_COMMAND_INTERFACE).
package nirscan
