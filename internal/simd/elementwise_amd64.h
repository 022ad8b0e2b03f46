// The elementwise kernels. Each kernel is written once, in terms of a small set of macros.
//
// A file elementwise_<isa>_<type>_amd64.s includes the macros of its vectors, which
// are in vector_avx2.h or vector_avx512.h. Then it includes the macros of its type,
// in vector_f32.h or vector_f64.h, and this file, and lists one TEXT per kernel. The
// macros cover all differences between the four files. AVX2 and AVX-512 apply the same macros in the same order to
// each element, so their results are bit-identical.
//
// Operands are in Go's order: SUB b, a, c is c = a − b.

// ---- Registers, the same in every kernel -----------------------------------

#define DST DI   /* result */
#define SRC SI   /* first input */
#define AUX DX   /* second input */
#define I AX     /* index of the next element */
#define N R8     /* elements, or columns of a row */
#define LIMIT4 R9  /* N − 4·LANES: if I ≤ LIMIT4, four whole vectors are left */
#define LIMIT R10  /* N − LANES: if I ≤ LIMIT, one whole vector is left */
#define REST CX  /* N mod LANES: elements of the tail */
#define TMP BX
#define ROWS R11
#define DSTSTRIDE R12 /* bytes */
#define SRCSTRIDE R13 /* bytes */

// ---- Loops -----------------------------------------------------------------

#define LOAD(k, base, v) MOVU (k*VB)(base)(I*SIZE), v
#define STORE(k, base) MOVU V0, (k*VB)(base)(I*SIZE)

// LIMITS prepares the loops over N elements.
#define LIMITS \
	LEAQ -(4*LANES)(N), LIMIT4 \
	LEAQ -(LANES)(N), LIMIT    \
	MOVQ N, REST               \
	ANDQ $(LANES-1), REST      \
	SETMASK

// EACH runs a kernel over N elements: four vectors at a time, then one vector at a time,
// then the tail. KERNEL(load, store, k) computes the vector that starts at I + k·LANES.
#define EACH(KERNEL, TAIL) \
	XORL I, I               \
block: \
	CMPQ I, LIMIT4          \
	JGT  vector             \
	KERNEL(LOAD, STORE, 0)  \
	KERNEL(LOAD, STORE, 1)  \
	KERNEL(LOAD, STORE, 2)  \
	KERNEL(LOAD, STORE, 3)  \
	ADDQ $(4*LANES), I      \
	JMP  block              \
vector: \
	CMPQ I, LIMIT           \
	JGT  tail               \
	KERNEL(LOAD, STORE, 0)  \
	ADDQ $LANES, I          \
	JMP  vector             \
tail: \
	CMPQ I, N               \
	JGE  done               \
	TAIL                    \
done:

// ALLROWS runs a kernel over the rows of a matrix, which must have at least one row. NEXT
// advances AUX to the next row, or is empty.
#define ALLROWS(KERNEL, NEXT) \
	IMULQ $SIZE, DSTSTRIDE           \
	IMULQ $SIZE, SRCSTRIDE           \
	LIMITS                           \
row: \
	EACH(KERNEL, KERNEL(LOADT, STORET, 0)) \
	ADDQ  DSTSTRIDE, DST             \
	ADDQ  SRCSTRIDE, SRC             \
	NEXT                             \
	DECQ  ROWS                       \
	JNZ   row

// ---- ReLU ------------------------------------------------------------------
//
// func relu(dst, x *T, n int)
// Requires: AVX2; or AVX512F
//
// dst = max(0, x). MAX returns its last source, x, if an operand is NaN or both are zero,
// so NaN and −0 are kept. dst and x may be the same.

#define ZERO V5

#define RELU1(load, store, k) \
	load(k, SRC, V0)    \
	MAX V0, ZERO, V0    \
	store(k, DST)

#define RELU \
	MOVQ   dst+0(FP), DST   \
	MOVQ   x+8(FP), SRC     \
	MOVQ   n+16(FP), N      \
	LIMITS                  \
	VXORPS X5, X5, X5       \
	EACH(RELU1, RELU1(LOADT, STORET, 0))

