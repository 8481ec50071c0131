package evidence

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"fentrace/library/identify"
	"fentrace/server/audit"
	"fentrace/spectra"
)

// Checks says what a pack is checked with, beside itself.
type Checks struct {
	// Key is that of the server's log, obtained elsewhere (note.Verifier); empty: the one inside the pack.
	Key string
	// Checkpoints were kept earlier, by the name of where each was kept.
	Checkpoints map[string][]byte
	// Answer computes an answer again; nil: none is computed.
	Answer func(context.Context, spectra.Spectrum) (identify.Identification, error)
	// Library is the version of what it answers with.
	Library string
}

// Finding is one thing that was checked.
type Finding struct {
	// What: "archive", "manifest", the name of a member, "log", or a scan.
	What string `json:"what"`
	// Result: ok, wrong, or not checked.
	Result string `json:"result"`
	Text   string `json:"text"`
}

// The results of a check.
const (
	OK         = "ok"
	Wrong      = "wrong"
	NotChecked = "not checked"
)

// Report is what is found of a pack.
type Report struct {
	Simulated bool      `json:"simulated"`
	Program   string    `json:"program"` // that made it
	Scans     []string  `json:"scans"`
	Key       string    `json:"key"` // that signatures were checked with
	Findings  []Finding `json:"findings"`
}

// Whole tells whether nothing is wrong.
func (r Report) Whole() bool {
	return !slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Result == Wrong })
}

func (r *Report) say(what, result, format string, args ...any) {
	r.Findings = append(r.Findings, Finding{what, result, fmt.Sprintf(format, args...)})
}

// checking is one pack as it is checked.
type checking struct {
	Checks
	Report
	members  []member
	manifest manifest
	tree     tlog.Tree
	// publicKey is what signatures are checked with.
	publicKey string
	recorded  map[record]bool // those that scans of the pack have
}

// Verify checks a pack of size bytes with nothing but what it is given. The error is that of a file that is no pack, or of a context
// that has ended; all else that is wrong is in the report, by name.
func Verify(ctx context.Context, r io.ReaderAt, size int64, with Checks) (Report, error) {
	c := &checking{Checks: with, recorded: map[record]bool{}}
	c.Findings, c.Report.Scans = []Finding{}, []string{}
	var err error
	if c.members, err = readArchive(r, size); err != nil {
		return c.Report, err
	}
	if err := c.readManifest(); err != nil {
		return c.Report, err
	}
	c.checkMembers()
	verifier := c.key()
	c.checkSignature(verifier)
	c.checkLog(verifier)
	for _, s := range c.manifest.Scans {
		if err := c.checkScan(ctx, s); err != nil {
			return c.Report, err
		}
	}
	c.checkLeftOut()
	if !c.Whole() { // a member that was changed also has another sum in the archive
		return c.Report, nil
	}
	if err := asWritten(r, size, c.members); err != nil {
		c.say("archive", Wrong, "%v", err)
	}
	return c.Report, nil
}

// readManifest reads what lists the pack; a pack that is of another format cannot be checked.
func (c *checking) readManifest() error {
	raw, ok := find(c.members, manifestName)
	if !ok {
		return fmt.Errorf("%w: it has no %s", ErrPack, manifestName)
	}
	if err := json.Unmarshal(raw, &c.manifest); err != nil {
		return fmt.Errorf("%w: %s cannot be read: %w", ErrPack, manifestName, err)
	}
	m := c.manifest
	if m.Format != Format {
		return fmt.Errorf("%w: its format is %.40q, this program checks %s", ErrPack, m.Format, Format)
	}
	c.Simulated, c.Program = m.Simulated, m.Program
	for _, s := range m.Scans {
		c.Report.Scans = append(c.Report.Scans, s.ID)
	}
	if len(m.Scans) == 0 {
		c.say(manifestName, Wrong, "it names no scan")
	}
	if again, err := indented(m); err != nil || !bytes.Equal(again, raw) {
		c.say(manifestName, Wrong, "it is not written as a manifest is: it was changed")
	}
	return nil
}

// checkMembers compares every file with the manifest, both ways.
func (c *checking) checkMembers() {
	listed := map[string]bool{manifestName: true, signatureName: true}
	wrong := 0
	for _, f := range c.manifest.Members {
		listed[f.Name] = true
		data, ok := find(c.members, f.Name)
		switch {
		case !ok:
			c.say(f.Name, Wrong, "it is missing")
		case hash(data) != f.SHA256 || len(data) != f.Size:
			c.say(f.Name, Wrong, "it was changed: it has %d bytes and the SHA-256 %s; the manifest says %d bytes, %s", len(data), hash(data), f.Size, f.SHA256)
		default:
			continue
		}
		wrong++
	}
	for _, m := range c.members {
		if !listed[m.name] {
			c.say(m.name, Wrong, "it was added: the manifest does not name it")
			wrong++
		}
	}
	if wrong == 0 {
		c.say(manifestName, OK, "all %d files have the SHA-256 that it states", len(c.manifest.Members))
	}
	if _, marked := find(c.members, simulatedName); marked != c.manifest.Simulated {
		c.say(simulatedName, Wrong, "the manifest and the pack disagree on whether it is SIMULATED")
	}
}

