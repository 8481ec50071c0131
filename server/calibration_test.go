package server

import (
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"fentrace/device"
	"fentrace/device/acquire"
	"fentrace/device/calibrated"
	"fentrace/spectra"
)

func TestAScanOfAServerCarriesTheCalibrationOfItsInstrument(t *testing.T) {
	b := &bench{}
	failed := time.Date(2026, 10, 30, 0, 0, 0, 0, time.UTC)
	var damaged atomic.Bool
	r := start(t, func(c *Config) {
		c.OpenDevice = b.open
		c.Calibration = func(info device.Info) (*calibrated.Calibration, error) {
			if info.SerialNumber != "S00001" {
				t.Errorf("asked for %q", info.SerialNumber)
			}
			if damaged.Load() {
				return nil, errors.New("damaged calibration file")
			}
			return &calibrated.Calibration{Failed: failed}, nil
		}
	})
	sc := r.scan(r.do("POST", "/v1/device/scan", nil).want(t, http.StatusCreated))
	raw := r.do("GET", "/v1/scans/"+sc.ID+"/raw", nil).want(t, http.StatusOK).body
	stored, err := acquire.Decode(raw)
	if err != nil || stored.Settings.Calibration == nil || !stored.Settings.Calibration.Failed.Equal(failed) {
		t.Fatalf("stored with %+v, %v", stored.Settings.Calibration, err)
	}
	if s, err := stored.Spectrum(); err != nil || s.Metadata.Calibration == nil || s.Metadata.Calibration.State != spectra.CalibrationFailed {
		t.Errorf("its spectrum says %+v, %v", s.Metadata.Calibration, err)
	}
	if st := r.status(); st.Calibration == nil || st.Calibration.State != spectra.CalibrationFailed {
		t.Errorf("the status says %+v", st.Calibration)
	}
	damaged.Store(true)
	if got := r.do("POST", "/v1/device/scan", nil); got.StatusCode < 500 {
		t.Errorf("with a damaged calibration the scan was taken: %d", got.StatusCode)
	}
}
