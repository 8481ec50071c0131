package server

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const acmeName = "fentrace.example.org"

// acmeServer is a small ACME server (RFC 8555) that knows one order: it checks signatures, proves by tls-alpn-01 at the address
// that the name is said to be at, and issues.
type acmeServer struct {
	*httptest.Server
	t      *testing.T
	at     string // of the server that has the name
	lives  time.Duration
	before time.Duration // for which a new certificate has been valid already

	mu      sync.Mutex
	key     jose.JSONWebKey // of the account
	ca      *ecdsa.PrivateKey
	root    *x509.Certificate
	proved  bool
	chain   []byte
	issued  int64
	refuses bool
	refused chan struct{} // told of each order that is refused
}

func newACME(t *testing.T) *acmeServer {
	ca, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	root := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test root"}, NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, root, root, ca.Public(), ca)
	if err != nil {
		t.Fatal(err)
	}
	if root, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	a := &acmeServer{t: t, ca: ca, root: root, lives: time.Hour, before: time.Minute, refused: make(chan struct{}, 100)}
	a.Server = httptest.NewTLSServer(a)
	t.Cleanup(a.Close)
	return a
}

// ServeHTTP implements http.Handler.
func (a *acmeServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	w.Header().Set("Replay-Nonce", rand.Text())
	if r.URL.Path == "/dir" {
		a.json(w, http.StatusOK, map[string]any{"newNonce": a.URL + "/nonce", "newAccount": a.URL + "/account", "newOrder": a.URL + "/order"})
		return
	}
	if r.URL.Path == "/nonce" {
		return
	}
	payload, ok := a.opened(r)
	if !ok {
		a.json(w, http.StatusUnauthorized, map[string]string{"type": "urn:ietf:params:acme:error:unauthorized"})
		return
	}
	switch r.URL.Path {
	case "/account":
		w.Header().Set("Location", a.URL+"/account/1")
		a.json(w, http.StatusCreated, map[string]string{"status": "valid"})
	case "/order":
		if a.refuses {
			a.json(w, http.StatusForbidden, map[string]string{"type": "urn:ietf:params:acme:error:rejectedIdentifier"})
			a.refused <- struct{}{}
			return
		}
		a.proved, a.chain = false, nil
		w.Header().Set("Location", a.URL+"/order/1")
		a.json(w, http.StatusCreated, a.order())
	case "/order/1":
		a.json(w, http.StatusOK, a.order())
	case "/authz":
		a.json(w, http.StatusOK, a.authz())
	case "/challenge":
		a.proved = a.prove()
		a.json(w, http.StatusOK, a.authz()["challenges"].([]any)[0])
	case "/finalize":
		var body struct{ CSR string }
		if err := json.Unmarshal(payload, &body); err != nil || !a.proved {
			a.t.Errorf("finalize: %v, proved %t", err, a.proved)
		}
		a.issue(body.CSR)
		w.Header().Set("Location", a.URL+"/order/1")
		a.json(w, http.StatusOK, a.order())
	case "/cert":
		_, _ = w.Write(a.chain)
	default:
		a.t.Errorf("the client asks for %s", r.URL.Path)
	}
}

func (a *acmeServer) json(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(v); err != nil {
		a.t.Error(err)
	}
}

// opened is what a signed request says.
func (a *acmeServer) opened(r *http.Request) ([]byte, bool) {
	raw, _ := io.ReadAll(r.Body)
	signed, err := jose.ParseSigned(string(raw), []jose.SignatureAlgorithm{jose.ES256, jose.RS256})
	if err != nil {
		a.t.Errorf("%s: %v", r.URL.Path, err)
		return nil, false
	}
	if key := signed.Signatures[0].Header.JSONWebKey; key != nil && r.URL.Path == "/account" {
		a.key = *key
	}
	payload, err := signed.Verify(a.key)
	return payload, err == nil
}

func (a *acmeServer) status(pending string) string {
	switch {
	case a.chain != nil:
		return "valid"
	case a.proved:
		return "ready"
	}
	return pending
}

func (a *acmeServer) order() map[string]any {
	return map[string]any{"status": a.status("pending"), "identifiers": []any{map[string]string{"type": "dns", "value": acmeName}},
		"authorizations": []string{a.URL + "/authz"}, "finalize": a.URL + "/finalize", "certificate": a.URL + "/cert"}
}

func (a *acmeServer) authz() map[string]any {
	status := "pending"
	if a.proved {
		status = "valid"
	}
	return map[string]any{"status": status, "identifier": map[string]string{"type": "dns", "value": acmeName},
		"challenges": []any{map[string]string{"type": "tls-alpn-01", "url": a.URL + "/challenge", "token": "a-token", "status": status}}}
}

// prove looks at the server under the name (RFC 8737).
func (a *acmeServer) prove() bool {
	conn, err := tls.Dial("tcp", a.at, &tls.Config{ServerName: acmeName, NextProtos: []string{"acme-tls/1"}, InsecureSkipVerify: true})
	if err != nil {
		a.t.Errorf("tls-alpn-01: %v", err)
		return false
	}
	defer conn.Close()
	print, err := a.key.Thumbprint(crypto.SHA256)
	if err != nil {
		a.t.Error(err)
	}
	sum := crypto.SHA256.New()
	sum.Write([]byte("a-token." + base64.RawURLEncoding.EncodeToString(print)))
	want, _ := asn1.Marshal(sum.Sum(nil))
	for _, e := range conn.ConnectionState().PeerCertificates[0].Extensions {
		if e.Id.String() == "1.3.6.1.5.5.7.1.31" {
			return bytes.Equal(e.Value, want)
		}
	}
	return false
}

