package main

import (
	"encoding/csv"
	"errors"
	"io"
	"os"
	"strconv"
	"time"

	"fentrace/library/identify"
	"fentrace/server/api"
	"fentrace/server/client/rest"
	"fentrace/server/exchange/rows"
	"fentrace/server/store"
)

type scansCommands struct {
	List scansListCommand `cmd:"" help:"List stored scans, newest first."`
	Get  scansGetCommand  `cmd:"" help:"Get one stored scan with its answer, as JCAMP-DX, CSV, picture, report or the file it came in."`
}

type scansListCommand struct {
	From      string `placeholder:"TIME" help:"Taken from this time, or date, on."`
	To        string `placeholder:"TIME" help:"Taken before this time; a date includes that day (UTC)."`
	Verdict   string `enum:",alarm,no_alarm,inconclusive" default:"" placeholder:"VERDICT" help:"alarm, no_alarm or inconclusive."`
	Technique string `enum:",raman,ir,other" default:"" placeholder:"TECHNIQUE" help:"raman, ir or other."`
	Substance string `placeholder:"NAME" help:"Substance that the answer rests on."`
	Class     string `placeholder:"CLASS" help:"Class of such a substance."`
	County    string `placeholder:"NAME" help:"County the scan was taken in."`
	State     string `placeholder:"NAME" help:"State the scan was taken in."`
	Text      string `placeholder:"TEXT" help:"Part of file name, case, exhibit, officer, place, headline or finding."`
	SHA256    string `name:"sha256" placeholder:"HASH" help:"SHA-256 of the file they came in."`
	Limit     int    `default:"50" placeholder:"N" help:"How many at most; 0: all (${default})."`
	JSON      bool   `name:"json" xor:"form" help:"Print one JSON object per scan and line."`
	CSV       bool   `name:"csv" xor:"form" help:"Print a table."`
}

func (scansListCommand) Help() string {
	return `Examples:

    fentrace scans list --server https://fentrace.example.org --verdict alarm --from 2026-11-01
    fentrace scans list --class fentanyl --limit 0 --csv > fentanyl.csv
    fentrace scans list --text "case 17" --json | jq .id`
}

// scanColumns are those of the table.
var scanColumns = []struct {
	name string
	of   func(store.Scan) string
}{
	{"id", func(s store.Scan) string { return rows.Text(s.ID) }},
	{"acquired", func(s store.Scan) string { return s.Acquired.UTC().Format(time.RFC3339) }},
	{"file", func(s store.Scan) string { return rows.Text(s.Filename) }},
	{"sha256", func(s store.Scan) string { return rows.Text(s.SHA256) }},
	{"technique", func(s store.Scan) string { return rows.Text(s.Technique) }},
	{"verdict", func(s store.Scan) string { return rows.Text(string(s.Verdict)) }},
	{"headline", func(s store.Scan) string { return rows.Text(s.Headline) }},
	{"county", func(s store.Scan) string { return rows.Text(placeOf(s).County) }},
	{"state", func(s store.Scan) string { return rows.Text(placeOf(s).State) }},
	{"case", func(s store.Scan) string { return rows.Text(s.Case) }},
	{"exhibit", func(s store.Scan) string { return rows.Text(s.Exhibit) }},
	{"officer", func(s store.Scan) string { return rows.Text(s.Officer) }},
	{"simulated", func(s store.Scan) string {
		if s.Simulated {
			return simulatedTag
		}
		return ""
	}},
	{"note", func(store.Scan) string { return identify.Presumptive }},
}

func placeOf(s store.Scan) store.Location {
	if s.Location == nil {
		return store.Location{}
	}
	return *s.Location
}

func (c *scansListCommand) Run(env *environment) error {
	if c.Limit < 0 {
		return usagef("--limit %d: 0 or more", c.Limit)
	}
	filter := rest.ListScansParams{From: some(c.From), To: some(c.To), Verdict: some(c.Verdict), Technique: some(c.Technique), Substance: some(c.Substance),
		Class: some(c.Class), County: some(c.County), State: some(c.State), Q: some(c.Text), Sha256: some(c.SHA256)}
	print, end := c.printer(env)
	n := 0
	for sc, err := range env.remote.Scans(env.ctx, filter) {
		if err != nil {
			return err
		}
		if err := print(sc); err != nil {
			return err
		}
		if n++; n == c.Limit {
			break
		}
	}
	return end(n)
}

// printer prints scans as asked; end is called with their number.
func (c *scansListCommand) printer(env *environment) (print func(store.Scan) error, end func(int) error) {
	switch {
	case c.JSON:
		return func(sc store.Scan) error { return printJSON(env.stdout, sc, false) }, func(int) error { return nil }
	case c.CSV:
		w := csv.NewWriter(env.stdout)
		row := make([]string, len(scanColumns))
		for i, col := range scanColumns {
			row[i] = col.name
		}
		w.Write(row) // Flush says what went wrong
		return func(sc store.Scan) error {
				for i, col := range scanColumns {
					row[i] = col.of(sc)
				}
				return w.Write(row)
			}, func(int) error {
				w.Flush()
				return w.Error()
			}
	}
	sheet := env.newSheet()
	return func(sc store.Scan) error {
			sheet.scan(sc)
			sheet.line("")
			return sheet.err
		}, func(n int) error {
			sheet.line(counted(n, "scan", "scans") + ". " + identify.Presumptive)
			return sheet.err
		}
}

