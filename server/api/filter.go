package api

import (
	"fmt"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"fentrace/server/store"
)

// WindowQuery is a span of acquisition times as query parameters.
type WindowQuery struct {
	From string `query:"from" maxLength:"40" example:"2026-11-01" doc:"first time of acquisition: RFC 3339, or a date (UTC)"`
	To   string `query:"to" maxLength:"40" example:"2026-11-30T18:00:00Z" doc:"acquired before this time; a plain date includes that day (UTC)"`
}

// window returns the span; zero times where none is stated.
func (q WindowQuery) window() (from, to time.Time, err error) {
	if from, err = instant("from", q.From, 0); err != nil {
		return from, to, err
	}
	to, err = instant("to", q.To, 1)
	return from, to, err
}

// instant reads an RFC 3339 time, or a date with so many days added.
func instant(name, value string, addDays int) (time.Time, error) {
	if value == "" {
		return time.Time{}, nil
	}
	if t, err := time.Parse(time.DateOnly, value); err == nil {
		return t.AddDate(0, 0, addDays), nil
	}
	t, err := time.Parse(time.RFC3339, value)
	if err != nil {
		return time.Time{}, huma.Error422UnprocessableEntity("validation failed", &huma.ErrorDetail{
			Location: "query." + name, Value: value, Message: fmt.Sprintf("%s is neither an RFC 3339 time with zone nor a date YYYY-MM-DD", name)})
	}
	return t, nil
}

// FilterQuery is store.Filter as query parameters.
type FilterQuery struct {
	WindowQuery
	Verdict   string `query:"verdict" enum:"alarm,no_alarm,inconclusive"`
	Technique string `query:"technique" enum:"raman,ir,other"`
	Substance string `query:"substance" maxLength:"200" example:"fentanyl" doc:"name of a finding"`
	Class     string `query:"class" maxLength:"200" doc:"class of a finding"`
	County    string `query:"county" maxLength:"200" example:"Bernalillo"`
	State     string `query:"state" maxLength:"200"`
	Simulated string `query:"simulated" enum:"true,false"`
	Reviewed  string `query:"reviewed" enum:"yes,no,disagreed,needs_laboratory" doc:"by a second person: of the laboratory result that counts, without one of the presumptive answer"`
	Seizure   string `query:"seizure" maxLength:"36" doc:"id of the seizure it is linked to"`
	Exhibit   string `query:"exhibit_id" maxLength:"36" doc:"id of the exhibit it is linked to"`
	SHA256    string `query:"sha256" pattern:"^[0-9a-f]{64}$" doc:"of the file the scans came in"`
	Text      string `query:"q" maxLength:"200" doc:"part of file name, case, exhibit, officer, place, device, headline or finding"`
}

func (q FilterQuery) filter() (store.Filter, error) {
	from, to, err := q.window()
	f := store.Filter{Verdict: q.Verdict, Technique: q.Technique, Substance: q.Substance, Class: q.Class,
		County: q.County, State: q.State, From: from, To: to, Text: q.Text, SHA256: q.SHA256,
		RecordFilter: store.RecordFilter{Seizure: q.Seizure, Exhibit: q.Exhibit, Reviewed: q.Reviewed}}
	if q.Simulated != "" {
		simulated := q.Simulated == "true"
		f.Simulated = &simulated
	}
	return f, err
}
