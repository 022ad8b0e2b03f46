package main

import "fmt"

// The conversions of 8-bit images store float(pixel) − mean in the order in which a micro-kernel reads the
// values. The comments in blocked.Micro define the results.

// images writes the conversions.
func images(a *asm) {
	a.target = avx2F32
	packImagesF32(a)
	a.target = avx2F64
	packImagesF64(a)
	for _, kernel := range []func(a *asm){packImages14, packImageLanes, packPixelLanes} {
		for _, a.target = range []target{avx512F32, avx512F64} {
			kernel(a)
		}
	}
	copyTiles(a)

	a.buf.WriteString("\n// VPSHUFB takes byte b of four pixels of four elements to four integers, with the 16 bytes at 16·b.\n")
	a.data("pixelBytes<>", 0, 0x8080800480808000, 0x8080800c80808008, 0x8080800580808001, 0x8080800d80808009,
		0x8080800680808002, 0x8080800e8080800a, 0x8080800780808003, 0x8080800f8080800b)
	a.global("pixelBytes<>", 64)
	a.buf.WriteString("\n// The numbers 0 … 15.\n")
	a.data("places<>", 0, 0x0706050403020100, 0x0f0e0d0c0b0a0908)
	a.global("places<>", 16)
}

// Registers of the conversions.
const (
	pixel  = "AX"
	pixels = "CX"
	list   = "SI" // of images
	mean   = "DX"
)

// unpack interleaves the elements of v and w, of 4 (PS) or 8 (PD) bytes: to gets those of the lower halves of
// each 16 bytes, to+1 those of the upper halves.
func (a *asm) unpack(op string, reg func(vec) string, v, w, to vec) {
	a.op("VUNPCKL"+op, reg(w), reg(v), reg(to))
	a.op("VUNPCKH"+op, reg(w), reg(v), reg(to+1))
}

// unpackBy4 transposes n registers from in on to out, by fours and within each 16 bytes, in units of 4 bytes.
func (a *asm) unpackBy4(reg func(vec) string, n, in, mid, out vec) {
	for v := vec(0); v < n; v += 2 {
		a.unpack("PS", reg, in+v, in+v+1, mid+v)
	}
	for v := vec(0); v < n; v += 4 {
		a.unpack("PD", reg, mid+v, mid+v+2, out+v)
		a.unpack("PD", reg, mid+v+1, mid+v+3, out+v+2)
	}
}

var imageRegisters = []string{"R8", "R9", "R10", "R11"}

const packImagesDoc = `
	dst(p, i) = float(images[i][p]) − mean(p), p < k

This is a transposition. Each step converts four pixels of `

// packImagesStart loads the parameters of packImages.
func packImagesStart(a *asm) {
	a.args("dst_base", dst, "images_base", list, "images_len", "R14", "mean_base", mean, "k", pixels)
	a.op("MOVQ", "R14", "BX")
	a.op("SHLQ", a.log(), "BX")
	a.op("LEAQ", mem("BX", 0, "BX", 2), "R12")
}

