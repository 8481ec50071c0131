// Command asm writes the assembly of package kernel: go generate ./library/search/kernel.
package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

const (
	width = 32 // bytes of a register
	group = 8  // rows multiplied with one query at a time: as many accumulators
	tile  = 4  // queries multiplied with two rows at a time: as many accumulators
)

func main() {
	ones := GLOBL("ones16", RODATA|NOPTR)
	DATA(0, operand.U32(0x00010001))
	rowsAVX2(ones, false)
	rowsAVX2(ones, true)
	tilesAVX2(ones)
	rowAVX2(ones)
	dotAVX2(ones)
	scoresAVX2()
	widenAVX2()
	Generate()
}

// rowsAVX2 multiplies one query with groups of eight rows.
func rowsAVX2(ones operand.Mem, largest bool) {
	if largest {
		TEXT("rowsMaxAVX2", NOSPLIT, "func(out *int32, query *uint8, rows *int8, n, groups int)")
		Doc("rowsMaxAVX2 is rowsAVX2, but what is in out already stays where it is larger.")
	} else {
		TEXT("rowsAVX2", NOSPLIT, "func(out *int32, query *uint8, rows *int8, n, groups int)")
		Doc("rowsAVX2 writes the scalar products of the n values at query with each of 8*groups rows.")
	}
	out, query := Load(Param("out"), GP64()), Load(Param("query"), GP64())
	rows, n := Load(Param("rows"), GP64()), Load(Param("n"), GP64())
	groups := Load(Param("groups"), GP64())
	one, three := YMM(), GP64()
	VPBROADCASTD(ones, one)
	LEAQ(operand.Mem{Base: n, Index: n, Scale: 2}, three)

	Label("group")
	TESTQ(groups, groups)
	JE(operand.LabelRef("done"))
	sums := zeros()
	at, first, fifth := GP64(), GP64(), GP64()
	XORQ(at, at)
	MOVQ(rows, first)
	LEAQ(operand.Mem{Base: rows, Index: n, Scale: 4}, fifth)

	Label("block")
	value := YMM()
	VMOVDQU(operand.Mem{Base: query, Index: at, Scale: 1}, value)
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
		addProducts(value, one, row, sums[i])
	}
	for i := range group * width / line {
		if !largest { // the first query has fetched them for the others
			PREFETCHT0(operand.Mem{Base: rows, Index: at, Scale: group, Disp: rowsAhead + line*i})
		}
	}
	ADDQ(operand.U8(width), first)
	ADDQ(operand.U8(width), fifth)
	ADDQ(operand.U8(width), at)
	CMPQ(at, n)
	JL(operand.LabelRef("block"))

	all := added(sums)
	if largest {
		VPMAXSD(operand.Mem{Base: out}, all, all)
	}
	VMOVDQU(all, operand.Mem{Base: out})
	ADDQ(operand.U8(4*group), out)
	LEAQ(operand.Mem{Base: rows, Index: n, Scale: 8}, rows)
	DECQ(groups)
	JMP(operand.LabelRef("group"))
	Label("done")
	VZEROUPPER()
	RET()
}

// tilesAVX2 multiplies groups of four queries with two rows.
func tilesAVX2(ones operand.Mem) {
	TEXT("tilesAVX2", NOSPLIT, "func(first, second *int32, queries *uint8, row, next *int8, n, groups int)")
	Doc("tilesAVX2 writes the scalar products of each of 4*groups queries of n values with two rows to first and second.")
	firstOut, secondOut := Load(Param("first"), GP64()), Load(Param("second"), GP64())
	queries := Load(Param("queries"), GP64())
	row, next := Load(Param("row"), GP64()), Load(Param("next"), GP64())
	n, groups := Load(Param("n"), GP64()), Load(Param("groups"), GP64())
	one, three := YMM(), GP64()
	VPBROADCASTD(ones, one)
	LEAQ(operand.Mem{Base: n, Index: n, Scale: 2}, three)

	Label("tile")
	TESTQ(groups, groups)
	JE(operand.LabelRef("end"))
	sums := zeros()
	at, asked := GP64(), GP64()
	XORQ(at, at)
	MOVQ(queries, asked)

	Label("step")
	for i := range tile {
		from := operand.Mem{Base: asked}
		switch i {
		case 1:
			from.Index, from.Scale = n, 1
		case 2:
			from.Index, from.Scale = n, 2
		case 3:
			from.Index, from.Scale = three, 1
		}
		value := YMM()
		VMOVDQU(from, value)
		addProducts(value, one, operand.Mem{Base: row, Index: at, Scale: 1}, sums[i])
		addProducts(value, one, operand.Mem{Base: next, Index: at, Scale: 1}, sums[tile+i])
	}
	ADDQ(operand.U8(width), asked)
	ADDQ(operand.U8(width), at)
	CMPQ(at, n)
	JL(operand.LabelRef("step"))

	all, half := added(sums), XMM()
	VEXTRACTI128(operand.U8(1), all, half)
	VMOVDQU(all.AsX(), operand.Mem{Base: firstOut})
	VMOVDQU(half, operand.Mem{Base: secondOut})
	ADDQ(operand.U8(4*tile), firstOut)
	ADDQ(operand.U8(4*tile), secondOut)
	LEAQ(operand.Mem{Base: queries, Index: n, Scale: 4}, queries)
	DECQ(groups)
	JMP(operand.LabelRef("tile"))
	Label("end")
	VZEROUPPER()
	RET()
}

