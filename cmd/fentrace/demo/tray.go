package demo

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"fentrace/library"
	"fentrace/library/identify"
	"fentrace/server"
	"fentrace/server/client/rest"
	"fentrace/server/store"
	"fentrace/spectra"
	"fentrace/spectra/format"
	"fentrace/spectra/simulate"
)

const (
	trayName = simulate.TitlePrefix + "tray of the laboratory"
	traySize = 12
	// poisonTitle is that of the spectrum that breaks the program.
	poisonTitle = simulate.TitlePrefix + "poison"
	// poisonError is what the program then says.
	poisonError = simulate.TitlePrefix + "fault: this file breaks the program on purpose, to show what becomes of one that does"
)

// cutOff is a file whose end was lost.
const cutOff = "##TITLE=" + simulate.TitlePrefix + "cut off\n##JCAMP-DX=5.01\n##XYDATA=(X++(Y..Y))\n200 1"

// Tray makes the spectra of the batch, taken one a minute until an hour before the month ends. The same arguments give the same tray.
func Tray(seed uint64, now time.Time, counties []County) []Event {
	m := newMonth(seed, 0x74726179, now, counties)
	for i := range traySize {
		m.add(0, m.end.Add(time.Duration(i-traySize)*time.Minute-time.Hour), pick(m.rng, recipes, fentanylRecipes), good)
		m.events[i].Number = i + 1
	}
	return m.events
}

// enterBatch hands in the tray as a batch, with two files more that cannot be answered: one is cut off; one breaks the program, which tries
// it alone some times and gives it up.
func (o *office) enterBatch(ctx context.Context, tray []Event) error {
	id, err := o.batch(ctx)
	if err != nil {
		return err
	}
	for i, e := range tray {
		s, err := e.spectrum(o.table)
		if err != nil {
			return err
		}
		name := fmt.Sprintf("tray sample %02d", e.Number)
		if err := o.addSpectrum(ctx, id, name, simulate.TitlePrefix+name, s); err != nil {
			return err
		}
		if i == traySize/2 {
			if err := o.addSpectrum(ctx, id, "poison", poisonTitle, s); err != nil {
				return err
			}
		}
	}
	return o.addFile(ctx, id, "cut off", []byte(cutOff))
}

// batch is the one of the demo, begun unless it was before.
func (o *office) batch(ctx context.Context) (id string, err error) {
	there, err := o.as(chemist).Batches(ctx, nil)
	if err != nil {
		return "", err
	}
	at := slices.IndexFunc(there.Batches, func(b store.Batch) bool { return b.Name == trayName && b.CreatedBy == chemist.name })
	if at >= 0 {
		return there.Batches[at].ID, nil
	}
	b, err := o.as(chemist).CreateBatch(ctx, nil, rest.CreateBatchRequest{Name: trayName, Fields: &store.Fields{Officer: chemist.name}})
	return b.ID, err
}

func (o *office) addSpectrum(ctx context.Context, batch, name, title string, s spectra.Spectrum) error {
	s.Title, s.Metadata.SampleName = title, title
	var b bytes.Buffer
	if err := format.WriteJCAMP(&b, s); err != nil {
		return err
	}
	return o.addFile(ctx, batch, name, b.Bytes())
}

func (o *office) addFile(ctx context.Context, batch, name string, raw []byte) error {
	res, err := o.as(chemist).Client.AddBatchFileWithBody(ctx, batch, &rest.AddBatchFileParams{Filename: new(simulate.TitlePrefix + name + ".jdx")},
		"application/octet-stream", bytes.NewReader(raw))
	if err == nil {
		_, err = rest.Decode[rest.BatchFileAddedBody](res)
	}
	if err != nil {
		return fmt.Errorf("put %s into the batch: %w", name, err)
	}
	return nil
}

// breakable answers as the identifier does, but for the poison.
type breakable struct{ server.Identifier }

// newBreakable prepares a library as a server does by itself.
func newBreakable(dir string) func(*library.Stack) (server.Identifier, error) {
	return func(lib *library.Stack) (server.Identifier, error) {
		id, err := identify.New(lib, identify.Options{IndexDir: filepath.Join(dir, server.IndexFolder)})
		if err != nil {
			return nil, err
		}
		return breakable{id}, nil
	}
}

// Identify panics on the poison.
func (b breakable) Identify(ctx context.Context, s spectra.Spectrum) (identify.Identification, error) {
	if s.Title == poisonTitle {
		panic(poisonError)
	}
	return b.Identifier.Identify(ctx, s)
}
