//go:build !purego

// Conversions of 8-bit images to the scalars or the vectors of a product. They store
// float(pixel) − mean in the order in which a micro-kernel reads the values. The comments in
// blocked.Micro define the results. The AVX2 conversions come first, then those for AVX-512.

#include "textflag.h"

// ---- PackImages -------------------------------------------------------------
//
// Requires: AVX2
//
// dst(p, i) = float(images[i][p]) − mean(p). This is a transposition. Each step converts four
// pixels of four or two images.
//
//	DI  dst, at the column of the first image          BX  bytes of a row of dst
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

// ---- PackImages of 14 images ------------------------------------------------
//
// Requires: AVX512F, AVX512BW (VPSHUFB), AVX512DQ (VEXTRACTI32X8)
//
// dst(p, i) = float(images[i][p]) − mean(p), 16 pixels at a time. Registers that hold four images
// each are transposed in units of four pixels, then each byte becomes an element. In float32, rows
// are joined into whole cache lines. In float64, a store writes more than 14 elements, and the
// next row overwrites the excess.
//
//	DI  dst at pixel AX    SI  the list of images    DX  mean at pixel AX
//	AX  pixel, below CX = k                          R8…R11 images
//	Z24…Z27 bytes 0…3 of each image                  Z8…Z11 four pixels of each image

DATA pixelBytes<>+0(SB)/8, $0x8080800480808000
DATA pixelBytes<>+8(SB)/8, $0x8080800c80808008
DATA pixelBytes<>+16(SB)/8, $0x8080800580808001
DATA pixelBytes<>+24(SB)/8, $0x8080800d80808009
DATA pixelBytes<>+32(SB)/8, $0x8080800680808002
DATA pixelBytes<>+40(SB)/8, $0x8080800e8080800a
DATA pixelBytes<>+48(SB)/8, $0x8080800780808003
DATA pixelBytes<>+56(SB)/8, $0x8080800f8080800b
GLOBL pixelBytes<>(SB), RODATA|NOPTR, $64

DATA places<>+0(SB)/8, $0x0706050403020100
DATA places<>+8(SB)/8, $0x0f0e0d0c0b0a0908
GLOBL places<>(SB), RODATA|NOPTR, $16

#define BEGIN14 \
	MOVQ dst_base+0(FP), DI;     \
	MOVQ images_base+24(FP), SI; \
	MOVQ mean_base+48(FP), DX;   \
	MOVQ k+72(FP), CX;           \
	XORL AX, AX;                 \
	VBROADCASTI32X4 pixelBytes<>+0(SB), Z24;  \
	VBROADCASTI32X4 pixelBytes<>+16(SB), Z25; \
	VBROADCASTI32X4 pixelBytes<>+32(SB), Z26; \
	VBROADCASTI32X4 pixelBytes<>+48(SB), Z27

// Images i, i+4 and i+8 of 14.
#define THREE(i, x, z) \
	MOVQ         (8*i)(SI), R8;             \
	MOVQ         (8*i+32)(SI), R9;          \
	MOVQ         (8*i+64)(SI), R10;         \
	VMOVDQU      (R8)(AX*1), x;             \
	VINSERTI32X4 $1, (R9)(AX*1), z, z;      \
	VINSERTI32X4 $2, (R10)(AX*1), z, z
#define FOUR(i, x, z) \
	THREE(i, x, z);             \
	MOVQ         (8*i+96)(SI), R11;    \
	VINSERTI32X4 $3, (R11)(AX*1), z, z

// BYFOURS transposes Z0…Z3, which hold 16 pixels of every fourth image. Afterwards Z8 holds pixels
// 0…3 of each image, Z9 pixels 4…7, Z10 pixels 8…11 and Z11 pixels 12…15.
#define BYFOURS \
	VUNPCKLPS Z1, Z0, Z4;  VUNPCKHPS Z1, Z0, Z5;  \
	VUNPCKLPS Z3, Z2, Z6;  VUNPCKHPS Z3, Z2, Z7;  \
	VUNPCKLPD Z6, Z4, Z8;  VUNPCKHPD Z6, Z4, Z9;  \
	VUNPCKLPD Z7, Z5, Z10; VUNPCKHPD Z7, Z5, Z11

#define PIXELS16 \
	FOUR(0, X0, Z0);  \
	FOUR(1, X1, Z1);  \
	THREE(2, X2, Z2); \
	THREE(3, X3, Z3); \
	BYFOURS

