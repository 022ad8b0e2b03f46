//go:build !purego

// From 8-bit images to the scalars of a product: float(pixel) − mean, in the order in which
// a micro-kernel reads them. kernels.Micro says what each computes. One text serves both
// instruction sets: what counts is how the results are stored.

#include "textflag.h"

// ---- PackImages -------------------------------------------------------------
//
// Requires: AVX2
//
// dst(p, i) = float(images[i][p]) − mean(p): a transposition, four pixels at a time
// of four or two images.
//
//	DI  dst, from the row of the first of the images   BX  bytes of a row of dst
//	R13 dst at pixel AX                                R12 three times that
//	SI  the list of images   R14 images left           DX  mean
//	R8…R11 the images        AX  pixel, below CX = k

#define BEGIN(log) \
	MOVQ dst_base+0(FP), DI;     \
	MOVQ images_base+24(FP), SI; \
	MOVQ images_len+32(FP), R14; \
	MOVQ mean_base+48(FP), DX;   \
	MOVQ k+72(FP), CX;           \
	MOVQ R14, BX;                \
	SHLQ $log, BX;               \
	LEAQ (BX)(BX*2), R12

#define IMAGE(i, r) MOVQ (8*i)(SI), r

#define FLOAT(image, x) \
	VPMOVZXBD (image)(AX*1), x; \
	VCVTDQ2PS x, x;             \
	VSUBPS    X8, x, x

// func packImagesF32(dst []float32, images []*uint8, mean []float32, k int)
TEXT ·packImagesF32(SB), NOSPLIT, $0-80
	BEGIN(2)

four:
	CMPQ R14, $4
	JLT  two
	IMAGE(0, R8)
	IMAGE(1, R9)
	IMAGE(2, R10)
	IMAGE(3, R11)
	MOVQ DI, R13
	XORL AX, AX

fours:
	VMOVUPS   (DX)(AX*4), X8
	FLOAT(R8, X0)
	FLOAT(R9, X1)
	FLOAT(R10, X2)
	FLOAT(R11, X3)
	VUNPCKLPS X1, X0, X4
	VUNPCKHPS X1, X0, X5
	VUNPCKLPS X3, X2, X6
	VUNPCKHPS X3, X2, X7
	VUNPCKLPD X6, X4, X0
	VUNPCKHPD X6, X4, X1
	VUNPCKLPD X7, X5, X2
	VUNPCKHPD X7, X5, X3
	VMOVUPS   X0, (R13)
	VMOVUPS   X1, (R13)(BX*1)
	VMOVUPS   X2, (R13)(BX*2)
	VMOVUPS   X3, (R13)(R12*1)
	LEAQ      (R13)(BX*4), R13
	ADDQ      $4, AX
	CMPQ      AX, CX
	JLT       fours
	ADDQ      $16, DI
	ADDQ      $32, SI
	SUBQ      $4, R14
	JMP       four

two:
	TESTQ R14, R14
	JZ    done
	IMAGE(0, R8)
	IMAGE(1, R9)
	XORL  AX, AX

twos:
	VMOVUPS   (DX)(AX*4), X8
	FLOAT(R8, X0)
	FLOAT(R9, X1)
	VUNPCKLPS X1, X0, X4
	VUNPCKHPS X1, X0, X5
	VMOVLPS   X4, (DI)
	VMOVHPS   X4, (DI)(BX*1)
	VMOVLPS   X5, (DI)(BX*2)
	VMOVHPS   X5, (DI)(R12*1)
	LEAQ      (DI)(BX*4), DI
	ADDQ      $4, AX
	CMPQ      AX, CX
	JLT       twos

done:
	RET

#undef FLOAT
#define FLOAT(image, x, y) \
	VPMOVZXBD (image)(AX*1), x; \
	VCVTDQ2PD x, y;             \
	VSUBPD    Y8, y, y

// func packImagesF64(dst []float64, images []*uint8, mean []float64, k int)
TEXT ·packImagesF64(SB), NOSPLIT, $0-80
	BEGIN(3)

two:
	TESTQ R14, R14
	JZ    done
	IMAGE(0, R8)
	IMAGE(1, R9)
	MOVQ  DI, R13
	XORL  AX, AX

twos:
	VMOVUPD      (DX)(AX*8), Y8
	FLOAT(R8, X0, Y0)
	FLOAT(R9, X1, Y1)
	VUNPCKLPD    Y1, Y0, Y2
	VUNPCKHPD    Y1, Y0, Y3
	VMOVUPD      X2, (R13)
	VMOVUPD      X3, (R13)(BX*1)
	VEXTRACTF128 $1, Y2, (R13)(BX*2)
	VEXTRACTF128 $1, Y3, (R13)(R12*1)
	LEAQ         (R13)(BX*4), R13
	ADDQ         $4, AX
	CMPQ         AX, CX
	JLT          twos
	ADDQ         $16, DI
	ADDQ         $16, SI
	SUBQ         $2, R14
	JMP          two

done:
	VZEROUPPER
	RET

#undef FLOAT
#undef IMAGE
#undef BEGIN