// ---- ReLUGrad --------------------------------------------------------------
//
// func reluGrad(dx, dy, x *T, rows, cols, dxStride, dyStride, xStride int)
// Requires: AVX2; or AVX512F
//
// dx(i,j) = dy(i,j) if x(i,j) > 0, else +0. DST is dx, SRC dy, AUX x. Strides are in elements.

#define AUXSTRIDE R14 /* bytes */
#define NEXTX ADDQ AUXSTRIDE, AUX

#define RELUGRAD1(load, store, k) \
	load(k, AUX, V1)    \
	load(k, SRC, V0)    \
	GATE(V1, V0)        \
	store(k, DST)

#define RELUGRAD \
	MOVQ   dx+0(FP), DST    \
	MOVQ   dy+8(FP), SRC    \
	MOVQ   x+16(FP), AUX    \
	MOVQ   rows+24(FP), ROWS \
	MOVQ   cols+32(FP), N   \
	MOVQ   dxStride+40(FP), DSTSTRIDE \
	MOVQ   dyStride+48(FP), SRCSTRIDE \
	MOVQ   xStride+56(FP), AUXSTRIDE  \
	IMULQ  $SIZE, AUXSTRIDE \
	VXORPS X5, X5, X5       \
	ALLROWS(RELUGRAD1, NEXTX)

// ---- AddBias, BiasReLU -----------------------------------------------------
//
// func addBias(dst, x, bias *T, rows, cols, dstStride, xStride int)
// func biasReLU(dst, x, bias *T, rows, cols, dstStride, xStride int)
// Requires: AVX2; or AVX512F
//
// dst(i,j) = x(i,j) + bias(j), and its ReLU. Strides are in elements.

#define ADDBIAS1(load, store, k) \
	load(k, SRC, V0)    \
	load(k, AUX, V1)    \
	ADD V1, V0, V0      \
	store(k, DST)

#define BIASRELU1(load, store, k) \
	load(k, SRC, V0)    \
	load(k, AUX, V1)    \
	ADD V1, V0, V0      \
	MAX V0, ZERO, V0    \
	store(k, DST)

#define SAMEBIAS
#define EACHBIAS(KERNEL) \
	MOVQ  dst+0(FP), DST             \
	MOVQ  x+8(FP), SRC               \
	MOVQ  bias+16(FP), AUX           \
	MOVQ  rows+24(FP), ROWS          \
	MOVQ  cols+32(FP), N             \
	MOVQ  dstStride+40(FP), DSTSTRIDE \
	MOVQ  xStride+48(FP), SRCSTRIDE  \
	ALLROWS(KERNEL, SAMEBIAS)

#define ADDBIAS EACHBIAS(ADDBIAS1)

#define BIASRELU \
	VXORPS X5, X5, X5   \
	EACHBIAS(BIASRELU1)

// ---- Scale, Axpby ----------------------------------------------------------
//
// func scale(alpha T, x, y *T, n int)
// func axpby(alpha T, x *T, beta T, y *T, n int)
// Requires: AVX2, FMA3; or AVX512F
//
// y = α·x, and y = fma(α, x, β·y). SRC is x, DST y.

#define ALPHA V2
#define BETA V3

#define SCALE1(load, store, k) \
	load(k, SRC, V0)    \
	MUL V0, ALPHA, V0   \
	store(k, DST)

#define SCALEX \
	BROADCAST alpha+0(FP), ALPHA \
	MOVQ      x+8(FP), SRC       \
	MOVQ      y+16(FP), DST      \
	MOVQ      n+24(FP), N        \
	LIMITS                       \
	EACH(SCALE1, SCALE1(LOADT, STORET, 0))

#define AXPBY1(load, store, k) \
	load(k, SRC, V1)           \
	load(k, DST, V0)           \
	MUL   V0, BETA, V0         \
	FMADD V1, ALPHA, V0        \
	store(k, DST)

#define AXPBY \
	BROADCAST alpha+0(FP), ALPHA \
	MOVQ      x+8(FP), SRC       \
	BROADCAST beta+16(FP), BETA  \
	MOVQ      y+24(FP), DST      \
	MOVQ      n+32(FP), N        \
	LIMITS                       \
	EACH(AXPBY1, AXPBY1(LOADT, STORET, 0))

