//go:build !purego

package simd

// Stubs of images_amd64.s. The conversions are in assembly because the compiler converts one
// pixel at a time, and every training step first converts 600,000 pixels.

//go:noescape
func packImagesF32(dst []float32, images []*uint8, mean []float32, k int)

//go:noescape
func packImagesF64(dst []float64, images []*uint8, mean []float64, k int)

//go:noescape
func avx512PackImagesF32(dst []float32, images []*uint8, mean []float32, k int)

//go:noescape
func avx512PackImagesF64(dst []float64, images []*uint8, mean []float64, k int)

//go:noescape
func avx512PackImageLanesF32(dst []float32, src []uint8, mean []float32, tiles, stride int)

//go:noescape
func avx512PackImageLanesF64(dst []float64, src []uint8, mean []float64, tiles, stride int)

//go:noescape
func avx512PackPixelLanesF32(dst []float32, src []uint8, mean []float32, images int)

//go:noescape
func avx512PackPixelLanesF64(dst []float64, src []uint8, mean []float64, images int)

//go:noescape
func avx512CopyTiles(dst []uint8, images, next []*uint8, tiles, stride int)
