package obp

import (
	"fmt"

	"fentrace/device"
)

// MessageType is the number of a message.
type MessageType uint32

// The messages the driver sends.
const (
	MsgSetChecksum      MessageType = 0x00000010 // u8: 0 none, 1 MD5
	MsgFirmware         MessageType = 0x00000090 // -> u16, four BCD digits
	MsgSerialNumber     MessageType = 0x00000100 // -> ASCII
	MsgUserStringCount  MessageType = 0x00000300 // -> u8
	MsgUserString       MessageType = 0x00000302 // u8 index -> ASCII
	MsgDeviceString     MessageType = 0x00000E41 // -> ASCII
	MsgAbort            MessageType = 0x00100000
	MsgClearBuffer      MessageType = 0x00100830
	MsgAcquire          MessageType = 0x00100902 // into the buffer
	MsgBufferedSpectrum MessageType = 0x00100928 // -> 32 bytes metadata, u32 per pixel
	MsgRawSpectra       MessageType = 0x00100980 // u32 how many -> each 64 bytes metadata, u16 per pixel, u32
	MsgCorrected        MessageType = 0x00101000 // -> u16 per pixel
	MsgIntegrationMin   MessageType = 0x00110001 // -> u32 µs
	MsgIntegrationMax   MessageType = 0x00110002 // -> u32 µs
	MsgSetIntegration   MessageType = 0x00110010 // u32 µs
	MsgSetTrigger       MessageType = 0x00110110 // u8
	MsgPixels           MessageType = 0x00110220 // -> u32
	MsgSetBinning       MessageType = 0x00110290 // u8
	MsgSetAverages      MessageType = 0x00120010 // u16
	MsgSetBoxcar        MessageType = 0x00121010 // u8
	MsgWavelength       MessageType = 0x00180101 // u8 index -> f32
	MsgNonlinearCount   MessageType = 0x00181100 // -> u8
	MsgNonlinear        MessageType = 0x00181101 // u8 index -> f32
	MsgTemperature      MessageType = 0x00400001 // u8 index -> f32 °C
	MsgLightEnabled     MessageType = 0x00810021 // u8 module, u8 source -> u8
	MsgLightSource      MessageType = 0x00810031 // u8 module, u8 source, u8 on
)

var messageNames = map[MessageType]string{
	MsgSetChecksum: "set checksum type", MsgFirmware: "firmware revision", MsgSerialNumber: "serial number",
	MsgUserStringCount: "user string count", MsgUserString: "user string", MsgDeviceString: "device string",
	MsgAbort: "abort acquisition", MsgClearBuffer: "clear buffer", MsgAcquire: "acquire into buffer",
	MsgBufferedSpectrum: "buffered spectrum", MsgCorrected: "corrected spectrum",
	MsgIntegrationMin: "shortest integration time", MsgIntegrationMax: "longest integration time",
	MsgSetIntegration: "set integration time", MsgSetTrigger: "set trigger mode", MsgPixels: "number of pixels",
	MsgSetBinning: "set pixel binning", MsgSetAverages: "set scans to average", MsgSetBoxcar: "set boxcar width",
	MsgWavelength: "wavelength coefficient", MsgNonlinearCount: "non-linearity coefficient count",
	MsgNonlinear: "non-linearity coefficient", MsgRawSpectra: "buffered raw spectra", MsgLightEnabled: "light source enabled?",
	MsgTemperature: "temperature", MsgLightSource: "light source enable",
}

func (t MessageType) String() string {
	if name, ok := messageNames[t]; ok {
		return fmt.Sprintf("%q (0x%08X)", name, uint32(t))
	}
	return fmt.Sprintf("0x%08X", uint32(t))
}

// ErrorNumber is the reason a device gives with a NACK or an exception.
type ErrorNumber uint16

const (
	errUnknownType ErrorNumber = 2
	errInvalidData ErrorNumber = 6
	errNoSuchInfo  ErrorNumber = 12
	errDeferred    ErrorNumber = 255
)

var errorNames = map[ErrorNumber]string{
	0: "success", 1: "invalid or unsupported protocol", errUnknownType: "unknown message type", 3: "bad checksum",
	4: "message too large", 5: "payload length does not match the message type", errInvalidData: "payload data invalid",
	7: "device not ready for this message", 8: "unknown checksum type", 9: "device reset unexpectedly",
	10: "commands come over too many interfaces", 11: "out of memory", errNoSuchInfo: "the information does not exist",
	13: "internal device error", 14: "message did not end properly", 15: "current scan interrupted",
	100: "cannot decrypt", 101: "firmware layout invalid", 102: "data packet has the wrong size",
	103: "hardware revision does not fit the firmware", 104: "flash map does not fit", errDeferred: "response deferred",
}

func (e ErrorNumber) String() string {
	if name, ok := errorNames[e]; ok {
		return fmt.Sprintf("error %d, %s", uint16(e), name)
	}
	return fmt.Sprintf("error %d", uint16(e))
}

// DeviceError is a NACK or an exception. It wraps device.ErrRefused, and device.ErrRange for invalid data.
type DeviceError struct {
	Type      MessageType
	Number    ErrorNumber
	Exception bool // the message was done, but the result may be spoiled
}

func (e *DeviceError) Error() string {
	if e.Exception {
		return fmt.Sprintf("%v: device reports that the result may be spoiled (%v)", e.Type, e.Number)
	}
	return fmt.Sprintf("%v: device refused the command (%v)", e.Type, e.Number)
}

func (e *DeviceError) Unwrap() []error {
	if e.Number == errInvalidData {
		return []error{device.ErrRefused, device.ErrRange}
	}
	return []error{device.ErrRefused}
}
