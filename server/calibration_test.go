package server

import (
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"fentrace/device"
	"fentrace/device/acquire"
	"fentrace/device/calibrated"
	"fentrace/server/store"
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
	if st := r.status(); st.Calibration != nil || st.CalibrationError != "damaged calibration file" {
		t.Errorf("with a damaged calibration the status says %+v, %q", st.Calibration, st.CalibrationError)
	}
}

func TestTheStatusTellsNotCalibratedFromNotKnown(t *testing.T) {
	never := start(t, func(c *Config) {
		c.OpenDevice = (&bench{}).open
		c.Calibration = func(device.Info) (*calibrated.Calibration, error) { return nil, nil }
	})
	if st := never.status(); !st.Connected || st.Calibration != nil || st.CalibrationError != "" {
		t.Errorf("never calibrated: %+v, %q", st.Calibration, st.CalibrationError)
	}
	keepsNone := startWith(t, &bench{})
	if st := keepsNone.status(); !st.Connected || st.Calibration != nil || st.CalibrationError == "" {
		t.Errorf("no calibrations are kept: %+v, %q", st.Calibration, st.CalibrationError)
	}
}

func TestAScanSaysInItsWarningsThatTheCalibrationFailed(t *testing.T) {
	r := start(t, func(c *Config) {
		c.OpenDevice = (&bench{}).open
		c.Calibration = func(device.Info) (*calibrated.Calibration, error) {
			return &calibrated.Calibration{Failed: time.Date(2026, 10, 30, 0, 0, 0, 0, time.UTC)}, nil
		}
	})
	taken := r.scan(r.do("POST", "/v1/device/scan", nil).want(t, http.StatusCreated))
	again := r.scan(r.do("GET", "/v1/scans/"+taken.ID, nil).want(t, http.StatusOK))
	for _, sc := range []store.Scan{taken, again} {
		if !strings.Contains(strings.Join(sc.Warnings, "\n"), "The last axis calibration of the instrument failed") {
			t.Errorf("warnings %q", sc.Warnings)
		}
	}
}
