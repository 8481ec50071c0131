package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/creack/pty"

	"fentrace/device/acquire"
	"fentrace/spectra"
)

func TestFramesAreAddedUntilTheSignalToNoiseAskedForAndTheJSONSaysSo(t *testing.T) {
	t.Parallel()
	_, lib := sample(t, "caffeine")
	port := emulate(t, "--type", "qepro")
	var got struct {
		Spectra  []spectra.Spectrum
		Settings acquire.Settings
		Exposure acquire.ExposureEnd
		Rays     []acquire.Ray
	}
	out := mustRun(t, "scan", "--port", port, "--json", "--auto", "--target-snr", "300", "--max-time", "20s", "--library", lib)
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	m := got.Spectra[0].Metadata
	if m.SNR < 270 || m.Averages < 2 || got.Settings.TargetSNR != 300 || got.Exposure != acquire.ExposureReached || got.Rays == nil || len(m.Warnings) > 0 {
		t.Errorf("%d frames reach %.0f, settings %+v, exposure %s, rays %v, warnings %q", m.Averages, m.SNR, got.Settings, got.Exposure, got.Rays, m.Warnings)
	}
	out = mustRun(t, "scan", "--port", port, "--integration", "100ms", "--averages", "3", "--library", lib)
	if !strings.Contains(out, "signal/noise") || unfit(out) != "" {
		t.Errorf("%s\n%s", unfit(out), out)
	}
	if code, _, stderr := run(t, "", "scan", "--port", port, "--target-snr=-5"); code != exitFailed || !strings.Contains(stderr, "negative") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
}

func TestASaturatedRangeIsMarkedOnTheAxis(t *testing.T) {
	s := spectra.Spectrum{Technique: spectra.Raman, XUnit: spectra.PerCM, YUnit: spectra.Counts}
	for x := range 1000 {
		s.X, s.Y = append(s.X, float64(200+x)), append(s.Y, float64(x%10))
	}
	if axis := strings.Join(draw(s), "\n"); strings.ContainsRune(axis, saturatedMark) {
		t.Errorf("an unsaturated scan is marked:\n%s", axis)
	}
	s.Metadata.SaturatedPoints, s.Metadata.SaturatedRanges = 102, []spectra.Range{{Low: 300, High: 400}, {Low: 1100, High: 1100}}
	lines := draw(s)
	axis := []rune(lines[drawRows])
	marked := strings.Count(string(axis), string(saturatedMark))
	if marked < drawColumns/10 || marked > drawColumns/10+4 || len(axis) != len([]rune(lines[0])) {
		t.Errorf("%d marks on %q", marked, string(axis))
	}
	var out bytes.Buffer
	sheet := sheet{w: &out}
	sheet.spectrum(s)
	if !strings.Contains(out.String(), "102 points at full scale (▓): 300 to 400, 1100 cm-1") {
		t.Errorf("it says\n%s", out.String())
	}
}

// Without a terminal a line says what is seen, and the scan is taken when the input ends.
func TestALivePreviewThatNobodySeesIsToldInLines(t *testing.T) {
	t.Parallel()
	_, lib := sample(t, "caffeine")
	port := emulate(t, "--type", "qepro")
	code, stdout, stderr := run(t, "", "scan", "--port", port, "--live", "--library", lib)
	if code != exitOK || !strings.Contains(stderr, "live: frame 1 of 100ms, highest pixel at ") || !strings.Contains(stdout, "Raman shift") {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
}

// On a terminal the frames are drawn in place until Enter is pressed; then the scan is taken.
func TestALivePreviewIsDrawnInPlaceUntilEnter(t *testing.T) {
	t.Parallel()
	_, lib := sample(t, "caffeine")
	port := emulate(t, "--type", "qepro")
	master, terminal, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	stdin, press := io.Pipe()
	defer press.Close()
	var stdout bytes.Buffer
	ended := make(chan int, 1)
	go func() {
		code := Run(t.Context(), []string{"scan", "--port", port, "--live", "--library", lib}, stdin, &stdout, terminal)
		terminal.Close()
		ended <- code
	}()
	seen, pressed := "", false
	for r := bufio.NewReader(master); ; {
		line, err := r.ReadString('\n')
		seen += line
		if !pressed && strings.Contains(line, "frames a second") {
			pressed = true
			go press.Write([]byte("\n"))
		}
		if err != nil { // the terminal was closed
			break
		}
	}
	if code := <-ended; code != exitOK {
		t.Fatalf("exit code %d\n%s", code, seen)
	}
	for _, want := range []string{simulatedTag + " LIVE", "⣀", "% of full scale"} {
		if !strings.Contains(seen, want) {
			t.Errorf("%q was not drawn", want)
		}
	}
	if !regexp.MustCompile(`\x1b\[(19|20)A`).MatchString(seen) { // as many rows as were drawn
		t.Error("it was not drawn in place")
	}
	if !strings.Contains(stdout.String(), "Raman shift") {
		t.Errorf("the scan was not printed:\n%s", stdout.String())
	}
	if strings.Contains(stdout.String(), "LIVE") {
		t.Error("the preview went to the standard output")
	}
}
