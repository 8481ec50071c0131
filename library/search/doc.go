// Package search finds the references most like a scan: exact, then fast.
//
// A spectrum is prepared once (Prepare): resampled to whole wavenumbers with its band areas kept, cut to the range
// where the technique carries evidence, and differentiated (Savitzky-Golay, 11 points, second order), which removes
// any smooth background. The score of a scan against a reference at a shift is the Pearson correlation of the two
// derivatives over the wavenumbers both cover; the score of the pair is the best over all shifts allowed. Numerators
// for all shifts come from one FFT cross-correlation (gonum dsp/fourier), the means and norms of every overlap from
// prefix sums, so the result is the same as computing each overlap by itself, which is what the tests do.
//
// Published peak tables are no curves and are not compared as curves: ScorePeaks counts lines that agree and says
// how probable that agreement is by chance.
//
// The core is pure: no clock, no disk, no globals. An Index is immutable and safe for concurrent use.
package search
