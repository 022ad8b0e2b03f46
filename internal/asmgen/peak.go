package main

// peakMulAdds is the number of multiply-adds per lane in a round.
const peakMulAdds = 24

// peak writes the loops that measure the peak of a core.
func peak(a *asm) {
	for _, a.target = range []target{avx512F32, avx512F64, avx2F32, avx2F64} {
		chains := pick(a.avx512, 12, peakMulAdds)
		a.text(pick(a.avx512, "avx2", "avx512")+"Peak"+a.suffix(), "rounds int", "", 0,
			pick(a.avx512, "AVX2, FMA3", "AVX512F, AVX512DQ"), pick(a.avx512, `
	x = x·x + x in each of 12 chains, twice a round

	CX  rounds left      Y0 … Y11  the chains, all 0`, `
	x = x·x + x in each of 24 chains

	CX  rounds left      Z0 … Z23  the chains, all 0`))
		a.args("rounds", "CX")
		a.op("VZEROALL")
		for v := vec(16); int(v) < chains; v++ {
			a.op("VXORPS", v, v, v)
		}
		a.op("PCALIGN", 32)
		a.label("round")
		for i := range peakMulAdds {
			v := vec(i % chains)
			a.op("VFMADD231P?", v, v, v)
		}
		a.op("DECQ", "CX")
		a.op("JNZ", "round")
		a.ret()
	}
}