func packImagesF32(a *asm) {
	const m = vec(8)
	a.text("packImagesF32", "dst []T, images []*uint8, mean []T, k int", "", 0, "AVX2", packImagesDoc+`four or two images.

	DI  dst at the first image of the step           BX, R12  bytes of a row of dst, of three
	R13 dst at the first image, pixel AX             DX  mean     AX  pixel    CX  k
	SI  images not yet begun                         R14 how many they are
	R8 … R11  images of the step                     X0 … X3  their pixels     X8  mean`)
	packImagesStart(a)
	loadImages := func(n int) {
		for i := range n {
			a.op("MOVQ", mem(list, 8*i), imageRegisters[i])
		}
	}
	convert := func(n int) {
		a.op("VMOVUPS", mem(mean, 0, pixel, 4), m.x())
		for i := range n {
			x := vec(i).x()
			a.op("VPMOVZXBD", mem(imageRegisters[i], 0, pixel, 1), x)
			a.op("VCVTDQ2PS", x, x)
			a.op("VSUBPS", m.x(), x, x)
		}
	}
	next := func(loop, row string) {
		a.op("LEAQ", mem(row, 0, "BX", 4), row)
		a.op("ADDQ", 4, pixel)
		a.op("CMPQ", pixel, pixels)
		a.op("JLT", loop)
	}
	a.label("four", "Four images at a time.")
	a.op("CMPQ", "R14", 4)
	a.op("JLT", "two")
	loadImages(4)
	a.op("MOVQ", dst, "R13")
	a.op("XORL", pixel, pixel)
	a.label("fourPixels")
	convert(4)
	a.unpackBy4(vec.x, 4, 0, 4, 0)
	for i, at := range []string{"(R13)", "(R13)(BX*1)", "(R13)(BX*2)", "(R13)(R12*1)"} {
		a.op("VMOVUPS", vec(i).x(), at)
	}
	next("fourPixels", "R13")
	a.op("ADDQ", 16, dst)
	a.op("ADDQ", 32, list)
	a.op("SUBQ", 4, "R14")
	a.op("JMP", "four")

	a.label("two", "The last two images.")
	a.op("TESTQ", "R14", "R14")
	a.op("JZ", "done")
	loadImages(2)
	a.op("XORL", pixel, pixel)
	a.label("twoPixels")
	convert(2)
	a.op("VUNPCKLPS", "X1", "X0", "X4")
	a.op("VUNPCKHPS", "X1", "X0", "X5")
	a.op("VMOVLPS", "X4", "(DI)")
	a.op("VMOVHPS", "X4", "(DI)(BX*1)")
	a.op("VMOVLPS", "X5", "(DI)(BX*2)")
	a.op("VMOVHPS", "X5", "(DI)(R12*1)")
	next("twoPixels", dst)
	a.label("done")
	a.op("RET")
	a.flush()
}

func packImagesF64(a *asm) {
	a.text("packImagesF64", "dst []T, images []*uint8, mean []T, k int", "", 0, "AVX2", packImagesDoc+`two images.

	DI  dst at the first image of the step           BX, R12  bytes of a row of dst, of three
	R13 dst at the first image, pixel AX             DX  mean     AX  pixel    CX  k
	SI  images not yet begun                         R14 how many they are
	R8, R9  images of the step                       Y0, Y1  their pixels      Y8  mean`)
	packImagesStart(a)
	a.label("two", "Two images at a time.")
	a.op("TESTQ", "R14", "R14")
	a.op("JZ", "done")
	a.op("MOVQ", "(SI)", "R8")
	a.op("MOVQ", "8(SI)", "R9")
	a.op("MOVQ", dst, "R13")
	a.op("XORL", pixel, pixel)
	a.label("pixels")
	a.op("VMOVUPD", mem(mean, 0, pixel, 8), "Y8")
	for i := range vec(2) {
		a.op("VPMOVZXBD", mem(imageRegisters[i], 0, pixel, 1), i.x())
		a.op("VCVTDQ2PD", i.x(), i)
		a.op("VSUBPD", "Y8", i, i)
	}
	a.op("VUNPCKLPD", "Y1", "Y0", "Y2")
	a.op("VUNPCKHPD", "Y1", "Y0", "Y3")
	a.op("VMOVUPD", "X2", "(R13)")
	a.op("VMOVUPD", "X3", "(R13)(BX*1)")
	a.op("VEXTRACTF128", 1, "Y2", "(R13)(BX*2)")
	a.op("VEXTRACTF128", 1, "Y3", "(R13)(R12*1)")
	a.op("LEAQ", "(R13)(BX*4)", "R13")
	a.op("ADDQ", 4, pixel)
	a.op("CMPQ", pixel, pixels)
	a.op("JLT", "pixels")
	a.op("ADDQ", 16, dst)
	a.op("ADDQ", 16, list)
	a.op("SUBQ", 2, "R14")
	a.op("JMP", "two")
	a.label("done")
	a.ret()
}

