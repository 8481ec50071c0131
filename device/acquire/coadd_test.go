package acquire

import (
	"errors"
	"math"
	"testing"
	"time"

	"fentrace/device"
)

// The estimate is the height over the noise that the model of the detector has, for few frames and many.
func TestSignalToNoiseIsTheHeightOverTheNoiseOfTheMean(t *testing.T) {
	for _, frames := range []int{2, 3, 5, 10, 40} {
		const repeats = 20
		sum := 0.0
		var want float64
		for seed := range uint64(repeats) {
			b := newFake(512, seed)
			b.lines(0.05, 4, 100, 300)
			scan, err := Acquire(within(t), b, Settings{Averages: frames}, nil)
			if err != nil {
				t.Fatal(err)
			}
			sum += scan.SNR() / repeats
			light := b.rate * 0.1 // 100 ms at the top of the strongest line
			// Above the median of what lies around, and the median of three pixels.
			height := light * (b.sample[301] - 0.11)
			want = height / math.Sqrt((b.readout*b.readout+b.shot*light)/float64(frames)+b.readout*b.readout/float64(frames))
		}
		if ratio := sum / want; ratio < 0.8 || ratio > 1.3 {
			t.Errorf("%d frames: %.0f on average, the model has %.0f", frames, sum, want)
		}
	}
}

// A drift of the laser is no noise, and neither is a fading background.
func TestDriftIsNotTakenForNoise(t *testing.T) {
	still, drifting := newFake(512, 3), newFake(512, 3)
	drifting.drift = func(frame int) float64 { return 1 - 0.02*float64(frame) }
	var snr [2]float64
	for i, b := range []*fake{still, drifting} {
		b.lines(0.2, 4, 100, 300)
		scan, err := Acquire(within(t), b, Settings{Averages: 8}, nil)
		if err != nil {
			t.Fatal(err)
		}
		snr[i] = scan.SNR()
	}
	if snr[1] < 0.6*snr[0] {
		t.Errorf("signal to noise %.0f, with drift %.0f", snr[0], snr[1])
	}
}

func TestCoAddingEndsAtTheTargetTheLimitOrTheMostFrames(t *testing.T) {
	weak := func(s Settings) (*fake, Scan, []Progress, error) {
		b := newFake(512, 5)
		b.rate = 3000 // 300 counts at the strongest line, over 6 of noise
		b.lines(0.02, 4, 100, 300)
		var told []Progress
		scan, err := Acquire(within(t), b, s, func(p Progress) { told = append(told, p) })
		return b, scan, told, err
	}
	_, scan, told, err := weak(Settings{TargetSNR: 100})
	if err != nil {
		t.Fatal(err)
	}
	if snr := scan.SNR(); snr < 90 || snr > 140 || len(scan.Frames) < 4 || len(scan.Frames) > 30 {
		t.Errorf("%d frames reach %.0f, 100 were asked for", len(scan.Frames), snr)
	}
	if len(scan.Dark) < 2 || len(scan.Dark) > len(scan.Frames) {
		t.Errorf("%d dark frames for %d", len(scan.Dark), len(scan.Frames))
	}
	s, err := scan.Spectrum()
	if err != nil || s.Metadata.Averages != len(scan.Frames) || s.Metadata.SNR != scan.SNR() || len(s.Metadata.Warnings) > 0 {
		t.Errorf("metadata %+v, %v", s.Metadata, err)
	}
	last := told[len(scan.Frames)-1] // of the sample
	if last.SNR <= 0 || last.Left <= 0 || last.Left > time.Second || last.Last == nil {
		t.Errorf("before the last frame: %+v", last)
	}

	// The time limit holds, and what is missing is told.
	b, scan, _, err := weak(Settings{TargetSNR: 5000, MaxTime: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	took := scan.Frames[len(scan.Frames)-1].Started.Add(b.t).Sub(scan.Started())
	if took > 2*time.Second || took < 1800*time.Millisecond {
		t.Errorf("the frames took %v", took)
	}
	if s, err = scan.Spectrum(); err != nil || len(s.Metadata.Warnings) != 1 {
		t.Errorf("warnings %q, %v", s.Metadata.Warnings, err)
	}

	// Without a target the limit cuts the averages, to one frame at least.
	if _, scan, _, err = weak(Settings{Averages: 500, MaxTime: time.Second}); err != nil || len(scan.Frames) < 8 || len(scan.Frames) > 10 || len(scan.Dark) != len(scan.Frames) {
		t.Errorf("%d frames and %d dark ones, %v", len(scan.Frames), len(scan.Dark), err)
	}
	if _, scan, _, err = weak(Settings{Averages: 5, MaxTime: time.Millisecond}); err != nil || len(scan.Frames) != 1 || scan.SNR() != 0 {
		t.Errorf("%d frames, %v", len(scan.Frames), err)
	}
	if _, scan, _, err = weak(Settings{TargetSNR: 1e9, MaxTime: time.Hour}); err != nil || len(scan.Frames) != MaxAverages {
		t.Errorf("%d frames, %v", len(scan.Frames), err)
	}
	for _, bad := range []Settings{{TargetSNR: -1}, {TargetSNR: math.NaN()}, {TargetSNR: math.Inf(1)}, {MaxTime: -time.Second}} {
		if _, _, _, err := weak(bad); !errors.Is(err, device.ErrRange) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

// Nothing under the probe never passes for a signal.
func TestAnEmptyScanHasNoSignalToNoise(t *testing.T) {
	for seed := range uint64(20) {
		b := newFake(512, seed)
		b.hot = map[int]float64{77: 1e5, 200: 3e4} // hot pixels are no lines
		scan, err := Acquire(within(t), b, Settings{Averages: 5}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if snr := scan.SNR(); snr > 6 {
			t.Errorf("seed %d: signal to noise %.1f of nothing", seed, snr)
		}
	}
}
