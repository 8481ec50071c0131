package acquire

import (
	"context"
	"fmt"
	"math"
	"time"

	"fentrace/device"
)

// judgedFrames bounds the frames among which the noise is measured while frames are added.
const judgedFrames = 50

// coAdd takes the frames of the sample: Averages of them, or until TargetSNR, and no longer than MaxTime. It returns
// how many dark frames are wanted.
func (r *run) coAdd(ctx context.Context, scan *Scan) (dark int, err error) {
	goal, judged := r.set.Averages, quality{}
	if r.set.TargetSNR > 0 {
		goal = max(goal, 2)
	}
	check := goal
	for n := 0; n < goal; n++ {
		if n > 0 && r.set.MaxTime > 0 && time.Duration(n+1)*period(scan.Frames, r.set) > r.set.MaxTime {
			break
		}
		f, err := r.frame(ctx, Progress{Stage: StageSample, Frame: n + 1, Frames: goal, IntegrationTime: r.set.IntegrationTime,
			SNR: judged.snr, Left: r.left(scan.Frames, goal)})
		if err != nil {
			return 0, fmt.Errorf("%s frame %d of %d: %w", StageSample, n+1, goal, err)
		}
		scan.Frames = append(scan.Frames, f)
		if r.set.TargetSNR == 0 || n+1 < check {
			continue
		}
		// Judging takes longer with every frame, so it is done each time their number grew by a tenth.
		check = n + 2 + (n+1)/10
		judged = r.judge(*scan)
		if judged.snr >= r.set.TargetSNR {
			break
		}
		goal = r.forecast(n+1, judged.snr)
	}
	if r.set.TargetSNR == 0 {
		return len(scan.Frames), nil
	}
	return min(max(judged.dark, 1), len(scan.Frames)), nil
}

// judge tells what the frames so far are worth, with the dark frames there are or will be. It looks at the newest
// judgedFrames only, which tell the noise of one frame well enough, so that the laser does not wait for arithmetic.
func (r *run) judge(scan Scan) quality {
	n := len(scan.Frames)
	scan.Frames = scan.Frames[max(n-judgedFrames, 0):]
	light := scan.combine(scan.Frames)
	light.n = n
	switch {
	case len(scan.Dark) > 0:
		return scan.judge(light, scan.combine(scan.Dark).mean, len(scan.Dark))
	case r.controlled:
		return scan.judge(light, nil, -1)
	}
	return scan.judge(light, nil, 0)
}

// forecast is how many frames the target will take: noise falls with the square root of their number.
func (r *run) forecast(n int, snr float64) int {
	if snr <= 0 {
		return MaxAverages
	}
	ratio := r.set.TargetSNR / snr
	return int(min(max(math.Ceil(float64(n)*ratio*ratio), float64(n+1)), MaxAverages))
}

func (r *run) left(frames []device.Frame, goal int) time.Duration {
	one := period(frames, r.set)
	left := time.Duration(goal-len(frames)) * one
	if r.set.MaxTime > 0 {
		left = min(left, r.set.MaxTime-time.Duration(len(frames))*one)
	}
	return max(left, 0)
}

// period is how long a frame takes, wire included: from start to start, before the second frame its exposure.
func period(frames []device.Frame, s Settings) time.Duration {
	n := len(frames)
	if n < 2 {
		return s.IntegrationTime
	}
	return max(frames[n-1].Started.Sub(frames[0].Started)/time.Duration(n-1), s.IntegrationTime)
}
