package demo

import (
	"testing"
	"time"

	"fentrace/device/emulator"
	"fentrace/spectra"
)

func TestTheSpectrometerIsCalibratedBeforeTheFirstScanAndOnlyOnce(t *testing.T) {
	table, _ := tableAndCounties(t)
	turns := 0
	tray, err := startSpectrometer(table, Samples, func(int, Sample) { turns++ })
	if err != nil {
		t.Fatal(err)
	}
	defer tray.close()
	d := &demo{dir: t.TempDir()}
	var done []time.Time
	for range 2 {
		dev, err := d.openCalibrated(t.Context(), tray)
		if err != nil {
			t.Fatal(err)
		}
		known, err := d.calibration(dev.Info())
		if err != nil {
			t.Fatal(err)
		}
		worth := known.Worth(time.Now())
		if worth.State != spectra.CalibrationValid || known.After.Mean > 0.5 {
			t.Errorf("%+v, residuals %+v", worth, known.After)
		}
		done = append(done, known.Done)
		if tray.em.LaserOn() {
			t.Error("the laser is on")
		}
		if err := dev.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if !done[0].Equal(done[1]) || turns != 0 {
		t.Errorf("calibrated at %v; the tray turned %d times", done, turns)
	}
	records, err := d.calibrations().List()
	if err != nil || len(records) != 1 || !records[0].Records[0].Simulated {
		t.Errorf("kept %+v, %v", records, err)
	}
}

func TestASpectrometerThatCannotBeCalibratedIsNotOpened(t *testing.T) {
	table, _ := tableAndCounties(t)
	tray, err := startSpectrometer(table, Samples, func(int, Sample) {})
	if err != nil {
		t.Fatal(err)
	}
	defer tray.close()
	fault, err := emulator.ParseFault("sts", "silent@spectrum*")
	if err != nil {
		t.Fatal(err)
	}
	if err := tray.em.Inject(fault); err != nil {
		t.Fatal(err)
	}
	d := &demo{dir: t.TempDir()}
	if dev, err := d.openCalibrated(t.Context(), tray); err == nil {
		dev.Close()
		t.Error("opened")
	}
}
