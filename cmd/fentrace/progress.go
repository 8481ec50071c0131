package main

import (
	"fmt"
	"io"
	"time"

	"github.com/schollz/progressbar/v3"
)

// progressEvery is how often progress is said where there is no terminal to draw a bar on.
const progressEvery = 5 * time.Second

// progress tells how far a long task is: a bar with rate and time left on a terminal, a line every few seconds
// elsewhere, so that a log stays readable.
type progress struct {
	bar         *progressbar.ProgressBar
	w           io.Writer
	doing, unit string
	done, total int
	began, said time.Time
}

// newProgress begins a task of total units, for example "answering" 12 "files".
func (env *environment) newProgress(doing, unit string, total int) *progress {
	p := &progress{w: env.stderr, doing: doing, unit: unit, total: total, began: time.Now()}
	p.said = p.began
	if isTerminal(env.stderr) && total > 1 {
		p.bar = progressbar.NewOptions(total, progressbar.OptionSetWriter(env.stderr), progressbar.OptionSetDescription(doing),
			progressbar.OptionSetWidth(20), progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionSetItsString(unit),
			progressbar.OptionSetPredictTime(true), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish())
	}
	return p
}

// at says that done units are finished.
func (p *progress) at(done int) {
	p.done = done
	if p.bar != nil {
		p.bar.Set(done) // its error is that of writing to the terminal, which is no reason to stop
		return
	}
	now := time.Now()
	if now.Sub(p.said) < progressEvery || done >= p.total {
		return
	}
	p.said = now
	rate := float64(done) / now.Sub(p.began).Seconds()
	left := "unknown"
	if rate > 0 {
		left = time.Duration(float64(p.total-done) / rate * float64(time.Second)).Round(time.Second).String()
	}
	fmt.Fprintf(p.w, "%s: %d of %d %s, %.3g a second, about %s left\n", p.doing, done, p.total, p.unit, rate, left)
}

func (p *progress) step() { p.at(p.done + 1) }

// end takes the bar away.
func (p *progress) end() {
	if p.bar != nil {
		p.bar.Clear()
	}
}
