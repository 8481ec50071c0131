package webhook

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// facts is where what is known of Standard Webhooks stands, with a vector that another implementation has verified.
const facts = "../../../shared/intelligence/exchange.md"

func TestTheSignatureIsThatOfTheVector(t *testing.T) {
	text, err := os.ReadFile(facts)
	if err != nil {
		t.Skipf("%s is not there: the vector is not checked", facts)
	}
	v := regexp.MustCompile("secret (whsec_\\S+), id (\\S+), ts (\\d+), body `(.*?)` -> `(v1,.*?)`").FindStringSubmatch(string(text))
	if v == nil {
		t.Fatalf("%s has no vector", facts)
	}
	key, err := ParseSecret(v[1])
	if err != nil || FormatSecret(key) != v[1] {
		t.Fatal(err)
	}
	at, err := strconv.ParseInt(v[3], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	if got := Signature(key, v[2], time.Unix(at, 0), []byte(v[4])); got != v[5] {
		t.Errorf("signed %s, not %s", got, v[5])
	}
	for name, other := range map[string]string{
		"another body":   Signature(key, v[2], time.Unix(at, 0), []byte(v[4]+" ")),
		"another time":   Signature(key, v[2], time.Unix(at+1, 0), []byte(v[4])),
		"another id":     Signature(key, v[2]+"x", time.Unix(at, 0), []byte(v[4])),
		"another secret": Signature(NewSecret(), v[2], time.Unix(at, 0), []byte(v[4])),
	} {
		if other == v[5] {
			t.Errorf("%s has the same signature", name)
		}
	}
}

func TestSecretsAreReadAsTheyAreWritten(t *testing.T) {
	key := NewSecret()
	if got, err := ParseSecret(FormatSecret(key)); err != nil || !bytes.Equal(got, key) || len(key) < minSecret {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	for name, text := range map[string]string{"no mark": strings.TrimPrefix(FormatSecret(key), secretMark), "short": FormatSecret(key[:minSecret-1]),
		"long": FormatSecret(bytes.Repeat(key, 3)), "not base64": secretMark + "hunter2!"} {
		if _, err := ParseSecret(text); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOnlyPublicAddressesAreSentTo(t *testing.T) {
	for _, ip := range []string{"127.0.0.1", "127.9.9.9", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "0.1.2.3", "224.0.0.1", "255.255.255.255",
		"::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "2001:db8::1"} {
		if err := Allowed(nil).check(netip.MustParseAddr(ip)); !errors.Is(err, ErrAddress) {
			t.Errorf("%s: %v", ip, err)
		}
	}
	for _, ip := range []string{"8.8.8.8", "1.1.1.1", "2606:4700::1111", "::ffff:8.8.8.8"} {
		if err := Allowed(nil).check(netip.MustParseAddr(ip)); err != nil {
			t.Errorf("%s: %v", ip, err)
		}
	}
	some, err := ParseAllowed([]string{"10.1.0.0/16", "::1/128"})
	if err != nil {
		t.Fatal(err)
	}
	for ip, may := range map[string]bool{"10.1.2.3": true, "::ffff:10.1.2.3": true, "::1": true, "10.2.0.1": false, "127.0.0.1": false} {
		if err := some.check(netip.MustParseAddr(ip)); (err == nil) != may {
			t.Errorf("%s: %v", ip, err)
		}
	}
	if _, err := ParseAllowed([]string{"10.1.0.0"}); err == nil {
		t.Error("an address is taken for a network")
	}
}

func TestAnAddressThatCannotBeAWebhookIsRefused(t *testing.T) {
	loopback, _ := ParseAllowed([]string{"127.0.0.0/8"})
	for text, may := range map[string][2]bool{ // without and with loopback allowed
		"https://partner.example.org/x?y=z": {true, true}, "https://8.8.8.8:8443/": {true, true}, "https://127.0.0.1/": {false, true}, "https://[::1]/": {false, false},
		"http://127.0.0.1:8080/x": {false, true}, "http://localhost/": {false, false}, "http://partner.example.org/": {false, false}, "http://10.0.0.1/": {false, false},
		"https://ada:secret@partner.example.org/": {false, false}, "https://partner.example.org/#x": {false, false}, "https://": {false, false}, "https:partner": {false, false}, "partner.example.org": {false, false},
		"file:///etc/passwd": {false, false}, "": {false, false}, "https://x.example/" + strings.Repeat("a", MaxURL): {false, false}, "https://[fe80::1%25eth0]/": {false, false},
	} {
		for i, allowed := range []Allowed{nil, loopback} {
			if err := allowed.CheckURL(text); (err == nil) != may[i] || err != nil && !errors.Is(err, ErrAddress) {
				t.Errorf("%.60s, allowed %v: %v", text, allowed, err)
			}
		}
	}
}

// Names are looked up when a connection is made, and it is that address which counts.
func TestANameThatLeadsInsideIsNotConnectedTo(t *testing.T) {
	asked := 0
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }))
	defer receiver.Close()
	_, port, _ := strings.Cut(strings.TrimPrefix(receiver.URL, "http://"), ":")
	loopback, _ := ParseAllowed([]string{"127.0.0.0/8"})
	for url, allowed := range map[string]Allowed{"https://localhost:" + port + "/": nil, receiver.URL: nil} {
		if err := NewSender(allowed, nil).Send(context.Background(), Message{URL: url, ID: "a", Key: NewSecret()}, time.Now()); !errors.Is(err, ErrAddress) {
			t.Errorf("%s: %v", url, err)
		}
	}
	if asked > 0 {
		t.Errorf("connected to %d times", asked)
	}
	if err := NewSender(loopback, nil).Send(context.Background(), Message{URL: receiver.URL, ID: "a", Key: NewSecret()}, time.Now()); err != nil || asked != 1 {
		t.Errorf("%d, %v", asked, err)
	}
	for _, scheme := range []bool{true, false} {
		if err := loopback.control(scheme)("tcp", "10.0.0.1:80", nil); !errors.Is(err, ErrAddress) {
			t.Errorf("http %t to another machine: %v", scheme, err)
		}
	}
}

func TestWhatAReceiverAnswersSaysHowItGoesOn(t *testing.T) {
	loopback, _ := ParseAllowed([]string{"127.0.0.0/8"})
	followed := false
	receiver := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/elsewhere" {
			followed = true
			return
		}
		status, _ := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/"))
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(status)
		if status != http.StatusNoContent {
			_, _ = io.CopyN(w, endless{}, 10*maxAnswer) // more than is read
		}
	}))
	defer receiver.Close()
	roots := receiver.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	s := NewSender(loopback, roots)
	for status, want := range map[int]string{200: "", 201: "", 204: "", 302: "not followed", 307: "not followed", 400: "400", 404: "404", 429: "429", 500: "500 Internal", 410: "410"} {
		err := s.Send(context.Background(), Message{URL: receiver.URL + "/" + strconv.Itoa(status), ID: "a", Key: NewSecret()}, time.Now())
		if (want == "") != (err == nil) || err != nil && (!strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "127.0.0.1")) || errors.Is(err, ErrGone) != (status == 410) {
			t.Errorf("%d: %v", status, err)
		}
	}
	if followed {
		t.Error("a redirect was followed")
	}
	if err := NewSender(loopback, nil).Send(context.Background(), Message{URL: receiver.URL + "/200", ID: "a", Key: NewSecret()}, time.Now()); err == nil {
		t.Error("a certificate that nobody knows is trusted")
	}
}

type endless struct{}

func (endless) Read(b []byte) (int, error) { return len(b), nil }
