package device

import (
	"context"
	"errors"
	"time"
)

// Errors of lasers, beside those of spectrometers.
var (
	ErrInterlock = errors.New("the laser's interlock is open")
	ErrFault     = errors.New("the laser reports a fault")
	// ErrDark is for a frame that was to be lit and was not, wholly or in part.
	ErrDark = errors.New("the laser did not shine for the whole exposure")
	// ErrLaserOn is shouted because somebody has to act on it: the laser could not be made to say that it is off.
	ErrLaserOn = errors.New("THE LASER MAY STILL BE ON")
)

// LaserInfo is what a laser says about itself.
type LaserInfo struct {
	Type         string `json:"type"` // protocol, for example "cobolt"
	Model        string `json:"model"`
	SerialNumber string `json:"serial_number,omitempty"`
	Port         string `json:"port"`
	// Interlock is whether the laser tells the state of its interlock. One that does not has to be looked at.
	Interlock bool `json:"interlock"`
	// ReadBack is whether the laser tells if it is switched on; without it, only its acknowledgement is to be had.
	ReadBack  bool `json:"read_back"`
	Simulated bool `json:"simulated,omitempty"`
}

// Laser is an opened laser that is off. It is safe for concurrent use; Off does not wait for a running On, it ends it.
type Laser interface {
	Info() LaserInfo
	// On gives the warning time, reads fault and interlock, fires as the next message, and returns when the laser has
	// said that it shines and has warmed up. The laser goes off when ctx ends, whoever is waiting for what; when the
	// time of Keepalive runs out; and when On fails. Errors wrap ErrInterlock, ErrFault, or those of any device.
	On(ctx context.Context) error
	// Off returns nil only when the laser has said that it is off. It is tried until the laser does, for a bounded time
	// that ctx does not shorten; the error then wraps ErrLaserOn.
	Off(ctx context.Context) error
	// Shining asks whether the laser is on. When it was on and is not, the error says why, as far as is known.
	Shining(ctx context.Context) (bool, error)
	// Keepalive lets a laser that is on shine for d from now on, and a little longer; see the laser's watchdog.
	Keepalive(d time.Duration)
	// Interlock is nil when the interlock is closed, ErrInterlock when it is open, ErrRefused when the laser does not tell.
	Interlock(ctx context.Context) error
	// Power is the measured optical power in milliwatts; ErrRefused when the laser does not tell.
	Power(ctx context.Context) (float64, error)
	// Close switches the laser off, as Off does, and releases the port.
	Close() error
}
