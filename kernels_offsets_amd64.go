//go:build !purego

package fusegrid

//lint:file-ignore U1000 the assembly reads these constants, through go_asm.h

import (
	"unsafe"

	"fusegrid/kernels"
)

// Offsets for the assembly: the same for both types, since no element stands
// before another field.
const (
	stripDst        = unsafe.Offsetof(kernels.Strip[float32]{}.Dst)
	stripStep       = unsafe.Offsetof(kernels.Strip[float32]{}.Step)
	stripBetaKind   = unsafe.Offsetof(kernels.Strip[float32]{}.BetaKind)
	stripBeta       = unsafe.Offsetof(kernels.Strip[float32]{}.Beta)
	stripBetaStep   = unsafe.Offsetof(kernels.Strip[float32]{}.BetaStep)
	stripRows       = unsafe.Offsetof(kernels.Strip[float32]{}.Rows)
	stripCols       = unsafe.Offsetof(kernels.Strip[float32]{}.Cols)
	stripK          = unsafe.Offsetof(kernels.Strip[float32]{}.K)
	stripVec        = unsafe.Offsetof(kernels.Strip[float32]{}.Vec)
	stripVecStep    = unsafe.Offsetof(kernels.Strip[float32]{}.VecStep)
	stripAhead      = unsafe.Offsetof(kernels.Strip[float32]{}.Ahead)
	stripScalar     = unsafe.Offsetof(kernels.Strip[float32]{}.Scalar)
	stripScalarRow  = unsafe.Offsetof(kernels.Strip[float32]{}.ScalarRow)
	stripScalarStep = unsafe.Offsetof(kernels.Strip[float32]{}.ScalarStep)
	stripGroupRows  = unsafe.Offsetof(kernels.Strip[float32]{}.GroupRows)
	stripGroupStep  = unsafe.Offsetof(kernels.Strip[float32]{}.GroupStep)
	stripEvenGroups = unsafe.Offsetof(kernels.Strip[float32]{}.EvenGroups)
	stripTileSteps  = unsafe.Offsetof(kernels.Strip[float32]{}.TileSteps)
	stripTileSkip   = unsafe.Offsetof(kernels.Strip[float32]{}.TileSkip)
	stripSquares    = unsafe.Offsetof(kernels.Strip[float32]{}.Squares)
	stripUnit       = unsafe.Offsetof(kernels.Strip[float32]{}.Unit)
	stripWholeBeta  = unsafe.Offsetof(kernels.Strip[float32]{}.WholeBeta)
	stripResume     = unsafe.Offsetof(kernels.Strip[float32]{}.Resume)
	stripUnfinished = unsafe.Offsetof(kernels.Strip[float32]{}.Unfinished)
	stripPartial    = unsafe.Offsetof(kernels.Strip[float32]{}.Partial)
	stripAlpha      = unsafe.Offsetof(kernels.Strip[float32]{}.Alpha)

	moveDst      = unsafe.Offsetof(kernels.Move[float32]{}.Dst)
	moveStep     = unsafe.Offsetof(kernels.Move[float32]{}.Step)
	moveBetaKind = unsafe.Offsetof(kernels.Move[float32]{}.BetaKind)
	moveBeta     = unsafe.Offsetof(kernels.Move[float32]{}.Beta)
	moveBetaStep = unsafe.Offsetof(kernels.Move[float32]{}.BetaStep)
	moveRows     = unsafe.Offsetof(kernels.Move[float32]{}.Rows)
	moveCols     = unsafe.Offsetof(kernels.Move[float32]{}.Cols)
	moveSrc      = unsafe.Offsetof(kernels.Move[float32]{}.Src)
	moveSrcStep  = unsafe.Offsetof(kernels.Move[float32]{}.SrcStep)

	betaNone = int(kernels.BetaNone)
	betaRows = int(kernels.BetaRows)
	betaCols = int(kernels.BetaCols)
)

// An index out of range here means that the types' layouts differ.
var _ = [1]struct{}{}[stripAlpha-unsafe.Offsetof(kernels.Strip[float64]{}.Alpha)]