// transposeImages loads 16 pixels of 14 or 16 images, those of every fourth into one of Z0 … Z3, and
// transposes them. Then Z8 holds pixels 0 … 3 of each image, Z9 pixels 4 … 7, Z10 pixels 8 … 11 and Z11 pixels
// 12 … 15. load makes the operand at valid for an image.
func (a *asm) transposeImages(images int, at func(image int) string, load func(image int)) {
	for first := range 4 {
		v := vec(first)
		for image := first; image < 12; image += 4 {
			load(image)
		}
		a.op("VMOVDQU", at(first), v.x())
		for image := first + 4; image < images; image += 4 {
			if image >= 12 {
				load(image)
			}
			a.op("VINSERTI32X4", image/4, at(image), v, v)
		}
	}
	a.comment("Transpose units of four pixels.")
	a.unpackBy4(vec.z, 4, 0, 4, 8)
}

// subtractMean subtracts the mean of pixel p from the integers in v. float64 has 16 of them in Z12 and Z13
// afterwards.
func (a *asm) subtractMean(p int, v vec) {
	if !a.f64 {
		a.op("VCVTDQ2PS", v, v)
		a.op("VSUBPS.BCST", mem(mean, 4*p), v, v)
		return
	}
	const low, high = vec(12), vec(13)
	a.op("VEXTRACTI32X8", 1, low, high.y())
	a.op("VCVTDQ2PD", low.y(), low)
	a.op("VCVTDQ2PD", high.y(), high)
	a.op("VSUBPD.BCST", mem(mean, 8*p), low, low)
	a.op("VSUBPD.BCST", mem(mean, 8*p), high, high)
}

func packImages14(a *asm) {
	const (
		bytes = vec(24) // Z24 … Z27: which bytes of four are pixel 0 … 3
		group = vec(8)  // Z8 … Z11: four pixels of each image
		value = vec(12) // float32: of even pixels; value+1 of odd ones
		step  = vec(16) // Z16 … Z22: the places of a line's elements in two rows
	)
	doc := `
	dst(p, i) = float(images[i][p]) − mean(p), p < k, i < 14

16 pixels at a time. Registers that hold four images each are transposed in units of four pixels, then each
byte becomes an element. `
	registers := `

	DI  dst at pixel AX      SI  the list of images      DX  mean at pixel AX
	AX  pixel                CX  k                       R8 … R11  images
	Z0 … Z3  16 pixels of every fourth image             Z8 … Z11  four pixels of each image
	Z24 … Z27  places of bytes 0 … 3 of four             Z12, Z13  `
	if a.f64 {
		doc += `A store writes more than 14 elements, and the next row overwrites the excess.` + registers + `the images at one pixel`
	} else {
		doc += `Rows are joined into whole cache lines: eight rows of 14 elements fill
seven lines. Line j holds elements 2j … of row j, then the first elements of row j+1. Z16+j holds the places
of these elements in the two rows.` + registers + `two rows`
	}
	a.text("avx512PackImages"+a.suffix(), "dst []T, images []*uint8, mean []T, k int", "", 0, "AVX512F, AVX512BW, AVX512DQ", doc)
	a.args("dst_base", dst, "images_base", list, "mean_base", mean, "k", pixels)
	a.op("XORL", pixel, pixel)
	for b := range 4 {
		a.op("VBROADCASTI32X4", fmt.Sprintf("pixelBytes<>+%d(SB)", 16*b), bytes+vec(b))
	}
	if !a.f64 {
		a.comment("Lane l of line j is element l+2j of row j, or, from 14 on, of row j+1, whose places start at 16.")
		a.op("VPMOVZXBD", "places<>(SB)", vec(15))
		a.op("MOVL", 2, "R8")
		a.op("VPBROADCASTD", "R8", vec(28))
		a.op("VPXORQ", vec(14), vec(14), vec(14))
		for j := range 7 {
			a.op("MOVL", fmt.Sprintf("$%#x", 0xffff<<(14-2*j)), "R8")
			a.op("KMOVW", "R8", "K1")
			a.op("VPADDD", vec(14), vec(15), step+vec(j))
			a.op("VPADDD", vec(14), vec(28), vec(14))
			a.op("VPADDD", vec(28), step+vec(j), "K1", step+vec(j))
		}
	}

	a.label("pixels", "16 pixels of 14 images.")
	a.transposeImages(14, func(image int) string { return mem(imageRegisters[image/4], 0, pixel, 1) },
		func(image int) { a.op("MOVQ", mem(list, 8*image), imageRegisters[image/4]) })
	row := func(p int, v vec) { // row p of dst, in v
		a.op("VPSHUFB", bytes+vec(p%4), group+vec(p/4), v)
		a.subtractMean(p, v)
	}
	for p := range 16 {
		if p%4 == 0 {
			a.comment(fmt.Sprintf("Pixels %d … %d, in the bytes of Z%d.", p, p+3, int(group)+p/4))
		}
		if a.f64 {
			row(p, value)
			a.op("VMOVUPD", value, mem(dst, 8*14*p))
			a.op("VMOVUPD", value+1, mem(dst, 8*14*p+64))
			continue
		}
		v := value + vec(p%2)
		row(p, v)
		if j := p%8 - 1; j >= 0 { // the line of the row before
			before := value + vec((p-1)%2)
			a.op("VPERMT2PS", v, step+vec(j), before)
			a.op("VMOVUPS", before, mem(dst, 64*(p/8*7+j)))
		}
	}
	a.op("ADDQ", a.size()*14*16, dst)
	a.op("ADDQ", a.size()*16, mean)
	a.op("ADDQ", 16, pixel)
	a.op("CMPQ", pixel, pixels)
	a.op("JLT", "pixels")
	a.ret()
}

