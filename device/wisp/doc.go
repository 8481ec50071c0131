// Package wisp drives spectrometers that speak the Wasatch Photonics WISP byte stream: a text line "BIN" switches to
// binary requests of six bytes, whose answers have a fixed length and no header.
//
// Wasatch Photonics documents the stream over TCP/IP in its own driver (Wasatch.PY, TCPDevice.py). No physical product of
// theirs is known to offer it on RS-232; this package takes it over any byte stream that looks like a serial port, such
// as a terminal server or a bridge. What the documentation does not say is marked as inferred.
//
// Nothing in an answer says what it answers, and a request left half sent swallows the beginning of the next. So the
// driver keeps in step by asking for the number of pixels, and gets back into step from anywhere by ending whatever
// request may be pending with zeros, leaving binary mode, and entering it again.
package wisp
