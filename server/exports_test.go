package server

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"fentrace/server/audit"
	"fentrace/server/auth"
	"fentrace/server/retention"
	"fentrace/server/store"
	"fentrace/server/tlp"
	"fentrace/spectra"
)

// export asks for one and waits until it is not waited for any more.
func (r *running) export(query string) store.Export {
	r.t.Helper()
	var e store.Export
	r.do("POST", "/v1/exports?"+query, nil).want(r.t, http.StatusCreated).into(r.t, &e)
	if e.State != store.ExportWaiting {
		r.t.Errorf("%+v", e)
	}
	return r.made(e.ID)
}

func (r *running) made(id string) (e store.Export) {
	r.t.Helper()
	await(r.t, "the export is made", func() bool {
		r.do("GET", "/v1/exports/"+id, nil).want(r.t, http.StatusOK).into(r.t, &e)
		return e.State != store.ExportWaiting
	})
	return e
}

// exported is the file of an export that is ready.
func (r *running) exported(e store.Export) []byte {
	r.t.Helper()
	a := r.do("GET", "/v1/exports/"+e.ID+"/file", nil).want(r.t, http.StatusOK)
	if int64(len(a.body)) != e.Size || spectra.HashBytes(a.body) != e.SHA256 || !strings.Contains(a.Header.Get("Content-Disposition"), "."+e.Format) {
		r.t.Errorf("%d bytes, %.12s, %s; %+v", len(a.body), spectra.HashBytes(a.body), a.Header.Get("Content-Disposition"), e)
	}
	return a.body
}

// column is one of a table with a header.
func column(t *testing.T, raw []byte, name string) (cells []string) {
	t.Helper()
	rows, err := csv.NewReader(bytes.NewReader(raw)).ReadAll()
	if err != nil || len(rows) == 0 {
		t.Fatalf("%v\n%s", err, raw)
	}
	at := slices.Index(rows[0], name)
	if at < 0 {
		t.Fatalf("no column %s in %v", name, rows[0])
	}
	for _, r := range rows[1:] {
		cells = append(cells, r[at])
	}
	slices.Sort(cells)
	return cells
}

// unpacked are the files of an archive, by name.
func unpacked(t *testing.T, raw []byte) map[string][]byte {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]byte{}
	for _, m := range z.File {
		f, err := m.Open()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(f)
		if err := errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
		out[m.Name] = data
	}
	return out
}

