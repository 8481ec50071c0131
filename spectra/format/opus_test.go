package format

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"fentrace/spectra"
	"fentrace/spectra/recorded"
)

// opusParam is one parameter to be written; the value is an int, a float64 or a string.
type opusParam struct {
	code  string
	value any
}

// opusPart is one block to be written.
type opusPart struct {
	kind opusType
	raw  []byte
}

func (t opusType) pack() uint32 {
	return uint32(t.part | t.role<<2 | t.parameter<<4 | t.data<<10 | t.order<<17 | t.extended<<19)
}

// encodeOPUS writes a file as the instrument does: header, room for the directory, blocks.
func encodeOPUS(parts ...opusPart) []byte {
	le := binary.LittleEndian
	out := []byte(opusMagic)
	out = le.AppendUint64(out, math.Float64bits(920622))
	out = le.AppendUint32(out, opusHeaderBytes)
	out = le.AppendUint32(out, 40)
	out = le.AppendUint32(out, uint32(len(parts)))
	at := opusHeaderBytes + opusEntryBytes*len(parts)
	for _, p := range parts {
		out = le.AppendUint32(out, p.kind.pack())
		out = le.AppendUint32(out, uint32(len(p.raw)/4))
		out = le.AppendUint32(out, uint32(at))
		at += len(p.raw)
	}
	for _, p := range parts {
		out = append(out, p.raw...)
	}
	return out
}

func encodeOPUSParams(params ...opusParam) []byte {
	le := binary.LittleEndian
	var out []byte
	put := func(code string, kind uint16, value []byte) {
		out = append(append(out, code...), 0)
		out = le.AppendUint16(out, kind)
		out = le.AppendUint16(out, uint16(len(value)/2))
		out = append(out, value...)
	}
	for _, p := range params {
		switch v := p.value.(type) {
		case int:
			put(p.code, opusInteger, le.AppendUint32(nil, uint32(v)))
		case float64:
			put(p.code, opusReal, le.AppendUint64(nil, math.Float64bits(v)))
		case string:
			text := append([]byte(v), 0)
			if len(text)%2 == 1 {
				text = append(text, 0xcc) // what stands behind the end of a text is left over from before
			}
			put(p.code, 2, text)
		}
	}
	put("END", 0, nil)
	for len(out)%4 != 0 {
		out = append(out, 0)
	}
	return out
}

func encodeOPUSFloats(y ...float32) []byte {
	var out []byte
	for _, v := range y {
		out = binary.LittleEndian.AppendUint32(out, math.Float32bits(v))
	}
	return out
}

func opusStatusOf(n int, first, last float64, more ...opusParam) []byte {
	p := []opusParam{{"DPF", 1}, {"NPT", n}, {"FXV", first}, {"LXV", last}, {"CSF", 1.0}, {"DXU", "WN"}, {"DAT", "28/10/2020"}, {"TIM", "14:33:02.042 (GMT-5)"}}
	for _, m := range more {
		if i := slices.IndexFunc(p, func(o opusParam) bool { return o.code == m.code }); i >= 0 {
			p[i] = m
		} else {
			p = append(p, m)
		}
	}
	return encodeOPUSParams(p...)
}

// opusPair is a data block with its status.
func opusPair(role, data int, values, status []byte) []opusPart {
	block := opusType{part: 3, role: role, data: data}
	stat := block
	stat.parameter = opusStatus
	return []opusPart{{block, values}, {stat, status}}
}

// opusMeasurement is a small file with everything kept, in an order that OPUS writes too: raw data first.
func opusMeasurement() []opusPart {
	parts := []opusPart{
		{opusType{parameter: 10}, encodeOPUSParams(opusParam{"SNM", "powder \xb5"}, opusParam{"CNM", "AB"})},
		{opusType{parameter: 4}, encodeOPUSParams(opusParam{"APF", "NBM"}, opusParam{"PHZ", "ML"})},
		{opusType{parameter: 3}, encodeOPUSParams(opusParam{"AQM", "DD"}, opusParam{"RES", 4.0}, opusParam{"NSS", 16})},
		{opusType{parameter: 2}, encodeOPUSParams(opusParam{"HFL", 15800.0}, opusParam{"LFL", 0.0}, opusParam{"ASS", 15}, opusParam{"INS", "VERTEX"}, opusParam{"SRN", "7"})},
		{opusType{role: opusReference, parameter: 2}, encodeOPUSParams(opusParam{"HFL", 15900.0}, opusParam{"LFL", 0.0}, opusParam{"ARS", 32})},
		{opusType{role: opusReference, parameter: 3}, encodeOPUSParams(opusParam{"AQM", "SN"})},
	}
	points := opusParam{"DXU", "PNT"}
	parts = append(parts, opusPair(opusReference, 2, encodeOPUSFloats(1, 2, 3, 4), opusStatusOf(4, 0, 3, points, opusParam{"CSF", 0.5}))...)
	parts = append(parts, opusPair(opusSample, 2, encodeOPUSFloats(0, 9, 8, 1), opusStatusOf(4, 0, 3, points))...)
	parts = append(parts, opusPair(opusSample, 1, encodeOPUSFloats(.1, .2, .3), opusStatusOf(3, 4000, 2000))...)
	parts = append(parts, opusPair(opusReference, 1, encodeOPUSFloats(.2, .2, .3), opusStatusOf(3, 4000, 2000))...)
	return append(parts, opusPair(opusRatio, 4, encodeOPUSFloats(.3, 0, 0, 7), opusStatusOf(3, 4000, 2000))...) // one more value than points
}

