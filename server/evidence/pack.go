// Package evidence makes packs of everything about a scan that a court may ask for, and checks such packs without a server.
//
// A pack is a ZIP file: the bytes as they came, what is known of the scan, its presumptive answer and what it was made with, the
// laboratory's results, the report, and of the log of the server every entry about the scan with the proof that it is there. A
// manifest has the SHA-256 of each file, and is signed with the key of the log.
package evidence

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"fentrace/library"
	"fentrace/library/identify"
	"fentrace/server/store"
)

// Format names what a pack looks like; it changes when a program of before could not check it.
const Format = "fentrace-evidence/1"

// MaxScans is how many scans one pack may hold.
const MaxScans = 50

// ErrTooLarge: what was asked for does not fit into one pack.
var ErrTooLarge = errors.New("does not fit into one evidence pack; ask for fewer scans at a time")

// The members that every pack has.
const (
	readmeName     = "README.txt"
	simulatedName  = "SIMULATED.txt"
	manifestName   = "manifest.json"
	signatureName  = "manifest.sig"
	checkpointName = "custody/checkpoint"
	publicKeyName  = "custody/public-key"
	proofsName     = "custody/proofs.json"
	earlierName    = "custody/earlier.json"
	libraryName    = "library.json"
)

// recordsName is where the exhibits and seizures of a scan are. Packs of before have none, which is why no manifest names it apart.
func recordsName(scanID string) string { return "scans/" + scanID + "/records.json" }

// Item is one scan of a pack.
type Item struct {
	Scan     store.Scan
	History  store.History // the exhibits it is of, and their seizures
	Answer   []byte        // its presumptive answer and its spectrum, JSON, byte by byte as they were stored
	Spectrum []byte
	FileName string // of Raw, as it came
	Raw      []byte
	Report   []byte // PDF
}

// Leaf is one entry of the log, byte by byte as it is there, and the proof that it is.
type Leaf struct {
	Index int64
	Text  []byte
	Proof tlog.RecordProof
}

// Earlier is a state the log had before, with the proof that nothing of it was changed since.
type Earlier struct {
	Size  int64          `json:"size"`
	Root  tlog.Hash      `json:"root"`
	Proof tlog.TreeProof `json:"proof"`
}

// Custody is what the log of a server says of the scans.
type Custody struct {
	Leaves     []Leaf
	Checkpoint []byte // signed note
	PublicKey  string // note.Verifier of its signature
	Earlier    []Earlier
}

// Pack is what is written.
type Pack struct {
	Items   []Item
	Custody Custody
	// Library is the one at hand when the pack is made; each scan says by its version which one answered it.
	Library      *library.Stack
	Organisation string
	Version      string    // of the program
	Made         time.Time // when the newest thing in it came about: the same content gives the same bytes
	Sign         note.Signer
}

// manifest lists a pack.
type manifest struct {
	Format      string         `json:"format"`
	Presumptive string         `json:"presumptive"`
	Simulated   bool           `json:"simulated"`
	Program     string         `json:"program"`
	Made        time.Time      `json:"made"`
	Scans       []manifestScan `json:"scans"`
	Leaves      []manifestLeaf `json:"leaves"`
	Members     []manifestFile `json:"members"`
}

type manifestScan struct {
	ID       string `json:"id"`
	SHA256   string `json:"sha256"`
	Index    int    `json:"spectrum_index"`
	FileName string `json:"file_name"` // as it came
	Raw      string `json:"raw"`
	Scan     string `json:"scan"`
	Answer   string `json:"answer"`
	Spectrum string `json:"spectrum"`
	Report   string `json:"report"`
}

type manifestLeaf struct {
	Index int64  `json:"index"`
	File  string `json:"file"`
}

type manifestFile struct {
	Name   string `json:"name"`
	Size   int    `json:"size"` // bytes
	SHA256 string `json:"sha256"`
}

// proof of one leaf.
type proof struct {
	Index  int64            `json:"index"`
	Hashes tlog.RecordProof `json:"hashes"`
}

// Name is what the file of a pack is called.
func Name(scans []store.Scan) string {
	name := "evidence"
	if len(scans) > 0 {
		name += "-" + scans[0].ID
	}
	if len(scans) > 1 {
		name += fmt.Sprintf("-and-%d-more", len(scans)-1)
	}
	if slices.ContainsFunc(scans, func(s store.Scan) bool { return s.Simulated }) {
		name = "SIMULATED-" + name
	}
	return name + ".zip"
}

// Scans are those of the pack.
func (p Pack) Scans() []store.Scan {
	out := make([]store.Scan, len(p.Items))
	for i, it := range p.Items {
		out[i] = it.Scan
	}
	return out
}

func (p Pack) simulated() bool {
	return slices.ContainsFunc(p.Items, func(it Item) bool { return it.Scan.Simulated })
}