#define PIXEL(p, byte, z, v) \
	VPSHUFB     byte, z, v;         \
	VCVTDQ2PS   v, v;               \
	VSUBPS.BCST (4*(p))(DX), v, v

// Eight rows of 14 elements fill seven cache lines. Line j holds elements 2j… of row j, then the
// first elements of row j+1. Z16+j holds the indices of these elements in the two rows.
#define PLACES(j, z) \
	MOVL      $(0xffff<<(14-2*j)), R8;        \
	KMOVW     R8, K1;                         \
	VPADDD    Z14, Z15, z;                    \
	VPADDD    Z14, Z28, Z14;                  \
	VPADDD    Z28, z, K1, z

#define LINE(j, places, v, w) \
	VPERMT2PS w, places, v;     \
	VMOVUPS   v, (64*(j))(DI)

#define PIXELS8(p, l, z, y) \
	PIXEL(p, Z24, z, Z12);   PIXEL(p+1, Z25, z, Z13); LINE(l, Z16, Z12, Z13);   \
	PIXEL(p+2, Z26, z, Z12);                          LINE(l+1, Z17, Z13, Z12); \
	PIXEL(p+3, Z27, z, Z13);                          LINE(l+2, Z18, Z12, Z13); \
	PIXEL(p+4, Z24, y, Z12);                          LINE(l+3, Z19, Z13, Z12); \
	PIXEL(p+5, Z25, y, Z13);                          LINE(l+4, Z20, Z12, Z13); \
	PIXEL(p+6, Z26, y, Z12);                          LINE(l+5, Z21, Z13, Z12); \
	PIXEL(p+7, Z27, y, Z13);                          LINE(l+6, Z22, Z12, Z13)

// func avx512PackImagesF32(dst []float32, images []*uint8, mean []float32, k int)
TEXT ·avx512PackImagesF32(SB), NOSPLIT, $0-80
	BEGIN14
	VPMOVZXBD    places<>(SB), Z15
	MOVL         $2, R8
	VPBROADCASTD R8, Z28
	VPXORQ       Z14, Z14, Z14
	PLACES(0, Z16)
	PLACES(1, Z17)
	PLACES(2, Z18)
	PLACES(3, Z19)
	PLACES(4, Z20)
	PLACES(5, Z21)
	PLACES(6, Z22)

next:
	PIXELS16
	PIXELS8(0, 0, Z8, Z9)
	PIXELS8(8, 7, Z10, Z11)
	ADDQ $(4*14*16), DI
	ADDQ $(4*16), DX
	ADDQ $16, AX
	CMPQ AX, CX
	JLT  next
	VZEROUPPER
	RET

#undef PIXEL
#undef PIXELS8
#undef PLACES
#undef LINE
#define PIXELS4(p, z) PIXEL(p, Z24, z); PIXEL(p+1, Z25, z); PIXEL(p+2, Z26, z); PIXEL(p+3, Z27, z)

#define PIXEL(p, byte, z) \
	VPSHUFB       byte, z, Z12;           \
	VEXTRACTI32X8 $1, Z12, Y13;           \
	VCVTDQ2PD     Y12, Z12;               \
	VCVTDQ2PD     Y13, Z13;               \
	VSUBPD.BCST   (8*(p))(DX), Z12, Z12;  \
	VSUBPD.BCST   (8*(p))(DX), Z13, Z13;  \
	VMOVUPD       Z12, (8*14*(p))(DI);    \
	VMOVUPD       Z13, (8*14*(p)+64)(DI)

// func avx512PackImagesF64(dst []float64, images []*uint8, mean []float64, k int)
TEXT ·avx512PackImagesF64(SB), NOSPLIT, $0-80
	BEGIN14

next:
	PIXELS16
	PIXELS4(0, Z8)
	PIXELS4(4, Z9)
	PIXELS4(8, Z10)
	PIXELS4(12, Z11)
	ADDQ $(8*14*16), DI
	ADDQ $(8*16), DX
	ADDQ $16, AX
	CMPQ AX, CX
	JLT  next
	VZEROUPPER
	RET

#undef PIXEL
#undef PIXELS4
#undef PIXELS16
#undef THREE
#undef FOUR
#undef BEGIN14

// ---- PackImageLanes ---------------------------------------------------------
//
// Requires: AVX512F, AVX512BW (VPSHUFB), AVX512DQ (VEXTRACTI32X8)
//
// dst(p, i) = float(byte p of image i) − mean(p) for 16 images, whose tiles of 64 bytes lie end to
// end. The method is that of PackImages of 14 images, but with whole vectors. The rows of dst are
// 128 bytes apart.
//
//	DI  dst at pixel p     SI  the bytes at pixel p     DX  mean at pixel p
//	AX  groups of 16 pixels left of the tile            CX  tiles left
//	BX  stride of the tiles minus 64, in bytes          Z24…Z26 bytes 0, 1 and 2 of each four