func TestAnExportHoldsTheScansThatFitItsFilter(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		r := start(t, db, quickly)
		var alarms []string
		for i := range 450 { // more than one page
			title := fmt.Sprint("caffeine ", i)
			if i%9 == 0 {
				title = fmt.Sprint("fentanyl ", i)
			}
			sc := r.scan(r.do("POST", fmt.Sprintf("/v1/scans?filename=%d.jdx&case=E-%d", i, i), jcamp(title)).want(t, http.StatusCreated))
			if i%9 == 0 {
				alarms = append(alarms, sc.ID)
			}
		}
		slices.Sort(alarms)
		all := r.export("format=csv")
		if raw := r.exported(all); all.Scans != 450 || len(column(t, raw, "id")) != 450 || !strings.Contains(string(raw), "Presumptive") {
			t.Errorf("%+v", all)
		}
		some := r.export("format=csv&verdict=alarm")
		if got := column(t, r.exported(some), "id"); some.Scans != len(alarms) || !slices.Equal(got, alarms) {
			t.Errorf("%+v, %v", some, got)
		}
		packed := r.export("format=zip&verdict=alarm")
		in := unpacked(t, r.exported(packed))
		lines := strings.Split(strings.TrimSpace(string(in["scans.jsonl"])), "\n")
		if len(in) != len(alarms)+1 || len(lines) != len(alarms) {
			t.Fatalf("%d files, %d lines", len(in), len(lines))
		}
		for _, l := range lines {
			var one struct {
				store.Scan
				RawFile string `json:"raw_file"`
				Note    string
			}
			if err := json.Unmarshal([]byte(l), &one); err != nil {
				t.Fatal(err)
			}
			if spectra.HashBytes(in[one.RawFile]) != one.SHA256 || !slices.Contains(alarms, one.ID) || one.Note == "" || !strings.HasSuffix(one.RawFile, ".jdx") || one.Identification.Findings == nil {
				t.Errorf("%s of %s", one.RawFile, l)
			}
		}
		none := r.export("format=zip&county=Nowhere")
		if in := unpacked(t, r.exported(none)); none.Scans != 0 || len(in) != 1 {
			t.Errorf("%+v, %d files", none, len(in))
		}
		var first, again store.Export
		r.do("POST", "/v1/exports?format=csv&county=Nowhere", nil, "Idempotency-Key", "nowhere").want(t, http.StatusCreated).into(t, &first)
		r.do("POST", "/v1/exports?format=csv&county=Nowhere", nil, "Idempotency-Key", "nowhere").want(t, http.StatusCreated).into(t, &again)
		if first.ID != again.ID {
			t.Errorf("a request that was repeated asks for %s and %s", first.ID, again.ID)
		}
		r.do("POST", "/v1/exports?format=csv&county=Elsewhere", nil, "Idempotency-Key", "nowhere").want(t, http.StatusUnprocessableEntity).mentions(t, "new key")
		r.made(first.ID)
		r.do("POST", "/v1/exports?format=xml", nil).want(t, http.StatusUnprocessableEntity)
		r.do("POST", "/v1/exports", nil).want(t, http.StatusUnprocessableEntity)
		r.do("POST", "/v1/exports?format=csv&from=yesterday", nil).want(t, http.StatusUnprocessableEntity)
		r.do("GET", "/v1/exports/00000000-0000-4000-8000-000000000000/file", nil).want(t, http.StatusNotFound)
		var list struct{ Exports []store.Export }
		r.do("GET", "/v1/exports", nil).want(t, http.StatusOK).into(t, &list)
		if len(list.Exports) != 5 || list.Exports[0].ID != first.ID || list.Exports[1].ID != none.ID {
			t.Errorf("%+v", list.Exports)
		}
		log, err := r.store.LogAbout(asProgram(t), store.KindScan, alarms[0])
		if err != nil {
			t.Fatal(err)
		}
		given := 0
		for _, e := range log {
			if e.Action == audit.Disclose {
				given++
			}
		}
		if given != 3 {
			t.Errorf("the log of a scan that was exported three times: %+v", log)
		}
	})
}

