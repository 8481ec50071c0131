//go:build !amd64

package kernel

// Implementation names what Products runs on this machine.
func Implementation() string { return "portable" }

func products(out []int32, fixed, others []int8) { portable(out, fixed, others) }
