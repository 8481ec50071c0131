package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/gonum/floats"

	"fentrace/library/identify"
	"fentrace/spectra"
	"fentrace/spectra/preprocess"
)

// sampleScan is one scan of a sample that was scanned several times.
type sampleScan struct {
	spectra.Spectrum
	file string
}

// maxSampleScans bounds the memory of one answer for many scans.
const maxSampleScans = 1000

// errNotOneSample: the scans cannot be averaged.
var errNotOneSample = errors.New("they cannot be averaged")

// samplePipeline brings a scan to unit length, so that each counts alike whatever its exposure.
var samplePipeline = preprocess.Pipeline{Name: "same-sample", Version: "1", Steps: []preprocess.Step{{Op: "vector"}}}

// identifySample answers scans of one sample together: it identifies the mean of the scans, each resampled to 1
// cm-1 over the range they share and brought to unit length. Saturated scans are left out as long as others
// remain, and the reasons say so. The answer's SHA256 is that over the sorted hashes of the scans, one per line.
func identifySample(ctx context.Context, id answerer, scans []sampleScan) (identify.Identification, error) {
	if len(scans) > maxSampleScans {
		return identify.Identification{}, fmt.Errorf("%w: %d scans, at most %d", errNotOneSample, len(scans), maxSampleScans)
	}
	for _, s := range scans[1:] {
		if s.Technique != scans[0].Technique || s.XUnit != scans[0].XUnit {
			return identify.Identification{}, fmt.Errorf("%w: %s is %s over %s, %s is %s over %s", errNotOneSample,
				scans[0].file, scans[0].Technique, scans[0].XUnit, s.file, s.Technique, s.XUnit)
		}
	}
	used, saturated, err := unsaturated(ctx, id, scans)
	if err != nil {
		return identify.Identification{}, err
	}
	mean, err := meanScan(used)
	if err != nil {
		return identify.Identification{}, err
	}
	mean.Metadata.SHA256 = hashOfAll(scans)
	ans, err := id.Identify(ctx, mean)
	if err != nil {
		return identify.Identification{}, err
	}
	ans.Reasons = append(ans.Reasons, fmt.Sprintf("answered once, from the mean of %d scans of one sample", len(used)))
	if saturated > 0 {
		ans.Reasons = append(ans.Reasons, fmt.Sprintf("%d of %d scans were left out of the mean: their detector was saturated", saturated, len(scans)))
	}
	names := make([]string, len(scans))
	for i, s := range scans {
		names[i] = s.file
	}
	ans.File = strings.Join(names, " + ")
	return ans, nil
}

// unsaturated leaves out saturated scans, unless all are.
func unsaturated(ctx context.Context, id answerer, scans []sampleScan) (used []sampleScan, left int, err error) {
	for _, s := range scans {
		ans, err := id.Identify(ctx, s.Spectrum)
		if err != nil {
			return nil, 0, err
		}
		if ans.Quality.Saturated == 0 {
			used = append(used, s)
			continue
		}
		left++
	}
	if len(used) == 0 {
		return scans, 0, nil
	}
	return used, left, nil
}

// meanScan averages scans of one technique and axis unit on whole wavenumbers of the range they share.
func meanScan(scans []sampleScan) (spectra.Spectrum, error) {
	mean := scans[0].Spectrum
	mean.Metadata.SNR, mean.Metadata.SaturatedRanges = 0, nil // of one scan, not of the mean
	mean.Title, mean.YUnit = "Mean of "+scans[0].Title, spectra.Arbitrary
	low, high := math.Inf(-1), math.Inf(1)
	for _, s := range scans {
		lo, hi := s.Range()
		low, high = max(low, math.Ceil(lo)), min(high, math.Floor(hi))
		mean.Metadata.Simulated = mean.Metadata.Simulated || s.Metadata.Simulated
		mean.Metadata.SaturatedPoints = max(mean.Metadata.SaturatedPoints, s.Metadata.SaturatedPoints)
		if s.Metadata.LaserNM != mean.Metadata.LaserNM {
			mean.Metadata.LaserNM = 0
		}
	}
	if high <= low {
		return mean, fmt.Errorf("%w: their ranges do not overlap", errNotOneSample)
	}
	if high-low >= preprocess.MaxResampled {
		return mean, fmt.Errorf("%w: the range %g to %g is longer than %d points", errNotOneSample, low, high, preprocess.MaxResampled)
	}
	grid := spectra.Grid{Start: low, Step: 1, N: int(high-low) + 1}
	mean.X, mean.Y = grid.Axis(), make([]float64, grid.N)
	for _, s := range scans {
		even, err := s.Resample(grid)
		if err == nil {
			even, err = samplePipeline.Run(even)
		}
		if err != nil {
			return mean, fmt.Errorf("%w: %s: %w", errNotOneSample, s.file, err)
		}
		floats.AddScaled(mean.Y, 1/float64(len(scans)), even.Y)
	}
	return mean, nil
}

func hashOfAll(scans []sampleScan) string {
	hashes := make([]string, len(scans))
	for i, s := range scans {
		hashes[i] = s.Metadata.SHA256
	}
	slices.Sort(hashes)
	h := sha256.New()
	for _, one := range hashes {
		h.Write([]byte(one + "\n"))
	}
	return hex.EncodeToString(h.Sum(nil))
}