func packImageLanes(a *asm) {
	const (
		images = "SI"
		left   = "AX"
		tiles  = "CX"
		skip   = "BX"

		group = vec(8)
		value = vec(12)
		byte0 = vec(24)
	)
	a.text("avx512PackImageLanes"+a.suffix(), "dst []T, src []uint8, mean []T, tiles, stride int", "", 0,
		"AVX512F, AVX512BW, AVX512DQ", `
	dst(p, i) = float(byte p of image i) − mean(p), i < 16

The tiles of 64 bytes of the images lie end to end. The method is that of PackImages of 14 images, but with
whole vectors. The rows of dst are 128 bytes apart. Half of the bytes are extracted without a shuffle,
because some CPUs have only one port for shuffles.

	DI  dst at pixel p     SI  the bytes at pixel p      DX  mean at pixel p
	AX  groups of 16 pixels left of the tile             CX  tiles left
	BX  stride of the tiles minus 64, in bytes
	Z0 … Z3  16 pixels of every fourth image             Z8 … Z11  four pixels of each image
	Z24 … Z26  masks or places of bytes 0 … 2 of four    Z12, Z13  the images at one pixel`)
	a.args("dst_base", dst, "src_base", images, "mean_base", mean, "tiles", tiles, "stride", skip)
	a.op("SUBQ", 64, skip)
	a.op("VPTERNLOGD", "$0xff", byte0, byte0, byte0)
	a.op("VPSRLD", 24, byte0, byte0)
	a.op("VBROADCASTI32X4", "pixelBytes<>+16(SB)", byte0+1)
	a.op("VBROADCASTI32X4", "pixelBytes<>+32(SB)", byte0+2)
	a.label("tile")
	a.op("MOVQ", 4, left)
	a.label("pixels", "16 pixels of 16 images.")
	a.transposeImages(16, func(image int) string { return mem(images, 64*image) }, func(int) {})
	for p := range 16 {
		if p%4 == 0 {
			a.comment(fmt.Sprintf("Pixels %d … %d, in the bytes of Z%d.", p, p+3, int(group)+p/4))
		}
		switch v := group + vec(p/4); p % 4 {
		case 0:
			a.op("VPANDD", byte0, v, value)
		case 3:
			a.op("VPSRLD", 24, v, value)
		default:
			a.op("VPSHUFB", byte0+vec(p%4), v, value)
		}
		a.subtractMean(p, value)
		a.op("VMOVUP?", value, mem(dst, 128*p))
		if a.f64 {
			a.op("VMOVUPD", value+1, mem(dst, 128*p+64))
		}
	}
	a.op("ADDQ", 16, images)
	a.op("ADDQ", 16*a.size(), mean)
	a.op("ADDQ", 16*128, dst)
	a.op("DECQ", left)
	a.op("JNZ", "pixels")
	a.op("ADDQ", skip, images)
	a.op("DECQ", tiles)
	a.op("JNZ", "tile")
	a.ret()
}

