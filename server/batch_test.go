package server

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/csv"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"fentrace/library/identify"
	"fentrace/server/chunked"
	"fentrace/server/jobs"
	"fentrace/server/store"
	"fentrace/spectra"
)

// quickly makes jobs that fail, and programs that end, be seen to soon.
func quickly(c *Config) { c.JobBeat, c.JobWait = 50*time.Millisecond, 10*time.Millisecond }

// await waits for a condition, for a minute at most.
func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for !done() {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s", what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (r *running) newBatch(name string) store.Batch {
	r.t.Helper()
	var b store.Batch
	r.do("POST", "/v1/batches", map[string]any{"name": name, "fields": map[string]string{"case": "B-1", "county": "Adams", "state": "CO"}}).
		want(r.t, http.StatusCreated).into(r.t, &b)
	return b
}

func (r *running) batch(id string) store.Batch {
	r.t.Helper()
	var b store.Batch
	r.do("GET", "/v1/batches/"+id, nil).want(r.t, http.StatusOK).into(r.t, &b)
	return b
}

// ended waits until no file of the batch waits.
func (r *running) ended(id string, files int) store.Batch {
	r.t.Helper()
	var b store.Batch
	await(r.t, fmt.Sprintf("all %d files of the batch are answered", files), func() bool {
		b = r.batch(id)
		return b.Files == files && b.Waiting == 0
	})
	return b
}

func (r *running) files(id, query string) (out []store.BatchFile) {
	r.t.Helper()
	for after := int64(0); ; {
		var page struct {
			Files []store.BatchFile
			Next  int64
		}
		r.do("GET", fmt.Sprintf("/v1/batches/%s/files?limit=7&after=%d%s", id, after, query), nil).want(r.t, http.StatusOK).into(r.t, &page)
		out = append(out, page.Files...)
		if after = page.Next; after == 0 {
			return out
		}
	}
}

func (r *running) dead() (out []jobs.Job) {
	r.t.Helper()
	var page struct{ Jobs []jobs.Job }
	r.do("GET", "/v1/jobs/dead", nil).want(r.t, http.StatusOK).into(r.t, &page)
	return page.Jobs
}

func TestABatchIsAnsweredFileByFileAndTellsWhatBecameOfEach(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		r := start(t, db, quickly)
		b := r.newBatch("monday")
		path := "/v1/batches/" + b.ID + "/files"
		const n = 40 // more than one job takes
		for i := range n {
			title := fmt.Sprint("caffeine ", i)
			if i%10 == 0 {
				title = fmt.Sprint("fentanyl ", i)
			}
			r.do("POST", fmt.Sprintf("%s?filename=tray/%d.jdx", path, i), jcamp(title)).want(t, http.StatusCreated)
		}
		r.do("POST", path+"?filename=again.jdx", jcamp("fentanyl 0")).want(t, http.StatusOK).mentions(t, `"added":false`)
		r.do("POST", path+"?filename=words.csv", "no values").want(t, http.StatusCreated)
		r.do("POST", path, nil).want(t, http.StatusUnprocessableEntity)
		r.do("POST", "/v1/batches/00000000-0000-4000-8000-000000000000/files", "x").want(t, http.StatusNotFound)

		got := r.ended(b.ID, n+1)
		if got.Done != n || got.Failed != 1 || got.Scans != n || r.rows() != n {
			t.Errorf("%+v, %d scans", got, r.rows())
		}
		all := r.files(b.ID, "")
		if len(all) != n+1 || all[0].Name != "tray/0.jdx" || all[0].Verdict != "alarm" || all[0].ScanID == "" || all[n].State != store.FileFailed || all[n].Error == "" {
			t.Errorf("%d files, %+v, %+v", len(all), all[0], all[n])
		}
		if alarms := r.files(b.ID, "&verdict=alarm"); len(alarms) != 4 {
			t.Errorf("%d alarms", len(alarms))
		}
		sc := r.scan(r.do("GET", "/v1/scans/"+all[0].ScanID, nil).want(t, http.StatusOK))
		if sc.Case != "B-1" || sc.Location == nil || sc.Location.County != "Adams" {
			t.Errorf("the circumstances of the batch are not those of its scan: %+v", sc)
		}
		var sums struct{ SHA256 []string }
		r.do("GET", "/v1/batches/"+b.ID+"/sums", nil).want(t, http.StatusOK).into(t, &sums)
		if len(sums.SHA256) != n+1 || !slices.IsSorted(sums.SHA256) || !slices.Contains(sums.SHA256, spectra.HashBytes([]byte(jcamp("fentanyl 0")))) {
			t.Errorf("%d sums", len(sums.SHA256))
		}

		table := r.do("GET", "/v1/batches/"+b.ID+"/table.csv?verdict=alarm&sort=name&descending=true", nil).want(t, http.StatusOK)
		rows, err := csv.NewReader(bytes.NewReader(table.body)).ReadAll()
		if err != nil || len(rows) != 5 || rows[0][0] != "file" || rows[1][0] != "tray/30.jdx" || rows[4][0] != "tray/0.jdx" {
			t.Errorf("%v, %v", rows, err)
		}
		whole, err := csv.NewReader(bytes.NewReader(r.do("GET", "/v1/batches/"+b.ID+"/table.csv", nil).body)).ReadAll()
		if err != nil || len(whole) != n+2 || whole[n+1][0] != "words.csv" || whole[n+1][slices.Index(whole[0], "error")] == "" {
			t.Errorf("%d rows, %v", len(whole), err)
		}
		if p := r.do("GET", "/v1/batches/"+b.ID+"/table.parquet", nil).want(t, http.StatusOK); !bytes.HasPrefix(p.body, []byte("PAR1")) || !bytes.HasSuffix(p.body, []byte("PAR1")) {
			t.Error("that is no Parquet")
		}
	})
}

