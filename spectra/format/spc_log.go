package format

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"fentrace/spectra"
)

// spcLog is the text of the log block.
type spcLog struct {
	fields    map[string]string
	order     []string
	bytes     int             // that the fields take, roughly
	raman     bool            // it holds the word
	simulated bool            // it holds the word
	wire      bool            // written by Renishaw's WiRE
	own       map[int]*spcOwn // what WriteSPC wrote of each subfile
}

// spcOwnKey begins the line of one spectrum in the logs that WriteSPC writes: "fentrace 3={...}".
const spcOwnKey = "fentrace "

// spcOwn is a spectrum without its points.
type spcOwn struct {
	Title     string            `json:"title"`
	Technique spectra.Technique `json:"technique"`
	XUnit     spectra.Unit      `json:"x_unit"`
	YUnit     spectra.Unit      `json:"y_unit"`
	Peaks     bool              `json:"peaks,omitempty"`
	Points    int               `json:"points"`
	Metadata  spectra.Metadata  `json:"metadata"`
}

// restore puts what WriteSPC knew of a spectrum of points values in the place of what the header says, and reports
// whether it could. When another program has changed units, points or the number of spectra since, the line may be that
// of another spectrum: then title and units stay those of the header, and a mark SIMULATED anywhere in the log counts.
func (f *spcFile) restore(s *spectra.Spectrum, own *spcOwn, points int) bool {
	header := s.Metadata
	s.Metadata = own.Metadata
	if s.Metadata.Fields == nil {
		s.Metadata.Fields = map[string]string{}
	}
	written := spcTypesOf(own.Technique, own.XUnit, own.YUnit)
	if written == (spcTypes{f.experiment, f.xType, f.yType}) && own.Points == points && len(f.log.own) == f.subfiles {
		s.Title, s.Technique, s.XUnit, s.YUnit, s.Peaks = own.Title, own.Technique, own.XUnit, own.YUnit, own.Peaks
		return true
	}
	s.Metadata.Simulated = own.Metadata.Simulated || header.Simulated
	s.Metadata.Warnings = append(s.Metadata.Warnings, header.Warnings...)
	warn(&s.Metadata, "Another program has changed the file since Fentrace wrote it; title and units are those of its header.")
	return false
}

// readLog reads the log block: 64 bytes that say how long it is and where its text begins, then the text.
func (f *spcFile) readLog() {
	f.log = spcLog{fields: map[string]string{}, own: map[int]*spcOwn{}}
	at := f.logBlock
	if at == 0 {
		return
	}
	if at < f.body || len(f.raw)-at < 64 {
		f.notes = append(f.notes, fmt.Sprintf("The log block at byte %d does not lie in the file; its text is lost.", at))
		return
	}
	size, text := int(f.u32(at)), int(f.u32(at+8))
	end := at + min(size, len(f.raw)-at)
	if text < 64 || at+text > end {
		f.notes = append(f.notes, fmt.Sprintf("The text of the log block begins at byte %d of %d; it is lost.", text, size))
		return
	}
	f.log.read(decodeText(beforeZero(f.raw[at+text : end])))
}

// read takes "KEY=VALUE" and "KEY = VALUE" lines as fields, everything else as remarks.
func (l *spcLog) read(text string) {
	l.raman, l.wire = ramanWord.MatchString(text), strings.Contains(text, "[WiRE")
	var remarks []string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		key, value, ok := strings.Cut(line, "=")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		if index, found := strings.CutPrefix(key, spcOwnKey); ok && found && l.readOwn(index, value) {
			continue
		}
		l.simulated = l.simulated || saysSimulated(line)
		if _, taken := l.fields[key]; !ok || key == "" || taken || len(l.fields) >= maxFields-16 {
			if line != "" {
				remarks = append(remarks, line)
			}
			continue
		}
		l.fields[key] = value
		l.order = append(l.order, key)
	}
	if len(remarks) > 0 {
		l.fields["log"] = strings.Join(remarks, "\n")
	}
	l.bytes = len(text) + 64*len(l.fields)
}

func (l *spcLog) readOwn(index, value string) bool {
	n, err := strconv.Atoi(index)
	own := &spcOwn{}
	if err != nil || n < 1 || n > maxFileSpectra || json.Unmarshal([]byte(value), own) != nil || jcampTypes[own.Technique][0] == "" {
		return false
	}
	l.own[n-1] = own
	return true
}

var nanometres = regexp.MustCompile(`(\d+(?:\.\d+)?) ?nm`)

// acquisition takes the labels that say how the spectrum was measured; the keys are those of GRAMS and of WiRE, which
// repeats a key in its value ("Exposure_time=Time: 3000", in milliseconds).
func (l *spcLog) acquisition(m *spectra.Metadata, x spectra.Unit, resolution string) {
	for _, label := range l.order {
		key, text := jcampKey(label), l.fields[label]
		_, value, repeated := strings.Cut(text, ": ")
		if !repeated {
			value = text
		}
		acquisition(m, key, value)
		switch key {
		case "LASER":
			if nm := nanometres.FindStringSubmatch(value); m.LaserNM == 0 && nm != nil {
				if v, ok := parseNumber(nm[1]); ok && plausibleLaser(v) {
					m.LaserNM = v
				}
			}
		case "EXPOSURETIME":
			if v, ok := milliseconds(value, "ms"); ok && repeated {
				m.IntegrationTimeMS = v
			}
		case "ACCUMULATIONS":
			if n, ok := wholeNumber(value); ok {
				m.Averages = n
			}
		case "SERIALNUMBER":
			m.SerialNumber = value
		case "MODEL":
			m.Instrument = value
		case "OPERATOR":
			m.Operator = value
		case "RES":
			resolution = firstOf(resolution, value)
		}
	}
	setResolution(m, resolution, x)
}
