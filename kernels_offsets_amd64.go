//go:build !purego

package fusegrid

//lint:file-ignore U1000 the assembly reads these constants, through go_asm.h

import (
	"unsafe"

	"fusegrid/kernels/blocked"
)

// Offsets for the assembly: the same for both types, since no element stands
// before another field.
const (
	stripDst           = unsafe.Offsetof(blocked.Strip[float32]{}.Dst)
	stripStride        = unsafe.Offsetof(blocked.Strip[float32]{}.Stride)
	stripBetaKind      = unsafe.Offsetof(blocked.Strip[float32]{}.BetaKind)
	stripBeta          = unsafe.Offsetof(blocked.Strip[float32]{}.Beta)
	stripBetaStride    = unsafe.Offsetof(blocked.Strip[float32]{}.BetaStride)
	stripRows          = unsafe.Offsetof(blocked.Strip[float32]{}.Rows)
	stripCols          = unsafe.Offsetof(blocked.Strip[float32]{}.Cols)
	stripK             = unsafe.Offsetof(blocked.Strip[float32]{}.K)
	stripVec           = unsafe.Offsetof(blocked.Strip[float32]{}.Vec)
	stripVecStride     = unsafe.Offsetof(blocked.Strip[float32]{}.VecStride)
	stripPrefetch      = unsafe.Offsetof(blocked.Strip[float32]{}.Prefetch)
	stripScalar        = unsafe.Offsetof(blocked.Strip[float32]{}.Scalar)
	stripScalarStride  = unsafe.Offsetof(blocked.Strip[float32]{}.ScalarStride)
	stripScalarKStride = unsafe.Offsetof(blocked.Strip[float32]{}.ScalarKStride)
	stripPanelRows     = unsafe.Offsetof(blocked.Strip[float32]{}.PanelRows)
	stripPanelStride   = unsafe.Offsetof(blocked.Strip[float32]{}.PanelStride)
	stripEvenPanels    = unsafe.Offsetof(blocked.Strip[float32]{}.EvenPanels)
	stripTileK         = unsafe.Offsetof(blocked.Strip[float32]{}.TileK)
	stripTileSkip      = unsafe.Offsetof(blocked.Strip[float32]{}.TileSkip)
	stripSquares       = unsafe.Offsetof(blocked.Strip[float32]{}.Squares)
	stripUnitAlpha     = unsafe.Offsetof(blocked.Strip[float32]{}.UnitAlpha)
	stripWholeBeta     = unsafe.Offsetof(blocked.Strip[float32]{}.WholeBeta)
	stripResume        = unsafe.Offsetof(blocked.Strip[float32]{}.Resume)
	stripUnfinished    = unsafe.Offsetof(blocked.Strip[float32]{}.Unfinished)
	stripPartial       = unsafe.Offsetof(blocked.Strip[float32]{}.Partial)
	stripAlpha         = unsafe.Offsetof(blocked.Strip[float32]{}.Alpha)

	moveDst        = unsafe.Offsetof(blocked.Move[float32]{}.Dst)
	moveStride     = unsafe.Offsetof(blocked.Move[float32]{}.Stride)
	moveBetaKind   = unsafe.Offsetof(blocked.Move[float32]{}.BetaKind)
	moveBeta       = unsafe.Offsetof(blocked.Move[float32]{}.Beta)
	moveBetaStride = unsafe.Offsetof(blocked.Move[float32]{}.BetaStride)
	moveRows       = unsafe.Offsetof(blocked.Move[float32]{}.Rows)
	moveCols       = unsafe.Offsetof(blocked.Move[float32]{}.Cols)
	moveSrc        = unsafe.Offsetof(blocked.Move[float32]{}.Src)
	moveSrcStride  = unsafe.Offsetof(blocked.Move[float32]{}.SrcStride)

	betaNone = int(blocked.BetaNone)
	betaRows = int(blocked.BetaRows)
	betaCols = int(blocked.BetaCols)
)

// An index out of range here means that the types' layouts differ.
var _ = [1]struct{}{}[stripAlpha-unsafe.Offsetof(blocked.Strip[float64]{}.Alpha)]