func TestFilesThatAreStoredAlreadyAreDoneAtOnceAndStayAsTheyAre(t *testing.T) {
	r := start(t, quickly)
	sc := r.scan(r.do("POST", "/v1/scans?case=C-9", jcamp("fentanyl")).want(t, http.StatusCreated))
	b := r.newBatch("again")
	r.do("POST", "/v1/batches/"+b.ID+"/files?filename=x.jdx", jcamp("fentanyl")).want(t, http.StatusCreated)
	r.ended(b.ID, 1)
	if f := r.files(b.ID, "")[0]; f.ScanID != sc.ID || r.rows() != 1 {
		t.Errorf("%+v", f)
	}
	if again := r.scan(r.do("GET", "/v1/scans/"+sc.ID, nil)); again.Case != "C-9" {
		t.Errorf("its case became %q", again.Case)
	}
}

// packed packs files by name.
func packed(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, content := range files {
		w, err := z.Create(name)
		if err == nil {
			_, err = w.Write([]byte(content))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// pieces sends an upload for a batch in two pieces.
func (r *running) pieces(id, name string, raw []byte) answer {
	r.t.Helper()
	encode := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	a := r.tus("POST", chunked.Path, nil, "Upload-Length", fmt.Sprint(len(raw)), "Upload-Metadata", "filename "+encode(name)+",batch "+encode(id))
	if a.StatusCode != http.StatusCreated {
		return a
	}
	at := a.Header.Get("Location")[len(r.URL()):]
	if first := r.piece(at, 0, raw[:len(raw)/2]); first.StatusCode != http.StatusNoContent {
		return first
	}
	return r.piece(at, len(raw)/2, raw[len(raw)/2:])
}

func TestAnArchiveSentInPiecesIsABatchOfItsFiles(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		r := start(t, db, quickly)
		b := r.newBatch("archive")
		files := map[string]string{"readme.txt.sig": "?", ".hidden.jdx": jcamp("hidden"), "__MACOSX/a.jdx": "x"}
		for i := range 70 {
			files[fmt.Sprintf("day/%d.jdx", i)] = jcamp(fmt.Sprint("caffeine ", i))
		}
		if a := r.pieces(b.ID, "day.zip", packed(t, files)); a.StatusCode != http.StatusNoContent {
			t.Fatalf("%d %s", a.StatusCode, a.body)
		}
		if got := r.ended(b.ID, 70); got.Done != 70 {
			t.Errorf("%+v", got)
		}
		if a := r.pieces(b.ID, "day.zip", packed(t, files)); a.StatusCode != http.StatusNoContent || r.batch(b.ID).Files != 70 {
			t.Errorf("again: %d %s", a.StatusCode, a.body)
		}
		r.pieces(b.ID, "broken.zip", []byte("PK\x03\x04 and so on")).want(t, http.StatusUnprocessableEntity).mentions(t, "broken.zip")
		r.pieces(b.ID, "none.zip", packed(t, map[string]string{"notes.doc": "x"})).want(t, http.StatusUnprocessableEntity).mentions(t, "no file")
		r.pieces("00000000-0000-4000-8000-000000000000", "x.jdx", []byte("some bytes")).want(t, http.StatusNotFound)
	})
}

// troubled panics over some files, hangs over others and answers the rest.
type troubled struct {
	byTitle
	panics atomic.Bool
}

func (p *troubled) Identify(ctx context.Context, s spectra.Spectrum) (identify.Identification, error) {
	if strings.Contains(s.Title, "poison") && p.panics.Load() {
		panic("no such peak")
	}
	return p.byTitle.Identify(ctx, s)
}

func TestAPoisonFileEndsAmongTheDeadAndTheRestIsDone(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		id := &troubled{}
		id.panics.Store(true)
		r := start(t, db, quickly, func(c *Config) { c.NewIdentifier = answering(id) })
		b := r.newBatch("poison")
		for i := range 20 {
			title := fmt.Sprint("caffeine ", i)
			if i == 7 {
				title = "poison"
			}
			r.do("POST", fmt.Sprintf("/v1/batches/%s/files?filename=%d.jdx", b.ID, i), jcamp(title)).want(t, http.StatusCreated)
		}
		if got := r.ended(b.ID, 20); got.Done != 19 || got.Failed != 1 {
			t.Errorf("%+v", got)
		}
		await(t, "the job is given up", func() bool { return len(r.dead()) == 1 })
		j := r.dead()[0]
		if j.Kind != "batch_file" || j.State != "discarded" || j.Attempt != j.Attempts || len(j.Errors) != j.Attempts || !strings.Contains(j.Error, "no such peak") || strings.Contains(j.Error, "goroutine") {
			t.Errorf("%+v", j)
		}
		if f := r.files(b.ID, "&state=failed"); len(f) != 1 || f[0].Name != "7.jdx" || !strings.Contains(f[0].Error, "no such peak") {
			t.Errorf("%+v", f)
		}
		// Once the reason is mended it goes through.
		id.panics.Store(false)
		r.do("POST", fmt.Sprintf("/v1/jobs/%d/retry", j.ID), nil).want(t, http.StatusOK)
		await(t, "the file is answered", func() bool { return r.batch(b.ID).Done == 20 })
		await(t, "the job is done", func() bool {
			return strings.Contains(string(r.do("GET", fmt.Sprintf("/v1/jobs/%d", j.ID), nil).body), `"state":"completed"`)
		})
		if len(r.dead()) != 0 {
			t.Error("it is still among the dead")
		}
		r.do("POST", fmt.Sprintf("/v1/jobs/%d/retry", j.ID), nil).want(t, http.StatusConflict)
		r.do("POST", fmt.Sprintf("/v1/jobs/%d/discard", j.ID), nil).want(t, http.StatusNoContent)
		r.do("GET", fmt.Sprintf("/v1/jobs/%d", j.ID), nil).want(t, http.StatusNotFound)
		r.do("POST", fmt.Sprintf("/v1/jobs/%d/retry", j.ID), nil).want(t, http.StatusNotFound)
		if r.rows() != 20 {
			t.Errorf("%d scans", r.rows())
		}
	})
}

