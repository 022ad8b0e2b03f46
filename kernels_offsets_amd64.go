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
	tileDst           = unsafe.Offsetof(blocked.Tiles[float32]{}.Dst)
	tileStride        = unsafe.Offsetof(blocked.Tiles[float32]{}.Stride)
	tileBetaKind      = unsafe.Offsetof(blocked.Tiles[float32]{}.BetaKind)
	tileBeta          = unsafe.Offsetof(blocked.Tiles[float32]{}.Beta)
	tileBetaStride    = unsafe.Offsetof(blocked.Tiles[float32]{}.BetaStride)
	tileCount         = unsafe.Offsetof(blocked.Tiles[float32]{}.Count)
	tileRows          = unsafe.Offsetof(blocked.Tiles[float32]{}.Rows)
	tileCols          = unsafe.Offsetof(blocked.Tiles[float32]{}.Cols)
	tileK             = unsafe.Offsetof(blocked.Tiles[float32]{}.K)
	tileVec           = unsafe.Offsetof(blocked.Tiles[float32]{}.Vec)
	tileVecStride     = unsafe.Offsetof(blocked.Tiles[float32]{}.VecStride)
	tileScalar        = unsafe.Offsetof(blocked.Tiles[float32]{}.Scalar)
	tileScalarStride  = unsafe.Offsetof(blocked.Tiles[float32]{}.ScalarStride)
	tileScalarKStride = unsafe.Offsetof(blocked.Tiles[float32]{}.ScalarKStride)
	tileScalarTile    = unsafe.Offsetof(blocked.Tiles[float32]{}.ScalarTile)
	tilePanelStride   = unsafe.Offsetof(blocked.Tiles[float32]{}.PanelStride)
	tileRun           = unsafe.Offsetof(blocked.Tiles[float32]{}.Run)
	tileRunSkip       = unsafe.Offsetof(blocked.Tiles[float32]{}.RunSkip)
	tileOrder         = unsafe.Offsetof(blocked.Tiles[float32]{}.Order)
	tileStart         = unsafe.Offsetof(blocked.Tiles[float32]{}.Start)
	tileSquares       = unsafe.Offsetof(blocked.Tiles[float32]{}.Squares)
	tilePrefetch      = unsafe.Offsetof(blocked.Tiles[float32]{}.Prefetch)
	tileFetch         = unsafe.Offsetof(blocked.Tiles[float32]{}.Fetch)

	moveDst        = unsafe.Offsetof(blocked.Move[float32]{}.Dst)
	moveStride     = unsafe.Offsetof(blocked.Move[float32]{}.Stride)
	moveBetaKind   = unsafe.Offsetof(blocked.Move[float32]{}.BetaKind)
	moveBeta       = unsafe.Offsetof(blocked.Move[float32]{}.Beta)
	moveBetaStride = unsafe.Offsetof(blocked.Move[float32]{}.BetaStride)
	moveRows       = unsafe.Offsetof(blocked.Move[float32]{}.Rows)
	moveCols       = unsafe.Offsetof(blocked.Move[float32]{}.Cols)
	moveSrc        = unsafe.Offsetof(blocked.Move[float32]{}.Src)
	moveSrcStride  = unsafe.Offsetof(blocked.Move[float32]{}.SrcStride)

	moveAlpha = unsafe.Offsetof(blocked.Move[float32]{}.Alpha)

	betaNone = int(blocked.BetaNone)
	betaRows = int(blocked.BetaRows)
	betaCols = int(blocked.BetaCols)

	anyOrder   = int(blocked.AnyOrder)
	packed     = int(blocked.Packed)
	packedRuns = int(blocked.PackedRuns)
	rowRuns    = int(blocked.RowRuns)
)

// An index out of range here means that the types' layouts differ.
var _ = [1]struct{}{}[moveAlpha-unsafe.Offsetof(blocked.Move[float64]{}.Alpha)]