// scan prints what a list says of one.
func (s *sheet) scan(sc store.Scan) {
	s.name(sc.Filename, sc.Simulated)
	for _, l := range wrap(sc.Headline, 2) {
		s.line("  " + l)
	}
	s.field("scan", sc.ID)
	s.field("taken", sc.Acquired.Local().Format(time.RFC3339))
	where := placeOf(sc)
	for _, row := range [][2]string{{"where", where.County + " " + where.State}, {"case", sc.Case}, {"exhibit", sc.Exhibit}, {"officer", sc.Officer}} {
		s.field(row[0], row[1])
	}
}

type scansGetCommand struct {
	ID   string `arg:"" help:"Id of the scan."`
	JSON bool   `name:"json" help:"Print the scan as JSON."`
	As   string `enum:",jcamp,csv,png,pdf,stix,raw" default:"" placeholder:"FORM" help:"jcamp or csv for the spectrum, png for the overlay, pdf for a report, stix for a bundle, raw for the file it came in; needs --out."`
	Out  string `placeholder:"FILE" help:"File to write it to; - is the standard output."`
}

func (scansGetCommand) Help() string {
	return `Examples:

    fentrace scans get 8d1f5c1e-0f63-4c41-9d6b-8a4b5c9f0f11
    fentrace scans get --as pdf --out report.pdf 8d1f5c1e-0f63-4c41-9d6b-8a4b5c9f0f11`
}

func (c *scansGetCommand) Run(env *environment) error {
	id, err := scanID(c.ID)
	switch {
	case err != nil:
		return err
	case (c.As == "") != (c.Out == ""):
		return usagef("--as and --out belong together: what to get, and the file to write")
	case c.As != "":
		return c.write(env, id)
	}
	sc, err := env.remote.GetScan(env.ctx, id, nil)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(env.stdout, sc, false)
	}
	sheet := env.newSheet()
	sc.Identification.File = sc.Filename
	sheet.scan(sc)
	sheet.line("")
	sheet.answer(answer{Identification: sc.Identification})
	for _, r := range sc.LaboratoryResults {
		sheet.line("")
		sheet.result(r)
	}
	return sheet.err
}

// write gets the scan in another form.
func (c *scansGetCommand) write(env *environment, id string) error {
	var stream func(w io.Writer) error
	switch c.As {
	case "raw":
		res, err := env.remote.Client.GetRaw(env.ctx, id, nil)
		if err != nil {
			return err
		}
		stream = copying(res.Body)
	case "stix":
		res, err := env.remote.Client.GetStix(env.ctx, id, nil)
		if err != nil {
			return err
		}
		stream = copying(res.Body)
	default:
		res, err := env.remote.Client.GetScan(env.ctx, id, &rest.GetScanParams{As: &c.As})
		if err != nil {
			return err
		}
		stream = copying(res.Body)
	}
	if c.Out == stdinName {
		return stream(env.stdout)
	}
	if _, err := os.Lstat(c.Out); err == nil {
		return usagef("--out %s: it exists already and is not overwritten", c.Out)
	}
	return writeWhole(c.Out, false, stream)
}

// copying writes a body to its end.
func copying(body io.ReadCloser) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.Copy(w, body)
		return errors.Join(err, body.Close())
	}
}

// some is a parameter that is left out when it is empty.
func some(v string) *string {
	if v == "" {
		return nil
	}
	return &v
}

type resultCommand struct {
	ID           string   `arg:"" help:"Id of the scan."`
	Result       string   `required:"" enum:"confirmed,refuted,corrected" placeholder:"RESULT" help:"confirmed: what the presumptive answer rests on is there; refuted: none of it is; corrected: something else or more is."`
	Substance    []string `placeholder:"NAME" sep:"none" help:"Substance that is there, by name, synonym or CAS number; may be given several times."`
	Technique    string   `required:"" placeholder:"NAME" help:"The second technique, such as GC-MS."`
	Laboratory   string   `required:"" placeholder:"NAME" help:"Who found it."`
	Pure         bool     `help:"The sample is this one substance and nothing else: a good scan of it is proposed as a reference."`
	AllowUnknown bool     `help:"Keep names that no library has."`
	Note         string   `placeholder:"TEXT" help:"Anything else."`
	JSON         bool     `name:"json" help:"Print what was stored as JSON."`
}

func (resultCommand) Help() string {
	return `Results are kept for good: a later one about the same scan counts instead of the earlier one, and the presumptive answer stays
beside them. For the roles chemist, reviewer and operator.

Example:

    fentrace result 8d1f5c1e-0f63-4c41-9d6b-8a4b5c9f0f11 --result corrected --substance acetylfentanyl \
        --technique GC-MS --laboratory "State Laboratory"`
}

func (c *resultCommand) Run(env *environment) error {
	id, err := scanID(c.ID)
	if err != nil {
		return err
	}
	r, err := env.remote.EnterLaboratoryResult(env.ctx, id, nil, api.ResultInput{Result: c.Result, Substances: c.Substance, Pure: c.Pure, AllowUnknown: c.AllowUnknown,
		Technique: c.Technique, Laboratory: c.Laboratory, Note: c.Note})
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(env.stdout, r, false)
	}
	sheet := env.newSheet()
	sheet.result(r)
	return sheet.err
}

// result prints what a laboratory found.
func (s *sheet) result(r store.LaboratoryResult) {
	s.line("LABORATORY RESULT: " + r.Result)
	for _, sub := range r.Substances {
		s.field("substance", sub.Name)
	}
	if r.Pure {
		s.field("pure", "this one substance and nothing else")
	}
	for _, row := range [][2]string{{"technique", r.Technique}, {"laboratory", r.Laboratory}, {"note", r.Note}, {"entered by", r.EnteredBy},
		{"entered", r.Entered.Local().Format(time.RFC3339)}, {"proposal", r.Proposal}, {"no proposal", r.NotProposed}, {"counts", strconv.FormatBool(r.Current)}} {
		s.field(row[0], row[1])
	}
}