// gated answers when it may.
type gated struct {
	byTitle
	may chan struct{}
}

func (h gated) Identify(ctx context.Context, s spectra.Spectrum) (identify.Identification, error) {
	select {
	case <-h.may:
		return h.byTitle.Identify(ctx, s)
	case <-ctx.Done():
		return identify.Identification{}, ctx.Err()
	}
}

func TestABatchIsCancelledAndGoesOnWhenItIsTriedAgain(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		may := make(chan struct{})
		r := start(t, db, quickly, func(c *Config) { c.NewIdentifier = answering(gated{may: may}) })
		b := r.newBatch("cancelled")
		var files []store.File
		for i := range 100 {
			files = append(files, store.File{Name: fmt.Sprintf("%d.jdx", i), Raw: []byte(jcamp(fmt.Sprint("caffeine ", i)))})
		}
		if n, err := r.AddToBatch(asProgram(t), b.ID, files...); err != nil || n != 100 {
			t.Fatal(n, err)
		}
		r.do("POST", "/v1/batches/"+b.ID+"/cancel", nil).want(t, http.StatusNoContent)
		r.do("POST", "/v1/batches/"+b.ID+"/cancel", nil).want(t, http.StatusConflict)
		r.do("POST", "/v1/batches/"+b.ID+"/files", jcamp("late")).want(t, http.StatusConflict)
		close(may)
		got := r.batch(b.ID)
		if got.Waiting != 0 || got.Cancelled == nil || got.Left < 100-2*filesAtOnce {
			t.Errorf("%+v", got)
		}
		r.do("POST", "/v1/batches/"+b.ID+"/retry", nil).want(t, http.StatusOK)
		await(t, "all are answered", func() bool { return r.batch(b.ID).Done == 100 })
		if r.rows() != 100 {
			t.Errorf("%d scans", r.rows())
		}
	})
}

// heard is an event of that name with those words in it.
type heard struct{ name, words string }

// hear waits for events, in any order.
func hear(t *testing.T, events <-chan string, want ...heard) {
	t.Helper()
	late := time.After(time.Minute)
	for len(want) > 0 {
		select {
		case e, ok := <-events:
			if !ok {
				t.Fatalf("the stream ended before %v", want)
			}
			want = slices.DeleteFunc(want, func(w heard) bool {
				return strings.Contains(e, "event: "+w.name+"\n") && strings.Contains(e, w.words)
			})
		case <-late:
			t.Fatalf("no event %v", want)
		}
	}
}

func TestLivePagesHearHowFarABatchIs(t *testing.T) {
	onEach(t, func(t *testing.T, db func(*Config)) {
		may := make(chan struct{})
		r := start(t, db, quickly, func(c *Config) { c.NewIdentifier = answering(gated{may: may}) })
		events := r.events(t.Context(), "")
		b := r.newBatch("live")
		for i := range 3 {
			r.do("POST", "/v1/batches/"+b.ID+"/files", jcamp(fmt.Sprint("caffeine ", i))).want(t, http.StatusCreated)
		}
		hear(t, events, heard{"batch", `"waiting":3`}, heard{"jobs", `"running":`})
		close(may)
		hear(t, events, heard{"batch", `"done":3`})
	})
}