// ---- SubMean ---------------------------------------------------------------
//
// func subMean(dst *T, src *uint8, mean *T, n int)
// Requires: AVX2; or AVX512F
//
// dst = float(src) − mean. AUX is mean. The tail is scalar, because images have no tail.

#define SUBMEAN1(load, store, k) \
	BYTESTOFLOAT(k)     \
	load(k, AUX, V1)    \
	SUB V1, V0, V0      \
	store(k, DST)

#define SUBMEANTAIL \
	MOVBLZX    (SRC)(I*1), TMP        \
	INTTOFLOAT TMP, X0, X0            \
	SUBS       (AUX)(I*SIZE), X0, X0  \
	MOVS       X0, (DST)(I*SIZE)      \
	INCQ       I                      \
	JMP        tail

#define SUBMEAN \
	MOVQ dst+0(FP), DST     \
	MOVQ src+8(FP), SRC     \
	MOVQ mean+16(FP), AUX   \
	MOVQ n+24(FP), N        \
	LIMITS                  \
	EACH(SUBMEAN1, SUBMEANTAIL)

// ---- SumSquares ------------------------------------------------------------
//
// func sumSquares(x *T, n int) T
// Requires: AVX2, FMA3; or AVX512F, AVX512DQ (VXORPS)
//
// L lanes of partial sums fill 256 bytes. Lane l sums x[l]², x[l+L]², … with
// lane = fma(x, x, lane). Then the upper half of the lanes is added to the lower half
// until one lane is left. V4… hold the lanes, and LIMIT4 = N − L.

#define CLEARLANES(k, v, part, next) VXORPS v, v, v

#define SQUARE(k, v, part, next) \
	LOAD(k, SRC, V0)    \
	FMADD V0, V0, v

// SQUAREREST adds one vector of the last elements, fewer than L. It adds a whole vector
// and jumps to next, or adds the tail and jumps to fold.
#define SQUAREREST(k, v, part, next) \
	CMPQ  I, LIMIT      \
	JGT   part          \
	LOAD(0, SRC, V0)    \
	FMADD V0, V0, v     \
	ADDQ  $LANES, I     \
	JMP   next          \
part: \
	CMPQ  I, N          \
	JGE   fold          \
	LOADT(0, SRC, V0)   \
	FMADD V0, V0, v     \
	JMP   fold          \
next:

#define SUMSQUARES \
	MOVQ x+0(FP), SRC              \
	MOVQ n+8(FP), N                \
	LIMITS                         \
	LEAQ -(256/SIZE)(N), LIMIT4    \
	LANEVECTORS(CLEARLANES)        \
	XORL I, I                      \
block: \
	CMPQ I, LIMIT4                 \
	JGT  rest                      \
	LANEVECTORS(SQUARE)            \
	ADDQ $(256/SIZE), I            \
	JMP  block                     \
rest: \
	LANEVECTORS(SQUAREREST)        \
fold: \
	FOLDLANES

// ---- AddSquares ------------------------------------------------------------
//
// func addSquares(dst, x *T, n, turns int)
// Requires: AVX2, FMA3; or AVX512F
//
// dst = fma(x, x, dst) for n elements of dst, repeated for each of the turns of n elements of x.
// Four vectors of dst stay in registers for all turns. TURN points into x, SRCSTRIDE is the size
// of a turn in bytes, ROWS is the number of turns, and TMP counts the turns left.

#define TURN R14

#define EACHTURN(again, BODY) \
	MOVQ SRC, TURN          \
	MOVQ ROWS, TMP          \
again: \
	BODY                    \
	ADDQ SRCSTRIDE, TURN    \
	DECQ TMP                \
	JNZ  again

#define FOURSQUARES \
	LOAD(0, TURN, V4); LOAD(1, TURN, V5) \
	LOAD(2, TURN, V6); LOAD(3, TURN, V7) \
	FMADD V4, V4, V0        \
	FMADD V5, V5, V1        \
	FMADD V6, V6, V2        \
	FMADD V7, V7, V3