func TestOPUSReturnsTheResultThenTheBeamsThenTheInterferograms(t *testing.T) {
	got, err := Read("x/scan.0", encodeOPUS(opusMeasurement()...))
	if err != nil {
		t.Fatal(err)
	}
	want := []struct {
		title     string
		technique spectra.Technique
		x, y      spectra.Unit
		first     []float64
		sweeps    int
		interval  float64
		averages  int
	}{
		{"powder µ", spectra.IR, spectra.PerCM, spectra.Absorbance, []float64{.3, 0, 0}, 0, 0, 15},
		{"powder µ: single beam of the sample", spectra.Other, spectra.PerCM, spectra.SingleBeam, []float64{.1, .2, .3}, 0, 0, 15},
		{"powder µ: single beam of the reference", spectra.Other, spectra.PerCM, spectra.SingleBeam, []float64{.2, .2, .3}, 0, 0, 32},
		{"powder µ: interferogram of the reference", spectra.Other, spectra.DataPoint, spectra.Arbitrary, []float64{.5, 1, 1.5, 2}, 1, 1. / 31800, 32},
		{"powder µ: interferogram of the sample", spectra.Other, spectra.DataPoint, spectra.Arbitrary, []float64{0, 9, 8, 1}, 2, 1. / 31600, 15},
	}
	if len(got) != len(want) {
		t.Fatalf("%d spectra, want %d", len(got), len(want))
	}
	for i, w := range want {
		s, m := got[i], got[i].Metadata
		near(t, w.title, s.Y, w.first, 1e-7)
		if s.Title != w.title || s.Technique != w.technique || s.XUnit != w.x || s.YUnit != w.y || m.Sweeps != w.sweeps || m.SamplingIntervalCM != w.interval ||
			m.Averages != w.averages || m.Background != strings.HasSuffix(w.title, "reference") || m.Instrument != "VERTEX" || m.ResolutionCM1 != 4 || m.Fields["APF"] != "NBM" {
			t.Errorf("%d: %q %s %s %s %+v", i+1, s.Title, s.Technique, s.XUnit, s.YUnit, m)
		}
		if at := time.Date(2020, 10, 28, 19, 33, 2, 42e6, time.UTC); !m.Acquired.Equal(at) {
			t.Errorf("%d: acquired %v, want %v", i+1, m.Acquired, at)
		}
	}
	if x := got[0].X; x[0] != 4000 || x[1] != 3000 || x[2] != 2000 {
		t.Errorf("axis %v", x)
	}
}