func packPixelLanes(a *asm) {
	const (
		bytes = "SI"
		left  = "CX"
	)
	a.text("avx512PackPixelLanes"+a.suffix(), "dst []T, src []uint8, mean []T, images int", "", 0, "AVX512F", `
	dst(i, p) = float(byte p of image i) − mean(p) for two vectors of pixels

	DI  row of dst   SI  bytes of the image   CX  images left   Z0, Z1  mean   Z2, Z3  pixels`)
	a.args("dst_base", dst, "src_base", bytes, "mean_base", mean, "images", left)
	a.op("VMOVUPS", mem(mean, 0), vec(0))
	a.op("VMOVUPS", mem(mean, 64), vec(1))
	image := func(i int) {
		integers := pick(a.f64, vec.z, vec.y) // as wide as the floats that they become
		for half := range 2 {
			a.op("VPMOVZXBD", mem(bytes, 64*i+half*a.lanes()), integers(vec(2+half)))
		}
		for half := range 2 {
			a.op("VCVTDQ2P?", integers(vec(2+half)), vec(2+half))
		}
		for half := range 2 {
			a.op("VSUBP?", vec(half), vec(2+half), vec(2+half))
		}
		for half := range 2 {
			a.op("VMOVUP?", vec(2+half), mem(dst, 128*i+64*half))
		}
	}
	a.op("SUBQ", 4, left)
	a.op("JLT", "few")
	a.label("four", "Four images at a time.")
	for i := range 4 {
		image(i)
	}
	a.op("ADDQ", 4*64, bytes)
	a.op("ADDQ", 4*128, dst)
	a.op("SUBQ", 4, left)
	a.op("JGE", "four")
	a.label("few", "The last images, one at a time.")
	a.op("ADDQ", 4, left)
	a.op("JZ", "done")
	a.label("one")
	image(0)
	a.op("ADDQ", 64, bytes)
	a.op("ADDQ", 128, dst)
	a.op("DECQ", left)
	a.op("JNZ", "one")
	a.label("done")
	a.ret()
}

func copyTiles(a *asm) {
	const stride = "BX"
	a.text("avx512CopyTiles", "dst []uint8, images, next []*uint8, tiles, stride int", "", 0, "AVX512F", `
	dst(t, i) = bytes 64t … 64t+63 of images[i]

The 8 images of a tile lie end to end, and the tiles are a stride apart. Meanwhile the same bytes of the
images next are prefetched. Each tile lies in a separate page and the store TLB has few entries, so a pass
stores 8 images into each page.

	DI  dst at tile AX/64   AX  byte of the images   CX  bytes of an image    BX  stride
	DX, R8 … R13, R15  images 0 … 7                 SI  the list next        R14 an image of it`)
	a.args("dst_base", dst, "images_base", list, "tiles", pixels, "stride", stride)
	registers := []string{"DX", "R8", "R9", "R10", "R11", "R12", "R13", "R15"}
	for i, r := range registers {
		a.op("MOVQ", mem(list, 8*i), r)
	}
	a.args("next_base", list)
	a.op("SHLQ", 6, pixels)
	a.op("XORL", pixel, pixel)
	a.label("tile")
	for i, r := range registers {
		a.op("MOVQ", mem(list, 8*i), "R14")
		a.op("PREFETCHT0", "(R14)(AX*1)")
		a.op("VMOVDQU64", mem(r, 0, pixel, 1), "Z0")
		a.op("VMOVDQU64", "Z0", mem(dst, 64*i))
	}
	a.op("ADDQ", 64, pixel)
	a.op("ADDQ", stride, dst)
	a.op("CMPQ", pixel, pixels)
	a.op("JLT", "tile")
	a.ret()
}