func (a *acmeServer) issue(request string) {
	der, err := base64.RawURLEncoding.DecodeString(request)
	if err != nil {
		a.t.Error(err)
	}
	csr, err := x509.ParseCertificateRequest(der)
	if err != nil {
		a.t.Error(err)
		return
	}
	a.issued++
	leaf := &x509.Certificate{SerialNumber: big.NewInt(100 + a.issued), DNSNames: csr.DNSNames, NotBefore: time.Now().Add(-a.before), NotAfter: time.Now().Add(a.lives - a.before),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	cert, err := x509.CreateCertificate(rand.Reader, leaf, a.root, csr.PublicKey, a.ca)
	if err != nil {
		a.t.Error(err)
	}
	a.chain = append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.root.Raw})...)
}

// serve starts a server that has its certificates from a.
func (a *acmeServer) serve(dir string) *running {
	roots := filepath.Join(a.t.TempDir(), "roots.pem")
	if err := os.WriteFile(roots, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.Certificate().Raw}), 0o600); err != nil {
		a.t.Fatal(err)
	}
	r := start(a.t, func(c *Config) {
		c.DataDir = dir
		c.AutoTLS = &AutoTLS{Names: []string{acmeName}, Directory: a.URL + "/dir", Roots: roots, HTTPListen: "127.0.0.1:0"}
	})
	a.mu.Lock()
	defer a.mu.Unlock()
	a.at = r.listening.Addr().String()
	return r
}

// serial is that of the certificate a server shows for a name, checked with the root.
func (a *acmeServer) serial(r *running, name string) (int64, error) {
	pool := x509.NewCertPool()
	pool.AddCert(a.root)
	conn, err := tls.Dial("tcp", r.listening.Addr().String(), &tls.Config{ServerName: name, RootCAs: pool})
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64(), nil
}

func TestCertificatesAreIssuedKeptAndNotForOtherNames(t *testing.T) {
	a := newACME(t)
	dir := t.TempDir()
	t.Run("first", func(t *testing.T) {
		a.t = t
		r := a.serve(dir)
		if !strings.HasPrefix(r.URL(), "https://"+acmeName+":") {
			t.Errorf("it says it is at %s", r.URL())
		}
		for range 2 {
			if n, err := a.serial(r, acmeName); err != nil || n != 101 {
				t.Fatalf("certificate %d, %v", n, err)
			}
		}
		if _, err := a.serial(r, "other.example.org"); err == nil {
			t.Error("a certificate for a name that is not ours")
		}
		if c, err := tls.Dial("tcp", r.listening.Addr().String(), &tls.Config{ServerName: acmeName, InsecureSkipVerify: true, MaxVersion: tls.VersionTLS11}); err == nil {
			c.Close()
			t.Error("it speaks TLS 1.1")
		}
	})
	t.Run("after a restart", func(t *testing.T) {
		a.t = t
		a.mu.Lock()
		a.refuses = true
		a.mu.Unlock()
		if n, err := a.serial(a.serve(dir), acmeName); err != nil || n != 101 {
			t.Errorf("certificate %d, %v, want the one that was kept", n, err)
		}
	})
	err := filepath.Walk(filepath.Join(dir, CertificateFolder), func(path string, info os.FileInfo, err error) error {
		if err == nil && !info.IsDir() && info.Mode().Perm()&0o077 != 0 {
			err = fmt.Errorf("%s may be read by others: %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestACertificateThatCannotBeRenewedIsUsedOn(t *testing.T) {
	a := newACME(t)
	a.before = 50 * time.Minute // of an hour: it is due at once
	dir := t.TempDir()
	r := a.serve(dir)
	if n, err := a.serial(r, acmeName); err != nil || n < 101 {
		t.Fatalf("certificate %d, %v", n, err)
	}
	a.mu.Lock()
	a.refuses = true
	a.mu.Unlock()
	select {
	case <-a.refused:
	case <-time.After(30 * time.Second):
		t.Fatal("it does not try to renew")
	}
	if n, err := a.serial(r, acmeName); err != nil || n < 101 {
		t.Errorf("after a renewal that failed: certificate %d, %v", n, err)
	}
}

func TestAutomaticTLSWithNonsenseDoesNotStart(t *testing.T) {
	for name, auto := range map[string]*AutoTLS{"no name": {}, "an address": {Names: []string{"127.0.0.1"}}, "a bare name": {Names: []string{"fentrace"}},
		"no TLS": {Names: []string{acmeName}, Directory: "http://ca.example"}, "no roots": {Names: []string{acmeName}, Roots: "/does/not/exist"}} {
		cfg := testConfig(t.TempDir(), nil)
		cfg.AutoTLS = auto
		if s, err := New(t.Context(), cfg); err == nil {
			s.Close()
			t.Errorf("it starts with %s", name)
		}
	}
	cfg := testConfig(t.TempDir(), nil)
	cfg.AutoTLS, cfg.Certificate = &AutoTLS{Names: []string{acmeName}}, "cert.pem"
	if s, err := New(t.Context(), cfg); err == nil {
		s.Close()
		t.Error("it starts with certificates from two places")
	}
}
