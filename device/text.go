package device

import (
	"bytes"
	"strings"
)

// Text is what is printable ASCII in a field of fixed length before its first NUL, without blanks at the ends. Devices
// send what was never programmed as it stands in their memory.
func Text(field []byte) string {
	field, _, _ = bytes.Cut(field, []byte{0})
	return strings.TrimSpace(string(bytes.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, field)))
}
