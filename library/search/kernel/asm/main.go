// Command asm writes the assembly of package kernel: go generate ./library/search/kernel.
package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

const (
	width = 32 // bytes of a register
	group = 8  // vectors multiplied with the fixed one at a time: as many accumulators
)

func main() {
	ones := GLOBL("ones16", RODATA|NOPTR)
	DATA(0, operand.U32(0x00010001))
	groupsAVX2(ones)
	oneAVX2(ones)
	Generate()
}

// groupsAVX2 multiplies a fixed vector with groups of eight others.
func groupsAVX2(ones operand.Mem) {
	TEXT("groupsAVX2", NOSPLIT, "func(out *int32, fixed, others *int8, n, groups int)")
	Doc("groupsAVX2 writes the scalar products of the n values at fixed with each of 8*groups vectors at others.")
	out, fixed := Load(Param("out"), GP64()), Load(Param("fixed"), GP64())
	others, n := Load(Param("others"), GP64()), Load(Param("n"), GP64())
	groups := Load(Param("groups"), GP64())
	one, three := YMM(), GP64()
	VPBROADCASTD(ones, one)
	LEAQ(operand.Mem{Base: n, Index: n, Scale: 2}, three)

	Label("group")
	TESTQ(groups, groups)
	JE(operand.LabelRef("done"))
	sums := make([]reg.VecVirtual, group)
	for i := range sums {
		sums[i] = YMM()
		VPXOR(sums[i], sums[i], sums[i])
	}
	at, first, fifth := GP64(), GP64(), GP64()
	XORQ(at, at)
	MOVQ(others, first)
	LEAQ(operand.Mem{Base: others, Index: n, Scale: 4}, fifth)

	Label("block")
	value, size := YMM(), YMM()
	VMOVDQU(operand.Mem{Base: fixed, Index: at, Scale: 1}, value)
	VPABSB(value, size)
	for i := range sums {
		row := operand.Mem{Base: first}
		if i >= group/2 {
			row.Base = fifth
		}
		switch i % (group / 2) {
		case 1:
			row.Index, row.Scale = n, 1
		case 2:
			row.Index, row.Scale = n, 2
		case 3:
			row.Index, row.Scale = three, 1
		}
		addProducts(value, size, one, row, sums[i])
	}
	ADDQ(operand.U8(width), first)
	ADDQ(operand.U8(width), fifth)
	ADDQ(operand.U8(width), at)
	CMPQ(at, n)
	JL(operand.LabelRef("block"))

	// The eight numbers of each of eight sums are added, in the order of the sums.
	for i := 0; i < group; i += 2 {
		VPHADDD(sums[i+1], sums[i], sums[i])
	}
	for i := 0; i < group; i += 4 {
		VPHADDD(sums[i+2], sums[i], sums[i])
	}
	low, high := YMM(), YMM()
	VPERM2I128(operand.U8(0x20), sums[4], sums[0], low)
	VPERM2I128(operand.U8(0x31), sums[4], sums[0], high)
	VPADDD(low, high, low)
	VMOVDQU(low, operand.Mem{Base: out})
	ADDQ(operand.U8(4*group), out)
	LEAQ(operand.Mem{Base: others, Index: n, Scale: 8}, others)
	DECQ(groups)
	JMP(operand.LabelRef("group"))
	Label("done")
	VZEROUPPER()
	RET()
}

// addProducts adds the products of 32 values with those in memory. The absolute values of the first are the unsigned factor
// that VPMADDUBSW wants, their signs go to the other; a sum of two products is at most 2*127*127, which int16 holds.
func addProducts(value, size, one reg.VecVirtual, row operand.Mem, sum reg.VecVirtual) {
	product := YMM()
	VMOVDQU(row, product)
	VPSIGNB(value, product, product)
	VPMADDUBSW(product, size, product)
	VPMADDWD(one, product, product)
	VPADDD(product, sum, sum)
}

// oneAVX2 multiplies two vectors.
func oneAVX2(ones operand.Mem) {
	TEXT("oneAVX2", NOSPLIT, "func(fixed, other *int8, n int) int32")
	Doc("oneAVX2 is the scalar product of n values.")
	fixed, other, n := Load(Param("fixed"), GP64()), Load(Param("other"), GP64()), Load(Param("n"), GP64())
	one, sum, at := YMM(), YMM(), GP64()
	VPBROADCASTD(ones, one)
	VPXOR(sum, sum, sum)
	XORQ(at, at)
	Label("part")
	value, size := YMM(), YMM()
	VMOVDQU(operand.Mem{Base: fixed, Index: at, Scale: 1}, value)
	VPABSB(value, size)
	addProducts(value, size, one, operand.Mem{Base: other, Index: at, Scale: 1}, sum)
	ADDQ(operand.U8(width), at)
	CMPQ(at, n)
	JL(operand.LabelRef("part"))
	half := XMM()
	VEXTRACTI128(operand.U8(1), sum, half)
	VPADDD(half, sum.AsX(), half)
	VPHADDD(half, half, half)
	VPHADDD(half, half, half)
	result := GP32()
	VMOVD(half, result)
	Store(result, ReturnIndex(0))
	VZEROUPPER()
	RET()
}
