package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"fentrace/device"
	"fentrace/device/acquire"
)

// liveEvery is how often a live preview is said where there is no terminal to draw it on, by the clock of the frames.
const liveEvery = time.Second

// preview shows what the detector sees until Enter is pressed, the time for which the laser may stay on is over, or the
// command is interrupted. The laser is off when it returns. The end of the standard input counts as Enter once a frame
// was shown, so that a script goes on.
func (env *environment) preview(dev device.Spectrometer, s acquire.Settings) error {
	ctx, cancel := context.WithCancel(env.ctx)
	defer cancel()
	entered, shown := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(entered)
		_, _ = bufio.NewReaderSize(env.stdin, 16).ReadString('\n') // an error is the end of the input
	}()
	go func() {
		for _, c := range []chan struct{}{entered, shown} {
			select {
			case <-c:
			case <-ctx.Done():
				return
			}
		}
		cancel()
	}()
	view := liveView{w: env.stderr, inPlace: isTerminal(env.stderr)}
	err := acquire.Preview(ctx, dev, s, func(l acquire.Live) {
		view.show(l)
		if l.Number == 1 {
			close(shown)
		}
	})
	view.clear()
	switch {
	case err != nil:
		return err
	case env.ctx.Err() != nil:
		return env.ctx.Err()
	case ctx.Err() != nil: // Enter
		return nil
	}
	fmt.Fprintf(env.stderr, "The laser is off: a preview ends after %v. Press Enter to take the scan. ", acquire.MaxPreview)
	select {
	case <-entered:
		return nil
	case <-env.ctx.Done():
		fmt.Fprintln(env.stderr)
		return env.ctx.Err()
	}
}

// liveView draws frames in place on a terminal; elsewhere it says a line now and then.
type liveView struct {
	w       io.Writer
	inPlace bool
	rows    int // drawn last
	said    time.Time
}

func (v *liveView) show(l acquire.Live) {
	if !v.inPlace {
		if v.said.IsZero() || l.Frame.Started.Sub(v.said) >= liveEvery {
			v.said = l.Frame.Started
			fmt.Fprintln(v.w, "live: "+liveText(l))
		}
		return
	}
	title := "LIVE: Enter takes the scan, Ctrl-C ends"
	if l.Spectrum.Metadata.Simulated {
		title = simulatedTag + " " + title
	}
	lines := append([]string{title}, draw(l.Spectrum)...)
	lines = append(lines, wrap(liveText(l), 0)...)
	var b strings.Builder
	if v.rows > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", v.rows)
	}
	for _, line := range lines {
		b.WriteString("\r\x1b[K" + strings.TrimRight(line, " ") + "\r\n")
	}
	b.WriteString("\x1b[J") // of a longer drawing before
	v.rows = len(lines)
	fmt.Fprint(v.w, b.String())
}

// clear takes the drawing away.
func (v *liveView) clear() {
	if v.rows > 0 {
		fmt.Fprintf(v.w, "\x1b[%dA\r\x1b[J", v.rows)
	}
}

// liveText says in words what a frame shows.
func liveText(l acquire.Live) string {
	text := fmt.Sprintf("frame %d of %v, highest pixel at %.0f %% of full scale", l.Number, l.Frame.IntegrationTime, 100*l.Peak)
	if n := l.Spectrum.Metadata.SaturatedPoints; n > 0 {
		text += fmt.Sprintf(", %d points SATURATED", n)
	}
	if l.Rate > 0 {
		text += fmt.Sprintf(", %.1f frames a second", l.Rate)
	}
	return text
}
