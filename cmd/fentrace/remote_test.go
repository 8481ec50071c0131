package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"maps"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"

	"fentrace/library"
	"fentrace/server/store"
)

func TestEveryCommandIsForAServerOrForThisMachine(t *testing.T) {
	parser, err := newParser(&commands{}, io.Discard, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	var known []string
	err = kong.Visit(parser.Model, func(n kong.Visitable, next kong.Next) error {
		if node, ok := n.(*kong.Node); ok && node.Type == kong.CommandNode && node.Leaf() {
			known = append(known, commandName(node))
		}
		return next(nil)
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range known {
		if here, there := slices.Contains(localCommands, name), slices.Contains(remoteCommands, name); here == there {
			t.Errorf("`fentrace %s`: say in remote.go whether --server makes sense for it (local %v, remote %v)", name, here, there)
		}
	}
	for _, name := range slices.Concat(localCommands, remoteCommands, onlyRemote) {
		if !slices.Contains(known, name) {
			t.Errorf("there is no command `fentrace %s`", name)
		}
	}
}

func TestCommandsOfThisMachineRefuseAServer(t *testing.T) {
	for _, args := range [][]string{{"version"}, {"device", "list"}, {"calibrate", "show"}, {"backup", "--to", "x.tar.zst"}, {"serve"}, {"library", "import", "--into", "x.db", "."}} {
		code, out, stderr := run(t, "", append(args, "--server", "https://fentrace.example.org")...)
		if code != exitUsage || out != "" || !strings.Contains(stderr, "is for this machine") || !strings.Contains(stderr, "--server") {
			t.Errorf("%v: exit code %d\n%s%s", args, code, out, stderr)
		}
	}
	t.Setenv("FENTRACE_SERVER", "https://fentrace.example.org")
	mustRun(t, "version") // a default is none of its business
	if code, _, stderr := run(t, "", "queue"); code != exitUsage || !strings.Contains(stderr, "--token-file") {
		t.Errorf("without a token: exit code %d, %s", code, stderr)
	}
}

func TestAServerIsNamedInFullAndTheTokenNeverOnTheCommandLine(t *testing.T) {
	t.Setenv(tokenVariable, "ft_x y")
	for want, args := range map[string][]string{
		"by https only":  {"queue", "--server", "http://fentrace.example.org"},
		"--server":       {"scans", "list"},
		"one token":      {"queue", "--server", "http://127.0.0.1:1"},
		"no such file":   {"queue", "--server", "http://127.0.0.1:1", "--token-file", "none"},
		"name it":        {"queue", "--token-file", "none"},
		"unknown flag":   {"queue", "--token", "ft_x"},
		"id of a stored": {"scans", "get", "--server", "http://127.0.0.1:1", "nonsense"},
	} {
		if want == "id of a stored" {
			t.Setenv(tokenVariable, "ft_x")
		}
		if want == "one token" || want == "no such file" {
			t.Setenv(tokenVariable, "ft_x y")
		}
		code, _, stderr := run(t, "", args...)
		if code != exitUsage || !strings.Contains(stderr, want) {
			t.Errorf("%v: exit code %d, %s", args, code, stderr)
		}
	}
}

// authority is a certificate of 127.0.0.1 that is its own authority.
func authority(t *testing.T) (cert, key string) {
	t.Helper()
	secret, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, secret.Public(), secret)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

// far is a server that speaks TLS, and the flags that name it.
type far struct {
	address, data, lib, token string
	flags                     []string
	end                       func()
}

func newFar(t *testing.T, lib string) far {
	t.Helper()
	cert, key := authority(t)
	f := far{data: filepath.Join(t.TempDir(), "far"), lib: lib, token: filepath.Join(t.TempDir(), "token")}
	f.address, f.end = serving(t, "--listen", "127.0.0.1:0", "--data", f.data, "--library", lib, "--tls-cert", cert, "--tls-key", key)
	token := mustRun(t, "serve", "--data", f.data, "--new-token", "test")
	if err := os.WriteFile(f.token, []byte(token), 0o600); err != nil {
		t.Fatal(err)
	}
	f.flags = []string{"--server", f.address, "--token-file", f.token, "--tls-ca", cert}
	return f
}

func (f far) run(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	return run(t, "", append(args, f.flags...)...)
}

func (f far) mustRun(t *testing.T, args ...string) string {
	t.Helper()
	return mustRun(t, append(args, f.flags...)...)
}

// form is what lines of JSON are made of, without what they say.
func form(t *testing.T, lines string) []string {
	t.Helper()
	found := map[string]bool{}
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for k, one := range v {
				walk(path+"."+k, one)
			}
		case []any:
			found[path+"[]"] = true
			for _, one := range v {
				walk(path+"[]", one)
			}
		default:
			found[fmt.Sprintf("%s %T", path, v)] = true
		}
	}
	for d := json.NewDecoder(strings.NewReader(lines)); ; {
		var v any
		if err := d.Decode(&v); err == io.EOF {
			break
		} else if err != nil {
			t.Fatalf("%v\n%s", err, lines)
		}
		walk("", v)
	}
	return slices.Sorted(maps.Keys(found))
}

// The golden check: what a command prints for programs is the same whether it is done here or at a server.
func TestWhatIsPrintedForProgramsIsTheSameHereAndAtAServer(t *testing.T) {
	t.Parallel()
	scan, lib := sample(t, "Fentanyl")
	f := newFar(t, lib)
	dir := t.TempDir()
	bad := filepath.Join(dir, "bad.csv")
	if err := os.WriteFile(bad, []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(filepath.Dir(scan), "reference.jdx")
	local := []string{"--library", lib}
	for name, tc := range map[string]struct {
		args []string
		code int
	}{
		"a scan":            {[]string{"identify", "--json", scan}, exitOK},
		"a bad one":         {[]string{"identify", "--json", scan, bad}, exitFailed},
		"one sample":        {[]string{"identify", "--json", "--same-sample", scan, other}, exitOK},
		"the library":       {[]string{"library", "list", "--json"}, exitOK},
		"what it lacks":     {[]string{"library", "list", "--json", "--missing"}, exitOK},
		"a substance":       {[]string{"library", "show", "--json", "fentanyl"}, exitOK},
		"a scan, in words":  {[]string{"identify", scan}, exitOK},
		"no such substance": {[]string{"library", "show", "unobtainium"}, exitFailed},
	} {
		hereCode, here, _ := run(t, "", append(slices.Clone(tc.args), local...)...)
		thereCode, there, stderr := f.run(t, tc.args...)
		if hereCode != tc.code || thereCode != tc.code {
			t.Errorf("%s: exit code %d here, %d there, want %d\n%s", name, hereCode, thereCode, tc.code, stderr)
		}
		// What cannot be read is named by the server without the folder it is in here.
		here, there = strings.ReplaceAll(here, "read "+bad, "read bad.csv"), strings.ReplaceAll(there, "read "+bad, "read bad.csv")
		if diff := cmp.Diff(here, there); diff != "" {
			t.Errorf("%s: here (-) and there (+) differ:\n%s", name, diff)
		}
	}
	f.storedAreTheSame(t, scan, other, bad)
}

// storedAreTheSame compares what has to be stored at the server first.
func (f far) storedAreTheSame(t *testing.T, scan, other, bad string) {
	dir, out := t.TempDir(), t.TempDir()
	for _, path := range []string{scan, other, bad} {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(path)), raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	table := func(name string, run func(args ...string) int) string {
		path := filepath.Join(out, name)
		if code := run("batch", "--out", path, dir); code != exitFailed { // one file is bad
			t.Errorf("%s: exit code %d", name, code)
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return strings.ReplaceAll(string(raw), "file cannot be used: ", "")
	}
	here := table("here.csv", func(args ...string) int { c, _, _ := run(t, "", append(args, "--library", f.lib)...); return c })
	there := table("there.csv", func(args ...string) int { c, _, _ := f.run(t, args...); return c })
	again := table("again.csv", func(args ...string) int { c, _, _ := f.run(t, args...); return c })
	here = strings.ReplaceAll(here, "read "+filepath.Join(dir, "bad.csv"), "read bad.csv")
	there = strings.ReplaceAll(there, " (422 Unprocessable Entity)", "")
	if there = strings.ReplaceAll(there, strings.TrimPrefix(f.address, "https://")+": ", ""); here != there {
		t.Errorf("tables differ:\n%s", cmp.Diff(here, there))
	}
	if again = strings.ReplaceAll(again, " (422 Unprocessable Entity)", ""); strings.ReplaceAll(again, strings.TrimPrefix(f.address, "https://")+": ", "") != there {
		t.Error("the second batch answers otherwise")
	}
	var listed store.Scan
	lines := strings.Split(strings.TrimSpace(f.mustRun(t, "scans", "list", "--json", "--text", "scan.jdx")), "\n")
	if err := json.Unmarshal([]byte(lines[0]), &listed); err != nil || len(lines) != 1 {
		t.Fatalf("%d scans listed, %v", len(lines), err)
	}
	if a, b := mustRun(t, "show", "--json", scan), f.mustRun(t, "show", "--json", listed.ID); a != b {
		t.Errorf("shown:\n%s", cmp.Diff(a, b))
	}
	convert := func(name string, args ...string) string {
		path := filepath.Join(out, name)
		mustRun(t, append([]string{"convert", "--out", path}, args...)...)
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	if a, b := convert("a.csv", scan), convert("b.csv", append([]string{listed.ID}, f.flags...)...); a != b {
		t.Errorf("converted:\n%s", cmp.Diff(a, b))
	}
	var reference library.Shown
	if err := json.Unmarshal([]byte(f.mustRun(t, "library", "show", "--json", "fentanyl")), &reference); err != nil {
		t.Fatal(err)
	}
	id := ""
	for _, r := range reference.References {
		if r.Tier == library.Simulated {
			id = r.ID
		}
	}
	for _, args := range [][]string{{"rescreen", "--json", "--reference", id}, {"rescreen", "--json", "--like", listed.ID}, {"queue", "--json"}, {"doctor", "--json"}} {
		there := f.mustRun(t, args...)
		own := append(slices.Clone(args), "--data", f.data)
		if args[0] == "rescreen" || args[0] == "doctor" {
			own = append(own, "--library", f.lib)
		}
		here := mustRun(t, own...)
		if diff := cmp.Diff(form(t, here), form(t, there)); diff != "" {
			t.Errorf("%v: the forms here (-) and there (+) differ:\n%s", args, diff)
		}
	}
}

func TestStoredScansAreListedGotAndJudgedByALaboratory(t *testing.T) {
	t.Parallel()
	scan, lib := sample(t, "Fentanyl")
	f := newFar(t, lib)
	other := filepath.Join(filepath.Dir(scan), "reference.jdx")
	for _, path := range []string{scan, other} {
		if _, _, stderr := f.run(t, "batch", "--overwrite", "--out", filepath.Join(t.TempDir(), "t.csv"), filepath.Dir(path)); stderr != "" {
			t.Error(stderr)
		}
	}
	if out := f.mustRun(t, "scans", "list"); !strings.Contains(out, "2 scans.") || !strings.Contains(out, "ALARM") || unfit(out) != "" {
		t.Errorf("%s\n%s", unfit(out), out)
	}
	csv := strings.Split(strings.TrimSpace(f.mustRun(t, "scans", "list", "--csv", "--verdict", "alarm", "--limit", "1")), "\n")
	if len(csv) != 2 || !strings.HasPrefix(csv[0], "id,acquired,file") {
		t.Errorf("table %q", csv)
	}
	id, _, _ := strings.Cut(csv[1], ",")
	if out := f.mustRun(t, "scans", "list", "--verdict", "no_alarm"); !strings.Contains(out, "0 scans.") {
		t.Error(out)
	}
	for as, magic := range map[string]string{"pdf": "%PDF-", "png": "\x89PNG", "jcamp": "##TITLE", "stix": "{", "raw": "##"} {
		path := filepath.Join(t.TempDir(), "out")
		f.mustRun(t, "scans", "get", "--as", as, "--out", path, id)
		if raw, err := os.ReadFile(path); err != nil || !bytes.HasPrefix(raw, []byte(magic)) {
			t.Errorf("as %s: %v, %.20q", as, err, raw)
		}
		if code, _, _ := f.run(t, "scans", "get", "--as", as, "--out", path, id); code != exitUsage {
			t.Errorf("a file that exists is overwritten: exit code %d", code)
		}
	}
	result := []string{"result", id, "--result", "confirmed", "--substance", "fentanyl", "--technique", "GC-MS", "--laboratory", "State Laboratory"}
	if out := f.mustRun(t, result...); !strings.Contains(out, "LABORATORY RESULT: confirmed") {
		t.Error(out)
	}
	// Only what a laboratory found is called confirmed.
	field, found, _ := strings.Cut(f.mustRun(t, "scans", "get", id), "LABORATORY RESULT")
	if !strings.Contains(field, "ALARM") || !strings.HasPrefix(found, ": confirmed") || unfit(field) != "" {
		t.Errorf("%s\n%s%s", unfit(field), field, found)
	}
	if code, _, stderr := f.run(t, "scans", "get", "8d1f5c1e-0f63-4c41-9d6b-8a4b5c9f0f11"); code != exitFailed || !strings.Contains(stderr, "404") {
		t.Errorf("no such scan: exit code %d, %s", code, stderr)
	}
	if code, _, stderr := f.run(t, "send"); code != exitFailed || !strings.Contains(stderr, "to no other server") {
		t.Errorf("send: exit code %d, %s", code, stderr)
	}
	if code, _, stderr := f.run(t, "library", "validate"); code != exitFailed || !strings.Contains(stderr, "never validated") {
		t.Errorf("validate: exit code %d, %s", code, stderr)
	}
	if code, _, stderr := f.run(t, "identify", "--library", lib, scan); code != exitUsage || !strings.Contains(stderr, "--library with --server") {
		t.Errorf("a library of this machine: exit code %d, %s", code, stderr)
	}
	if code, _, stderr := run(t, "", "queue", "--server", f.address, "--token-file", f.token); code != exitFailed || !strings.Contains(stderr, "certificate") {
		t.Errorf("an authority nobody knows: exit code %d, %s", code, stderr)
	}
	file := settingsFile(t, fmt.Sprintf("server = %q\ntoken-file = %q\ntls-ca = %q\n", f.flags[1], f.flags[3], f.flags[5]))
	if out := mustRun(t, "scans", "list", "--config", file); !strings.Contains(out, "2 scans.") {
		t.Errorf("a server from a settings file: %s", out)
	}
	if err := os.WriteFile(f.token, []byte("ft_wrong"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := f.run(t, "queue"); code != exitFailed || !strings.Contains(stderr, "401") || !strings.Contains(stderr, "--new-token") || strings.Contains(stderr, "ft_wrong") {
		t.Errorf("a wrong token: exit code %d, %s", code, stderr)
	}
}

func TestAScanTakenHereIsAnsweredThereOrKeptInAFile(t *testing.T) {
	recorded, lib := sample(t, "Fentanyl")
	f := newFar(t, lib)
	port := emulate(t, "--type", "qepro", "--spectrum", recorded)
	t.Chdir(t.TempDir())
	here := mustRun(t, "scan", "--port", port, "--library", lib, "--json")
	there := f.mustRun(t, "scan", "--port", port, "--json")
	if diff := cmp.Diff(form(t, here), form(t, there)); diff != "" {
		t.Errorf("the forms here (-) and there (+) differ:\n%s", diff)
	}
	if out := f.mustRun(t, "scans", "list"); !strings.Contains(out, "1 scan.") || !strings.Contains(out, simulatedTag) {
		t.Error(out)
	}
	if code, _, stderr := f.run(t, "scan", "--port", port, "--data", "x"); code != exitUsage || !strings.Contains(stderr, "--data with --server") {
		t.Errorf("exit code %d, %s", code, stderr)
	}
	kept, err := filepath.Glob("fentrace-scan-*.json")
	if err != nil || len(kept) != 0 {
		t.Errorf("kept %v, %v", kept, err)
	}
	full := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, `{"user":"van","role":"technician","second_factor":false}`)
			return
		}
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusInsufficientStorage)
		fmt.Fprint(w, `{"detail":"the disk is full"}`)
	}))
	defer full.Close()
	code, out, stderr := run(t, "", "scan", "--port", port, "--server", full.URL, "--token-file", f.token)
	if kept, _ = filepath.Glob("fentrace-scan-*.json"); code != exitFailed || out != "" || len(kept) != 1 || !strings.Contains(stderr, "the disk is full") || !strings.Contains(stderr, kept[0]) {
		t.Fatalf("a server that stores nothing: exit code %d, kept %v\n%s%s", code, kept, out, stderr)
	}
	if out := mustRun(t, "identify", "--library", lib, kept[0]); !strings.Contains(out, "ALARM") {
		t.Errorf("what was kept is answered\n%s", out)
	}
	f.end()
	if code, _, stderr := f.run(t, "scan", "--port", port); code != exitFailed || !strings.Contains(stderr, "refused") {
		t.Errorf("a server that is away is found out before the laser is on: exit code %d, %s", code, stderr)
	}
}