#define ONESQUARE LOAD(0, TURN, V4); FMADD V4, V4, V0
#define TAILSQUARE LOADT(0, TURN, V4); FMADD V4, V4, V0

#define ADDSQUARES \
	MOVQ  dst+0(FP), DST    \
	MOVQ  x+8(FP), SRC      \
	MOVQ  n+16(FP), N       \
	MOVQ  turns+24(FP), ROWS \
	MOVQ  N, SRCSTRIDE      \
	IMULQ $SIZE, SRCSTRIDE  \
	LIMITS                  \
	XORL  I, I              \
block: \
	CMPQ I, LIMIT4          \
	JGT  vector             \
	LOAD(0, DST, V0); LOAD(1, DST, V1) \
	LOAD(2, DST, V2); LOAD(3, DST, V3) \
	EACHTURN(turn4, FOURSQUARES) \
	MOVU V0, (DST)(I*SIZE)  \
	MOVU V1, VB(DST)(I*SIZE) \
	MOVU V2, (2*VB)(DST)(I*SIZE) \
	MOVU V3, (3*VB)(DST)(I*SIZE) \
	ADDQ $(4*LANES), I      \
	JMP  block              \
vector: \
	CMPQ I, LIMIT           \
	JGT  tail               \
	LOAD(0, DST, V0)        \
	EACHTURN(turn1, ONESQUARE) \
	STORE(0, DST)           \
	ADDQ $LANES, I          \
	JMP  vector             \
tail: \
	CMPQ I, N               \
	JGE  done               \
	LOADT(0, DST, V0)       \
	EACHTURN(turnt, TAILSQUARE) \
	STORET(0, DST)          \
done:

// ---- ColSums ---------------------------------------------------------------
//
// func colSums(dst, x *T, rows, cols, stride int)
// Requires: AVX2; or AVX512F
//
// dst(j) = Σ x(i,j), from zero and in ascending i. rows must be at least 1. A pass goes
// down the rows with up to four vectors of columns in V0…V3. SRC and DST advance with the
// columns, N counts the columns left, and COL points into the current row. If fewer than
// four vectors are left, V0 holds the last vector, with 1…LANES columns.

#define COL R9

#define DOWN(loop, full) \
loop: \
	full                    \
	LOADT(0, COL, V4)       \
	ADD  V4, V0, V0         \
	ADDQ SRCSTRIDE, COL     \
	DECQ ROWS               \
	JNZ  loop

#define ADDCOL(k, v) ADD (k*VB)(COL), v, v

#define DOWN0
#define DOWN1 ADDCOL(0, V1)
#define DOWN2 \
	DOWN1               \
	ADDCOL(1, V2)
#define DOWN3 \
	DOWN2               \
	ADDCOL(2, V3)

#define COLSUMS \
	MOVQ   dst+0(FP), DST          \
	MOVQ   x+8(FP), SRC            \
	MOVQ   cols+24(FP), N          \
	MOVQ   stride+32(FP), SRCSTRIDE \
	IMULQ  $SIZE, SRCSTRIDE        \
block: \
	TESTQ  N, N                    \
	JZ     done                    \
	MOVQ   rows+16(FP), ROWS       \
	MOVQ   SRC, COL                \
	VXORPS X0, X0, X0              \
	VXORPS X1, X1, X1              \
	VXORPS X2, X2, X2              \
	VXORPS X3, X3, X3              \
	CMPQ   N, $(4*LANES)           \
	JLT    last                    \
down: \
	ADDCOL(0, V0)                  \
	ADDCOL(1, V1)                  \
	ADDCOL(2, V2)                  \
	ADDCOL(3, V3)                  \
	ADDQ   SRCSTRIDE, COL          \
	DECQ   ROWS                    \
	JNZ    down                    \
	MOVU   V0, (0*VB)(DST)         \
	MOVU   V1, (1*VB)(DST)         \
	MOVU   V2, (2*VB)(DST)         \
	MOVU   V3, (3*VB)(DST)         \
	ADDQ   $(4*VB), SRC            \
	ADDQ   $(4*VB), DST            \
	SUBQ   $(4*LANES), N           \
	JMP    block                   \