func TestOPUSKindsOfData(t *testing.T) {
	cases := []struct {
		kind      opusType
		technique spectra.Technique
		unit      spectra.Unit
		says      string
	}{
		{opusType{part: 3, role: opusRatio, data: 4}, spectra.IR, spectra.Absorbance, "scan"},
		{opusType{part: 3, role: opusRatio, data: 5}, spectra.IR, spectra.Absorbance, "scan"}, // transmittance is converted
		{opusType{part: 3, role: opusRatio, data: 6}, spectra.IR, spectra.KubelkaMunk, "scan"},
		{opusType{part: 3, role: opusRatio, data: 10}, spectra.Raman, spectra.Intensity, "scan"},
		{opusType{part: 3, role: opusRatio, data: 12}, spectra.IR, spectra.Reflectance, "scan"},
		{opusType{part: 3, role: opusRatio, data: 16}, spectra.IR, "ATR", "scan"},
		{opusType{part: 3, role: opusRatio, data: 18}, spectra.Other, spectra.Arbitrary, "scan"},
		{opusType{part: 3, role: opusRatio, data: 99}, spectra.Other, spectra.Arbitrary, "scan: data of kind 99"},
		{opusType{part: 3, role: opusSample, data: 1}, spectra.Other, spectra.SingleBeam, "scan: single beam of the sample"},
		{opusType{part: 3, role: opusReference, data: 3}, spectra.Other, "radian", "scan: phase of the reference"},
		{opusType{part: 3, role: opusRatio, data: 4, order: 2}, spectra.Other, spectra.Arbitrary, "scan: second derivative of absorbance"},
		{opusType{part: 2, role: opusSample, data: 1}, spectra.Other, spectra.SingleBeam, "scan: imaginary part of the single beam of the sample"},
	}
	for _, c := range cases {
		stat := c.kind
		stat.parameter = opusStatus
		got, err := Read("scan.3", encodeOPUS(opusPart{c.kind, encodeOPUSFloats(.5, .25, .125)}, opusPart{stat, opusStatusOf(3, 1000, 800)}))
		if err != nil {
			t.Errorf("%+v: %v", c.kind, err)
			continue
		}
		if s := got[0]; s.Title != c.says || s.Technique != c.technique || s.YUnit != c.unit {
			t.Errorf("%+v: %q, %s in %s", c.kind, s.Title, s.Technique, s.YUnit)
		}
	}
}

func TestOPUSIntegersAreScaled(t *testing.T) {
	var values []byte
	for _, v := range []int32{-8, 0, 1 << 30} {
		values = binary.LittleEndian.AppendUint32(values, uint32(v))
	}
	got, err := Read("scan.0", encodeOPUS(opusPair(opusRatio, 4, values, opusStatusOf(3, 900, 700, opusParam{"DPF", 2}, opusParam{"CSF", 0.25}))...))
	if err != nil {
		t.Fatal(err)
	}
	near(t, "values", got[0].Y, []float64{-2, 0, 1 << 28}, 0)
}

// opusSeriesBlock is a block of n spectra of 3 points, each with a status of info bytes.
func opusSeriesBlock(n, info int) []byte {
	var out []byte
	for _, v := range []int{0, n, 24, 12, info, 0} {
		out = binary.LittleEndian.AppendUint32(out, uint32(v))
	}
	for i := range n {
		out = append(append(out, encodeOPUSFloats(float32(i), 1, 2)...), make([]byte, info)...)
	}
	return out
}

func TestOPUSSeriesGivesEachSpectrum(t *testing.T) {
	parts := opusPair(opusRatio, 4, opusSeriesBlock(5, 148), opusStatusOf(3, 900, 700))
	parts[0].kind.extended, parts[1].kind.extended = opusSeries, opusSeries
	got, err := Read("run.0", encodeOPUS(parts...))
	if err != nil || len(got) != 5 {
		t.Fatalf("%d spectra, %v", len(got), err)
	}
	for i, s := range got {
		near(t, s.Title, s.Y, []float64{float64(i), 1, 2}, 0)
	}
	if got[4].Title != "run: absorbance, 5 of 5" {
		t.Errorf("title %q", got[4].Title)
	}
}

func TestOPUSInterferogramsSayHowTheyWereSampled(t *testing.T) {
	for name, c := range map[string]struct {
		params   []opusParam
		points   int
		interval float64
		sweeps   int
		warns    string
	}{
		"highest wavenumber":          {[]opusParam{{"HFL", 7900.0}, {"LWN", 15800.0}, {"SSP", 2}}, 4, 1. / 15800, 1, ""},
		"every half fringe":           {[]opusParam{{"LWN", 15800.0}, {"SSP", 1}}, 4, 1. / 31600, 1, ""},
		"a spacing that is not known": {[]opusParam{{"LWN", 15800.0}, {"SSP", 2}}, 4, 0, 0, "does not state its sampling"},
		"undersampled":                {[]opusParam{{"HFL", 15800.0}, {"LFL", 7900.0}}, 4, 0, 0, "undersampled (7900 to 15800 cm-1)"},
		"forward and backward":        {[]opusParam{{"HFL", 15800.0}, {"AQM", "SD"}, {"GBW", 8}}, 4, 1. / 31600, 2, ""},
		"no scan backward":            {[]opusParam{{"HFL", 15800.0}, {"AQM", "SD"}, {"GBW", 0}}, 4, 1. / 31600, 1, ""},
		"an odd number of points":     {[]opusParam{{"HFL", 15800.0}, {"AQM", "DD"}}, 3, 1. / 31600, 1, ""},
		"one direction":               {[]opusParam{{"HFL", 15800.0}, {"AQM", "DN"}}, 4, 1. / 31600, 1, ""},
	} {
		parts := append(opusPair(opusSample, 2, encodeOPUSFloats(1, 2, 3, 4), opusStatusOf(c.points, 0, float64(c.points-1), opusParam{"DXU", "PNT"})),
			opusPart{opusType{parameter: 2}, encodeOPUSParams(c.params...)})
		got, err := Read("scan.0", encodeOPUS(parts...))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		m := got[0].Metadata
		if all := strings.Join(m.Warnings, " "); m.SamplingIntervalCM != c.interval || m.Sweeps != c.sweeps || !strings.Contains(all, c.warns) || c.warns == "" && all != "" {
			t.Errorf("%s: interval %g, %d sweeps, %q", name, m.SamplingIntervalCM, m.Sweeps, all)
		}
	}
}