// key is what signatures are checked with; nil when there is none.
func (c *checking) key() note.Verifier {
	inside, _ := find(c.members, publicKeyName)
	text := strings.TrimSpace(string(inside))
	given := strings.TrimSpace(c.Checks.Key)
	if given != "" {
		if given != text {
			c.say(publicKeyName, Wrong, "the pack holds another key than the one you gave: another server has made it, or somebody has made it again")
		}
		text = given
	}
	c.Report.Key, c.publicKey = text, text
	v, err := note.NewVerifier(text)
	if err != nil {
		c.say(publicKeyName, Wrong, "it is no key: %v", err)
		return nil
	}
	if given == "" {
		c.say(publicKeyName, NotChecked, "signatures are checked with the key inside the pack (%s): they show that the pack agrees with itself, not who made it. "+
			"Get the key of that server by another way and give it with --key", v.Name())
	} else {
		c.say(publicKeyName, OK, "signatures are checked with the key you gave (%s)", v.Name())
	}
	return v
}

func (c *checking) checkSignature(v note.Verifier) {
	raw, _ := find(c.members, manifestName)
	signed, ok := find(c.members, signatureName)
	if !ok || v == nil {
		c.say(signatureName, Wrong, "there is no signature of the manifest that can be checked")
		return
	}
	n, err := note.Open(signed, note.VerifierList(v))
	switch {
	case err != nil:
		c.say(signatureName, Wrong, "the manifest is not signed with that key: %v", err)
	case n.Text != signedText(raw):
		c.say(manifestName, Wrong, "it was changed after it was signed")
	case !canonical(signed, n):
		c.say(signatureName, Wrong, "more was written into it")
	default:
		c.say(signatureName, OK, "the manifest is as it was signed by %s", v.Name())
	}
}

// canonical tells whether a signed note has the one signature that was checked and nothing else.
func canonical(signed []byte, n *note.Note) bool {
	if len(n.Sigs) != 1 || len(n.UnverifiedSigs) > 0 {
		return false
	}
	s := n.Sigs[0]
	return string(signed) == n.Text+"\n— "+s.Name+" "+s.Base64+"\n"
}

// checkLog checks the checkpoint, that each entry is in the log it speaks of, and that this only grew.
func (c *checking) checkLog(v note.Verifier) {
	signed, _ := find(c.members, checkpointName)
	var err error
	if c.tree, err = c.openCheckpoint(signed, v); err != nil {
		c.say(checkpointName, Wrong, "%v", err)
		return
	}
	c.say(checkpointName, OK, "a log of %d entries, signed by %s", c.tree.N, v.Name())
	c.checkLeaves()
	c.checkEarlier(v)
}

// openCheckpoint reads a signed state of the log.
func (c *checking) openCheckpoint(signed []byte, v note.Verifier) (tlog.Tree, error) {
	if v == nil {
		return tlog.Tree{}, errors.New("there is no key to check it with")
	}
	k, err := audit.Open(c.publicKey, string(signed))
	if err != nil {
		return tlog.Tree{}, err
	}
	return tlog.Tree{N: k.Size, Hash: k.Root}, nil
}

// read decodes a member; what is missing or cannot be read is wrong.
func read[T any](c *checking, name string) (v T, ok bool) {
	raw, there := find(c.members, name)
	if !there {
		return v, false // checkMembers says so
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		c.say(name, Wrong, "it cannot be read: %v", err)
		return v, false
	}
	return v, true
}

func (c *checking) checkLeaves() {
	proofs, ok := read[[]proof](c, proofsName)
	if !ok {
		c.say("log", Wrong, "there are no proofs that its entries are in the log")
		return
	}
	of := map[int64]tlog.RecordProof{}
	for _, p := range proofs {
		of[p.Index] = p.Hashes
	}
	wrong := 0
	for _, l := range c.manifest.Leaves {
		text, ok := find(c.members, l.File)
		if !ok {
			wrong++
			continue
		}
		if l.Index < 0 || l.Index >= c.tree.N {
			c.say(l.File, Wrong, "entry %d cannot be in a log of %d", l.Index, c.tree.N)
			wrong++
			continue
		}
		if err := tlog.CheckRecord(of[l.Index], c.tree.N, c.tree.Hash, l.Index, tlog.RecordHash(text)); err != nil {
			c.say(l.File, Wrong, "entry %d%s is not in the log that the checkpoint speaks of: it, or its proof, was changed", l.Index, named(text))
			wrong++
		}
	}
	if wrong == 0 {
		c.say("log", OK, "every entry about the scans is in the log (%d): %s", len(c.manifest.Leaves), c.kinds())
	}
}

// checkEarlier compares the log with states of it that are in the pack and that somebody has kept.
func (c *checking) checkEarlier(v note.Verifier) {
	earlier, _ := read[[]Earlier](c, earlierName)
	proven := map[int64]tlog.Hash{c.tree.N: c.tree.Hash}
	for _, e := range earlier {
		if e.Size < 1 || e.Size > c.tree.N || e.Size < c.tree.N && tlog.CheckTree(e.Proof, c.tree.N, c.tree.Hash, e.Size, e.Root) != nil ||
			e.Size == c.tree.N && e.Root != c.tree.Hash {
			c.say(earlierName, Wrong, "the log of %d entries is not the one of %d that was added to", c.tree.N, e.Size)
			continue
		}
		proven[e.Size] = e.Root
	}
	for _, name := range sortedKeys(c.Checkpoints) {
		kept, err := c.openCheckpoint(c.Checkpoints[name], v)
		root, known := proven[kept.N]
		switch {
		case err != nil:
			c.say(name, Wrong, "%v", err)
		case known && root == kept.Hash:
			c.say(name, OK, "the log of the pack has the same %d entries at its beginning", kept.N)
		case known:
			c.say(name, Wrong, "FORK: with the same %d entries the log of the pack is another one: entries were changed, or this server has shown two logs", kept.N)
		default:
			c.say(name, NotChecked, "it has %d entries, and the pack has no proof for a log of that length: ask the server for one, or check another checkpoint", kept.N)
		}
	}
}

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
