package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"

	"fentrace/bench/report"
	"fentrace/library"
	"fentrace/library/identify"
	"fentrace/server"
)

// routes answers the cross-instrument scans again by the command line and by the server. All three ways must give the
// same answer, word for word; the count of those that do is a result, so that a difference shows.
func (b *bench) routes(ctx context.Context, cross []answered) ([]report.Result, error) {
	byCommand, err := b.byCommand(ctx, cross)
	if err != nil {
		return nil, fmt.Errorf("command line: %w", err)
	}
	byServer, err := b.byServer(ctx, cross)
	if err != nil {
		return nil, fmt.Errorf("server: %w", err)
	}
	var results []report.Result
	for _, way := range []struct {
		name    string
		answers []identify.Identification
	}{{"command line", byCommand}, {"server", byServer}} {
		same := 0
		for i, a := range cross {
			if sameAnswer(a.answer, way.answers[i]) {
				same++
			} else {
				fmt.Printf("%s differs: %s: %q, in process %q\n", way.name, a.Path, way.answers[i].Summary, a.answer.Summary)
			}
		}
		results = append(results, report.Share("same answer by the "+way.name+" as in process", same, len(cross), "", 0, command))
	}
	return results, nil
}

// sameAnswer compares everything that is not a name of the file.
func sameAnswer(a, b identify.Identification) bool {
	a.File, b.File = "", ""
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

func (b *bench) byCommand(ctx context.Context, cross []answered) ([]identify.Identification, error) {
	binary := filepath.Join(b.work, "fentrace")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", binary, "./cmd/fentrace").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build: %w: %s", err, out)
	}
	args := []string{"identify", "--json", "--library", b.libraryPath}
	for _, a := range cross {
		args = append(args, a.Path)
	}
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, err
	}
	var answers []identify.Identification
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var ans identify.Identification
		if err := json.Unmarshal(lines.Bytes(), &ans); err != nil {
			return nil, err
		}
		answers = append(answers, ans)
	}
	if len(answers) != len(cross) {
		return nil, fmt.Errorf("%d answers to %d files", len(answers), len(cross))
	}
	return answers, lines.Err()
}

func (b *bench) byServer(ctx context.Context, cross []answered) ([]identify.Identification, error) {
	srv, err := server.New(ctx, server.Config{
		DataDir: filepath.Join(b.work, "server"), Listen: "127.0.0.1:0", Library: b.stack,
		NewIdentifier: func(*library.Stack) (server.Identifier, error) { return b.identifier, nil },
		Logger:        slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, err
	}
	if err := srv.Listen(); err != nil {
		return nil, err
	}
	serving, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- srv.Run(serving) }()
	answers, err := upload(ctx, srv, cross)
	stop()
	if ended := <-done; err == nil {
		err = ended
	}
	return answers, err
}

// upload logs in as a person would and posts every file.
func upload(ctx context.Context, srv *server.Server, cross []answered) ([]identify.Identification, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	client := &http.Client{Jar: jar}
	code, err := srv.NewLoginCode(ctx, "")
	if err != nil {
		return nil, err
	}
	if err := post(ctx, client, srv.URL(), "/v1/login", "application/json", []byte(`{"code":"`+code+`"}`), nil); err != nil {
		return nil, err
	}
	answers := make([]identify.Identification, 0, len(cross))
	for _, a := range cross {
		raw, err := os.ReadFile(a.Path)
		if err != nil {
			return nil, err
		}
		var scan struct {
			Identification identify.Identification `json:"identification"`
		}
		path := "/v1/scans?filename=" + url.QueryEscape(filepath.Base(a.Path))
		if err := post(ctx, client, srv.URL(), path, "text/csv", raw, &scan); err != nil {
			return nil, fmt.Errorf("%s: %w", a.Path, err)
		}
		answers = append(answers, scan.Identification)
	}
	return answers, nil
}

func post(ctx context.Context, client *http.Client, base, path, contentType string, body []byte, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("Origin", base)
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 1<<24))
	if err != nil {
		return err
	}
	if resp.StatusCode >= 300 {
		return fmt.Errorf("%s: %s", resp.Status, answer)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(answer, into)
}