// An export is of what may be seen when it is made, and is given to nobody else.
func TestAnExportShowsWhatMayBeSeenWhenItIsMadeToWhoAskedOnly(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		w := newWorld(t, db, "one", "two")
		for _, agency := range []string{"one", "two"} {
			for _, level := range []tlp.Level{tlp.Clear, tlp.Green, tlp.Amber, tlp.AmberStrict, tlp.Red} {
				w.add(agency, level)
			}
		}
		w.share("two", "one", false)
		seen := func(p reader) (ids []string) {
			for _, rc := range w.records {
				if w.sees(p, rc.Agency, rc.TLP) {
					ids = append(ids, rc.ID)
				}
			}
			slices.Sort(ids)
			return ids
		}
		high := w.person(auth.RoleAnalyst, "one", tlp.Red)
		for _, p := range []reader{high, w.person(auth.RoleTechnician, "one", tlp.Green), w.person(auth.RoleDisseminator, "two", tlp.Amber), w.person(auth.RolePublic, "two", tlp.Clear)} {
			r := w.by(p)
			e := r.export("format=csv")
			if got := column(t, r.exported(e), "id"); !slices.Equal(got, seen(p)) {
				t.Errorf("%s of %s, cleared for %s, has %d scans and may see %d", p.role, p.agency, p.clearance, len(got), len(seen(p)))
			}
			packed := unpacked(t, r.exported(r.export("format=zip")))
			for name, content := range packed {
				for _, rc := range w.records {
					if !w.sees(p, rc.Agency, rc.TLP) && (strings.Contains(name, rc.SHA256) || bytes.Contains(content, []byte(rc.ID))) {
						t.Errorf("%s of %s finds %s of %s in %s", p.role, p.agency, rc.TLP, rc.Agency, name)
					}
				}
			}
			if len(packed) != len(seen(p))+1 {
				t.Errorf("%d files of %d scans", len(packed), len(seen(p)))
			}
			for _, other := range []reader{w.person(auth.RoleAnalyst, "one", tlp.Red), w.person(auth.RoleOperator, p.agency, tlp.Red)} {
				o := w.by(other)
				o.do("GET", "/v1/exports/"+e.ID, nil).want(t, http.StatusNotFound)
				o.do("GET", "/v1/exports/"+e.ID+"/file", nil).want(t, http.StatusNotFound)
				o.do("GET", "/v1/exports", nil).want(t, http.StatusOK).mentions(t, `"exports":[]`)
			}
			w.by(w.person(auth.RoleAdministrator, p.agency, tlp.Red)).do("GET", "/v1/exports/"+e.ID+"/file", nil).want(t, http.StatusForbidden)
		}

		// Asked for with a high clearance and made with a lower one; what was made before is not handed out any more.
		before := w.by(high).export("format=csv")
		principal := auth.Principal(store.User{Name: high.name, Role: high.role, Agency: high.agency, Clearance: high.clearance}, "")
		later, err := w.store.NewExport(store.As(t.Context(), principal), store.ExportCSV, store.Filter{}, "nobody", w.clock.now())
		if err != nil {
			t.Fatal(err)
		}
		low := tlp.Green
		if err := w.store.ChangePerson(asProgram(t), high.name, store.PersonChange{Clearance: &low}, w.clock.now()); err != nil {
			t.Fatal(err)
		}
		high.clearance = low
		if err := w.exportJob(asProgram(t), store.ExportJob{Export: later.ID}, false); err != nil {
			t.Fatal(err)
		}
		if got := column(t, w.by(high).exported(w.by(high).made(later.ID)), "id"); !slices.Equal(got, seen(high)) {
			t.Errorf("%d scans, may see %d", len(got), len(seen(high)))
		}
		w.by(high).do("GET", "/v1/exports/"+before.ID+"/file", nil).want(t, http.StatusConflict).mentions(t, "ask for a new one")

		// An account that was locked meanwhile is made none.
		locked := w.person(auth.RoleAnalyst, "one", tlp.Red)
		principal = auth.Principal(store.User{Name: locked.name, Role: locked.role, Agency: "one", Clearance: tlp.Red}, "")
		e, err := w.store.NewExport(store.As(t.Context(), principal), store.ExportCSV, store.Filter{}, "nobody", w.clock.now())
		yes := true
		if err := errors.Join(err, w.store.ChangePerson(asProgram(t), locked.name, store.PersonChange{Locked: &yes}, w.clock.now()), w.exportJob(asProgram(t), store.ExportJob{Export: e.ID}, false)); err != nil {
			t.Fatal(err)
		}
		if e, err = w.store.Export(asProgram(t), e.ID, w.clock.now()); err != nil || e.State != store.ExportFailed || !strings.Contains(e.Error, "may not ask") {
			t.Errorf("%+v, %v", e, err)
		}
	})
}