last: \
	LEAQ   -1(N), REST             \
	ANDQ   $(LANES-1), REST        \
	INCQ   REST                    \
	SETMASK                        \
	MOVQ   N, I                    \
	SUBQ   REST, I /* columns before the last vector */ \
	CMPQ   N, $(3*LANES)           \
	JGT    down3                   \
	CMPQ   N, $(2*LANES)           \
	JGT    down2                   \
	CMPQ   N, $LANES               \
	JGT    down1                   \
	DOWN(down0, DOWN0)             \
	JMP    store                   \
	DOWN(down1, DOWN1)             \
	JMP    store1                  \
	DOWN(down2, DOWN2)             \
	JMP    store2                  \
	DOWN(down3, DOWN3)             \
	MOVU   V3, (2*VB)(DST)         \
store2: \
	MOVU   V2, (1*VB)(DST)         \
store1: \
	MOVU   V1, (0*VB)(DST)         \
store: \
	CMPQ   REST, $LANES            \
	JEQ    whole                   \
	STORET(0, DST)                 \
	JMP    done                    \
whole: \
	MOVU   V0, (DST)(I*SIZE)       \
done:

// ---- exp -------------------------------------------------------------------
//
// func exp(dst, x *T, n int)
// Requires: AVX2, FMA3; or AVX512F
//
// dst = eˣ for x ≤ 0. Let n be the integer nearest to x·log₂e, and r = x − n·ln 2. The
// product is subtracted in two parts, so that only the second subtraction rounds. Then
//
//	eˣ = 2ⁿ·(1 + r·(1 + r·q(r))),  |r| ≤ ½·ln 2,
//
// where q is the minimax polynomial of (eʳ − 1 − r)/r² of degree 4, or 9 for
// float64, found by the Remez algorithm. The error is below 0.9 ulp, also for denormal
// results: at worst 0.893 over every float32, 0.879 over 5 million float64. e⁰ is 1, −Inf
// gives 0, NaN stays NaN.
//
// The addition of MAGIC, which is 1.5·2ᵖ⁻¹ for p bits of significand, rounds x·log₂e
// and leaves n in the low bits. Below LOWEST the result is always 0.

#define LOW V9 /* LOWEST */

// EXP: V0 = exp(V0). V1 to V3 are scratch.
#define EXP \
	MAX    V0, LOW, V0 /* NaN stays: it is MAX's last source */ \
	MOVU   CONST(MAGIC), V1                   \
	FMADD  CONST(LOG2E), V0, V1               \
	SUB    CONST(MAGIC), V1, V2 /* n */       \
	FNMADD CONST(LN2HI), V2, V0               \
	FNMADD CONST(LN2LO), V2, V0 /* r */       \
	POLYNOMIAL(V0, V3)          /* q(r) */    \
	HORNER CONST(ONE), V0, V3                 \
	HORNER CONST(ONE), V3, V0                 \
	SCALE

#define EXP1(load, store, k) \
	load(k, SRC, V0)    \
	EXP                 \
	store(k, DST)

#define EXPX \
	MOVQ dst+0(FP), DST     \
	MOVQ x+8(FP), SRC       \
	MOVQ n+16(FP), N        \
	LIMITS                  \
	MOVU CONST(LOWEST), LOW \
	EACH(EXP1, EXP1(LOADT, STORET, 0))

// ---- SoftmaxLoss -----------------------------------------------------------
//
// func softmaxRows(dx, x *T, rows, cols, dxStride, xStride int, y *int, n T, sum, shifted *T)
// Requires: AVX2, FMA3; or AVX512F
//
// For each row, with label y and e = exp(x − max x):
//
//	sum = Σ e,  shifted = x(y) − max x,  dx = (e/sum − onehot(y))/n
//
// L lanes of partial sums fill 32 bytes. Lane l sums e(l), e(l+L), …. Then the upper half
// of the lanes is added to the lower half until one lane is left. If a row contains NaN or
// +Inf, or only −Inf, then some e is NaN, and so are sum and dx. MAX may lose a NaN, but
// the sum keeps it.
//
// rows and cols must be at least 1. A row takes three passes: the maximum (TOP), e and its
// sum (V6), and the quotient. Between the last two passes, e is in dx. The tail of e stays in
// a register (LAST), because a load right after a store of part of a vector would stall.
// AUX points into y, TMP into sum, and SHIFTED into shifted.

