package chunked

import (
	"context"
	"errors"
	"io"
	"os"

	"github.com/tus/tusd/v2/pkg/filestore"
	"github.com/tus/tusd/v2/pkg/handler"
)

// named is a store whose errors are answered as refusal says; tusd would tell the sender the paths in them.
type named struct {
	filestore.FileStore
	refusal func(error) error
}

// refused leaves the errors that tusd has made for the sender.
func (n named) refused(err error) error {
	var known handler.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	return n.refusal(err)
}

// NewUpload implements handler.DataStore.
func (n named) NewUpload(ctx context.Context, info handler.FileInfo) (handler.Upload, error) {
	if _, err := os.Stat(n.Path); err != nil { // it would be made again, where the data folder was
		return nil, n.refused(err)
	}
	u, err := n.FileStore.NewUpload(ctx, info)
	return upload{u, n.refused}, n.refused(err)
}

// GetUpload implements handler.DataStore.
func (n named) GetUpload(ctx context.Context, id string) (handler.Upload, error) {
	u, err := n.FileStore.GetUpload(ctx, id)
	if _, gone := os.Stat(n.Path); err != nil && gone != nil { // no upload is lost by that
		return nil, n.refused(gone)
	}
	return upload{u, n.refused}, n.refused(err)
}

// AsTerminatableUpload implements handler.TerminaterDataStore.
func (n named) AsTerminatableUpload(u handler.Upload) handler.TerminatableUpload {
	return terminatable{n.FileStore.AsTerminatableUpload(u.(upload).Upload), n.refused}
}

// upload is one of such a store.
type upload struct {
	handler.Upload
	refused func(error) error
}

// WriteChunk implements handler.Upload.
func (u upload) WriteChunk(ctx context.Context, offset int64, src io.Reader) (int64, error) {
	from := watched{Reader: src}
	n, err := u.Upload.WriteChunk(ctx, offset, &from)
	if from.err != nil { // the connection failed, not the disk
		return n, err
	}
	return n, u.refused(err)
}

// terminatable is an upload that can be given up.
type terminatable struct {
	handler.TerminatableUpload
	refused func(error) error
}

// Terminate implements handler.TerminatableUpload.
func (t terminatable) Terminate(ctx context.Context) error {
	return t.refused(t.TerminatableUpload.Terminate(ctx))
}

// watched remembers how reading failed.
type watched struct {
	io.Reader
	err error
}

// Read implements io.Reader.
func (w *watched) Read(b []byte) (int, error) {
	n, err := w.Reader.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		w.err = err
	}
	return n, err
}
