package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"

	"fentrace/library/identify"
	"fentrace/server/api"
	"fentrace/server/client"
	"fentrace/server/client/rest"
	"fentrace/server/store"
	"fentrace/spectra"
	"fentrace/spectra/format"
)

// piecesFrom is the size, in bytes, from which on a file is sent in pieces, so that a connection that breaks costs one of them only.
const piecesFrom = 4 << 20

// answerer answers files and spectra: here with libraries of this machine, or at a server.
type answerer interface {
	// file answers every scan of a file. One that was begun is finished even when the command is interrupted.
	file(path string) []answer
	// Identify answers one spectrum.
	Identify(ctx context.Context, s spectra.Spectrum) (identify.Identification, error)
}

// localAnswers are given here.
type localAnswers struct {
	*identify.Identifier
	env *environment
}

func (l localAnswers) file(path string) []answer { return l.env.answerFile(l.Identifier, path) }

// answerer is what the command line asks for.
func (f libraryFlags) answerer(env *environment) (answerer, error) {
	if env.remote != nil {
		return remoteAnswers{env}, ownOnly(f.set())
	}
	_, id, err := f.identifier(env)
	return localAnswers{id, env}, err
}

// remoteAnswers are given by a server, which stores nothing.
type remoteAnswers struct{ env *environment }

// Identify implements answerer.
func (r remoteAnswers) Identify(ctx context.Context, s spectra.Spectrum) (identify.Identification, error) {
	raw, err := json.Marshal(struct {
		Spectrum spectra.Spectrum `json:"spectrum"`
	}{s})
	if err != nil {
		return identify.Identification{}, err
	}
	out, err := r.ask(ctx, "spectrum.json", "application/json", raw)
	switch {
	case err != nil:
		return identify.Identification{}, err
	case len(out.Answers) != 1 && len(out.Unread) > 0:
		return identify.Identification{}, errors.New(client.Printable(out.Unread[0].Error))
	case len(out.Answers) != 1:
		return identify.Identification{}, fmt.Errorf("%s gave %d answers to one spectrum", r.env.remote.Address(), len(out.Answers))
	}
	ans := out.Answers[0]
	ans.SHA256 = s.Metadata.SHA256 // of the file it is from, not of what was sent
	return ans, nil
}

// ask sends a file to be answered. Asking changes nothing, so that it may be repeated.
func (r remoteAnswers) ask(ctx context.Context, name, kind string, raw []byte) (api.Identified, error) {
	res, err := r.env.remote.Client.IdentifyWithBody(ctx, &rest.IdentifyParams{Filename: &name}, kind, bytes.NewReader(raw), client.Repeatable)
	if err != nil {
		return api.Identified{}, err
	}
	return rest.Decode[api.Identified](res)
}

func (r remoteAnswers) file(path string) []answer {
	raw, err := r.env.readRaw(path)
	if err != nil {
		return []answer{unread(path, "", err)}
	}
	hash, base := spectra.HashBytes(raw), filepath.Base(path)
	out, err := r.ask(context.WithoutCancel(r.env.ctx), base, "application/octet-stream", raw)
	if err != nil {
		return []answer{failed(path, hash, err)}
	}
	var answers []answer
	for _, ans := range out.Answers {
		ans.File = within(path, base, ans.File)
		answers = append(answers, answer{Identification: ans})
	}
	for _, n := range out.Unread {
		answers = append(answers, unread(within(path, base, n.File), hash, errors.New(client.Printable(n.Error))))
	}
	return answers
}

// within is the path of what a server calls name, of a file that was sent as base.
func within(path, base, name string) string {
	if rest, ok := strings.CutPrefix(name, base); ok {
		return path + rest
	}
	return path
}

// failed is a file that a server did not answer. What is not about the file ends the command.
func failed(path, hash string, err error) answer {
	a := unread(path, hash, err)
	var said *client.Error
	a.fatal = true
	if errors.As(err, &said) && said.Ours {
		switch said.Status {
		case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
			a.fatal = false
		}
	}
	return a
}

// upload stores a file at the server and returns its scans, in the order of the file.
func (env *environment) upload(ctx context.Context, f client.File) ([]store.Scan, error) {
	var sc store.Scan
	var err error
	if len(f.Raw) >= piecesFrom {
		sc, err = env.remote.UploadInPieces(ctx, f, nil)
	} else {
		sc, _, err = env.remote.Upload(ctx, f)
	}
	if err != nil || len(sc.Siblings) == 0 {
		return []store.Scan{sc}, err
	}
	return env.remote.ScansOf(ctx, sc.SHA256)
}

// unreadWarning begins what a scan says of a file of the same archive that has no answer.
const unreadWarning = "No answer: "

// answersOf are the answers to a stored file, as they would be given here.
func answersOf(path string, scans []store.Scan) []answer {
	var answers, lost []answer
	for i, sc := range scans {
		ans := sc.Identification
		switch _, member := format.Member(sc.Filename); {
		case member != "" && format.IsArchive(path):
			ans.File = path + "/" + member
		case i == 0:
			ans.File = path
		default:
			ans.File = fmt.Sprintf("%s#%d", path, i+1)
		}
		answers = append(answers, answer{Identification: ans})
		for _, w := range sc.Warnings {
			if why, ok := strings.CutPrefix(w, unreadWarning); ok {
				lost = append(lost, unread(path, sc.SHA256, errors.New(client.Printable(why))))
			}
		}
	}
	return append(answers, lost...)
}

// spectraOf reads what a command is to show or convert: a file here, or a stored scan at a server.
func (env *environment) spectraOf(arg string) ([]spectra.Spectrum, error) {
	if env.remote == nil {
		read, _, err := env.readSpectra(arg)
		return read, err
	}
	id, err := scanID(arg)
	if err != nil {
		return nil, err
	}
	s, err := env.remote.GetSpectrum(env.ctx, id)
	if err != nil {
		return nil, err
	}
	return []spectra.Spectrum{s}, nil
}
