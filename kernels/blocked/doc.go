// Package blocked is the driver around a micro-kernel. A [Micro] holds the functions that are
// written for one kind of CPU. They compute tiles of C and rearrange memory. [Gemm] builds
// products of any shape from them, and [Layouts] builds the first layers of nets.
//
// The driver decides which side of C lies along the vectors, and splits the product into blocks
// that fit the caches. It packs operands that the micro-kernel should not read in place. These
// decisions never change a bit of the result because the pieces of an element, see [kernels.Piece],
// are chains of multiply-adds in ascending k. If a block ends inside a piece, its partial sum is
// stored, and the next block continues from it. If it ends between two pieces, the sum of the pieces
// so far is stored, and the next piece is added to it.
//
// Block sizes have their usual names. A micro-kernel keeps MR × NR sums in registers. A block is MC
// rows and NC columns of C with KC terms of each sum. In this package the product is C = S·V, where
// S is the scalar side, whose elements are broadcast, and V is the vector side. Because the driver
// may compute Cᵀ, S is either A or Bᵀ.
package blocked
