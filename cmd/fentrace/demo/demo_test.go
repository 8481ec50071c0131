package demo

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fentrace/library"
	"fentrace/library/identify"
	"fentrace/server/intel"
	"fentrace/server/store"
)

func TestTheFirstScanGivesAnAlarmWithOverlayAndPlace(t *testing.T) {
	r := start(t, Options{DataDir: t.TempDir()})
	sc := r.post("/v1/device/scan", "", nil, 201)
	named := slices.ContainsFunc(sc.Identification.Findings, func(f identify.Finding) bool { return f.Substance == "Fentanyl" })
	if sc.Verdict != string(identify.Alarm) || !named {
		t.Errorf("verdict %s, findings %+v", sc.Verdict, sc.Identification.Findings)
	}
	if !sc.Simulated || sc.Device == nil || !strings.HasPrefix(sc.Device.SerialNumber, "SIM-") {
		t.Errorf("simulated %v, device %+v", sc.Simulated, sc.Device)
	}
	if !sc.Location.HasPoint() || sc.Location.FIPS != standsIn {
		t.Errorf("location %+v", sc.Location)
	}
	var overlay identify.Overlay
	r.get("/v1/scans/"+sc.ID+"/overlay", &overlay)
	if !overlay.Scan.Simulated || len(overlay.References) == 0 || !overlay.References[0].Simulated || len(overlay.References[0].X) < 1000 {
		t.Errorf("overlay: scan simulated %v, %d references", overlay.Scan.Simulated, len(overlay.References))
	}
	// A place stated with the scan goes before that of the instrument, and the tray has turned.
	next := r.post("/v1/device/scan", "application/json", []byte(`{"county":"Pike","state":"KY","fips":"21195"}`), 201)
	if next.Location == nil || next.Location.FIPS != "21195" || next.Location.HasPoint() {
		t.Errorf("location of the second scan %+v", next.Location)
	}
	if next.Verdict != string(identify.NoAlarm) {
		t.Errorf("the second sample gives %s", next.Verdict)
	}
	if err := r.end(); err != nil {
		t.Errorf("the demo did not end in order: %v", err)
	}
	r.wait("under the probe lies SIMULATED Fentanyl 20 %")
}

func TestTheMonthIsStoredOnceAndGoesOnWhereItStopped(t *testing.T) {
	opts := Options{DataDir: t.TempDir(), Scans: 70, Seed: 1}
	r := start(t, opts)
	r.wait("SIMULATED month: 7 of ") // then Ctrl-C
	if err := r.end(); err != nil {
		t.Fatalf("the demo did not end in order: %v", err)
	}
	st, err := store.Open(t.Context(), opts.DataDir)
	if err != nil {
		t.Fatal(err)
	}
	before, err := st.Count(store.ByProgram(t.Context(), "test"))
	if err = errors.Join(err, st.Close()); err != nil {
		t.Fatal(err)
	}
	r = start(t, opts)
	r.wait("scans stored")
	scans := r.month()
	if before < 7 || before >= len(scans) {
		t.Errorf("%d scans after the interruption, %d at the end", before, len(scans))
	}
	exhibits := map[string]bool{}
	for _, sc := range scans {
		exhibits[sc.Exhibit] = true
		if !sc.Simulated || sc.Device == nil || !strings.HasPrefix(sc.Device.SerialNumber, "SIM-") || !strings.HasPrefix(sc.Filename, "SIMULATED-") {
			t.Errorf("scan %s is not marked simulated: %v, %+v, %s", sc.Exhibit, sc.Simulated, sc.Device, sc.Filename)
		}
	}
	if len(exhibits) != len(scans) || len(scans) < opts.Scans {
		t.Errorf("%d scans of %d exhibits, %d wanted", len(scans), len(exhibits), opts.Scans)
	}
	checkFirstSeen(t, r, opts.DataDir)
	if err := r.end(); err != nil {
		t.Fatal(err)
	}
	opts.Seed = 2 // the folder keeps its own month
	r = start(t, opts)
	r.wait("is continued")
	r.wait("scans stored")
	if again := len(r.month()); again != len(scans) {
		t.Errorf("%d scans after running again, %d before", again, len(scans))
	}
}

