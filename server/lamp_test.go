package server

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"fentrace/device"
	"fentrace/server/api"
)

// obeying is a laser that answers every switch with err.
type obeying struct {
	*bench
	err error
}

func (o obeying) Lamp(context.Context, bool) error { return o.err }

func TestWhatBecomesOfTheLaserIsTold(t *testing.T) {
	none, refused := fmt.Errorf("lamp: %w", device.ErrNoLaser), fmt.Errorf("lamp: %w", device.ErrRefused)
	for name, tc := range map[string]struct {
		on   bool
		err  error
		want []api.LaserState
	}{
		"on":                                {true, nil, []api.LaserState{api.LaserOn}},
		"off":                               {false, nil, []api.LaserState{api.LaserOff}},
		"on, refused":                       {true, refused, []api.LaserState{api.LaserOn, api.LaserUnknown}},
		"no laser to switch":                {true, none, []api.LaserState{api.LaserOn, api.LaserApart}},
		"on, not acknowledged":              {true, device.ErrTimeout, []api.LaserState{api.LaserOn, api.LaserUnknown}},
		"off, not acknowledged":             {false, device.ErrTimeout, []api.LaserState{api.LaserUnknown}},
		"off, refused after it was on":      {false, refused, []api.LaserState{api.LaserUnknown}},
		"off, and the spectrometer is gone": {false, device.ErrGone, []api.LaserState{api.LaserUnknown}},
	} {
		var told []api.LaserState
		s := switched{obeying{&bench{}, tc.err}, func(l api.LaserState) { told = append(told, l) }}
		if err := s.Lamp(asProgram(t), tc.on); !errors.Is(err, tc.err) {
			t.Errorf("%s: %v", name, err)
		}
		if fmt.Sprint(told) != fmt.Sprint(tc.want) {
			t.Errorf("%s: told %q, want %q", name, told, tc.want)
		}
	}
}

// white is an infrared spectrometer that keeps a reference.
type white struct{ *bench }

func (white) Reference(context.Context) (device.Frame, error) {
	return device.Frame{Counts: []float64{7}}, nil
}

func TestTheReferenceOfASpectrometerIsSeenThroughItsSwitch(t *testing.T) {
	if f, err := device.Reference(asProgram(t), switched{Spectrometer: white{&bench{}}}); err != nil || len(f.Counts) != 1 {
		t.Errorf("%+v, %v", f, err)
	}
	if _, err := device.Reference(asProgram(t), switched{Spectrometer: &bench{}}); !errors.Is(err, device.ErrRefused) {
		t.Errorf("one that keeps none: %v", err)
	}
}
