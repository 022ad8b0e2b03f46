// Macros of the elementwise kernels for AVX2 vectors. See elementwise_amd64.h.

#define VB 32
#define V0 Y0
#define V1 Y1
#define V2 Y2
#define V3 Y3
#define V4 Y4
#define V5 Y5
#define V6 Y6
#define V7 Y7
#define V8 Y8
#define V9 Y9
#define V10 Y10
#define V11 Y11
#define H0 X0
#define MASK Y15

DATA rest<>+0(SB)/8, $-1
DATA rest<>+8(SB)/8, $-1
DATA rest<>+16(SB)/8, $-1
DATA rest<>+24(SB)/8, $-1
GLOBL rest<>(SB), RODATA|NOPTR, $64 // 32 bytes of ones, then 32 of zeros

#define SETMASK /* clobbers I */ \
	LEAQ    rest<>+32(SB), TMP \
	IMUL3Q  $-SIZE, REST, I    \
	VMOVDQU (TMP)(I*1), MASK

#define LOADT(k, base, v) MASKLOAD (base)(I*SIZE), MASK, v

// STORET stores the tail in halves, because masked AVX2 stores are slow on AMD CPUs. It
// clobbers I and V0, and stores nothing if REST is LANES.
#define STORET(k, base) STOREHALVES(base)

#define LOADTOR(base, w, v) \
	MASKLOAD (base)(I*SIZE), MASK, v \
	BLEND    MASK, v, w, v

#define CLEARREST(v) VANDPS MASK, v, v

#define GATE(x, v) \
	CMP    $0x11, x, ZERO, x \
	VANDPS x, v, v

#define HALVE(op, zmm, ymm)

#define ADDLANES ADD V0, V6, V6

#define SUBONEHOT(v) \
	CMPEQ  CONST(NUMBERS), LABEL, V1 \
	VANDPS CONST(ONE), V1, V1        \
	SUB    V1, v, v

// SCALE: V0 = V0·2ⁿ, where V1 is n + MAGIC. n is split in halves, so that the first product
// is exact and only the second can round, even if 2ⁿ is denormal.
#define SCALE \
	MOVU   CONST(MAGIC), V3           \
	FMADD  CONST(HALF), V2, V3        \
	INTSUB V3, V1, V1 /* n − n/2 */   \
	EXPONENT(V3)      /* 2^(n/2) */   \
	EXPONENT(V1)                      \
	MUL    V3, V0, V0                 \
	MUL    V1, V0, V0

#define LANEVECTORS(M) \
	M(0, V4, part0, next0)  \
	M(1, V5, part1, next1)  \
	M(2, V6, part2, next2)  \
	M(3, V7, part3, next3)  \
	M(4, V8, part4, next4)  \
	M(5, V9, part5, next5)  \
	M(6, V10, part6, next6) \
	M(7, V11, part7, next7)

#define FOLDLANES \
	ADD V8, V4, V4      \
	ADD V9, V5, V5      \
	ADD V10, V6, V6     \
	ADD V11, V7, V7     \
	ADD V6, V4, V4      \
	ADD V7, V5, V5      \
	ADD V5, V4, V4      \
	FOLD(ADD, Y4, X4)
