package interferogram

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"fentrace/spectra"
)

// Phase is the way the complex spectrum becomes a real one.
type Phase string

const (
	// Mertz rotates by the phase of the short double-sided part round the centre burst, which is smooth, so that noise
	// keeps its sign wherever there is light enough to tell the phase: L. Mertz, Infrared Physics 7, 17 (1967).
	Mertz Phase = "mertz"
	// MertzSigned keeps the phase between -90 and 90 degrees, so that bands that emit and bands that absorb have
	// different signs.
	MertzSigned Phase = "mertz-signed"
	// Power takes the modulus. It needs no phase, but turns noise round zero into light, and its result for a one-sided
	// record contains the phase of the ramp.
	Power Phase = "power"
)

// Phases returns all ways.
func Phases() []Phase { return []Phase{Mertz, MertzSigned, Power} }

// Settings say how interferograms are transformed. The zero value is not valid; begin with Default or FromFile.
type Settings struct {
	Apodisation Apodisation `json:"apodisation"`
	Phase       Phase       `json:"phase"`
	// ResolutionCM1 cuts the record at the path difference 0.9/ResolutionCM1, the convention of spectrometers; 0 uses all of
	// it. What the record does not hold is not made up.
	ResolutionCM1 float64 `json:"resolution_cm1,omitempty"`
	// PhaseResolutionCM1 does the same to the part that the phase is computed from; 0 uses all that is double-sided.
	PhaseResolutionCM1 float64 `json:"phase_resolution_cm1,omitempty"`
	// ZeroFill is how many times the power of two at or above the points of the longer side the transform has: 1, 2, 4 ...
	// 64. 2 shows all that was measured, more interpolates.
	ZeroFill int `json:"zero_fill"`
	// LowCM1 and HighCM1 bound the wavenumbers that are kept; both 0 keep all, 0 to 1/(2 x interval).
	LowCM1  float64 `json:"low_cm1,omitempty"`
	HighCM1 float64 `json:"high_cm1,omitempty"`
}

// Default is what mid-infrared spectrometers are delivered with.
func Default() Settings {
	return Settings{Apodisation: NortonBeerMedium, Phase: Mertz, PhaseResolutionCM1: 32, ZeroFill: 2, LowCM1: 400, HighCM1: 4000}
}

const maxZeroFill = 64

// TransformField is the key of Metadata.Fields under which a computed spectrum keeps its settings, as String gives them.
const TransformField = "interferogram"

// String returns the settings in words, for a person to read.
func (s Settings) String() string {
	text := fmt.Sprintf("apodisation %s, phase %s", s.Apodisation, s.Phase)
	if s.PhaseResolutionCM1 > 0 && s.Phase != Power {
		text += fmt.Sprintf(" at %g cm-1", s.PhaseResolutionCM1)
	}
	if s.ResolutionCM1 > 0 {
		text += fmt.Sprintf(", resolution %g cm-1", s.ResolutionCM1)
	} else {
		text += ", all of the record"
	}
	return text + fmt.Sprintf(", zero filling %d", s.ZeroFill)
}

// Validate reports the first setting that cannot be: ErrSetting.
func (s Settings) Validate() error {
	if _, err := s.Apodisation.Window(); err != nil {
		return err
	}
	sensible := func(v float64) bool { return v >= 0 && !math.IsInf(v, 0) }
	switch {
	case !slices.Contains(Phases(), s.Phase):
		return fmt.Errorf("%w: phase correction %q is not known (one of %v)", ErrSetting, s.Phase, Phases())
	case s.ZeroFill < 1 || s.ZeroFill > maxZeroFill || s.ZeroFill&(s.ZeroFill-1) != 0:
		return fmt.Errorf("%w: zero filling by %d (1, 2, 4 ... %d)", ErrSetting, s.ZeroFill, maxZeroFill)
	case !sensible(s.ResolutionCM1) || !sensible(s.PhaseResolutionCM1):
		return fmt.Errorf("%w: a resolution of %g cm-1, %g for the phase (0 or more)", ErrSetting, s.ResolutionCM1, s.PhaseResolutionCM1)
	case !sensible(s.LowCM1) || !sensible(s.HighCM1) || s.HighCM1 <= s.LowCM1 && s.HighCM1 != 0:
		return fmt.Errorf("%w: wavenumbers from %g to %g", ErrSetting, s.LowCM1, s.HighCM1)
	}
	return nil
}

// The words of Bruker's parameters APF and PHZ.
var (
	opusApodisations = map[string]Apodisation{
		"BX": Boxcar, "TR": Triangular, "HG": HappGenzel, "B3": BlackmanHarris3, "B4": BlackmanHarris4,
		"NBW": NortonBeerWeak, "NBM": NortonBeerMedium, "NBS": NortonBeerStrong,
	}
	opusPhases = map[string]Phase{"ML": Mertz, "MS": MertzSigned, "PW": Power}
)

// FromFile returns Default with what the file says about how its own spectra were computed: Bruker's parameters APF
// (apodisation), PHZ (phase correction), ZFF (zero filling), RES, PHR (resolutions), LFQ, HFQ (range, the high end
// first), and otherwise Metadata.ResolutionCM1. notes name what the file asks for and this package has not, one sentence each.
func FromFile(m spectra.Metadata) (s Settings, notes []string) {
	s = Default()
	number := func(code string, missing float64) float64 {
		if v, err := strconv.ParseFloat(field(m, code), 64); err == nil && v > 0 && !math.IsInf(v, 0) {
			return v
		}
		return missing
	}
	if code := field(m, "APF"); code != "" {
		if a, ok := opusApodisations[code]; ok {
			s.Apodisation = a
		} else {
			notes = append(notes, fmt.Sprintf("The file asks for the apodisation %q, which is not known here; %s is used.", code, s.Apodisation))
		}
	}
	if code := field(m, "PHZ"); code != "" {
		if p, ok := opusPhases[code]; ok {
			s.Phase = p
		} else {
			notes = append(notes, fmt.Sprintf("The file asks for the phase correction %q, which is not known here; %s is used.", code, s.Phase))
		}
	}
	if code := field(m, "ZFF"); code != "" {
		if z, err := strconv.Atoi(code); err == nil && z > 0 && z <= maxZeroFill && z&(z-1) == 0 {
			s.ZeroFill = z
		} else {
			notes = append(notes, fmt.Sprintf("The file asks for zero filling by %q, which is not possible here; %d is used.", code, s.ZeroFill))
		}
	}
	s.ResolutionCM1 = number("RES", max(m.ResolutionCM1, 0))
	s.PhaseResolutionCM1 = number("PHR", s.PhaseResolutionCM1)
	if low, high := number("HFQ", 0), number("LFQ", 0); low < high {
		s.LowCM1, s.HighCM1 = low, high
	}
	return s, notes
}

// field is the value of one of Bruker's parameters, also when the file was written again as JCAMP-DX.
func field(m spectra.Metadata, code string) string {
	if v := m.Fields[code]; v != "" {
		return v
	}
	return m.Fields["$"+code]
}
