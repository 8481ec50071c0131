package server

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// rawRequests are ones no client would send; %s is the host.
var rawRequests = []string{
	"GET / HTTP/1.1\r\nHost: %s\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
	"POST /v1/login HTTP/1.1\r\nHost: %s\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
	"POST /v1/login HTTP/1.1\r\nHost: %s\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
	"POST /v1/login HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nx",
	"POST /v1/login HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\nx\r\n",
	"POST /v1/login HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{\"code\"",
	"POST /v1/login HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: -5\r\n\r\n{}",
	"POST /v1/login HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: 99999999999999999999\r\n\r\n{}",
	"POST /v1/login HTTP/1.1\r\nHost: %s\r\nExpect: 100-continue\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
	"POST /v1/login HTTP/1.1\r\nHost: %s\r\nExpect: 900-never\r\nContent-Length: 2\r\n\r\n{}",
	"GET /v1/scans/%%00 HTTP/1.1\r\nHost: %s\r\n\r\n",
	"GET /v1/scans/%%ff%%fe HTTP/1.1\r\nHost: %s\r\n\r\n",
	"GET /v1/../v1/./scans HTTP/1.1\r\nHost: %s\r\n\r\n",
	"GET //evil.example/%%2e%%2e HTTP/1.1\r\nHost: %s\r\n\r\n",
	"GET http://evil.example/v1/scans HTTP/1.1\r\nHost: %s\r\n\r\n",
	"GET /login HTTP/1.1\r\nHost: evil.example\r\nX: %s\r\n\r\n",
	"GET /login HTTP/1.1\r\nX: %s\r\n\r\n",
	"GET /login HTTP/1.1\r\nHost: a\r\nHost: %s\r\n\r\n",
	"GET /login HTTP/1.0\r\nX: %s\r\n\r\n",
	"GET /login HTTP/9.9\r\nHost: %s\r\n\r\n",
	"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n%s",
	"OPTIONS * HTTP/1.1\r\nHost: %s\r\n\r\n",
	"CONNECT %s HTTP/1.1\r\nHost: x\r\n\r\n",
	"GET /v1/events HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
	"G\x00T / HTTP/1.1\r\nHost: %s\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: %s\r\nA\x00B: c\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: %s\r\n folded: header\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: %s\r\nCookie: " + strings.Repeat("a=b; ", 20_000) + "\r\n\r\n",
	"GET /" + strings.Repeat("a", 100_000) + " HTTP/1.1\r\nHost: %s\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: %s\r\n" + strings.Repeat("A: b\r\n", 20_000) + "\r\n",
	"\r\n\r\n\r\n%s",
	"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03%s",
}

// sendRaw sends bytes that are hardly HTTP. Any answer that is understood must not be the server's fault.
func (f *httpFuzz) sendRaw(g *generator) {
	raw := pick(g, rawRequests)
	f.sent.Add(1)
	op := operation{method: "RAW", path: fmt.Sprintf("%.60q", raw)}
	conn, err := net.Dial("tcp", f.listening.Addr().String())
	if err != nil {
		f.fail(op, hostile, "the server takes no connection", err.Error())
		return
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	if _, err := fmt.Fprintf(conn, raw, f.listening.Addr()); err != nil {
		return // it may close at once
	}
	if tcp, ok := conn.(*net.TCPConn); ok && g.IntN(2) == 0 {
		_ = tcp.CloseWrite()
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	f.mu.Lock()
	f.statuses[res.StatusCode]++
	f.mu.Unlock()
	// Of net/http itself: a coding it does not know, and a version.
	if res.StatusCode >= 500 && res.StatusCode != http.StatusNotImplemented && res.StatusCode != http.StatusHTTPVersionNotSupported {
		f.fail(op, hostile, fmt.Sprint("status ", res.StatusCode), string(body))
	}
	for _, secret := range f.secrets {
		if strings.Contains(string(body), secret) {
			f.fail(op, hostile, "leak of "+secret, string(body))
		}
	}
}

// sendUpload speaks the tus protocol of /v1/uploads, which is not in the OpenAPI document, in and out of order.
func (f *httpFuzz) sendUpload(g *generator) {
	op := operation{method: "TUS", path: "/v1/uploads/"}
	header := http.Header{"Tus-Resumable": {pick(g, []string{"1.0.0", "1.0.0", "1.0.0", "0.2.2", "x"})}}
	method, target, body := "POST", "/v1/uploads/", []byte(nil)
	file := g.file()
	id, known := f.upload(g)
	switch step := g.IntN(6); {
	case step < 2 || !known:
		header.Set("Upload-Length", pick(g, []string{fmt.Sprint(len(file)), fmt.Sprint(len(file)), "0", "-1", "99999999999999999999", "x", "5000000"}))
		header.Set("Upload-Metadata", pick(g, []string{"filename YS5qZHg=", "filename", "filename ===", "case Y2FzZQ==,filename YS5qZHg=", strings.Repeat("a YQ==,", 300), "\u00e9 YQ=="}))
	case step < 4:
		method, target, body = "PATCH", id, file[:g.IntN(len(file)+1)]
		header.Set("Content-Type", pick(g, []string{"application/offset+octet-stream", "application/offset+octet-stream", "text/plain"}))
		header.Set("Upload-Offset", pick(g, []string{"0", "0", "7", "-1", "99999999999999999999", "x"}))
		if g.IntN(2) == 0 {
			body = file
		}
	default:
		method, target = pick(g, []string{"HEAD", "DELETE", "GET", "OPTIONS", "PUT"}), id
	}
	f.judge(g, op, hostile, method, target, header, body)
}

// upload is the path of one that is under way.
func (f *httpFuzz) upload(g *generator) (string, bool) {
	f.seen.mu.Lock()
	defer f.seen.mu.Unlock()
	kept := f.seen.of["Location"]
	if len(kept) == 0 {
		return "/v1/uploads/00000000000000000000000000000000", g.IntN(4) == 0
	}
	return pick(g, kept), true
}

// file is an upload: mostly readable, at times not.
func (g *generator) file() []byte {
	b := []byte(jcamp(fmt.Sprint(pick(g, []string{"fentanyl", "caffeine", "weak"}), " ", g.IntN(500))))
	switch g.IntN(6) {
	case 0:
		return b[:g.IntN(len(b))]
	case 1:
		for range 10 {
			b[g.IntN(len(b))] = byte(g.IntN(256))
		}
	case 2:
		return []byte(pick(g, hostileTexts))
	case 3:
		return []byte(`{"title":"x","technique":"raman","x_unit":"1/cm","y_unit":"counts","x":[1,2,1e309],"y":[1,2,3]}`)
	}
	return b
}
