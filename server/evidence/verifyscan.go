package evidence

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"

	"fentrace/device/acquire"
	"fentrace/library/identify"
	"fentrace/server/store"
	"fentrace/spectra"
)

// checkScan compares a scan with its bytes and with the log, and answers it again.
func (c *checking) checkScan(ctx context.Context, s manifestScan) error {
	raw, ok := find(c.members, s.Raw)
	if !ok {
		c.say(s.ID, Wrong, "its bytes are missing")
		return nil
	}
	if got := spectra.HashBytes(raw); got != s.SHA256 {
		c.say(s.Raw, Wrong, "the bytes as they came have the SHA-256 %s, scan %s was of %s", got, s.ID, s.SHA256)
		return nil
	}
	sc, ok := read[store.Scan](c, s.Scan)
	if !ok {
		c.say(s.ID, Wrong, "what is known of it is missing")
		return nil
	}
	if sc.ID != s.ID || sc.SHA256 != s.SHA256 || sc.SpectrumIndex != s.Index {
		c.say(s.Scan, Wrong, "it is about scan %s of the file %s, spectrum %d: another one", sc.ID, sc.SHA256, sc.SpectrumIndex)
		return nil
	}
	if sc.Simulated && !c.manifest.Simulated {
		c.say(s.Scan, Wrong, "it is SIMULATED, and the pack does not say so")
	}
	if err := c.checkCustody(s, sc); err != nil {
		return nil
	}
	return c.answerAgain(ctx, s, sc, raw)
}

// errMissing: what is missing was told.
var errMissing = errors.New("missing")

// checkCustody compares the scan with what the log says of it: its file, answer, spectrum and circumstances.
func (c *checking) checkCustody(s manifestScan, sc store.Scan) error {
	answer, ok := find(c.members, s.Answer)
	spectrum, there := find(c.members, s.Spectrum)
	if !ok || !there {
		c.say(s.ID, Wrong, "its answer or its spectrum is missing")
		return errMissing
	}
	c.checkRecords(s, sc)
	told, seq, ok := store.ToldByLog(s.ID, c.leaves())
	if !ok {
		c.say(s.ID, NotChecked, "no entry of the log in this pack says what it was: its custody is not proven")
		return nil
	}
	now := sc.Hashes(answer, spectrum)
	wrong := false
	for _, part := range []struct{ member, words, now, was string }{
		{s.Raw, "the bytes as they came are", now.File, told.File},
		{s.Answer, "the answer is", now.Answer, told.Answer},
		{s.Spectrum, "the spectrum is", now.Spectrum, told.Spectrum},
		{s.Scan, "the findings are", now.Findings, told.Findings},
		{s.Scan, "agency, file name, times, technique, instrument, verdict or words are", now.Facts, told.Facts},
		{s.Scan, "place, case, exhibit, officer or marking is", now.Said, told.Said},
	} {
		if part.now != part.was {
			c.say(part.member, Wrong, "%s not what entry %d of the log says of scan %s", part.words, seq, s.ID)
			wrong = true
		}
	}
	if wrong {
		return nil
	}
	since := ""
	if told.TakenOver {
		since = ". It was stored before the server kept a log; entry and custody begin when it was taken over"
	}
	c.say(s.ID, OK, "bytes, answer, spectrum and circumstances are what the log says of it%s", since)
	return nil
}

// answerAgain computes the answer from the bytes.
func (c *checking) answerAgain(ctx context.Context, s manifestScan, sc store.Scan, raw []byte) error {
	if c.Answer == nil {
		c.say(s.ID, NotChecked, "the answer was not computed again")
		return nil
	}
	all, _, err := acquire.ReadAll(s.FileName, raw)
	if err != nil {
		c.say(s.Raw, Wrong, "the bytes cannot be read any more: %v", err)
		return nil
	}
	one, there := nth(all, s.Index)
	if !there {
		c.say(s.Raw, Wrong, "it holds no spectrum of number %d, which the scan is of", s.Index+1)
		return nil
	}
	one.Metadata.SHA256 = s.SHA256
	now, err := c.Answer(ctx, one)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		c.say(s.ID, Wrong, "it cannot be answered again: %v", err)
		return nil
	}
	var was identify.Identification
	stored, _ := find(c.members, s.Answer)
	if err := json.Unmarshal(stored, &was); err != nil {
		c.say(s.Answer, Wrong, "it cannot be read: %v", err)
		return nil
	}
	if len(compare(sc.Identification, was)) > 0 {
		c.say(s.Scan, Wrong, "the answer in it is not the one that was stored")
	}
	differences := compare(was, now)
	agree := "It is the same answer"
	if len(differences) > 0 {
		agree = "It differs: " + strings.Join(differences, "; ")
	}
	switch {
	case was.Library != c.Library:
		c.say(s.ID, NotChecked, "it was answered with the library %s, which is not at hand (give it with --library). That at hand, %s, answers: %s. %s", was.Library, c.Library, now.Headline, agree)
	case was.Algorithm != now.Algorithm || was.Pipeline != now.Pipeline:
		c.say(s.ID, NotChecked, "it was answered by %s (%s), this program has %s (%s), which answers: %s. %s", was.Algorithm, was.Pipeline, now.Algorithm, now.Pipeline, now.Headline, agree)
	case len(differences) > 0:
		c.say(s.ID, Wrong, "computed again from the bytes with the same library and algorithm the answer differs: %s", strings.Join(differences, "; "))
	default:
		c.say(s.ID, OK, "computed again from the bytes: %s, with the same findings and probabilities", was.Headline)
	}
	return nil
}

func nth(all []spectra.Spectrum, index int) (spectra.Spectrum, bool) {
	for i, one := range spectra.Scans(all) {
		if i == index {
			return one, true
		}
	}
	return spectra.Spectrum{}, false
}

// probabilityTolerance is how far probabilities may lie apart that different processors compute.
const probabilityTolerance = 1e-6

// compare says in what two answers differ.
func compare(was, now identify.Identification) []string {
	var out []string
	if was.Verdict != now.Verdict || was.Headline != now.Headline {
		out = append(out, fmt.Sprintf("the answer was %q (%s), now it is %q (%s)", was.Headline, was.Verdict, now.Headline, now.Verdict))
	}
	if len(was.Findings) != len(now.Findings) {
		return append(out, fmt.Sprintf("there were %d findings, now there are %d", len(was.Findings), len(now.Findings)))
	}
	for i, f := range was.Findings {
		g := now.Findings[i]
		if f.Substance != g.Substance || f.Tier != g.Tier || f.Controlled != g.Controlled {
			out = append(out, fmt.Sprintf("finding %d was %s (%s), now it is %s (%s)", i+1, f.Substance, f.Tier, g.Substance, g.Tier))
		} else if !(math.Abs(f.Probability-g.Probability) <= probabilityTolerance) {
			out = append(out, fmt.Sprintf("the probability of %s was %.6g, now it is %.6g", f.Substance, f.Probability, g.Probability))
		}
	}
	return out
}