// Write writes the pack. The same pack gives the same bytes. Errors wrap ErrTooLarge.
func (p Pack) Write(w io.Writer) error {
	m := manifest{Format: Format, Presumptive: identify.Presumptive, Simulated: p.simulated(), Program: p.Version, Made: p.Made.UTC(),
		Scans: []manifestScan{}, Leaves: []manifestLeaf{}, Members: []manifestFile{}}
	var files []member
	size := 0
	add := func(name string, data []byte) {
		if _, there := find(files, name); !there { // two spectra of one file
			files, size = append(files, member{name, data}), size+len(data)
		}
	}
	for _, it := range p.Items {
		s, err := p.scan(it, add)
		if err != nil {
			return fmt.Errorf("evidence of scan %s: %w", it.Scan.ID, err)
		}
		m.Scans = append(m.Scans, s)
	}
	if err := p.custody(&m, add); err != nil {
		return fmt.Errorf("evidence: %w", err)
	}
	if err := p.words(add); err != nil {
		return fmt.Errorf("evidence: %w", err)
	}
	if size > maxHeld || len(files) > maxMembers-2 {
		return fmt.Errorf("%d files of %d bytes: %w", len(files), size, ErrTooLarge)
	}
	slices.SortFunc(files, func(a, b member) int { return cmp.Compare(a.name, b.name) })
	for _, f := range files {
		m.Members = append(m.Members, manifestFile{f.name, len(f.data), hash(f.data)})
	}
	raw, err := indented(m)
	if err != nil {
		return fmt.Errorf("evidence: %w", err)
	}
	signed, err := p.sign(raw)
	if err != nil {
		return fmt.Errorf("evidence: sign the manifest: %w", err)
	}
	return writeArchive(w, append([]member{{manifestName, raw}, {signatureName, signed}}, files...))
}

// scan adds the files of one.
func (p Pack) scan(it Item, add func(string, []byte)) (manifestScan, error) {
	dir := "scans/" + it.Scan.ID + "/"
	s := manifestScan{ID: it.Scan.ID, SHA256: it.Scan.SHA256, Index: it.Scan.SpectrumIndex, FileName: it.FileName,
		Raw: "files/" + it.Scan.SHA256 + "/" + plainName(it.FileName), Scan: dir + "scan.json", Answer: dir + "answer.json", Spectrum: dir + "spectrum.json", Report: dir + mark(it.Scan.Simulated) + "report.pdf"}
	scan, err := indented(it.Scan)
	if err != nil {
		return s, err
	}
	records, err := indented(it.History)
	if err != nil {
		return s, err
	}
	add(s.Raw, it.Raw)
	add(s.Scan, scan)
	add(s.Answer, it.Answer)
	add(s.Spectrum, it.Spectrum)
	add(s.Report, it.Report)
	add(recordsName(it.Scan.ID), records)
	return s, nil
}

func (p Pack) custody(m *manifest, add func(string, []byte)) error {
	proofs := []proof{}
	for _, l := range p.Custody.Leaves {
		name := fmt.Sprintf("custody/leaves/%d", l.Index)
		add(name, l.Text)
		m.Leaves = append(m.Leaves, manifestLeaf{l.Index, name})
		proofs = append(proofs, proof{l.Index, append(tlog.RecordProof{}, l.Proof...)})
	}
	raw, err := indented(proofs)
	if err != nil {
		return err
	}
	earlier, err := indented(append([]Earlier{}, p.Custody.Earlier...))
	if err != nil {
		return err
	}
	add(proofsName, raw)
	add(earlierName, earlier)
	add(checkpointName, p.Custody.Checkpoint)
	add(publicKeyName, []byte(p.Custody.PublicKey+"\n"))
	return nil
}

// libraryOf is what is said of the library in a pack.
type libraryOf struct {
	Version string              `json:"version"`
	Layers  []library.LayerInfo `json:"layers"`
}

// words adds what is to be read by people.
func (p Pack) words(add func(string, []byte)) error {
	lib, err := indented(libraryOf{p.Library.Version(), p.Library.Layers()})
	if err != nil {
		return err
	}
	add(libraryName, lib)
	add(readmeName, []byte(p.readme()))
	if p.simulated() {
		add(simulatedName, []byte(simulatedWords))
	}
	add("certificate/"+mark(p.simulated())+"certificate.txt", []byte(wrapped(p.certificate(), 110)))
	var b bytes.Buffer
	if err := p.certificatePDF(&b); err != nil {
		return err
	}
	add("certificate/"+mark(p.simulated())+"certificate.pdf", b.Bytes())
	return nil
}

// signedText is what is signed of a manifest.
func signedText(manifest []byte) string {
	return Format + " manifest\n" + hash(manifest) + "\n"
}

func (p Pack) sign(manifest []byte) ([]byte, error) {
	n := &note.Note{Text: signedText(manifest)}
	if p.Sign == nil {
		return []byte(n.Text), nil
	}
	return note.Sign(n, p.Sign)
}

func mark(simulated bool) string {
	if simulated {
		return "SIMULATED-"
	}
	return ""
}

func hash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func indented(v any) ([]byte, error) {
	b, err := json.MarshalIndent(v, "", "  ")
	return append(b, '\n'), err
}

// plainName is a name that can be that of a file everywhere, and stays as like the one given as it can.
func plainName(name string) string {
	name = strings.Map(func(r rune) rune {
		if r < 0x80 && (r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '.' || r == '-' || r == '_') {
			return r
		}
		return '_'
	}, name)
	name = strings.TrimLeft(name, ".")
	if len(name) > 80 {
		name = name[:40] + "_" + name[len(name)-39:]
	}
	return cmp.Or(name, "file")
}
