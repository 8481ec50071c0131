//go:build !webdist

package web

import "io/fs"

var dist fs.FS
