package demo

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"fentrace/data"
	"fentrace/device/acquire"
	"fentrace/library"
	"fentrace/library/identify"
	"fentrace/server"
	"fentrace/server/store"
	"fentrace/spectra"
	"fentrace/spectra/format"
)

// Each sample is scanned on an emulator of its own, through the real driver.
func TestEverySampleGivesTheVerdictItStandsFor(t *testing.T) {
	table, _ := tableAndCounties(t)
	stack, id := simulatedStack(t)
	for i, sample := range Samples {
		t.Run(sample.String(), func(t *testing.T) {
			t.Parallel()
			s := scanOf(t, table, sample)
			ans, err := id.Identify(context.Background(), s)
			if err != nil {
				t.Fatal(err)
			}
			controlled, _ := truth(stack, sample.Mixture)
			want := identify.NoAlarm
			switch {
			case sample.Trouble != "":
				want = identify.Inconclusive
			case controlled:
				want = identify.Alarm
			}
			if ans.Verdict != want || !onlyTrue(stack, sample.Mixture, ans.Findings) {
				t.Errorf("%s: %s, findings %+v", ans.Verdict, ans.Headline, ans.Findings)
			}
			if i == 0 && ans.Verdict != identify.Alarm {
				t.Error("the first sample must give an alarm")
			}
		})
	}
}

func scanOf(t *testing.T, table lineTable, sample Sample) spectra.Spectrum {
	t.Helper()
	tray, err := startSpectrometer(table, []Sample{sample}, func(int, Sample) {})
	if err != nil {
		t.Fatal(err)
	}
	defer tray.close()
	dev, err := tray.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer dev.Close()
	scan, err := acquire.Acquire(t.Context(), dev, stsSettings, nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := scan.Spectrum()
	if err != nil {
		t.Fatal(err)
	}
	lo, hi := s.Range()
	if !s.Metadata.Simulated || !s.Metadata.DarkSubtracted || s.Metadata.SaturatedPoints != 0 || lo < 195 || lo > 205 || hi < 1995 || hi > 2005 {
		t.Errorf("%g to %g cm-1, %+v", lo, hi, s.Metadata)
	}
	return s
}

// A recorded real spectrum goes round: through emulator, wire, driver, acquisition and server, and as a file.
func TestARecordedSpectrumComesThroughTheWireAndBack(t *testing.T) {
	folder := filepath.Join("..", "..", "..", "..", "shared", "data", "raman", "library-785")
	recorded, err := format.ReadFile(filepath.Join(folder, "acetaminophen.csv"))
	if _, gone := os.Stat(folder); errors.Is(gone, fs.ErrNotExist) {
		t.Skipf("%s is not here: the recorded spectra are not part of the repository", folder)
	}
	if err != nil {
		t.Fatal(err)
	}
	stack, id := recordedLibrary(t, folder)
	table, _ := tableAndCounties(t)
	tray, err := startSpectrometer(table, nil, func(int, Sample) {})
	if err != nil {
		t.Fatal(err)
	}
	defer tray.close()
	if err := tray.em.SetSample(recorded[0]); err != nil {
		t.Fatal(err)
	}
	scanner := serveWith(t, stack, id, tray)
	scanned := scanner.post("/v1/device/scan", "application/json", []byte(`{"case":"loop"}`), 201)
	checkAcetaminophen(t, scanned)

	raw := scanner.get("/v1/scans/"+scanned.ID+"/raw", nil)
	if sum := spectra.HashBytes(raw); sum != scanned.SHA256 || sum != scanned.Identification.SHA256 {
		t.Errorf("the raw bytes hash to %s, the scan says %s, its answer %s", sum, scanned.SHA256, scanned.Identification.SHA256)
	}
	decoded, err := acquire.Decode(raw)
	if err != nil || len(decoded.Frames) != stsSettings.Averages || len(decoded.Frames[0].Raw) == 0 {
		t.Fatalf("the raw bytes are not the scan with its frames as they came off the wire: %v", err)
	}
	if again := scanner.post("/v1/scans?filename=scan.json", "application/octet-stream", raw, 200); again.ID != scanned.ID {
		t.Errorf("the same bytes are another scan: %s, %s", again.ID, scanned.ID)
	}

	// To a server that never saw them, the same bytes are a new scan with the same hash, spectrum and answer.
	other := serveWith(t, stack, id, nil)
	uploaded := other.post("/v1/scans?filename=scan.json", "application/octet-stream", raw, 201)
	checkAcetaminophen(t, uploaded)
	if uploaded.SHA256 != scanned.SHA256 || uploaded.Verdict != scanned.Verdict {
		t.Errorf("uploaded %s %s, scanned %s %s", uploaded.SHA256, uploaded.Verdict, scanned.SHA256, scanned.Verdict)
	}
	for _, side := range []struct {
		b  *browser
		sc store.Scan
	}{{scanner, scanned}, {other, uploaded}} {
		var back store.Scan
		side.b.get("/v1/scans/"+side.sc.ID, &back)
		checkAcetaminophen(t, back)
		if back.SHA256 != scanned.SHA256 {
			t.Errorf("read back with hash %s, stored with %s", back.SHA256, scanned.SHA256)
		}
		if !bytes.Equal(side.b.get("/v1/scans/"+side.sc.ID+"/raw", nil), raw) {
			t.Error("the bytes read back are others")
		}
	}
	if a, b := scanner.get("/v1/scans/"+scanned.ID+"/spectrum", nil), other.get("/v1/scans/"+uploaded.ID+"/spectrum", nil); !bytes.Equal(a, b) {
		t.Error("the two spectra differ")
	}
}

func checkAcetaminophen(t *testing.T, sc store.Scan) {
	t.Helper()
	if sc.Verdict != string(identify.NoAlarm) || len(sc.Identification.Findings) != 1 {
		t.Fatalf("verdict %s (%s), findings %+v", sc.Verdict, sc.Headline, sc.Identification.Findings)
	}
	f := sc.Identification.Findings[0]
	if f.Substance != "acetaminophen" || f.Tier != library.Measured || f.Score < 0.9 {
		t.Errorf("found %s, tier %s, score %.3f", f.Substance, f.Tier, f.Score)
	}
	if !sc.Simulated {
		t.Error("a scan of the emulator is not marked simulated")
	}
}

// recordedLibrary is the core under the recorded spectra, imported as a user would.
func recordedLibrary(t *testing.T, folder string) (*library.Stack, *identify.Identifier) {
	t.Helper()
	core, err := library.OpenStack(t.Context(), data.Core)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "recorded.db")
	file, err := library.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := library.Import(t.Context(), file, core, []string{folder}, library.ImportOptions{}, nil); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	stack, err := library.OpenStack(t.Context(), data.Core, path)
	if err != nil {
		t.Fatal(err)
	}
	id, err := identify.New(stack, identify.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return stack, id
}

// serveWith starts a server with an empty store and logs in.
func serveWith(t *testing.T, stack *library.Stack, id *identify.Identifier, tray *spectrometer) *browser {
	t.Helper()
	cfg := server.Config{DataDir: t.TempDir(), Listen: "127.0.0.1:0", Library: stack, Acquire: stsSettings,
		NewIdentifier: func(*library.Stack) (server.Identifier, error) { return id, nil }, Logger: slog.New(slog.DiscardHandler)}
	if tray != nil {
		cfg.OpenDevice = tray.open
	}
	srv, err := server.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := srv.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- srv.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the server did not end in order: %v", err)
		}
	})
	link, err := srv.LoginLink(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	return follow(t, link)
}