// rowAVX2 multiplies groups of eight queries with one row.
func rowAVX2(ones operand.Mem) {
	TEXT("rowAVX2", NOSPLIT, "func(out *int32, queries *uint8, row *int8, n, groups int)")
	Doc("rowAVX2 writes the scalar products of each of 8*groups queries of n values with one row.")
	out, queries := Load(Param("out"), GP64()), Load(Param("queries"), GP64())
	row, n := Load(Param("row"), GP64()), Load(Param("n"), GP64())
	groups := Load(Param("groups"), GP64())
	one, three := YMM(), GP64()
	VPBROADCASTD(ones, one)
	LEAQ(operand.Mem{Base: n, Index: n, Scale: 2}, three)

	Label("queries")
	TESTQ(groups, groups)
	JE(operand.LabelRef("over"))
	sums := zeros()
	at, first, fifth := GP64(), GP64(), GP64()
	XORQ(at, at)
	MOVQ(queries, first)
	LEAQ(operand.Mem{Base: queries, Index: n, Scale: 4}, fifth)

	Label("stretch")
	value, product := YMM(), YMM()
	VMOVDQU(operand.Mem{Base: row, Index: at, Scale: 1}, value)
	for i := range sums {
		asked := operand.Mem{Base: first}
		if i >= group/2 {
			asked.Base = fifth
		}
		switch i % (group / 2) {
		case 1:
			asked.Index, asked.Scale = n, 1
		case 2:
			asked.Index, asked.Scale = n, 2
		case 3:
			asked.Index, asked.Scale = three, 1
		}
		VMOVDQU(asked, product)
		VPMADDUBSW(value, product, product)
		VPMADDWD(one, product, product)
		VPADDD(product, sums[i], sums[i])
	}
	ADDQ(operand.U8(width), first)
	ADDQ(operand.U8(width), fifth)
	ADDQ(operand.U8(width), at)
	CMPQ(at, n)
	JL(operand.LabelRef("stretch"))

	VMOVDQU(added(sums), operand.Mem{Base: out})
	ADDQ(operand.U8(4*group), out)
	LEAQ(operand.Mem{Base: queries, Index: n, Scale: 8}, queries)
	DECQ(groups)
	JMP(operand.LabelRef("queries"))
	Label("over")
	VZEROUPPER()
	RET()
}

// dotAVX2 multiplies one query with one row.
func dotAVX2(ones operand.Mem) {
	TEXT("dotAVX2", NOSPLIT, "func(query *uint8, row *int8, n int) int32")
	Doc("dotAVX2 is the scalar product of n values.")
	query, row, n := Load(Param("query"), GP64()), Load(Param("row"), GP64()), Load(Param("n"), GP64())
	one, sum, value := YMM(), YMM(), YMM()
	VPBROADCASTD(ones, one)
	VPXOR(sum, sum, sum)
	at := GP64()
	XORQ(at, at)
	Label("dot")
	VMOVDQU(operand.Mem{Base: query, Index: at, Scale: 1}, value)
	addProducts(value, one, operand.Mem{Base: row, Index: at, Scale: 1}, sum)
	ADDQ(operand.U8(width), at)
	CMPQ(at, n)
	JL(operand.LabelRef("dot"))
	half := XMM()
	VEXTRACTI128(operand.U8(1), sum, half)
	VPADDD(sum.AsX(), half, half)
	VPHADDD(half, half, half)
	VPHADDD(half, half, half)
	out := GP32()
	VMOVD(half, out)
	VZEROUPPER()
	Store(out, ReturnIndex(0))
	RET()
}

