package format

import (
	"encoding/binary"
	"fmt"

	"fentrace/spectra"
)

// Bruker OPUS files (.0, .1, ...) are a 24-byte header, a directory, and blocks: parameters (three-letter codes with
// values), data (4-byte values), reports and history. The maker publishes no description; the layout is the one that
// the open readers brukeropus (Python), opusreader2 (R) and their predecessors document. All numbers are little-endian.
//
// A file holds the result (absorbance, ...) and, when the user kept them, the single beams, phases and interferograms of
// sample and reference. The result comes first here whatever the order in the file; only results are of a technique that
// is searched. Single beams, phases, interferograms and derivatives are of technique Other: a search would take their
// shape for bands.

const opusMagic = "\x0a\x0a\xfe\xfe"

// The positions of the header, and the sizes of what it leads to.
const (
	opusDirectoryAt  = 12 // offset of the directory in bytes
	opusBlocksAt     = 20 // number of its entries
	opusHeaderBytes  = 24
	opusEntryBytes   = 12  // block type, length in 4-byte words, offset in bytes
	opusMaxBlocks    = 512 // a measurement with everything kept has about 40
	opusMaxParams    = 1024
	opusParamHeader  = 8    // code, type, length in 2-byte words
	opusMaxTextBytes = 4096 // of one parameter
)

func detectOPUS(head []byte, _ string) Confidence {
	if len(head) >= opusHeaderBytes && string(head[:len(opusMagic)]) == opusMagic {
		return Certain
	}
	return Never
}

// opusType is the type of a block, unpacked from the bits of its number.
type opusType struct {
	part      int // 0 none, 1 real, 2 imaginary, 3 amplitude or only part
	role      int // opusSample, opusReference, opusRatio, or 0: the whole file
	parameter int // kind of parameters, 0 when the block holds none
	data      int // kind of data, see opusKinds
	order     int // of the derivative
	extended  int // 0 plain, 2 a series of spectra, else reports and history
}

const (
	opusSample    = 1
	opusReference = 2
	opusRatio     = 3

	opusStatus = 1 // the parameters that place the points of a data block; every other kind describes the measurement

	opusDirectory = 13 // kind of data of the directory itself
	opusSeries    = 2
)

func opusTypeOf(v uint32) opusType {
	bits := func(from, n uint) int { return int(v >> from & (1<<n - 1)) }
	return opusType{part: bits(0, 2), role: bits(2, 2), parameter: bits(4, 6), data: bits(10, 7), order: bits(17, 2), extended: bits(19, 3)}
}

// opusBlock is an entry of the directory with the bytes it points at.
type opusBlock struct {
	opusType
	raw []byte
}

func (b opusBlock) isData() bool {
	return b.parameter == 0 && b.data != 0 && b.data != opusDirectory && (b.extended == 0 || b.extended == opusSeries)
}

// readOPUS returns the results of the file, then its single beams, phases and interferograms, each group in file order.
// Spectra with the same role (sample, reference, result) share one map Metadata.Fields.
func readOPUS(name string, raw []byte) ([]spectra.Spectrum, error) {
	blocks, err := opusBlocks(raw)
	if err != nil {
		return nil, err
	}
	f := opusFile{stem: stem(name), status: map[opusType][]opusParams{}}
	for _, b := range blocks {
		if b.parameter == 0 {
			continue
		}
		p, err := opusParameters(b.raw)
		if err != nil {
			return nil, err
		}
		if err := f.addParameters(b.opusType, p); err != nil {
			return nil, err
		}
	}
	f.describe()
	var out []spectra.Spectrum
	for _, rank := range []int{opusResult, opusBeam, opusPhase, opusRaw} {
		for _, b := range blocks {
			if !b.isData() || opusKindOf(b.opusType).rank != rank {
				continue
			}
			if out, err = f.read(out, b); err != nil {
				return nil, err
			}
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%w: %d blocks of parameters, reports and history, none of data (save it in OPUS with its data blocks)", ErrNoSpectrum, len(blocks))
	}
	return out, nil
}

// opusBlocks reads the directory. Blocks that reach beyond the file are refused, and so are data blocks that overlap so
// much that they hold more than the file: each would be unpacked.
func opusBlocks(raw []byte) ([]opusBlock, error) {
	if len(raw) < opusHeaderBytes {
		return nil, fmt.Errorf("%w: %d bytes, the header alone has %d (copy the file again)", ErrTruncated, len(raw), opusHeaderBytes)
	}
	at, n := int64(binary.LittleEndian.Uint32(raw[opusDirectoryAt:])), int64(binary.LittleEndian.Uint32(raw[opusBlocksAt:]))
	if n > opusMaxBlocks {
		return nil, fmt.Errorf("%w: the directory states %d blocks, at most %d (the header is damaged)", ErrTooLarge, n, opusMaxBlocks)
	}
	if at < opusHeaderBytes || at+n*opusEntryBytes > int64(len(raw)) {
		return nil, fmt.Errorf("%w: the directory of %d blocks at byte %d reaches outside the %d bytes of the file (copy the file again)", ErrTruncated, n, at, len(raw))
	}
	var out []opusBlock
	unpacked := int64(0)
	for i := range n {
		e := raw[at+i*opusEntryBytes:]
		b := opusBlock{opusType: opusTypeOf(binary.LittleEndian.Uint32(e))}
		size, from := 4*int64(binary.LittleEndian.Uint32(e[4:])), int64(binary.LittleEndian.Uint32(e[8:]))
		if from == 0 {
			break // unused entries
		}
		if b.parameter == 0 && !b.isData() {
			continue
		}
		if from+size > int64(len(raw)) {
			return nil, fmt.Errorf("%w: block %d of the directory is %d bytes at byte %d, the file has %d (copy the file again)", ErrTruncated, i+1, size, from, len(raw))
		}
		b.raw = raw[from : from+size]
		if unpacked += size; unpacked > int64(len(raw)) {
			return nil, fmt.Errorf("%w: the blocks of the directory overlap: together they are longer than the file (the directory is damaged)", ErrInconsistent)
		}
		out = append(out, b)
	}
	return out, nil
}
