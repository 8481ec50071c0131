package library

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"fentrace/spectra"
)

func TestAValidationCountsForExactlyTheStackItWasMadeOf(t *testing.T) {
	f := filled(t)
	path := f.Path()
	defer f.Close()
	st, err := OpenStack(t.Context(), nil, path)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := st.Validation(spectra.Raman); ok {
		t.Fatal("a library that was never validated has a validation")
	}
	day := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	put := func(version string, at time.Time, report string) {
		t.Helper()
		if err := f.PutValidation(t.Context(), Validation{version, spectra.Raman, at, json.RawMessage(report)}); err != nil {
			t.Fatal(err)
		}
	}
	put("another", day.Add(time.Hour), `{"n":1}`)
	put(st.Version(), day, `{"n":2}`)
	again, err := OpenStack(t.Context(), nil, path)
	if err != nil {
		t.Fatal(err)
	}
	if again.Version() != st.Version() {
		t.Error("a validation changed the version of the library")
	}
	if v, ok := again.Validation(spectra.Raman); !ok || string(v.Report) != `{"n":2}` || !v.Made.Equal(day) {
		t.Errorf("%+v, %v", v, ok)
	}
	if v, ok := again.LastValidation(spectra.Raman); !ok || v.LibraryVersion != "another" {
		t.Errorf("the newest is %+v, %v", v, ok)
	}
	if _, ok := again.Validation(spectra.IR); ok {
		t.Error("a Raman validation counts for infrared")
	}
	// With another layer on top it is another library.
	if _, ok := again.With([]Substance{{Name: "new"}}, nil).Validation(spectra.Raman); ok {
		t.Error("the validation counts for a library with more in it")
	}
	put(st.Version(), day.Add(2*time.Hour), `{"n":3}`)
	all, err := f.Validations(t.Context())
	if err != nil || len(all) != 2 || string(all[0].Report) != `{"n":3}` {
		t.Errorf("%+v, %v", all, err)
	}
	for i := range 2 * validationsKept {
		put(fmt.Sprint(i), day.Add(time.Duration(i)*24*time.Hour), `{}`)
	}
	if all, err := f.Validations(t.Context()); err != nil || len(all) != validationsKept {
		t.Errorf("%d validations are kept, want %d (%v)", len(all), validationsKept, err)
	}
}

func TestValidationsThatCannotBeReadBackAreRefused(t *testing.T) {
	f := newFile(t)
	defer f.Close()
	now := time.Now()
	for name, v := range map[string]Validation{
		"no version":      {"", spectra.Raman, now, json.RawMessage(`{}`)},
		"no date":         {"v", spectra.Raman, time.Time{}, json.RawMessage(`{}`)},
		"other technique": {"v", spectra.Other, now, json.RawMessage(`{}`)},
		"no JSON":         {"v", spectra.Raman, now, json.RawMessage(`{`)},
		"empty":           {"v", spectra.Raman, now, nil},
		"too long":        {"v", spectra.Raman, now, json.RawMessage(`"` + string(make([]byte, maxReport)) + `"`)},
	} {
		if err := f.PutValidation(t.Context(), v); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
