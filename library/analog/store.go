package analog

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"slices"
)

// version of what is stored and of the method; a model of another version is refused and has to be fitted again.
const version = 3

// stored is a Model as JSON. Arrays of numbers are little-endian in base64: references
// as float32, centres as int16 of a step each.
type stored struct {
	Version    int        `json:"version"`
	Options    Options    `json:"options"`
	Simulated  bool       `json:"simulated"`
	Substances []string   `json:"substances"` // of every reference
	Names      []string   `json:"names"`
	Fentanyl   []bool     `json:"fentanyl"`
	References [][]byte   `json:"references"` // by resolution
	Centres    []byte     `json:"centres"`
	Weights    []float64  `json:"weights"`
	Threshold  float64    `json:"threshold"`
	Logistic   [2]float64 `json:"logistic"`
	LeftOut    []string   `json:"left_out,omitempty"`
}

// MarshalJSON stores m: about 15 MB for 150 substances.
func (m *Model) MarshalJSON() ([]byte, error) {
	s := stored{
		Version: version, Options: m.options, Simulated: m.simulated, Substances: m.bank.substances, Names: m.names,
		Fentanyl: m.bank.fentanyl, Centres: packSteps(m.centres), Weights: m.weights, Threshold: m.threshold,
		Logistic: m.logistic, LeftOut: m.leftOut,
	}
	for _, rows := range m.bank.rows {
		s.References = append(s.References, pack(rows))
	}
	return json.Marshal(s)
}

// UnmarshalJSON reads what MarshalJSON wrote; the model read gives the same scores, bit for bit on one machine. It
// returns ErrModel for anything else.
func (m *Model) UnmarshalJSON(raw []byte) error {
	var s stored
	if err := json.Unmarshal(raw, &s); err != nil {
		return fmt.Errorf("%w: %w", ErrModel, err)
	}
	if s.Version != version {
		return fmt.Errorf("%w: version %d, this program writes %d: fit it again", ErrModel, s.Version, version)
	}
	opts, err := s.Options.complete()
	if err != nil || opts != s.Options {
		return fmt.Errorf("%w: options %+v", ErrModel, s.Options)
	}
	read := Model{options: opts, names: s.Names, weights: s.Weights, threshold: s.Threshold, logistic: s.Logistic,
		simulated: s.Simulated, leftOut: s.LeftOut}
	n := (opts.HighCM1-opts.LowCM1)/stepCM1 + 1
	read.bank = bank{low: opts.LowCM1, n: n, substances: s.Substances, fentanyl: s.Fentanyl}
	refs := len(s.Substances)
	if !slices.Contains(s.Fentanyl, true) || len(s.Names) != refs || len(s.Fentanyl) != refs || len(s.References) != len(instruments) || len(s.Weights) == 0 {
		return fmt.Errorf("%w: its parts do not fit together", ErrModel)
	}
	for _, packed := range s.References {
		rows, err := unpack(packed, refs*n)
		if err != nil {
			return err
		}
		read.bank.rows = append(read.bank.rows, rows)
	}
	if read.centres, err = unpackSteps(s.Centres, viewCount*len(s.Weights)*n); err != nil {
		return err
	}
	read.bank.finish()
	*m = read
	return nil
}

// step is the precision of centres: far below what noise leaves of them, and what int16 holds of views.
const step = 1. / (1 << 14)

// onSteps rounds v to steps, so that a model read back gives the same scores.
func onSteps(v []float64) []float64 {
	for i := range v {
		v[i] = math.Round(v[i]/step) * step
	}
	return v
}

func packSteps(v []float32) []byte {
	raw := make([]byte, 0, 2*len(v))
	for _, x := range v {
		raw = binary.LittleEndian.AppendUint16(raw, uint16(int16(x/step)))
	}
	return raw
}

func unpackSteps(raw []byte, n int) ([]float32, error) {
	if len(raw) != 2*n {
		return nil, fmt.Errorf("%w: %d bytes of centres, %d expected", ErrModel, len(raw), 2*n)
	}
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(int16(binary.LittleEndian.Uint16(raw[2*i:]))) * step
	}
	return v, nil
}

func pack(v []float64) []byte {
	raw := make([]byte, 0, 4*len(v))
	for _, x := range v {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(float32(x)))
	}
	return raw
}

// unpack reads n components of scaled unit vectors.
func unpack(raw []byte, n int) ([]float64, error) {
	if len(raw) != 4*n {
		return nil, fmt.Errorf("%w: %d bytes of numbers, %d expected", ErrModel, len(raw), 4*n)
	}
	v := make([]float64, n)
	for i := range v {
		v[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:])))
		if !(math.Abs(v[i]) <= 1.5) {
			return nil, fmt.Errorf("%w: component %d is %g, beyond what unit vectors have", ErrModel, i+1, v[i])
		}
	}
	return v, nil
}
