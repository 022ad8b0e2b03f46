//go:build !purego

package simd

// Stubs of elementwise_<isa>_<type>_amd64.s, in the order of the kernels. The comments in
// elementwise_amd64.h define the results and the registers of each kernel.

//go:noescape
func reluAVX2F32(dst, x *float32, n int)

//go:noescape
func reluAVX2F64(dst, x *float64, n int)

//go:noescape
func reluAVX512F32(dst, x *float32, n int)

//go:noescape
func reluAVX512F64(dst, x *float64, n int)

//go:noescape
func reluGradAVX2F32(dx, dy, x *float32, rows, cols, dxStride, dyStride, xStride int)

//go:noescape
func reluGradAVX2F64(dx, dy, x *float64, rows, cols, dxStride, dyStride, xStride int)

//go:noescape
func reluGradAVX512F32(dx, dy, x *float32, rows, cols, dxStride, dyStride, xStride int)

//go:noescape
func reluGradAVX512F64(dx, dy, x *float64, rows, cols, dxStride, dyStride, xStride int)

//go:noescape
func addBiasAVX2F32(dst, x, bias *float32, rows, cols, dstStride, xStride int)

//go:noescape
func addBiasAVX2F64(dst, x, bias *float64, rows, cols, dstStride, xStride int)

//go:noescape
func addBiasAVX512F32(dst, x, bias *float32, rows, cols, dstStride, xStride int)

//go:noescape
func addBiasAVX512F64(dst, x, bias *float64, rows, cols, dstStride, xStride int)

//go:noescape
func biasReLUAVX2F32(dst, x, bias *float32, rows, cols, dstStride, xStride int)

//go:noescape
func biasReLUAVX2F64(dst, x, bias *float64, rows, cols, dstStride, xStride int)

//go:noescape
func biasReLUAVX512F32(dst, x, bias *float32, rows, cols, dstStride, xStride int)

//go:noescape
func biasReLUAVX512F64(dst, x, bias *float64, rows, cols, dstStride, xStride int)

//go:noescape
func softmaxRowsAVX2F32(dx, x *float32, rows, cols, dxStride, xStride int, y *int, n float32, sum, shifted *float32)

//go:noescape
func softmaxRowsAVX2F64(dx, x *float64, rows, cols, dxStride, xStride int, y *int, n float64, sum, shifted *float64)

//go:noescape
func softmaxRowsAVX512F32(dx, x *float32, rows, cols, dxStride, xStride int, y *int, n float32, sum, shifted *float32)

//go:noescape
func softmaxRowsAVX512F64(dx, x *float64, rows, cols, dxStride, xStride int, y *int, n float64, sum, shifted *float64)

//go:noescape
func expAVX2F32(dst, x *float32, n int)

//go:noescape
func expAVX2F64(dst, x *float64, n int)

//go:noescape
func expAVX512F32(dst, x *float32, n int)

//go:noescape
func expAVX512F64(dst, x *float64, n int)

//go:noescape
func scaleAVX2F32(alpha float32, x, y *float32, n int)

//go:noescape
func scaleAVX2F64(alpha float64, x, y *float64, n int)

//go:noescape
func scaleAVX512F32(alpha float32, x, y *float32, n int)

//go:noescape
func scaleAVX512F64(alpha float64, x, y *float64, n int)

//go:noescape
func axpbyAVX2F32(alpha float32, x *float32, beta float32, y *float32, n int)

//go:noescape
func axpbyAVX2F64(alpha float64, x *float64, beta float64, y *float64, n int)

//go:noescape
func axpbyAVX512F32(alpha float32, x *float32, beta float32, y *float32, n int)

//go:noescape
func axpbyAVX512F64(alpha float64, x *float64, beta float64, y *float64, n int)

//go:noescape
func sumSquaresAVX2F32(x *float32, n int) float32

//go:noescape
func sumSquaresAVX2F64(x *float64, n int) float64

//go:noescape
func sumSquaresAVX512F32(x *float32, n int) float32

//go:noescape
func sumSquaresAVX512F64(x *float64, n int) float64

//go:noescape
func addSquaresAVX2F32(dst, x *float32, n, turns int)

//go:noescape
func addSquaresAVX2F64(dst, x *float64, n, turns int)

//go:noescape
func addSquaresAVX512F32(dst, x *float32, n, turns int)

//go:noescape
func addSquaresAVX512F64(dst, x *float64, n, turns int)

//go:noescape
func colSumsAVX2F32(dst, x *float32, rows, cols, stride int)

//go:noescape
func colSumsAVX2F64(dst, x *float64, rows, cols, stride int)

//go:noescape
func colSumsAVX512F32(dst, x *float32, rows, cols, stride int)

//go:noescape
func colSumsAVX512F64(dst, x *float64, rows, cols, stride int)

//go:noescape
func subMeanAVX2F32(dst *float32, src *uint8, mean *float32, n int)

//go:noescape
func subMeanAVX2F64(dst *float64, src *uint8, mean *float64, n int)

//go:noescape
func subMeanAVX512F32(dst *float32, src *uint8, mean *float32, n int)

//go:noescape
func subMeanAVX512F64(dst *float64, src *uint8, mean *float64, n int)
