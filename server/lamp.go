package server

import (
	"context"
	"errors"

	"fentrace/device"
	"fentrace/server/api"
)

// switched is a spectrometer that tells what becomes of its laser, also while it is busy.
type switched struct {
	device.Spectrometer
	tell func(api.LaserState)
}

// Lamp tells before switching on, as it may shine before it says so.
func (s switched) Lamp(ctx context.Context, on bool) error {
	if on {
		s.tell(api.LaserOn)
	}
	err := s.Spectrometer.Lamp(ctx, on)
	switch {
	case on && errors.Is(err, device.ErrNoLaser):
		s.tell(api.LaserApart)
	case err != nil:
		s.tell(api.LaserUnknown)
	case !on:
		s.tell(api.LaserOff)
	}
	return err
}

// Reference is that of the spectrometer.
func (s switched) Reference(ctx context.Context) (device.Frame, error) {
	return device.Reference(ctx, s.Spectrometer)
}
