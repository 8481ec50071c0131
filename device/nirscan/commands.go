package nirscan

import "fmt"

// Command is the number of a command: the group in the high byte, the command in the low one.
type Command uint16

// The commands the driver sends. R reads, W writes.
const (
	CmdFileSize     Command = 0x002D // R u8 file type -> u32 bytes; also begins the file anew
	CmdFileData     Command = 0x002E // R -> the next bytes of the file, at most MaxData
	CmdVersions     Command = 0x0216 // R -> 7 u32, the first is the firmware's
	CmdStartScan    Command = 0x0218 // W u8: 1 also stores it on the memory card
	CmdConfig       Command = 0x0220 // R u8 index -> u32 bytes, the configuration as TPL
	CmdConfigCount  Command = 0x0222 // R -> u8
	CmdActiveConfig Command = 0x0223 // R -> u8 index
	CmdSetActive    Command = 0x0224 // W u8 index -> u32 patterns; kept over power cycles
	CmdGain         Command = 0x0228 // R -> u8: 1, 2, 4 to 64
	CmdCalibration  Command = 0x022A // R -> the wavelength calibration as TPL, and what follows it in memory
	CmdRepeats      Command = 0x022E // W u16
	CmdSerialNumber Command = 0x0233 // R -> 8 ASCII
	CmdScanTime     Command = 0x0237 // R -> u32 ms, estimated
	CmdInterpret    Command = 0x0239 // W
	CmdModel        Command = 0x023C // R -> 16 ASCII
	CmdTemperature  Command = 0x0300 // R -> i32 ambient, i32 detector, 1/100 °C; 4 bytes when the sensor fails
	CmdHumidity     Command = 0x0302 // R -> i32 board 1/100 °C, i32 relative humidity 1/100 %
	CmdBattery      Command = 0x030A // R -> u32 1/100 V
	CmdStatus       Command = 0x0403 // R -> u32
	CmdErrors       Command = 0x0404 // R -> u32, then codes
	CmdClearErrors  Command = 0x0405 // W
	CmdFixedGain    Command = 0x040C // W u8: 1 fixed, 0 chosen by the device; u8 gain
)

var commandNames = map[Command]string{
	CmdFileSize: "size of a file", CmdFileData: "part of a file", CmdVersions: "versions", CmdStartScan: "start of a scan",
	CmdConfig: "scan configuration", CmdConfigCount: "number of scan configurations", CmdActiveConfig: "active scan configuration",
	CmdSetActive: "choice of scan configuration", CmdGain: "gain", CmdCalibration: "wavelength calibration", CmdRepeats: "repeats",
	CmdSerialNumber: "serial number", CmdScanTime: "scan time", CmdInterpret: "interpretation", CmdModel: "model",
	CmdTemperature: "temperature", CmdHumidity: "humidity", CmdBattery: "battery", CmdStatus: "device status",
	CmdErrors: "error status", CmdClearErrors: "clearing of errors", CmdFixedGain: "choice of gain",
}

func (c Command) String() string {
	if name, ok := commandNames[c]; ok {
		return fmt.Sprintf("%s (%#04x)", name, uint16(c))
	}
	return fmt.Sprintf("command %#04x", uint16(c))
}

// File types of CmdFileSize.
const (
	fileScanData    = 0
	fileReference   = 2
	fileInterpreted = 8
)

// Status is what the device is doing.
type Status uint32

const (
	StatusReady        Status = 0x01
	StatusScanning     Status = 0x02
	StatusInterpreting Status = 0x40
)

// Trouble is what has gone wrong in the device since it was last cleared.
type Trouble uint32

// spoilsScan are the troubles after which the readings are worth nothing.
const spoilsScan = TroubleScan | TroubleADC | TroubleLibrary | TroubleHardware | TroubleMemory

const (
	TroubleScan     Trouble = 0x001
	TroubleADC      Trouble = 0x002
	TroubleLibrary  Trouble = 0x020
	TroubleHardware Trouble = 0x040
	TroubleBattery  Trouble = 0x200
	TroubleMemory   Trouble = 0x400
)

// String names the troubles, in the order of their bits.
func (t Trouble) String() string {
	names := [...]string{"scan", "detector", "memory card", "settings memory", "Bluetooth", "spectrum library", "hardware",
		"temperature sensor", "humidity sensor", "battery empty", "out of memory", "serial line"}
	var out string
	for i, name := range names {
		if t&(1<<i) == 0 {
			continue
		}
		if out != "" {
			out += ", "
		}
		out += name
	}
	if out == "" {
		return fmt.Sprintf("%#x", uint32(t))
	}
	return out
}
