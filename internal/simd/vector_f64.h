// Macros of the elementwise kernels for float64. See elementwise_amd64.h.

#define SIZE 8
#define LANES (VB/8)
#define MOVU VMOVUPD
#define MOVUZ VMOVUPD.Z
#define ADD VADDPD
#define SUB VSUBPD
#define MUL VMULPD
#define DIV VDIVPD
#define MAX VMAXPD
#define CMP VCMPPD
#define FMADD VFMADD231PD
#define FNMADD VFNMADD231PD
#define HORNER VFMADD213PD
#define SCALEF VSCALEFPD
#define BROADCAST VBROADCASTSD
#define BLEND VBLENDVPD
#define MASKLOAD VMASKMOVPD
#define INTSUB VPSUBQ
#define CMPEQ VPCMPEQQ
#define BROADCASTINT VPBROADCASTQ
#define MOVS VMOVSD
#define SUBS VSUBSD
#define INTTOFLOAT VCVTSI2SDL

// EXPONENT: v = 2ⁿ for the integer n in the low bits of v.
#define EXPONENT(v) \
	VPSLLQ $52, v, v        \
	VPADDQ CONST(ONE), v, v

// BYTESTOFLOAT: V0 = the bytes of vector k.
#define BYTESTOFLOAT(k) \
	VPMOVZXBD (k*LANES)(SRC)(I*1), H0 \
	VCVTDQ2PD H0, V0

// FOLD reduces all lanes of ymm with op to the first lane of xmm, by halves.
#define FOLD(op, ymm, xmm) \
	VEXTRACTF128 $1, ymm, X1  \
	op           X1, xmm, xmm \
	VPERMILPD    $1, xmm, X1  \
	op           X1, xmm, xmm

// STOREHALVES stores the first REST elements of V0 in steps that halve the number of
// lanes. REST must be less than LANES. STOREHALVES clobbers I and V0.
#define STOREHALVES(base) \
	TESTQ        $2, REST           \
	JZ           low1               \
	VMOVUPD      X0, (base)(I*SIZE) \
	VEXTRACTF128 $1, Y0, X0         \
	ADDQ         $2, I              \
low1: \
	TESTQ        $1, REST           \
	JZ           low0               \
	VMOVSD       X0, (base)(I*SIZE) \
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
#define STEP 17
#define NUMBERS 18

#define SET(i, bits) \
	DATA exp<>+(64*i+0)(SB)/8, $bits  \
	DATA exp<>+(64*i+8)(SB)/8, $bits  \
	DATA exp<>+(64*i+16)(SB)/8, $bits \
	DATA exp<>+(64*i+24)(SB)/8, $bits \
	DATA exp<>+(64*i+32)(SB)/8, $bits \
	DATA exp<>+(64*i+40)(SB)/8, $bits \
	DATA exp<>+(64*i+48)(SB)/8, $bits \
	DATA exp<>+(64*i+56)(SB)/8, $bits

SET(LOG2E, 0x3ff71547652b82fe)
SET(MAGIC, 0x4338000000000000)
SET(LN2HI, 0x3fe62e42fee00000) // 32 bits, so that n·LN2HI is exact
SET(LN2LO, 0x3dea39ef35793c76)
SET(ONE, 0x3ff0000000000000)
SET(LOWEST, 0xc087500000000000) // −746
SET(HALF, 0x3fe0000000000000)
SET(7, 0x3fe000000000000a) // r⁰
SET(8, 0x3fc55555555554f9)
SET(9, 0x3fa5555555550826)
SET(10, 0x3f81111111127ec7)
SET(11, 0x3f56c16c1843f65b)
SET(12, 0x3f2a01a0129ae40d)
SET(13, 0x3efa01999ce03456)
SET(14, 0x3ec71df262da3873)
SET(15, 0x3e928adafc85d301)
SET(16, 0x3e5ad7ef922bea35) // r⁹
SET(STEP, LANES) // as an integer
DATA exp<>+(64*NUMBERS+0)(SB)/8, $0 // the index of each lane
DATA exp<>+(64*NUMBERS+8)(SB)/8, $1
DATA exp<>+(64*NUMBERS+16)(SB)/8, $2
DATA exp<>+(64*NUMBERS+24)(SB)/8, $3
DATA exp<>+(64*NUMBERS+32)(SB)/8, $4
DATA exp<>+(64*NUMBERS+40)(SB)/8, $5
DATA exp<>+(64*NUMBERS+48)(SB)/8, $6
DATA exp<>+(64*NUMBERS+56)(SB)/8, $7
GLOBL exp<>(SB), RODATA|NOPTR, $(19*64)

// POLYNOMIAL: q = the polynomial of exp at r.
#define POLYNOMIAL(r, q) \
	MOVU   CONST(16), q       \
	HORNER CONST(15), r, q    \
	HORNER CONST(14), r, q    \
	HORNER CONST(13), r, q    \
	HORNER CONST(12), r, q    \
	HORNER CONST(11), r, q    \
	HORNER CONST(10), r, q    \
	HORNER CONST(9), r, q     \
	HORNER CONST(8), r, q     \
	HORNER CONST(7), r, q