#define BEGINLANES \
	SUBQ $64, BX;                \
	VPTERNLOGD $0xff, Z24, Z24, Z24;          \
	VPSRLD     $24, Z24, Z24;                 \
	VBROADCASTI32X4 pixelBytes<>+16(SB), Z25; \
	VBROADCASTI32X4 pixelBytes<>+32(SB), Z26

// Half of the bytes are extracted without a shuffle, because some CPUs have only one port for
// shuffles.
#define PIXELS4(p, z) \
	VPANDD  Z24, z, Z12;   PIXEL(p);   \
	VPSHUFB Z25, z, Z12;   PIXEL(p+1); \
	VPSHUFB Z26, z, Z12;   PIXEL(p+2); \
	VPSRLD  $24, z, Z12;   PIXEL(p+3)

#define FOUR(i, x, z) \
	VMOVDQU      (64*i)(SI), x;             \
	VINSERTI32X4 $1, (64*(i+4))(SI), z, z;  \
	VINSERTI32X4 $2, (64*(i+8))(SI), z, z;  \
	VINSERTI32X4 $3, (64*(i+12))(SI), z, z

#define PIXELS16 \
	FOUR(0, X0, Z0); \
	FOUR(1, X1, Z1); \
	FOUR(2, X2, Z2); \
	FOUR(3, X3, Z3); \
	BYFOURS; \
	PIXELS4(0, Z8); PIXELS4(4, Z9); PIXELS4(8, Z10); PIXELS4(12, Z11)

#define LANESLOOP(log) \
tile: \
	MOVQ $4, AX;            \
next: \
	PIXELS16;               \
	ADDQ $16, SI;           \
	ADDQ $(16<<log), DX;    \
	ADDQ $(16*128), DI;     \
	DECQ AX;                \
	JNZ  next;              \
	ADDQ BX, SI;            \
	DECQ CX;                \
	JNZ  tile;              \
	VZEROUPPER;             \
	RET

#define PIXEL(p) \
	VCVTDQ2PS   Z12, Z12;                 \
	VSUBPS.BCST (4*(p))(DX), Z12, Z12;    \
	VMOVUPS     Z12, (128*(p))(DI)

// func avx512PackImageLanesF32(dst []float32, src []uint8, mean []float32, tiles, stride int)
TEXT ·avx512PackImageLanesF32(SB), NOSPLIT, $0-88
	MOVQ dst_base+0(FP), DI
	MOVQ src_base+24(FP), SI
	MOVQ mean_base+48(FP), DX
	MOVQ tiles+72(FP), CX
	MOVQ stride+80(FP), BX
	BEGINLANES
	LANESLOOP(2)

#undef PIXEL
#define PIXEL(p) \
	VEXTRACTI32X8 $1, Z12, Y13;           \
	VCVTDQ2PD     Y12, Z12;               \
	VCVTDQ2PD     Y13, Z13;               \
	VSUBPD.BCST   (8*(p))(DX), Z12, Z12;  \
	VSUBPD.BCST   (8*(p))(DX), Z13, Z13;  \
	VMOVUPD       Z12, (128*(p))(DI);     \
	VMOVUPD       Z13, (128*(p)+64)(DI)

// func avx512PackImageLanesF64(dst []float64, src []uint8, mean []float64, tiles, stride int)
TEXT ·avx512PackImageLanesF64(SB), NOSPLIT, $0-88
	MOVQ dst_base+0(FP), DI
	MOVQ src_base+24(FP), SI
	MOVQ mean_base+48(FP), DX
	MOVQ tiles+72(FP), CX
	MOVQ stride+80(FP), BX
	BEGINLANES
	LANESLOOP(3)

#undef PIXEL
#undef PIXELS4
#undef PIXELS16
#undef FOUR
#undef BEGINLANES
#undef BYFOURS
#undef LANESLOOP

// ---- PackPixelLanes ---------------------------------------------------------
//
// Requires: AVX512F
//
// dst(i, p) = float(byte p of image i) − mean(p) for two vectors of pixels, one image at a time.
//
//	DI  row of dst   SI  bytes of the image   CX  images left   Z0, Z1  mean

#define IMAGELOOP \
	VMOVUPS (DX), Z0;          \
	VMOVUPS 64(DX), Z1;        \
	SUBQ $4, CX;               \
	JLT  few;                  \
