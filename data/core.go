// Package data embeds the reference data that the program carries. README.md names the source and licence of each
// file and says how to rebuild it.
package data

import _ "embed"

// Core is the core library, an SQLite file to be given to library.OpenStack. It holds published peak tables and
// no measured spectra. Made by data/build/core.
//
//go:embed core.db
var Core []byte
