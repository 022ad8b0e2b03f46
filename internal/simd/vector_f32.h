// Macros of the elementwise kernels for float32. See elementwise_amd64.h.

#define SIZE 4
#define LANES (VB/4)
#define MOVU VMOVUPS
#define MOVUZ VMOVUPS.Z
#define ADD VADDPS
#define SUB VSUBPS
#define MUL VMULPS
#define DIV VDIVPS
#define MAX VMAXPS
#define CMP VCMPPS
#define FMADD VFMADD231PS
#define FNMADD VFNMADD231PS
#define HORNER VFMADD213PS
#define SCALEF VSCALEFPS
#define BROADCAST VBROADCASTSS
#define BLEND VBLENDVPS
#define MASKLOAD VMASKMOVPS
#define INTSUB VPSUBD
#define CMPEQ VPCMPEQD
#define BROADCASTINT VPBROADCASTD
#define MOVS VMOVSS
#define SUBS VSUBSS
#define INTTOFLOAT VCVTSI2SSL

#define EXPONENT(v) \
	VPSLLD $23, v, v        \
	VPADDD CONST(ONE), v, v

#define BYTESTOFLOAT(k) \
	VPMOVZXBD (k*LANES)(SRC)(I*1), V0 \
	VCVTDQ2PS V0, V0

#define FOLD(op, ymm, xmm) \
	VEXTRACTF128 $1, ymm, X1  \
	op           X1, xmm, xmm \
	VPERMILPD    $1, xmm, X1  \
	op           X1, xmm, xmm \
	VMOVSHDUP    xmm, X1      \
	op           X1, xmm, xmm

// STOREHALVES stores the first REST elements of V0 in steps that halve the number of
// lanes. REST must be less than LANES. STOREHALVES clobbers I and V0.
#define STOREHALVES(base) \
	TESTQ        $4, REST           \
	JZ           low2               \
	VMOVUPS      X0, (base)(I*SIZE) \
	VEXTRACTF128 $1, Y0, X0         \
	ADDQ         $4, I              \
low2: \
	TESTQ        $2, REST           \
	JZ           low1               \
	VMOVSD       X0, (base)(I*SIZE) \
	VMOVHLPS     X0, X0, X0         \
	ADDQ         $2, I              \
low1: \
	TESTQ        $1, REST           \
	JZ           low0               \
	VMOVSS       X0, (base)(I*SIZE) \
low0:

// The constants of exp. See EXP in elementwise_amd64.h.
#define CONST(i) exp<>+(64*i)(SB)
#define LOG2E 0
#define MAGIC 1
#define LN2HI 2
#define LN2LO 3
#define ONE 4
#define LOWEST 5
#define HALF 6
#define STEP 12
#define NUMBERS 13

#define SET(i, bits) \
	DATA exp<>+(64*i+0)(SB)/8, $bits  \
	DATA exp<>+(64*i+8)(SB)/8, $bits  \
	DATA exp<>+(64*i+16)(SB)/8, $bits \
	DATA exp<>+(64*i+24)(SB)/8, $bits \
	DATA exp<>+(64*i+32)(SB)/8, $bits \
	DATA exp<>+(64*i+40)(SB)/8, $bits \
	DATA exp<>+(64*i+48)(SB)/8, $bits \
	DATA exp<>+(64*i+56)(SB)/8, $bits

SET(LOG2E, 0x3fb8aa3b3fb8aa3b)
SET(MAGIC, 0x4b4000004b400000)
SET(LN2HI, 0x3f3172003f317200) // 15 bits
SET(LN2LO, 0x35bfbe8e35bfbe8e)
SET(ONE, 0x3f8000003f800000)
SET(LOWEST, 0xc2d20000c2d20000) // −105
SET(HALF, 0x3f0000003f000000)
SET(7, 0x3efffffe3efffffe) // r⁰
SET(8, 0x3e2aaa483e2aaa48)
SET(9, 0x3d2aac7a3d2aac7a)
SET(10, 0x3c091d1b3c091d1b)
SET(11, 0x3ab511d63ab511d6) // r⁴
SET(STEP, (LANES*0x100000001)) // LANES as two 32-bit integers
DATA exp<>+(64*NUMBERS+0)(SB)/8, $0x0000000100000000 // the index of each lane
DATA exp<>+(64*NUMBERS+8)(SB)/8, $0x0000000300000002
DATA exp<>+(64*NUMBERS+16)(SB)/8, $0x0000000500000004
DATA exp<>+(64*NUMBERS+24)(SB)/8, $0x0000000700000006
DATA exp<>+(64*NUMBERS+32)(SB)/8, $0x0000000900000008
DATA exp<>+(64*NUMBERS+40)(SB)/8, $0x0000000b0000000a
DATA exp<>+(64*NUMBERS+48)(SB)/8, $0x0000000d0000000c
DATA exp<>+(64*NUMBERS+56)(SB)/8, $0x0000000f0000000e
GLOBL exp<>(SB), RODATA|NOPTR, $(14*64)

// POLYNOMIAL: q = the polynomial of exp at r.
#define POLYNOMIAL(r, q) \
	MOVU   CONST(11), q       \
	HORNER CONST(10), r, q    \
	HORNER CONST(9), r, q     \
	HORNER CONST(8), r, q     \
	HORNER CONST(7), r, q