four: \
	IMAGE(0);                  \
	IMAGE(1);                  \
	IMAGE(2);                  \
	IMAGE(3);                  \
	ADDQ $(4*64), SI;          \
	ADDQ $(4*128), DI;         \
	SUBQ $4, CX;               \
	JGE  four;                 \
few: \
	ADDQ $4, CX;               \
	JZ   done;                 \
one: \
	IMAGE(0);                  \
	ADDQ $64, SI;              \
	ADDQ $128, DI;             \
	DECQ CX;                   \
	JNZ  one;                  \
done: \
	VZEROUPPER;                \
	RET

#define IMAGE(i) \
	VPMOVZXBD (64*i)(SI), Z2;    \
	VPMOVZXBD (64*i+16)(SI), Z3; \
	VCVTDQ2PS Z2, Z2;            \
	VCVTDQ2PS Z3, Z3;            \
	VSUBPS    Z0, Z2, Z2;        \
	VSUBPS    Z1, Z3, Z3;        \
	VMOVUPS   Z2, (128*i)(DI);   \
	VMOVUPS   Z3, (128*i+64)(DI)

// func avx512PackPixelLanesF32(dst []float32, src []uint8, mean []float32, images int)
TEXT ·avx512PackPixelLanesF32(SB), NOSPLIT, $0-80
	MOVQ dst_base+0(FP), DI
	MOVQ src_base+24(FP), SI
	MOVQ mean_base+48(FP), DX
	MOVQ images+72(FP), CX
	IMAGELOOP

#undef IMAGE
#define IMAGE(i) \
	VPMOVZXBD (64*i)(SI), Y2;    \
	VPMOVZXBD (64*i+8)(SI), Y3;  \
	VCVTDQ2PD Y2, Z2;            \
	VCVTDQ2PD Y3, Z3;            \
	VSUBPD    Z0, Z2, Z2;        \
	VSUBPD    Z1, Z3, Z3;        \
	VMOVUPD   Z2, (128*i)(DI);   \
	VMOVUPD   Z3, (128*i+64)(DI)

// func avx512PackPixelLanesF64(dst []float64, src []uint8, mean []float64, images int)
TEXT ·avx512PackPixelLanesF64(SB), NOSPLIT, $0-80
	MOVQ dst_base+0(FP), DI
	MOVQ src_base+24(FP), SI
	MOVQ mean_base+48(FP), DX
	MOVQ images+72(FP), CX
	IMAGELOOP

#undef IMAGE
#undef IMAGELOOP

// ---- CopyTiles --------------------------------------------------------------
//
// Requires: AVX512F
//
// dst(t, i) = bytes 64t…64t+63 of images[i]. The 8 images of a tile lie end to end, and the tiles
// are a stride apart. Meanwhile the same bytes of the images next are prefetched. Each tile lies in
// a separate page and the store TLB has few entries, so a pass stores 8 images into each page.
//
//	DI  dst at tile AX   AX  byte of the images, below CX   BX  stride
//	SI  the list next    DX, R8…R13, R15  images            R14 an image of next

#define LINE(i, image) \
	MOVQ       (8*i)(SI), R14;   \
	PREFETCHT0 (R14)(AX*1);      \
	VMOVDQU64  (image)(AX*1), Z0; \
	VMOVDQU64  Z0, (64*i)(DI)

// func avx512CopyTiles(dst []uint8, images, next []*uint8, tiles, stride int)
TEXT ·avx512CopyTiles(SB), NOSPLIT, $0-88
	MOVQ dst_base+0(FP), DI
	MOVQ images_base+24(FP), SI
	MOVQ tiles+72(FP), CX
	MOVQ stride+80(FP), BX
	MOVQ (SI), DX
	MOVQ 8(SI), R8
	MOVQ 16(SI), R9
	MOVQ 24(SI), R10
	MOVQ 32(SI), R11
	MOVQ 40(SI), R12
	MOVQ 48(SI), R13
	MOVQ 56(SI), R15
	MOVQ next_base+48(FP), SI
	SHLQ $6, CX
	XORL AX, AX

next:
	LINE(0, DX)
	LINE(1, R8)
	LINE(2, R9)
	LINE(3, R10)
	LINE(4, R11)
	LINE(5, R12)
	LINE(6, R13)
	LINE(7, R15)
	ADDQ $64, AX
	ADDQ BX, DI
	CMPQ AX, CX
	JLT  next
	VZEROUPPER
	RET

#undef LINE
