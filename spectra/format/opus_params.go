package format

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"strconv"
	"strings"
	"time"

	"fentrace/spectra"
)

// opusParams are the parameters of a block by their three-letter codes, as text. Numbers are printed so that they read
// back the same.
type opusParams map[string]string

// The types of a parameter's value; everything above is text.
const (
	opusInteger = 0
	opusReal    = 1
)

// opusParameters reads a parameter block up to its END.
func opusParameters(raw []byte) (opusParams, error) {
	p := opusParams{}
	for at := 0; at+opusParamHeader <= len(raw); {
		code := string(raw[at : at+3])
		if code == "END" {
			break
		}
		kind, size := binary.LittleEndian.Uint16(raw[at+4:]), 2*int(binary.LittleEndian.Uint16(raw[at+6:]))
		at += opusParamHeader
		if !opusCode(code) {
			return nil, fmt.Errorf("%w: %q stands where the code of a parameter should (the file is damaged)", ErrInconsistent, code)
		}
		if at+size > len(raw) {
			return nil, fmt.Errorf("%w: parameter %q states %d bytes, its block has %d left (copy the file again)", ErrTruncated, code, size, len(raw)-at)
		}
		value := raw[at : at+size]
		at += size
		if len(p) == opusMaxParams {
			return nil, fmt.Errorf("%w: more than %d parameters in one block (the file is damaged)", ErrTooLarge, opusMaxParams)
		}
		switch {
		case kind == opusInteger && size >= 4:
			p[code] = strconv.Itoa(int(int32(binary.LittleEndian.Uint32(value))))
		case kind == opusReal && size >= 8:
			p[code] = strconv.FormatFloat(math.Float64frombits(binary.LittleEndian.Uint64(value)), 'g', -1, 64)
		case kind > opusReal:
			text, _, _ := strings.Cut(string(value[:min(len(value), opusMaxTextBytes)]), "\x00")
			if text = strings.TrimSpace(decodeText([]byte(text))); text != "" {
				p[code] = text
			}
		}
	}
	return p, nil
}

// opusCode reports whether s can be the code of a parameter. All known ones are capitals and digits.
func opusCode(s string) bool {
	for _, c := range []byte(s) {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return true
}

// number returns the value of a code when it is a finite number.
func (p opusParams) number(code string) (float64, bool) { return parseNumber(p[code]) }

// positive returns the first of the codes that holds a number above zero, 0 when none does.
func (p opusParams) positive(codes ...string) float64 {
	for _, c := range codes {
		if v, ok := p.number(c); ok && v > 0 {
			return v
		}
	}
	return 0
}

// addParameters keeps the parameters of one block: the status of a data block under the type of that block, all others
// under the role they describe. Where two blocks state the same, the first counts: OPUS writes what it adds later behind.
func (f *opusFile) addParameters(t opusType, p opusParams) error {
	if t.parameter == opusStatus {
		t.parameter = 0
		f.status[t] = append(f.status[t], p)
		return nil
	}
	of := 0
	if t.role == opusReference {
		of = opusReference
	}
	if f.params[of] == nil {
		f.params[of] = opusParams{}
	}
	for code, value := range p {
		if _, seen := f.params[of][code]; !seen {
			f.params[of][code] = value
		}
	}
	if len(f.params[of]) > opusMaxParams {
		return fmt.Errorf("%w: more than %d parameters (the file is damaged)", ErrTooLarge, opusMaxParams)
	}
	return nil
}

// describe turns the parameters into the metadata of what they describe. Blocks without a role are of the sample and of
// everything that the reference's own blocks do not say.
func (f *opusFile) describe() {
	sample := f.params[0]
	reference := opusParams{}
	maps.Copy(reference, sample)
	maps.Copy(reference, f.params[opusReference])
	f.sample, f.reference = opusMetadata(sample, "ASS", "NSS"), opusMetadata(reference, "ARS", "NSR")
	f.reference.SampleName, f.reference.Background = "", true
}

// opusMetadata maps the parameters with a place of their own; all of them stay in Fields. averages are the codes of the
// number of co-added scans.
func opusMetadata(p opusParams, averages ...string) spectra.Metadata {
	m := spectra.Metadata{SampleName: p["SNM"], Instrument: p["INS"], SerialNumber: p["SRN"], Operator: p["CNM"], Fields: map[string]string{}}
	maps.Copy(m.Fields, p)
	if n := p.positive(averages...); n >= 1 && n <= 1e9 {
		m.Averages = int(n)
	}
	m.ResolutionCM1 = p.positive("RES")
	m.LaserPowerMW = p.positive("RLP")
	if nm := 1e7 / p.positive("RLW"); plausibleLaser(nm) {
		m.LaserNM = nm
	}
	for _, value := range m.Fields {
		m.Simulated = m.Simulated || saysSimulated(value)
	}
	return m
}

// opusTime reads the date and time of a status block: "28/10/2020" (day first) or "2020/10/28", and
// "14:33:02.042 (GMT-5)". Without a zone the time is taken as UTC, as everywhere in this package.
func opusTime(date, clock string) time.Time {
	clock, zone, _ := strings.Cut(clock, " (")
	for _, d := range []string{"02/01/2006", "2006/01/02"} {
		t, err := time.Parse(d+" 15:04:05.999", date+" "+strings.TrimSpace(clock))
		if err != nil {
			continue
		}
		if offset, ok := opusZone(strings.TrimSuffix(zone, ")")); ok && offset != 0 {
			t = time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.FixedZone("", offset))
		}
		return t
	}
	return time.Time{}
}

// opusZone is the offset in seconds of "GMT-5", "UTC+5:30".
func opusZone(s string) (seconds int, ok bool) {
	rest, found := strings.CutPrefix(s, "GMT")
	if !found {
		rest, found = strings.CutPrefix(s, "UTC")
	}
	if !found {
		return 0, false
	}
	hours, minutes, _ := strings.Cut(rest, ":")
	h, err := strconv.Atoi(firstOf(hours, "0"))
	m, err2 := strconv.Atoi(firstOf(minutes, "0"))
	if err != nil || err2 != nil || h < -14 || h > 14 || m < 0 || m > 59 {
		return 0, false
	}
	if strings.HasPrefix(hours, "-") {
		m = -m
	}
	return 3600*h + 60*m, true
}
