package kernel

import "github.com/klauspost/cpuid/v2"

var hasAVX2 = cpuid.CPU.Supports(cpuid.AVX2)

// Implementation names what Products runs on this machine.
func Implementation() string {
	if hasAVX2 {
		return "avx2"
	}
	return "portable"
}

func products(out []int32, fixed, others []int8) {
	if !hasAVX2 {
		portable(out, fixed, others)
		return
	}
	withAVX2(out, fixed, others)
}

func withAVX2(out []int32, fixed, others []int8) {
	n := len(fixed)
	groups := len(out) / group
	if groups > 0 {
		groupsAVX2(&out[0], &fixed[0], &others[0], n, groups)
	}
	for i := groups * group; i < len(out); i++ {
		out[i] = oneAVX2(&fixed[0], &others[i*n], n)
	}
}