func TestOPUSBlocksOfOneKindHaveTheirOwnAxes(t *testing.T) {
	parts := append(opusPair(opusRatio, 4, encodeOPUSFloats(1, 2, 3), opusStatusOf(3, 900, 700)), opusPair(opusRatio, 4, encodeOPUSFloats(4, 5), opusStatusOf(2, 2000, 1000))...)
	got, err := Read("two.0", encodeOPUS(parts...))
	if err != nil || len(got) != 2 || len(got[0].X) != 3 || len(got[1].X) != 2 || got[1].X[0] != 2000 || got[1].Y[1] != 5 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestOPUSRefusesWhatCannotBeRight(t *testing.T) {
	le := binary.LittleEndian
	good := func(change func(raw []byte) []byte) []byte {
		return change(encodeOPUS(opusPair(opusRatio, 4, encodeOPUSFloats(1, 2, 3), opusStatusOf(3, 900, 700))...))
	}
	with := func(p opusParam) []byte {
		return encodeOPUS(opusPair(opusRatio, 4, encodeOPUSFloats(1, 2, 3), opusStatusOf(3, 900, 700, p))...)
	}
	series := func(raw []byte) []byte {
		parts := opusPair(opusRatio, 4, raw, opusStatusOf(3, 900, 700))
		parts[0].kind.extended, parts[1].kind.extended = opusSeries, opusSeries
		return encodeOPUS(parts...)
	}
	overlapping := encodeOPUS(slices.Repeat(opusPair(opusRatio, 4, encodeOPUSFloats(make([]float32, 300)...), opusStatusOf(3, 900, 700)), 10)...)
	first := overlapping[opusHeaderBytes:][:2*opusEntryBytes]
	copy(overlapping[opusHeaderBytes:], slices.Repeat(first, 10)) // 10 blocks stay, all pointing at the first one's bytes
	overlapping = overlapping[:len(overlapping)*3/10]
	var many []opusPart
	for block := range 3 {
		var p []opusParam
		for i := range 500 {
			p = append(p, opusParam{fmt.Sprintf("%d%c%c", block, 'A'+i/26, 'A'+i%26), 1})
		}
		many = append(many, opusPart{opusType{parameter: 3}, encodeOPUSParams(p...)})
	}
	cases := map[string]struct {
		raw   []byte
		cause error
		says  string
	}{
		"too many parameters":  {encodeOPUS(many...), ErrTooLarge, "more than 1024 parameters"},
		"cut in the directory": {good(func(r []byte) []byte { return r[:30] }), ErrTruncated, "directory of 2 blocks"},
		"cut in the data":      {good(func(r []byte) []byte { return r[:55] }), ErrTruncated, "block 1 of the directory is 12 bytes"},
		"a million blocks":     {good(func(r []byte) []byte { le.PutUint32(r[20:], 1e6); return r }), ErrTooLarge, "1000000 blocks"},
		"directory far out":    {good(func(r []byte) []byte { le.PutUint32(r[12:], 1<<31); return r }), ErrTruncated, "directory"},
		"only a report":        {encodeOPUS(opusPart{opusType{role: 3, data: 4, extended: 1}, make([]byte, 40)}), ErrNoSpectrum, "0 blocks of parameters"},
		"no status":            {encodeOPUS(opusPair(opusRatio, 4, encodeOPUSFloats(1), nil)[0]), ErrInconsistent, "no status block"},
		"more points":          {with(opusParam{"NPT", 4}), ErrTruncated, "states 4 points, its block holds 3"},
		"no points":            {with(opusParam{"NPT", 0}), ErrInconsistent, `states "0" points`},
		"a negative number":    {with(opusParam{"NPT", -1}), ErrInconsistent, `states "-1" points`},
		"text for a number":    {with(opusParam{"FXV", "left"}), ErrInconsistent, `axis "left" to "700"`},
		"an axis of no length": {with(opusParam{"LXV", 900.0}), ErrInconsistent, `axis "900" to "900"`},
		"an endless axis":      {with(opusParam{"LXV", math.Inf(1)}), ErrInconsistent, `to "+Inf"`},
		"8-byte values":        {with(opusParam{"DPF", 3}), ErrUnknownFormat, `data point format "3"`},
		"not a number":         {encodeOPUS(opusPair(opusRatio, 4, encodeOPUSFloats(1, float32(math.NaN()), 3), opusStatusOf(3, 900, 700))...), spectra.ErrNotFinite, "value 2"},
		"a long parameter":     {good(func(r []byte) []byte { le.PutUint16(r[66:], 60000); return r }), ErrTruncated, `parameter "DPF" states 120000 bytes`},
		"no parameter":         {good(func(r []byte) []byte { r[60] = 0xff; return r }), ErrInconsistent, "code of a parameter"},
		"a long series":        {series(opusSeriesBlock(5, 148)[:600]), ErrTruncated, "a series of 5 spectra"},
		"a series of a header": {series(make([]byte, 8)), ErrTruncated, "header alone 24"},
		"blocks on each other": {overlapping, ErrInconsistent, "overlap"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := Read("scan.0", c.raw)
			if !errors.Is(err, c.cause) || !strings.Contains(err.Error(), c.says) || got != nil {
				t.Errorf("%d spectra, %v\nwant %v, saying %q", len(got), err, c.cause, c.says)
			}
		})
	}
}

