// Package search finds the references most like a scan: exact, then fast.
//
// A spectrum is prepared once (Prepare): resampled to whole wavenumbers with its band areas kept, cut to the range
// where the technique carries evidence, and differentiated (Savitzky-Golay, 11 points, second order), which removes
// any smooth background. The score of a scan against a reference at a shift is the Pearson correlation of the two
// derivatives over the wavenumbers both cover; the score of the pair is the best over all shifts allowed. For shifts
// wider than the kernel takes, numerators for all of them come from one FFT cross-correlation (gonum dsp/fourier), the means
// and norms of every overlap from prefix sums, so the result is the same as computing each overlap by itself, which is
// what the tests do.
//
// Published peak tables are no curves and are not compared as curves: ScorePeaks counts lines that agree and says
// how probable that agreement is by chance.
//
// The core is pure: no clock, no disk, no globals. An Index is immutable and safe for concurrent use.
//
// Search compares every reference, yet looks at the exact values of few. Let q be the scan and r a reference on one grid, and
// q = b + c, r = s + t, where b and s are what int8 keeps of them and the norms of c and t are known. Then
//
//	q.r = b.s + c.s + q.t <= b.s + |c| (|r| + |t|) + |q| |t|
//
// (Cauchy-Schwarz), and b.s is a product of integers, exact in every implementation of the kernel. Most references are
// settled by a quarter of the work: with the columns of a vector in pools of four, the part that is constant within each
// pool and the rest are at right angles, so q.r is the product of the parts, bounded as above, and at most the product of
// the norms of the rests. The score takes off the product of the means over what is in common and divides by the norms about
// them. The sum of squares about the mean never falls when columns are added, so where a shift moves some columns at the ends of a
// reference out of what is in common, the norm of its core stands for all shifts; where more is missing, that of the whole
// blocks of 32 columns that are in common. A reference whose bound is below a score that k references reach is not among the
// k best, and of the others only those shifts are compared whose own bound is not below the score at the likeliest.
//
// A library may hold many references of one substance, which then fill all places of an answer. Query.Each lets a group have so many
// at most. The k-th score that the references compared so far reach under that rule never falls when more are compared, since the
// best of each group only get better, so a reference whose bound is below it, or below the last that its full group has, is
// none of the answer. Ask keeps bounds and scores for the searches that follow with other groups left out.
//
// What bounds need of a reference is kept as float32 rounded up, in units of its norm, so that the bounds of eight
// references are a few instructions; what these can lose is added to the bound.
package search
