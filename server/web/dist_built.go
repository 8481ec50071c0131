//go:build webdist

package web

import (
	"embed"
	"io/fs"
)

//go:embed all:dist
var embedded embed.FS

var dist = func() fs.FS {
	files, err := fs.Sub(embedded, "dist")
	if err != nil {
		panic(err) // the name is a constant
	}
	return files
}()