func TestOPUSDatesAndZones(t *testing.T) {
	for _, c := range []struct{ date, clock, want string }{
		{"28/10/2020", "14:33:02.042 (GMT-5)", "2020-10-28T14:33:02.042-05:00"},
		{"2020/10/28", "14:33:02 (GMT+5:30)", "2020-10-28T14:33:02+05:30"},
		{"01/02/1999", "04:05:06", "1999-02-01T04:05:06Z"},
		{"01/02/1999", "04:05:06 (GMT-99)", "1999-02-01T04:05:06Z"},
		{"31/31/1999", "04:05:06", "0001-01-01T00:00:00Z"},
	} {
		if got := opusTime(c.date, c.clock).Format(time.RFC3339Nano); got != c.want {
			t.Errorf("%s %s: %s, want %s", c.date, c.clock, got, c.want)
		}
	}
}

func TestRealOPUSFile(t *testing.T) {
	got := mustRead(t, recorded.Path(t, "formats", "opus", "ftir_ps.0"))
	if len(got) != 5 {
		t.Fatalf("%d spectra, want 5", len(got))
	}
	a, sample, reference := got[0], got[1], got[2]
	if a.Technique != spectra.IR || a.YUnit != spectra.Absorbance || len(a.X) != 2126 || a.X[0] != 4497.5367913246155 || a.X[2125] != 399.2238918542862 || a.Title != "sample1_PSnew" {
		t.Errorf("absorbance: %q %s %s, %d points from %g", a.Title, a.Technique, a.YUnit, len(a.X), a.X[0])
	}
	// The file holds the absorbance and the two single beams it was computed from; the reference has four points more in front.
	computed := make([]float64, len(a.X))
	for i := range computed {
		computed[i] = -math.Log10(sample.Y[i] / reference.Y[i+4])
		if d := a.X[i] - reference.X[i+4]; math.Abs(d) > 1e-9 {
			t.Fatalf("axes differ by %g at point %d", d, i)
		}
	}
	near(t, "absorbance", a.Y, computed, 1e-7)
	for i, s := range got[3:] {
		m := s.Metadata
		if len(s.X) != 29460 || m.Sweeps != 2 || math.Abs(m.SamplingIntervalCM-1/(2*15799.2373046875)) > 1e-15 || m.Averages != 60 || m.Background != (i == 1) || m.Fields["APF"] != "NBM" {
			t.Errorf("interferogram %d: %d points, %+v", i+1, len(s.X), m)
		}
	}
}

func FuzzOPUS(f *testing.F) {
	f.Add(encodeOPUS(opusMeasurement()...))
	parts := opusPair(opusRatio, 4, opusSeriesBlock(5, 148), opusStatusOf(3, 900, 700))
	parts[0].kind.extended, parts[1].kind.extended = opusSeries, opusSeries
	f.Add(encodeOPUS(parts...))
	fuzz(f, readOPUS)
}
