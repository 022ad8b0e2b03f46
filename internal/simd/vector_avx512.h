// Macros of the elementwise kernels for AVX-512 vectors. See elementwise_amd64.h.

#define VB 64 /* bytes in a vector */
#define V0 Z0
#define V1 Z1
#define V2 Z2
#define V3 Z3
#define V4 Z4
#define V5 Z5
#define V6 Z6
#define V7 Z7
#define V8 Z8
#define V9 Z9
#define V10 Z10
#define H0 Y0 /* the lower half of V0 */

// SETMASK selects the first REST elements of a vector, with REST in 0…LANES. LOADT and
// STORET touch only these elements.
#define SETMASK \
	MOVL  $1, TMP \
	SHLL  CX, TMP \
	DECL  TMP     \
	KMOVW TMP, K1

#define LOADT(k, base, v) MOVUZ (base)(I*SIZE), K1, v
#define STORET(k, base) MOVU V0, K1, (base)(I*SIZE)

// LOADTOR is like LOADT, but takes the other lanes from w.
#define LOADTOR(base, w, v) \
	MOVU w, v                      \
	MOVU (base)(I*SIZE), K1, v

// CLEARREST zeroes the lanes of v outside the mask.
#define CLEARREST(v) MOVUZ v, K1, v

// GATE: v = v if x > 0, else +0 (also if x is NaN), for each lane.
#define GATE(x, v) \
	CMP   $0x11, x, ZERO, K2 /* 0 < x, ordered */ \
	MOVUZ v, K2, v

// HALVE: ymm = op(lower half of zmm, upper half of zmm).
#define HALVE(op, zmm, ymm) \
	VEXTRACTF64X4 $1, zmm, Y1 \
	op            Y1, ymm, ymm

// ADDLANES: Y6 += lower half of V0, then += upper half.
#define ADDLANES \
	ADD           Y0, Y6, Y6 \
	VEXTRACTF64X4 $1, Z0, Y1 \
	ADD           Y1, Y6, Y6

// SUBONEHOT: v −= 1 in the lane whose index is LABEL.
#define SUBONEHOT(v) \
	CMPEQ CONST(NUMBERS), LABEL, K2   \
	SUB   CONST(ONE), v, K2, v

// SCALE: V0 = V0·2ⁿ, rounded once, for n = V2.
#define SCALE SCALEF V2, V0, V0

// LANEVECTORS applies M(k, v, part, next) to each vector v of the lanes of SumSquares.
#define LANEVECTORS(M) \
	M(0, V4, part0, next0) \
	M(1, V5, part1, next1) \
	M(2, V6, part2, next2) \
	M(3, V7, part3, next3)

// FOLDLANES adds the upper half of the lanes to the lower half until one lane is left, in X4.
#define FOLDLANES \
	ADD V6, V4, V4      \
	ADD V7, V5, V5      \
	ADD V5, V4, V4      \
	HALVE(ADD, Z4, Y4)  \
	FOLD(ADD, Y4, X4)
