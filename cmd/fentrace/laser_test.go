package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"fentrace/device/emulator"
	"fentrace/spectra"
)

// emulateSet runs `fentrace device emulate` of a spectrometer with a laser on a line of its own and returns both paths.
func emulateSet(t *testing.T, args ...string) (head, light string) {
	t.Helper()
	ports := emulated(t, args...)
	for _, path := range []*string{&head, &light} {
		if !ports.Scan() {
			t.Fatal("the emulator printed no path")
		}
		*path = ports.Text()
	}
	return head, light
}

func TestAHeadAndItsLaserCanBeTriedByAnyone(t *testing.T) {
	t.Parallel()
	calibration := filepath.Join(t.TempDir(), "head.json")
	head, light := emulateSet(t, "--type", "aa55", "--write-calibration", calibration)
	scan := []string{"scan", "--port", head, "--type", "aa55", "--calibration-file", calibration, "--json", "--laser-type", "modbus", "--laser-port", light}

	code, out, stderr := run(t, "", append(scan, "--laser-power", "800", "--warning-delay", "20ms")...)
	if code != exitOK || !strings.Contains(stderr, "THE LASER FIRES IN 20ms") || !strings.Contains(stderr, "interlock") {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	var got struct{ Spectra []spectra.Spectrum }
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	if m := got.Spectra[0].Metadata; !m.DarkSubtracted || !m.Simulated || m.LaserNM != 785 || m.SerialNumber != "SIM-A55-0001" || len(got.Spectra[0].X) < 2000 {
		t.Errorf("%d points, metadata %+v", len(got.Spectra[0].X), m)
	}
	if out := mustRun(t, "laser", "off", "--laser-type", "modbus", "--laser-port", light); !strings.Contains(out, "is off") {
		t.Errorf("%s", out)
	}
	// The power of this laser has to be stated, and everything else has to make sense.
	if code, _, stderr := run(t, "", append(scan, "--warning-delay", "0s")...); code != exitFailed || !strings.Contains(stderr, "power was not stated") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	for _, args := range [][]string{
		{"scan", "--port", head, "--laser-type", "modbus"},
		{"scan", "--port", head, "--laser-port", light},
		{"scan", "--port", head, "--laser-type", "torch", "--laser-port", light},
		{"scan", "--port", head, "--laser-type", "modbus", "--laser-port", light, "--warning-delay", "-1s"},
		{"laser", "off"},
		{"device", "emulate", "--laser", "sts"},
		{"device", "emulate", "--laser", "gps"},
		{"scan", "--port", head, "--type", "aa55", "--calibration-file", "no such file"},
		{"device", "emulate", "--type", "cobolt", "--laser", "cobolt"},
		{"device", "emulate", "--laser-fault", "silent"},
		{"device", "emulate", "--laser", "cobolt", "--laser-fault", "fire"},
		{"device", "emulate", "--type", "nirscan", "--write-calibration", calibration + ".nirscan"},
	} {
		if code, _, stderr := run(t, "", args...); code != exitUsage {
			t.Errorf("%q: exit code %d: %s", args, code, stderr)
		}
	}
	if code, _, _ := run(t, "", "device", "emulate", "--type", "aa55", "--write-calibration", calibration); code != exitFailed {
		t.Errorf("a calibration was overwritten: exit code %d", code)
	}
}

func TestAnyEmulatedSpectrometerCanHaveALaserOfItsOwn(t *testing.T) {
	t.Parallel()
	head, light := emulateSet(t, "--type", "sts", "--baud", "115200", "--laser", "cobolt", "--laser-fault", "interlock@state")
	args := []string{"scan", "--port", head, "--baud", "115200", "--laser-type", "cobolt", "--laser-port", light, "--warning-delay", "0s"}
	// The fault is hit as the laser is opened; closed for good it is only here that it is refused.
	if code, _, stderr := run(t, "", args...); code != exitFailed || !strings.Contains(stderr, "interlock is open") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
}

// A killed program cannot switch anything off. Its sentinel does.
func TestAKilledScanLeavesTheLaserOff(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("pseudo-terminals and signals as on Linux are needed")
	}
	for _, end := range []os.Signal{os.Kill, os.Interrupt} {
		light, err := emulator.Start(emulator.Config{Type: "cobolt"})
		if err != nil {
			t.Fatal(err)
		}
		defer light.Close()
		em, err := emulator.Start(emulator.Config{Type: "sts", Baud: 115200, Light: light.Light})
		if err != nil {
			t.Fatal(err)
		}
		defer em.Close()
		fired := func() bool { return light.Light.Fired() >= 2 } // once by itself as power came
		cmd := exec.Command(os.Args[0], "scan", "--port", em.Path(), "--baud", "115200", "--integration", "60s", "--warning-delay", "50ms",
			"--laser-type", "cobolt", "--laser-port", light.Path(), "--laser-power", "20")
		cmd.Args[0] = "fentrace" // see TestMain
		cmd.Stderr = os.Stderr   // a file, which outlives the program for the sentinel to write to
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		defer cmd.Process.Kill()
		until(t, light, func() bool { return fired() && light.LaserOn() })
		if err := cmd.Process.Signal(end); err != nil {
			t.Fatal(err)
		}
		cmd.Wait()
		until(t, light, func() bool { return !light.LaserOn() })
	}
}

// until waits for something to become true.
func until(t *testing.T, em *emulator.Emulator, is func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !is(); em.Wait(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it does not happen")
		}
	}
}