// widenAVX2 converts groups of eight values.
func widenAVX2() {
	TEXT("widenAVX2", NOSPLIT, "func(out *float64, values *float32, groups int)")
	Doc("widenAVX2 writes 8*groups values as float64.")
	out, values := Load(Param("out"), GP64()), Load(Param("values"), GP64())
	groups := Load(Param("groups"), GP64())
	Label("values")
	TESTQ(groups, groups)
	JE(operand.LabelRef("widened"))
	low, high := YMM(), YMM()
	VCVTPS2PD(operand.Mem{Base: values}, low)
	VCVTPS2PD(operand.Mem{Base: values, Disp: 16}, high)
	VMOVUPD(low, operand.Mem{Base: out})
	VMOVUPD(high, operand.Mem{Base: out, Disp: width})
	ADDQ(operand.U8(32), values)
	ADDQ(operand.U8(64), out)
	DECQ(groups)
	JMP(operand.LabelRef("values"))
	Label("widened")
	VZEROUPPER()
	RET()
}

// zeros are the accumulators.
func zeros() (sums [group]reg.VecVirtual) {
	for i := range sums {
		sums[i] = YMM()
		VPXOR(sums[i], sums[i], sums[i])
	}
	return sums
}

// addProducts adds the products of 32 values of a query, which are unsigned and at most 127, with as many of a row. A sum of
// two products is at most 2*127*127, which int16 holds.
func addProducts(value, one reg.VecVirtual, row operand.Mem, sum reg.VecVirtual) {
	product := YMM()
	VPMADDUBSW(row, value, product)
	VPMADDWD(one, product, product)
	VPADDD(product, sum, sum)
}

// added are the sums of the eight numbers in each accumulator, in their order.
func added(sums [group]reg.VecVirtual) reg.VecVirtual {
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
	return low
}

const (
	line = 64 // bytes that are fetched from memory at once
	// rowsAhead and ahead are how many bytes further on rows and columns are fetched meanwhile: they are too many side by side, each read too
	// little at a time, for the processor to see what will be needed next.
	rowsAhead, ahead = 16384, 256
)

// scoresAVX2 evaluates Scores for groups of eight rows.
func scoresAVX2() {
	TEXT("scoresAVX2", NOSPLIT, "func(out *float32, products, total *int32, step, size, miss, rest, mean, stretch *float32, c *[5]float32, groups int)")
	Doc("scoresAVX2 writes what Scores does for 8*groups rows, with the five coefficients at c.")
	var rows []reg.Register
	for _, name := range []string{"out", "products", "total", "step", "size", "miss", "rest", "mean", "stretch"} {
		rows = append(rows, Load(Param(name), GP64()))
	}
	c, groups := Load(Param("c"), GP64()), Load(Param("groups"), GP64())
	var by [5]reg.VecVirtual
	for i := range by {
		by[i] = YMM()
		VBROADCASTSS(operand.Mem{Base: c, Disp: 4 * i}, by[i])
	}
	at, zero := GP64(), YMM()
	XORQ(at, at)
	VXORPS(zero, zero, zero)
	of := func(i int) operand.Mem { return operand.Mem{Base: rows[i], Index: at, Scale: 4} }

	Label("eight")
	TESTQ(groups, groups)
	JE(operand.LabelRef("through"))
	offset, sum, term := YMM(), YMM(), YMM()
	VMOVDQU(of(2), offset)
	VPSLLD(operand.U8(6), offset, offset) // times Offset
	VMOVDQU(of(1), sum)
	VPSUBD(offset, sum, sum)
	VCVTDQ2PS(sum, sum)
	VMULPS(of(3), sum, sum)
	VMULPS(by[0], sum, sum)
	for i := 1; i < len(by); i++ {
		VMULPS(of(3+i), by[i], term)
		VADDPS(term, sum, sum)
	}
	VMULPS(of(8), sum, sum)
	VMAXPS(zero, sum, sum) // zero where sum is not more
	VMOVUPS(sum, of(0))
	for i := 2; i < len(rows); i++ {
		next := of(i)
		next.Disp = ahead
		PREFETCHT0(next)
	}
	ADDQ(operand.U8(group), at)
	DECQ(groups)
	JMP(operand.LabelRef("eight"))
	Label("through")
	VZEROUPPER()
	RET()
}
