package server

import (
	"crypto/tls"
	"fmt"
	"os"
	"sync"
	"time"
)

// certificateAge is how long a certificate is used before its files are looked at again.
const certificateAge = time.Minute

// certificate is a pair of files, read again after they were replaced: certificates are renewed while servers run.
type certificate struct {
	cert, key string

	mu       sync.Mutex
	pair     *tls.Certificate
	modified [2]time.Time
	looked   time.Time
}

// tlsConfig serves the certificate and key in those PEM files, with TLS 1.2 and later. It fails when they cannot be used now.
func tlsConfig(cert, key string) (*tls.Config, error) {
	c := &certificate{cert: cert, key: key}
	if err := c.read(); err != nil {
		return nil, err
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}, GetCertificate: c.get}, nil
}

func (c *certificate) read() error {
	var modified [2]time.Time
	for i, path := range []string{c.cert, c.key} {
		info, err := os.Stat(path)
		if err != nil {
			return fmt.Errorf("TLS: %w", err)
		}
		modified[i] = info.ModTime()
	}
	if c.looked = time.Now(); c.pair != nil && modified == c.modified {
		return nil
	}
	pair, err := tls.LoadX509KeyPair(c.cert, c.key)
	if err != nil {
		return fmt.Errorf("TLS: read %s and %s: %w", c.cert, c.key, err)
	}
	c.pair, c.modified = &pair, modified
	return nil
}

// get is the certificate of now. While its files cannot be read, as in the middle of being replaced, the one before is.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.looked) > certificateAge {
		if err := c.read(); err != nil {
			c.looked = time.Now()
		}
	}
	return c.pair, nil
}
