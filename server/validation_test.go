package server

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fentrace/library"
	"fentrace/library/identify"
	"fentrace/library/validate"
	"fentrace/server/api"
	"fentrace/spectra"
)

func TestTheServerSaysWhatItsProbabilitiesAreWorth(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lab.db")
	file, err := library.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := file.PutSubstance(asProgram(t), library.Substance{ID: "caffeine", Name: "caffeine"}); err != nil {
		t.Fatal(err)
	}
	ask := func() (report api.ValidationReport) {
		t.Helper()
		stack, err := library.OpenStack(asProgram(t), nil, path)
		if err != nil {
			t.Fatal(err)
		}
		r := start(t, func(c *Config) { c.Library = stack })
		r.do("GET", "/v1/library/validation", nil).into(t, &report)
		if report.Library != stack.Version() {
			t.Errorf("about library %s, it is %s", report.Library, stack.Version())
		}
		return report
	}
	if r := ask(); r.Made != nil || !strings.Contains(strings.Join(r.Sentences, " "), "never validated") ||
		!strings.Contains(strings.Join(r.Sentences, " "), "fentrace library validate --library lab.db") {
		t.Errorf("before: %+v", r)
	}
	stack, err := library.OpenStack(asProgram(t), nil, path)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(validate.Report{Calibration: identify.Calibration{Stated: 0.87, Alarm: 0.66}, ECE: 0.021, Drawn: 960,
		KnownSingle: validate.Outcomes{N: 10, Stated: 9, Silent: 1}, Reliability: []validate.Bin{{N: 4, Predicted: 0.9, Right: 1}},
		Decoys: validate.Decoys{Subset: "two", Counts: []validate.DecoyCount{{Probability: 0.66, Stated: 5, FDR: 0.2}}}, NoAnalogs: "too few", Changed: []string{"more spectra"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := file.PutValidation(asProgram(t), library.Validation{LibraryVersion: stack.Version(), Technique: spectra.Raman, Made: time.Now(), Report: raw}); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	r := ask()
	said := strings.Join(r.Sentences, " ")
	for _, want := range []string{"from a probability of 0.87", "alarms from 0.66", "off by 2.1 %", "cannot be told: too few", "Changed: more spectra"} {
		if !strings.Contains(said, want) {
			t.Errorf("%q lacks %q", said, want)
		}
	}
	if r.Made == nil || len(r.Tables) != 3 || len(r.Tables[0].Rows) != 1 || r.Tables[1].Rows[0][1] != "100 %" || r.Tables[2].Rows[0][3] != "20.0 %" {
		t.Errorf("%+v", r)
	}
}