func TestAnExportThatWasCutOffIsMadeAnewAndOnlyOneWhoMakesItCounts(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		r := start(t, db, quickly)
		for i := range 5 {
			r.do("POST", "/v1/scans", jcamp(fmt.Sprint("caffeine ", i))).want(t, http.StatusCreated)
		}
		ctx := asProgram(t)
		e, err := r.store.NewExport(ctx, store.ExportCSV, store.Filter{}, "nobody", time.Now())
		if err != nil {
			t.Fatal(err)
		}
		task, err := r.store.ExportToMake(ctx, e.ID)
		if err != nil {
			t.Fatal(err)
		}
		first, err := r.store.BeginExport(ctx, e.ID)
		if err == nil {
			err = r.store.AddToExport(ctx, task, first, 0, []byte("half of it"), nil)
		}
		second, again := r.store.BeginExport(ctx, e.ID)
		if err := errors.Join(err, again); err != nil || second == first {
			t.Fatal(err, first, second)
		}
		if err := r.store.AddToExport(ctx, task, first, 1, []byte("the other half"), nil); !errors.Is(err, store.ErrNotNow) {
			t.Errorf("who was cut off goes on: %v", err)
		}
		if err := r.store.EndExport(ctx, e.ID, first, "", false, time.Now()); !errors.Is(err, store.ErrNotNow) {
			t.Errorf("who was cut off ends it: %v", err)
		}
		if _, err := r.store.ExportPart(ctx, e.ID, 0); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("what the first has made is left: %v", err)
		}
		if err := errors.Join(r.store.AddToExport(ctx, task, second, 0, []byte("all"), nil), r.store.EndExport(ctx, e.ID, second, "x", false, time.Now())); err != nil {
			t.Fatal(err)
		}
		if part, err := r.store.ExportPart(ctx, e.ID, 0); err != nil || string(part) != "all" {
			t.Errorf("%q, %v", part, err)
		}
		if _, err := r.store.BeginExport(ctx, e.ID); !errors.Is(err, store.ErrNotNow) {
			t.Errorf("what is made is made again: %v", err)
		}
	})
}

func TestAnExportIsDeletedAfterADayAndWithWhatIsErased(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		var later atomic.Int64
		r := start(t, db, quickly, func(c *Config) {
			c.Clock = func() time.Time { return time.Now().Add(time.Duration(later.Load())) }
		})
		r.do("POST", "/v1/scans", jcamp("caffeine")).want(t, http.StatusCreated)
		e, kept := r.export("format=zip"), r.export("format=csv")
		r.exported(e)
		later.Store(int64(store.ExportKept + time.Minute))
		r.do("GET", "/v1/exports/"+e.ID+"/file", nil).want(t, http.StatusNotFound).mentions(t, "deleted")
		n, err := r.store.ExpireExports(asProgram(t), r.cfg.Clock())
		if err != nil || n != 2 {
			t.Errorf("%d are deleted, %v", n, err)
		}
		if _, err := r.store.ExportPart(asProgram(t), kept.ID, 0); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("its bytes are left: %v", err)
		}
		if now := r.made(e.ID); now.State != store.ExportExpired {
			t.Errorf("%+v", now)
		}
		fresh := r.export("format=zip")
		policy, err := retention.Parse("all: 1d")
		if err != nil {
			t.Fatal(err)
		}
		gone, err := r.store.EraseDue(asProgram(t), policy, r.cfg.Clock().Add(48*time.Hour), "test", false, func(store.Due) {})
		if err != nil || gone.Files != 1 {
			t.Fatalf("%+v, %v", gone, err)
		}
		r.do("GET", "/v1/exports/"+fresh.ID+"/file", nil).want(t, http.StatusConflict)
		if now := r.made(fresh.ID); now.State != store.ExportFailed || !strings.Contains(now.Error, "erased") {
			t.Errorf("%+v", now)
		}
		if _, err := r.store.ExportPart(asProgram(t), fresh.ID, 0); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("its bytes are left: %v", err)
		}
	})
}

func TestAnAccountHasSoManyExportsAtATime(t *testing.T) {
	r := start(t, quickly)
	for range store.MaxExports {
		r.do("POST", "/v1/exports?format=csv", nil).want(t, http.StatusCreated)
	}
	r.do("POST", "/v1/exports?format=csv", nil).want(t, http.StatusConflict).mentions(t, "as many as may be")
}
