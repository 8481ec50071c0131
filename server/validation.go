package server

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"fentrace/library"
	"fentrace/library/validate"
	"fentrace/server/api"
	"fentrace/spectra"
)

// Validation says what answers from the library are worth, by its validation for Raman.
func (s *Server) Validation() api.ValidationReport {
	lib := s.know().lib
	out := api.ValidationReport{Library: lib.Version(), Sentences: []string{}, Tables: []api.ReportTable{}}
	v, ok := lib.Validation(spectra.Raman)
	var r validate.Report
	if !ok || json.Unmarshal(v.Report, &r) != nil {
		out.Sentences = append(out.Sentences, "This library, as it is, was never validated: probabilities and thresholds are those shipped, fitted on other references.",
			"To fit them to it: "+validateCommand(lib))
		if last, ok := lib.LastValidation(spectra.Raman); ok {
			out.Sentences = append(out.Sentences, "The last validation, of "+last.Made.UTC().Format("2006-01-02")+", was of other content and counts no more.")
		}
		return out
	}
	out.Made, out.Report = &v.Made, v.Report
	out.Sentences = append(out.Sentences,
		fmt.Sprintf("A substance is stated from a probability of %.2f on, a controlled one alarms from %.2f on.", r.Calibration.Stated, r.Calibration.Alarm),
		fmt.Sprintf("Probabilities are off by %.1f %% on average, over %d SIMULATED scans drawn from the references and %d recorded scans of known content.", 100*r.ECE, r.Drawn, r.Recorded))
	if r.Analogs != nil {
		out.Sentences = append(out.Sentences, fmt.Sprintf("Fentanyls that are not in the library alarm from a class score of %.2f on.", r.Analogs.Threshold()))
	} else {
		out.Sentences = append(out.Sentences, "Fentanyls that are not in the library cannot be told: "+r.NoAnalogs+".")
	}
	for _, c := range r.Changed {
		out.Sentences = append(out.Sentences, "Changed: "+c+".")
	}
	out.Tables = append(out.Tables, outcomesTable(r), reliabilityTable(r), decoysTable(r))
	return out
}

func validateCommand(lib *library.Stack) string {
	var b strings.Builder
	b.WriteString("fentrace library validate")
	for _, l := range lib.Layers() {
		switch {
		case l.Name == learnedTitle:
			b.WriteString(" --library DATA/" + LearnedFile)
		case strings.HasSuffix(l.Name, ".db"):
			b.WriteString(" --library " + l.Name)
		}
	}
	return b.String()
}

func outcomesTable(r validate.Report) api.ReportTable {
	t := api.ReportTable{Title: "What was stated", Columns: []string{"sample", "scans", "right", "wrong", "silent"}, Rows: [][]string{}}
	for _, o := range []struct {
		what string
		n    validate.Outcomes
	}{{"one substance of the library", r.KnownSingle}, {"mixture of the library's", r.KnownMixed}, {"not, or not all, in the library", r.Unknown},
		{"recorded, with and without its content in the library", r.RecordedScans}} {
		if o.n.N > 0 {
			t.Rows = append(t.Rows, []string{o.what, strconv.Itoa(o.n.N), strconv.Itoa(o.n.Stated), strconv.Itoa(o.n.Wrong), strconv.Itoa(o.n.Silent)})
		}
	}
	return t
}

func reliabilityTable(r validate.Report) api.ReportTable {
	t := api.ReportTable{Title: "Reliability of probabilities", Columns: []string{"said", "right", "parts"}, Rows: [][]string{}}
	for _, b := range r.Reliability {
		if b.N > 0 {
			t.Rows = append(t.Rows, []string{fmt.Sprintf("%.0f %%", 100*b.Predicted), fmt.Sprintf("%.0f %%", 100*b.Right), strconv.Itoa(b.N)})
		}
	}
	return t
}

func decoysTable(r validate.Report) api.ReportTable {
	t := api.ReportTable{Title: "Decoys: " + r.Decoys.Subset, Columns: []string{"stated from", "stated", "decoys", "false discovery rate", "really wrong"}, Rows: [][]string{}}
	for _, n := range r.Decoys.Counts {
		t.Rows = append(t.Rows, []string{fmt.Sprintf("%.2f", n.Probability), strconv.Itoa(n.Stated), strconv.Itoa(n.Decoys), fmt.Sprintf("%.1f %%", 100*n.FDR), strconv.Itoa(n.Wrong)})
	}
	return t
}