// checkFirstSeen compares what the server says of the new analog with the story it was told.
func checkFirstSeen(t *testing.T, r running, dir string) {
	t.Helper()
	var seen struct{ Items []intel.FirstSeen }
	r.get("/v1/intelligence/first-seen?substance="+analog, &seen)
	p, kept, err := settle(dir, plan{})
	if err != nil || !kept {
		t.Fatalf("the folder keeps no plan: %v", err)
	}
	_, counties := tableAndCounties(t)
	told := map[string]Event{}
	for _, e := range Month(p.Seed, p.Now, counties, p.Scans) {
		if _, ok := told[e.County.FIPS]; !ok && e.Mixture.holds(analog) {
			told[e.County.FIPS] = e
		}
	}
	if len(seen.Items) < 10 {
		t.Fatalf("first seen in %d counties only", len(seen.Items))
	}
	right := 0
	for i, item := range seen.Items {
		e, ok := told[item.Region.FIPS]
		if !ok || item.First.Before(e.Acquired) {
			t.Errorf("seen in %s on %v, before it was there", item.Region.County, item.First)
		}
		if item.First.Equal(e.Acquired) {
			right++
		}
		if !item.Simulated || item.Level != intel.PresumptiveFirst || !item.Controlled {
			t.Errorf("item %+v", item)
		}
		if i > 0 && item.First.After(seen.Items[i-1].First) {
			t.Errorf("items are not in order at %d", i)
		}
	}
	if right < len(told)*8/10 {
		t.Errorf("%d of %d first sightings are those of the story", right, len(told))
	}
}

func TestABusyAddressIsToldWithTheFlag(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	err = Run(t.Context(), Options{DataDir: t.TempDir(), Listen: l.Addr().String()})
	if err == nil || !strings.Contains(err.Error(), "--listen") || !strings.Contains(err.Error(), l.Addr().String()) {
		t.Errorf("error %v", err)
	}
}

func TestATemporaryFolderIsRemoved(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	r := start(t, Options{Scans: 1})
	if made, err := filepath.Glob(filepath.Join(tmp, "fentrace-demo-*", "fentrace.db")); err != nil || len(made) != 1 {
		t.Fatalf("databases %v, %v", made, err)
	}
	if err := r.end(); err != nil {
		t.Errorf("ended with %v", err)
	}
	if left, err := os.ReadDir(tmp); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestTheSimulatedLayerSpeaksWithTheCoresWords(t *testing.T) {
	stack, err := Library(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	layers := stack.Layers()
	if len(layers) != 2 || layers[1].Name != layerTitle {
		t.Errorf("layers %+v", layers)
	}
	simulated := 0
	for _, r := range stack.References() {
		if r.Tier != library.Simulated {
			continue
		}
		simulated++
		sub, ok := stack.Substance(r.SubstanceID)
		if !ok || sub.Class == "" || strings.HasPrefix(sub.Class, "fentanyl") && !sub.Controlled {
			t.Errorf("%s: class %q, controlled %v", r.SubstanceID, sub.Class, sub.Controlled)
		}
		if r.Spectrum == nil || !r.Spectrum.Metadata.Simulated || !strings.HasPrefix(r.Spectrum.Title, "SIMULATED ") || !strings.HasPrefix(r.Provenance.Source, "SIMULATED") {
			t.Errorf("%s is not marked simulated", r.SubstanceID)
		}
	}
	if simulated != 31 {
		t.Errorf("%d simulated references", simulated)
	}
	if sub, ok := stack.Lookup("", "", withheld); !ok || !sub.Controlled {
		t.Errorf("%s: known %v, controlled %v", withheld, ok, sub.Controlled)
	}
}