#define SHIFTED R9
#define TOP V7
#define COUNT V8
#define LAST V10
#define LABEL V5 /* label − I, as integers */

// QUOTIENT: V0 = (V0/Σ − onehot)/n. LABEL advances to the next vector.
#define QUOTIENT \
	DIV    V6, V0, V0                 \
	SUBONEHOT(V0)                     \
	DIV    COUNT, V0, V0              \
	INTSUB CONST(STEP), LABEL, LABEL

#define SOFTMAXROWS \
	MOVQ      dx+0(FP), DST           \
	MOVQ      x+8(FP), SRC            \
	MOVQ      rows+16(FP), ROWS       \
	MOVQ      cols+24(FP), N          \
	MOVQ      dxStride+32(FP), DSTSTRIDE \
	MOVQ      xStride+40(FP), SRCSTRIDE \
	MOVQ      y+48(FP), AUX           \
	BROADCAST n+56(FP), COUNT         \
	IMULQ     $SIZE, DSTSTRIDE        \
	IMULQ     $SIZE, SRCSTRIDE        \
	LIMITS                            \
	MOVQ      sum+64(FP), TMP         \
	MOVQ      shifted+72(FP), SHIFTED \
	MOVU      CONST(LOWEST), LOW      \
row: \
	BROADCAST (SRC), TOP              \
	XORL      I, I                    \
max: \
	CMPQ      I, LIMIT                \
	JGT       maxtail                 \
	MAX       (SRC)(I*SIZE), TOP, TOP \
	ADDQ      $LANES, I               \
	JMP       max                     \
maxtail: \
	CMPQ      I, N                    \
	JGE       maxdone                 \
	LOADTOR(SRC, TOP, V0)             \
	MAX       V0, TOP, TOP            \
maxdone: \
	HALVE(MAX, Z7, Y7)                \
	FOLD(MAX, Y7, X7)                 \
	MOVQ      (AUX), I                \
	MOVS      (SRC)(I*SIZE), X0       \
	SUBS      X7, X0, X0              \
	MOVS      X0, (SHIFTED)           \
	BROADCAST X7, TOP                 \
	VXORPS    X6, X6, X6              \
	XORL      I, I                    \
exp: \
	CMPQ      I, LIMIT                \
	JGT       exptail                 \
	LOAD(0, SRC, V0)                  \
	SUB       TOP, V0, V0             \
	EXP                               \
	STORE(0, DST)                     \
	ADDLANES                          \
	ADDQ      $LANES, I               \
	JMP       exp                     \
exptail: \
	CMPQ      I, N                    \
	JGE       expdone                 \
	LOADTOR(SRC, TOP, V0)             \
	SUB       TOP, V0, V0             \
	EXP                               \
	CLEARREST(V0)                     \
	ADDLANES                          \
	MOVU      V0, LAST                \
expdone: \
	FOLD(ADD, Y6, X6)                 \
	MOVS      X6, (TMP)               \
	BROADCAST X6, V6                  \
	BROADCASTINT (AUX), LABEL         \
	XORL      I, I                    \
quotient: \
	CMPQ      I, LIMIT                \
	JGT       quotienttail            \
	LOAD(0, DST, V0)                  \
	QUOTIENT                          \
	STORE(0, DST)                     \
	ADDQ      $LANES, I               \
	JMP       quotient                \
quotienttail: \
	CMPQ      I, N                    \
	JGE       next                    \
	MOVU      LAST, V0                \
	QUOTIENT                          \
	STORET(0, DST)                    \
next: \
	ADDQ      DSTSTRIDE, DST          \
	ADDQ      SRCSTRIDE, SRC          \
	ADDQ      $8, AUX                 \
	ADDQ      $SIZE, TMP              \
	ADDQ      $SIZE, SHIFTED          \
	DECQ      ROWS                    \
	JNZ       row
