package server

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// selfSigned writes a certificate for this machine with that serial number to dir.
func selfSigned(t *testing.T, dir string, serial int64) (cert, key string) {
	t.Helper()
	secret, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "test"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, secret.Public(), secret)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

func TestAServerWithACertificateSpeaksTLSOnly(t *testing.T) {
	cert, key := selfSigned(t, t.TempDir(), 1)
	r := start(t, func(c *Config) { c.Certificate, c.Key = cert, key })
	if !strings.HasPrefix(r.URL(), "https://") {
		t.Errorf("it says it is at %s", r.URL())
	}
	pool := x509.NewCertPool()
	raw, err := os.ReadFile(cert)
	if err != nil {
		t.Fatal(err)
	}
	pool.AppendCertsFromPEM(raw)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	code, err := r.NewLoginCode(asProgram(t), "")
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequest("POST", r.URL()+"/v1/login", strings.NewReader(`{"code":"`+code+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	res, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if len(res.Cookies()) != 1 || !res.Cookies()[0].Secure || res.Header.Get("Strict-Transport-Security") == "" {
		t.Errorf("log-in over TLS: %d, cookies %v, HSTS %q", res.StatusCode, res.Cookies(), res.Header.Get("Strict-Transport-Security"))
	}
	if res, err := http.Get("http://" + strings.TrimPrefix(r.URL(), "https://") + "/healthz"); err == nil {
		res.Body.Close()
		if res.StatusCode == http.StatusOK {
			t.Error("it answers without TLS")
		}
	}
	old := &tls.Config{RootCAs: pool, MaxVersion: tls.VersionTLS11}
	if c, err := tls.Dial("tcp", strings.TrimPrefix(r.URL(), "https://"), old); err == nil {
		c.Close()
		t.Error("it speaks TLS 1.1")
	}
}

func TestACertificateIsReadAgainWhenItWasReplaced(t *testing.T) {
	dir := t.TempDir()
	cert, key := selfSigned(t, dir, 1)
	c := &certificate{cert: cert, key: key}
	if err := c.read(); err != nil {
		t.Fatal(err)
	}
	serial := func() int64 {
		pair, err := c.get(nil)
		if err != nil {
			t.Fatal(err)
		}
		x, err := x509.ParseCertificate(pair.Certificate[0])
		if err != nil {
			t.Fatal(err)
		}
		return x.SerialNumber.Int64()
	}
	selfSigned(t, dir, 2)
	later := time.Now().Add(time.Second)
	if err := os.Chtimes(cert, later, later); err != nil {
		t.Fatal(err)
	}
	if n := serial(); n != 1 {
		t.Errorf("certificate %d within the minute", n)
	}
	c.looked = time.Now().Add(-2 * certificateAge)
	if n := serial(); n != 2 {
		t.Errorf("certificate %d after it was replaced", n)
	}
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	c.looked = time.Now().Add(-2 * certificateAge)
	if n := serial(); n != 2 {
		t.Errorf("certificate %d while the key is missing", n)
	}
	if _, err := tlsConfig(cert, key); err == nil {
		t.Error("a server starts without its key")
	}
}
