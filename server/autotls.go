package server

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"
)

// CertificateFolder is the name, inside a data folder, of the folder with certificates that were issued, their keys and that of the
// account. Deleting it has them issued anew.
const CertificateFolder = "certificates"

// AutoTLS has certificates issued by an ACME server (RFC 8555), which looks at this server under the names: by TLS on port 443
// (tls-alpn-01), or by HTTP on port 80 (http-01). By having them issued one agrees to the terms of whoever runs that server.
type AutoTLS struct {
	// Names are those of this server. At least one is needed.
	Names []string
	// Directory is the address of the ACME server; that of Let's Encrypt when empty.
	Directory string
	// Email is told of trouble with certificates; may be empty.
	Email string
	// HTTPListen is host:port of a second listener that answers http-01 and leads everyone else to https; "": there is none.
	HTTPListen string
	// Roots are a PEM file with what the certificate of a private ACME server is checked with; the system's when empty.
	Roots string
}

// autoTLS is a manager of certificates.
type autoTLS struct {
	manager    *autocert.Manager
	log        *slog.Logger
	challenges *http.Server
}

func (s *Server) useAutoTLS() error {
	a := s.cfg.AutoTLS
	if a == nil {
		return nil
	}
	if s.cfg.Certificate != "" || s.cfg.Key != "" {
		return errors.New("TLS: certificates come from files or are issued automatically, not both")
	}
	if len(a.Names) == 0 {
		return errors.New("TLS: the names that certificates are issued for are needed")
	}
	for _, n := range a.Names {
		if net.ParseIP(n) != nil || !strings.Contains(n, ".") || strings.ContainsAny(n, "/:* ") {
			return fmt.Errorf("TLS: no certificate is issued for %q: a name such as fentrace.example.org is needed", n)
		}
	}
	client := &acme.Client{DirectoryURL: a.Directory, UserAgent: "fentrace", HTTPClient: &http.Client{Timeout: 30 * time.Second}}
	if client.DirectoryURL == "" {
		client.DirectoryURL = autocert.DefaultACMEDirectory
	}
	if !strings.HasPrefix(client.DirectoryURL, "https://") {
		return fmt.Errorf("TLS: ACME directory %s: https is needed", client.DirectoryURL)
	}
	if a.Roots != "" {
		pem, err := os.ReadFile(a.Roots)
		if err != nil {
			return fmt.Errorf("TLS: %w", err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return fmt.Errorf("TLS: %s holds no certificate in PEM form", a.Roots)
		}
		client.HTTPClient.Transport = &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: &tls.Config{RootCAs: pool}}
	}
	s.auto = &autoTLS{log: s.cfg.Logger, manager: &autocert.Manager{Prompt: autocert.AcceptTOS, Email: a.Email, Client: client,
		Cache: autocert.DirCache(filepath.Join(s.cfg.DataDir, CertificateFolder)), HostPolicy: autocert.HostWhitelist(a.Names...)}}
	if s.cfg.PublicURL == "" && strings.HasSuffix(s.cfg.Listen, ":443") {
		s.cfg.PublicURL = "https://" + a.Names[0]
	}
	return nil
}

// config is TLS 1.2 and later with what is issued. Why none is goes into the log: whoever connects is told nothing.
func (a *autoTLS) config() *tls.Config {
	c := a.manager.TLSConfig()
	c.MinVersion = tls.VersionTLS12
	issue := c.GetCertificate
	c.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		cert, err := issue(hello)
		if err != nil && !slices.Contains(hello.SupportedProtos, acme.ALPNProto) {
			a.log.Warn("no certificate", slog.String("name", fmt.Sprintf("%.100q", hello.ServerName)), slog.Any("error", err))
		}
		return cert, err
	}
	return c
}

// startChallenges answers http-01 on a listener of its own, when one is asked for.
func (s *Server) startChallenges() error {
	if s.auto == nil || s.cfg.AutoTLS.HTTPListen == "" {
		return nil
	}
	l, err := net.Listen("tcp", s.cfg.AutoTLS.HTTPListen)
	if err != nil {
		return fmt.Errorf("listen on %s for the ACME server: %w", s.cfg.AutoTLS.HTTPListen, err)
	}
	s.auto.challenges = s.newHTTP(s.auto.manager.HTTPHandler(nil))
	go func() {
		if err := s.auto.challenges.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			s.cfg.Logger.ErrorContext(context.Background(), "answers to the ACME server end", slog.Any("error", err))
		}
	}()
	return nil
}
