package library

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"math"
	"slices"
	"strconv"

	"fentrace/spectra"
)

// ErrInvalid is wrapped by every refusal of a substance or reference that cannot be stored.
var ErrInvalid = errors.New("cannot be stored")

// ContentID returns the SHA-256 over substance, technique, tier and the data, as 64 hex digits. The same data has
// the same id however it was read, so storing it twice stores it once.
func (r Reference) ContentID() string {
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%s\n%s\n", r.SubstanceID, r.Technique, r.Tier)
	if s := r.Spectrum; s != nil {
		fmt.Fprintf(h, "spectrum\n%s\n%s\n", s.XUnit, s.YUnit)
		hashFloats(h, s.X)
		hashFloats(h, s.Y)
	} else {
		fmt.Fprint(h, "peaks\n")
		x, y := peakArrays(r.Peaks)
		hashFloats(h, x)
		hashFloats(h, y)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// validate reports the first reason why r must not be stored, wrapping ErrInvalid.
func (r Reference) validate() error {
	switch {
	case r.SubstanceID == "":
		return fmt.Errorf("reference without a substance %w", ErrInvalid)
	case r.Tier != Measured && r.Tier != Published && r.Tier != Simulated:
		return fmt.Errorf("reference of %s with tier %q %w: use measured, published or simulated", r.SubstanceID, r.Tier, ErrInvalid)
	case r.Technique != spectra.Raman && r.Technique != spectra.IR:
		return fmt.Errorf("reference of %s with technique %q %w: only raman and ir are searched", r.SubstanceID, r.Technique, ErrInvalid)
	case (r.Spectrum == nil) == (len(r.Peaks) == 0):
		return fmt.Errorf("reference of %s %w: it needs a spectrum or peaks, and not both", r.SubstanceID, ErrInvalid)
	case r.Spectrum == nil:
		return r.validatePeaks()
	case r.Spectrum.Peaks:
		return fmt.Errorf("reference of %s %w: a peak table belongs in Peaks", r.SubstanceID, ErrInvalid)
	case r.Spectrum.Technique != r.Technique:
		return fmt.Errorf("reference of %s as %s %w: its spectrum is %q", r.SubstanceID, r.Technique, ErrInvalid, r.Spectrum.Technique)
	case r.Spectrum.XUnit != spectra.PerCM:
		return fmt.Errorf("reference of %s %w: its axis is in %q, not in cm-1", r.SubstanceID, ErrInvalid, r.Spectrum.XUnit)
	case r.Spectrum.Metadata.Simulated && r.Tier != Simulated:
		return fmt.Errorf("reference of %s %w: the spectrum is simulated, its tier must be too", r.SubstanceID, ErrInvalid)
	}
	if err := r.Spectrum.Validate(); err != nil {
		return fmt.Errorf("reference of %s %w: %w", r.SubstanceID, ErrInvalid, err)
	}
	return nil
}

func (r Reference) validatePeaks() error {
	if r.Tier == Measured {
		return fmt.Errorf("peak table of %s as measured %w: a peak table is published at most", r.SubstanceID, ErrInvalid)
	}
	for i, p := range r.Peaks {
		if !(p.PositionCM1 > 0) || math.IsInf(p.PositionCM1, 0) || !(p.Relative >= 0) || math.IsInf(p.Relative, 0) {
			return fmt.Errorf("peak %d of %s (%g, %g) %w: not a position and a height", i+1, r.SubstanceID, p.PositionCM1, p.Relative, ErrInvalid)
		}
	}
	return nil
}

// contentVersion is the SHA-256 over all substances and references, whatever order they come in. References go in by their ids,
// which are hashes of their data, and by all that is said of them, also what the id stands for: so a description that is damaged
// gives another version. The date one was added is left out: it changes no answer.
func contentVersion(substances []Substance, references []Reference) string {
	h := sha256.New()
	subs := slices.Clone(substances)
	slices.SortFunc(subs, func(a, b Substance) int { return cmp.Compare(a.ID, b.ID) })
	for _, s := range subs {
		s.Synonyms = uniteSynonyms(s.Name, s.Synonyms)
		hashJSON(h, s)
	}
	var line []byte
	for _, r := range byID(references) {
		line = appendDescription(line[:0], r)
		h.Write(line)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// appendDescription appends what is said of r, each text after its length, so that no two descriptions are the same bytes.
// (Formatting the texts takes a third of the time in which a large library is opened.)
func appendDescription(b []byte, r Reference) []byte {
	p := r.Provenance
	for _, text := range [...]string{r.ID, r.SubstanceID, string(r.Tier), string(r.Technique), r.Form, p.Source, p.Licence, p.SHA256} {
		b = binary.LittleEndian.AppendUint64(b, uint64(len(text)))
		b = append(b, text...)
	}
	b = binary.LittleEndian.AppendUint64(b, math.Float64bits(r.LaserNM))
	return strconv.AppendBool(b, p.Unverified)
}

// hashJSON writes the JSON of v, or what hinders it, to h.
func hashJSON(h hash.Hash, v any) {
	raw, err := json.Marshal(v)
	if err != nil {
		raw = []byte(err.Error())
	}
	h.Write(raw)
	h.Write([]byte{'\n'})
}

func hashFloats(h hash.Hash, v []float64) {
	h.Write(encodeFloats(v))
}

// encodeFloats returns v as little-endian IEEE 754 binary64, eight bytes each.
func encodeFloats(v []float64) []byte {
	out := make([]byte, 0, 8*len(v))
	for _, f := range v {
		out = binary.LittleEndian.AppendUint64(out, math.Float64bits(f))
	}
	return out
}

func decodeFloats(b []byte) ([]float64, error) {
	if len(b)%8 != 0 {
		return nil, fmt.Errorf("%d bytes are not whole numbers of 8 bytes", len(b))
	}
	out := make([]float64, len(b)/8)
	for i := range out {
		out[i] = math.Float64frombits(binary.LittleEndian.Uint64(b[8*i:]))
	}
	return out, nil
}

func peakArrays(peaks []Peak) (x, y []float64) {
	x, y = make([]float64, len(peaks)), make([]float64, len(peaks))
	for i, p := range peaks {
		x[i], y[i] = p.PositionCM1, p.Relative
	}
	return x, y
}

func peaksOf(x, y []float64) []Peak {
	out := make([]Peak, len(x))
	for i := range x {
		out[i] = Peak{PositionCM1: x[i], Relative: y[i]}
	}
	return out
}
