// Package bench is what every emulated device stands on: a pseudo-terminal whose bytes take the time they take at
// the line's rate and are garbled when host and device disagree about it (Line), a detector with a sample and laser
// light before it (Optics, Light), and faults that can be injected (Fault).
//
// A firmware is a function that serves one Device until its line is gone; see Kind. It is written from the text of
// its protocol with an encoder of its own and shares no code with the driver, so that a mistake of one shows
// against the other.
package bench
