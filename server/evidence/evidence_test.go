package evidence

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"fentrace/library"
	"fentrace/library/identify"
	"fentrace/server/audit"
	"fentrace/server/store"
	"fentrace/server/tlp"
	"fentrace/spectra"
)

// journal is a log in memory, with what signs it.
type journal struct {
	hashes []tlog.Hash
	n      int64
	signer note.Signer
	key    string
}

func newJournal(t testing.TB) *journal {
	t.Helper()
	skey, vkey, err := note.GenerateKey(rand.Reader, "log.example.org")
	if err != nil {
		t.Fatal(err)
	}
	s, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	return &journal{signer: s, key: vkey}
}

// ReadHashes implements tlog.HashReader.
func (j *journal) ReadHashes(at []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(at))
	for i, k := range at {
		out[i] = j.hashes[k]
	}
	return out, nil
}

func (j *journal) add(t testing.TB, text string) int64 {
	t.Helper()
	h, err := tlog.StoredHashes(j.n, []byte(text), j)
	if err != nil {
		t.Fatal(err)
	}
	j.hashes = append(j.hashes, h...)
	j.n++
	return j.n - 1
}

func (j *journal) checkpoint(t testing.TB) []byte {
	t.Helper()
	root, err := tlog.TreeHash(j.n, j)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := note.Sign(&note.Note{Text: fmt.Sprintf("log.example.org\n%d\n%s\n", j.n, root)}, j.signer)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

const jcamp = "##TITLE=caffeine\n##JCAMP-DX=4.24\n##DATA TYPE=RAMAN SPECTRUM\n##XUNITS=1/CM\n##YUNITS=ARBITRARY UNITS\n##XFACTOR=1\n##YFACTOR=1\n" +
	"##FIRSTX=200\n##LASTX=204\n##NPOINTS=5\n##FIRSTY=1\n##XYDATA=(X++(Y..Y))\n200 1 5 2 8 3\n##END=\n"

// answer stands in for the decision, which is tested in its own package.
func answer(_ context.Context, s spectra.Spectrum) (identify.Identification, error) {
	return identify.Identification{SHA256: s.Metadata.SHA256, Technique: string(s.Technique), Verdict: identify.NoAlarm, Headline: "NOTHING CONTROLLED SEEN above 8 %",
		Findings: []identify.Finding{{Substance: s.Title, Tier: library.Measured, Probability: 0.875}}, Library: "lib-1", Algorithm: "a/1", Pipeline: "p/1"}, nil
}

// made is a pack of one scan whose log has other entries before, between and behind those about it.
func made(t testing.TB, change ...func(*Pack)) (Pack, *journal) {
	t.Helper()
	raw := []byte(jcamp)
	sp := spectra.Spectrum{Title: "caffeine", Technique: spectra.Raman, XUnit: spectra.PerCM, X: []float64{200, 201, 202, 203, 204}, Y: []float64{1, 5, 2, 8, 3},
		Metadata: spectra.Metadata{SHA256: spectra.HashBytes(raw)}}
	ans, err := answer(t.Context(), sp)
	if err != nil {
		t.Fatal(err)
	}
	when := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	sc, err := store.NewScan("00000000-0000-4000-8000-000000000001", "seized.jdx", 0, sp, ans, store.Fields{Case: "A-1"}, when)
	if err != nil {
		t.Fatal(err)
	}
	answerJSON, err := json.Marshal(ans)
	if err != nil {
		t.Fatal(err)
	}
	spectrumJSON, err := json.Marshal(sp)
	if err != nil {
		t.Fatal(err)
	}
	sc.Agency, sc.TLP = "local", tlp.Amber
	about := func(n int64) string {
		var detail any = sc.Hashes(answerJSON, spectrumJSON)
		if n > 3 {
			detail = map[string]string{"note": "looked at"}
		}
		raw, err := json.Marshal(detail)
		if err != nil {
			t.Fatal(err)
		}
		leaf, err := audit.Leaf{Seq: n, Time: when, Actor: "ada", Action: audit.Collect, Kind: "scan", ID: sc.ID, Detail: raw}.Encode()
		if err != nil {
			t.Fatal(err)
		}
		return string(leaf)
	}
	j := newJournal(t)
	var leaves []int64
	var earlier []Earlier
	for i := range 21 {
		if i%7 == 3 {
			leaves = append(leaves, j.add(t, about(int64(i))))
		} else {
			j.add(t, fmt.Sprintf(`{"action":"consult","n":%d}`, i))
		}
		if i == 11 {
			root, err := tlog.TreeHash(j.n, j)
			if err != nil {
				t.Fatal(err)
			}
			earlier = append(earlier, Earlier{Size: j.n, Root: root})
		}
	}
	p := Pack{Items: []Item{{Scan: sc, Answer: answerJSON, Spectrum: spectrumJSON, FileName: "seized ü/../.jdx", Raw: raw, Report: []byte("%PDF-1.4 a report")}},
		Library: library.NewStack(nil, nil), Version: "v1", Made: when, Sign: j.signer,
		Custody: Custody{Checkpoint: j.checkpoint(t), PublicKey: j.key}}
	for i := range earlier {
		if earlier[i].Proof, err = tlog.ProveTree(j.n, earlier[i].Size, j); err != nil {
			t.Fatal(err)
		}
	}
	p.Custody.Earlier = earlier
	for _, n := range leaves {
		proof, err := tlog.ProveRecord(j.n, n, j)
		if err != nil {
			t.Fatal(err)
		}
		p.Custody.Leaves = append(p.Custody.Leaves, Leaf{n, []byte(about(n)), proof})
	}
	for _, f := range change {
		f(&p)
	}
	return p, j
}

func written(t testing.TB, p Pack) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func verified(t testing.TB, raw []byte, with Checks) Report {
	t.Helper()
	r, err := Verify(t.Context(), bytes.NewReader(raw), int64(len(raw)), with)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// wrongs are what a report finds wrong, one a line.
func (r Report) wrongs() string {
	var out []string
	for _, f := range r.Findings {
		if f.Result == Wrong {
			out = append(out, f.What+": "+f.Text)
		}
	}
	return strings.Join(out, "\n")
}

// says tells whether a report has a finding of this result that mentions the words.
func (r Report) says(result string, words ...string) bool {
	for _, f := range r.Findings {
		all := f.Result == result
		for _, w := range words {
			all = all && strings.Contains(f.What+" "+f.Text, w)
		}
		if all {
			return true
		}
	}
	return false
}

var checks = Checks{Answer: answer, Library: "lib-1"}

func TestAPackIsWholeAndItsAnswerIsComputedAgain(t *testing.T) {
	p, j := made(t)
	raw := written(t, p)
	if !bytes.Equal(raw, written(t, p)) {
		t.Error("the same pack was written in other bytes")
	}
	with := checks
	with.Key = j.key + "\n"
	r := verified(t, raw, with)
	if !r.Whole() || !r.says(OK, "computed again", "NOTHING CONTROLLED SEEN") || !r.says(OK, "key you gave") || !r.says(OK, "what the log says of it") || !r.says(OK, "21 entries") {
		t.Errorf("%+v", r)
	}
	if r := verified(t, raw, checks); !r.Whole() || !r.says(NotChecked, "not who made it", "--key") {
		t.Errorf("with the key inside: %+v", r)
	}
	if r := verified(t, raw, Checks{}); !r.Whole() || !r.says(NotChecked, "not computed again") {
		t.Errorf("without a library: %+v", r)
	}
	z, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	f, err := z.Open("files/" + p.Items[0].Scan.SHA256 + "/seized___.._.jdx")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
}

func TestEveryBitThatIsFlippedIsFoundAndTheMemberNamed(t *testing.T) {
	p, j := made(t)
	raw := written(t, p)
	with := checks
	with.Key = j.key
	members, err := readArchive(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	owner := make([]string, len(raw)) // the member each byte belongs to
	for _, m := range members {
		if at := bytes.Index(raw, m.data); len(m.data) > 0 {
			for i := range m.data {
				owner[at+i] = m.name
			}
		}
	}
	step := map[string]int{} // of long members not each byte
	for _, m := range members {
		step[m.name] = max(1, len(m.data)/40)
	}
	tried := map[string]int{}
	for i := range raw {
		name := owner[i]
		if tried[name]++; name != "" && tried[name]%step[name] != 0 {
			continue
		}
		changed := bytes.Clone(raw)
		changed[i] ^= 1 << (i % 8)
		r, err := Verify(t.Context(), bytes.NewReader(changed), int64(len(changed)), with)
		switch {
		case errors.Is(err, ErrPack):
		case err != nil:
			t.Fatalf("byte %d of %q: %v", i, name, err)
		case r.Whole():
			t.Errorf("byte %d of %q: not noticed", i, name)
		case name != "" && !strings.Contains(r.wrongs(), name):
			t.Errorf("byte %d of %q: not named in %s", i, name, r.wrongs())
		}
	}
	for name, n := range tried {
		if n == 0 {
			t.Errorf("%s was not tried", name)
		}
	}
}

func TestAMemberThatIsMissingOrAddedIsNamed(t *testing.T) {
	p, _ := made(t)
	raw := written(t, p)
	members, err := readArchive(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	for i, m := range members {
		var b bytes.Buffer
		if err := writeArchive(&b, append(append([]member{}, members[:i]...), members[i+1:]...)); err != nil {
			t.Fatal(err)
		}
		r, err := Verify(t.Context(), bytes.NewReader(b.Bytes()), int64(b.Len()), checks)
		if m.name == manifestName {
			if !errors.Is(err, ErrPack) {
				t.Errorf("without a manifest: %v", err)
			}
		} else if err != nil || !strings.Contains(r.wrongs(), m.name) {
			t.Errorf("without %s: %s, %v", m.name, r.wrongs(), err)
		}
	}
	var b bytes.Buffer
	if err := writeArchive(&b, append(members, member{"more.txt", []byte("x")})); err != nil {
		t.Fatal(err)
	}
	if r := verified(t, b.Bytes(), checks); !strings.Contains(r.wrongs(), "more.txt: it was added") {
		t.Errorf("with one more: %s", r.wrongs())
	}
}

func TestAPackMadeAgainBySomebodyElseIsToldByTheKey(t *testing.T) {
	_, real := made(t)
	forged, _ := made(t) // with another log and key
	raw := written(t, forged)
	if r := verified(t, raw, checks); !r.Whole() {
		t.Errorf("it agrees with itself, yet: %s", r.wrongs())
	}
	with := checks
	with.Key = real.key
	if r := verified(t, raw, with); r.Whole() || !strings.Contains(r.wrongs(), "another key") {
		t.Errorf("not noticed: %+v", r)
	}
}

func TestKeptCheckpointsAreComparedWithTheLog(t *testing.T) {
	p, j := made(t)
	raw := written(t, p)
	sign := func(text string) []byte {
		signed, err := note.Sign(&note.Note{Text: text}, j.signer)
		if err != nil {
			t.Fatal(err)
		}
		return signed
	}
	e := p.Custody.Earlier[0]
	other := tlog.RecordHash([]byte("other"))
	with := checks
	with.Checkpoints = map[string][]byte{
		"same":   p.Custody.Checkpoint,
		"before": sign(fmt.Sprintf("log.example.org\n%d\n%s\n", e.Size, e.Root)),
		"unseen": sign(fmt.Sprintf("log.example.org\n%d\n%s\n", 5, other)),
	}
	r := verified(t, raw, with)
	if !r.Whole() || !r.says(OK, "same", "21 entries") || !r.says(OK, "before", "12 entries") || !r.says(NotChecked, "unseen") {
		t.Errorf("%+v", r)
	}
	with.Checkpoints = map[string][]byte{"forked": sign(fmt.Sprintf("log.example.org\n%d\n%s\n", e.Size, other)), "junk": []byte("no note")}
	if r := verified(t, raw, with); !r.says(Wrong, "forked", "FORK") || !r.says(Wrong, "junk") {
		t.Errorf("%+v", r)
	}
}

func TestAnAnswerThatCannotBeComputedAlikeIsNoFaultOfThePack(t *testing.T) {
	p, _ := made(t)
	raw := written(t, p)
	if r := verified(t, raw, Checks{Answer: answer, Library: "lib-2"}); !r.Whole() || !r.says(NotChecked, "lib-1", "lib-2", "NOTHING CONTROLLED SEEN", "same answer") {
		t.Errorf("another library: %+v", r)
	}
	newer := func(ctx context.Context, s spectra.Spectrum) (identify.Identification, error) {
		ans, err := answer(ctx, s)
		ans.Algorithm, ans.Verdict, ans.Headline = "a/2", identify.Inconclusive, "NO ANSWER: signal too weak"
		return ans, err
	}
	if r := verified(t, raw, Checks{Answer: newer, Library: "lib-1"}); !r.Whole() || !r.says(NotChecked, "a/1", "a/2", "NO ANSWER") {
		t.Errorf("another algorithm: %+v", r)
	}
	other := func(ctx context.Context, s spectra.Spectrum) (identify.Identification, error) {
		ans, err := answer(ctx, s)
		ans.Findings[0].Probability = 0.876
		return ans, err
	}
	if r := verified(t, raw, Checks{Answer: other, Library: "lib-1"}); r.Whole() || !strings.Contains(r.wrongs(), "0.875") {
		t.Errorf("another probability: %+v", r)
	}
}

func TestWhatIsNotAsTheLogSaysIsNamed(t *testing.T) {
	for member, change := range map[string]func(*Item){
		"answer.json":   func(it *Item) { it.Answer = bytes.Replace(it.Answer, []byte("0.875"), []byte("0.999"), 1) },
		"spectrum.json": func(it *Item) { it.Spectrum = bytes.Replace(it.Spectrum, []byte("caffeine"), []byte("cocaine!"), 1) },
		"scan.json":     func(it *Item) { it.Scan.Case = "B-2" },
	} {
		p, j := made(t, func(p *Pack) { change(&p.Items[0]) }) // and signed so by whoever has the key
		r := verified(t, written(t, p), Checks{Key: j.key})
		if r.Whole() || !strings.Contains(r.wrongs(), member) {
			t.Errorf("%s: %s", member, r.wrongs())
		}
	}
}

func TestWhatIsSimulatedSaysSoInsideAndOutside(t *testing.T) {
	p, _ := made(t, func(p *Pack) { p.Items[0].Scan.Simulated = true }) // which the log does not say, but that is another matter
	if name := Name(p.Scans()); !strings.HasPrefix(name, "SIMULATED-") {
		t.Errorf("it is called %s", name)
	}
	raw := written(t, p)
	r := verified(t, raw, checks)
	members, err := readArchive(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	if !r.Simulated {
		t.Errorf("%+v", r)
	}
	for _, name := range []string{simulatedName, readmeName, "certificate/SIMULATED-certificate.txt"} {
		if data, ok := find(members, name); !ok || !bytes.Contains(data, []byte("SIMULATED")) {
			t.Errorf("%s does not say so: %t", name, ok)
		}
	}
}

func TestWordsOfThePackStayPresumptive(t *testing.T) {
	p, _ := made(t)
	for name, text := range map[string]string{"readme": p.readme(), "certificate": p.certificate()} {
		for _, never := range []string{"identified", "confirmed", " safe"} {
			if strings.Contains(strings.ToLower(text), never) {
				t.Errorf("the %s says %q", name, never)
			}
		}
		if !strings.Contains(strings.ToLower(text), "presumptive") || !strings.Contains(text, "no legal advice") {
			t.Errorf("the %s does not say what it is", name)
		}
	}
}

// hostile are ZIP files that are no packs.
func hostile(t testing.TB) map[string][]byte {
	build := func(f func(*zip.Writer)) []byte {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		f(z)
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	add := func(z *zip.Writer, name string, method uint16, data []byte) {
		w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: method})
		if err == nil {
			_, err = w.Write(data)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	p, _ := made(t)
	good := written(t, p)
	announced := bytes.Clone(good)
	announced[len(announced)-14], announced[len(announced)-13], announced[len(announced)-12], announced[len(announced)-11] = 0xff, 0xff, 0xff, 0xff
	large := bytes.Clone(good) // its first member announces gigabytes
	at := bytes.Index(large, []byte("PK\x01\x02"))
	for _, field := range []int{20, 24} {
		copy(large[at+field:], []byte{0xf0, 0xff, 0xff, 0x7f})
	}
	return map[string][]byte{
		"nothing": {}, "text": []byte("no zip"), "cut off": good[:len(good)/2], "something behind": append(bytes.Clone(good), 'x'),
		"bomb":      build(func(z *zip.Writer) { add(z, "manifest.json", zip.Deflate, make([]byte, 50<<20)) }),
		"climbs":    build(func(z *zip.Writer) { add(z, "../../etc/passwd", zip.Store, nil) }),
		"root":      build(func(z *zip.Writer) { add(z, "/etc/passwd", zip.Store, nil) }),
		"backslash": build(func(z *zip.Writer) { add(z, `a\b`, zip.Store, nil) }),
		"long name": build(func(z *zip.Writer) { add(z, strings.Repeat("a", 300), zip.Store, nil) }),
		"members": build(func(z *zip.Writer) {
			for i := range maxMembers + 1 {
				add(z, fmt.Sprint(i), zip.Store, nil)
			}
		}),
		"twice":     build(func(z *zip.Writer) { add(z, "a", zip.Store, nil); add(z, "a", zip.Store, nil) }),
		"empty":     build(func(*zip.Writer) {}),
		"announced": announced, "large": large,
	}
}

func TestHostileFilesAreRefusedBeforeMemoryIsTaken(t *testing.T) {
	for name, raw := range hostile(t) {
		if r, err := Verify(t.Context(), bytes.NewReader(raw), int64(len(raw)), checks); !errors.Is(err, ErrPack) {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
}

func FuzzVerify(f *testing.F) {
	p, _ := made(f)
	f.Add(written(f, p))
	for name, raw := range hostile(f) {
		if name != "members" && name != "bomb" {
			f.Add(raw)
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := Verify(t.Context(), bytes.NewReader(raw), int64(len(raw)), checks)
		if err != nil && !errors.Is(err, ErrPack) {
			t.Errorf("an error of another kind: %v", err)
		}
		_ = r.Whole()
	})
}
