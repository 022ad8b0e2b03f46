// Package blocked is the driver around a micro-kernel. A [Micro] is all that a CPU contributes: it
// computes a narrow strip of C, and rearranges memory. [Gemm] makes a product of any shape from
// it, and [Layouts] the first layers of nets.
//
// The driver decides which side of C lies along the vectors, cuts the product into blocks that
// fit the caches, and packs what the micro-kernel should not read in place. None of this changes a bit of
// the result. An element is one chain of multiply-adds in ascending k. Where a block ends inside a
// chain, its partial sum is stored, and the next block continues from it.
//
// Block sizes have the names that the literature gives them: a micro-kernel keeps MR × NR sums in
// registers, and a block is MC rows and NC columns of C with KC terms of each sum. C = S·V here: S
// is the scalar side, whose elements are broadcast, and V the vector side. As C can be transposed, S may be
// A or Bᵀ.
package blocked
