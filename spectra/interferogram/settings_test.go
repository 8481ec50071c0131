package interferogram

import (
	"strings"
	"testing"

	"fentrace/spectra"
)

func TestSettingsAreTakenFromTheFile(t *testing.T) {
	type fields map[string]string
	changed := func(change func(*Settings)) Settings {
		s := Default()
		change(&s)
		return s
	}
	for name, c := range map[string]struct {
		m    spectra.Metadata
		want Settings
		note string
	}{
		"nothing stated": {spectra.Metadata{}, Default(), ""},
		"all stated": {spectra.Metadata{ResolutionCM1: 8, Fields: fields{"APF": "B3", "PHZ": "PW", "ZFF": "4", "RES": "2", "PHR": "16", "LFQ": "7800", "HFQ": "350"}},
			Settings{BlackmanHarris3, Power, 2, 16, 4, 350, 7800}, ""},
		"written again as JCAMP-DX":    {spectra.Metadata{Fields: fields{"$APF": "HG", "$PHZ": "MS"}}, changed(func(s *Settings) { s.Apodisation, s.Phase = HappGenzel, MertzSigned }), ""},
		"resolution of another format": {spectra.Metadata{ResolutionCM1: 8}, changed(func(s *Settings) { s.ResolutionCM1 = 8 }), ""},
		"a window that is not here":    {spectra.Metadata{Fields: fields{"APF": "4P"}}, Default(), `apodisation "4P"`},
		"a phase that is not here":     {spectra.Metadata{Fields: fields{"PHZ": "FM"}}, Default(), `phase correction "FM"`},
		"zero filling by 3":            {spectra.Metadata{Fields: fields{"ZFF": "3"}}, Default(), `zero filling by "3"`},
		"nonsense for numbers":         {spectra.Metadata{Fields: fields{"RES": "-4", "PHR": "Inf", "LFQ": "NaN", "HFQ": "x"}}, Default(), ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, notes := FromFile(c.m)
			if got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
			if all := strings.Join(notes, " "); !strings.Contains(all, c.note) || c.note == "" && all != "" {
				t.Errorf("notes %q, want %q", all, c.note)
			}
			if err := got.Validate(); err != nil {
				t.Error(err)
			}
		})
	}
}
