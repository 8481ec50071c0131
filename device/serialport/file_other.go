//go:build !unix

package serialport

import (
	"errors"
	"os"
)

// openFile: only Linux and macOS are supported.
func openFile(string) (*os.File, error) {
	return nil, errors.New("serial ports can be used on Linux and macOS only")
}
